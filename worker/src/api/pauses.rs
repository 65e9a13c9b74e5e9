//! A bank is paused or resumed by people, with a reason and the name of who did it.

use std::sync::Arc;

use activities::{
    crash::{self, Point},
    ledger::{Pause, StoreError, set_pause},
};
use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
    response::Response,
};
use tracing::info;
use workflows::domain::{FieldCode, FieldError};

use super::{
    Answered, Api,
    caller::{Admin, Caller},
    extract::JsonBody,
    idempotency::Key,
    params::{Nothing, Params},
    problem::{Code, Problem},
    show::reply,
    view::{bank::Bank, request::BankPause},
};

/// Characters of a reason, at most.
const LONGEST: usize = 200;

/// Pause a bank
///
/// Nothing more is sent through it; asking and ending go on.
#[utoipa::path(post, path = "/v1/banks/{name}/pause", tag = "banks", operation_id = "pauseBank",
    params(("name" = String, Path, description = "The bank.", example = "stp")),
    request_body = BankPause, responses((status = 200, description = "The bank as it stands.", body = Bank)))]
pub(super) async fn pause(
    Shared(api): Shared<Arc<Api>>,
    Admin(caller): Admin,
    _: Params<Nothing>,
    _key: Key,
    Path(bank): Path<String>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    set(&api, &caller, &bank, Pause::On, &body).await
}

/// Resume a bank
///
/// Ends every pause, backoff and attention of the bank.
#[utoipa::path(post, path = "/v1/banks/{name}/resume", tag = "banks", operation_id = "resumeBank",
    params(("name" = String, Path, description = "The bank.", example = "stp")),
    request_body = BankPause, responses((status = 200, description = "The bank as it stands.", body = Bank)))]
pub(super) async fn resume(
    Shared(api): Shared<Arc<Api>>,
    Admin(caller): Admin,
    _: Params<Nothing>,
    _key: Key,
    Path(bank): Path<String>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    set(&api, &caller, &bank, Pause::Off, &body).await
}

async fn set(api: &Api, caller: &Caller, bank: &str, pause: Pause, body: &[u8]) -> Answered<Response> {
    let reason = reason(body)?;
    let said = format!("{reason} ({})", caller.name());
    let mut connection = api.ledger.pool().acquire().await.map_err(StoreError::from)?;
    crash::at(Point::PauseBefore, bank);
    if !set_pause(&mut connection, bank, pause, &said).await? {
        return Err(Problem::from(Code::NotFound));
    }
    crash::at(Point::PauseAfter, bank);
    info!(bank, ?pause, reason = said, "set by people");
    let row = api.ledger.bank(bank).await?.ok_or(Problem::from(Code::NotFound))?;
    let now = api.ledger.now().await?;
    Ok(reply(StatusCode::OK, Bank::of(&row, &api.ledger.rules().calendar, now)))
}

/// The reason in `{"reason": "..."}`: one line that people read later.
fn reason(body: &[u8]) -> Answered<String> {
    let wrong =
        |pointer: &'static str, code: FieldCode, fix: &str| Problem::fields(vec![FieldError::new(pointer, code, fix)]);
    let text = std::str::from_utf8(body).map_err(|_| wrong("", FieldCode::NotUtf8, "send JSON in UTF-8"))?;
    // A list would read as the fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(wrong("", FieldCode::WrongType, "send {\"reason\": \"...\"}"));
    }
    let why: BankPause = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => wrong(
            "/reason",
            FieldCode::Required,
            "send {\"reason\": \"...\"} and nothing else",
        ),
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            wrong("", FieldCode::InvalidJson, "send {\"reason\": \"...\"}")
        }
    })?;
    let reason = why.reason.trim();
    if !(1..=LONGEST).contains(&reason.chars().count()) || reason.chars().any(|letter| !is_plain(letter)) {
        let fix = format!("write one line of 1 to {LONGEST} characters, and no control characters");
        return Err(wrong("/reason", FieldCode::OutOfRange, &fix));
    }
    Ok(reason.to_owned())
}

/// What neither breaks a line of log nor turns it around.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn a_reason_is_one_plain_line() {
        let read = |body: &str| reason(body.as_bytes()).map_err(|problem| problem.into_response().status().as_u16());
        assert_eq!(
            read(r#"{"reason": " the bank asked "}"#),
            Ok("the bank asked".to_owned())
        );
        let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(201));
        for body in [
            "{}",
            "[]",
            r#"["a"]"#,
            r#"{"reason": ""}"#,
            r#"{"reason": 1}"#,
            r#"{"reason": "a", "reason": "b"}"#,
            r#"{"reason": "a", "bank": "b"}"#,
            r#"{"reason": "a\nb"}"#,
            r#"{"reason": "a\u202eb"}"#,
            long.as_str(),
        ] {
            assert_eq!(read(body), Err(422), "{body}");
        }
        for body in ["", "{", r#"{"reason": "a"} {}"#, "\u{feff}{}"] {
            assert_eq!(read(body), Err(400), "{body}");
        }
    }
}
