//! `giro audit`: the books against themselves, the bank and Temporal; once, or again and again with metrics.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use activities::{
    audit::{Auditor, Lead, Options, Part, Progress, Report, left_out},
    bank::{Bank, stp::Stp},
    ledger,
    meters::{self, Program},
};
use anyhow::Context;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use temporalio_client::Client;
use tracing::{error, info, warn};

use super::keys::Output;
use crate::{config::Config, programs, scrape, starter};

/// How long Temporal may take to take a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long what was checked once is taken to be so.
const A_DAY: Duration = Duration::from_secs(86_400);
/// After a full audit that could not check everything, the next is begun so much later.
const AN_HOUR: Duration = Duration::from_secs(3_600);
/// An audit that takes longer is given up.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Between two lines on how far a long audit is.
const TOLD: Duration = Duration::from_secs(3);

/// What to audit, and how often.
#[derive(Clone, Debug, clap::Args)]
pub struct Audit {
    /// Check everything, from the first block on; otherwise what is open, or changed since the last audit that
    /// checked all and found nothing. The first audit of all is full.
    #[arg(long)]
    full: bool,
    /// Go on for ever, beginning an audit so often, such as 60s; once a day everything is checked. One auditor
    /// at a time leads, others stand by.
    #[arg(long, value_parser = duration)]
    pub every: Option<Duration>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    /// Broken rows that are named for each invariant; the rest is counted.
    #[arg(long, default_value_t = 10)]
    rows: usize,
    /// Read the bank's statements of so many days back, and hold the payouts of those days against them.
    #[arg(long, default_value_t = 10)]
    days: u16,
    /// What waits for less than this is under way, not stuck.
    #[arg(long, value_parser = duration, default_value = "2m")]
    grace: Duration,
    /// Do not ask there; its invariants are left out, and said to be.
    #[arg(long, value_enum, value_delimiter = ',')]
    without: Vec<Outside>,
}

/// Who is asked beside the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Outside {
    /// The bank, for its statements; and the bytes it once answered are not read again.
    Bank,
    /// Temporal, for the runs of open payouts.
    Temporal,
}

/// A duration as people write it.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?}: write a duration such as 60s or 5m");
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| wrong())
}

impl Audit {
    fn options(&self) -> Options {
        Options {
            is_full: self.full,
            full_after: None,
            named: self.rows,
            days: self.days,
            grace: self.grace,
        }
    }

    /// The parts that are there now.
    async fn auditor(&self, config: &Config) -> anyhow::Result<Auditor> {
        let bank = self.bank(config)?;
        let temporal = if self.without.contains(&Outside::Temporal) {
            Err(left_out("--without temporal"))
        } else {
            temporal(config).await
        };
        let url = config.database.url.expose_secret();
        Ok(Auditor::new(url, bank, temporal, config.bank_calendar()?))
    }

    /// The bank, where its credentials are.
    fn bank(&self, config: &Config) -> anyhow::Result<Part<Bank>> {
        if self.without.contains(&Outside::Bank) {
            return Ok(Err(left_out("--without bank")));
        }
        Ok(match config.stp.clone() {
            Some(stp) => Ok(Bank::Stp(Stp::new(stp)?)),
            None => Err("[stp] is not configured here; leave it out on purpose with --without bank".to_owned()),
        })
    }
}

async fn temporal(config: &Config) -> Part<Client> {
    match tokio::time::timeout(CONNECT, starter::connect(&config.temporal)).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("Temporal does not answer at {}", config.temporal.address)),
    }
}

/// What one audit came to.
#[derive(Debug)]
pub struct Outcome {
    /// The report, for people or programs.
    pub said: String,
    /// What does not hold, or could not be checked; `None` when everything holds.
    pub wrong: Option<String>,
}

/// Audits once.
pub async fn once(config: &Config, audit: &Audit) -> anyhow::Result<Outcome> {
    let auditor = audit.auditor(config).await?;
    tokio::spawn(tell(Arc::downgrade(&auditor.progress)));
    let report = auditor
        .run(&audit.options())
        .await
        .context("the books cannot be audited")?;
    let said = match audit.output {
        Output::Table => report.to_string(),
        Output::Json => serde_json::to_string_pretty(&report)?,
    };
    Ok(Outcome {
        said,
        wrong: wrong(&report),
    })
}

