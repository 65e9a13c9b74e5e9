//! Whether this process lives, and whether it can accept: for that it needs the books, and not Temporal. And the way in.

use std::{sync::Arc, time::Duration};

use axum::{extract::State as Shared, http::StatusCode, response::Response};

use super::{
    Answered, Api,
    problem::{Code, Problem},
    show::reply,
    view::health::{Health, Ready, Root},
};

/// Books that take longer are away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Say what this is
///
/// and where it is described.
#[utoipa::path(get, path = "/", tag = "health", operation_id = "root", security(()),
    responses((status = 200, description = "The way in.", body = Root)))]
pub(super) async fn root() -> Response {
    let root = Root {
        name: "giro".to_owned(),
        docs: "/docs".to_owned(),
        openapi: "/openapi.json".to_owned(),
    };
    reply(StatusCode::OK, root)
}

/// Say whether this process lives
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "alive", security(()),
    responses((status = 200, description = "It does.", body = Health)))]
pub(super) async fn alive() -> Response {
    let status = "alive".to_owned();
    reply(StatusCode::OK, Health { status })
}

/// Say whether this process can accept payouts
///
/// It can while the books answer, whether Temporal does or not.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "ready", security(()),
    responses((status = 200, description = "It can.", body = Ready)))]
pub(super) async fn ready(Shared(api): Shared<Arc<Api>>) -> Answered<Response> {
    match tokio::time::timeout(PATIENCE, api.ledger.now()).await {
        Ok(Ok(now)) => {
            let ready = Ready {
                status: "ready".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                now,
            };
            Ok(reply(StatusCode::OK, ready))
        }
        Ok(Err(_)) | Err(_) => Err(Problem::because(Code::Later, "The books do not answer.")),
    }
}
