//! Runs as ops see them in Temporal: cheap, readable, nothing of a person, and deaf to whatever does not read.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use serde_json::{Value, json};
use temporalio_client::{
    UntypedQuery, UntypedSignal, UntypedWorkflow, WorkflowCancelOptions, WorkflowDescribeOptions, WorkflowHandle,
    WorkflowStartOptions,
};
use temporalio_common::{
    data_converters::RawValue,
    protos::temporal::api::{
        common::v1::Payload,
        enums::v1::{EventType, WorkflowTaskFailedCause},
        history::v1::history_event::Attributes,
    },
};
use tests::{
    client::{BENEFICIARY, is, request},
    sim::Fault,
    stack::{PATIENCE, Setup, Stack},
};
use uuid::Uuid;
use workflows::{
    attributes,
    domain::{End, PayoutId},
    outcome::Outcome,
};

use crate::histories::{Run, count, events, record};

/// Words of a person that the test's requests hold; none may appear in Temporal.
const PERSONAL: [&str; 4] = ["Maria", "Beltran", BENEFICIARY, "Pago de prueba"];

/// The markdown that the Temporal UI shows.
pub(crate) async fn details(run: &Run) -> Result<String> {
    let metadata = UntypedQuery::new("__temporal_workflow_metadata");
    let answer = run
        .query(metadata, RawValue::new(Vec::new()), Default::default())
        .await?;
    let payload = answer.payloads.first().context("metadata")?;
    let metadata: Value = serde_json::from_slice(&payload.data)?;
    Ok(metadata["currentDetails"].as_str().unwrap_or_default().to_owned())
}

/// On a busy machine the bank's webhook may come after giro has begun to ask by itself: that is another path, and the
/// next payout is looked at.
#[tokio::test]
async fn the_happy_path_costs_nineteen_events_and_three_workflow_tasks_at_most() -> Result<()> {
    let stack = Stack::start("cheap").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let id = stack.giro.pay(&account, 12_300).await?;
        stack.giro.wait(&id, PATIENCE, is("settled")).await?;
        let run = stack.handle(&id).await?;
        run.get_result(Default::default()).await?;
        let events = events(&run).await?;
        // Two where the bank settles before the workflow looks again: the look is then in that task.
        if events.len() <= 20 && count(&events, EventType::WorkflowTaskCompleted) <= 3 {
            return record("settled", &run).await;
        }
        seen = events.iter().map(|event| event.event_type().as_str_name()).collect();
    }
    anyhow::bail!("{} events, again and again: {seen:#?}", seen.len())
}

