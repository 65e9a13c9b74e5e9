//! Deposits and returns: what came in, where it is, and the decision of people about what was set apart.

use std::sync::Arc;

use activities::ledger::{
    command::{Answer, Cure, NotCured, SendBack},
    read::{self, ReceivedSeen, WantedReceived},
    rows::Received,
};
use axum::{extract::State as Shared, http::StatusCode, response::Response};
use tracing::info;
use utoipa::IntoParams;
use uuid::Uuid;
use workflows::domain::{AccountId, FieldCode, PayoutId, ReceivedId, ReceivedKind, ReceivedState};

use super::{
    Answered, Api,
    caller::{Caller, Operator, Reader},
    extract::{Id, JsonBody},
    idempotency::Key,
    params::{self, Nothing, Parameters, Params, word},
    payouts::behind,
    plain,
    problem::{Code, Problem},
    show::{replay, reply},
    view::{
        arrival::Arrival,
        decision::Said,
        form,
        page::Page,
        request::{Application, SendingBack},
    },
};

/// Characters of a tracking key that came from elsewhere.
const TRACKING_KEY: usize = 64;

/// Which records.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Arrivals {
    /// In one of these states; write it once for each.
    #[param(value_type = Vec<form::ReceivedState>, inline, required = false, example = json!(["unapplied"]))]
    state: Vec<ReceivedState>,
    /// `any`: that a person should look at.
    #[param(value_type = Option<String>, pattern = "^any$", example = "any")]
    attention: Option<()>,
    /// That this account has.
    #[param(value_type = Option<form::AccountId>, inline)]
    account: Option<AccountId>,
    /// That came under this key.
    #[param(pattern = "^[!-~]{1,64}$")]
    tracking_key: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::ReceivedId>, inline)]
    after: Option<ReceivedId>,
}

impl Parameters for Arrivals {
    fn read(query: &mut params::Reader) -> Self {
        let states: Vec<&str> = ReceivedState::ALL.iter().map(|state| state.word()).collect();
        let states = format!("write one of {}", states.join(", "));
        Self {
            state: query.many("state", &states, |text| text.parse().ok()),
            attention: query.one("attention", "write any", |text| (text == "any").then_some(())),
            account: query.one("account", "write acc_ and 32 lower-case hex digits", |text| {
                text.parse().ok()
            }),
            tracking_key: query.one("tracking_key", "write the key as the bank has it", |text| {
                word(text, TRACKING_KEY)
            }),
            limit: query.limit(),
            after: query.after(),
        }
    }
}

/// List deposits
///
/// Money that others sent to giro's customers, the last received first: to a caller's own accounts, or all of it for a
/// caller who operates. `unapplied` is what stands apart: nobody has its account, or that is frozen or closed.
#[utoipa::path(get, path = "/v1/deposits", tag = "arrivals", operation_id = "listDeposits", params(Arrivals),
    responses((status = 200, description = "A page of deposits.", body = Page<Arrival>)))]
pub(super) async fn deposits(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Params(list): Params<Arrivals>,
) -> Answered<Response> {
    all(&api, &caller, ReceivedKind::Deposit, list).await
}

/// List returns
///
/// Records by which payouts came back, the last received first: of a caller's own payouts, or all of them for a caller who
/// operates. `suspended` is what no settled payout explains.
#[utoipa::path(get, path = "/v1/returns", tag = "arrivals", operation_id = "listReturns", params(Arrivals),
    responses((status = 200, description = "A page of returns.", body = Page<Arrival>)))]
pub(super) async fn returns(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Params(list): Params<Arrivals>,
) -> Answered<Response> {
    all(&api, &caller, ReceivedKind::Return, list).await
}

/// Look at a deposit
#[utoipa::path(get, path = "/v1/deposits/{id}", tag = "arrivals", operation_id = "getDeposit",
    params(("id" = inline(form::ReceivedId), Path, description = "The deposit.")),
    responses((status = 200, description = "The deposit.", body = Arrival)))]
pub(super) async fn deposit(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<ReceivedId>,
    _: Params<Nothing>,
) -> Answered<Response> {
    looked_at(&api, &caller, ReceivedKind::Deposit, id).await
}

/// Look at a return
#[utoipa::path(get, path = "/v1/returns/{id}", tag = "arrivals", operation_id = "getReturn",
    params(("id" = inline(form::ReceivedId), Path, description = "The return.")),
    responses((status = 200, description = "The return.", body = Arrival)))]
