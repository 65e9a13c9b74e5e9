//! Answers as HTTP: JSON that nobody stores, and what says that it was answered before.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use workflows::domain::{AccountId, PayoutId, TransferId};

use super::idempotency::REPLAYED;

/// A JSON answer that nobody stores.
pub(super) fn reply(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The answer to a request that was answered before.
pub(super) fn replay(body: impl Serialize) -> Response {
    let mut response = reply(StatusCode::OK, body);
    again(&mut response);
    response
}

/// Says of an answer that its request was answered before.
pub(super) fn again(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
}

/// Where a payout is found.
pub(super) fn payout_path(id: PayoutId) -> String {
    format!("/v1/payouts/{id}")
}

/// Where a transfer is found.
pub(super) fn transfer_path(id: TransferId) -> String {
    format!("/v1/transfers/{id}")
}

/// Where an account is found.
pub(super) fn account_path(id: AccountId) -> String {
    format!("/v1/accounts/{id}")
}