/// What ops see of each fate: list row, summary, details, result.
#[tokio::test]
async fn every_fate_reads_at_a_glance() -> Result<()> {
    let stack = Stack::with(
        "glance",
        Setup {
            sending_seconds: 3,
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let fates = [
        (
            "settled",
            Fault::Normal,
            "settled",
            End::Settled,
            "with the beneficiary",
            "paid",
        ),
        (
            "refused",
            Fault::Refused,
            "failed",
            End::Failed,
            "back with the customer",
            "refused stp:-20",
        ),
        (
            "answer_lost",
            Fault::AcceptThenDrop,
            "settled",
            End::Settled,
            "with the beneficiary",
            "paid",
        ),
        (
            "attention",
            Fault::Silent,
            "settled",
            End::Settled,
            "with the beneficiary",
            "paid",
        ),
    ];
    for (fate, fault, state, end, money, said) in fates {
        stack.bank.fault(None, Some(fault), Some(1)).await?;
        let id = stack.giro.pay(&account, 12_300).await?;
        let run = stack.handle(&id).await?;
        if fault == Fault::Silent {
            stuck_reads(&stack, &id, &run).await?;
        }
        stack.giro.wait(&id, PATIENCE, is(state)).await?;
        let outcome: Outcome = run.get_result(Default::default()).await?;
        assert_eq!((outcome.outcome, outcome.money.as_str()), (end, money), "{fate}");
        assert_eq!(outcome.bank_said.as_deref(), Some(said), "{fate}");
        let about = run.describe(WorkflowDescribeOptions::default()).await?;
        assert_eq!(
            about.static_summary(),
            Some("MXN 123.00 by stp to BBVA Mexico, account ****1249"),
            "{fate}"
        );
        let found = about.search_attributes();
        assert_eq!(found.get(&attributes::OUTCOME), Some(end.word().to_owned()), "{fate}");
        assert_eq!(found.get(&attributes::AMOUNT_CENTS), Some(12_300));
        assert_eq!(
            found.get(&attributes::ATTENTION),
            None,
            "{fate}: nobody needs to look any more"
        );
        let row = listed(&stack, &outcome).await?;
        assert_eq!(
            row,
            ("Completed".to_owned(), "stp".to_owned(), 12_300, end.word().to_owned()),
            "{fate}"
        );
        let details = details(&run).await?;
        for part in ["MXN 123.00", money, said, "Next: nothing: it has ended"] {
            assert!(details.contains(part), "{fate}: {part:?} in {details}");
        }
        let whole = format!("{:?} {:?} {details} {outcome:?}", events(&run).await?, about.raw());
        for word in PERSONAL {
            assert!(!whole.contains(word), "{fate}: {word:?} is in Temporal");
        }
        record(fate, &run).await?;
    }
    stack.all_ended(PATIENCE).await
}

/// A run's row in the list, found by the tracking key that the bank knows: status, bank, centavos, outcome.
async fn listed(stack: &Stack, outcome: &Outcome) -> Result<(String, String, i64, String)> {
    let key = outcome.tracking_key.clone().context("a key")?;
    let query = format!("GiroTrackingKey = '{key}' AND GiroOutcome IS NOT NULL AND ExecutionStatus != 'Running'");
    let client = stack.client().await?;
    let start = tokio::time::Instant::now();
    loop {
        let mut rows = client.list_workflows(query.as_str(), Default::default());
        if let Some(row) = rows.next().await {
            let row = row?;
            let found = row.search_attributes();
            return Ok((
                format!("{:?}", row.status()),
                found.get(&attributes::BANK).context("bank")?,
                found.get(&attributes::AMOUNT_CENTS).context("amount")?,
                found.get(&attributes::OUTCOME).context("outcome")?,
            ));
        }
        ensure!(start.elapsed() < PATIENCE, "the list never showed {query}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// While the bank is silent: attention in list and details, and what happens next.
async fn stuck_reads(stack: &Stack, id: &str, run: &Run) -> Result<()> {
    stack
        .giro
        .wait(id, PATIENCE, |payout| payout["attention"]["reason"] == "deadline")
        .await?;
    let start = tokio::time::Instant::now();
    loop {
        let about = run.describe(WorkflowDescribeOptions::default()).await?;
        if about.search_attributes().get(&attributes::ATTENTION) == Some("deadline".to_owned()) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "attention never reached the list");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let details = details(run).await?;
    for part in [
        "MXN 123.00",
        "held; the order may be at the bank",
        "Attention",
        "`deadline`",
        "Next: giro keeps asking",
    ] {
        assert!(details.contains(part), "{part:?} in {details}");
    }
    stack.bank.speak(&stack.key(id).await?).await?;
    stack.giro.answered(id, PATIENCE).await?;
    Ok(())
}

fn payload(encoding: &str, data: &[u8]) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), encoding.into())].into(),
        data: data.to_vec(),
        ..Payload::default()
    }
}

/// A malformed signal must never wedge a run.
#[tokio::test]
async fn a_look_with_anything_in_it_is_a_look() -> Result<()> {
    let stack = Stack::start("looks").await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let run = stack.handle(&id).await?;
    let wrong = payload("binary/encrypted", b"\xff\x00 no json");
    let two = vec![payload("json/plain", b"{\"evil\": true}"), payload("json/plain", b"17")];
    for payloads in [Vec::new(), vec![wrong], two] {
        run.signal(UntypedSignal::new("look"), RawValue::new(payloads), Default::default())
            .await?;
    }
    run.signal(
        UntypedSignal::new("verdict"),
        RawValue::new(Vec::new()),
        Default::default(),
    )
    .await?;
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    run.signal(
        UntypedSignal::new("look"),
        RawValue::new(Vec::new()),
        Default::default(),
    )
    .await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    run.get_result(Default::default()).await?;
    let wedged = events(&run).await?.into_iter().filter(|event| match &event.attributes {
        // A look that lands while the run closes sends it round once more; that is the server's way, and no failure.
        Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => {
            failed.cause() != WorkflowTaskFailedCause::UnhandledCommand
        }
        _ => false,
    });
    assert_eq!(wedged.count(), 0, "no task failed");
    stack.all_ended(PATIENCE).await
}

/// A Temporal cancel changes nothing: the row decides, and the API cancels.
#[tokio::test]
async fn a_temporal_cancel_changes_nothing() -> Result<()> {
    let stack = Stack::start("cancelled_run").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::Silent), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let run = stack.handle(&id).await?;
    stack
        .giro
        .wait(&id, PATIENCE, |payout| payout["doubt"].is_string())
        .await?;
    run.cancel(WorkflowCancelOptions::builder().reason("by mistake").build())
        .await?;
    stack.bank.speak(&stack.key(&id).await?).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    let outcome: Outcome = run.get_result(Default::default()).await?;
    assert_eq!(outcome.outcome, End::Settled);
    record("cancel_ignored", &run).await?;
    stack.all_ended(PATIENCE).await
}

