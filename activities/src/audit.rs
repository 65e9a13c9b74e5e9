//! The auditor: the books against themselves, against the bank's statements, and against Temporal. It only reads, and
//! says what it found; the one thing it writes is how far it has come.
//!
//! | file | what it holds against what |
//! | --- | --- |
//! | `blocks` | the chains of blocks against the movements that they seal |
//! | `books` | sums, holds, rows of nobody, what waits |
//! | `opened` | accounts and opening credits against the requests that asked for them |
//! | `dossier` | a payout against everything that was ever written about it |
//! | `proof` | evidence against the bytes that it came by |
//! | `sides`, beside this one | payouts against the bank's statements |
//! | `runs` | open payouts against Temporal |
//! | `read`, `cursor`, `report` | nothing: the SQL, how far we are, what we say |
//!
//! Order matters: Temporal and the bank are read before the books. What ended there by then left its mark here.

mod blocks;
mod books;
mod corrected;
mod cursor;
mod dossier;
mod leader;
mod opened;
mod proof;
mod read;
mod received;
mod report;
mod runs;
#[cfg(test)]
mod scale;

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use temporalio_client::Client;
use tokio::task::JoinSet;
use uuid::Uuid;
use workflows::domain::{BankCalendar, CalendarError};

pub use leader::Lead;
pub use report::{Broken, Invariant, Line, Report};

use self::{
    blocks::Sealed,
    cursor::Cursor,
    proof::Proof,
    report::{LEFT_OUT, Tally},
    runs::{Clocks, Open, Run},
};
use crate::{
    bank::{Bank, one_day},
    ledger::{StoreError, store},
    sides::{self, Booked, Sides, Statements},
};

/// What its sessions are called in Postgres.
pub const NAME: &str = "giro audit";
/// Payouts of one page.
const PAGE: usize = 1_000;
/// Lanes that read pages, each with a session of its own on the one snapshot.
const LANES: usize = 2;
/// A change is stamped before its commit, so that a cursor may have missed what was under way this long.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How to audit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything, from the first block on; otherwise what is open or changed since the cursor.
    pub is_full: bool,
    /// Everything, too, when that was last done longer ago than this.
    pub full_after: Option<Duration>,
    /// Rows of each invariant that are named.
    pub named: usize,
    /// Statements of this many days back are read.
    pub days: u16,
    /// What waits for less is under way.
    pub grace: Duration,
}

/// How far an audit is, for whoever waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    payouts: AtomicU64,
    of: AtomicU64,
    movements: AtomicU64,
}

impl Progress {
    /// Payouts looked at, of how many, and movements verified.
    pub fn read(&self) -> (u64, u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.payouts), of(&self.of), of(&self.movements))
    }

    fn verified(&self, movements: usize) {
        add(&self.movements, movements);
    }
}

fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or_default(), Ordering::Relaxed);
}

/// A part that may be absent, with the reason why.
pub type Part<T> = Result<T, String>;

/// What an audit needs.
pub struct Auditor {
    url: String,
    bank: Part<Arc<Bank>>,
    temporal: Part<Client>,
    calendar: Arc<BankCalendar>,
    /// How far the audit under way is.
    pub progress: Arc<Progress>,
}

impl std::fmt::Debug for Auditor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Auditor")
    }
}

/// The reason of a part that nobody asked for, or that nobody can have now: it is no failure that it was not checked.
pub fn left_out(why: &str) -> String {
    format!("{LEFT_OUT}: {why}")
}

/// What was read before the books.
struct Outside {
    read_at: Timestamp,
    statements: Part<Statements>,
    runs: Part<BTreeMap<Uuid, Run>>,
}

impl Auditor {
    /// An auditor of the books at `url`. A part that is not there is not checked, and the report says why.
    pub fn new(url: &str, bank: Part<Bank>, temporal: Part<Client>, calendar: BankCalendar) -> Self {
        Self {
            url: url.to_owned(),
            bank: bank.map(Arc::new),
            temporal,
            calendar: Arc::new(calendar),
            progress: Arc::default(),
        }
    }

    /// Reads and checks; an error says that the books themselves could not be read.
    ///
    /// The cursor moves only when nothing is broken and nothing is left unchecked.
    pub async fn run(&self, options: &Options) -> Result<Report, StoreError> {
        let mut connection = self.connect().await?;
        let before = cursor::read(&mut connection).await?;
        let (report, came) = self.look(&mut connection, before.as_ref(), options).await?;
        if report.broken().is_empty() && report.is_whole() {
            cursor::save(&mut connection, before.as_ref(), &came).await?;
        }
        connection.close().await?;
        Ok(report)
    }

