//! Payouts: ask for one, look at it, take it back, ask the bank about it.

use std::{future::Future, sync::Arc, time::Duration};

use activities::{
    bank::stp,
    ledger::{
        command::{Accept, Answer},
        core::hex,
        read,
    },
};
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tracing::Instrument;
use uuid::Uuid;
use workflows::{
    contract::Asked,
    domain::{PayoutId, PayoutRequest, State},
    sentences,
};

use super::{
    Answered, Api,
    caller::{Caller, Payer, Reader, Steward},
    extract::{Id, Json},
    idempotency::Key,
    problem::{Code, Problem},
    show::{self, Seen, payout_path, replay, reply},
    trace,
};
use crate::starter::{Reason, Retried};

/// A run that is started and asked answers within this, or the caller is told that it was asked.
const PATIENCE: Duration = Duration::from_secs(16);

/// `POST /v1/payouts`: holds the money, answers after COMMIT, and has the run started.
pub(super) async fn create(
    Shared(api): Shared<Arc<Api>>,
    Payer(caller): Payer,
    key: Key,
    Json(body): Json,
) -> Answered<Response> {
    let request = PayoutRequest::from_json(&body).map_err(Problem::fields)?;
    let on = api.operating_date().await?.date();
    let order = match request.parse(&api.institutions, on) {
        Ok(order) => order,
        Err(errors) => {
            return known(&api, &caller, &key, &request)
                .await?
                .ok_or_else(|| Problem::fields(errors));
        }
    };
    let (fee, iva) = api.config.fee.charge().ok_or(Problem::from(Code::Internal))?;
    let accept = Accept {
        payout: PayoutId::new(Uuid::now_v7()),
        caller: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        hash: hex(&order.hash(caller.name())),
        bank: stp::NAME.to_owned(),
        order,
        fee,
        iva,
    };
    match api.ledger.accept(accept).await? {
        Answer::Accepted {
            payout,
            replayed: false,
        } => {
            trace::about(payout.id);
            let body = shown(
                &api,
                &Seen {
                    payout: payout.clone(),
                    raised: None,
                },
            );
            let place = [(header::LOCATION, payout_path(payout.id))];
            let starter = api.starter.clone();
            behind(async move { starter.start(&payout).await });
            Ok((place, reply(StatusCode::CREATED, body)).into_response())
        }
        Answer::Accepted { payout, replayed: true } => {
            trace::about(payout.id);
            Ok(replay(shown(&api, &api.payout(&caller, payout.id).await?)))
        }
        Answer::Refused { refusal, replayed } => Err(Problem::from(Code::Refused(refusal)).replayed(replayed)),
        Answer::KeyConflict { payout } => {
            Err(Problem::from(Code::KeyReused).about(payout.map(|payout| payout.to_string())))
        }
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Cancelled(_) | Answer::TooLate(_) | Answer::Unknown => {
            Err(unexpected("accept"))
        }
        Answer::Stands(..) | Answer::Ended(..) | Answer::Open(_) => Err(unexpected("accept")),
    }
}

/// The answer that the key already has, though the catalogue has changed since: the same request gets it for ever.
async fn known(api: &Api, caller: &Caller, key: &Key, request: &PayoutRequest) -> Answered<Option<Response>> {
    let Some(hash) = request.known_as(caller.name()) else {
        return Ok(None);
    };
    let before = read::request(api.ledger.pool(), caller.name(), key.as_str()).await?;
    let Some(before) = before.filter(|before| before.hash == hex(&hash)) else {
        return Ok(None);
    };
    match (before.payout, before.refusal) {
        (Some(payout), _) => Ok(Some(replay(shown(api, &api.payout(caller, payout).await?)))),
        (None, Some(refusal)) => Err(Problem::from(Code::Refused(refusal)).replayed(true)),
        (None, None) => Ok(None),
    }
}

/// `GET /v1/payouts/{id}`.
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<PayoutId>,
) -> Answered<Response> {
    trace::about(id);
    Ok(reply(StatusCode::OK, shown(&api, &api.payout(&caller, id).await?)))
}

