//! Payouts: ask for one, see what it would be, look at it, take it back, ask the bank about it.

use std::{future::Future, sync::Arc, time::Duration};

use activities::{
    bank::stp,
    crash::{self, Point},
    ledger::{
        command::{Accept, Answer},
        core::hex,
        read::{self, Seen},
        rows::{BankRow, Payout},
        timeline,
    },
};
use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use utoipa::IntoParams;
use uuid::Uuid;
use workflows::{
    contract::Asked,
    domain::{PayoutId, PayoutRequest, State},
    sentences::{self, support},
};

use super::{
    Answered, Api,
    caller::{Caller, Payer, Reader, Steward},
    extract::{Id, JsonBody},
    idempotency::Key,
    params::{self, Nothing, Parameters, Params, digits},
    problem::{Code, Problem},
    show::{payout_path, replay, reply},
    trace,
    view::{
        Thing,
        bank::Bank,
        form,
        payout::{self as view, PayoutLinks, Preview},
        request::NewPayout,
        timeline::{Happened, Timeline},
    },
};
use crate::starter::{Reason, Retried};

/// A run that is started and asked answers within this, or the caller is told that it was asked.
const PATIENCE: Duration = Duration::from_secs(16);
/// Seconds that a caller may wait for an end.
const LONGEST_WAIT: u64 = 30;

/// Ask for a payout
///
/// Holds amount, fee and IVA on the account, and answers once that is written; the order goes to the bank after the
/// answer. The same key and body get the same payout, or the same refusal, for ever.
#[utoipa::path(post, path = "/v1/payouts", tag = "payouts", operation_id = "createPayout",
    request_body(
        content = NewPayout,
        description = "lowerCamelCase is taken too; an absent field, `null` and `\"\"` are the same.",
        example = json!({
            "account": "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f", "amount": 12_300, "currency": "MXN",
            "beneficiary": { "clabe": "012180004643051249", "name": "Maria Beltran Soto" },
            "concept": "Pago de prueba", "reference": 1_234_567,
        }),
    ),
    responses(
        (status = 201, description = "Accepted: the money is held.", body = view::Payout,
            headers(("Location" = String, description = "Where the payout is found."))),
        (status = 200, description = "The payout that this key has already, as it stands.", body = view::Payout),
    ))]
pub(super) async fn create(
    Shared(api): Shared<Arc<Api>>,
    Payer(caller): Payer,
    _: Params<Nothing>,
    key: Key,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let accept = match wish(&api, &caller, &key, &body).await? {
        Wish::New(accept) => *accept,
        Wish::Known(payout) => return Ok(replay(shown(&api, &api.payout(&caller, payout).await?))),
    };
    crash::at(Point::CreateBeforeAccept, &accept.payout);
    let (payout, replayed) = accepted(api.ledger.accept(accept).await?)?;
    trace::about(payout.id);
    crash::at(Point::CreateAfterAccept, &payout.id);
    // A request that is repeated may be of one that lost its run before anybody drove it.
    if !replayed || payout.process_after.is_some() {
        drive(&api, &payout);
    }
    if replayed {
        return Ok(replay(shown(&api, &api.payout(&caller, payout.id).await?)));
    }
    let place = [(header::LOCATION, payout_path(payout.id))];
    let since = api.payout(&caller, payout.id).await?;
    crash::at(Point::CreateBeforeAnswer, &payout.id);
    // What accept wrote, not what has become of it since.
    let seen = Seen {
        payout,
        raised: None,
        ..since
    };
    Ok((place, reply(StatusCode::CREATED, shown(&api, &seen))).into_response())
}

/// See what a payout would be
///
/// What asking for it would answer now: fee, IVA, total, institution, when it would be sent; or the same problem.
/// Nothing is written, nothing is held, and the key stays free: the real answer may differ a moment later.
#[utoipa::path(post, path = "/v1/payouts/validate", tag = "payouts", operation_id = "validatePayout",
    request_body(
        content = NewPayout,
        description = "The body that would ask for the payout.",
        example = json!({
            "account": "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f", "amount": 12_300, "currency": "MXN",
            "beneficiary": { "clabe": "012180004643051249", "name": "Maria Beltran Soto" },
            "concept": "Pago de prueba", "reference": 1_234_567,
        }),
    ),
    responses((status = 200, description = "It would be accepted.", body = Preview)))]
