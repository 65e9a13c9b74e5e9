//! Runs that people reset, end or lose: the payout's row decides, so the bank never sees a second order, and every payout
//! still ends.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use temporalio_client::{
    Client, UntypedSignal, UntypedWorkflow, WorkflowExecutionInfo, WorkflowHandle, WorkflowIdConflictPolicy,
    WorkflowStartOptions, grpc::WorkflowService, tonic::Request,
};
use temporalio_common::{
    data_converters::RawValue,
    protos::temporal::api::{
        common::v1::{Payload, WorkflowExecution},
        enums::v1::EventType,
        history::v1::HistoryEvent,
        workflowservice::v1::{DeleteWorkflowExecutionRequest, ResetWorkflowExecutionRequest},
    },
};
use tests::{
    client::is,
    sim::{Fault, SettingsChange},
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workflows::domain::End;

use crate::{
    histories::{count, events, has_waited},
    runs::outcome,
};

type Any = WorkflowHandle<Client, UntypedWorkflow>;

/// What Temporal lets a run be reset to: the end of a workflow task, however it ended, or its start.
const RESETTABLE: [EventType; 4] = [
    EventType::WorkflowTaskStarted,
    EventType::WorkflowTaskCompleted,
    EventType::WorkflowTaskFailed,
    EventType::WorkflowTaskTimedOut,
];

fn resettable(events: &[HistoryEvent]) -> impl Iterator<Item = i64> {
    let found = events.iter().filter(|event| RESETTABLE.contains(&event.event_type()));
    found.map(|event| event.event_id).collect::<Vec<_>>().into_iter()
}

/// One run of a payout, and no other.
fn run_of(client: &Client, payout: &str, run: &str) -> Any {
    WorkflowExecutionInfo::builder()
        .namespace("default")
        .workflow_id(format!("payout-{payout}"))
        .run_id(run)
        .build()
        .bind_untyped(client.clone())
}

fn execution(payout: &str, run: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: format!("payout-{payout}"),
        run_id: run.to_owned(),
    }
}

/// Resets a run to an event, as `temporal workflow reset` does; the new run. `None` where Temporal does not let it: what
/// an update's task wrote is one piece with what came of it.
async fn reset(client: &Client, payout: &str, run: &str, event: i64) -> Result<Option<Any>> {
    let request = ResetWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(payout, run)),
        reason: "to see what it does".to_owned(),
        workflow_task_finish_event_id: event,
        request_id: Uuid::new_v4().to_string(),
        ..ResetWorkflowExecutionRequest::default()
    };
    let mut service = client.clone();
    let done = match WorkflowService::reset_workflow_execution(&mut service, Request::new(request)).await {
        Ok(done) => done.into_inner(),
        Err(refused) if refused.message().contains("must be at the boundary") => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    Ok(Some(run_of(client, payout, &done.run_id)))
}

/// A payout and the fate that it met.
struct Told {
    fate: &'static str,
    id: String,
    end: End,
}

/// The latest run of a payout, by its id.
async fn latest(stack: &Stack, id: &str) -> Result<String> {
    Ok(stack
        .handle(id)
        .await?
        .describe(Default::default())
        .await?
        .run_id()
        .to_owned())
}

async fn look(stack: &Stack, id: &str) -> Result<()> {
    let nothing = RawValue::new(Vec::new());
    let run = stack.handle(id).await?;
    Ok(run
        .signal(UntypedSignal::new("look"), nothing, Default::default())
        .await?)
}

/// Resets an ended run at each event; every new run ends as the first did. How many resets.
async fn everywhere(stack: &Stack, told: &Told) -> Result<usize> {
    let Told { fate, id, end } = told;
    let run = stack.handle(id).await?;
    let _ended = run.get_result(Default::default()).await?;
    let (first, told) = (latest(stack, id).await?, events(&run).await?);
    let client = stack.client().await?;
    let mut resets = 0;
    for event in resettable(&told) {
        let again = reset(&client, id, &first, event)
            .await
            .with_context(|| format!("{fate}: event {event} of {}", told.len()))?;
        let Some(again) = again else { continue };
        let ended = tokio::time::timeout(PATIENCE, outcome(&again))
            .await
            .with_context(|| format!("{fate}: reset to event {event}, it never ended"))??;
        ensure!(ended.outcome == *end, "{fate}: reset to event {event}: {ended:?}");
        resets += 1;
    }
    ensure!(resets >= 2, "{fate}: {resets} resets");
    Ok(resets)
}

