//! The bank's closed days held against the books: what each day came to is written down, what the books missed is taken
//! in, and an order that neither its own day nor the next has is proven never to have reached the bank.
//!
//! A day is closed once the bank's operating date is past it. The bank is read before the books. Nothing is posted here:
//! evidence is recorded, and runs are woken. Whoever dies midway costs one more reading: the next look finds the same
//! days due.

mod day;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::Date};
use temporalio_client::Client;
use tracing::{info, warn};
use uuid::Uuid;
use workflows::{
    contract::{DayRead, Reconciled},
    domain::{BankCalendar, CalendarError},
};

use crate::{
    bank::one_day,
    catch_up::{self, Trouble},
    ledger::{
        command::{By, Finding},
        heard,
    },
    steps::BankSteps,
};
use day::Day;
use store::Read;
pub use store::{Reading, of_day};

/// Banking days back that are read at the most; an open payout's own day is read however old it is.
const MOST_DAYS: usize = 20;
/// A day that differs is read again after so long: the bank, or people, may have mended it.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// How long it waits for the books to be held against the bank's orders.
const CATCH_UP: Duration = Duration::from_secs(10);

/// Reads every closed day that is due, and acts on it.
///
/// Errors leave nothing half done: what was written stands, and the rest is due again.
pub(crate) async fn reconcile(steps: &BankSteps, client: &Client) -> Result<Reconciled, Trouble> {
    let (ledger, bank) = (steps.ledger(), steps.bank());
    let calendar = &ledger.rules().calendar;
    // What the bank has of a payout whose send was lost must find that send taken in.
    if steps.caught_up().within(CATCH_UP).await.is_none() {
        return Err(Trouble::Behind);
    }
    let at = ledger.now().await?;
    // Around the roll the bank's running day may be another than ours, and what we take for closed may run.
    if !one_day(calendar, at, at)? {
        return Err(Trouble::Rolled);
    }
    let today = calendar.operating_date(at)?.date();
    let waiting = store::waiting(ledger, bank.name(), today).await?;
    let pairs = pairs(calendar, &waiting, today)?;
    let read = store::read(ledger, bank.name()).await?;
    let mut due = unsettled(calendar, today, at, &read)?;
    due.extend(pairs.iter().flat_map(|(day, next)| [*day, *next]));
    let mut done = Reconciled {
        bank: bank.name().to_owned(),
        ..Reconciled::default()
    };
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    for date in due {
        let read_at = ledger.now().await?;
        let lines = bank.whole_statement(date, today).await?;
        if !one_day(calendar, at, ledger.now().await?)? {
            return Err(Trouble::Rolled);
        }
        let (taken_in, strays) = catch_up::take_in(steps, client, &lines, read_at).await?;
        done.taken_in += u64::try_from(taken_in).unwrap_or_default();
        done.strays += strays;
        let day = heard(store::hold(ledger, bank.name(), date, read_at, lines)).await?;
        catch_up::wake(client, &day.behind).await;
        done.days.push(DayRead {
            operating_date: date,
            orders: u64::try_from(day.orders).unwrap_or_default(),
            agreed: u64::try_from(day.agreed).unwrap_or_default(),
            differences: u64::try_from(day.wrong.len()).unwrap_or_default(),
        });
        days.insert(date, day);
    }
    for (own, next) in pairs {
        if let (Some(own), Some(next)) = (days.get(&own), days.get(&next)) {
            done.proven_absent += absent(steps, client, own, next).await?;
        }
    }
    Ok(done)
}

/// Days of open payouts that are closed and whose next banking day is, with that one.
fn pairs(calendar: &BankCalendar, waiting: &BTreeSet<Date>, today: Date) -> Result<Vec<(Date, Date)>, CalendarError> {
    let with_next = |day: &Date| Ok((*day, calendar.next_banking_day(*day)?));
    let all: Result<Vec<_>, CalendarError> = waiting.iter().map(with_next).collect();
    Ok(all?.into_iter().filter(|(_, next)| *next < today).collect())
}

