//! Banks: whether each may be sent to, and why not.

use std::sync::Arc;

use activities::ledger::read;
use axum::{extract::State as Shared, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{Answered, Api, caller::Reader, show};

/// `GET /v1/banks`.
pub(super) async fn list(Shared(api): Shared<Arc<Api>>, _: Reader) -> Answered<Response> {
    let banks = read::banks(api.ledger.pool()).await?;
    let data: Vec<Value> = banks.iter().map(show::bank).collect();
    Ok(show::reply(
        StatusCode::OK,
        json!({ "data": data, "next_cursor": null }),
    ))
}
