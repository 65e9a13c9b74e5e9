//! What banks tell us, on a listener of its own: stored as it came, answered after COMMIT, understood later by the
//! bank's own worker. STP signs nothing, so that whoever may call is told by address, path and password together, and
//! what is said is never more than a hint.

use std::{num::NonZeroU32, sync::Arc};

use activities::{
    bank::{Hint, stp},
    crash::{self, Point},
    inbox::{self, Delivery},
};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use axum::{
    Router,
    extract::{Request, State as Shared},
    http::{HeaderValue, StatusCode, header},
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use governor::Quota;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    Api,
    extract::{Id, is_json, whole},
    health,
    listen::{ByAddress, remote},
    problem::{Code, Problem},
    show::reply,
    trace,
};
use crate::{config, meters};

/// Who may call, and how often.
struct Gate {
    api: Arc<Api>,
    /// What `Authorization` must be, when there is a password.
    basic: Option<SecretString>,
    share: ByAddress,
}

/// Every route of the banks' listener.
pub(super) fn router(api: Arc<Api>) -> Router {
    let config = &api.config.webhooks;
    let per_second = NonZeroU32::new(config.per_second).unwrap_or(NonZeroU32::MIN);
    let gate = Gate {
        basic: basic(config),
        share: ByAddress::new(Quota::per_second(per_second)),
        api: Arc::clone(&api),
    };
    let health = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(api);
    Router::new()
        .route("/webhooks/stp/{secret}/status", post(status))
        .route("/webhooks/stp/{secret}/deposit", post(deposit))
        .with_state(Arc::new(gate))
        .merge(health)
        .fallback(|| async { Problem::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::from(Code::MethodNotAllowed) })
        .layer(from_fn(trace::request))
}

/// `POST /webhooks/stp/{secret}/status` (STP: cambio de estado).
async fn status(Shared(gate): Shared<Arc<Gate>>, Id(secret): Id<String>, request: Request) -> Response {
    stp(&gate, &secret, request, "recibido").await
}

/// `POST /webhooks/stp/{secret}/deposit` (STP: sendAbono). It is always confirmed: what nobody can be given is set apart.
async fn deposit(Shared(gate): Shared<Arc<Gate>>, Id(secret): Id<String>, request: Request) -> Response {
    stp(&gate, &secret, request, "confirmar").await
}

/// Stores a webhook of STP's, and says the word that it waits for.
async fn stp(gate: &Gate, secret: &str, request: Request, word: &'static str) -> Response {
    match take(gate, secret, request).await {
        Ok(()) => reply(StatusCode::OK, json!({ "mensaje": word })),
        Err((reason, problem)) => {
            meters::webhook_refused(stp::NAME, reason);
            let mut response = problem.into_response();
            if reason == "password" {
                let realm = HeaderValue::from_static("Basic realm=\"giro\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
            }
            response
        }
    }
}

async fn take(gate: &Gate, secret: &str, request: Request) -> Result<(), (&'static str, Problem)> {
    let config = &gate.api.config.webhooks;
    let from = remote(request.extensions());
    let refused = |reason, code| Err((reason, Problem::from(code)));
    if !config.allows(from) {
        return refused("address", Code::Forbidden);
    }
    if !gate.share.allows(from) {
        return refused("rate", Code::RateLimited);
    }
    if !is_ours(config.secret.as_ref(), secret.as_bytes()) {
        return refused("secret", Code::NotFound);
    }
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|value| value.as_bytes());
    if gate.basic.is_some() && !is_ours(gate.basic.as_ref(), given.unwrap_or_default()) {
        return refused("password", Code::Unauthenticated);
    }
    let is_json = is_json(request.headers());
    let body = whole(request.into_body(), config.body_limit_bytes).await;
    let body = body.map_err(|problem| ("body", problem))?;
    let hint = stp::parse_webhook(&body);
    let odd = hint.is_none().then_some("unreadable");
    // What reads is worked on however it is declared: it proves nothing, and a return may be told only once.
    if let Some(reason) = odd.or((!is_json).then_some("content type")) {
        meters::webhook_odd(stp::NAME, reason);
    }
    let delivery = Delivery {
        body: &body,
        remote: from,
        odd,
    };
    let pass = |point| match &hint {
        Some(Hint::Order(notice)) => crash::at(point, &notice.tracking_key),
        Some(Hint::Received { .. }) | None => {}
    };
    pass(Point::WebhookBeforeInsert);
    let stored = inbox::receive(gate.api.ledger.pool(), stp::NAME, delivery).await;
    stored.map_err(|error| ("not_stored", Problem::from(error)))?;
    pass(Point::WebhookAfterInsert);
    Ok(())
}

/// The header that user and password make (RFC 7617).
fn basic(config: &config::Webhooks) -> Option<SecretString> {
    let (user, password) = (config.basic_user.as_ref()?, config.basic_password.as_ref()?);
    let pair = format!("{user}:{}", password.expose_secret());
    Some(format!("Basic {}", BASE64_STANDARD.encode(pair)).into())
}

/// True for the configured secret. Hashes are compared, so that the time tells neither where a guess differs nor
/// how long the secret is.
fn is_ours(ours: Option<&SecretString>, given: &[u8]) -> bool {
    ours.is_some_and(|ours| {
        let [ours, given] = [ours.expose_secret().as_bytes(), given].map(|bytes| digest(&SHA256, bytes));
        verify_slices_are_equal(ours.as_ref(), given.as_ref()).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configured_secret_opens() {
        let ours = SecretString::from("dev-secret");
        assert!(is_ours(Some(&ours), b"dev-secret"));
        for given in ["", "dev-secre", "dev-secreT", "dev-secret "] {
            assert!(!is_ours(Some(&ours), given.as_bytes()));
        }
        assert!(!is_ours(None, b""), "no secret configured opens nothing");
    }
}