/// Closed days, back to the first of the books, that were not read yet or did not agree when they were, a while ago.
fn unsettled(
    calendar: &BankCalendar,
    today: Date,
    now: Timestamp,
    read: &Read,
) -> Result<BTreeSet<Date>, CalendarError> {
    let Some(first) = read.first_payout else {
        return Ok(BTreeSet::new());
    };
    // What is asked for on a holiday or in the evening is sent on the next banking day.
    let first = calendar.operating_date(first)?.date();
    let back = |date: &Date| calendar.previous_banking_day(*date).ok();
    let closed = iter::successors(back(&today), back).take(MOST_DAYS);
    let is_due = |date: &Date| {
        read.days
            .get(date)
            .is_none_or(|last| !last.agrees && now.duration_since(last.at) >= AGAIN)
    };
    Ok(closed.take_while(|date| *date >= first).filter(is_due).collect())
}

/// Records that orders never reached the bank, and wakes their runs: sent on one closed day, unanswered, and neither on
/// that day's statement nor on the next, which both match the rest of our orders. How many.
async fn absent(steps: &BankSteps, client: &Client, own: &Day, next: &Day) -> Result<u64, Trouble> {
    if !(own.is_proof() && next.is_proof()) {
        if !own.unanswered.is_empty() {
            warn!(
                date = %own.date, orders = own.orders, differences = own.wrong.len(),
                next = %next.date, next_orders = next.orders, next_differences = next.wrong.len(),
                payouts = own.unanswered.len(), "the bank's statements do not match our other orders: they prove no absence"
            );
        }
        return Ok(0);
    }
    let mut proven = Vec::new();
    for (payout, key) in &own.unanswered {
        if next.keys.contains(key) {
            continue;
        }
        let finding = Finding {
            payout: *payout,
            id: Uuid::new_v4(),
            by: By::Statements {
                readings: [own.reading, next.reading],
            },
        };
        steps.ledger().evidence(finding).await?;
        info!(%payout, workflow = payout.workflow_id(), date = %own.date, next = %next.date, "neither closed statement has it: it never reached the bank");
        proven.push(*payout);
    }
    catch_up::wake(client, &proven).await;
    Ok(u64::try_from(proven.len()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{store::LastRead, *};

    fn calendar() -> BankCalendar {
        BankCalendar::builtin().expect("compiled in")
    }

    #[test]
    fn absence_needs_the_next_banking_day_closed_too() {
        // Friday, and the Monday after it.
        let friday = BTreeSet::from([date(2026, 11, 27)]);
        let pair = vec![(date(2026, 11, 27), date(2026, 11, 30))];
        for (today, found) in [
            (date(2026, 11, 27), vec![]),
            (date(2026, 11, 30), vec![]),
            (date(2026, 12, 1), pair),
        ] {
            assert_eq!(
                pairs(&calendar(), &friday, today).expect("in the table"),
                found,
                "{today}"
            );
        }
    }

    #[test]
    fn a_day_is_read_once_it_is_closed_and_again_while_it_differs() {
        let at: Timestamp = "2026-11-26T17:00:00Z".parse().expect("a time");
        let (today, tuesday, wednesday) = (date(2026, 11, 26), date(2026, 11, 24), date(2026, 11, 25));
        let mut read = Read {
            first_payout: Some("2026-11-24T17:00:00Z".parse().expect("a time")),
            days: BTreeMap::new(),
        };
        let due = |read: &Read, now| unsettled(&calendar(), today, now, read).expect("in the table");
        assert_eq!(due(&read, at), BTreeSet::from([tuesday, wednesday]));
        read.days.insert(tuesday, LastRead { agrees: true, at });
        read.days.insert(wednesday, LastRead { agrees: false, at });
        assert!(due(&read, at).is_empty());
        assert_eq!(due(&read, at + AGAIN), BTreeSet::from([wednesday]));
        read.first_payout = None;
        assert!(due(&read, at + AGAIN).is_empty(), "books without a payout");
    }
}
