//! The ledger: one writer per process, a pure core that decides, and the rows that the rest of giro reads.
//!
//! A handle sends commands to the writer and awaits the answer. Nobody else changes money or a payout.

pub mod chain;
pub mod closures;
pub mod command;
pub mod core;
mod ends;
pub(crate) mod event;
#[cfg(test)]
pub(crate) mod made;
mod moments;
pub mod read;
pub mod rows;
mod settings;
mod silence;
pub mod standing;
pub(crate) mod store;
pub mod strays;
pub mod timeline;
mod writer;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};
use tokio::sync::mpsc;
use workflows::domain::{End, PayoutId, ReceivedId};

pub use core::outlook;
pub use ends::Ends;
pub use settings::{Resumed, clock_ahead, pause, resume, set_clock, set_environment};
pub(crate) use silence::heard;
pub use store::StoreError;

use command::{
    Accept, Adopt, Answer, Begin, Command, Correct, Cure, Decide, Finding, Open, Receive, Record, SendBack, Stand,
};
use rows::{BankRow, Payout, Private, Received, Rules};
use writer::Job;

/// Why a command has no answer. Nothing is known to be written; asking again is always safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The books are away, or busy beyond patience.
    #[error("the books are away: ask again")]
    Later,
    /// This command alone breaks a check of the books; it was not written, and an alert says so.
    #[error("the books refuse this command: it was set aside with an alert")]
    SetAside,
}

/// A handle on the writer and on the rows.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: PgPool,
    queue: mpsc::Sender<Job>,
    rules: std::sync::Arc<Rules>,
}

impl Ledger {
    /// Starts the writer of this process. It ends when the last handle is gone.
    pub fn start(pool: PgPool, rules: Rules) -> Self {
        let (queue, jobs) = mpsc::channel(writer::QUEUE);
        let writing = tokio::spawn(writer::run(pool.clone(), rules.clone(), jobs));
        tokio::spawn(async move {
            if writing.await.is_err() {
                // Without its writer a process can only say "later" for ever: whoever started it must see it end.
                tracing::error!("the writer died: the process ends");
                std::process::exit(70);
            }
        });
        Self {
            pool,
            queue,
            rules: std::sync::Arc::new(rules),
        }
    }

    /// The pool, for what reads.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What the core decides with.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Sends one command and awaits its answer, for seconds at the most.
    pub async fn run(&self, command: Command) -> Result<Answer, LedgerError> {
        writer::ask(&self.queue, command).await
    }

    /// Opens an account.
    pub async fn open(&self, open: Open) -> Result<Answer, LedgerError> {
        self.run(Command::Open(open)).await
    }

    /// Holds the money of a new payout.
    pub async fn accept(&self, accept: Accept) -> Result<Answer, LedgerError> {
        self.run(Command::Accept(accept)).await
    }

    /// What `accept` would answer now; nothing is written or locked, so the real answer may differ a moment later.
    pub async fn foresee(&self, accept: Accept) -> Result<Answer, StoreError> {
        let rows = heard(store::foresee(&self.pool, &accept)).await?;
        Ok(core::decide(&self.rules, &rows, &Command::Accept(accept)).0)
    }

    /// Gives the money back before anything was sent; `by`: the caller who wants that.
    pub async fn cancel(&self, payout: PayoutId, by: &str) -> Result<Answer, LedgerError> {
        self.run(Command::Cancel(payout, by.to_owned())).await
    }

    /// Takes the right to send once. `None`: there is no such payout.
    pub async fn begin(&self, begin: Begin) -> Result<Option<(Payout, Stand)>, LedgerError> {
        stands(self.run(Command::Begin(begin)).await?)
    }

    /// Takes in an order of the bank's whose begin is lost. `None`: there is no such payout.
    pub async fn adopt(&self, adopt: Adopt) -> Result<Option<(Payout, Stand)>, LedgerError> {
        stands(self.run(Command::Adopt(adopt)).await?)
    }

    /// Writes what became of a send. `None`: there is no such payout.
    pub async fn record(&self, record: Record) -> Result<Option<(Payout, Stand)>, LedgerError> {
        stands(self.run(Command::Record(record)).await?)
    }

    /// Writes what a look found. `None`: there is no such payout.
    pub async fn evidence(&self, finding: Finding) -> Result<Option<(Payout, Stand)>, LedgerError> {
        stands(self.run(Command::Evidence(finding)).await?)
    }

    /// Posts or releases by the evidence on the row; the end, when it has one. `None`: there is no such payout.
    pub async fn apply(&self, payout: PayoutId) -> Result<Option<(Payout, Option<End>)>, LedgerError> {
        ended(self.run(Command::Apply(payout)).await?)
    }

    /// Moves money between two accounts of giro's own once it is time; the end, when it has one. `None`: there is no such
    /// payout, or it goes through a bank.
    pub async fn book(&self, payout: PayoutId) -> Result<Option<(Payout, Option<End>)>, LedgerError> {
        ended(self.run(Command::Book(payout)).await?)
    }

    /// Takes in a record of money that came in; true when nobody had before.
    #[allow(clippy::wildcard_enum_match_arm)]
    pub async fn receive(&self, receive: Receive) -> Result<(Received, bool), LedgerError> {
        match self.run(Command::Receive(Box::new(receive))).await? {
            Answer::Received { received, is_new } => Ok((received, is_new)),
            other => Err(not_its_answer(&other)),
        }
    }

