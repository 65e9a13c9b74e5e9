//! Around each request: an id, a span, a limit in time and one line of log. Paths and bodies are never logged:
//! a path may hold the bank's secret, a body holds people.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request},
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
    let (method, route) = (known(request.method()), route(&request));
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
        meters::answered(method, &route, status, began.elapsed());
        match status {
            _ if status.is_server_error() => warn!(status = status.as_u16(), ms = took, "answered"),
            _ if matches!(route.as_str(), "/healthz" | "/readyz") => {
                debug!(status = status.as_u16(), ms = took, "answered")
            }
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

/// The route that a request has, as the router writes it: without what the caller wrote into the path.
fn route(request: &Request) -> String {
    let matched = request.extensions().get::<MatchedPath>();
    matched.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn, routing::post};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_route_repeats_nothing_of_the_path() {
        let tell = async |request: Request, _: Next| route(&request).into_response();
        let router = Router::new()
            .route("/webhooks/stp/{secret}/status", post(|| async {}))
            .fallback(|| async {})
            .layer(from_fn(tell));
        for (path, expected) in [
            ("/webhooks/stp/hunter2/status", "/webhooks/stp/{secret}/status"),
            ("/webhooks/stp/hunter2", "other"),
            ("/v1/hunter2", "other"),
            ("/", "other"),
        ] {
            let request = Request::post(path).body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let told = axum::body::to_bytes(answer.into_body(), 200).await.expect("a body");
            assert_eq!(told, expected.as_bytes(), "{path}");
        }
    }
}
