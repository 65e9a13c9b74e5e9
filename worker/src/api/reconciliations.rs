//! Reconciliations: what each closed day of a bank came to against the books.

use std::sync::Arc;

use activities::reconcile;
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::civil::Date;
use tracing::{debug, info};
use utoipa::IntoParams;
use workflows::domain::FieldCode;

use super::{
    Answered, Api,
    caller::Operator,
    extract::{Id, JsonBody},
    idempotency::Key,
    params::{self, Nothing, Parameters, Params},
    plain,
    problem::{Code, Problem},
    show::reply,
    view::{
        page::Page,
        reconciliation::{Reconciliation, RunningDay},
        request::DayUnderstood,
    },
};

/// How the answer is written.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Written {
    /// `csv`: a line for each bank, then one for each thing that differs; `json` otherwise.
    #[param(value_type = Option<String>, pattern = "^(json|csv)$", example = "csv")]
    format: Option<bool>,
}

impl Parameters for Written {
    fn read(query: &mut params::Reader) -> Self {
        let is_csv = |text: &str| match text {
            "csv" => Some(true),
            "json" => Some(false),
            _ => None,
        };
        Self {
            format: query.one("format", "write json or csv", is_csv),
        }
    }
}

/// Look at what a closed day came to
///
/// The newest reading of the banks' statements of that operating date, held against the books order by order and in the
/// sum. A day closes at 18:00 Mexico City and is read soon after 18:10; while something differs or is open it is read again
/// every hour. Empty: the day is not over, or was not read yet. Needs the scope `operate`.
#[utoipa::path(get, path = "/v1/reconciliations/{operating_date}", tag = "banks", operation_id = "getReconciliation",
    params(("operating_date" = String, Path, description = "The bank's day.", example = "2026-11-27", format = Date), Written),
    responses((status = 200, content(
        (Page<Reconciliation> = "application/json"),
        (String = "text/csv"),
    ), description = "One row for each bank, on one page.")))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    Id(date): Id<Date>,
    Params(Written { format }): Params<Written>,
) -> Answered<Response> {
    debug!(caller = caller.name(), %date, "looks at a closed day");
    if !api.ledger.rules().calendar.covers(date) {
        return Err(Problem::from(Code::NotFound));
    }
    let readings = reconcile::of_day(api.ledger.pool(), date).await?;
    let data: Vec<Reconciliation> = readings.into_iter().map(Reconciliation::from).collect();
    if format == Some(true) {
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        return Ok((headers, csv(&data)).into_response());
    }
    Ok(reply(StatusCode::OK, Page::whole(data)))
}

/// Look at the running day
///
/// What the banks' running day comes to so far: its orders against the books, and the bank's balance against the settlement
/// account. It is read every five minutes. Needs the scope `operate`.
#[utoipa::path(get, path = "/v1/reconciliations/running", tag = "banks", operation_id = "getRunningDay",
    responses((status = 200, description = "One row for each bank, on one page.", body = Page<RunningDay>)))]
pub(super) async fn running(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
) -> Answered<Response> {
    debug!(caller = caller.name(), "looks at the running day");
    let read = reconcile::running(api.ledger.pool()).await?;
    let data = read.into_iter().map(RunningDay::from).collect();
    Ok(reply(StatusCode::OK, Page::whole(data)))
}

/// Say that what differs of a closed day is understood
///
/// Takes the day off the list of what people should look at, with who said so and why, for as long as it differs so and not
/// otherwise. Nothing is booked, and no order's absence is proven by it. 409 where nothing differs. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/reconciliations/{operating_date}/understood", tag = "banks", operation_id = "understandDay",
    params(("operating_date" = String, Path, description = "The bank's day.", example = "2026-11-27", format = Date)),
    request_body = DayUnderstood,
    responses((status = 200, description = "The day as it stands.", body = Page<Reconciliation>)))]
pub(super) async fn understood(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    _key: Key,
    Id(date): Id<Date>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let form = r#"{"bank": "stp", "read_at": "...", "reason": "..."}"#;
    let DayUnderstood { bank, read_at, reason } = plain::read(&body, form)?;
    let reason = plain::line("/reason", &reason)?;
    if api.ledger.bank(&bank).await?.is_none() {
        let fix = "name a bank that GET /v1/banks has";
        return Err(Problem::field("/bank", FieldCode::InvalidParameter, fix));
    }
    let pool = api.ledger.pool();
    if !reconcile::understand(pool, (&bank, date), read_at, caller.name(), &reason).await? {
        let detail = "That reading is not the newest of that day any more, or nothing differs by it. Nothing was done; look at the day again.";
        return Err(Problem::because(Code::NothingToDecide, detail));
    }
    info!(bank, %date, reason, by = caller.name(), "a day that differs is understood");
    let readings = reconcile::of_day(api.ledger.pool(), date).await?;
    let data = readings.into_iter().map(Reconciliation::from).collect();
    Ok(reply(StatusCode::OK, Page::whole(data)))
}

/// The same rows for a spreadsheet; amounts in centavos.
fn csv(days: &[Reconciliation]) -> String {
    let mut text =
        "line,bank,operating_date,read_at,orders,agreed,paid_by_bank,paid_by_books,received,received_by_bank,\
                    received_by_books,open,differences,subject,what\r\n"
            .to_owned();
    let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
    for day in days {
        let of = format!("{},{},{}", quoted(&day.bank), day.operating_date, day.read_at);
        text.push_str(&format!(
            "day,{of},{},{},{},{},{},{},{},{},{},,\r\n",
            day.orders,
            day.agreed,
            day.paid_by_bank,
            day.paid_by_books,
            day.received,
            day.received_by_bank,
            day.received_by_books,
            day.open,
            day.differences
        ));
        for difference in &day.named {
            let (subject, what) = (quoted(&difference.subject), quoted(&difference.what));
            text.push_str(&format!("difference,{of},,,,,,,,,,{subject},{what}\r\n"));
        }
    }
    text
}
