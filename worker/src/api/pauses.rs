//! A bank is paused or resumed by people, with a reason and the name of who did it.

use std::sync::Arc;

use activities::{
    crash::{self, Point},
    ledger::{self, Resumed, StoreError},
};
use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
    response::Response,
};
use tracing::info;

use super::{
    Answered, Api,
    caller::{Admin, Caller},
    extract::JsonBody,
    idempotency::Key,
    params::{Nothing, Params},
    plain,
    problem::{Code, Problem},
    show::reply,
    view::{
        bank::Bank,
        request::{BankPause, BankResume},
    },
};

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
    let said = caller.says(&reason(&body)?);
    let mut connection = api.ledger.pool().acquire().await.map_err(StoreError::from)?;
    crash::at(Point::PauseBefore, &*bank);
    let is_there = ledger::pause(&mut connection, &bank, &said).await?;
    crash::at(Point::PauseAfter, &*bank);
    if !is_there {
        return Err(Problem::from(Code::NotFound));
    }
    info!(bank, reason = said, "paused by people");
    shown(&api, &bank, &caller).await
}

/// Resume a bank
///
/// Ends the pause that began at `paused_at`, with every backoff and attention of the bank. Where another pause stands,
/// nothing is done: repeating a request never ends a newer alarm.
#[utoipa::path(post, path = "/v1/banks/{name}/resume", tag = "banks", operation_id = "resumeBank",
    params(("name" = String, Path, description = "The bank.", example = "stp")),
    request_body = BankResume, responses((status = 200, description = "The bank as it stands.", body = Bank)))]
pub(super) async fn resume(
    Shared(api): Shared<Arc<Api>>,
    Admin(caller): Admin,
    _: Params<Nothing>,
    _key: Key,
    Path(bank): Path<String>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let BankResume { reason, paused_at } = resuming(&body)?;
    let said = caller.says(&reason);
    let mut connection = api.ledger.pool().acquire().await.map_err(StoreError::from)?;
    crash::at(Point::PauseBefore, &*bank);
    let resumed = ledger::resume(&mut connection, &bank, paused_at, &said).await?;
    crash::at(Point::PauseAfter, &*bank);
    match resumed {
        Resumed::Done => shown(&api, &bank, &caller).await,
        Resumed::Other(_) => Err(Problem::from(Code::AnotherPause)),
        Resumed::Unknown => Err(Problem::from(Code::NotFound)),
    }
}

/// A bank as it stands, to who asks.
pub(super) async fn shown(api: &Api, bank: &str, caller: &Caller) -> Answered<Response> {
    let row = api.ledger.bank(bank).await?.ok_or(Problem::from(Code::NotFound))?;
    let now = api.ledger.now().await?;
    let bank = Bank::of(&row, &api.ledger.rules().calendar, now);
    Ok(reply(StatusCode::OK, bank.seen_by(caller)))
}

/// The body that pauses a bank.
const PAUSING: &str = r#"{"reason": "..."}"#;
/// The body that resumes one.
const RESUMING: &str = r#"{"reason": "...", "paused_at": "..."}"#;

/// The reason in `{"reason": "..."}`.
fn reason(body: &[u8]) -> Answered<String> {
    let why: BankPause = plain::read(body, PAUSING)?;
    plain::line("/reason", &why.reason)
}

/// The reason, and the pause that ends.
fn resuming(body: &[u8]) -> Answered<BankResume> {
    let why: BankResume = plain::read(body, RESUMING)?;
    let reason = plain::line("/reason", &why.reason)?;
    Ok(BankResume { reason, ..why })
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
        let resuming = |body: &str| resuming(body.as_bytes()).map(|why| why.paused_at);
        let named = r#"{"reason": "a", "paused_at": "2026-11-23T09:00:00.123456Z"}"#;
        assert_eq!(
            resuming(named).ok().flatten().map(|at| at.to_string()).as_deref(),
            Some("2026-11-23T09:00:00.123456Z")
        );
        assert_eq!(resuming(r#"{"reason": "a"}"#).ok(), Some(None));
        assert!(resuming(r#"{"reason": "a", "paused_at": "today"}"#).is_err());
        for body in ["", "{", r#"{"reason": "a"} {}"#, "\u{feff}{}"] {
            assert_eq!(read(body), Err(400), "{body}");
        }
    }
}
