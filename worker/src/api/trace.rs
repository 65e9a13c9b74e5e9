//! Around each request: an id, a span, a limit in time and one line of log. Paths and bodies are never logged:
//! a path may hold the bank's secret, a body holds people.

use std::time::{Duration, Instant};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::{Instrument, Span, debug, field, info, info_span, warn};
use uuid::Uuid;
use workflows::domain::PayoutId;

use super::problem::{Code, Problem};
use crate::meters;

/// Longer than every wait inside: what is still under way by then hangs.
const LIMIT: Duration = Duration::from_secs(60);
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static REQUEST: Uuid;
}

/// The id of the request that this task answers.
pub(super) fn request_id() -> Option<Uuid> {
    REQUEST.try_with(|id| *id).ok()
}

/// Names the payout that the request is about, in its span.
pub(super) fn about(payout: PayoutId) {
    Span::current().record("payout", field::display(payout));
}

/// Names who asks, and the public half of the key, in the span.
pub(super) fn by(caller: &str, key: Option<&str>) {
    Span::current().record("caller", caller);
    if let Some(key) = key {
        Span::current().record("key", key);
    }
}

/// Runs one request.
pub(super) async fn request(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    let (method, route) = (known(request.method()), route(request.uri().path()));
    let span = info_span!(
        "request",
        %id,
        method,
        route,
        caller = field::Empty,
        key = field::Empty,
        payout = field::Empty
    );
    let answer = async {
        let began = Instant::now();
        let ran = tokio::time::timeout(LIMIT, next.run(request)).await;
        let mut response = ran.unwrap_or_else(|_| Problem::from(Code::Later).into_response());
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = response.status();
        meters::answered(method, route, status, began.elapsed());
        match status {
            _ if status.is_server_error() => warn!(status = status.as_u16(), ms = took, "answered"),
            _ if matches!(route, "/healthz" | "/readyz") => debug!(status = status.as_u16(), ms = took, "answered"),
            _ => info!(status = status.as_u16(), ms = took, "answered"),
        }
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert(HEADER, value);
        }
        response
    };
    REQUEST.scope(id, answer.instrument(span)).await
}

/// The method, if it is one that the API has.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// The route of a path, without what the caller wrote into it.
fn route(path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["v1", "payouts"] => "/v1/payouts",
        ["v1", "payouts", "validate"] => "/v1/payouts/validate",
        ["v1", "payouts", _] => "/v1/payouts/{id}",
        ["v1", "payouts", _, "timeline"] => "/v1/payouts/{id}/timeline",
        ["v1", "payouts", _, "cancel"] => "/v1/payouts/{id}/cancel",
        ["v1", "payouts", _, "retry"] => "/v1/payouts/{id}/retry",
        ["v1", "accounts"] => "/v1/accounts",
        ["v1", "accounts", _] => "/v1/accounts/{id}",
        ["v1", "accounts", _, "movements"] => "/v1/accounts/{id}/movements",
        ["v1", "accounts", _, "statement"] => "/v1/accounts/{id}/statement",
        ["v1", "banks"] => "/v1/banks",
        ["v1", "attention"] => "/v1/attention",
        ["docs", "problems"] => "/docs/problems",
        ["docs", "problems", _] => "/docs/problems/{code}",
        ["docs", "runbook"] => "/docs/runbook",
        ["docs", "runbook", _] => "/docs/runbook/{cause}",
        ["v1", "institutions"] => "/v1/institutions",
        ["v1", "institutions", _] => "/v1/institutions/{code}",
        [""] => "/",
        ["openapi.json"] => "/openapi.json",
        ["docs", ..] => "/docs",
        ["v1", "banks", _, "pause"] => "/v1/banks/{name}/pause",
        ["v1", "banks", _, "resume"] => "/v1/banks/{name}/resume",
        ["webhooks", "stp", _, "status"] => "/webhooks/stp/{secret}/status",
        ["healthz"] => "/healthz",
        ["readyz"] => "/readyz",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_repeats_nothing_of_the_path() {
        assert_eq!(route("/v1/payouts/po_1"), "/v1/payouts/{id}");
        assert_eq!(route("/webhooks/stp/hunter2/status"), "/webhooks/stp/{secret}/status");
        for path in [
            "",
            "/",
            "/v1/payouts/",
            "/v1/hunter2",
            "/webhooks/stp/hunter2",
            "/v1/payouts/a/b",
        ] {
            assert!(!route(path).contains("hunter2"), "{path}");
        }
    }
}
