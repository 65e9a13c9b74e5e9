//! Every misfortune that the simulator knows meets the real adapter, side by side on one stack: what ends, ends rightly,
//! and what only people can end stands open under the attention that it deserves.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tests::{
    client::{clabe, is},
    sim::{Chaos, End, Fault, Incoming, Outcome, Row, SettingsChange, TABLE},
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Instant, sleep};

/// The slowest ask again after half a minute, and then after a minute.
const LONG: Duration = Duration::from_secs(180);

fn setup() -> Setup {
    Setup {
        programs: &["worker", "api", "relay"],
        ..Setup::default()
    }
}

/// Its cents make the bank behave as the row says.
async fn pay(stack: &Stack, account: &str, row: &Row) -> Result<String> {
    stack.giro.pay(account, 12_300 + row.cents).await
}

/// Waits for the end that the row tells, and holds it against the bank's journal.
async fn ends(stack: &Stack, row: &Row, id: &str) -> Result<()> {
    let name = row.fault.name();
    let wait = |until: Box<dyn Fn(&Value) -> bool>| stack.giro.wait(id, LONG, until);
    let payout = match row.end {
        End::Settled => wait(Box::new(is("settled"))).await?,
        End::Failed => wait(Box::new(is("failed"))).await?,
        End::Marked(reason) => {
            let marked = move |payout: &Value| is("settled")(payout) && payout["attention"]["reason"] == reason;
            wait(Box::new(marked)).await?
        }
        End::Returned => wait(Box::new(is("returned"))).await?,
        End::Speak(reason) => {
            let told = wait(Box::new(move |payout| payout["attention"]["reason"] == reason)).await?;
            let open = told["state"] == "sending" || told["state"] == "sent";
            ensure!(open, "{name} ended without proof: {told}");
            stack.bank.speak(&stack.key(id).await?).await?;
            wait(Box::new(is("settled"))).await?
        }
        End::Resume => {
            held_up(stack, id).await?;
            stack.giro_command(&["bank", "resume", "stp", "--reason", "the cause is mended"])?;
            stack.giro.retry(id).await?;
            wait(Box::new(is("settled"))).await?
        }
    };
    let quiet = payout["attention"].is_null() || matches!(row.end, End::Marked(_));
    ensure!(quiet, "{name} ended and still wants a person: {payout}");
    one_order(stack, row, &payout).await
}

/// Nothing was taken, the bank is not sent to, and the money is held.
async fn held_up(stack: &Stack, id: &str) -> Result<()> {
    let unsent = |payout: &Value| {
        let said = payout["bank_said"].as_str().unwrap_or_default();
        payout["state"] == "accepted" && said.starts_with("not sent:")
    };
    stack.giro.wait(id, LONG, unsent).await?;
    let bank = &stack.giro.get("/v1/banks").await?.body["data"][0];
    let held_up = !bank["paused_by"].is_null() || !bank["closed_until"].is_null();
    ensure!(held_up, "the bank is still sent to: {bank}");
    Ok(())
}

/// The bank's journal: one order where it took one, none where it refused, and a second request only where the first
/// was certainly not taken, or could not be seen.
async fn one_order(stack: &Stack, row: &Row, payout: &Value) -> Result<()> {
    let (name, key) = (row.fault.name(), payout["tracking_key"].as_str().unwrap_or_default());
    let orders = stack.bank.orders_of(key).await?;
    let requests = stack.bank.requests_of(key).await?;
    ensure!(
        requests.first().is_some_and(|request| request.fault == row.fault),
        "{name} was not met: {requests:?}"
    );
    let taken = usize::from(row.fault != Fault::Refused);
    ensure!(orders.len() == taken, "{name}: {} orders of {payout}", orders.len());
    let again = row.fault.takes_nothing() || row.end == End::Resume;
    // It is hidden for seconds: on a busy machine the question comes later, and finds it.
    let may_be_found = row.fault == Fault::RefuseResend;
    ensure!(
        may_be_found || (requests.len() > 1) == again,
        "{name}: {} requests",
        requests.len()
    );
    let same = requests.iter().all(|request| request.body == requests[0].body);
    ensure!(same, "{name}: another body under the same key");
    let took = requests
        .iter()
        .filter(|request| request.outcome == Outcome::Taken)
        .count();
    ensure!(took == taken, "{name}: taken {took} times");
    Ok(())
}

