//! The bank's closed days held against the books: what each day came to is written down, what the books missed is taken
//! in, and an order that neither its own day nor the next has is proven never to have reached the bank.
//!
//! The running day is read each time too: its orders so far, and whether the settlement account has what the bank has.
//! A day is closed once the bank's operating date is past it. The bank is read before the books. Nothing is posted here:
//! evidence is recorded, and runs are woken. Whoever dies midway costs one more reading: the next look finds the same
//! days due.

mod came;
mod day;
mod receipts;
mod running;
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
    contract::{DayRead, Reconciled, RunningRead},
    domain::{BankCalendar, CalendarError, Centavos, Evidence, PayoutId},
};

use crate::{
    bank::{ReceivedEntry, StatementLine, one_day},
    catch_up::{self, Trouble},
    ledger::command::{By, Finding},
    receive::Puller,
    steps::BankSteps,
};
use day::{Day, Unanswered};
use running::Told;
pub use running::{Apart, Balance, Running, balances_apart, running};
use store::Read;
pub use store::{Differing, Named, Reading, Understood, differing, of_day, understand};

/// Banking days back that are read at the most; what is open for longer, people decide.
const MOST_DAYS: usize = 20;
/// A day that is not settled is read again after so long: runs, the bank, or people may have mended it.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// A balance is asked for again so often while money moves, where both lists are this short.
const QUIET_TRIES: u32 = 3;
const SHORT: usize = 1_000;
/// How long it is asked about payouts of closed days whose end a statement belies.
const ASKING: Duration = Duration::from_secs(60);
/// Payouts that the bank is asked about in one reading, where its statement belies their end.
const MOST_ASKED: usize = 20;
/// The running day is read within this.
const RUNNING: Duration = Duration::from_secs(180);
/// How long it waits for the books to be held against the bank's orders.
const CATCH_UP: Duration = Duration::from_secs(10);

/// Reads every closed day that is due, and acts on it. A day that cannot be read holds up no other.
///
/// `is_first`: it is no repeat of a look that failed. Errors leave nothing half done: what was written stands, and the rest is
/// due again.
pub(crate) async fn reconcile(steps: &BankSteps, client: &Client, is_first: bool) -> Result<Reconciled, Trouble> {
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
    let look = Look {
        steps,
        client,
        at,
        today: calendar.operating_date(at)?.date(),
    };
    let today = look.today;
    let waiting = store::waiting(ledger, bank.name(), today).await?;
    let read = store::read(ledger, bank.name()).await?;
    let mut pairs = pairs(calendar, &waiting, today, at, &read)?;
    let mut done = Reconciled {
        bank: bank.name().to_owned(),
        ..Reconciled::default()
    };
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    let mut trouble = None;
    let mut running = BTreeSet::new();
    if !pairs.is_empty() {
        match look.statement(today).await {
            Ok(lines) => running.extend(lines.into_iter().map(|line| line.tracking_key)),
            Err(error) => {
                warn!(bank = bank.name(), %error, "the running day could not be read: nothing is proven by closed ones");
                trouble = Some(error);
                pairs.clear();
            }
        }
    }
    let mut due = unsettled(calendar, today, at, &read)?;
    if let Some((oldest, _)) = pairs.first() {
        due.extend(since(calendar, *oldest, today));
    }
    // The oldest last: once an open payout's own day was read, all that its proof takes was.
    for date in due.into_iter().rev() {
        match look.day(date, &mut done).await {
            Ok(day) => drop(days.insert(date, day)),
            Err(Trouble::Rolled) => return Err(Trouble::Rolled),
            Err(error) => {
                warn!(bank = bank.name(), %date, %error, "a closed day could not be read");
                trouble = Some(error);
            }
        }
    }
    done.days.reverse();
    match look.absences(&pairs, &days, &running).await {
        Ok(proven) => done.proven_absent = proven,
        Err(error) => trouble = Some(error),
    }
    let belied: Vec<PayoutId> = days.values().flat_map(|day| day.belied.iter().copied()).collect();
    match tokio::time::timeout(ASKING, look.ask(&belied)).await {
        Ok(asked) => asked?,
        Err(_) => warn!(
            bank = bank.name(),
            belied = belied.len(),
            "the bank is not asked in time about what its statements say otherwise"
        ),
    }
    // Last, and with a limit of its own: closed days are read whatever the running one is like, and what is tried again for
    // their sake does not read it anew each time.
    if is_first || trouble.is_none() {
        match tokio::time::timeout(RUNNING, look.running(&mut done)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(bank = bank.name(), %error, "the running day could not be read: in five minutes again")
            }
            Err(_) => warn!(
                bank = bank.name(),
                seconds = RUNNING.as_secs(),
                "the running day is not read in time"
            ),
        }
    }
    trouble.map_or(Ok(done), Err)
}

