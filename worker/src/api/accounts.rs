//! Accounts: open one, freeze and close one, list one's own, look at balances, movements and statements.

use std::sync::Arc;

use activities::ledger::{
    command::{Answer, Open},
    core::hex,
    read::{self, Days},
    rows::{Account, AccountStatus, Movement},
    standing::{self, Put, Wish},
};
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::civil::Date;
use tracing::info;
use utoipa::IntoParams;
use uuid::Uuid;
use workflows::domain::{AccountId, AccountRequest, FieldCode, MovementId};

use super::{
    Answered, Api,
    caller::{Caller, Operator, Payer, Reader},
    extract::{Id, JsonBody},
    idempotency::Key,
    params::{self, Nothing, Parameters, Params, day},
    plain,
    problem::{Code, Problem},
    show::{account_path, again, replay, reply},
    view::{
        account as view, form,
        page::Page,
        request::{NewAccount, Standing},
    },
};

/// Days of a statement, at most.
const LONGEST_STATEMENT: i32 = 366;

/// Open an account
///
/// An account of the caller's, with an audited opening credit or none.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", operation_id = "openAccount",
    request_body(
        content = NewAccount,
        description = "lowerCamelCase is taken too; an absent field, `null` and `\"\"` are the same.",
        example = json!({
            "clabe": "646180110000000339", "holder_name": "Ana Torres",
            "opening_credit": { "amount": 10_000_000, "reason": "opening balance" },
        }),
    ),
    responses(
        (status = 201, description = "Opened.", body = view::Account,
            headers(("Location" = String, description = "Where the account is found."))),
        (status = 200, description = "The account that this key opened before, as it stands.", body = view::Account),
    ))]
pub(super) async fn open(
    Shared(api): Shared<Arc<Api>>,
    Payer(caller): Payer,
    _: Params<Nothing>,
    key: Key,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let request = AccountRequest::from_json(&body)
        .and_then(|raw| raw.parse())
        .map_err(Problem::fields)?;
    if request.opening.is_some() && !caller.funds() {
        let detail = "An opening credit needs the scope `admin`: leave it out, or ask giro's operator. Nothing was done and the key is still free.";
        return Err(Problem::because(Code::Forbidden, detail));
    }
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
            Ok((place, reply(StatusCode::CREATED, view::Account::of(&account))).into_response())
        }
        Answer::Opened {
            account,
            replayed: true,
        } => Ok(replay(view::Account::of(&account))),
        Answer::ClabeTaken => Err(Problem::from(Code::ClabeTaken)),
        Answer::KeyConflict { payout } => {
            Err(Problem::from(Code::KeyReused).about(payout.map(|payout| payout.to_string())))
        }
        Answer::Accepted { .. } | Answer::Refused { .. } | Answer::Cancelled(_) | Answer::TooLate(_) => {
            Err(Problem::unexpected("open"))
        }
        Answer::CatchingUp(_) | Answer::Stands(..) => Err(Problem::unexpected("open")),
        Answer::Ended(..) | Answer::Open(_) | Answer::Unknown => Err(Problem::unexpected("open")),
        Answer::Received { .. } | Answer::Placed(_) | Answer::Waits { .. } | Answer::NotCured { .. } => {
            Err(Problem::unexpected("open"))
        }
        Answer::Decided(_) | Answer::Awaits(_) | Answer::NotDecided(_) => Err(Problem::unexpected("open")),
    }
}

/// Which page of accounts.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Accounts {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::AccountId>, inline)]
    after: Option<AccountId>,
}

impl Parameters for Accounts {
    fn read(query: &mut params::Reader) -> Self {
        Self {
            limit: query.limit(),
            after: query.after(),
        }
    }
}

/// List accounts
///
/// The caller's own, the last opened first.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", operation_id = "listAccounts", params(Accounts),
    responses((status = 200, description = "A page of accounts.", body = Page<view::Account>)))]