pub(super) async fn validate(
    Shared(api): Shared<Arc<Api>>,
    Payer(caller): Payer,
    _: Params<Nothing>,
    key: Key,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let (payout, replayed) = match wish(&api, &caller, &key, &body).await? {
        Wish::New(accept) => accepted(api.ledger.foresee(*accept).await?).map_err(Problem::foreseen)?,
        Wish::Known(payout) => (api.payout(&caller, payout).await?.payout, true),
    };
    let now = api.ledger.now().await?;
    let row = match payout.to_account {
        // It has no bank: nothing is in its way but its time.
        Some(_) => BankRow::new(&payout.bank, false),
        None => api
            .ledger
            .bank(&payout.bank)
            .await?
            .ok_or(Problem::from(Code::Internal))?,
    };
    let calendar = &api.ledger.rules().calendar;
    let bank = Bank::of(&row, calendar, now).seen_by(&caller);
    let opens = match payout.to_account {
        Some(_) => Some(now),
        None => bank.sends_at,
    };
    // When the bank opens is known for now only: later that day it may be shut again.
    let sends_at = opens.map(|at| payout.process_after.map_or(at, |asked| asked.max(at)));
    let day = sends_at.and_then(|at| calendar.operating_date(at).ok());
    let preview = Preview::of(
        &payout,
        replayed,
        bank,
        (sends_at, day.map(|day| day.date())),
        api.context(),
    );
    Ok(reply(StatusCode::OK, preview))
}

/// Starts the run of what was just accepted; what was booked at once needs none.
pub(super) fn drive(api: &Api, payout: &Payout) {
    if payout.state.is_open() {
        let (starter, new) = (api.starter.clone(), payout.clone());
        behind(async move { starter.start(&new).await });
    }
}

/// A request that reads.
enum Wish {
    /// As accept takes it.
    New(Box<Accept>),
    /// Its key has this payout already, though the catalogue has changed since: the same answer for ever.
    Known(PayoutId),
}

/// What a body asks for.
async fn wish(api: &Api, caller: &Caller, key: &Key, body: &[u8]) -> Answered<Wish> {
    let request = PayoutRequest::from_json(body).map_err(Problem::fields)?;
    let on = api.operating_date().await?.date();
    let order = match request.parse(&api.institutions, on) {
        Ok(order) => order,
        Err(errors) => {
            let known = known(api, caller, key, &request).await?;
            return known.map(Wish::Known).ok_or_else(|| Problem::fields(errors));
        }
    };
    let (fee, iva) = api.fees.charge(on).ok_or(Problem::from(Code::Internal))?;
    Ok(Wish::New(Box::new(Accept {
        payout: PayoutId::new(Uuid::now_v7()),
        caller: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        hash: hex(&order.hash(caller.name())),
        bank: stp::NAME.to_owned(),
        is_transfer: false,
        order,
        fee,
        iva,
    })))
}

/// The payout that the key of a request has, which would not read by today's catalogue.
async fn known(api: &Api, caller: &Caller, key: &Key, request: &PayoutRequest) -> Answered<Option<PayoutId>> {
    let Some(hash) = request.known_as(caller.name()) else {
        return Ok(None);
    };
    let before = read::request(api.ledger.pool(), caller.name(), key.as_str()).await?;
    let Some(before) = before.filter(|before| before.hash == hex(&hash)) else {
        return Ok(None);
    };
    match before.refusal {
        Some(refusal) => Err(Problem::from(Code::Refused(refusal)).replayed(true)),
        None => Ok(before.payout),
    }
}

/// The payout that accept answered with, and whether it was there before; or the problem.
pub(super) fn accepted(answer: Answer) -> Answered<(Payout, bool)> {
    match answer {
        Answer::Accepted { payout, replayed } => Ok((payout, replayed)),
        Answer::Refused { refusal, replayed } => Err(Problem::from(Code::Refused(refusal)).replayed(replayed)),
        Answer::KeyConflict { payout } => {
            Err(Problem::from(Code::KeyReused).about(payout.map(|payout| payout.to_string())))
        }
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Cancelled(_) | Answer::TooLate(_) | Answer::Unknown => {
            Err(Problem::unexpected("accept"))
        }
        Answer::CatchingUp(_) | Answer::Stands(..) => Err(Problem::unexpected("accept")),
        Answer::Ended(..) | Answer::Open(_) => Err(Problem::unexpected("accept")),
        Answer::Received { .. } | Answer::Placed(_) | Answer::Waits { .. } | Answer::NotCured { .. } => {
            Err(Problem::unexpected("accept"))
        }
        Answer::Decided(_) | Answer::Awaits(_) | Answer::NotDecided(_) => Err(Problem::unexpected("accept")),
    }
}

/// How long to wait for an end.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Answer as soon as the payout ends, or after this: 0 to 30 seconds, as `20s` or `20`.
    #[param(value_type = Option<String>, pattern = "^([0-9]|[12][0-9]|30)s?$", example = "20s")]
    wait: Option<Duration>,
}