/// A payout that is taken back while its bank is paused.
async fn cancelled(stack: &Stack, account: &str) -> Result<Told> {
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let id = stack.giro.pay(account, 12_300).await?;
    has_waited(&stack.handle(&id).await?).await?;
    let path = format!("/v1/payouts/{id}/cancel");
    let reply = stack.giro.post(&path, &Uuid::new_v4().to_string(), &json!({})).await?;
    ensure!(reply.body["state"] == "cancelled", "{reply:?}");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    Ok(Told {
        fate: "cancelled",
        id,
        end: End::Cancelled,
    })
}

/// Every fate, one payout each, ended.
async fn fates(stack: &Stack, account: &str) -> Result<Vec<Told>> {
    let mut all = vec![cancelled(stack, account).await?];
    for (fate, fault, end) in [
        ("settled", Fault::Normal, End::Settled),
        ("refused", Fault::Refused, End::Failed),
        ("cancelled by the bank", Fault::Cancelled, End::Failed),
        ("answer lost", Fault::AcceptThenDrop, End::Settled),
        ("resent", Fault::DropBefore, End::Settled),
        ("retried", Fault::Silent, End::Settled),
    ] {
        let cents = fault.row().map_or(0, |row| row.cents);
        let id = stack.giro.pay(account, 12_300 + cents).await?;
        all.push(Told { fate, id, end });
    }
    // An update is in the history of this one: a reset asks it again.
    let retried = &all.last().context("the last")?.id;
    stack
        .giro
        .wait(retried, PATIENCE, |payout| payout["doubt"].is_string())
        .await?;
    stack.giro.answered(retried, PATIENCE).await?;
    stack.bank.speak(&stack.key(retried).await?).await?;
    stack.all_ended(PATIENCE).await?;
    Ok(all)
}

/// The bank takes whatever comes from now on, and giro does not know.
async fn takes_repeats(stack: &Stack) -> Result<()> {
    let change = SettingsChange {
        dedupe: Some(false),
        ..SettingsChange::default()
    };
    stack.bank.settings(&change).await.map(drop)
}

/// Seeded wrong: a begin that sends what is `sending` already; a cancel that a reset run does not see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_reset_at_any_event_sends_nothing_again() -> Result<()> {
    let stack = Stack::start("resets").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let ended = fates(&stack, &account).await?;
    takes_repeats(&stack).await?;
    let before = stack.bank.requests().await?.len();
    let resets: Vec<usize> = stream::iter(&ended)
        .map(|told| everywhere(&stack, told))
        .buffer_unordered(8)
        .try_collect()
        .await?;
    let seen = stack.bank.requests().await?.len();
    ensure!(seen == before, "{} requests more after the resets", seen - before);
    stack.balanced().await?;
    let half_way = half_way(&stack, &account).await?;
    eprintln!(
        "  {} resets of {} ended runs, {half_way} of runs half way",
        resets.iter().sum::<usize>(),
        ended.len()
    );
    Ok(())
}

/// Runs that are reset while the order is being sent, is in doubt, is at the bank, and before it may go out. How many
/// resets.
async fn half_way(stack: &Stack, account: &str) -> Result<usize> {
    let change = SettingsChange {
        settle_after_ms: Some(3_600_000),
        ..SettingsChange::default()
    };
    stack.bank.settings(&change).await?;
    let state = |payout: &Value| payout["state"] == "sent";
    let sent = stack.giro.pay(account, 20_000).await?;
    stack.giro.wait(&sent, PATIENCE, state).await?;
    let silent = stack.giro.pay(account, 20_097).await?;
    stack
        .giro
        .wait(&silent, PATIENCE, |payout| payout["doubt"].is_string())
        .await?;
    // Its answer takes 3 s: the first send is under way while the second run asks for the right to send.
    let sending = stack.giro.pay(account, 20_091).await?;
    stack.giro.wait(&sending, PATIENCE, is("sending")).await?;
    let mut resets = everywhere_half_way(stack, &sending).await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let unsent = stack.giro.pay(account, 20_000).await?;
    has_waited(&stack.handle(&unsent).await?).await?;
    let open = [&sent, &silent, &unsent];
    let all: Vec<usize> = stream::iter(open)
        .map(|id| everywhere_half_way(stack, id))
        .buffer_unordered(4)
        .try_collect()
        .await?;
    resets += all.iter().sum::<usize>();
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    look(stack, &unsent).await?;
    stack.giro.wait(&unsent, PATIENCE, state).await?;
    for id in [&sent, &sending, &unsent, &silent] {
        let key = stack.key(id).await?;
        stack.bank.speak(&key).await?;
        stack.bank.state(&key, "LQ").await?;
    }
    stack.giro.answered(&silent, PATIENCE).await?;
    stack.all_ended(PATIENCE).await?;
    for id in [&sent, &silent, &sending, &unsent] {
        let requests = stack.bank.requests_of(&stack.key(id).await?).await?;
        ensure!(requests.len() == 1, "{id}: {} requests", requests.len());
        let handle = stack.handle(id).await?;
        ensure!(handle.get_result(Default::default()).await?.outcome == End::Settled);
    }
    Ok(resets)
}

