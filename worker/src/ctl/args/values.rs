//! Values as people type them.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::{SignedDuration, Timestamp, civil::DateTime};
use reqwest::Url;
use workflows::domain::{Attention, Centavos, PayoutId, TransferId, mexico_city};

pub(super) fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> PossibleValuesParser {
    PossibleValuesParser::new(all.iter().copied().map(word))
}

pub(super) fn reasons() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(
        ["any", "bank"]
            .into_iter()
            .chain(Attention::ALL.iter().map(|reason| reason.word())),
    )
}

/// The address of an API: a scheme, a host, nothing that a path could not follow.
pub(super) fn base(text: &str) -> Result<Url, String> {
    let fix = || "write http://HOST:PORT or https://HOST".to_owned();
    let url = Url::parse(text).map_err(|_| fix())?;
    let is_base = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_base { Ok(url) } else { Err(fix()) }
}

pub(super) fn payout(text: &str) -> Result<PayoutId, String> {
    let id = text.strip_prefix("payout-").unwrap_or(text);
    id.parse().map_err(|error| format!("{error}"))
}

pub(super) fn transfer(text: &str) -> Result<TransferId, String> {
    let id = text.strip_prefix("transfer-").unwrap_or(text);
    id.parse().map_err(|error| format!("{error}"))
}

/// A moment that does not depend on now: a request that is repeated says the same.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let local = || text.parse::<DateTime>().ok()?.to_zoned(mexico_city()).ok();
    let read = text.parse().ok().or_else(|| local().map(|at| at.timestamp()));
    read.ok_or_else(|| "write 2026-12-24T09:00 (Mexico City) or 2026-12-24T09:00:00-06:00".to_owned())
}

pub(super) fn pesos(text: &str) -> Result<Centavos, String> {
    let fix = "write pesos with a dot and at most two decimals, no commas: 1250 or 1250.00";
    Centavos::from_decimal(text).ok_or_else(|| fix.to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let day = SignedDuration::from_hours(24);
    text.parse::<SignedDuration>()
        .ok()
        .filter(|span| span.is_positive() && *span <= day)
        .and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| "write 30s, 2m or 1h; a day at most".to_owned())
}