/// One look at the bank's statements.
struct Look<'a> {
    steps: &'a BankSteps,
    client: &'a Client,
    /// The books' time when it began.
    at: Timestamp,
    /// The operating date then; it must not roll meanwhile.
    today: Date,
}

impl Look<'_> {
    /// A statement, whole, read on the day on which this look began.
    async fn statement(&self, date: Date) -> Result<Vec<StatementLine>, Trouble> {
        let ledger = self.steps.ledger();
        let lines = self.steps.bank().whole_statement(date, self.today).await?;
        if !one_day(&ledger.rules().calendar, self.at, ledger.now().await?)? {
            return Err(Trouble::Rolled);
        }
        Ok(lines)
    }

    /// What came in on a day, whole, read on the day on which this look began.
    async fn list(&self, date: Date) -> Result<Vec<ReceivedEntry>, Trouble> {
        let ledger = self.steps.ledger();
        let list = self.steps.bank().whole_received(date, self.today).await?;
        if !one_day(&ledger.rules().calendar, self.at, ledger.now().await?)? {
            return Err(Trouble::Rolled);
        }
        Ok(list)
    }

    /// The bank's balance; `None`: the configuration names no account, or it is not told, which holds up nothing else.
    async fn balance(&self) -> Option<Centavos> {
        match self.steps.bank().balance().await {
            Ok(balance) => balance,
            Err(error) => {
                warn!(bank = self.steps.bank().name(), %error, "the settlement account is held against nothing");
                None
            }
        }
    }

    /// Reads the running day so far, takes in what the books missed, and writes what it comes to with the bank's balance. A
    /// balance counts that is the same before and after both lists: while money moves none is.
    async fn running(&self, done: &mut Reconciled) -> Result<(), Trouble> {
        let (ledger, bank) = (self.steps.ledger(), self.steps.bank());
        let (mut read_at, mut before) = (ledger.now().await?, self.balance().await);
        let mut tries = 1;
        let told = loop {
            let (lines, list) = (self.statement(self.today).await?, self.list(self.today).await?);
            let after = self.balance().await;
            let balance = before.filter(|_| before == after);
            let is_long = lines.len() + list.len() > SHORT;
            if balance.is_some() || after.is_none() || tries == QUIET_TRIES || is_long {
                break Told {
                    read_at,
                    date: self.today,
                    lines,
                    list,
                    balance,
                };
            }
            (read_at, before, tries) = (ledger.now().await?, after, tries + 1);
        };
        let (taken_in, strays) = catch_up::take_in(self.steps, self.client, &told.lines, read_at).await?;
        done.taken_in += count(taken_in);
        done.strays += strays;
        let puller = Puller::new(self.steps.clone());
        done.taken_in_received += count(puller.take_in(&told.list).await?.len());
        self.receipts(&told.lines, read_at).await;
        let (date, orders) = (told.date, told.lines.len());
        let kept = running::keep(ledger, bank, told).await?;
        done.running = Some(RunningRead {
            operating_date: date,
            orders: count(orders),
            differences: count(kept.differences),
            apart: kept.balance.map(|balance| balance.apart()),
        });
        self.ask(&kept.belied).await
    }

    /// Keeps the receipts that a day's list shows; nothing waits for them.
    async fn receipts(&self, lines: &[StatementLine], read_at: Timestamp) {
        let bank = self.steps.bank().name();
        if let Err(error) = receipts::keep(self.steps.ledger().pool(), bank, lines, read_at).await {
            warn!(bank, %error, "the receipts of a day's list are not kept");
        }
    }

    /// Asks the bank about payouts that have ended otherwise than its statement says, until its own answer stands as evidence:
    /// that tells people, and pauses it where it paid what was given back. No such answer holds up anything else.
    async fn ask(&self, belied: &[PayoutId]) -> Result<(), Trouble> {
        let unheard = store::unheard_after_the_end(self.steps.ledger().pool(), belied).await?;
        for payout in unheard.into_iter().take(MOST_ASKED) {
            let asked = async {
                match self.steps.read(payout).await? {
                    Some(before) => self.steps.ask_bank(&before).await.map(Some),
                    None => Ok(None),
                }
            };
            match asked.await {
                Ok(after) => {
                    let said = after.and_then(|after| after.payout.bank_said);
                    warn!(%payout, workflow = payout.workflow_id(), said, "it has ended, and the statement says otherwise: the bank was asked");
                }
                Err(error) => {
                    warn!(%payout, error = ?error, "it has ended, and the statement says otherwise: the bank is asked at the next reading");
                }
            }
        }
        Ok(())
    }

    /// Reads a closed day, takes in what the books missed, and writes what it came to.
    async fn day(&self, date: Date, done: &mut Reconciled) -> Result<Day, Trouble> {
        let ledger = self.steps.ledger();
        let read_at = ledger.now().await?;
        let lines = self.statement(date).await?;
        let (taken_in, strays) = catch_up::take_in(self.steps, self.client, &lines, read_at).await?;
        done.taken_in += count(taken_in);
        done.strays += strays;
        // What went out is held against the books whatever becomes of the list of what came in.
        let list = match self.list(date).await {
            Ok(list) => {
                let puller = Puller::new(self.steps.clone());
                done.taken_in_received += count(puller.take_in(&list).await?.len());
                Ok(list)
            }
            Err(Trouble::Bank(error)) => Err(error),
            Err(error) => return Err(error),
        };
        self.receipts(&lines, read_at).await;
        let day = store::hold(ledger, self.steps.bank(), date, read_at, lines, &list).await?;
        catch_up::wake(self.client, &day.behind).await;
        done.days.push(DayRead {
            operating_date: date,
            orders: count(day.orders),
            agreed: count(day.agreed),
            received: count(day.came.records),
            open: count(day.open + day.came.open),
            differences: count(day.differences()),
        });
        Ok(day)
    }

    /// Records that orders never reached the bank, and wakes their runs: sent on one closed day, unanswered, on no
    /// statement from that day to the running one, of which its own and the next match the rest of our orders. How many.
    async fn absences(
        &self,
        pairs: &[(Date, Date)],
        days: &BTreeMap<Date, Day>,
        running: &BTreeSet<String>,
    ) -> Result<u64, Trouble> {
        let mut proven = Vec::new();
        for (own, next) in pairs {
            // An order may surface late: whatever lies between must have been read too.
            let between = since(&self.steps.ledger().rules().calendar, *own, self.today);
            let all: Option<Vec<&Day>> = between.iter().map(|date| days.get(date)).collect();
            let (Some(all), Some(own), Some(next)) = (all, days.get(own), days.get(next)) else {
                continue;
            };
            proven.extend(self.prove(own, next, own.absent(next, &all, running)).await?);
        }
        catch_up::wake(self.client, &proven).await;
        Ok(count(proven.len()))
    }

    /// Writes what two closed days prove.
    async fn prove(&self, own: &Day, next: &Day, absent: Vec<&Unanswered>) -> Result<Vec<PayoutId>, Trouble> {
        let ids: Vec<Uuid> = absent.iter().map(|lost| lost.payout.uuid()).collect();
        let unheard = store::unheard_of(self.steps.ledger().pool(), self.steps.bank(), &ids).await?;
        let mut proven = Vec::new();
        for lost in absent.into_iter().filter(|lost| unheard.contains(&lost.payout.uuid())) {
            let payout = lost.payout;
            let finding = Finding {
                payout,
                id: Uuid::new_v4(),
                by: By::Statements {
                    day: own.date,
                    send_no: lost.send_no,
                    readings: [own.reading, next.reading],
                },
            };
            let stands = self.steps.ledger().evidence(finding).await?;
            if stands.is_some_and(|(row, _)| row.evidence == Some(Evidence::Absent)) {
                info!(%payout, workflow = payout.workflow_id(), date = %own.date, next = %next.date, "no statement has it: it never reached the bank");
                proven.push(payout);
            }
        }
        if proven.len() < own.unanswered.len() {
            warn!(
                date = %own.date, differences = own.wrong.len(), next = %next.date, next_differences = next.wrong.len(),
                unanswered = own.unanswered.len(), proven = proven.len(),
                "payouts of a closed day stay open: its statements prove nothing of them"
            );
        }
        Ok(proven)
    }
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

