//! What tells whether the books may have lost commits: their server, how far its log is, and the rights to send given.

use std::{cmp::Ordering, time::Duration};

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde_json::Value;
use workflows::domain::{BankCalendar, CalendarError};

use super::Begun;
use crate::ledger::{
    Ledger, StoreError, heard,
    rows::{Rules, Seen, Server},
};

/// Banking days that are read at the most; what is older is found by the daily comparison.
const MOST_DAYS: usize = 20;

/// Whoever looked last so long before a server started, in microseconds, may have missed what was lost.
const REMEMBERED_US: i64 = 30_000_000;

/// The books at a moment.
#[derive(Clone, Debug)]
pub(super) struct Books {
    /// Where they are.
    pub(super) seen: Seen,
    /// `giro_now()`.
    pub(super) at: Timestamp,
    /// The server's own clock, in microseconds.
    clock_us: i64,
    /// Rights to send given through the bank. Only a process that caught up gives any: no other write hides a loss.
    begins: i64,
    /// Rights to send that this process was given, and that are not there.
    lost: i64,
    /// The server that the bank's row names as caught up with.
    caught_up: Option<Server>,
    /// People are told that nothing is sent meanwhile.
    pub(super) is_told: bool,
    /// Since when a lost begin may be missing: the oldest payout that waits, or the newest that is there.
    oldest: Option<Timestamp>,
}

/// Why commits may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nobody who knew the books before vouches for this server.
    Unknown,
    /// Something is gone that this process has seen.
    Loss,
}

/// A doubt as the books have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubted {
    /// How long until what was on its way when it began has surfaced.
    pub(super) left: Duration,
    /// Which doubt it is: when it began, in microseconds.
    pub(super) since: i64,
}

impl Books {
    /// Reads them, with whether the rights that this process was given until now are in them.
    pub(super) async fn read(ledger: &Ledger, bank: &str, begun: &[Begun]) -> Result<Self, StoreError> {
        let row = sqlx::query!(
            r#"select giro_server() as "server!", to_jsonb(giro_now()) as "now!", begins, caught_up,
                   (extract(epoch from clock_timestamp()) * 1000000)::bigint as "clock_us!",
                   coalesce(attention = 'catching_up', false) as "is_told!",
                   (select to_jsonb(least(
                       (select min(greatest(accepted_at, process_after)) from payout
                        where state = 'accepted' and ended_at is null and to_account is null
                          and (process_after is null or process_after <= giro_now())),
                       (select accepted_at from payout order by id desc limit 1)))) as oldest,
                   (select count(*) from unnest($2::uuid[], $3::bigint[], $4::uuid[]) as begun (id, send_no, sender)
                    where not exists (select from payout where payout.id = begun.id
                                      and (payout.send_no > begun.send_no or payout.send_no = begun.send_no
                                           and (payout.sender is null or payout.sender = begun.sender)))) as "lost!"
               from bank where name = $1"#,
            bank,
            &begun.iter().map(|begun| begun.payout.uuid()).collect::<Vec<_>>(),
            &begun.iter().map(|begun| i64::from(begun.send_no)).collect::<Vec<_>>(),
            &begun.iter().map(|begun| begun.sender.0).collect::<Vec<_>>()
        )
        .fetch_one(ledger.pool());
        let row = heard(row).await?;
        Ok(Self {
            seen: serde_json::from_value(row.server)?,
            at: serde_json::from_value(row.now)?,
            clock_us: row.clock_us,
            begins: row.begins,
            lost: row.lost,
            caught_up: row.caught_up.map(serde_json::from_value).transpose()?,
            is_told: row.is_told,
            oldest: serde_json::from_value(row.oldest.unwrap_or(Value::Null))?,
        })
    }

    /// True when these are the books that were there before, on the same server, with nothing gone.
    pub(super) fn goes_on_from(&self, before: &Self) -> bool {
        self.seen.server == before.seen.server && self.keeps(before)
    }

    /// True when the log and the rights given have not gone back, and none that this process was given is gone.
    fn keeps(&self, before: &Self) -> bool {
        before.seen.wal <= self.seen.wal && before.begins <= self.begins && self.lost == 0
    }

