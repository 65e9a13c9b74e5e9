//! A bank that refuses everything, goes away under load, and is paused: each time one entry stands in the list of what a
//! person should look at, and it empties by itself.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use dev::parts::process;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tests::{
    books::Books,
    client::{is, text},
    load::Load,
    sim::SettingsChange,
    stack::{PATIENCE, Setup, Stack, program},
};

/// Calls in a second that the bank has agreed to.
const PER_SECOND: usize = 12;
const PAYOUTS: usize = 160;
/// The last runs look after a backoff, half a minute of spread, and a minute between two questions.
const LONG: Duration = Duration::from_secs(200);

/// Everything that a person should look at.
async fn list(stack: &Stack) -> Result<Vec<Value>> {
    let reply = stack.giro.get("/v1/attention").await?;
    ensure!(reply.status == 200, "{reply:?}");
    Ok(reply.body["data"].as_array().cloned().unwrap_or_default())
}

/// Waits until one cause alone stands in the list, with as many payouts as have not ended.
async fn one_cause(stack: &Stack, cause: &str) -> Result<Value> {
    let mut books = Books::connect(&stack.database).await?;
    let start = tokio::time::Instant::now();
    loop {
        let (all, open) = (list(stack).await?, books.sums().await?.open);
        if let [entry] = all.as_slice()
            && entry["cause"] == cause
            && entry["payouts"] == open
        {
            ensure!(entry["bank"] == "stp", "{entry}");
            return Ok(entry.clone());
        }
        ensure!(start.elapsed() < PATIENCE, "{open} open, and the list is {all:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many payouts a filter of the list finds; one page of them.
async fn listed(stack: &Stack, filter: &str) -> Result<Vec<Value>> {
    let reply = stack
        .giro
        .get(&format!("/v1/payouts?limit=200&attention={filter}"))
        .await?;
    Ok(reply.body["data"].as_array().context("a list")?.clone())
}

/// A sample of the relay's metrics, once it is `value`: what the list has now, when there is none.
async fn measured(stack: &Stack, sample: &str, value: Option<i64>) -> Result<()> {
    let url = format!("http://127.0.0.1:{}/metrics", stack.scraped.context("measured")?.relay);
    let start = tokio::time::Instant::now();
    loop {
        let value = match value {
            Some(value) => value,
            None => one_cause(stack, "away").await?["payouts"].as_i64().context("a count")?,
        };
        let body = reqwest::get(&url).await?.text().await?;
        let line = body.lines().find(|line| line.starts_with(sample)).unwrap_or_default();
        if line.rsplit(' ').next() == Some(value.to_string().as_str()) {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{line:?} is not {value}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What giroctl says.
pub(crate) fn giroctl(stack: &Stack, words: &[&str]) -> Result<String> {
    let mut command: Command = process::command(program("giroctl"));
    let done = command.env("GIRO_API", stack.giro.base()).args(words).output()?;
    Ok(String::from_utf8(done.stdout)?)
}

/// Waits until all have ended; meanwhile no payout wants a person for itself.
async fn empties(stack: &Stack) -> Result<()> {
    let mut books = Books::connect(&stack.database).await?;
    let start = tokio::time::Instant::now();
    while books.sums().await?.open > 0 {
        let all = list(stack).await?;
        ensure!(all.iter().all(|entry| entry["bank"] == "stp"), "{all:#?}");
        ensure!(
            start.elapsed() < LONG,
            "still open:\n{}\n{all:#?}",
            books.open().await?.join("\n")
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stack.all_ended(PATIENCE).await?;
    let left = list(stack).await?;
    ensure!(left.is_empty(), "{left:#?}");
    Ok(())
}

/// So long is counted: a machine that stands still for a moment delivers together what left apart.
const WINDOW: i64 = 5;

/// The most calls that came within any window.
fn busiest(mut times: Vec<Timestamp>) -> usize {
    times.sort();
    let within = |first: &Timestamp| *first + SignedDuration::from_secs(WINDOW);
    let count = |(at, first): (usize, &Timestamp)| times[at..].iter().take_while(|time| **time < within(first)).count();
    times.iter().enumerate().map(count).max().unwrap_or_default()
}

#[tokio::test]
async fn one_cause_is_one_entry_and_the_list_empties_by_itself() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        settle_ms: 4_000,
        // What is sent while the others are worked off waits its turn, too.
        sending_seconds: 120,
        measured: true,
        more: vec![("stp", format!("per_second = {PER_SECOND}"))],
        ..Setup::default()
    };
    let mut stack = Stack::with("outage", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    ensure!(list(&stack).await?.is_empty());

    // Our key is refused: everything waits for one thing.
    refuse_all(&stack, Some(-3)).await?;
    let mut refused = Vec::new();
    for _ in 0..3 {
        refused.push(stack.giro.pay(&account, 12_300).await?);
    }
    // One of them finds out for all.
    let start = tokio::time::Instant::now();
    loop {
        let mut said = Vec::new();
        for id in &refused {
            said.push(stack.giro.payout(id).await?["bank_said"].clone());
        }
        if said.iter().any(|said| said == "not sent: configuration stp:-3") {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "{said:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stack.pass(120).await?;
    let entry = one_cause(&stack, "configuration").await?;
    ensure!(entry["doc"] == "/docs/runbook/configuration", "{entry}");
    // Each in its turn is the probe for a moment, and waits for nothing then.
    let waits = |payout: &Value| payout["attention"].is_null() && payout["waits_for"]["cause"] == "configuration";
    stack.giro.wait(&refused[2], PATIENCE, waits).await?;
    refuse_all(&stack, None).await?;
    // The next order is the probe that a minute allows; what waits follows at its own times.
    stack.pass(120).await?;
    let probe = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&probe, PATIENCE, is("settled")).await?;

    // The bank goes away under load: some are not sent, some have no answer, some are at the bank.
    let load = Load::new(&stack.apis, vec![account.clone()], &stack.file("load.journal"))?;
    load.ask(0..PAYOUTS).await?;
    let start = tokio::time::Instant::now();
    while stack.bank.requests().await?.len() < 60 {
        ensure!(start.elapsed() < PATIENCE, "nothing is sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stack.kill("bank-sim");
    stack.pass(3_600).await?;
    let entry = one_cause(&stack, "away").await?;
    let count = entry["payouts"].as_i64().context("a count")?;
    ensure!(count >= 60, "{count} of {PAYOUTS} were caught");
    let states = |all: &[Value], state: &str| all.iter().filter(|payout| payout["state"] == state).count();
    let waiting = listed(&stack, "bank").await?;
    let caught = ["accepted", "sending", "sent"].map(|state| states(&waiting, state));
    ensure!(
        caught.iter().all(|count| *count > 0),
        "accepted, sending, sent: {caught:?}"
    );
    // One of them tries now and then, and is not overdue for that moment.
    ensure!(
        i64::try_from(waiting.len())?.abs_diff(count) <= 1,
        "{} of {count}",
        waiting.len()
    );
    let told = |payout: &Value| payout["waits_for"]["cause"] == "away" && payout["attention"].is_null();
    ensure!(waiting.iter().all(told), "each says what it waits for");
    ensure!(
        listed(&stack, "any").await?.is_empty(),
        "no payout wants a person for itself"
    );
    measured(&stack, r#"giro_bank_waiting_payouts{bank="stp",cause="away"}"#, None).await?;
    measured(&stack, r#"giro_bank_attention{bank="stp",cause="away"}"#, Some(1)).await?;
    measured(&stack, r#"giro_payouts_attention{reason="deadline"}"#, Some(0)).await?;
    let id = text(&waiting[0], "/id")?;
    for (words, told) in [
        (vec!["attention"], "the first since".to_owned()),
        (vec!["status"], "bank     stp, away: away since".to_owned()),
        (vec!["payouts", "show", &id], "waits for    stp: away, since".to_owned()),
        (vec!["payouts", "list", "--attention"], "overdue for it: ".to_owned()),
    ] {
        let said = giroctl(&stack, &words)?;
        ensure!(said.contains(&told), "{words:?} does not say {told:?}:\n{said}");
    }
    one_cause(&stack, "away").await?;

    // It comes back, and is not trampled.
    let back = Timestamp::now();
    stack.run("bank-sim")?;
    empties(&stack).await?;
    let requests = stack.bank.requests().await?;
    let mut calls: Vec<Timestamp> = requests
        .iter()
        .map(|request| request.at)
        .filter(|at| *at > back)
        .collect();
    calls.extend(stack.bank.questions().await?);
    ensure!(calls.len() >= 60, "only {} calls", calls.len());
    let most = busiest(calls);
    let agreed = PER_SECOND * usize::try_from(WINDOW)?;
    eprintln!("the busiest {WINDOW} seconds at the bank had {most} calls of {agreed}");
    ensure!(most <= agreed + PER_SECOND, "{most} calls within {WINDOW} seconds");

    // People pause it: it stands there until they resume it.
    stack.giro_command(&["bank", "pause", "stp", "--reason", "an exercise"])?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.pass(60).await?;
    let entry = one_cause(&stack, "people").await?;
    ensure!(entry["pause_reason"] == "an exercise", "{entry}");
    let reply = stack.giro.answered(&id, PATIENCE).await?;
    let next = "giro waits until people resume the bank";
    ensure!(reply.body["next"] == next, "{reply:?}");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "it is over"])?;
    stack.giro.answered(&id, PATIENCE).await?;
    empties(&stack).await
}

/// The bank refuses every order with this code, or none.
async fn refuse_all(stack: &Stack, code: Option<i64>) -> Result<()> {
    let change = SettingsChange {
        refuse_all: Some(code),
        ..SettingsChange::default()
    };
    stack.bank.settings(&change).await.map(drop)
}
