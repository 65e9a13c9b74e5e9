//! Moments and days as people write them, in Mexico City.

use std::str::FromStr;

use jiff::{SignedDuration, Span, Timestamp, ToSpan, civil::Date};
use workflows::domain::mexico_city;

/// A moment, possibly counted from now.
#[derive(Clone, Debug)]
pub(super) enum When {
    /// RFC 3339.
    At(Timestamp),
    /// The first instant of a day.
    Start(Day),
    /// So long ago.
    Ago(Span),
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    On(Date),
    Today,
    Yesterday,
}

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ago = || {
            let span: Span = text.parse().ok()?;
            (span.is_positive()).then_some(Self::Ago(span))
        };
        let read = text
            .parse()
            .map(Self::Start)
            .ok()
            .or_else(|| text.parse().map(Self::At).ok())
            .or_else(ago);
        read.ok_or("write 2026-11-23T17:00:00Z, 2026-11-23, today, yesterday, or 2h, 3d (ago)")
    }
}

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            // jiff reads the date of a longer text too.
            date if date.len() == 10 => date.parse().map(Self::On).map_err(|_| FIX),
            _ => Err(FIX),
        }
    }
}

const FIX: &str = "write 2026-11-23, today or yesterday";

impl When {
    /// The instant, seen from `now`; `None`: outside the calendar.
    pub(super) fn instant(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            Self::Start(day) => Some(day.date(now)?.to_zoned(mexico_city()).ok()?.timestamp()),
            Self::Ago(span) => Some(now.to_zoned(mexico_city()).checked_sub(*span).ok()?.timestamp()),
        }
    }

    /// True when it depends on now.
    pub(super) fn is_relative(&self) -> bool {
        !matches!(self, Self::At(_) | Self::Start(Day::On(_)))
    }
}

impl Day {
    /// The date, seen from `now`.
    pub(super) fn date(self, now: Timestamp) -> Option<Date> {
        let today = now.to_zoned(mexico_city()).date();
        match self {
            Self::On(date) => Some(date),
            Self::Today => Some(today),
            Self::Yesterday => today.checked_sub(1.day()).ok(),
        }
    }
}

/// `a` until `b`, or nothing when they come the other way round.
pub(super) fn between(a: Timestamp, b: Timestamp) -> Option<SignedDuration> {
    Some(b.duration_since(a)).filter(|span| !span.is_negative())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-24T03:00:00Z".parse().expect("a time");
        let instant = |text: &str| {
            let when: When = text.parse().ok()?;
            Some(when.instant(now)?.to_string())
        };
        for (text, at) in [
            ("2026-11-23T17:00:00Z", "2026-11-23T17:00:00Z"),
            ("2026-11-23T11:00:00-06:00", "2026-11-23T17:00:00Z"),
            ("2026-11-23", "2026-11-23T06:00:00Z"),
            ("today", "2026-11-23T06:00:00Z"),
            ("yesterday", "2026-11-22T06:00:00Z"),
            ("2h", "2026-11-24T01:00:00Z"),
            ("90m", "2026-11-24T01:30:00Z"),
            ("1d 2h", "2026-11-23T01:00:00Z"),
        ] {
            assert_eq!(instant(text).as_deref(), Some(at), "{text}");
        }
        for wrong in ["", "2", "-2h", "tomorrow", "2026-13-01", "2026-11-23T17:00:00", "0s"] {
            assert_eq!(instant(wrong), None, "{wrong:?}");
        }
    }
}