pub(super) async fn one_return(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<ReceivedId>,
    _: Params<Nothing>,
) -> Answered<Response> {
    looked_at(&api, &caller, ReceivedKind::Return, id).await
}

/// Apply a deposit to an account
///
/// Gives what was set apart to a customer's account, once, with who decided and why. Asked again for the same account it
/// answers as it stands; for another, or for what was never set apart, 409. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/deposits/{id}/apply", tag = "arrivals", operation_id = "applyDeposit",
    params(("id" = inline(form::ReceivedId), Path, description = "The deposit.")), request_body = Application,
    responses((status = 200, description = "The deposit as it stands: with the customer.", body = Arrival)))]
pub(super) async fn apply_deposit(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    _key: Key,
    Id(id): Id<ReceivedId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    apply(&api, &caller, ReceivedKind::Deposit, id, &body).await
}

/// Send a deposit back
///
/// Begins to send what was set apart back to whoever sent it: a payout of its own, `sent_back_by`, asks the bank once. While
/// it is under way the deposit is `returning`, then `sent_back`, or `unapplied` again with attention. Asked again it answers
/// as it stands; for what does not stand apart, 409. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/deposits/{id}/send-back", tag = "arrivals", operation_id = "sendDepositBack",
    params(("id" = inline(form::ReceivedId), Path, description = "The deposit.")), request_body = SendingBack,
    responses((status = 200, description = "The deposit as it stands: on its way back.", body = Arrival)))]
pub(super) async fn send_back(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    key: Key,
    Id(id): Id<ReceivedId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let SendingBack { reason } = plain::read(&body, r#"{"reason": "..."}"#)?;
    let before = one(&api, &caller, ReceivedKind::Deposit, id).await?.received;
    let back = SendBack {
        received: id,
        payout: PayoutId::new(Uuid::now_v7()),
        last: before.sent_back_by,
        key: key.as_str().to_owned(),
        actor: caller.name().to_owned(),
        reason: plain::line("/reason", &reason)?,
    };
    let received = decided(api.ledger.send_back(back).await?)?;
    let is_new = before.sent_back_by != received.sent_back_by;
    if is_new && let Some(payout) = received.sent_back_by {
        info!(received = %id, %payout, "sent back by people");
        if let Some(payout) = api.ledger.payout(payout).await? {
            let starter = api.starter.clone();
            behind(async move { starter.start(&payout).await });
        }
    }
    api.starter.look_at(&received).await;
    let shown = Arrival::of(&one(&api, &caller, ReceivedKind::Deposit, id).await?, api.context());
    Ok(if is_new {
        reply(StatusCode::OK, shown)
    } else {
        replay(shown)
    })
}

/// Apply a return to an account
///
/// The same for a return that was set apart because its payer's account was frozen or closed. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/returns/{id}/apply", tag = "arrivals", operation_id = "applyReturn",
    params(("id" = inline(form::ReceivedId), Path, description = "The return.")), request_body = Application,
    responses((status = 200, description = "The return as it stands: with the customer.", body = Arrival)))]
pub(super) async fn apply_return(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    _key: Key,
    Id(id): Id<ReceivedId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    apply(&api, &caller, ReceivedKind::Return, id, &body).await
}

async fn all(api: &Api, caller: &Caller, kind: ReceivedKind, list: Arrivals) -> Answered<Response> {
    let after = match list.after {
        None => None,
        Some(id) => {
            let wrong = || {
                Problem::field(
                    "/after",
                    FieldCode::InvalidParameter,
                    "write the next_cursor of the page before",
                )
            };
            let last = read::received(api.ledger.pool(), id).await?.ok_or_else(wrong)?;
            Some((last.received.received_at, id))
        }
    };
    let wanted = WantedReceived {
        kind,
        caller: (!caller.operates()).then(|| caller.name().to_owned()),
        states: list.state,
        is_raised: list.attention.is_some(),
        account: list.account,
        tracking_key: list.tracking_key,
        after,
        limit: list.limit.saturating_add(1),
    };
    let found = read::all_received(api.ledger.pool(), &wanted).await?;
    let shown = found.iter().map(|seen| Arrival::listed(seen, api.context())).collect();
    let page = Page::of(shown, list.limit, |arrival: &Arrival| arrival.id.to_string());
    Ok(reply(StatusCode::OK, page))
}

