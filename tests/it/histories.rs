//! One recorded run per fate, replayed against today's code: what Temporal holds must always mean the same.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use prost::Message;
use serde_json::{Value, json};
use temporalio_client::{Client, UntypedSignal, WorkflowHandle, WorkflowHistory};
use temporalio_common::{
    HasWorkflowDefinition,
    data_converters::RawValue,
    protos::temporal::api::{
        enums::v1::EventType,
        history::v1::{History, HistoryEvent, history_event::Attributes},
    },
};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use tests::{
    client::{is, text},
    sim::Fault,
    stack::{PATIENCE, Setup, Stack},
};
use uuid::Uuid;
use workflows::{
    DepositWorkflow, PayoutWorkflow, ReceiptsWorkflow, ReconciliationWorkflow, ReturnWorkflow, TransferWorkflow,
    domain::{End, PayoutId, Refusal},
    outcome::Outcome,
};

use crate::{
    runs::{direct, outcome, start},
    snapshot,
};

pub(crate) type Run = WorkflowHandle<Client, PayoutWorkflow>;

pub(crate) async fn events<W: HasWorkflowDefinition>(run: &WorkflowHandle<Client, W>) -> Result<Vec<HistoryEvent>> {
    Ok(run.fetch_history(Default::default()).into_events().await?)
}

pub(crate) fn count(events: &[HistoryEvent], kind: EventType) -> usize {
    events.iter().filter(|event| event.event_type() == kind).count()
}

