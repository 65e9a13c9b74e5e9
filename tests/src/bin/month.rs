//! `giro-month`: a month of a whole giro under moved clocks, and the verdict of every day's statement.

// It talks to a person.
#![allow(clippy::print_stdout)]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use jiff::civil::Date;
use tests::month::{Options, run};

/// Live through a month: payouts with their fates, deposits, returns, transfers, payouts for later, an evening at the roll each
/// day, a day without the bank; then hold every day's statement against the books.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo month", version)]
struct Arguments {
    /// Its first day.
    #[arg(long, default_value = "2027-01-04")]
    from: Date,
    /// How many days, weekends and holidays among them.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=90))]
    days: u16,
    /// Usual payouts a day, besides those that meet something.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=200))]
    payouts: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { from, days, payouts } = Arguments::parse();
    let options = Options {
        name: "month",
        from,
        days,
        payouts,
    };
    println!("\n  {days} days from {from}\n");
    let start = Instant::now();
    match run(options, |line| println!("  {line}")).await {
        Ok(report) => {
            println!("\n{report}; all of it took {} s", start.elapsed().as_secs());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nNot as it must be: {error:#}");
            ExitCode::FAILURE
        }
    }
}