/// Tells on stderr how far a long audit is.
async fn tell(progress: Weak<Progress>) {
    loop {
        tokio::time::sleep(TOLD).await;
        let Some(progress) = progress.upgrade() else {
            return;
        };
        let (payouts, of, movements) = progress.read();
        eprintln!("audit: {payouts} of {of} payouts, {movements} movements verified");
    }
}

/// What keeps a report from being a clean one.
fn wrong(report: &Report) -> Option<String> {
    let words = |all: Vec<activities::audit::Invariant>| {
        let words: Vec<&str> = all.into_iter().map(activities::audit::Invariant::word).collect();
        (!words.is_empty()).then(|| words.join(", "))
    };
    let broken = words(report.broken()).map(|words| format!("broken: {words}"));
    let unread = words(report.unread()).map(|words| format!("not checked: {words}"));
    let all: Vec<String> = broken.into_iter().chain(unread).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Audits for ever, as the leader; its gauges say what the last audit found.
pub async fn forever(config: Config, audit: Audit, every: Duration) -> anyhow::Result<()> {
    let url = config.database.url.expose_secret().to_owned();
    let pool = ledger::pool(&url, 1).context("database.url does not read")?;
    scrape::serve(Program::Audit, "metrics.audit", config.metrics.audit, &pool).await?;
    if let Ok(bank) = audit.bank(&config)? {
        meters::asked(bank.name());
    }
    let auditing = async {
        let mut lead: Option<Lead> = None;
        let mut fulls = Fulls::default();
        let mut rounds = tokio::time::interval(every);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let holds = match &mut lead {
                Some(lead) => tokio::time::timeout(CONNECT, lead.holds()).await.unwrap_or(false),
                None => false,
            };
            if !holds {
                let taken = tokio::time::timeout(CONNECT, Lead::take(&url)).await;
                lead = match taken.map_err(anyhow::Error::from).and_then(|taken| Ok(taken?)) {
                    Ok(lead) => lead,
                    Err(error) => {
                        warn!(%error, "the books are away: no audit");
                        meters::audit_failed();
                        lead = None;
                        continue;
                    }
                };
                if lead.is_none() {
                    meters::audit_stood_by();
                    continue;
                }
                info!(every_seconds = every.as_secs(), "this auditor leads");
            }
            round(&config, &audit, &mut fulls).await;
        }
    };
    tokio::select! {
        () = programs::stop() => Ok(()),
        () = auditing => Ok(()),
    }
}

/// When everything is checked again: a day after all was well, an hour after a try that could not check everything, and
/// at once while something is broken, which an audit of what changed may not see.
#[derive(Debug, Default)]
struct Fulls {
    tried: Option<Instant>,
    is_broken: bool,
}

impl Fulls {
    /// The age at which the last full audit that was well is followed by another; `None`: not yet.
    fn due(&self) -> Option<Duration> {
        let may = self.tried.is_none_or(|tried| tried.elapsed() >= AN_HOUR);
        match (self.is_broken, may) {
            (true, _) => Some(Duration::ZERO),
            (false, true) => Some(A_DAY),
            (false, false) => None,
        }
    }

    /// Takes note of an audit; `None`: it failed.
    fn done(&mut self, report: Option<&Report>) {
        let is_full = report.is_none_or(|report| report.since.is_none());
        if is_full {
            self.tried = Some(Instant::now());
        }
        if let Some(report) = report.filter(|_| is_full) {
            self.is_broken = !report.broken().is_empty();
        }
    }
}

/// One audit of many.
async fn round(config: &Config, audit: &Audit, fulls: &mut Fulls) {
    let options = Options {
        full_after: fulls.due(),
        ..audit.options()
    };
    let report = async { anyhow::Ok(audit.auditor(config).await?.run(&options).await?) };
    let report = tokio::time::timeout(LONGEST, report)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("it took more than {} seconds", LONGEST.as_secs())));
    fulls.done(report.as_ref().ok());
    let report = match report {
        Ok(report) => report,
        Err(why) => {
            meters::audit_failed();
            error!(error = format!("{why:#}"), "the books cannot be audited");
            return;
        }
    };
    meters::audited(&report);
    match wrong(&report) {
        None => info!(milliseconds = report.milliseconds, "the books hold"),
        Some(wrong) => {
            let broken = report
                .lines
                .iter()
                .flat_map(|line| line.rows.iter().map(move |row| (line.invariant, row)));
            for (invariant, row) in broken {
                error!(
                    invariant = invariant.word(),
                    row = row.row,
                    what = row.what,
                    "the books do not hold"
                );
            }
            error!(wrong, "the audit is not clean");
        }
    }
}
