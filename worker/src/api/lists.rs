//! Lists of payouts: filters, pages, and whose they are.

use std::sync::Arc;

use activities::ledger::read::{self, Raising, Wanted};
use axum::{extract::State as Shared, http::StatusCode, response::Response};
use jiff::Timestamp;
use utoipa::IntoParams;
use workflows::{
    GIRO,
    domain::{AccountId, FieldCode, PayoutId, State},
};

use super::{
    Answered, Api,
    caller::{Caller, Reader},
    params::{self, Parameters, Params, instant, word},
    problem::Problem,
    show::reply,
    view::{form, page::Page, payout::Payout},
};

/// Characters of an idempotency key, of a tracking key, and of a caller's or a bank's name.
const KEY: usize = 255;
const TRACKING_KEY: usize = 30;
const NAME: usize = 64;

/// Which payouts.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// In one of these states; write it once for each.
    #[param(value_type = Vec<form::State>, inline, required = false, example = json!(["settled"]))]
    state: Vec<State>,
    /// That a person should look at one by one, for this reason or for `any`; or `bank`: those past their deadline that
    /// only wait for their bank, which `GET /v1/attention` counts.
    #[param(value_type = Option<form::Raising>, inline, example = "any")]
    attention: Option<Raising>,
    /// That this bank pays out; `GET /v1/banks` names them. `giro`: booked between two accounts of giro's own.
    #[param(pattern = "^[!-~]{1,64}$", example = "stp")]
    bank: Option<String>,
    /// Whose, for a caller who operates; for any other, a name that is not its own has none.
    #[param(pattern = "^[!-~]{1,64}$")]
    caller: Option<String>,
    /// Accepted then or later: RFC 3339, from 1970 on.
    #[param(example = "2026-04-01T00:00:00Z")]
    created_from: Option<Timestamp>,
    /// Accepted before: RFC 3339, from 1970 on.
    #[param(example = "2036-04-01T00:00:00Z")]
    created_to: Option<Timestamp>,
    /// Asked for under this key, by `caller` or by whoever asks here.
    #[param(pattern = "^[!-~]{1,255}$")]
    idempotency_key: Option<String>,
    /// From this account.
    #[param(value_type = Option<form::AccountId>, inline)]
    account: Option<AccountId>,
    /// That the bank knows by this key.
    #[param(value_type = Option<form::TrackingKey>, inline)]
    tracking_key: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::PayoutId>, inline)]
    after: Option<PayoutId>,
}

impl Parameters for List {
    fn read(query: &mut params::Reader) -> Self {
        const TIME: &str = "write a time from 1970 on as 2026-04-01T00:00:00Z";
        let states: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
        let states = format!("write one of {}", states.join(", "));
        let name = |text: &str| word(text, NAME);
        let key = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            word(text, TRACKING_KEY).filter(|key| key.bytes().all(plain))
        };
        Self {
            state: query.many("state", &states, |text| text.parse().ok()),
            attention: query.one(
                "attention",
                "write any, bank, or a reason as attention.reason has it",
                raising,
            ),
            bank: query.one("bank", "write a name that GET /v1/banks has", name),
            caller: query.one("caller", "write a caller's name", name),
            created_from: query.one("created_from", TIME, instant),
            created_to: query.one("created_to", TIME, instant),
            idempotency_key: query.one("idempotency_key", "write the key as it was sent", |text| {
                word(text, KEY)
            }),
            account: query.one("account", "write acc_ and 32 lower-case hex digits", |text| {
                text.parse().ok()
            }),
            tracking_key: query.one("tracking_key", "write up to 30 capitals and digits", key),
            limit: query.limit(),
            after: query.after(),
        }
    }
}

fn raising(text: &str) -> Option<Raising> {
    match text {
        "any" => Some(Raising::Any),
        "bank" => Some(Raising::Bank),
        reason => reason.parse().ok().map(Raising::Reason),
    }
}

/// List payouts
///
/// The last accepted first: a caller's own, or everybody's for a caller who operates. Filters narrow it together.
#[utoipa::path(get, path = "/v1/payouts", tag = "payouts", operation_id = "listPayouts", params(List),
    responses((status = 200, description = "A page of payouts.", body = Page<Payout>)))]
pub(super) async fn payouts(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Params(list): Params<List>,
) -> Answered<Response> {
    let limit = list.limit;
    let found = match wanted(&api, &caller, list).await? {
        None => Vec::new(),
        Some(wanted) => read::payouts(api.ledger.pool(), &wanted).await?,
    };
    let shown = found.iter().map(|seen| Payout::of(seen, api.context())).collect();
    let page = Page::of(shown, limit, |payout: &Payout| payout.id.to_string());
    Ok(reply(StatusCode::OK, page))
}

/// What to read, one row more than the page has; `None`: what this caller may not see, which is nothing.
async fn wanted(api: &Api, caller: &Caller, list: List) -> Answered<Option<Wanted>> {
    let whose = match list.caller {
        Some(name) if !caller.sees(&name) => return Ok(None),
        Some(name) => Some(name),
        None => (!caller.operates()).then(|| caller.name().to_owned()),
    };
    if let Some(bank) = &list.bank {
        knows(api, bank).await?;
    }
    let after = match list.after {
        None => None,
        Some(id) => Some((cursor(api, caller, id).await?, id)),
    };
    let of = whose.clone().unwrap_or_else(|| caller.name().to_owned());
    Ok(Some(Wanted {
        caller: whose,
        // What a person should look at is found here, whichever it is.
        is_transfer: list.attention.is_none().then_some(false),
        states: list.state,
        raising: list.attention,
        bank: list.bank,
        account: list.account,
        from: list.created_from,
        before: list.created_to,
        key: list.idempotency_key.map(|key| (of, key)),
        tracking_key: list.tracking_key,
        after,
        limit: list.limit.saturating_add(1),
    }))
}

/// A name that no bank has would read every payout to find none.
async fn knows(api: &Api, bank: &str) -> Answered<()> {
    let banks = read::banks(api.ledger.pool()).await?;
    // What is booked between two accounts of giro's own has no bank but giro.
    let names: Vec<&str> = banks.iter().map(|row| row.name.as_str()).chain([GIRO]).collect();
    if names.contains(&bank) {
        return Ok(());
    }
    Err(Problem::field(
        "/bank",
        FieldCode::InvalidParameter,
        format!("the banks are {}", names.join(", ")),
    ))
}

/// When the last payout of the page before was accepted.
pub(super) async fn cursor(api: &Api, caller: &Caller, id: PayoutId) -> Answered<Timestamp> {
    let found = read::payout(api.ledger.pool(), id).await?;
    let seen = found.filter(|seen| caller.sees(&seen.payout.caller));
    seen.map(|seen| seen.payout.accepted_at).ok_or_else(|| {
        Problem::field(
            "/after",
            FieldCode::InvalidParameter,
            "write the next_cursor of the page before",
        )
    })
}
