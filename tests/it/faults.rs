//! Real processes killed at the worst moment: every payout ends, the sums are zero, the bank has one order each.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use tests::{books::Books, client::is};

use crate::harness::{PATIENCE, Setup, Stack};

const MANY: usize = 200;
const LONG: Duration = Duration::from_secs(150);

/// Asks for `MANY` payouts, whose cents make the bank lose answers, lose webhooks and refuse, and answers their ids.
async fn many(stack: &Stack, account: &str) -> Result<Vec<String>> {
    let cents = [0, 90, 0, 93, 0, 94, 0, 88];
    stream::iter(0..MANY)
        .map(|n| {
            stack
                .giro
                .pay(account, 10_000 + 100 * n as i64 + cents[n % cents.len()])
        })
        .buffer_unordered(16)
        .try_collect()
        .await
}

/// Every payout has at most one order at the bank, and exactly one when it settled.
async fn one_order_each(stack: &Stack) -> Result<()> {
    let mut keys: Vec<String> = stack
        .bank
        .orders()
        .await?
        .into_iter()
        .map(|order| order.clave_rastreo)
        .collect();
    let count = keys.len();
    keys.sort();
    keys.dedup();
    ensure!(keys.len() == count, "{} orders for {} payouts", count, keys.len());
    Ok(())
}

/// Waits until some of them are on their way and many are not.
async fn midway(stack: &Stack) -> Result<()> {
    let start = tokio::time::Instant::now();
    while stack.bank.orders().await?.len() < 10 {
        ensure!(start.elapsed() < PATIENCE, "nothing is sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let open = Books::connect(&stack.database).await?.sums().await?.open;
    ensure!(open > MANY as i64 / 8, "too late: only {open} are in flight");
    Ok(())
}

#[tokio::test]
async fn a_worker_killed_with_two_hundred_payouts_in_flight() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        settle_ms: 5_000,
        ..Setup::default()
    };
    let mut stack = Stack::with("kill_worker", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let ids = many(&stack, &account).await?;
    ensure!(ids.len() == MANY);
    midway(&stack).await?;
    stack.kill("worker");
    stack.balanced().await?;
    stack.run("worker")?;
    stack.all_ended(LONG).await?;
    one_order_each(&stack).await
}

#[tokio::test]
async fn temporal_lost_whole_with_two_hundred_payouts_in_flight() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        settle_ms: 5_000,
        sending_seconds: 5,
        own_temporal: true,
        ..Setup::default()
    };
    let mut stack = Stack::with("lose_temporal", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    many(&stack, &account).await?;
    midway(&stack).await?;
    let mut server = stack.server.take().expect("its own Temporal");
    server.kill();
    server.delete_database()?;
    let accepted_without = stack.giro.pay(&account, 5_000).await?;
    server.restart()?;
    stack.server = Some(server);
    stack.all_ended(LONG).await?;
    stack.giro.wait(&accepted_without, PATIENCE, is("settled")).await?;
    one_order_each(&stack).await
}

#[tokio::test]
async fn accepting_needs_postgres_alone() -> Result<()> {
    let setup = Setup {
        programs: &["api"],
        own_temporal: true,
        ..Setup::default()
    };
    let mut stack = Stack::with("no_temporal", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut server = stack.server.take().expect("its own Temporal");
    server.kill();
    let id = stack.giro.pay(&account, 12_300).await?;
    assert_eq!(stack.giro.payout(&id).await?["state"], "accepted");
    assert_eq!(
        stack.giro.retry(&id).await?.status,
        202,
        "asked, as soon as Temporal is back"
    );
    server.restart()?;
    stack.server = Some(server);
    stack.run("worker")?;
    stack.run("relay")?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    stack.all_ended(PATIENCE).await
}

/// The sweeper: a run that was terminated is started again, and the row guards the money.
#[tokio::test]
async fn a_terminated_run_is_started_again() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        sending_seconds: 3,
        ..Setup::default()
    };
    let stack = Stack::with("terminated", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(tests::sim::Fault::Silent), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    // Once the send is recorded as doubt, the bank has the order.
    stack
        .giro
        .wait(&id, PATIENCE, |payout| payout["doubt"].is_string())
        .await?;
    stack.handle(&id).await?.terminate(Default::default()).await?;
    stack.bank.speak(&stack.key(&id).await?).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    stack.all_ended(PATIENCE).await?;
    assert_eq!(stack.orders(&id).await?.len(), 1);
    Ok(())
}
