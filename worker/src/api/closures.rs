//! What a bank announced: when it is closed; told and called off by people, with a reason and the name of who did it.

use std::sync::Arc;

use activities::ledger::{
    closures::{self, Announced, LONGEST, MOST},
    rows::Closure,
};
use axum::{
    extract::{Path, State as Shared},
    response::Response,
};
use jiff::{SignedDuration, Timestamp};
use tracing::info;
use workflows::domain::FieldCode;

use super::{
    Answered, Api,
    caller::Admin,
    extract::JsonBody,
    idempotency::Key,
    params::{Nothing, Params},
    pauses::shown,
    plain,
    problem::{Code, Problem},
    view::{bank::Bank, request::BankClosure},
};

/// The body of both.
const FORM: &str = r#"{"from": "...", "until": "...", "reason": "..."}"#;
/// Nobody announces what is further away.
const FURTHEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Announce a closure
///
/// Says that a bank announced maintenance: nothing is sent through it in that time, and what waits goes out by itself
/// afterwards; nobody is told of it meanwhile. Asking and ending go on. The same time again has the newer reason.
#[utoipa::path(post, path = "/v1/banks/{name}/announce", tag = "banks", operation_id = "announceClosure",
    params(("name" = String, Path, description = "The bank.", example = "stp")),
    request_body = BankClosure, responses((status = 200, description = "The bank as it stands.", body = Bank)))]
pub(super) async fn announce(
    Shared(api): Shared<Arc<Api>>,
    Admin(caller): Admin,
    _: Params<Nothing>,
    _key: Key,
    Path(bank): Path<String>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let mut closure = closure(&body)?;
    closure.reason = caller.says(&closure.reason);
    in_bounds(&closure, api.ledger.now().await?)?;
    answer(closures::announce(api.ledger.pool(), &bank, &closure).await?)?;
    info!(bank, from = %closure.from, until = %closure.until, reason = closure.reason, "a closure is announced");
    shown(&api, &bank, &caller).await
}

/// Call a closure off
///
/// Ends or withdraws the announced closure of exactly this time: what waits for its end goes out within a minute or two.
/// One that is not there, or is over, is called off already.
#[utoipa::path(post, path = "/v1/banks/{name}/call-off", tag = "banks", operation_id = "callClosureOff",
    params(("name" = String, Path, description = "The bank.", example = "stp")),
    request_body = BankClosure, responses((status = 200, description = "The bank as it stands.", body = Bank)))]
pub(super) async fn call_off(
    Shared(api): Shared<Arc<Api>>,
    Admin(caller): Admin,
    _: Params<Nothing>,
    _key: Key,
    Path(bank): Path<String>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let Closure { from, until, reason } = closure(&body)?;
    answer(closures::call_off(api.ledger.pool(), api.ledger.rules(), &bank, from, until).await?)?;
    let reason = caller.says(&reason);
    info!(bank, %from, %until, reason, "a closure is called off");
    shown(&api, &bank, &caller).await
}

fn answer(announced: Announced) -> Answered<()> {
    match announced {
        Announced::Done => Ok(()),
        Announced::Unknown => Err(Problem::from(Code::NotFound)),
        Announced::TooLong => Err(too_long()),
        Announced::TooMany => Err(Problem::field(
            "/from",
            FieldCode::OutOfRange,
            format!("{MOST} closures of the bank are to come, and no more may be: call one off first"),
        )),
    }
}

/// A closure as the body has it.
fn closure(body: &[u8]) -> Answered<Closure> {
    let BankClosure { from, until, reason } = plain::read(body, FORM)?;
    let reason = plain::line("/reason", &reason)?;
    Ok(Closure { from, until, reason })
}

/// Whether it may be announced at a time of the books.
fn in_bounds(closure: &Closure, now: Timestamp) -> Answered<()> {
    let Closure { from, until, .. } = closure;
    if until <= from || *until <= now {
        return Err(Problem::field(
            "/until",
            FieldCode::OutOfRange,
            "write a time after `from` that is still to come",
        ));
    }
    if from.duration_until(*until) > LONGEST {
        return Err(too_long());
    }
    if now.duration_until(*from) > FURTHEST {
        return Err(Problem::field(
            "/from",
            FieldCode::OutOfRange,
            "write a time within a year from now",
        ));
    }
    Ok(())
}

fn too_long() -> Problem {
    let hours = LONGEST.as_hours();
    let fix = format!(
        "a bank is closed for {hours} hours at a stretch at the most, those that adjoin included; for longer, pause it"
    );
    Problem::field("/until", FieldCode::OutOfRange, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_is_to_come_and_is_no_pause() {
        let at = |time: &str| format!("2026-04-07T{time}Z").parse::<Timestamp>().expect("a time");
        let now = at("12:00:00");
        let within = |from: Timestamp, until: Timestamp| {
            let reason = String::new();
            in_bounds(&Closure { from, until, reason }, now).is_ok()
        };
        assert!(within(at("11:00:00"), at("12:00:01")), "it has begun");
        assert!(!within(at("11:00:00"), now), "it is over");
        assert!(!within(at("14:00:00"), at("14:00:00")), "it has no length");
        assert!(!within(at("14:00:00"), at("13:00:00")), "it ends before it begins");
        assert!(within(at("14:00:00"), at("14:00:00") + LONGEST));
        assert!(!within(at("14:00:00"), at("14:00:01") + LONGEST), "that is a pause");
        let far = now + FURTHEST;
        assert!(within(far, far + LONGEST));
        assert!(
            !within(far + SignedDuration::from_secs(1), far + LONGEST),
            "next year's"
        );
    }
}
