//! Bodies and ids of requests, read once and within limits.

use std::{error::Error, str::FromStr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use http_body_util::LengthLimitError;

use super::{
    Api,
    problem::{Code, Problem},
};

/// A whole body must be here by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body: declared as such, whole, within the limit, and not looked at.
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<Arc<Api>> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::from(Code::UnsupportedMediaType));
        }
        whole(request.into_body(), api.config.api.body_limit_bytes)
            .await
            .map(Self)
    }
}

/// True for `application/json`, with parameters or without, and no content coding.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let coding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
    essence.eq_ignore_ascii_case("application/json") && coding.is_none_or(|coding| coding == b"identity")
}

/// The whole body, if it is within `limit` bytes and comes in time.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    within(body, limit, PATIENCE).await
}

async fn within(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Problem> {
    match tokio::time::timeout(patience, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(Problem::from(Code::BodyTooLarge)),
        Ok(Err(_)) => Err(Problem::because(
            Code::InvalidJson,
            "The body did not arrive whole: send it again.",
        )),
        Err(_) => Err(Problem::from(Code::RequestTimeout)),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    error.source().is_some_and(|source| source.is::<LengthLimitError>())
}

/// The `{id}` of a path; what is not an id names nothing.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr + Send, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::from(Code::NotFound));
        };
        text.parse().map(Self).map_err(|_| Problem::from(Code::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use axum::{http::HeaderValue, response::IntoResponse};

    use super::*;

    #[test]
    fn only_plain_json_is_json() {
        let is = |kind: &'static str, coding: Option<&'static str>| {
            let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            headers.extend(coding.map(|coding| (header::CONTENT_ENCODING, HeaderValue::from_static(coding))));
            is_json(&headers)
        };
        assert!(is("application/json", None) && is("Application/JSON; charset=utf-8", Some("identity")));
        assert!(!is("text/plain", None) && !is("application/jsonp", None) && !is("application/json", Some("gzip")));
        assert!(!is_json(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_body_past_the_limit_is_413_and_one_within_it_is_whole() {
        assert_eq!(whole(Body::from("12345"), 5).await.ok().as_deref(), Some(&b"12345"[..]));
        let stream = futures::stream::iter(
            ["123", "456"].map(|part| Ok::<_, std::io::Error>(Bytes::from_static(part.as_bytes()))),
        );
        for body in [Body::from("123456"), Body::from_stream(stream)] {
            let problem = whole(body, 5).await.expect_err("is too large");
            assert_eq!(problem.into_response().status(), 413);
        }
        let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut off"))]);
        let problem = whole(Body::from_stream(broken), 5).await.expect_err("is cut off");
        assert_eq!(problem.into_response().status(), 400);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_408() {
        let endless = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let problem = within(Body::from_stream(endless), 5, Duration::from_millis(20))
            .await
            .expect_err("is too slow");
        assert_eq!(problem.into_response().status(), 408);
    }
}
