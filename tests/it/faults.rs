//! Parts that are away or told to stop: what giro does without them, and that it ends when it should.

use std::time::Duration;

use anyhow::{Result, ensure};
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use tests::{
    client::is,
    stack::{PATIENCE, Setup, Stack},
};

use crate::histories::{count, events};

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
    let run = stack.handle(&id).await?;
    let terminated = run.describe(Default::default()).await?.run_id().to_owned();
    run.terminate(Default::default()).await?;
    // Its successor wants to send before the bank says anything.
    let start = tokio::time::Instant::now();
    loop {
        let is_next = run.describe(Default::default()).await?.run_id() != terminated;
        if is_next && count(&events(&run).await?, EventType::ActivityTaskCompleted) > 0 {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "nobody drives it again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stack.bank.speak(&stack.key(&id).await?).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    stack.all_ended(PATIENCE).await?;
    assert_eq!(stack.orders(&id).await?.len(), 1);
    Ok(())
}

/// A relay that cannot reach Temporal does not hang on to its sweep when it is told to stop.
#[tokio::test]
async fn a_relay_stops_when_told_though_temporal_is_away() -> Result<()> {
    let setup = Setup {
        programs: &["api", "relay"],
        own_temporal: true,
        ..Setup::default()
    };
    let mut stack = Stack::with("relay_stops", setup).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    stack.giro.pay(&account, 12_300).await?;
    stack.logged("relay", "past its deadline: driven").await?;
    stack.server.as_mut().expect("its own Temporal").kill();
    for _ in 0..20 {
        stack.giro.pay(&account, 12_300).await?;
    }
    stack.logged("relay", "Temporal does not start it").await?;
    let ended = stack.stop("relay")?;
    ensure!(ended.success(), "{ended}");
    Ok(())
}
