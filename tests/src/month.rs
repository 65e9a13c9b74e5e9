//! A simulated month: every day of it lived through by a whole giro under moved clocks, with what a month brings; at its end
//! every day's statement must equal the books line by line, but for what was planted.

mod day;
mod verdict;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time},
    tz,
};
use temporalio_client::WorkflowStartOptions;
use tokio::{
    net::TcpSocket,
    time::{Duration, sleep},
};
use workflows::{
    ReconciliationWorkflow,
    contract::Reconciled,
    domain::{BankCalendar, Centavos},
    reconciliation::Reconciliation,
    wire::Anything,
};

use crate::{
    books::Books,
    sim::SettingsChange,
    stack::{Setup, Stack},
};

pub use verdict::Report;

/// Mexico City has had no summer time since 2022.
const MEXICO_CITY: tz::Offset = tz::offset(-6);
/// What each customer starts with.
const OPENING: i64 = 50_000_000;
/// Fee and IVA of a payout, as a story's giro charges them.
const CHARGE: i64 = 580;

/// Which month.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Its name among the stacks.
    pub name: &'static str,
    /// Its first day.
    pub from: Date,
    /// How many days, weekends and holidays among them.
    pub days: u16,
    /// Usual payouts a day, besides those that meet something.
    pub payouts: u16,
}

/// What is known of one payout that was asked for.
#[derive(Clone, Debug)]
struct Asked {
    id: String,
    amount: Centavos,
    /// The day of the month that it was settled on.
    on: u16,
    /// Its money has come back.
    is_back: bool,
}

/// A month under way.
struct Month {
    options: Options,
    stack: Stack,
    /// The customers: the first pays, the second gets.
    accounts: [String; 2],
    /// Settled payouts that may still come back.
    settled: Vec<Asked>,
    /// Payouts that wait for a later day: its number, and which.
    waiting: Vec<(u16, String)>,
    /// The bank's port while the bank is away: nobody listens there, and nobody else gets it.
    away: Option<TcpSocket>,
    /// The payout whose order never came to the bank.
    lost: Option<String>,
    /// What was planted, by the operating date that it must be named on.
    planted: BTreeMap<Date, Vec<String>>,
    /// By how many centavos the bank has more than the books, by what was planted.
    apart: i64,
    /// The last operating date that finance has closed.
    closed: Option<Date>,
    /// What each customer must have, by what was asked and what came, in centavos.
    tally: [i64; 2],
    /// Who hears of each day.
    told: fn(&str),
}

/// Lives through the month; `told` hears a line of each day.
pub async fn run(options: Options, told: fn(&str)) -> Result<Report> {
    let setup = Setup {
        // Nothing is sent twice: what was lost on its way is proven absent by closed statements.
        dedupes: false,
        more: vec![("stp", "account = \"646180157000000004\"".to_owned())],
        programs: &["worker", "api", "relay"],
        ..Setup::default()
    };
    let stack = Stack::with(options.name, setup).await?;
    let accounts = [
        stack.giro.account(1, OPENING).await?,
        stack.giro.account(2, OPENING).await?,
    ];
    // The month reads when it says so: what is planted must not pause the bank in the middle of a day.
    stack
        .logged("worker", "the bank's days are reconciled by schedule")
        .await?;
    let schedule = stack
        .client()
        .await?
        .get_schedule_handle(worker::schedule::id(stack.queue()));
    schedule
        .pause(Some("the month reads by itself"), Default::default())
        .await?;
    let mut month = Month {
        options,
        stack,
        accounts,
        settled: Vec::new(),
        waiting: Vec::new(),
        away: None,
        lost: None,
        planted: BTreeMap::new(),
        apart: 0,
        closed: None,
        tally: [OPENING; 2],
        told,
    };
    month.opens_with(2 * OPENING).await?;
    for n in 0..options.days {
        month.day(n).await.with_context(|| format!("on {}", month.date(n)))?;
    }
    month.judge().await
}

impl Month {
    /// The `n`th day.
    fn date(&self, n: u16) -> Date {
        self.options.from.saturating_add(i64::from(n).days())
    }

    /// Sets the clock of the books to a time of day in Mexico City; answers by how many seconds it is ahead.
    fn books_at(&self, n: u16, time: Time) -> Result<i64> {
        let wanted = MEXICO_CITY.to_timestamp(self.date(n).to_datetime(time))?;
        let ahead = wanted.as_second() - Timestamp::now().as_second();
        self.stack.giro_command(&["clock", "--offset", &ahead.to_string()])?;
        Ok(ahead)
    }

    /// The same, with the bank's clock.
    async fn at(&self, n: u16, time: Time) -> Result<()> {
        let ahead = self.books_at(n, time)?;
        self.stack.bank.clock(ahead).await
    }

    /// What the company has at the bank before anything moves; a bank that was away has forgotten it.
    async fn opens_with(&self, centavos: i64) -> Result<()> {
        let change = SettingsChange {
            opening_balance: Some(centavos),
            ..SettingsChange::default()
        };
        self.stack.bank.settings(&change).await.map(drop)
    }

    /// Holds the closed days that are due against the books, as the schedule does.
    async fn reconcile(&self) -> Result<Reconciled> {
        let client = self.stack.client().await?;
        loop {
            let id = format!("{}-month-{}", self.stack.queue(), uuid::Uuid::now_v7());
            let options = WorkflowStartOptions::new(self.stack.queue(), id).build();
            let run = client
                .start_workflow(ReconciliationWorkflow::run, Anything, options)
                .await?;
            match run.get_result(Default::default()).await?.pop() {
                Some(Reconciliation::Read(read)) => return Ok(read),
                // The schedule's own run is at it.
                Some(Reconciliation::Left { .. }) => sleep(Duration::from_secs(1)).await,
                None => anyhow::bail!("no bank was read"),
            }
        }
    }

    /// Finance closes every banking day until this one.
    fn close(&mut self, until: Date) -> Result<()> {
        let calendar = BankCalendar::builtin()?;
        let mut date = match self.closed {
            Some(last) => calendar.next_banking_day(last)?,
            None => calendar.next_banking_day(self.options.from.saturating_sub(1.day()))?,
        };
        while date <= until {
            let on = date.to_string();
            let close = [
                "finance",
                "close",
                "--date",
                &on,
                "--by",
                "month",
                "--anyway",
                "it was planted",
            ];
            self.stack.giro_command(&close)?;
            self.closed = Some(date);
            date = calendar.next_banking_day(date)?;
        }
        Ok(())
    }

    /// A person looks at what paused the bank, where something did, and resumes it.
    async fn resume(&self) -> Result<()> {
        let pause = self.books().await?.pause().await?;
        let Some((by, since)) = pause else { return Ok(()) };
        ensure!(by == "stray_order", "paused by {by}");
        let why = ["bank", "resume", "stp", "--reason", "it was planted", "--since", &since];
        self.stack.giro_command(&why).map(drop)
    }

    async fn books(&self) -> Result<Books> {
        Books::connect(&self.stack.database).await
    }
}
