//! Reconciliations: what each closed day of a bank came to against the books.

use std::sync::Arc;

use activities::reconcile;
use axum::{extract::State as Shared, http::StatusCode, response::Response};
use jiff::civil::Date;
use tracing::debug;

use super::{
    Answered, Api,
    caller::Operator,
    extract::Id,
    params::{Nothing, Params},
    problem::{Code, Problem},
    show::reply,
    view::{page::Page, reconciliation::Reconciliation},
};

/// Look at what a closed day came to
///
/// The newest reading of the banks' statements of that operating date, held against the books order by order and in the
/// sum. A day closes at 18:00 Mexico City and is read within half an hour; while something differs or is open it is read again
/// every hour. Empty: the day is not over, or was not read yet. Needs the scope `operate`.
#[utoipa::path(get, path = "/v1/reconciliations/{operating_date}", tag = "banks", operation_id = "getReconciliation",
    params(("operating_date" = String, Path, description = "The bank's day.", example = "2026-11-27", format = Date)),
    responses((status = 200, description = "One row for each bank, on one page.", body = Page<Reconciliation>)))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    Id(date): Id<Date>,
    _: Params<Nothing>,
) -> Answered<Response> {
    debug!(caller = caller.name(), %date, "looks at a closed day");
    if !api.ledger.rules().calendar.covers(date) {
        return Err(Problem::from(Code::NotFound));
    }
    let readings = reconcile::of_day(api.ledger.pool(), date).await?;
    let data = readings.into_iter().map(Reconciliation::from).collect();
    Ok(reply(StatusCode::OK, Page::whole(data)))
}