pub(super) async fn list(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Params(page): Params<Accounts>,
) -> Answered<Response> {
    let rows = read::accounts(
        api.ledger.pool(),
        caller.name(),
        page.after,
        page.limit.saturating_add(1),
    )
    .await?;
    let accounts = rows.iter().map(view::Account::of).collect();
    let page = Page::of(accounts, page.limit, |account: &view::Account| account.id.to_string());
    Ok(reply(StatusCode::OK, page))
}

/// Look at an account
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts", operation_id = "getAccount",
    params(("id" = inline(form::AccountId), Path, description = "The account.")),
    responses((status = 200, description = "The account and its balances.", body = view::Account)))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<AccountId>,
    _: Params<Nothing>,
) -> Answered<Response> {
    Ok(reply(StatusCode::OK, seen(&api, &caller, id).await?))
}

/// Freeze, open or close an account
///
/// While `frozen` it asks for no payouts and gets no transfers, and what comes in for it stands apart until people apply it. What
/// it asked for before goes on: take that back by cancel. `open` ends that. `closed` is for good, and needs an account without
/// money. Needs the scope `operate`; repeating a request changes nothing, however it stands since.
#[utoipa::path(post, path = "/v1/accounts/{id}/status", tag = "accounts", operation_id = "setAccountStatus",
    params(("id" = inline(form::AccountId), Path, description = "The account.")), request_body = Standing,
    responses((status = 200, description = "The account as it stands.", body = view::Account)))]
pub(super) async fn stand(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    key: Key,
    Id(id): Id<AccountId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    owned(&api, &caller, id).await?;
    let Standing { status, reason } = plain::read(&body, r#"{"status": "open, frozen or closed", "reason": "..."}"#)?;
    let known = AccountStatus::ALL.into_iter().find(|known| known.word() == status);
    let wish = Wish {
        account: id,
        status: known
            .ok_or_else(|| Problem::field("/status", FieldCode::InvalidParameter, "write open, frozen or closed"))?,
        person: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        reason: plain::line("/reason", &reason)?,
    };
    let put = standing::put(api.ledger.pool(), &wish).await?;
    match &put {
        Put::Done => info!(account = %id, status, by = wish.person, reason = wish.reason, "set by people"),
        Put::Replayed => {}
        Put::KeyReused => return Err(Problem::from(Code::KeyReused)),
        Put::Closed => return Err(Problem::from(Code::AccountClosed)),
        Put::NotEmpty { balance, held } => {
            let detail = format!(
                "It has {balance}, of which {held} is held for payouts under way. Nothing was changed; once all of it is paid out, close it."
            );
            return Err(Problem::because(Code::AccountNotEmpty, detail));
        }
        Put::Unknown => return Err(Problem::from(Code::NotFound)),
    }
    let mut response = reply(StatusCode::OK, seen(&api, &caller, id).await?);
    if put == Put::Replayed {
        again(&mut response);
    }
    Ok(response)
}

/// One account, with what people changed of its status for who operates.
async fn seen(api: &Api, caller: &Caller, id: AccountId) -> Answered<view::Account> {
    let account = view::Account::of(&owned(api, caller, id).await?);
    if !caller.operates() {
        return Ok(account);
    }
    let changes = standing::changes(api.ledger.pool(), id).await?;
    Ok(view::Account {
        status_changes: Some(changes.into_iter().map(view::StatusChange::from).collect()),
        ..account
    })
}

/// Which page of movements.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Movements {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::MovementId>, inline)]
    after: Option<MovementId>,
}

impl Parameters for Movements {
    fn read(query: &mut params::Reader) -> Self {
        Self {
            limit: query.limit(),
            after: query.after(),
        }
    }
}

/// List an account's movements
///
/// The last booked first.
#[utoipa::path(get, path = "/v1/accounts/{id}/movements", tag = "accounts", operation_id = "listMovements",
    params(("id" = inline(form::AccountId), Path, description = "The account."), Movements),
    responses((status = 200, description = "A page of movements.", body = Page<view::Movement>)))]
