//! What tells whether the books may have lost commits: their server, how far its log is, and the rights to send given.

use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use workflows::domain::{BankCalendar, CalendarError};

use crate::ledger::{
    Ledger, StoreError, heard,
    rows::{Seen, Server},
};

/// Banking days that are read at the most; what is older is found by the daily comparison.
const MOST_DAYS: usize = 20;

/// The books at a moment.
#[derive(Clone, Debug)]
pub(super) struct Books {
    /// Where they are.
    pub(super) seen: Seen,
    /// `giro_now()`.
    pub(super) at: Timestamp,
    /// Rights to send given through the bank. Only a process that caught up gives any: no other write hides a loss.
    begins: i64,
    /// The server that the bank's row names as caught up with.
    caught_up: Option<Server>,
    /// People are told that nothing is sent meanwhile.
    is_told: bool,
    /// Since when a lost begin may be missing: the oldest payout that waits, or the newest that is there.
    oldest: Option<Timestamp>,
}

impl Books {
    pub(super) async fn read(ledger: &Ledger, bank: &str) -> Result<Self, StoreError> {
        let row = sqlx::query!(
            r#"select giro_server() as "server!", to_jsonb(giro_now()) as "now!", begins, caught_up,
                   coalesce(attention = 'catching_up', false) as "is_told!",
                   (select to_jsonb(least(
                       (select min(accepted_at) from payout where state = 'accepted'),
                       (select max(accepted_at) from payout)))) as oldest
               from bank where name = $1"#,
            bank
        )
        .fetch_one(ledger.pool());
        let row = heard(row).await?;
        Ok(Self {
            seen: serde_json::from_value(row.server)?,
            at: serde_json::from_value(row.now)?,
            begins: row.begins,
            caught_up: row.caught_up.map(serde_json::from_value).transpose()?,
            is_told: row.is_told,
            oldest: serde_json::from_value(row.oldest.unwrap_or(Value::Null))?,
        })
    }

    /// True when these are the books that were whole before, on the same server, with nothing gone.
    pub(super) fn continues(&self, before: &Self) -> bool {
        before.seen.still(&self.seen) && before.begins <= self.begins
    }

    /// True when people are told that nothing is sent, though this server is caught up with. Where the row names none,
    /// somebody doubts it, and has the last word.
    pub(super) fn is_told_in_vain(&self) -> bool {
        self.is_told && self.caught_up.as_ref() == Some(&self.seen.server)
    }

    /// True when commits may be lost. `whole` are the books as this process last knew them to be.
    pub(super) fn is_suspect(&self, whole: Option<&Self>) -> bool {
        let now = &self.seen.server;
        match whole {
            Some(before) => {
                let kept = before.seen.wal <= self.seen.wal && before.begins <= self.begins;
                !(same_history(&before.seen.server, now) && kept)
            }
            None => self.caught_up.as_ref() != Some(now),
        }
    }

    /// The operating dates to read: this and the one before, and where commits may be lost, each since the oldest
    /// payout that may have been begun.
    pub(super) fn days(&self, calendar: &BankCalendar, suspect: bool) -> Result<Vec<Date>, CalendarError> {
        let today = calendar.operating_date(self.at)?.date();
        let mut days = vec![today, calendar.previous_banking_day(today)?];
        let oldest = self.oldest.filter(|_| suspect);
        if let Some(first) = oldest.and_then(|oldest| calendar.operating_date(oldest).ok()) {
            while days.len() < MOST_DAYS && days.last().is_some_and(|day| *day > first.date()) {
                let last = days.last().copied().unwrap_or(today);
                days.push(calendar.previous_banking_day(last)?);
            }
        }
        days.reverse();
        Ok(days)
    }
}

/// The same cluster on the same timeline: it was started again, or put back.
fn same_history(one: &Server, other: &Server) -> bool {
    one.system == other.system && one.timeline == other.timeline
}

/// Writes that the bank's orders were read through on this server; false when it is another by now.
pub(super) async fn mark(ledger: &Ledger, bank: &str, seen: &Seen) -> Result<bool, StoreError> {
    let server = serde_json::to_value(&seen.server)?;
    let done = sqlx::query!(
        r#"update bank set caught_up = $2, attention = nullif(attention, 'catching_up'),
               back_at = case attention when 'catching_up' then giro_now() else back_at end
           where name = $1 and giro_server() - 'wal' = $2"#,
        bank,
        server
    );
    Ok(heard(done.execute(ledger.pool())).await?.rows_affected() > 0)
}

