//! The key under which a request is done once, however often it is sent.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};

use super::problem::{Code, Problem};

/// The header that a caller sends.
const HEADER: &str = "idempotency-key";
/// The header that says: this was answered before.
pub(super) const REPLAYED: &str = "idempotent-replayed";
const LONGEST: usize = 255;

/// The caller's own word for one request: 1 to 255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    /// The key as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next().ok_or(Problem::from(Code::KeyMissing))?.as_bytes();
        if values.next().is_some() || !(1..=LONGEST).contains(&value.len()) || !value.iter().all(u8::is_ascii_graphic) {
            return Err(Problem::from(Code::KeyInvalid));
        }
        Ok(Self(value.iter().copied().map(char::from).collect()))
    }
}

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        http::{HeaderName, HeaderValue},
        response::IntoResponse,
    };

    use super::*;

    fn read(values: &[&str]) -> Result<String, u16> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's bytes");
            headers.append(HeaderName::from_static(HEADER), value);
        }
        Key::of(&headers)
            .map(|key| key.0)
            .map_err(|problem| problem.into_response().status().as_u16())
    }

    #[test]
    fn one_visible_word_is_a_key() {
        assert_eq!(read(&["a-1:~!"]), Ok("a-1:~!".to_owned()));
        assert_eq!(read(&[&"x".repeat(255)]).map(|key| key.len()), Ok(255));
    }

    #[test]
    fn anything_else_is_none() {
        let long = "x".repeat(256);
        for values in [
            &[][..],
            &[""],
            &["a b"],
            &["a\tb"],
            &["é"],
            &[long.as_str()],
            &["a", "a"],
        ] {
            assert_eq!(read(values), Err(400), "{values:?}");
        }
    }
}