pub(super) async fn movements(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<AccountId>,
    Params(page): Params<Movements>,
) -> Answered<Response> {
    owned(&api, &caller, id).await?;
    let after = cursor(&api, id, page.after).await?;
    let rows = read::movements(api.ledger.pool(), id, after.as_ref(), page.limit.saturating_add(1)).await?;
    let movements = rows.iter().map(|row| view::Movement::of(row, id)).collect();
    let page = Page::of(movements, page.limit, |row: &view::Movement| row.id.to_string());
    Ok(reply(StatusCode::OK, page))
}

/// Which days of an account.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Statement {
    /// The first operating date: `YYYY-MM-DD`.
    #[param(value_type = Date, required = true, example = "2026-04-01")]
    from: Option<Date>,
    /// The last operating date, itself included; at most 366 days with the first.
    #[param(value_type = Date, required = true, example = "2026-04-30")]
    to: Option<Date>,
    /// Movements of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::MovementId>, inline)]
    after: Option<MovementId>,
}

impl Parameters for Statement {
    fn read(query: &mut params::Reader) -> Self {
        const DAY: &str = "write an operating date from 1970 on as 2026-04-01";
        let (from, to) = (query.required("from", DAY, day), query.required("to", DAY, day));
        if let (Some(from), Some(to)) = (from, to) {
            let days = (to - from).get_days().saturating_add(1);
            if days < 1 {
                query.fail(
                    "to",
                    FieldCode::InvalidParameter,
                    "write a date that is not before from",
                );
            } else if days > LONGEST_STATEMENT {
                let fix = format!("write a date within {LONGEST_STATEMENT} days of from, and ask again for the rest");
                query.fail("to", FieldCode::OutOfRange, &fix);
            }
        }
        Self {
            from,
            to,
            limit: query.limit(),
            after: query.after(),
        }
    }
}

/// Look at an account's statement
///
/// By operating date: the balance before the first day, what moved, the first booked first, the balance after the last.
/// All of it as the books are when asked: a day that is not over may still change.
#[utoipa::path(get, path = "/v1/accounts/{id}/statement", tag = "accounts", operation_id = "getStatement",
    params(("id" = inline(form::AccountId), Path, description = "The account."), Statement),
    responses((status = 200, description = "The statement, and a page of its movements.", body = view::Statement)))]
pub(super) async fn statement(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<AccountId>,
    Params(asked): Params<Statement>,
) -> Answered<Response> {
    owned(&api, &caller, id).await?;
    let (Some(from), Some(to)) = (asked.from, asked.to) else {
        return Err(Problem::from(Code::InvalidRequest));
    };
    let days = Days {
        from,
        to,
        after: cursor(&api, id, asked.after).await?,
        limit: asked.limit.saturating_add(1),
    };
    let found = read::statement(api.ledger.pool(), id, &days).await?;
    let found = found.ok_or(Problem::from(Code::NotFound))?;
    Ok(reply(
        StatusCode::OK,
        view::Statement::of(id, &days, &found, asked.limit),
    ))
}

/// The last movement of the page before.
async fn cursor(api: &Api, account: AccountId, after: Option<MovementId>) -> Answered<Option<Movement>> {
    let Some(id) = after else {
        return Ok(None);
    };
    let found = read::movement(api.ledger.pool(), account, id).await?;
    found.map(Some).ok_or_else(|| {
        let fix = "write the next_cursor of the page before";
        Problem::field("/after", FieldCode::InvalidParameter, fix)
    })
}

/// An account that this caller sees; any other does not exist.
async fn owned(api: &Api, caller: &Caller, id: AccountId) -> Answered<Account> {
    let account = read::account(api.ledger.pool(), id).await?;
    account
        .filter(|row| row.caller.as_deref().is_some_and(|owner| caller.sees(owner)))
        .ok_or(Problem::from(Code::NotFound))
}