impl Parameters for Wait {
    fn read(query: &mut params::Reader) -> Self {
        let fix = format!("write 0 to {LONGEST_WAIT} seconds, as 20s");
        let seconds = |text: &str| {
            let number = digits(text.strip_suffix('s').unwrap_or(text))?;
            let seconds = number.parse().ok().filter(|seconds| *seconds <= LONGEST_WAIT)?;
            Some(Duration::from_secs(seconds))
        };
        Self {
            wait: query.one("wait", &fix, seconds),
        }
    }
}

/// Look at a payout
///
/// As it stands; with `wait`, as soon as it has ended, or as it stands when the time is up.
#[utoipa::path(get, path = "/v1/payouts/{id}", tag = "payouts", operation_id = "getPayout",
    params(("id" = inline(form::PayoutId), Path, description = "The payout."), Wait),
    responses((status = 200, description = "The payout.", body = view::Payout)))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<PayoutId>,
    Params(Wait { wait }): Params<Wait>,
) -> Answered<Response> {
    trace::about(id);
    let mut seen = api.payout(&caller, id).await?;
    if let Some(patience) = wait.filter(|_| seen.payout.state.is_open()) {
        api.ends.wait(id, patience).await?;
        seen = api.payout(&caller, id).await?;
    }
    Ok(reply(StatusCode::OK, shown(&api, &seen)))
}

/// Look at what happened to a payout
///
/// Its states, what was said to and by the bank, what proved it, what moved, and the bank's calls: the oldest first.
#[utoipa::path(get, path = "/v1/payouts/{id}/timeline", tag = "payouts", operation_id = "getPayoutTimeline",
    params(("id" = inline(form::PayoutId), Path, description = "The payout.")),
    responses((status = 200, description = "What happened.", body = Timeline)))]
pub(super) async fn timeline(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<PayoutId>,
    _: Params<Nothing>,
) -> Answered<Response> {
    trace::about(id);
    let seen = api.payout(&caller, id).await?;
    // Whose CLABE it is among giro's own customers is nobody's business but theirs and giro's.
    let sees_payee = seen.payout.is_transfer || caller.operates();
    let happened = timeline::timeline(api.ledger.pool(), id).await?;
    let timeline = Timeline {
        object: Thing::Timeline,
        payout: id,
        data: happened
            .into_iter()
            .map(|entry| Happened::of(entry, sees_payee))
            .collect(),
        links: PayoutLinks::of(&seen.payout, api.context()),
    };
    Ok(reply(StatusCode::OK, timeline))
}

/// Take a payout back
///
/// Gives the money back if nothing may have reached the bank; else 409, and nothing is changed.
#[utoipa::path(post, path = "/v1/payouts/{id}/cancel", tag = "payouts", operation_id = "cancelPayout",
    params(("id" = inline(form::PayoutId), Path, description = "The payout.")),
    responses((status = 200, description = "Cancelled, now or before: the money is back.", body = view::Payout)))]
pub(super) async fn cancel(
    Shared(api): Shared<Arc<Api>>,
    Steward(caller): Steward,
    _: Params<Nothing>,
    _key: Key,
    Id(id): Id<PayoutId>,
) -> Answered<Response> {
    trace::about(id);
    let was_cancelled = api.payout(&caller, id).await?.payout.state == State::Cancelled;
    take_back(&api, &caller, id).await?;
    let body = shown(&api, &api.payout(&caller, id).await?);
    Ok(if was_cancelled {
        replay(body)
    } else {
        reply(StatusCode::OK, body)
    })
}

/// Gives the money of a payout or a transfer back, and wakes its run; or the problem.
pub(super) async fn take_back(api: &Api, caller: &Caller, id: PayoutId) -> Answered<()> {
    crash::at(Point::CancelBeforeCommand, &id);
    let answer = api.ledger.cancel(id, caller.name()).await?;
    crash::at(Point::CancelAfterCommand, &id);
    match answer {
        Answer::Cancelled(payout) => {
            let starter = api.starter.clone();
            behind(async move {
                let _told = starter.look(&payout).await;
            });
            Ok(())
        }
        Answer::TooLate(payout) => {
            let money = sentences::money(payout.state);
            let detail = format!(
                "The payout is `{}`: the money is {money}. Nothing was changed.",
                payout.state
            );
            Err(Problem::because(Code::TooLate, detail).about(Some(id.to_string())))
        }
        Answer::CatchingUp(_) => Err(Problem::from(Code::CatchingUp).about(Some(id.to_string()))),
        Answer::Unknown => Err(Problem::from(Code::NotFound)),
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Accepted { .. } | Answer::Refused { .. } => {
            Err(Problem::unexpected("cancel"))
        }
        Answer::KeyConflict { .. } | Answer::Stands(..) | Answer::Ended(..) | Answer::Open(_) => {
            Err(Problem::unexpected("cancel"))
        }
        Answer::Received { .. } | Answer::Placed(_) | Answer::Waits { .. } | Answer::NotCured { .. } => {
            Err(Problem::unexpected("cancel"))
        }
        Answer::Decided(_) | Answer::Awaits(_) | Answer::NotDecided(_) => Err(Problem::unexpected("cancel")),
    }
}