/// Keeps the history of a fate for replays, when `GIRO_RECORD_HISTORIES` is set.
pub(crate) async fn record<W: HasWorkflowDefinition>(fate: &str, run: &WorkflowHandle<Client, W>) -> Result<()> {
    if std::env::var_os("GIRO_RECORD_HISTORIES").is_some() {
        let history = History {
            events: events(run).await?,
        };
        fs::write(folder().join(format!("{fate}.bin")), history.encode_to_vec())?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories")
}

fn kept(fate: &str) -> Result<History> {
    let file = folder().join(format!("{fate}.bin"));
    Ok(History::decode(fs::read(&file)?.as_slice())?)
}

async fn replay(history: History) -> Result<()> {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<PayoutWorkflow>()?
        .register_workflow::<ReconciliationWorkflow>()?
        .register_workflow::<ReceiptsWorkflow>()?
        .register_workflow::<DepositWorkflow>()?
        .register_workflow::<ReturnWorkflow>()?
        .register_workflow::<TransferWorkflow>()?
        .build();
    WorkflowReplayer::new(options)?
        .replay_workflow(WorkflowHistory::from(history))
        .await?;
    Ok(())
}

/// Code that would tell a recorded run another story is caught here, without a server. The folder says what is replayed.
#[tokio::test]
async fn recorded_histories_replay() -> Result<()> {
    let mut fates = Vec::new();
    for file in fs::read_dir(folder())? {
        let file = file?.path();
        if file.extension().is_some_and(|kind| kind == "bin") {
            fates.extend(file.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    ensure!(
        fates.len() >= 24,
        "one history per fate; record them with GIRO_RECORD_HISTORIES=1: {fates:?}"
    );
    for fate in fates {
        replay(kept(&fate)?).await.with_context(|| {
            format!("{fate}: runs that are open in Temporal now would fail; version the change of order")
        })?;
    }
    Ok(())
}

/// What would make the replays above worthless: that they pass whatever happened.
#[tokio::test]
async fn a_history_of_another_story_does_not_replay() -> Result<()> {
    let mut told = kept("settled")?;
    let mut changed = 0;
    for event in &mut told.events {
        if let Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) = &mut event.attributes {
            scheduled.activity_type = scheduled.activity_type.take().map(|mut kind| {
                "bank.inquire".clone_into(&mut kind.name);
                kind
            });
            changed += 1;
        }
    }
    ensure!(changed == 1, "the happy path calls the bank once");
    ensure!(replay(told).await.is_err(), "a run that asks before it sends replayed");
    Ok(())
}

/// Waits until the run has waited for the bank to open.
pub(crate) async fn has_waited(run: &Run) -> Result<()> {
    let start = tokio::time::Instant::now();
    while count(&events(run).await?, EventType::TimerStarted) == 0 {
        ensure!(start.elapsed() < PATIENCE, "it never waited");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Awaits the end of a fate, records it, and says what a person read in it.
async fn ends(stack: &Stack, fate: &str, id: &str, end: End) -> Result<BTreeSet<String>> {
    let run = stack.handle(id).await?;
    let outcome: Outcome = run.get_result(Default::default()).await?;
    ensure!(outcome.outcome == end, "{fate}: {outcome:?}");
    record(fate, &run).await?;
    Ok(summaries(&events(&run).await?))
}

/// What has a summary that never differs between payouts: a timer, an activity, a local activity.
const SUMMED_UP: [EventType; 3] = [
    EventType::TimerStarted,
    EventType::ActivityTaskScheduled,
    EventType::MarkerRecorded,
];

/// The summary of each timer and activity, as `event: summary`.
fn summaries(events: &[HistoryEvent]) -> BTreeSet<String> {
    let read = |event: &HistoryEvent| {
        let payload = event.user_metadata.as_ref()?.summary.as_ref()?;
        let summary: String = serde_json::from_slice(&payload.data).ok()?;
        Some(format!("{}: {summary}", event.event_type().as_str_name()))
    };
    let summed_up = events.iter().filter(|event| SUMMED_UP.contains(&event.event_type()));
    summed_up.filter_map(read).collect()
}

/// Every fate that can be reached and that `runs` does not record, told at once: the cents of each amount say what the
/// bank does with it.
#[tokio::test]
async fn fates_are_recorded_and_say_what_they_wait_for() -> Result<()> {
    let more = vec![("api", "direct_start_caller = \"payments\"".to_owned())];
    let setup = Setup {
        more,
        ..Setup::default()
    };
    let stack = Stack::with("histories", setup).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let mut said = while_paused(&stack, &account).await?;
    said.extend(refused_direct_starts(&stack, &account).await?);

    let pay = async |fault: Fault| {
        stack
            .giro
            .pay(&account, 12_300 + fault.row().map_or(0, |row| row.cents))
            .await
    };
    let resent = pay(Fault::DropBefore).await?;
    let refused_resend = pay(Fault::RefuseResend).await?;
    let not_paid = pay(Fault::Cancelled).await?;
    let lied = pay(Fault::WebhookCnLie).await?;
    let asked = pay(Fault::LostWebhook).await?;
    let came_back = pay(Fault::LostWebhook).await?;
    let retried = pay(Fault::Silent).await?;

    stack.giro.wait(&came_back, PATIENCE, is("sent")).await?;
    stack.bank.state(&stack.key(&came_back).await?, "D").await?;
    stack.giro.answered(&came_back, PATIENCE).await?;
    stack.giro.wait(&came_back, PATIENCE, is("returned")).await?;
    said.extend(ends(&stack, "came_back", &came_back, End::Settled).await?);

    // Its send has been heard of, and the bank has paid it: what it says next is no matter of milliseconds.
    let start = tokio::time::Instant::now();
    while stack.orders(&retried).await?.iter().all(|order| order.estado != "LQ") {
        ensure!(start.elapsed() < PATIENCE, "the bank never paid the silent one");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stack
        .giro
        .wait(&retried, PATIENCE, |payout| payout["doubt"].is_string())
        .await?;
    let silent = stack.giro.answered(&retried, PATIENCE).await?;
    ensure!(text(&silent.body, "/bank_said")?.starts_with("no answer"), "{silent:?}");
    stack.bank.speak(&stack.key(&retried).await?).await?;
    let spoken = stack.giro.answered(&retried, PATIENCE).await?;
    ensure!(text(&spoken.body, "/bank_said")? == "paid", "{spoken:?}");
    said.extend(ends(&stack, "retried", &retried, End::Settled).await?);

    said.extend(ends(&stack, "not_paid", &not_paid, End::Failed).await?);
    said.extend(ends(&stack, "webhook_lied", &lied, End::Settled).await?);
    said.extend(ends(&stack, "asked", &asked, End::Settled).await?);

    let again = |payout: &Value| payout["send_no"] == 2 && payout["doubt"].is_string();
    stack.giro.wait(&refused_resend, PATIENCE, again).await?;
    stack.bank.speak(&stack.key(&refused_resend).await?).await?;
    said.extend(ends(&stack, "refused_resend", &refused_resend, End::Settled).await?);
    said.extend(ends(&stack, "resent", &resent, End::Settled).await?);
    ensure!(stack.giro.payout(&resent).await?["send_no"] == 2);

    snapshot::hold(
        "summaries.json",
        &json!(said),
        false,
        "what people on call read in the Temporal UI",
    );
    stack.all_ended(PATIENCE).await
}

/// A bank that is paused: one payout is taken back, the other waits and is sent once the bank is open.
async fn while_paused(stack: &Stack, account: &str) -> Result<BTreeSet<String>> {
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let cancelled = stack.giro.pay(account, 12_300).await?;
    let resumed = stack.giro.pay(account, 12_300).await?;
    has_waited(&stack.handle(&cancelled).await?).await?;
    has_waited(&stack.handle(&resumed).await?).await?;
    let path = format!("/v1/payouts/{cancelled}/cancel");
    let reply = stack.giro.post(&path, &Uuid::now_v7().to_string(), &json!({})).await?;
    ensure!(reply.body["state"] == "cancelled", "{reply:?}");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    for id in [&cancelled, &resumed] {
        let run = stack.handle(id).await?;
        let nothing = RawValue::new(Vec::new());
        // One that has ended needs no look.
        let _ended = run
            .signal(UntypedSignal::new("look"), nothing, Default::default())
            .await;
    }
    let mut said = ends(stack, "cancelled", &cancelled, End::Cancelled).await?;
    said.extend(ends(stack, "resumed", &resumed, End::Settled).await?);
    Ok(said)
}

/// Direct starts that giro does not take: too little money, and a request that does not read.
async fn refused_direct_starts(stack: &Stack, account: &str) -> Result<BTreeSet<String>> {
    let mut said = BTreeSet::new();
    for (fate, amount) in [("direct_refused", 99_999_999), ("direct_malformed", 0)] {
        let payout = PayoutId::new(Uuid::now_v7()).to_string();
        let input = direct(&payout, account, amount);
        let ended = outcome(&start(stack, &format!("payout-{payout}"), vec![input]).await?).await?;
        let refused = ended.refusal == Some(Refusal::InsufficientFunds);
        let malformed = ended.errors.first().is_some_and(|error| error.pointer == "/amount");
        ensure!(if amount == 0 { malformed } else { refused }, "{fate}: {ended:?}");
        said.extend(ends(stack, fate, &payout, End::Refused).await?);
    }
    Ok(said)
}