/// Writes that this server is not caught up with: commits may be lost, and no process may give back or begin by it.
pub(super) async fn doubt(ledger: &Ledger, bank: &str, seen: &Seen) -> Result<(), StoreError> {
    let server = serde_json::to_value(&seen.server)?;
    let done = sqlx::query!(
        "update bank set caught_up = null where name = $1 and caught_up = $2",
        bank,
        server
    );
    heard(done.execute(ledger.pool())).await.map(drop)
}

/// Tells people that nothing is sent for now.
pub(super) async fn tell(ledger: &Ledger, bank: &str) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update bank set attention = 'catching_up' where name = $1 and attention is null",
        bank
    );
    heard(done.execute(ledger.pool())).await.map(drop)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn server(timeline: i32, started_us: i64) -> Server {
        Server {
            system: "7".to_owned(),
            timeline,
            started_us,
        }
    }

    /// Books on timeline 1 that were caught up with on the server that started at 100.
    fn books(started_us: i64, wal: i64, begins: i64) -> Books {
        Books {
            seen: Seen {
                server: server(1, started_us),
                wal,
            },
            at: "2026-11-24T17:00:00Z".parse().expect("a time"),
            begins,
            caught_up: Some(server(1, 100)),
            is_told: false,
            oldest: Some("2026-11-19T17:00:00Z".parse().expect("a time")),
        }
    }

    #[test]
    fn a_process_that_starts_trusts_the_server_that_the_row_names_alone() {
        assert!(!books(100, 5, 5).is_suspect(None));
        assert!(books(200, 5, 5).is_suspect(None), "started again, or put back");
        let mut promoted = books(100, 5, 5);
        promoted.seen.server.timeline = 2;
        assert!(promoted.is_suspect(None));
        let mut elsewhere = books(100, 5, 5);
        elsewhere.seen.server.system = "8".to_owned();
        assert!(elsewhere.is_suspect(None));
        let mut never = books(100, 5, 5);
        never.caught_up = None;
        assert!(never.is_suspect(None));
    }

    #[test]
    fn a_process_that_lives_tells_a_restart_from_a_loss() {
        let whole = books(100, 50, 7);
        assert!(!books(200, 50, 7).is_suspect(Some(&whole)), "a mere restart");
        assert!(books(200, 49, 7).is_suspect(Some(&whole)), "its log went back");
        // What others wrote since has hidden that: the rights given have not come back.
        assert!(books(200, 90, 6).is_suspect(Some(&whole)));
        assert!(
            books(100, 49, 7).is_suspect(Some(&whole)),
            "a machine put back as it was"
        );
        let mut promoted = books(200, 90, 9);
        promoted.seen.server.timeline = 2;
        assert!(promoted.is_suspect(Some(&whole)));
    }

    #[test]
    fn a_doubt_of_another_process_is_not_taken_back() {
        let mut told = books(100, 5, 5);
        assert!(!told.is_told_in_vain());
        told.is_told = true;
        assert!(told.is_told_in_vain());
        told.caught_up = None;
        assert!(!told.is_told_in_vain());
    }

    #[test]
    fn books_go_on_only_on_their_server_and_forwards() {
        let whole = books(100, 50, 7);
        assert!(books(100, 50, 7).continues(&whole) && books(100, 51, 8).continues(&whole));
        for other in [books(100, 49, 7), books(100, 50, 6), books(200, 50, 7)] {
            assert!(!other.continues(&whole));
        }
    }

    #[test]
    fn a_loss_is_looked_for_since_the_oldest_payout_that_may_be_begun() {
        let calendar = BankCalendar::builtin().expect("compiled in");
        let books = books(100, 5, 5);
        let days = |suspect| books.days(&calendar, suspect).expect("in the table");
        assert_eq!(days(false), [date(2026, 11, 23), date(2026, 11, 24)]);
        let since = [19, 20, 23, 24].map(|day| date(2026, 11, day));
        assert_eq!(days(true), since);
        let mut old = books.clone();
        old.oldest = Some("2026-01-05T17:00:00Z".parse().expect("a time"));
        assert_eq!(old.days(&calendar, true).expect("in the table").len(), MOST_DAYS);
    }
}
