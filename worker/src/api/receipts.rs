//! Receipts of payouts (CEP): shown as the bank linked them, and looked up at Banxico where somebody wants that.

use std::sync::Arc;

use activities::{
    bank,
    banxico::{self, Question, Told, Wish},
    ledger::{read, rows::Payout},
};
use axum::{extract::State as Shared, http::StatusCode, response::Response};
use workflows::domain::PayoutId;

use super::{
    Answered, Api,
    caller::{Reader, Steward},
    extract::Id,
    idempotency::Key,
    params::{Nothing, Params},
    payouts::behind,
    problem::{Code, Problem},
    show::reply,
    trace,
    view::{form, receipt::Receipt},
};

/// Look at the receipt of a payout
///
/// Where Banxico has its CEP, as the bank linked it when it said that it is paid or in a later list of its day, and whose
/// account the beneficiary's bank says it was; and what Banxico's portal said, where somebody had it asked. It proves to people
/// what happened; nothing about money is decided by it.
#[utoipa::path(get, path = "/v1/payouts/{id}/receipt", tag = "payouts", operation_id = "getPayoutReceipt",
    params(("id" = inline(form::PayoutId), Path, description = "The payout.")),
    responses((status = 200, description = "The receipt, or why there is none.", body = Receipt)))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    Id(id): Id<PayoutId>,
    _: Params<Nothing>,
) -> Answered<Response> {
    trace::about(id);
    let payout = api.payout(&caller, id).await?.payout;
    let told = banxico::told(api.ledger.pool(), id).await?;
    Ok(reply(StatusCode::OK, receipt(&api, &payout, told).await?))
}

/// Have the receipt of a payout looked up at Banxico
///
/// Its portal is asked in the background, at the pace that it allows, and again for some hours where it has none yet: look at the
/// receipt to see what it said. Asked for again while that goes on, once it is found, or within an hour of an answer that will stay,
/// it changes nothing; one caller has 200 looked up at once. It proves to people
/// what happened; nothing about money is decided by it.
#[utoipa::path(post, path = "/v1/payouts/{id}/receipt", tag = "payouts", operation_id = "lookUpPayoutReceipt",
    params(("id" = inline(form::PayoutId), Path, description = "The payout.")),
    responses(
        (status = 200, description = "Nobody is asked: Banxico has given it, or has answered lately what it will not change; \
            `banxico.may_be_wanted_at` says when it is asked again.", body = Receipt),
        (status = 202, description = "Banxico is asked.", body = Receipt),
    ))]
pub(super) async fn look_up(
    Shared(api): Shared<Arc<Api>>,
    Steward(caller): Steward,
    _: Params<Nothing>,
    _key: Key,
    Id(id): Id<PayoutId>,
) -> Answered<Response> {
    trace::about(id);
    let payout = api.payout(&caller, id).await?.payout;
    if Question::of(&payout).is_none() {
        return Err(Problem::from(Code::NothingToLookUp));
    }
    let status = match banxico::wish(api.ledger.pool(), id, caller.name()).await? {
        Wish::Asked => {
            let starter = api.starter.clone();
            behind(async move { starter.look_up().await });
            StatusCode::ACCEPTED
        }
        Wish::Found | Wish::Lately(_) => StatusCode::OK,
        Wish::Full => return Err(Problem::from(Code::LookUpsFull)),
    };
    let told = banxico::told(api.ledger.pool(), id).await?;
    Ok(reply(status, receipt(&api, &payout, told).await?))
}

/// What the bank and Banxico have told of it.
async fn receipt(api: &Api, payout: &Payout, told: Option<Told>) -> Answered<Receipt> {
    let answers = read::confirmations(api.ledger.pool(), payout.id).await?;
    let found = answers.into_iter().find_map(|answer| {
        let key = payout.tracking_key.as_str();
        Some((
            answer.at,
            bank::receipt(&payout.bank, answer.status, &answer.received, key)?,
        ))
    });
    let found = match found {
        Some(found) => Some(found),
        None => read::receipt(api.ledger.pool(), payout.id).await?,
    };
    Ok(Receipt::of(payout, found, told))
}
