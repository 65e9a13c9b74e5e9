//! Receipts of payouts (CEP): as the bank links them, and as Banxico's portal has them where somebody wants one looked up.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    client::{is, request, text},
    sim::{Fault, Mood, SettingsChange},
    stack::{PATIENCE, Setup, Stack},
};
use workflows::{ReceiptsWorkflow, receipts};

use crate::roll::at;

/// A giro that asks Banxico, once a second at the most.
async fn asking(name: &str) -> Result<Stack> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        ..Setup::default()
    };
    Stack::with(name, setup).await
}

/// Milliseconds after which receipts are there, and how Banxico is to be met.
async fn portal(stack: &Stack, receipt_ms: u64, portal: Mood) -> Result<()> {
    let change = SettingsChange {
        receipt_ms: Some(receipt_ms),
        portal: Some(portal),
        ..SettingsChange::default()
    };
    stack.bank.settings(&change).await.map(drop)
}

/// No receipt is there while a story lasts.
const LATER: u64 = 360_000_000;

fn receipt(payout: &str) -> String {
    format!("/v1/payouts/{payout}/receipt")
}

/// A payout that has ended as wanted.
async fn paid(stack: &Stack, account: &str, amount: i64, state: &'static str) -> Result<String> {
    let id = stack.giro.pay(account, amount).await?;
    stack.giro.wait(&id, PATIENCE, is(state)).await?;
    Ok(id)
}