/// Days of open payouts that are closed and whose next banking day is, with that one; not those that were just tried, nor
/// what lies too far back: people decide then.
fn pairs(
    calendar: &BankCalendar,
    waiting: &BTreeSet<Date>,
    today: Date,
    now: Timestamp,
    read: &Read,
) -> Result<Vec<(Date, Date)>, CalendarError> {
    let with_next = |day: &Date| Ok((*day, calendar.next_banking_day(*day)?));
    let all: Result<Vec<_>, CalendarError> = waiting.iter().map(with_next).collect();
    let is_new = |day: &Date| {
        read.days
            .get(day)
            .is_none_or(|last| now.duration_since(last.at) >= AGAIN)
    };
    let window = since(calendar, Date::MIN, today);
    let is_due = |(own, next): &(Date, Date)| *next < today && is_new(own) && window.contains(own);
    Ok(all?.into_iter().filter(is_due).collect())
}

/// Closed days from the oldest on, `MOST_DAYS` at the most, and no further back than the calendar.
fn since(calendar: &BankCalendar, oldest: Date, today: Date) -> BTreeSet<Date> {
    let back = |date: &Date| calendar.previous_banking_day(*date).ok();
    let closed = iter::successors(back(&today), back).take(MOST_DAYS);
    closed.take_while(|date| *date >= oldest).collect()
}