#[tokio::test]
async fn every_fault_meets_the_real_adapter() -> Result<()> {
    let stack = Stack::with("bank_faults", setup()).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let alone = |row: &&Row| row.end == End::Resume || row.fault == Fault::WrongFolio;
    let (bank, payer) = (&stack, account.as_str());
    let together = TABLE.iter().filter(|row| !alone(row));
    let met: Vec<(&Row, String)> = stream::iter(together)
        .map(|row| async move { anyhow::Ok((row, pay(bank, payer, row).await?)) })
        .buffered(8)
        .try_collect()
        .await?;
    for (row, id) in &met {
        // The first that is wrong ends the story: it may have paused the bank for the others.
        if let Err(error) = ends(&stack, row, id).await {
            let banks = stack.giro.get("/v1/banks").await?.body;
            return Err(error.context(format!("{}, and the bank: {banks}", row.fault.name())));
        }
    }
    // What holds up others comes one by one.
    for row in TABLE.iter().filter(alone) {
        let id = pay(&stack, &account, row).await?;
        ends(&stack, row, &id).await?;
        if row.fault == Fault::WrongFolio {
            let banks = stack.giro.get("/v1/banks").await?.body;
            assert_eq!(banks["data"][0]["paused_by"], "second_order", "{banks}");
            let since = banks["data"][0]["paused_at"].as_str().expect("since when");
            let reason = "one folio was a misprint";
            stack.giro_command(&["bank", "resume", "stp", "--since", since, "--reason", reason])?;
        }
        let next = stack.giro.pay(&account, 12_300).await?;
        stack.giro.wait(&next, PATIENCE, is("settled")).await?;
    }
    stack.all_ended(PATIENCE).await
}

#[tokio::test]
async fn the_legacy_service_is_enough() -> Result<()> {
    let setup = Setup {
        more: vec![("stp", "query_format = \"legacy\"".to_owned())],
        ..setup()
    };
    let stack = Stack::with("legacy", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    // Settled, found by asking, sent again after two not-founds, cancelled.
    let mut ids = Vec::new();
    for (cents, end) in [(0, "settled"), (90, "settled"), (87, "settled"), (95, "failed")] {
        ids.push((stack.giro.pay(&account, 12_300 + cents).await?, end));
    }
    for (id, end) in &ids {
        stack.giro.wait(id, LONG, is(end)).await?;
    }
    let (again, _) = &ids[2];
    assert_eq!(stack.giro.payout(again).await?["send_no"], 2);
    // What comes in, told by webhook and not, and the day's lists both ways.
    for webhook in [true, false] {
        let deposit = Incoming {
            monto: 2_500,
            cuenta_beneficiario: clabe(1),
            webhook,
            ..Incoming::default()
        };
        let key = stack.bank.receive(&deposit).await?.clave_rastreo;
        let start = Instant::now();
        while stack
            .giro
            .get(&format!("/v1/deposits?tracking_key={key}&state=applied"))
            .await?
            .body["data"]
            == json!([])
        {
            ensure!(start.elapsed() < PATIENCE, "{key} was never applied");
            sleep(Duration::from_millis(100)).await;
        }
    }
    stack.all_ended(PATIENCE).await?;
    stack.audited()
}

#[tokio::test]
async fn in_chaos_every_payout_ends() -> Result<()> {
    let stack = Stack::with("chaos", setup()).await?;
    let chaos = Chaos { seed: 42, percent: 60 };
    let change = SettingsChange {
        chaos: Some(Some(chaos)),
        ..SettingsChange::default()
    };
    stack.bank.settings(&change).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    stream::iter(0..40)
        .map(|n| stack.giro.pay(&account, 10_000 + 100 * n))
        .buffered(8)
        .try_collect::<Vec<String>>()
        .await?;
    stack.all_ended(LONG).await?;
    let requests = stack.bank.requests().await?;
    let drawn = |request: &tests::sim::RequestView| chaos.fault_of(&request.clave_rastreo);
    assert!(
        requests
            .iter()
            .all(|request| request.fault == Fault::Normal || request.fault == drawn(request))
    );
    let unlucky = requests.iter().filter(|request| request.fault != Fault::Normal).count();
    assert!(unlucky >= 10, "chaos met only {unlucky} of 40");
    Ok(())
}