/// `POST /v1/payouts/{id}/cancel`: gives the money back if nothing may have reached the bank, and wakes the run.
pub(super) async fn cancel(
    Shared(api): Shared<Arc<Api>>,
    Steward(caller): Steward,
    _key: Key,
    Id(id): Id<PayoutId>,
) -> Answered<Response> {
    trace::about(id);
    let was_cancelled = api.payout(&caller, id).await?.payout.state == State::Cancelled;
    match api.ledger.cancel(id).await? {
        Answer::Cancelled(_) => {
            let starter = api.starter.clone();
            behind(async move { starter.look(id).await });
            let body = shown(&api, &api.payout(&caller, id).await?);
            Ok(if was_cancelled {
                replay(body)
            } else {
                reply(StatusCode::OK, body)
            })
        }
        Answer::TooLate(payout) => {
            let money = sentences::money(payout.state);
            let detail = format!(
                "The payout is `{}`: the money is {money}. Nothing was changed.",
                payout.state
            );
            Err(Problem::because(Code::TooLate, detail).about(Some(id.to_string())))
        }
        Answer::Unknown => Err(Problem::from(Code::NotFound)),
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Accepted { .. } | Answer::Refused { .. } => {
            Err(unexpected("cancel"))
        }
        Answer::KeyConflict { .. } | Answer::Stands(..) | Answer::Ended(..) | Answer::Open(_) => {
            Err(unexpected("cancel"))
        }
    }
}

/// `POST /v1/payouts/{id}/retry`: has the run ask the bank now, and tells what it found.
///
/// A closed payout is answered from its row; a run that is missing is started first.
pub(super) async fn retry(
    Shared(api): Shared<Arc<Api>>,
    Steward(caller): Steward,
    key: Key,
    Id(id): Id<PayoutId>,
) -> Answered<Response> {
    trace::about(id);
    let seen = api.payout(&caller, id).await?;
    if !seen.payout.state.is_open() {
        return Ok(ended(&api, &seen));
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
        api.starter.retry(&seen.payout, key.as_str()).await
    };
    let retried = tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Retried::Asked);
    let seen = api.payout(&caller, id).await?;
    let payout = shown(&api, &seen);
    Ok(match retried {
        Retried::Answered(asked) => reply(StatusCode::OK, answered(&asked, payout)),
        // The run may have ended under the question: then the row has the answer.
        Retried::Asked if !seen.payout.state.is_open() => ended(&api, &seen),
        Retried::Asked => reply(StatusCode::ACCEPTED, json!({ "result": "asked", "payout": payout })),
    })
}

/// The answer that a closed payout's row has.
fn ended(api: &Api, seen: &Seen) -> Response {
    let asked = Asked {
        standing: None,
        next: nothing_next(seen),
        resends: false,
    };
    reply(StatusCode::OK, answered(&asked, shown(api, seen)))
}

/// What the run found; what the bank said is the run's own answer, or the row's.
fn answered(asked: &Asked, payout: Value) -> Value {
    let said = asked.standing.as_ref().map(|standing| json!(standing.bank_said));
    json!({
        "result": "answered",
        "bank_said": said.unwrap_or_else(|| payout["bank_said"].clone()),
        "next": asked.next,
        "resends": asked.resends,
        "payout": payout,
    })
}

fn nothing_next(seen: &Seen) -> String {
    let money = sentences::money(seen.payout.state);
    let ended = format!("nothing: it has ended, and the money is {money}");
    match &seen.raised {
        None => ended,
        Some(raised) => format!("{ended}. Attention: {}", sentences::attention(raised.reason)),
    }
}

fn shown(api: &Api, seen: &Seen) -> Value {
    let context = show::Context {
        institutions: &api.institutions,
        ui: api.config.api.ui(),
        namespace: &api.config.temporal.namespace,
    };
    show::payout(seen, context)
}

/// Runs what nobody waits for, in the span of the request.
fn behind(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task.in_current_span());
}

/// The ledger answered another question than it was asked.
fn unexpected(command: &'static str) -> Problem {
    tracing::error!(command, "the ledger answered another question");
    Problem::from(Code::Internal)
}