/// One record, with what people have said of it for whoever operates.
async fn looked_at(api: &Api, caller: &Caller, kind: ReceivedKind, id: ReceivedId) -> Answered<Response> {
    let seen = one(api, caller, kind, id).await?;
    let mut shown = Arrival::of(&seen, api.context());
    if caller.operates() {
        let said = read::decisions(api.ledger.pool(), id.uuid()).await?;
        shown.said = said.into_iter().map(Said::of).collect();
    }
    Ok(reply(StatusCode::OK, shown))
}

/// A record of this kind that this caller sees; any other does not exist.
pub(super) async fn one(api: &Api, caller: &Caller, kind: ReceivedKind, id: ReceivedId) -> Answered<ReceivedSeen> {
    let found = read::received(api.ledger.pool(), id).await?;
    let is_seen = |seen: &ReceivedSeen| {
        let is_owned = seen.owner.as_deref().is_some_and(|owner| caller.sees(owner));
        seen.received.kind == kind && (is_owned || caller.operates())
    };
    found.filter(is_seen).ok_or(Problem::from(Code::NotFound))
}

async fn apply(api: &Api, caller: &Caller, kind: ReceivedKind, id: ReceivedId, body: &[u8]) -> Answered<Response> {
    let (account, reason) = asked(body)?;
    let before = one(api, caller, kind, id).await?.received;
    let cure = Cure {
        received: id,
        payout: before.payout.or(before.sent_back_by),
        account,
        actor: caller.name().to_owned(),
        reason,
    };
    let received = decided(api.ledger.cure(cure).await?)?;
    info!(received = %id, %account, "applied by people");
    api.starter.look_at(&received).await;
    let shown = Arrival::of(&one(api, caller, kind, id).await?, api.context());
    Ok(if before.state == ReceivedState::Applied {
        replay(shown)
    } else {
        reply(StatusCode::OK, shown)
    })
}

/// The record as people's decision left it, or why it stays as it is.
fn decided(answer: Answer) -> Answered<Received> {
    match answer {
        Answer::Placed(received) => Ok(received),
        Answer::NotCured { why, received } => Err(match why {
            NotCured::NotSetApart => {
                let detail = format!("It is `{}`: nothing stands apart. Nothing was changed.", received.state);
                Problem::because(Code::NotSetApart, detail).about(Some(received.id.to_string()))
            }
            NotCured::KeyShared => Problem::from(Code::KeyShared).about(Some(received.id.to_string())),
            NotCured::MayBeBack => Problem::from(Code::MayBeBack).about(Some(received.id.to_string())),
            NotCured::AccountUnknown => Problem::no_such_account(),
            NotCured::AccountNotOpen => Problem::account_not_open(),
        }),
        Answer::Unknown => Err(Problem::from(Code::NotFound)),
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Accepted { .. } | Answer::Refused { .. } => {
            Err(Problem::unexpected("arrival"))
        }
        Answer::KeyConflict { payout } => {
            Err(Problem::from(Code::KeyReused).about(payout.map(|payout| payout.to_string())))
        }
        Answer::Cancelled(_) | Answer::TooLate(_) | Answer::CatchingUp(_) => Err(Problem::unexpected("arrival")),
        Answer::Stands(..) | Answer::Ended(..) | Answer::Open(_) => Err(Problem::unexpected("arrival")),
        // It has moved on since it was read: asked again, it is decided on what it is now.
        Answer::Waits { .. } => Err(Problem::from(Code::Later)),
        Answer::Received { .. } => Err(Problem::unexpected("arrival")),
        Answer::Decided(_) | Answer::Awaits(_) | Answer::NotDecided(_) => Err(Problem::unexpected("arrival")),
    }
}

/// Whose it becomes, and why, in `{"account": "acc_...", "reason": "..."}`.
fn asked(body: &[u8]) -> Answered<(AccountId, String)> {
    let Application { account, reason } = plain::read(body, r#"{"account": "acc_...", "reason": "..."}"#)?;
    let account = account.parse();
    let account = account.map_err(|error| Problem::field("/account", FieldCode::InvalidId, format!("{error}")))?;
    Ok((account, plain::line("/reason", &reason)?))
}