/// Have the bank asked about a payout now
///
/// Always safe: it asks, wakes the run, and starts one that is missing. The order is sent again only where giro's own
/// rules allow. A payout that has ended is answered as it stands.
#[utoipa::path(post, path = "/v1/payouts/{id}/retry", tag = "payouts", operation_id = "retryPayout",
    params(("id" = inline(form::PayoutId), Path, description = "The payout.")),
    responses(
        (status = 200, description = "What the bank said.", body = view::Retried),
        (status = 202, description = "No answer came within 15 seconds; giro goes on asking.", body = view::Retried),
    ))]
pub(super) async fn retry(
    Shared(api): Shared<Arc<Api>>,
    Steward(caller): Steward,
    _: Params<Nothing>,
    key: Key,
    Id(id): Id<PayoutId>,
) -> Answered<Response> {
    trace::about(id);
    let seen = api.payout(&caller, id).await?;
    if !seen.payout.state.is_open() {
        return Ok(ended(&api, &seen));
    }
    if seen.payout.to_account.is_some() {
        return Ok(no_bank(&api, &seen).await);
    }
    let asking = async {
        // As the sweeper does: a run that is missing or closed while the payout is open is replaced.
        if let Err(error) = api.starter.begin(&seen.payout, Reason::Overdue).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "not asked now: the sweeper starts the run"
            );
            return Retried::Asked;
        }
        api.starter.retry(&seen.payout, &update_id(&caller, &key)).await
    };
    let retried = tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Retried::Asked);
    let seen = api.payout(&caller, id).await?;
    let payout = shown(&api, &seen);
    Ok(match retried {
        Retried::Answered(asked) => reply(StatusCode::OK, view::Retried::answered(*asked, payout)),
        // The run may have ended under the question: then the row has the answer.
        Retried::Asked if !seen.payout.state.is_open() => ended(&api, &seen),
        Retried::Asked => reply(StatusCode::ACCEPTED, view::Retried::asked(payout)),
    })
}

/// There is no bank to ask: its run is started where it is missing, and woken.
async fn no_bank(api: &Api, seen: &Seen) -> Response {
    let driving = async {
        let begun = api.starter.begin(&seen.payout, Reason::Overdue).await;
        api.starter.look(&seen.payout).await;
        begun
    };
    match tokio::time::timeout(PATIENCE, driving).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) | Err(_) => {
            tracing::warn!("not driven now: the sweeper starts the run");
            return reply(StatusCode::ACCEPTED, view::Retried::asked(shown(api, seen)));
        }
    }
    let asked = Asked {
        standing: None,
        next: support::Next::NoBank.sentence().en.to_owned(),
        resends: false,
    };
    reply(StatusCode::OK, view::Retried::answered(asked, shown(api, seen)))
}

/// One question of one caller, as Temporal knows it: keys of two callers may be the same, and say what they like.
fn update_id(caller: &Caller, key: &Key) -> String {
    let name = caller.name();
    let told = format!("{}:{name}{}", name.len(), key.as_str());
    format!("retry-{}", hex(digest(&SHA256, told.as_bytes()).as_ref()))
}

/// The answer that a closed payout's row has.
fn ended(api: &Api, seen: &Seen) -> Response {
    let asked = Asked {
        standing: None,
        next: nothing_next(seen),
        resends: false,
    };
    reply(StatusCode::OK, view::Retried::answered(asked, shown(api, seen)))
}

fn nothing_next(seen: &Seen) -> String {
    let money = sentences::money(seen.payout.state);
    let ended = format!("nothing: it has ended, and the money is {money}");
    match &seen.raised {
        None => ended,
        Some(raised) => format!("{ended}. Attention: {}", sentences::attention(raised.reason)),
    }
}

fn shown(api: &Api, seen: &Seen) -> view::Payout {
    view::Payout::of(seen, api.context())
}

/// Runs what nobody waits for, in the span of the request.
pub(super) fn behind(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task.in_current_span());
}
