//! What does not read: a payout's row, the input of its run, a webhook. It stands alone: the others go on, no process ends,
//! and a person is told.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use temporalio_client::{UntypedSignal, UntypedWorkflow, WorkflowIdConflictPolicy, WorkflowStartOptions};
use temporalio_common::{data_converters::RawValue, protos::temporal::api::common::v1::Payload};
use tests::{
    client::is,
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Instant, sleep};

/// Bodies that a status webhook may have, and that say nothing.
fn bodies() -> Vec<Vec<u8>> {
    let deep = "[".repeat(60_000);
    let number = "9".repeat(5_000);
    vec![
        b"\xff\xfe\x00".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        deep.into_bytes(),
        format!("{{\"claveRastreo\": {number}, \"estado\": {number}}}").into_bytes(),
        b"{\"claveRastreo\": \"\\ud800\", \"estado\": \"LQ\"}".to_vec(),
        b"{\"claveRastreo\": {\"a\": 1}, \"id\": -1e309}".to_vec(),
    ]
}

/// Rows by hand, as only a superuser can: no trigger looks.
async fn by_hand(books: &mut PgConnection, change: &str, id: &str) -> Result<()> {
    let uuid: uuid::Uuid = id.trim_start_matches("po_").parse()?;
    sqlx::query("set session_replication_role = replica")
        .execute(&mut *books)
        .await?;
    let done = sqlx::query(sqlx::AssertSqlSafe(format!("update payout set {change} where id = $1")))
        .bind(uuid)
        .execute(books)
        .await?;
    ensure!(done.rows_affected() == 1);
    Ok(())
}

/// Takes a payout's workflow id for a run whose input nobody can decode.
async fn sealed(stack: &Stack, id: &str) -> Result<()> {
    let options = WorkflowStartOptions::new(stack.queue(), format!("payout-{id}"))
        .id_conflict_policy(WorkflowIdConflictPolicy::TerminateExisting)
        .build();
    let payload = Payload {
        metadata: [("encoding".to_owned(), "binary/encrypted".into())].into(),
        data: b"?".to_vec(),
        ..Payload::default()
    };
    let (kind, input) = (UntypedWorkflow::new("payout"), RawValue::new(vec![payload]));
    let client = stack.client().await?;
    client.start_workflow(kind, input, options).await?;
    Ok(())
}

#[tokio::test]
async fn what_does_not_read_stands_alone_and_a_person_is_told() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        measured: true,
        ..Setup::default()
    };
    let stack = Stack::with("poison", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let poisoned = stack.giro.pay(&account, 12_300).await?;
    let reworded = stack.giro.pay(&account, 12_300).await?;
    let unreadable = stack.giro.pay(&account, 12_300).await?;
    stack.handle(&unreadable).await?;
    sealed(&stack, &unreadable).await?;
    by_hand(&mut books, "institution = -1", &poisoned).await?;
    by_hand(
        &mut books,
        "attention = 'a word of tomorrow', attention_since = giro_now()",
        &reworded,
    )
    .await?;
    let webhooks = format!(
        "http://127.0.0.1:{}/webhooks/stp/test-secret/status",
        stack.ports["webhooks"]
    );
    for body in bodies() {
        reqwest::Client::new().post(&webhooks).body(body).send().await?;
    }
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    // A run that met the pause before its row was changed looks again only after five minutes.
    let nothing = RawValue::new(Vec::new());
    let run = stack.handle(&poisoned).await?;
    run.signal(UntypedSignal::new("look"), nothing, Default::default())
        .await?;

    // In one block with the poison, and by the same queues: nobody waits behind it.
    let wrong = [&poisoned, &reworded];
    let (pokes, others) = tokio::join!(
        stream::iter(0..20)
            .map(|n| stack.giro.get(if n % 2 == 0 {
                "/v1/payouts"
            } else {
                "/v1/payouts?attention=any"
            }))
            .buffered(2)
            .try_collect::<Vec<_>>(),
        stream::iter(0..20)
            .map(|_| stack.giro.pay(&account, 12_300))
            .buffered(5)
            .try_collect::<Vec<String>>(),
    );
    for id in &others? {
        stack.giro.wait(id, PATIENCE, is("settled")).await?;
    }
    for list in pokes? {
        ensure!(list.status == 200, "one row hides the others: {list:?}");
    }
    for id in wrong {
        let reply = stack.giro.get(&format!("/v1/payouts/{id}")).await?;
        ensure!(
            (reply.status, &reply.body["code"]) == (500, &json!("internal")),
            "{reply:?}"
        );
        let path = format!("/v1/payouts/{id}/cancel");
        let cancel = stack.giro.post(&path, "cancel", &json!({})).await?;
        ensure!(cancel.status == 500, "{cancel:?}");
    }
    // A page of one row less goes on after what it leaves out.
    let first = stack.giro.get("/v1/payouts?limit=20").await?.body;
    ensure!(first["next_cursor"].is_string(), "{first}");
    let cursor = first["next_cursor"].as_str().unwrap_or_default();
    let last = stack
        .giro
        .get(&format!("/v1/payouts?limit=20&after={cursor}"))
        .await?
        .body;
    let rows = |page: &Value| page["data"].as_array().map_or(0, Vec::len);
    ensure!(
        (rows(&first), rows(&last)) == (20, 1),
        "{} {}",
        rows(&first),
        rows(&last)
    );

    // A person is told: the log, the metrics, and the deadline.
    let relay = stack.scraped.context("it is measured")?.relay;
    let start = Instant::now();
    loop {
        let scrape = reqwest::get(format!("http://127.0.0.1:{relay}/metrics"))
            .await?
            .text()
            .await?;
        if scrape.contains("giro_payouts_attention{reason=\"unreadable\"} 1") {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "no metric tells of it: {scrape}");
        sleep(Duration::from_millis(200)).await;
    }
    stack.logged("relay", "an overdue payout does not read").await?;
    stack.logged("worker", "the books and the code disagree").await?;
    stack.logged("api", "a payout does not read").await?;
    // For half an hour the pause that has ended explains what waits.
    stack.pass(1_900).await?;
    stack
        .giro
        .wait(&unreadable, PATIENCE, |payout| {
            payout["attention"]["reason"] == "deadline"
        })
        .await?;

    by_hand(&mut books, "institution = 40012", &poisoned).await?;
    by_hand(&mut books, "attention = null, attention_since = null", &reworded).await?;
    stack.handle(&unreadable).await?.terminate(Default::default()).await?;
    for id in [&poisoned, &reworded, &unreadable] {
        stack.giro.retry(id).await?;
        stack.giro.wait(id, PATIENCE, is("settled")).await?;
    }
    stack.all_ended(PATIENCE).await
}
