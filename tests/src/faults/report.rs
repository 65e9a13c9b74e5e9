//! The table of a run: what was tried, how often, and what it came to.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Result;

use super::{
    field::Field,
    proxy::Met,
    run::Options,
    schedule::{Planned, To, summary},
    verdict::{Ended, claves},
    watch::LOOKS,
};
use crate::sim::Tally;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    rows: Vec<(String, String)>,
    /// What must never be; empty when every promise held.
    pub violations: Vec<String>,
    /// Logs and journals, while this process lives.
    pub dir: PathBuf,
}

impl Report {
    pub(super) async fn of(
        field: &Field,
        options: &Options,
        blows: &[Planned],
        (asking, fire, all): (Duration, Duration, Duration),
        ended: Ended,
    ) -> Result<Self> {
        let mut rows = Rows::default();
        let mut violations = field.violations();
        let struck = field.counts();
        blows_of(&mut rows, blows, &struck);
        violations.extend(untried(blows, &struck));
        for to in [To::Postgres, To::Temporal, To::Bank, To::Webhooks] {
            links_of(&mut rows, to, field.links.to(to).met());
        }
        bank_of(&mut rows, &field.bank.tally().await?);
        let load = &field.load.counts;
        let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
        rows.head("callers");
        rows.put("payouts asked for", options.payouts);
        rows.put("  answered", count(&load.answered));
        rows.put("  tries without an answer, asked again", count(&load.unanswered));
        rows.put(
            "  of them done before (answer lost after COMMIT)",
            count(&load.done_before),
        );
        rows.put(
            "cancels in time / too late",
            format!("{} / {}", count(&load.cancelled), count(&load.too_late)),
        );
        rows.put("transfers, at once and at a time", count(&load.transfers));
        rows.put("retries answered", count(&load.retried));
        let longest = load.longest.load(Ordering::Relaxed);
        rows.put("longest from a first try to its answer", format!("{longest} s"));
        rows.put("keys asked again at once, same or other body", count(&load.again));
        rows.head("end");
        for (state, many) in &ended.states {
            rows.put(&format!("payouts {state}"), many);
        }
        rows.put("asking took", seconds(asking));
        rows.put(
            "payouts a second, accepted under fire",
            per_second(count(&load.answered), asking),
        );
        rows.put("under fire", seconds(fire));
        rows.put("drained after the last fault", seconds(ended.drained));
        let to_the_end = fire + ended.drained;
        rows.put(
            "payouts a second, to their end",
            per_second(count(&load.answered), to_the_end),
        );
        rows.put("all of it took", seconds(all));
        rows.put("open by the bank's fault (each justified)", ended.unresolved);
        rows.put("  of them still, once the bank spoke", ended.refused);
        for (reason, many) in &ended.attention {
            rows.put(&format!("attention left: {reason}"), many);
        }
        rows.head("verdict");
        let named = claves(&violations).len();
        rows.put("lost, doubled or silently stuck", violations.len());
        rows.put("  payouts that are named", named);
        if violations.is_empty() {
            rows.put("95 % bound on their share (3/n)", format!("3/{}", options.payouts));
        }
        Ok(Self {
            rows: rows.0,
            violations,
            dir: field.dir().await,
        })
    }

    /// The number of a row.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut rows = self.rows.iter();
        rows.find(|(of, _)| of.trim() == name).map(|(_, value)| value.as_str())
    }

    /// Copies logs and journals to where the next run leaves them alone.
    pub fn keep(&self, to: &std::path::Path) -> Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(&self.dir)?.flatten() {
            let path = entry.path();
            let kept = path.extension().is_some_and(|kind| kind == "log" || kind == "journal");
            if let Some(name) = path.file_name().filter(|_| kept) {
                fs::copy(&path, to.join(name))?;
            }
        }
        Ok(fs::write(to.join("report.txt"), self.to_string())?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.rows {
            if value.is_empty() {
                writeln!(out, "\n  {name}")?;
            } else {
                writeln!(out, "    {name:<58} {value:>12}")?;
            }
        }
        for wrong in &self.violations {
            writeln!(out, "  VIOLATION {wrong}")?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Rows(Vec<(String, String)>);

impl Rows {
    fn head(&mut self, name: &str) {
        self.0.push((name.to_owned(), String::new()));
    }

    fn put(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }
}

fn blows_of(rows: &mut Rows, blows: &[Planned], struck: &BTreeMap<String, u64>) {
    rows.head("blows that fell / planned");
    let planned = summary(blows);
    for (name, of) in &planned {
        let fell = struck.get(name).copied().unwrap_or(0);
        rows.put(name, format!("{fell} / {of}"));
    }
    rows.head("meanwhile");
    for (name, times) in struck.iter().filter(|(name, _)| !planned.contains_key(*name)) {
        rows.put(name, times);
    }
}

/// What proves nothing, because it was never done. One or two of a kind may find nobody to strike.
fn untried(blows: &[Planned], struck: &BTreeMap<String, u64>) -> Vec<String> {
    let kinds = summary(blows).into_iter().filter(|(_, of)| *of > 2);
    let never = kinds.filter(|(name, _)| !struck.contains_key(name));
    let mut untried: Vec<String> = never
        .map(|(name, of)| format!("{name}: planned {of} times, and never done"))
        .collect();
    if !struck.contains_key(LOOKS) {
        untried.push("nobody could look at the books under fire".to_owned());
    }
    untried
}

fn links_of(rows: &mut Rows, to: To, met: &Met) {
    let mut text = String::new();
    let parts = [
        ("carried", &met.carried),
        ("closed", &met.closed),
        ("half-open", &met.swallowed),
        ("commits lost", &met.commits_lost),
    ];
    for (name, number) in parts {
        let number = number.load(Ordering::Relaxed);
        let comma = if text.is_empty() { "" } else { ", " };
        let _written = write!(text, "{comma}{number} {name}");
    }
    rows.put(&format!("connections {to}"), text);
}

fn bank_of(rows: &mut Rows, tally: &Tally) {
    rows.head("the bank");
    rows.put("orders taken", tally.orders);
    rows.put("claves with more than one order", tally.doubled.len());
    rows.put(
        "webhooks / of them repeats / lost besides",
        format!("{} / {} / {}", tally.webhooks, tally.repeated, tally.lost),
    );
    let met = tally.met.iter().filter(|(fault, _)| *fault != "normal");
    rows.put("classes of fault met", met.clone().count());
    for (fault, times) in met {
        rows.put(&format!("  {fault}"), times);
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

/// With one decimal.
fn per_second(many: usize, took: Duration) -> String {
    let tenths = u128::try_from(many).unwrap_or(0) * 10_000 / took.as_millis().max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}
