//! What banks tell us: stored as it came, answered after COMMIT, understood later by the bank's own worker.

use std::sync::Arc;

use activities::{bank::stp, inbox};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    extract::{Request, State as Shared},
    http::StatusCode,
    response::Response,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    Answered, Api,
    extract::{Id, whole},
    problem::{Code, Problem},
    show::reply,
};

/// `POST /webhooks/stp/{secret}/status` (STP: cambio de estado).
pub(super) async fn stp(Shared(api): Shared<Arc<Api>>, Id(secret): Id<String>, request: Request) -> Answered<Response> {
    if !is_ours(api.config.api.webhook_secret.as_ref(), &secret) {
        return Err(Problem::from(Code::NotFound));
    }
    let body = whole(request.into_body(), api.config.api.body_limit_bytes).await?;
    inbox::receive(api.ledger.pool(), stp::NAME, &body).await?;
    Ok(reply(StatusCode::OK, json!({ "mensaje": "recibido" })))
}

/// True for the configured secret; takes as long for any other text of its length.
fn is_ours(ours: Option<&SecretString>, given: &str) -> bool {
    ours.is_some_and(|ours| verify_slices_are_equal(ours.expose_secret().as_bytes(), given.as_bytes()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_secret_opens() {
        let ours = SecretString::from("dev-secret");
        assert!(is_ours(Some(&ours), "dev-secret"));
        for given in ["", "dev-secre", "dev-secreT", "dev-secret "] {
            assert!(!is_ours(Some(&ours), given));
        }
        assert!(!is_ours(None, ""), "no secret configured opens nothing");
    }
}