    /// True when the bank's orders were read through on this server, and nobody saw a loss on it since.
    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up.as_ref() == Some(&self.seen.server)
    }

    /// Why commits may be lost; `None`: they are not. `whole` are the books as this process last knew them to be.
    pub(super) fn doubt(&self, whole: Option<&Self>) -> Option<Doubt> {
        let has_lost = |before: &Self| match self.timeline_since(before) {
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => !self.keeps(before),
            // How far the log of the old timeline was says nothing of the new one.
            Some(Ordering::Greater) | None => false,
        };
        match whole {
            // Wherever these books come from, and whoever marked them: an order of this process may be on its way.
            _ if self.lost > 0 => Some(Doubt::Loss),
            Some(before) if has_lost(before) => Some(Doubt::Loss),
            Some(before) if self.is_known_since(before) => None,
            // Whoever marked it has waited, or knew it.
            Some(_) | None => (!self.is_caught_up()).then_some(Doubt::Unknown),
        }
    }

    /// True when it was only started again: who lived through that has seen all, and nobody has marked or doubted since.
    fn is_known_since(&self, before: &Self) -> bool {
        self.timeline_since(before) == Some(Ordering::Equal)
            && self.caught_up.is_some()
            && self.caught_up == before.caught_up
            && self.seen.server.started_us.saturating_sub(before.clock_us) <= REMEMBERED_US
    }

    /// Where the timeline went; `None`: it is another cluster.
    fn timeline_since(&self, before: &Self) -> Option<Ordering> {
        let (then, now) = (&before.seen.server, &self.seen.server);
        (then.system == now.system).then(|| now.timeline.cmp(&then.timeline))
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

/// Writes that the bank's orders were read through on this server; false when it is another by now, or somebody saw a
/// loss on it since `waited`, the doubt after whose wait they were read; `None`: there was none.
pub(super) async fn mark(ledger: &Ledger, bank: &str, seen: &Seen, waited: Option<i64>) -> Result<bool, StoreError> {
    let server = serde_json::to_value(&seen.server)?;
    let done = sqlx::query!(
        r#"update bank
           set caught_up = $2, doubted = null, doubted_since = null, doubted_at = null, doubted_for = null,
               attention = nullif(attention, 'catching_up'),
               back_at = case attention when 'catching_up' then giro_now() else back_at end
           where name = $1 and giro_server() - 'wal' = $2
             and (caught_up is not null
                  or (doubted = $2 and (extract(epoch from doubted_since) * 1000000)::bigint = $3))"#,
        bank,
        server,
        waited
    );
    Ok(heard(done.execute(ledger.pool())).await?.rows_affected() > 0)
}

/// Writes that commits may be lost on this server. Every look of whoever waits counts, of all processes, and the first
/// doubt begins it. A loss that was seen begins it anew, and takes the mark away: no process gives back or begins by it.
/// `None`: the server is marked by now, or another.
pub(super) async fn doubt(
    ledger: &Ledger,
    bank: &str,
    seen: &Seen,
    doubt: Doubt,
) -> Result<Option<Doubted>, StoreError> {
    let server = serde_json::to_value(&seen.server)?;
    let done = sqlx::query!(
        r#"update bank
           set doubted_for = case when doubted = $2 and not $3
                   then doubted_for + least(greatest(extract(epoch from clock_timestamp() - doubted_at), 0), 2)::float8
                   else 0 end,
               doubted_since = case when doubted = $2 and not $3 then doubted_since else clock_timestamp() end,
               doubted_at = clock_timestamp(),
               doubted = $2,
               caught_up = case when $3 then null else caught_up end
           where name = $1 and giro_server() - 'wal' = $2 and ($3 or caught_up is distinct from $2)
           returning doubted_for as "for!", (extract(epoch from doubted_since) * 1000000)::bigint as "since!""#,
        bank,
        server,
        doubt == Doubt::Loss
    );
    let row = heard(done.fetch_optional(ledger.pool())).await?;
    Ok(row.map(|row| Doubted {
        left: surfacing(ledger.rules()).saturating_sub(Duration::try_from_secs_f64(row.r#for).unwrap_or_default()),
        since: row.since,
    }))
}

/// A begin that was lost may be sent until its fence, be on its way for one call, and surface by the horizon. When the
/// server that gave it ended is not known: it counts from the doubt.
fn surfacing(rules: &Rules) -> Duration {
    let longest = [rules.fence, rules.margin, rules.horizon];
    Duration::try_from(longest.into_iter().sum::<SignedDuration>()).unwrap_or_default()
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
            clock_us: started_us,
            begins,
            lost: 0,
            caught_up: Some(server(1, 100)),
            is_told: false,
            oldest: Some("2026-11-19T17:00:00Z".parse().expect("a time")),
        }
    }

    fn promoted() -> Books {
        let mut books = books(100, 90, 9);
        books.seen.server.timeline = 2;
        books
    }

    #[test]
    fn a_process_that_starts_trusts_the_server_that_the_row_names_alone() {
        let unknown = Some(Doubt::Unknown);
        assert_eq!(books(100, 5, 5).doubt(None), None);
        assert_eq!(books(200, 5, 5).doubt(None), unknown, "started again, or put back");
        let mut elsewhere = books(100, 5, 5);
        elsewhere.seen.server.system = "8".to_owned();
        let mut never = books(100, 5, 5);
        never.caught_up = None;
        for books in [promoted(), elsewhere, never] {
            assert_eq!(books.doubt(None), unknown);
        }
    }

    #[test]
    fn a_process_that_lives_tells_a_restart_from_a_loss() {
        let (whole, loss) = (books(100, 50, 7), Some(Doubt::Loss));
        assert_eq!(books(200, 50, 7).doubt(Some(&whole)), None, "a mere restart");
        assert_eq!(books(200, 49, 7).doubt(Some(&whole)), loss, "its log went back");
        // What others wrote since has hidden that: the rights given have not come back.
        assert_eq!(books(200, 90, 6).doubt(Some(&whole)), loss);
        let mut own = books(200, 90, 9);
        own.lost = 1;
        assert_eq!(
            own.doubt(Some(&whole)),
            loss,
            "a begin of its own, which no look had seen"
        );
        let back = books(100, 49, 7).doubt(Some(&whole));
        assert_eq!(back, loss, "a machine put back as it was");
    }

    /// Another may have waited and marked it before this process gave its last begin to the old primary.
    #[test]
    fn a_begin_of_its_own_is_missed_wherever_it_is_gone() {
        let (whole, loss) = (books(100, 50, 7), Some(Doubt::Loss));
        let mut standby = promoted();
        standby.caught_up = Some(standby.seen.server.clone());
        standby.lost = 1;
        assert_eq!(standby.doubt(Some(&whole)), loss);
        assert_eq!(standby.doubt(None), loss);
        standby.seen.server.system = "8".to_owned();
        assert_eq!(standby.doubt(Some(&whole)), loss);
    }

    /// What it has of the old timeline says nothing of the new one; only who has waited marks that.
    #[test]
    fn a_process_that_lives_knows_no_more_of_a_standby_than_one_that_starts() {
        let whole = books(100, 50, 7);
        let mut standby = promoted();
        assert_eq!(standby.doubt(Some(&whole)), Some(Doubt::Unknown));
        standby.caught_up = Some(standby.seen.server.clone());
        assert_eq!(standby.doubt(Some(&whole)), None);
    }

    #[test]
    fn a_timeline_that_goes_back_is_a_loss() {
        let (old, whole) = (books(100, 50, 7), promoted());
        assert_eq!(old.doubt(Some(&whole)), Some(Doubt::Loss), "though its row names it");
    }

    #[test]
    fn only_who_has_seen_all_vouches_for_a_server_that_was_started_again() {
        let whole = books(100, 50, 7);
        let mut later = books(100 + REMEMBERED_US, 90, 9);
        assert_eq!(later.doubt(Some(&whole)), None);
        later.seen.server.started_us += 1;
        assert_eq!(
            later.doubt(Some(&whole)),
            Some(Doubt::Unknown),
            "it looked too long ago"
        );
        let mut marked = books(200, 90, 9);
        marked.caught_up = Some(server(1, 150));
        let missed = Some(Doubt::Unknown);
        assert_eq!(marked.doubt(Some(&whole)), missed, "there was a server between them");
    }

    /// Who saw it may be gone: whoever lives waits in its place, or nothing would be sent until a process starts.
    #[test]
    fn a_loss_that_another_process_saw_is_doubted_by_all() {
        let whole = books(100, 50, 7);
        let mut doubted = books(100, 51, 7);
        doubted.caught_up = None;
        assert!(doubted.goes_on_from(&whole) && !doubted.is_caught_up());
        assert_eq!(doubted.doubt(Some(&whole)), Some(Doubt::Unknown));
    }

    #[test]
    fn books_go_on_only_on_their_server_and_forwards() {
        let whole = books(100, 50, 7);
        assert!(books(100, 50, 7).goes_on_from(&whole) && books(100, 51, 8).goes_on_from(&whole));
        for other in [books(100, 49, 7), books(100, 50, 6), books(200, 50, 7)] {
            assert!(!other.goes_on_from(&whole));
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
