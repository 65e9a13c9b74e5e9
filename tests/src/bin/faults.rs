//! `giro-faults`: attacks a whole giro and holds it to its promise: nothing lost, doubled or silently stuck.

// It talks to a person.
#![allow(clippy::print_stdout)]

use std::{
    io::{BufRead, BufReader, IsTerminal},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use tests::faults::{Besides, Now, Options, Plan, Report, Tier, run, schedule, summary};

/// Attack a whole giro: real processes, a seeded schedule of kills and outages, and the verdict of books and bank.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo faults", version)]
struct Arguments {
    /// A size in place of the numbers below; `ci` has more beside it. The percents and the seed stay as given.
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// Payouts that callers ask for.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    payouts: u32,
    /// Payouts that they ask for in a second.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// SIGKILLs of API, workers and relays.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Immediate stops of Postgres.
    #[arg(long, default_value_t = 2)]
    postgres_kills: u32,
    /// SIGKILLs of Temporal; one of them loses its database.
    #[arg(long, default_value_t = 2)]
    temporal_kills: u32,
    /// Rounds of everything else: freezes, bad links, forged webhooks, raw signals.
    #[arg(long, default_value_t = 8)]
    others: u32,
    /// Of a hundred payouts so many meet a fault at the bank.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    bank_faults: u8,
    /// Of a hundred webhooks so many are lost.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    webhooks_lost: u8,
    /// And so many of the others repeated.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u8).range(0..=100))]
    webhooks_repeated: u8,
    /// Draws the blows, the bank's faults and the webhooks' fate.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Arguments {
    /// With the numbers of the tier, when there is one.
    fn sized(self) -> Self {
        let Some(tier) = self.tier else { return self };
        let size = tier.size();
        Self {
            payouts: size.payouts,
            rate: size.rate,
            kills: size.kills,
            postgres_kills: size.postgres_kills,
            temporal_kills: size.temporal_kills,
            others: size.others,
            ..self
        }
    }

    fn options(&self) -> Options {
        let lasts =
            Duration::from_secs(u64::from(self.payouts) / u64::from(self.rate.max(1))).max(Duration::from_secs(1));
        Options {
            name: "faults",
            payouts: usize::try_from(self.payouts).unwrap_or(usize::MAX),
            rate: self.rate,
            plan: Plan {
                seed: self.seed,
                lasts,
                kills: self.kills,
                postgres: self.postgres_kills,
                temporal: self.temporal_kills,
                others: self.others,
            },
            bank_faults: self.bank_faults,
            lost: self.webhooks_lost,
            repeated: self.webhooks_repeated,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse().sized();
    let besides = arguments.tier.map_or(&[][..], Tier::besides);
    // Each is told of, whatever became of the others.
    let failed = besides.iter().filter(|besides| !run_besides(besides)).count();
    match attack(&arguments).await {
        Ok(true) if failed > 0 => ExitCode::FAILURE,
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("\n  The run did not come to its end: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Has cargo run it, in view; true when it says that it was done.
fn run_besides(besides: &Besides) -> bool {
    println!("\n  {}: cargo {}", besides.name, besides.arguments.join(" "));
    let start = Instant::now();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let child = Command::new(cargo)
        .args(besides.arguments)
        .envs(besides.variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return false };
    let mut said = false;
    for line in child
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufRead::lines)
    {
        let Ok(line) = line else { break };
        said |= line.contains(besides.says);
        println!("    {line}");
    }
    let done = said && child.wait().is_ok_and(|status| status.success());
    let word = if done { "done" } else { "FAILED" };
    println!("  {word}: {} ({} s)", besides.name, start.elapsed().as_secs());
    done
}

async fn attack(arguments: &Arguments) -> Result<bool> {
    let options = arguments.options();
    println!(
        "\n  seed {}: {} payouts, {} a second",
        arguments.seed, options.payouts, options.rate
    );
    for (name, times) in summary(&schedule(&options.plan)) {
        println!("    {times:>5} {name}");
    }
    let bar = Bar::new(options.payouts);
    let report = run(&options, &|now| bar.tell(now)).await?;
    bar.bar.finish_and_clear();
    println!("{report}");
    verdict(arguments, &report)
}

fn verdict(arguments: &Arguments, report: &Report) -> Result<bool> {
    println!("  again: {}", again(arguments));
    if report.violations.is_empty() {
        println!("  Nothing was lost, doubled or silently stuck.\n");
        return Ok(true);
    }
    let kept = Path::new("target/faults").join(format!("seed-{}-{}", arguments.seed, std::process::id()));
    report.keep(&kept)?;
    println!("  NOT SO. Logs and journals: {}\n", kept.display());
    Ok(false)
}

/// The command that repeats this schedule.
fn again(arguments: &Arguments) -> String {
    let Arguments {
        tier: _,
        payouts,
        rate,
        kills,
        postgres_kills,
        temporal_kills,
        others,
        bank_faults,
        webhooks_lost,
        webhooks_repeated,
        seed,
    } = arguments;
    format!(
        "cargo faults --payouts {payouts} --rate {rate} --kills {kills} --postgres-kills {postgres_kills} \
         --temporal-kills {temporal_kills} --others {others} --bank-faults {bank_faults} \
         --webhooks-lost {webhooks_lost} --webhooks-repeated {webhooks_repeated} --seed {seed}"
    )
}

/// A bar on a terminal, a line now and then elsewhere.
struct Bar {
    bar: ProgressBar,
    told: Mutex<Told>,
}

/// When it told a line, and how many violations it has told.
struct Told {
    at: Instant,
    violations: usize,
}

impl Bar {
    fn new(payouts: usize) -> Self {
        let style = ProgressStyle::with_template("  {elapsed_precise} {wide_bar} {pos}/{len} payouts, {msg}");
        let bar = ProgressBar::new(u64::try_from(payouts).unwrap_or(u64::MAX));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            told: Mutex::new(Told {
                at: Instant::now(),
                violations: 0,
            }),
        }
    }

    fn tell(&self, now: &Now) {
        let text = if now.draining {
            format!(
                "draining, {} violations; it waits for {}",
                now.violations.len(),
                now.waits
            )
        } else {
            format!(
                "under fire, {} tries unanswered, {} violations",
                now.unanswered,
                now.violations.len()
            )
        };
        self.bar.set_position(u64::try_from(now.answered).unwrap_or(u64::MAX));
        self.bar.set_message(text.clone());
        let Ok(mut told) = self.told.lock() else { return };
        for violation in now.violations.iter().skip(told.violations) {
            self.bar.suspend(|| println!("  VIOLATION {violation}"));
        }
        told.violations = now.violations.len();
        if !std::io::stderr().is_terminal() && told.at.elapsed() > Duration::from_secs(30) {
            told.at = Instant::now();
            println!("  {}/{} payouts, {text}", now.answered, now.of);
        }
    }
}
