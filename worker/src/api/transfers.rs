//! Transfers between two accounts of giro's own: made at once, or held for a time and taken back until then.

use std::sync::Arc;

use activities::{
    crash::{self, Point},
    ledger::{
        command::Accept,
        core::hex,
        read::{self, Seen, Wanted},
    },
};
use axum::{
    extract::State as Shared,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa::IntoParams;
use uuid::Uuid;
use workflows::{
    GIRO,
    domain::{
        AccountId, BeneficiaryName, Centavos, Clabe, FieldCode, InstitutionCode, NumericReference, Order, PayoutId,
        State, TaxId, TransferId, TransferOrder, TransferRequest,
    },
};

use super::{
    Answered, Api,
    caller::{Caller, Payer, Reader, Steward},
    extract::{Id, JsonBody},
    idempotency::Key,
    lists,
    params::{self, Nothing, Parameters, Params},
    payouts::{accepted, drive, take_back},
    problem::{Code, Problem},
    show::{replay, reply, transfer_path},
    trace,
    view::{form, page::Page, request::NewTransfer, transfer::Transfer},
};

/// Ask for a transfer
///
/// Moves money from one account of giro's own to another in one block, without a bank and without a fee; or holds it now and
/// moves it at `process_after`, when it can be taken back until then. The same key and body get the same transfer, or the
/// same refusal, for ever.
#[utoipa::path(post, path = "/v1/transfers", tag = "transfers", operation_id = "createTransfer",
    request_body(
        content = NewTransfer,
        description = "lowerCamelCase is taken too; an absent field, `null` and `\"\"` are the same.",
        example = json!({
            "account": "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f", "to_account": "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e10",
            "amount": 12_300, "currency": "MXN", "concept": "Renta de diciembre",
        }),
    ),
    responses(
        (status = 201, description = "Made, or held for its time.", body = Transfer,
            headers(("Location" = String, description = "Where the transfer is found."))),
        (status = 200, description = "The transfer that this key has already, as it stands.", body = Transfer),
    ))]
pub(super) async fn create(
    Shared(api): Shared<Arc<Api>>,
    Payer(caller): Payer,
    _: Params<Nothing>,
    key: Key,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let accept = wish(&api, &caller, &key, &body).await?;
    crash::at(Point::CreateBeforeAccept, &accept.payout);
    let (payout, replayed) = accepted(api.ledger.accept(accept).await?)?;
    trace::about(payout.id);
    crash::at(Point::CreateAfterAccept, &payout.id);
    drive(&api, &payout);
    let seen = transfer(&api, &caller, payout.id.into()).await?;
    if replayed {
        return Ok(replay(shown(&api, &seen)?));
    }
    crash::at(Point::CreateBeforeAnswer, &payout.id);
    // What accept wrote, not what has become of it since.
    let seen = Seen {
        payout,
        raised: None,
        ..seen
    };
    let place = [(header::LOCATION, transfer_path(seen.payout.id.into()))];
    Ok((place, reply(StatusCode::CREATED, shown(&api, &seen)?)).into_response())
}

/// What a body asks for. The beneficiary is the other account's customer, as the books have them.
async fn wish(api: &Api, caller: &Caller, key: &Key, body: &[u8]) -> Answered<Accept> {
    let request = TransferRequest::from_json(body).map_err(Problem::fields)?;
    let on = api.operating_date().await?.date();
    let asked: TransferOrder = request.parse(Some(on)).map_err(Problem::fields)?;
    let unknown = || {
        let fix = "name an account of giro's own that the books have";
        Problem::field("/to_account", FieldCode::UnknownAccount, fix)
    };
    let found = read::account(api.ledger.pool(), asked.to_account).await?;
    let payee = found
        .filter(|account| account.caller.as_deref() == Some(caller.name()))
        .ok_or_else(unknown)?;
    let (Some(clabe), Some(tax_id)) = (&payee.clabe, &payee.tax_id) else {
        return Err(unknown());
    };
    let clabe = Clabe::new(clabe.expose()).map_err(|_| Problem::from(Code::Internal))?;
    let institution = api.institutions.of(&clabe, on).map(|found| found.code);
    Ok(Accept {
        payout: PayoutId::new(Uuid::now_v7()),
        caller: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        hash: hex(&asked.hash(caller.name())),
        bank: GIRO.to_owned(),
        is_transfer: true,
        order: Order {
            account: asked.account,
            amount: asked.amount,
            clabe,
            institution: institution.unwrap_or(InstitutionCode::new(0)),
            name: BeneficiaryName::from_stored(payee.name.expose()),
            tax_id: TaxId::from_stored(tax_id.expose()),
            concept: asked.concept,
            reference: NumericReference::new(REFERENCE).map_err(|_| Problem::from(Code::Internal))?,
            process_after: asked.process_after,
        },
        fee: Centavos::ZERO,
        iva: Centavos::ZERO,
    })
}