/// Closed days, back to the first of the books, that were not read yet, were not settled when they were, a while ago, or
/// were settled and have not been looked at since the day after was over.
fn unsettled(
    calendar: &BankCalendar,
    today: Date,
    now: Timestamp,
    read: &Read,
) -> Result<BTreeSet<Date>, CalendarError> {
    let Some(first) = read.first else {
        return Ok(BTreeSet::new());
    };
    // What is asked for on a holiday or in the evening is sent on the next banking day.
    let first = calendar.operating_date(first)?.date();
    let mut due = BTreeSet::new();
    for date in since(calendar, first, today) {
        let is_due = match read.days.get(&date) {
            None => true,
            Some(last) if last.is_settled => {
                // What is listed late is seen by a second look, once the next banking day is over too.
                let next = calendar.next_banking_day(date)?;
                next < today && calendar.operating_date(last.at)?.date() <= next
            }
            Some(last) => now.duration_since(last.at) >= AGAIN,
        };
        due.extend(is_due.then_some(date));
    }
    Ok(due)
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
        let now: Timestamp = "2026-12-01T17:00:00Z".parse().expect("a time");
        let mut read = Read {
            first: None,
            days: BTreeMap::new(),
        };
        for (today, found) in [
            (date(2026, 11, 27), vec![]),
            (date(2026, 11, 30), vec![]),
            (date(2026, 12, 1), pair),
        ] {
            let pairs = pairs(&calendar(), &friday, today, now, &read).expect("in the table");
            assert_eq!(pairs, found, "{today}");
        }
        let last = LastRead {
            is_settled: false,
            at: now,
        };
        read.days
            .extend([(date(2026, 11, 27), last), (date(2026, 11, 30), last)]);
        let again = |now| {
            pairs(&calendar(), &friday, date(2026, 12, 1), now, &read)
                .expect("in the table")
                .len()
        };
        assert_eq!((again(now), again(now + AGAIN)), (0, 1), "what was just tried");
    }

    #[test]
    fn every_closed_day_since_the_oldest_is_read() {
        let days = since(&calendar(), date(2026, 11, 26), date(2026, 12, 1));
        assert_eq!(days, BTreeSet::from([26, 27, 30].map(|day| date(2026, 11, day))));
        let old = date(2026, 1, 5);
        let days = since(&calendar(), old, date(2026, 12, 1));
        assert!(days.len() == MOST_DAYS && !days.contains(&old), "people decide");
    }

    #[test]
    fn a_day_is_read_once_it_is_closed_and_again_while_it_differs() {
        let at: Timestamp = "2026-11-26T17:00:00Z".parse().expect("a time");
        let (today, tuesday, wednesday) = (date(2026, 11, 26), date(2026, 11, 24), date(2026, 11, 25));
        let mut read = Read {
            first: Some("2026-11-24T17:00:00Z".parse().expect("a time")),
            days: BTreeMap::new(),
        };
        let due = |read: &Read, now| unsettled(&calendar(), today, now, read).expect("in the table");
        assert_eq!(due(&read, at), BTreeSet::from([tuesday, wednesday]));
        read.days.insert(tuesday, LastRead { is_settled: true, at });
        read.days.insert(wednesday, LastRead { is_settled: false, at });
        assert!(due(&read, at).is_empty());
        assert_eq!(due(&read, at + AGAIN), BTreeSet::from([wednesday]));
        // Tuesday was read on Thursday: after Wednesday, which is its second look. Wednesday's comes on Friday.
        read.days.insert(wednesday, LastRead { is_settled: true, at });
        assert!(due(&read, at + AGAIN).is_empty());
        let friday = unsettled(&calendar(), date(2026, 11, 27), at + AGAIN, &read).expect("in the table");
        assert_eq!(friday, BTreeSet::from([wednesday, today]));
        read.first = None;
        assert!(due(&read, at + AGAIN).is_empty(), "books without anything");
    }
}
