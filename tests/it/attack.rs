//! The fault harness at the size of a test, and links that fail in ways that no kill shows.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::{
    books::Books,
    faults::{Options, Plan, Weather, run},
    load::Load,
    stack::{PATIENCE, Setup, Stack, at_work},
};
use tokio::time::sleep;

/// Ten kills, each server's outage, and everything else once, in half a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_payouts_under_fire() -> Result<()> {
    let options = Options {
        name: "attack",
        payouts: 300,
        rate: 12,
        plan: Plan {
            seed: 5,
            lasts: Duration::from_secs(25),
            kills: 10,
            postgres: 1,
            temporal: 1,
            // Without what the bank must be told to resolve: that takes a minute more.
            others: 2,
        },
        bank_faults: 10,
        lost: 20,
        repeated: 30,
    };
    let _place = at_work().await?;
    let report = run(&options, &|_| {}).await?;
    eprintln!("{report}");
    ensure!(report.violations.is_empty(), "{:#?}", report.violations);
    for name in [
        "SIGKILL of api",
        "SIGKILL of worker",
        "SIGKILL of relay",
        "SIGKILL of the bank",
    ] {
        let fell = report.get(name).unwrap_or_default();
        ensure!(!fell.is_empty() && !fell.starts_with("0 "), "{name}: {fell:?}");
    }
    for name in [
        "a deposit",
        "a deposit for nobody",
        "a late return",
        "transfers, at once and at a time",
    ] {
        ensure!(report.get(name).is_some_and(|times| times != "0"), "{name}: none");
    }
    let unanswered = report.get("tries without an answer, asked again");
    ensure!(unanswered != Some("0"), "no request was cut off");
    Ok(())
}

/// The other side is gone and says nothing: no reset, no end. Every program gives such connections up by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_in_silence_hold_up_nobody() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        own_postgres: true,
        own_temporal: true,
        linked: true,
        ..Setup::default()
    };
    let _place = at_work().await?;
    let stack = Stack::with("half_open", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let load = Load::new(&stack.apis, vec![account], &stack.file("load.journal"))?.busy();
    let load = Arc::new(load);
    let links = stack.links.clone().context("links")?;
    // A start may end where Postgres is away; what serves may not.
    stack.logged("worker", "worker polls").await?;
    stack.logged("relay", "relay sweeps").await?;
    load.ask(0..20).await?;
    let callers = Arc::clone(&load);
    let asking = tokio::spawn(async move { callers.ask(20..60).await });
    while load.answered() < 25 {
        sleep(Duration::from_millis(5)).await;
    }
    let all = [&links.postgres, &links.bank, &links.temporal];
    all.iter().for_each(|link| link.turn(Weather::HalfOpen));
    let operator = stack.operator();
    let command = tokio::task::spawn_blocking(move || operator.run(&["bank", "strays", "stp"], &[]));
    sleep(Duration::from_secs(2)).await;
    all.iter().for_each(|link| link.turn(Weather::Calm));
    asking.await??;
    let swallowed = links
        .postgres
        .met()
        .swallowed
        .load(std::sync::atomic::Ordering::Relaxed);
    ensure!(swallowed > 3, "only {swallowed} connections lost anything");
    stack.all_ended(PATIENCE * 2).await?;
    let told = tokio::time::timeout(PATIENCE, command)
        .await
        .context("a command hangs")??;
    let told = told.err().context("it spoke to nobody")?.to_string();
    ensure!(told.contains("the database has not answered"), "{told}");
    load.holds(&mut Books::connect(&stack.database).await?).await
}