/// Starts a run with raw payloads, as any client of Temporal may.
pub(crate) async fn start(
    stack: &Stack,
    workflow_id: &str,
    payloads: Vec<Payload>,
) -> Result<WorkflowHandle<temporalio_client::Client, UntypedWorkflow>> {
    let options = WorkflowStartOptions::new(stack.queue(), workflow_id).build();
    Ok(stack
        .client()
        .await?
        .start_workflow(UntypedWorkflow::new("payout"), RawValue::new(payloads), options)
        .await?)
}

pub(crate) async fn outcome(run: &WorkflowHandle<temporalio_client::Client, UntypedWorkflow>) -> Result<Outcome> {
    let raw: RawValue = run.get_result(Default::default()).await?;
    Ok(serde_json::from_slice(&raw.payloads.first().context("a result")?.data)?)
}

/// A start that brings its own request.
pub(crate) fn direct(payout: &str, account: &str, centavos: i64) -> Payload {
    let body = json!({"payout": payout, "request": request(account, centavos)});
    payload("json/plain", body.to_string().as_bytes())
}

#[tokio::test]
async fn a_malformed_start_completes_as_refused_and_an_unreadable_one_waits() -> Result<()> {
    let stack = Stack::start("malformed").await?;
    let payout = PayoutId::new(Uuid::now_v7()).to_string();
    let account = stack.giro.account(1, 1_000_000).await?;
    let cases: BTreeMap<&str, Vec<Payload>> = BTreeMap::from([
        ("no-payload", Vec::new()),
        (
            "two-payloads",
            vec![payload("json/plain", b"{}"), payload("json/plain", b"{}")],
        ),
        ("null", vec![payload("binary/null", b"")]),
        ("text", vec![payload("json/plain", b"\"po_1\"")]),
        ("broken", vec![payload("json/plain", b"{\"payout\": ")]),
        (
            "unknown-field",
            vec![payload(
                "json/plain",
                format!("{{\"payout\":\"{payout}\",\"bank\":\"stp\",\"x\":1}}").as_bytes(),
            )],
        ),
        (
            "not-in-the-books",
            vec![payload(
                "json/plain",
                format!("{{\"payout\":\"{payout}\",\"bank\":\"stp\"}}").as_bytes(),
            )],
        ),
        ("direct-off", vec![direct(&payout, &account, 12_300)]),
    ]);
    for (name, payloads) in cases {
        let id = if name == "direct-off" {
            format!("payout-{payout}")
        } else {
            format!("malformed-{name}-{}", std::process::id())
        };
        let outcome = outcome(&start(&stack, &id, payloads).await?).await?;
        assert_eq!(outcome.outcome, End::Refused, "{name}");
        assert!(!outcome.errors.is_empty(), "{name}: says what to mend");
        if name == "direct-off" {
            record("direct_off", &stack.handle(&payout).await?).await?;
        }
    }
    let sealed = start(
        &stack,
        &format!("sealed-{}", std::process::id()),
        vec![payload("binary/encrypted", b"?")],
    )
    .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let about = sealed.describe(WorkflowDescribeOptions::default()).await?;
    assert_eq!(format!("{:?}", about.status()), "Running", "it waits for the codec");
    sealed.terminate(Default::default()).await?;
    assert_eq!(
        stack.giro.get(&format!("/v1/payouts/{payout}")).await?.status,
        404,
        "nothing was written"
    );
    Ok(())
}

#[tokio::test]
async fn a_run_may_bring_its_request_where_configuration_names_the_caller() -> Result<()> {
    let more = vec![("api", "direct_start_caller = \"payments\"".to_owned())];
    let stack = Stack::with(
        "direct",
        Setup {
            more,
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let payout = PayoutId::new(Uuid::now_v7()).to_string();
    let run = start(
        &stack,
        &format!("payout-{payout}"),
        vec![direct(&payout, &account, 12_300)],
    )
    .await?;
    assert_eq!(outcome(&run).await?.outcome, End::Settled);
    let shown = stack.giro.payout(&payout).await?;
    assert_eq!((&shown["state"], &shown["amount"]), (&"settled".into(), &12_300.into()));
    record("direct", &stack.handle(&payout).await?).await?;
    let elsewhere = PayoutId::new(Uuid::now_v7()).to_string();
    let stray = start(
        &stack,
        &format!("stray-{}", std::process::id()),
        vec![direct(&elsewhere, &account, 12_300)],
    )
    .await?;
    let refused = outcome(&stray).await?;
    assert_eq!(
        (refused.outcome, refused.errors[0].code.word()),
        (End::Refused, "workflow_id")
    );
    let old = PayoutId::new(Uuid::parse_str("0190d3f0-a1b2-7c3d-8e4f-5a6b7c8d9e0f")?).to_string();
    let stale = outcome(&start(&stack, &format!("payout-{old}"), vec![direct(&old, &account, 12_300)]).await?).await?;
    assert_eq!(
        (stale.outcome, stale.errors[0].code.word()),
        (End::Refused, "not_fresh")
    );
    stack.all_ended(PATIENCE).await
}
