//! Whether this process lives, and whether it can accept: for that it needs the books, and not Temporal.

use std::{sync::Arc, time::Duration};

use axum::{extract::State as Shared, http::StatusCode, response::Response};
use serde_json::json;

use super::{
    Answered, Api,
    problem::{Code, Problem},
    show::reply,
};

/// Books that take longer are away.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`.
pub(super) async fn alive() -> Response {
    reply(StatusCode::OK, json!({ "status": "alive" }))
}

/// `GET /readyz`.
pub(super) async fn ready(Shared(api): Shared<Arc<Api>>) -> Answered<Response> {
    match tokio::time::timeout(PATIENCE, api.ledger.now()).await {
        Ok(Ok(_)) => Ok(reply(StatusCode::OK, json!({ "status": "ready" }))),
        Ok(Err(_)) | Err(_) => Err(Problem::because(Code::Later, "The books do not answer.")),
    }
}
