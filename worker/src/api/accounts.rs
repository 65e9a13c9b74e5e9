//! Accounts: open one, look at its balances and its movements.

use std::sync::Arc;

use activities::ledger::{
    command::{Answer, Open},
    core::hex,
    read,
    rows::Account,
};
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;
use workflows::domain::{AccountId, AccountRequest};

use super::{
    Answered, Api,
    caller::{Caller, Payer, Reader},
    extract::{Id, Json, Page},
    idempotency::Key,
    problem::{Code, Problem},
    show::{self, account_path, replay, reply},
};

/// `POST /v1/accounts`: opens an account, with an audited opening credit or none.
pub(super) async fn open(
    Shared(api): Shared<Arc<Api>>,
    Payer(caller): Payer,
    key: Key,
    Json(body): Json,
) -> Answered<Response> {
    let request = AccountRequest::from_json(&body)
        .and_then(|raw| raw.parse())
        .map_err(Problem::fields)?;
    let open = Open {
        account: AccountId::new(Uuid::now_v7()),
        caller: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        hash: hex(&request.hash(caller.name())),
        request,
        effective_on: api.operating_date().await?.date(),
    };
    match api.ledger.open(open).await? {
        Answer::Opened {
            account,
            replayed: false,
        } => {
            let place = [(header::LOCATION, account_path(account.id))];
            Ok((place, reply(StatusCode::CREATED, show::account(&account))).into_response())
        }
        Answer::Opened {
            account,
            replayed: true,
        } => Ok(replay(show::account(&account))),
        Answer::ClabeTaken => Err(Problem::from(Code::ClabeTaken)),
        Answer::KeyConflict { payout } => {
            Err(Problem::from(Code::KeyReused).about(payout.map(|payout| payout.to_string())))
        }
        Answer::Accepted { .. } | Answer::Refused { .. } | Answer::Cancelled(_) | Answer::TooLate(_) => {
            Err(unexpected())
        }
        Answer::Stands(..) | Answer::Ended(..) | Answer::Open(_) | Answer::Unknown => Err(unexpected()),
    }
}

/// `GET /v1/accounts/{id}`.
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<AccountId>,
) -> Answered<Response> {
    Ok(reply(StatusCode::OK, show::account(&owned(&api, &caller, id).await?)))
}

/// `GET /v1/accounts/{id}/movements?after=&limit=`: the newest first.
pub(super) async fn movements(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<AccountId>,
    page: Page,
) -> Answered<Response> {
    owned(&api, &caller, id).await?;
    let mut rows = read::movements(api.ledger.pool(), id, page.after, page.limit.saturating_add(1)).await?;
    let is_last = rows.len() <= usize::from(page.limit);
    rows.truncate(usize::from(page.limit));
    let next = rows.last().filter(|_| !is_last).map(|row| row.id);
    let data: Vec<Value> = rows.iter().map(|row| show::movement(row, id)).collect();
    Ok(reply(StatusCode::OK, json!({ "data": data, "next_cursor": next })))
}

/// An account that this caller sees; any other does not exist.
async fn owned(api: &Api, caller: &Caller, id: AccountId) -> Answered<Account> {
    let account = read::account(api.ledger.pool(), id).await?;
    account
        .filter(|row| row.caller.as_deref().is_some_and(|owner| caller.sees(owner)))
        .ok_or(Problem::from(Code::NotFound))
}

/// The ledger answered another question than it was asked.
fn unexpected() -> Problem {
    tracing::error!(command = "open", "the ledger answered another question");
    Problem::from(Code::Internal)
}