    /// One audit, and how far it came.
    async fn look(
        &self,
        connection: &mut PgConnection,
        before: Option<&Cursor>,
        options: &Options,
    ) -> Result<(Report, Cursor), StoreError> {
        let began = Instant::now();
        let now = store::now(&mut *connection).await?;
        let is_fresh = |cursor: &&Cursor| {
            let age = now.duration_since(cursor.full_at).unsigned_abs();
            // What lies ahead of the books' clock is no cursor of this time: everything is looked at.
            !options.is_full && cursor.at <= now && options.full_after.is_none_or(|limit| age < limit)
        };
        let since = before
            .filter(is_fresh)
            .and_then(|cursor| cursor.at.checked_sub(MARGIN).ok());
        let outside = self.outside(&mut *connection, since, options).await?;

        let mut snapshot = Connection::begin(&mut *connection).await?;
        sqlx::query("set transaction isolation level repeatable read, read only")
            .execute(&mut *snapshot)
            .await?;
        let name = sqlx::query_scalar!(r#"select pg_export_snapshot() as "name!""#)
            .fetch_one(&mut *snapshot)
            .await?;
        let now = store::now(&mut snapshot).await?;
        let ids = Arc::new(read::payouts(&mut snapshot, since).await?);
        self.progress.payouts.store(0, Ordering::Relaxed);
        self.progress.movements.store(0, Ordering::Relaxed);
        self.progress.of.store(0, Ordering::Relaxed);
        add(&self.progress.of, ids.len());
        let next = Arc::new(AtomicUsize::new(0));
        let mut lanes = JoinSet::new();
        for _ in 0..LANES {
            lanes.spawn(self.lane(name.clone(), ids.clone(), next.clone(), options.named));
        }

        let mut tally = Tally::new(options.named);
        let sealed = self.sets(&mut snapshot, before, since, now, options, &mut tally).await;
        let compared = self.sides(&mut snapshot, &outside, now, options, &mut tally).await;
        while let Some(lane) = lanes.join_next().await {
            let counted = lane.map_err(|error| StoreError::Disagree(error.to_string()))?;
            tally.add(counted?);
        }
        let sealed = sealed?;
        compared?;
        snapshot.rollback().await?;
        let full_at = before.filter(|_| since.is_some()).map(|cursor| cursor.full_at);
        let came = Cursor {
            at: outside.read_at,
            full_at: full_at.unwrap_or(outside.read_at),
            sealed,
        };
        Ok((tally.report(now, since, began.elapsed()), came))
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let options = PgConnectOptions::from_str(&self.url)?.application_name(NAME).options([
            ("statement_timeout", "600s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "600s"),
            ("timezone", "UTC"),
        ]);
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// What Temporal and the bank say, before the books are read as one.
    async fn outside(
        &self,
        connection: &mut PgConnection,
        since: Option<Timestamp>,
        options: &Options,
    ) -> Result<Outside, StoreError> {
        let read_at = store::now(connection).await?;
        let open = books::open(connection).await?;
        let runs = match &self.temporal {
            Ok(client) => runs::ask(client, &open).await,
            Err(why) => Err(why.clone()),
        };
        let statements = match &self.bank {
            Ok(bank) => self.statements(bank, connection, read_at, since, options).await?,
            Err(why) => Err(why.clone()),
        };
        Ok(Outside {
            read_at,
            statements,
            runs,
        })
    }

    /// The bank's statements: of the whole window in a full audit, otherwise of the days that it looks at.
    async fn statements(
        &self,
        bank: &Bank,
        connection: &mut PgConnection,
        read_at: Timestamp,
        since: Option<Timestamp>,
        options: &Options,
    ) -> Result<Part<Statements>, StoreError> {
        let no_day = |error: CalendarError| StoreError::Disagree(error.to_string());
        let rolls = || Ok(Err(left_out("the operating date rolls about now")));
        if !one_day(&self.calendar, read_at, read_at).map_err(no_day)? {
            return rolls();
        }
        let today = self.calendar.operating_date(read_at).map_err(no_day)?.date();
        let oldest = today.saturating_sub(i64::from(options.days).days());
        let back = |date: &Date| self.calendar.previous_banking_day(*date).ok();
        let window = iter::successors(Some(today), back).take_while(|date| *date >= oldest);
        let dates = match since {
            None => window.collect(),
            Some(since) => {
                let mut dates = read::dates(connection, since).await?;
                dates.extend(window.take(2));
                // A day that has not begun has no statement; a row that claims it is found by its line of another day.
                dates.retain(|date| (oldest..=today).contains(date));
                dates
            }
        };
        let read = sides::statements(bank, &dates, today).await;
        let read_by = store::now(connection).await?;
        if !one_day(&self.calendar, read_at, read_by).map_err(no_day)? {
            return rolls();
        }
        Ok(read)
    }

    /// Pages of payouts, each against its own rows, until none is left.
    fn lane(
        &self,
        snapshot: String,
        ids: Arc<Vec<Uuid>>,
        next: Arc<AtomicUsize>,
        named: usize,
    ) -> impl Future<Output = Result<Tally, StoreError>> + Send + 'static {
        let (bank, calendar, progress) = (self.bank.clone(), self.calendar.clone(), self.progress.clone());
        let connecting = self.url.clone();
        let auditor = Self {
            url: connecting,
            bank: Err(String::new()),
            temporal: Err(String::new()),
            calendar: calendar.clone(),
            progress: progress.clone(),
        };
        async move {
            let mut connection = auditor.connect().await?;
            let mut transaction = Connection::begin(&mut connection).await?;
            sqlx::query("set transaction isolation level repeatable read, read only")
                .execute(&mut *transaction)
                .await?;
            // The name is Postgres's own, and this statement takes no parameter.
            let adopt = format!("set transaction snapshot '{snapshot}'");
            sqlx::query(AssertSqlSafe(adopt)).execute(&mut *transaction).await?;
            let mut tally = Tally::new(named);
            loop {
                let from = next.fetch_add(PAGE, Ordering::Relaxed);
                let Some(left) = ids.get(from..).filter(|left| !left.is_empty()) else {
                    break;
                };
                let part = &left[..left.len().min(PAGE)];
                let page = read::page(&mut transaction, part).await?;
                check(&page, bank.as_deref().ok(), &calendar, &mut tally);
                add(&progress.payouts, part.len());
            }
            if let Err(why) = &bank {
                tally.unchecked(Invariant::Bytes, why.clone());
            }
            transaction.rollback().await?;
            connection.close().await?;
            Ok(tally)
        }
    }

    /// The books as sets.
    async fn sets(
        &self,
        snapshot: &mut PgConnection,
        before: Option<&Cursor>,
        since: Option<Timestamp>,
        now: Timestamp,
        options: &Options,
        tally: &mut Tally,
    ) -> Result<Sealed, StoreError> {
        let is_full = since.is_none();
        let known = before.map(|cursor| cursor.sealed.clone()).unwrap_or_default();
        let sealed = blocks::verify(snapshot, known, is_full, &self.progress, tally).await?;
        books::accounts(snapshot, &sealed, tally).await?;
        if is_full {
            books::strays(snapshot, tally).await?;
            books::closed(snapshot, tally).await?;
        } else {
            tally.unchecked(Invariant::Closed, left_out("only looked for by --full"));
            tally.unchecked(Invariant::Strays, left_out("only looked for by --full"));
        }
        received::check(snapshot, since, tally).await?;
        books::driven(snapshot, now, options, tally).await?;
        let grace = i64::try_from(options.grace.as_secs()).unwrap_or(i64::MAX);
        books::inbox(snapshot, grace, tally).await?;
        books::sessions(snapshot, tally).await?;
        Ok(sealed)
    }

    /// The books against what was read before them.
    async fn sides(
        &self,
        snapshot: &mut PgConnection,
        outside: &Outside,
        now: Timestamp,
        options: &Options,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        match &outside.runs {
            Ok(runs) => {
                let open: Vec<Open> = read::open(snapshot).await?;
                let clocks = Clocks {
                    books: now,
                    machine: Timestamp::now(),
                };
                let grace = SignedDuration::try_from(options.grace).unwrap_or(SignedDuration::MAX);
                runs::compare(&open, runs, clocks, grace, tally);
            }
            Err(why) => tally.unchecked(Invariant::Runs, why.clone()),
        }
        match &outside.statements {
            Ok(statements) => {
                // Whoever read statements has a bank.
                let bank = self.bank.as_deref().map_or("", Bank::name);
                let dates: BTreeSet<Date> = statements.keys().copied().collect();
                let lines = statements.values().flatten();
                let keys: Vec<String> = lines.map(|line| line.tracking_key.clone()).collect();
                let booked: Vec<Booked> = sides::read::booked(snapshot, bank, &dates, &keys).await?;
                let moved = sides::read::moved(snapshot, bank, &dates, outside.read_at).await?;
                let sides = Sides {
                    statements,
                    booked: &booked,
                    moved: &moved,
                    read_at: outside.read_at,
                };
                let (many, wrong) = sides.orders();
                tally.hold(Invariant::Orders, many, || wrong);
                tally.hold(Invariant::Sums, statements.len(), || sides.sums());
            }
            Err(why) => {
                tally.unchecked(Invariant::Orders, why.clone());
                tally.unchecked(Invariant::Sums, why.clone());
            }
        }
        Ok(())
    }
}

/// A page of payouts against their own rows.
fn check(page: &read::Page, bank: Option<&Bank>, calendar: &BankCalendar, tally: &mut Tally) {
    for (payout, why) in &page.unreadable {
        tally.broke(Invariant::Requests, payout, format!("does not read: {why}"));
    }
    for dossier in &page.dossiers {
        dossier.check(tally);
        if let Some(bank) = bank.filter(|bank| bank.name() == dossier.payout.bank) {
            let proof = Proof {
                payout: &dossier.payout,
                payer: page.payers.get(&dossier.payout.id.uuid()),
                evidence: &dossier.evidence,
                exchanges: &page.exchanges,
                bank,
                calendar,
            };
            proof.check(tally);
        }
    }
}