    /// Gives what came in its place: a deposit to its customer, a return against its payout, or apart.
    #[allow(clippy::wildcard_enum_match_arm)]
    pub async fn place(&self, command: Command) -> Result<Placed, LedgerError> {
        match self.run(command).await? {
            Answer::Placed(received) => Ok(Placed::Placed(received)),
            Answer::Waits { received, payout } => Ok(Placed::Waits { received, payout }),
            Answer::Unknown => Ok(Placed::Unknown),
            other => Err(not_its_answer(&other)),
        }
    }

    /// Gives what was set apart to a customer, as people decided.
    pub async fn cure(&self, cure: Cure) -> Result<Answer, LedgerError> {
        self.run(Command::Cure(cure)).await
    }

    /// Begins to send a deposit back that was set apart, as people decided.
    pub async fn send_back(&self, back: SendBack) -> Result<Answer, LedgerError> {
        self.run(Command::SendBack(back)).await
    }

    /// Keeps what one person says, and does it once a second one says the same.
    pub async fn decide(&self, decide: Decide) -> Result<Answer, LedgerError> {
        self.run(Command::Decide(decide)).await
    }

    /// Keeps what one person says that the books must have, and books it once a second one says the same.
    pub async fn correct(&self, correct: Correct) -> Result<Answer, LedgerError> {
        self.run(Command::Correct(correct)).await
    }

    /// A received record as it stands, without a lock.
    pub async fn received(&self, id: ReceivedId) -> Result<Option<Received>, StoreError> {
        heard(store::received(&self.pool, id)).await
    }

    /// The payout that the bank knows by this key.
    pub async fn payout_by_key(&self, key: &str) -> Result<Option<Payout>, StoreError> {
        heard(store::payout_by_key(&self.pool, key)).await
    }

    /// A payout as it stands, without a lock.
    pub async fn payout(&self, id: PayoutId) -> Result<Option<Payout>, StoreError> {
        heard(store::payout(&self.pool, id)).await
    }

    /// A bank as it stands, without a lock.
    pub async fn bank(&self, name: &str) -> Result<Option<BankRow>, StoreError> {
        heard(store::bank(&self.pool, name)).await
    }

    /// Writes what a bank's adapter and configuration say that it can do.
    pub async fn register_bank(&self, bank: &crate::bank::Bank) -> Result<(), StoreError> {
        settings::register_bank(&self.pool, bank).await
    }

    /// The ordering customer of a payout: CLABE, holder, tax id.
    pub async fn payer(&self, payout: PayoutId) -> Result<Option<(Private, Private, Private)>, StoreError> {
        heard(store::payer(&self.pool, payout)).await
    }

    /// `giro_now()`: the time that decides.
    pub async fn now(&self) -> Result<jiff::Timestamp, StoreError> {
        heard(async {
            let mut connection = self.pool.acquire().await?;
            store::now(&mut connection).await
        })
        .await
    }
}

/// What became of a record that was to be given its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It has one, now or since before.
    Placed(Received),
    /// It waits, a return for its payout to be settled.
    Waits {
        /// The record.
        received: Received,
        /// What it waits for.
        payout: Option<PayoutId>,
    },
    /// There is no such record of that kind.
    Unknown,
}

/// How a payout ended, as apply and book answer. Any other answer is a bug, and moves nothing.
#[allow(clippy::wildcard_enum_match_arm)]
fn ended(answer: Answer) -> Result<Option<(Payout, Option<End>)>, LedgerError> {
    match answer {
        Answer::Ended(payout, end) => Ok(Some((payout, Some(end)))),
        Answer::Open(payout) => Ok(Some((payout, None))),
        Answer::Unknown => Ok(None),
        other => Err(not_its_answer(&other)),
    }
}

/// Where a payout stands, as begin, record and evidence answer. Any other answer is a bug, and moves nothing.
#[allow(clippy::wildcard_enum_match_arm)]
fn stands(answer: Answer) -> Result<Option<(Payout, Stand)>, LedgerError> {
    match answer {
        Answer::Stands(payout, stand) => Ok(Some((payout, stand))),
        Answer::Unknown => Ok(None),
        other => Err(not_its_answer(&other)),
    }
}

/// An answer that the command never gives.
fn not_its_answer(answer: &Answer) -> LedgerError {
    tracing::error!(?answer, "the core gave an answer that this command does not have");
    LedgerError::SetAside
}

/// What the sessions of giro's pools are called in Postgres.
pub(crate) const SESSIONS: &str = "giro";

/// Connects a pool to the books; every connection gives up on a lock or a statement after seconds, never holds one idle,
/// and waits for its commits to be on disk, whatever the database's default: a right to send must outlive a crash.
pub fn pool(url: &str, connections: u32) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?.application_name(SESSIONS).options([
        ("lock_timeout", "2s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("timezone", "UTC"),
        ("synchronous_commit", "on"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(3))
        .after_release(|connection, _| Box::pin(silence::answers(connection)))
        .connect_lazy_with(options))
}

/// The schema, embedded.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
