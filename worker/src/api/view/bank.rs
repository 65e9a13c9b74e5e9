//! A bank: whether it may be sent to, and if not, why and until when.

use activities::ledger::rows::{self, BankRow, PausedBy};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{self, BankCalendar};

use super::{Thing, form};
use crate::api::caller::Caller;

/// One bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bank {
    /// `bank`.
    pub object: Thing,
    #[schema(example = "stp")]
    pub name: String,
    pub state: BankState,
    /// When an order that waits is sent, as far as is known: now when it is open, null while it is paused.
    pub sends_at: Option<Timestamp>,
    /// The bank's day of an order that is sent now; null past the calendar's end.
    pub operating_date: Option<Date>,
    /// The minutes around the roll without sends; null past the calendar's end.
    pub guard: Option<Guard>,
    /// Who paused it.
    #[schema(value_type = Option<form::PausedBy>)]
    pub paused_by: Option<PausedBy>,
    /// Why; null for who does not operate: it may name another caller's payout.
    pub pause_reason: Option<String>,
    /// Since when.
    pub paused_at: Option<Timestamp>,
    /// It is away, since then: it does not answer, or takes no orders.
    pub away_since: Option<Timestamp>,
    /// It is away: tried again then.
    pub closed_until: Option<Timestamp>,
    /// Why a person should look.
    pub attention: Option<String>,
    /// The closures that it announced and that are not over, as they begin.
    #[serde(default)]
    pub closures: Vec<Closure>,
}

/// A time for which a bank announced that it takes no orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closure {
    /// From when on.
    pub from: Timestamp,
    /// Until when, this instant not included.
    pub until: Timestamp,
    /// Why, and who said so; null for who does not operate.
    pub reason: Option<String>,
}

/// Whether a bank is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BankState {
    /// It is.
    Open,
    /// Not in the minutes around the roll, nor in a closure that it announced; it opens by itself.
    Closed,
    /// People, our configuration or an alarm stopped it.
    Paused,
    /// It does not answer; giro tries again by itself.
    Away,
}

/// The minutes around the roll of the operating date (18:00 Mexico City) in which nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Guard {
    /// They are now.
    pub is_on: bool,
    /// First instant without sends: of these minutes, or of the next.
    pub starts_at: Timestamp,
    /// First instant with sends again.
    pub ends_at: Timestamp,
}

impl Bank {
    /// As any reader may see it: why it is paused may name another caller's payout.
    pub(in crate::api) fn seen_by(self, caller: &Caller) -> Self {
        Self {
            pause_reason: self.pause_reason.filter(|_| caller.operates()),
            closures: self
                .closures
                .into_iter()
                .map(|closure| Closure {
                    reason: closure.reason.filter(|_| caller.operates()),
                    ..closure
                })
                .collect(),
            ..self
        }
    }

    /// A row, at a time of the books.
    pub(in crate::api) fn of(row: &BankRow, calendar: &BankCalendar, now: Timestamp) -> Self {
        let guard = calendar.guard(now).ok();
        let state = match guard {
            _ if row.paused_by.is_some() => BankState::Paused,
            _ if row.closure(now).is_some() => BankState::Closed,
            _ if row.away_by.is_some() => BankState::Away,
            Some(domain::Guard { is_on: true, .. }) => BankState::Closed,
            Some(_) | None => BankState::Open,
        };
        Self {
            object: Thing::Bank,
            name: row.name.clone(),
            state,
            sends_at: opens_at(row, state, calendar, now),
            operating_date: calendar.operating_date(now).ok().map(|day| day.date()),
            guard: guard.map(|guard| Guard {
                is_on: guard.is_on,
                starts_at: guard.starts_at,
                ends_at: guard.ends_at,
            }),
            paused_by: row.paused_by,
            pause_reason: row.pause_reason.clone(),
            paused_at: row.paused_at,
            away_since: row.away_since,
            closed_until: row.closed_until,
            attention: row.attention.clone(),
            closures: row
                .closures
                .iter()
                .filter(|closure| closure.until > now)
                .map(Closure::of)
                .collect(),
        }
    }

    /// True when it is sent to now.
    pub fn is_open(&self) -> bool {
        self.state == BankState::Open
    }
}

impl Closure {
    fn of(closure: &rows::Closure) -> Self {
        Self {
            from: closure.from,
            until: closure.until,
            reason: Some(closure.reason.clone()),
        }
    }
}

/// The first instant at which it is sent to, as far as is known.
fn opens_at(row: &BankRow, state: BankState, calendar: &BankCalendar, now: Timestamp) -> Option<Timestamp> {
    let from = match state {
        BankState::Paused => return None,
        BankState::Away => row.closed_until.map_or(now, |until| until.max(now)),
        BankState::Open | BankState::Closed => now,
    };
    // A day that the calendar does not have is a day on which nothing is sent.
    row.opens(calendar, from).ok().map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use activities::ledger::rows::AwayBy;

    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().expect("a time")
    }

    fn open() -> BankRow {
        BankRow::new("stp", true)
    }

    #[test]
    fn a_bank_says_whether_and_when_it_is_sent_to() {
        let calendar = BankCalendar::builtin().expect("compiled in");
        let shown = |row: &BankRow, now: &str| Bank::of(row, &calendar, at(now));
        let noon = shown(&open(), "2026-04-07T18:00:00Z");
        assert_eq!(
            (noon.state, noon.sends_at),
            (BankState::Open, Some(at("2026-04-07T18:00:00Z")))
        );
        let guard = noon.guard.expect("in the table");
        assert_eq!(
            (guard.is_on, guard.starts_at, guard.ends_at),
            (false, at("2026-04-07T23:50:00Z"), at("2026-04-08T00:10:00Z"))
        );
        let roll = shown(&open(), "2026-04-08T00:00:00Z");
        assert_eq!(
            (roll.state, roll.sends_at),
            (BankState::Closed, Some(at("2026-04-08T00:10:00Z")))
        );
        let away = BankRow {
            away_by: Some(AwayBy::Unreachable),
            away_since: Some(at("2026-04-07T23:48:00Z")),
            closed_until: Some(at("2026-04-07T23:51:00Z")),
            ..open()
        };
        let shown_away = shown(&away, "2026-04-07T23:49:00Z");
        assert_eq!(
            (shown_away.state, shown_away.sends_at),
            (BankState::Away, Some(at("2026-04-08T00:10:00Z")))
        );
        let announced = BankRow {
            closures: vec![rows::Closure {
                from: at("2026-04-07T18:00:00Z"),
                until: at("2026-04-07T23:55:00Z"),
                reason: "maintenance".to_owned(),
            }],
            ..away.clone()
        };
        let before = shown(&announced, "2026-04-07T17:59:59Z");
        assert_eq!((before.state, before.closures.len()), (BankState::Away, 1));
        let closed = shown(&announced, "2026-04-07T18:00:00Z");
        assert_eq!(
            (closed.state, closed.sends_at),
            (BankState::Closed, Some(at("2026-04-08T00:10:00Z"))),
            "it ends within the guard"
        );
        let over = shown(&announced, "2026-04-07T23:55:00Z");
        assert_eq!((over.state, over.closures.len()), (BankState::Away, 0));
        let paused = BankRow {
            paused_by: Some(PausedBy::People),
            ..open()
        };
        let paused = shown(&paused, "2026-04-07T18:00:00Z");
        assert_eq!((paused.state, paused.sends_at), (BankState::Paused, None));
        let late = shown(&open(), "2999-01-01T12:00:00Z");
        assert_eq!((late.operating_date, late.sends_at), (None, None));
    }
}