/// Waits until what is shown of Banxico's word is as wanted, and answers it.
async fn told(stack: &Stack, payout: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let start = Instant::now();
    loop {
        let shown = stack.giro.get(&receipt(payout)).await?.body["banxico"].clone();
        if wanted(&shown) {
            return Ok(shown);
        }
        ensure!(start.elapsed() < PATIENCE, "never told so: {shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until Banxico has been asked so often.
async fn asked(stack: &Stack, times: usize) -> Result<()> {
    let start = Instant::now();
    while stack.bank.portal().await?.len() < times {
        ensure!(start.elapsed() < PATIENCE, "it is not asked {times} times");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Wants a receipt looked up, and Banxico is asked.
async fn look_up(stack: &Stack, payout: &str) -> Result<()> {
    let reply = stack.giro.post(&receipt(payout), "look", &json!({})).await?;
    ensure!(
        reply.status == 202 && reply.body["banxico"]["asked_by"] == "payments",
        "{reply:?}"
    );
    Ok(())
}

/// The beneficiary's bank confirms after the bank has said *paid*: the day's list brings the receipt, and nobody is asked for it.
#[tokio::test]
async fn a_receipt_that_comes_later_is_found_in_the_days_list() -> Result<()> {
    let stack = Stack::start("late_receipt").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    portal(&stack, LATER, Mood::Serves).await?;
    let id = paid(&stack, &account, 12_300, "settled").await?;
    crate::reconciliation::read(&stack).await?;
    let none = stack.giro.get(&receipt(&id)).await?.body;
    ensure!(none["url"].is_null() && none["name_matches"].is_null(), "{none}");
    portal(&stack, 0, Mood::Serves).await?;
    for _ in 0..2 {
        crate::reconciliation::read(&stack).await?;
        let shown = stack.giro.get(&receipt(&id)).await?.body;
        ensure!(
            text(&shown, "/url")?.starts_with("https://www.banxico.org.mx/cep/") && shown["name_matches"] == true,
            "{shown}"
        );
    }
    Ok(())
}

/// Support finds the receipt of a settled payout, and sees when the account was somebody else's.
#[tokio::test]
async fn a_settled_payout_has_its_receipt() -> Result<()> {
    let stack = Stack::start("receipt").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let receipt = async |id: &str| anyhow::Ok(stack.giro.get(&receipt(id)).await?.body);
    let settled = paid(&stack, &account, 12_300, "settled").await?;
    let shown = receipt(&settled).await?;
    ensure!(
        text(&shown, "/url")?.starts_with("https://www.banxico.org.mx/cep/"),
        "{shown}"
    );
    ensure!(
        shown["name_matches"] == true && shown["beneficiary_name"] == "MARIA BELTRAN SOTO",
        "{shown}"
    );
    ensure!(
        shown["look_up"]["receiver"] == 40_012 && shown["look_up"]["amount"] == 12_300,
        "{shown}"
    );
    let mut body = request(&account, 12_300);
    body["concept"] = json!("CEP de otro");
    let other = stack.giro.post("/v1/payouts", "other", &body).await?;
    let other = text(&other.body, "/id")?;
    stack.giro.wait(&other, PATIENCE, is("settled")).await?;
    let shown = receipt(&other).await?;
    ensure!(
        shown["name_matches"] == false && text(&shown, "/what")?.contains("another name"),
        "{shown}"
    );
    let failed = paid(&stack, &account, 12_394, "failed").await?;
    let shown = receipt(&failed).await?;
    ensure!(shown["url"].is_null() && shown["look_up"].is_null(), "{shown}");
    Ok(())
}

/// Support has a receipt looked up at Banxico: its portal is asked at its own pace, by the calendar day, again where it has none
/// yet, and left alone where it says that it is too much. Nothing about money is touched by it.
#[tokio::test]
async fn a_receipt_is_looked_up_at_banxico() -> Result<()> {
    let stack = asking("banxico").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut never_sent = request(&account, 1_000);
    never_sent["process_after"] = json!("2026-12-20T15:00:00Z");
    let never_sent = stack.giro.post("/v1/payouts", "later", &never_sent).await?;
    let path = receipt(&text(&never_sent.body, "/id")?);
    let refused = stack.giro.post(&path, "a", &json!({})).await?;
    ensure!(
        refused.status == 409 && refused.body["code"] == "nothing_to_look_up",
        "{refused:?}"
    );

    portal(&stack, 3_600_000, Mood::Serves).await?;
    let mut ids = Vec::new();
    for n in 0..3 {
        let mut body = request(&account, 12_300 + n);
        if n == 2 {
            body["concept"] = json!("CEP de otro");
        }
        let made = stack.giro.post("/v1/payouts", &format!("p{n}"), &body).await?;
        let id = text(&made.body, "/id")?;
        stack.giro.wait(&id, PATIENCE, is("settled")).await?;
        ids.push(id);
    }
    let said = async |n: usize, answer: &str| told(&stack, &ids[n], |shown| shown["answer"] == answer).await;
    let none = stack.giro.get(&receipt(&ids[0])).await?.body;
    ensure!(none["banxico"].is_null(), "nobody asked: {none}");
    for id in &ids {
        look_up(&stack, id).await?;
    }
    for n in 0..3 {
        let shown = said(n, "no_receipt").await?;
        ensure!(
            shown["state"] == "settled" && shown["beneficiary_name"].is_null() && shown["asked_next_at"].is_string(),
            "{shown}"
        );
    }
    let run = stack.client().await?;
    let run = run.get_workflow_handle::<ReceiptsWorkflow>(receipts::id(stack.queue()));
    let done = run.get_result(Default::default()).await?;
    ensure!(done.is_done && done.asked > 0, "{done:?}");
    crate::histories::record("receipts", &run).await?;
    let questions = stack.bank.portal().await?;
    let gaps = questions
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at).as_millis());
    ensure!(
        questions.len() == 3 && gaps.min() > Some(900),
        "one a second: {questions:?}"
    );

    // It has none of the first two for as long as it is asked too often; the third's is another's.
    portal(&stack, 0, Mood::TooMany).await?;
    stack.pass(61).await?;
    asked(&stack, 4).await?;
    run.get_result(Default::default()).await?;
    said(0, "no_receipt").await?;
    let questions = stack.bank.portal().await?;
    ensure!(questions.len() == 4, "it is left alone: {questions:?}");
    portal(&stack, 0, Mood::Serves).await?;
    stack.pass(3_600).await?;
    let shown = said(0, "receipt").await?;
    ensure!(
        shown["beneficiary_name"] == "MARIA BELTRAN SOTO"
            && shown["name_matches"] == true
            && shown["credited_at"].is_string()
            && shown["asked_next_at"].is_null(),
        "{shown}"
    );
    let shown = said(2, "receipt").await?;
    ensure!(shown["name_matches"] == false, "{shown}");
    said(1, "receipt").await?;

    // It is known: nobody is asked for it again.
    let known = stack.giro.post(&receipt(&ids[1]), "again", &json!({})).await?;
    ensure!(
        known.status == 200 && known.body["banxico"]["answer"] == "receipt",
        "{known:?}"
    );
    stack.balanced().await?;
    stack.audited()
}

/// What is sent after 18:00 has the next operating date, and Banxico goes by the calendar day: once that one has found it, no
/// other day is asked that would find nothing.
#[tokio::test]
async fn what_is_sent_in_the_evening_is_looked_up_by_its_own_day() -> Result<()> {
    let stack = asking("evening").await?;
    at(&stack, "2027-01-13", "18:40:00").await?;
    portal(&stack, LATER, Mood::Serves).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let paid = stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    ensure!(paid["operating_date"] == "2027-01-14", "{paid}");
    look_up(&stack, &id).await?;
    for questions in 1..=3 {
        asked(&stack, questions).await?;
        at(
            &stack,
            "2027-01-13",
            ["18:42:00", "18:46:00", "18:52:00"][questions - 1],
        )
        .await?;
    }
    let questions = stack.bank.portal().await?;
    ensure!(
        questions.iter().all(|asked| asked.fecha == "13-01-2027"),
        "{questions:?}"
    );
    let shown = stack.giro.get(&receipt(&id)).await?.body;
    ensure!(
        shown["banxico"]["answer"] == "no_receipt"
            && shown["banxico"]["state"] == "settled"
            && shown["look_up"]["day"] == "2027-01-13",
        "{shown}"
    );
    Ok(())
}

/// Banxico is down for hours: it is asked ever later, and in the end no more. Whoever wants it then has it asked from the start.
#[tokio::test]
async fn a_portal_that_is_down_is_left_in_the_end_and_asked_anew_where_somebody_wants_that() -> Result<()> {
    let stack = asking("portal_down").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    portal(&stack, 0, Mood::Fails).await?;
    let id = paid(&stack, &account, 12_300, "settled").await?;
    look_up(&stack, &id).await?;
    for attempt in 1..=10_u32 {
        asked(&stack, attempt as usize).await?;
        let shown = told(&stack, &id, |shown| {
            shown["answer"] == "silent" && (attempt < 10) == shown["asked_next_at"].is_string()
        });
        let shown = shown.await?;
        ensure!(
            (attempt == 10) == shown["may_be_wanted_at"].is_string(),
            "attempt {attempt}: {shown}"
        );
        let wait = (60 << (attempt - 1)).min(6 * 3_600);
        stack.pass(wait - 5).await?;
        ensure!(
            stack.bank.portal().await?.len() == attempt as usize,
            "it is asked too early"
        );
        stack.pass(5).await?;
    }
    stack.pass(6 * 3_600).await?;
    portal(&stack, 0, Mood::Serves).await?;
    ensure!(stack.bank.portal().await?.len() == 10, "it is asked for ever");
    look_up(&stack, &id).await?;
    told(&stack, &id, |shown| shown["answer"] == "receipt").await?;
    ensure!(stack.bank.portal().await?.len() == 11);
    stack.balanced().await
}

/// What came back has no receipt, and no question changes that: within the hour nobody is asked again, and the caller is told.
#[tokio::test]
async fn what_banxico_will_not_change_is_not_asked_again_within_the_hour() -> Result<()> {
    let stack = asking("asked_lately").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::Returned), Some(1)).await?;
    let id = paid(&stack, &account, 12_300, "returned").await?;
    look_up(&stack, &id).await?;
    let shown = told(&stack, &id, |shown| shown["answer"] == "no_receipt").await?;
    ensure!(
        shown["state"] == "returned" && shown["asked_next_at"].is_null() && shown["may_be_wanted_at"].is_string(),
        "{shown}"
    );
    let lately = stack.giro.post(&receipt(&id), "again", &json!({})).await?;
    ensure!(
        lately.status == 200 && lately.body["banxico"]["may_be_wanted_at"] == shown["may_be_wanted_at"],
        "{lately:?}"
    );
    stack.pass(3_601).await?;
    ensure!(stack.bank.portal().await?.len() == 1, "it was asked within the hour");
    look_up(&stack, &id).await?;
    asked(&stack, 2).await
}

/// A worker that dies with Banxico's answer: the question is counted, and put again.
#[tokio::test]
async fn an_answer_that_dies_with_its_worker_is_asked_for_again() -> Result<()> {
    let mut stack = asking("answer_lost").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = paid(&stack, &account, 12_300, "settled").await?;
    stack.kill("worker");
    let crashes = stack.file("crash.log").display().to_string();
    let dies = [
        ("GIRO_CRASH", "look_up_before_answer"),
        ("GIRO_CRASH_LOG", crashes.as_str()),
    ];
    stack.run_with("worker", &dies)?;
    look_up(&stack, &id).await?;
    let start = Instant::now();
    while stack.take_ended("worker").is_none() {
        ensure!(start.elapsed() < PATIENCE, "the worker does not die");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stack.run("worker")?;
    let shown = stack.giro.get(&receipt(&id)).await?.body["banxico"].clone();
    ensure!(
        shown["answer"].is_null() && shown["asked_next_at"].is_string(),
        "{shown}"
    );
    ensure!(stack.bank.portal().await?.len() == 1);
    stack.pass(601).await?;
    told(&stack, &id, |shown| shown["answer"] == "receipt").await?;
    ensure!(stack.bank.portal().await?.len() == 2);
    stack.balanced().await?;
    stack.audited()
}

/// A caller has so many looked up at once; what is another caller's, what is found and what goes on are none of them. What is
/// wanted of no payout that was sent stands in nobody's way.
#[tokio::test]
async fn one_caller_has_so_many_receipts_looked_up_at_once() -> Result<()> {
    let stack = asking("look_ups_full").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = paid(&stack, &account, 12_300, "settled").await?;
    let more = paid(&stack, &account, 12_301, "settled").await?;
    look_up(&stack, &id).await?;
    told(&stack, &id, |shown| shown["answer"] == "receipt").await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let mut wanted = async |by: &str, due_at: &str, many: i32| {
        let wanted = sqlx::query(
            "insert into receipt_request (payout, asked_by, asked_at, due_at)
             select gen_random_uuid(), $1, giro_now(), coalesce($2::timestamptz, giro_now()) from generate_series(1, $3)",
        );
        let due_at = Some(due_at).filter(|at| !at.is_empty());
        wanted.bind(by).bind(due_at).bind(many).execute(&mut books).await
    };
    wanted("payments", "2030-01-01", 200).await?;
    let refused = stack.giro.post(&receipt(&more), "full", &json!({})).await?;
    ensure!(
        refused.status == 429
            && refused.body["code"] == "look_ups_full"
            && refused.body["retryable"] == true
            && refused.retry_after == Some(600),
        "{refused:?}"
    );
    ensure!(stack.giro.get(&receipt(&more)).await?.body["banxico"].is_null());
    ensure!(stack.giro.post(&receipt(&id), "full", &json!({})).await?.status == 200);
    sqlx::query("update receipt_request set asked_by = 'a script' where due_at = '2030-01-01'")
        .execute(&mut PgConnection::connect(&stack.database).await?)
        .await?;
    wanted("a script", "", 3).await?;
    look_up(&stack, &more).await?;
    told(&stack, &more, |shown| shown["answer"] == "receipt").await?;
    ensure!(
        stack.bank.portal().await?.len() == 2,
        "nobody asks for what was not sent"
    );
    Ok(())
}