/// Resets an open run at each event that it has, one after the other; each new run asks for the right to send before
/// the next reset.
async fn everywhere_half_way(stack: &Stack, id: &str) -> Result<usize> {
    let (first, told) = (latest(stack, id).await?, events(&stack.handle(id).await?).await?);
    let client = stack.client().await?;
    let mut resets = 0;
    for event in resettable(&told) {
        let Some(again) = reset(&client, id, &first, event).await? else {
            continue;
        };
        let start = Instant::now();
        loop {
            let now = again.fetch_history(Default::default()).into_events().await?;
            let went_on = now
                .iter()
                .any(|now| now.event_id > event && now.event_type() == EventType::WorkflowTaskCompleted);
            if went_on && count(&now, EventType::ActivityTaskCompleted) > 0 {
                break;
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "{id}: reset to event {event}, it never went on"
            );
            sleep(Duration::from_millis(50)).await;
        }
        resets += 1;
    }
    Ok(resets)
}

fn payload(data: &str) -> RawValue {
    RawValue::new(vec![Payload {
        metadata: [("encoding".to_owned(), "json/plain".into())].into(),
        data: data.into(),
        ..Payload::default()
    }])
}

/// Starts a run of a payout in place of the one that it has.
async fn in_its_place(stack: &Stack, id: &str, input: &str, limit: Option<Duration>) -> Result<Any> {
    let mut options = WorkflowStartOptions::new(stack.queue(), format!("payout-{id}"))
        .id_conflict_policy(WorkflowIdConflictPolicy::TerminateExisting)
        .build();
    options.run_timeout = limit;
    let client = stack.client().await?;
    let started = client.start_workflow(UntypedWorkflow::new("payout"), payload(input), options);
    Ok(started.await?)
}

/// Seeded wrong: the sweeper starts only where the last run failed; it takes a run that completed for a driver.
#[tokio::test]
async fn runs_that_were_ended_timed_out_or_lost_are_started_again() -> Result<()> {
    let setup = Setup {
        sending_seconds: 3,
        ..Setup::default()
    };
    let mut stack = Stack::with("gone", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let client = stack.client().await?;
    let mut ids = Vec::new();
    // No webhook tells of these: nobody but a run asks the bank.
    for _ in 0..4 {
        ids.push(stack.giro.pay(&account, 12_397).await?);
    }
    for id in &ids {
        stack
            .giro
            .wait(id, PATIENCE, |payout| payout["doubt"].is_string())
            .await?;
    }
    let [terminated, timed_out, used_up, deleted] = [&ids[0], &ids[1], &ids[2], &ids[3]];
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let unsent = stack.giro.pay(&account, 12_300).await?;
    for id in [terminated, &unsent] {
        stack.handle(id).await?.terminate(Default::default()).await?;
    }
    let input = json!({"payout": timed_out, "bank": "stp"}).to_string();
    let late = in_its_place(&stack, timed_out, &input, Some(Duration::from_secs(1))).await?;
    let wrong = in_its_place(&stack, used_up, "null", None).await?;
    ensure!(
        outcome(&wrong).await?.outcome == End::Refused,
        "it completed, and drove nothing"
    );
    ensure!(late.get_result(Default::default()).await.is_err(), "it timed out");
    let request = DeleteWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(deleted, "")),
    };
    let gone = stack.handle(deleted).await?;
    WorkflowService::delete_workflow_execution(&mut client.clone(), Request::new(request)).await?;
    let start = Instant::now();
    while gone.describe(Default::default()).await.is_ok() {
        ensure!(start.elapsed() < PATIENCE, "Temporal does not forget it");
        sleep(Duration::from_millis(100)).await;
    }
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    for id in &ids {
        stack.bank.speak(&stack.key(id).await?).await?;
    }
    // Nobody drove them until now.
    stack.run("relay")?;
    ids.push(unsent);
    for id in &ids {
        stack.giro.wait(id, PATIENCE, is("settled")).await?;
        let driven = stack.handle(id).await?.get_result(Default::default()).await?;
        ensure!(driven.outcome == End::Settled, "{driven:?}");
        ensure!(stack.orders(id).await?.len() == 1);
    }
    stack.all_ended(PATIENCE).await
}