/// No bank reads it.
const REFERENCE: u32 = 1;

/// Look at a transfer
#[utoipa::path(get, path = "/v1/transfers/{id}", tag = "transfers", operation_id = "getTransfer",
    params(("id" = inline(form::TransferId), Path, description = "The transfer.")),
    responses((status = 200, description = "The transfer.", body = Transfer)))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<TransferId>,
    _: Params<Nothing>,
) -> Answered<Response> {
    let seen = transfer(&api, &caller, id).await?;
    Ok(reply(StatusCode::OK, shown(&api, &seen)?))
}

/// Take a transfer back
///
/// Gives the money back as long as it is held; once it has moved, 409, and nothing is changed.
#[utoipa::path(post, path = "/v1/transfers/{id}/cancel", tag = "transfers", operation_id = "cancelTransfer",
    params(("id" = inline(form::TransferId), Path, description = "The transfer.")),
    responses((status = 200, description = "Cancelled, now or before: the money is back.", body = Transfer)))]
pub(super) async fn cancel(
    Shared(api): Shared<Arc<Api>>,
    Steward(caller): Steward,
    _: Params<Nothing>,
    _key: Key,
    Id(id): Id<TransferId>,
) -> Answered<Response> {
    let before = transfer(&api, &caller, id).await?.payout.state;
    take_back(&api, &caller, id.payout()).await?;
    let body = shown(&api, &transfer(&api, &caller, id).await?)?;
    Ok(if before == State::Cancelled {
        replay(body)
    } else {
        reply(StatusCode::OK, body)
    })
}

/// Which transfers.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Transfers {
    /// In one of these states; write it once for each.
    #[param(value_type = Vec<form::State>, inline, required = false, example = json!(["accepted"]))]
    state: Vec<State>,
    /// From this account.
    #[param(value_type = Option<form::AccountId>, inline)]
    account: Option<AccountId>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::TransferId>, inline)]
    after: Option<TransferId>,
}

impl Parameters for Transfers {
    fn read(query: &mut params::Reader) -> Self {
        let states: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
        let states = format!("write one of {}", states.join(", "));
        Self {
            state: query.many("state", &states, |text| text.parse().ok()),
            account: query.one("account", "write acc_ and 32 lower-case hex digits", |text| {
                text.parse().ok()
            }),
            limit: query.limit(),
            after: query.after(),
        }
    }
}

/// List transfers
///
/// The last accepted first: a caller's own, or everybody's for a caller who operates.
#[utoipa::path(get, path = "/v1/transfers", tag = "transfers", operation_id = "listTransfers", params(Transfers),
    responses((status = 200, description = "A page of transfers.", body = Page<Transfer>)))]
pub(super) async fn list(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Params(list): Params<Transfers>,
) -> Answered<Response> {
    let after = match list.after {
        None => None,
        Some(id) => Some((lists::cursor(&api, &caller, id.payout()).await?, id.payout())),
    };
    let wanted = Wanted {
        caller: (!caller.operates()).then(|| caller.name().to_owned()),
        is_transfer: Some(true),
        states: list.state,
        account: list.account,
        after,
        limit: list.limit.saturating_add(1),
        ..Wanted::default()
    };
    let found = read::payouts(api.ledger.pool(), &wanted).await?;
    let shown = found
        .iter()
        .filter_map(|seen| Transfer::of(seen, api.context()))
        .collect();
    let page = Page::of(shown, list.limit, |transfer: &Transfer| transfer.id.to_string());
    Ok(reply(StatusCode::OK, page))
}

/// A transfer that this caller sees; anything else does not exist.
async fn transfer(api: &Api, caller: &Caller, id: TransferId) -> Answered<Seen> {
    let seen = api.payout(caller, id.payout()).await?;
    Some(seen)
        .filter(|seen| seen.payout.is_transfer)
        .ok_or(Problem::from(Code::NotFound))
}

fn shown(api: &Api, seen: &Seen) -> Answered<Transfer> {
    Transfer::of(seen, api.context()).ok_or(Problem::from(Code::Internal))
}
