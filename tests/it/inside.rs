//! Money that waits for its time, and money that stays: scheduled payouts, and what goes between giro's own accounts.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use temporalio_client::WorkflowExecutionStatus;
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use tests::{
    books::Books,
    client::{clabe, is, request, text},
    sim::{Incoming, Planted},
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;
use workflows::{TransferWorkflow, domain::End};

use crate::{
    histories::{self, Run, count, events, has_waited},
    roll::at,
    runs::details,
};

/// The programs of a story whose sweeper runs.
pub(crate) const ALL: &[&str] = &["worker", "api", "relay"];

pub(crate) async fn stack(name: &str, programs: &'static [&'static str]) -> Result<Stack> {
    let setup = Setup {
        programs,
        ..Setup::default()
    };
    Stack::with(name, setup).await
}

/// So many seconds from now by the clock of the books, as a caller writes it.
pub(crate) async fn later(stack: &Stack, seconds: i64) -> Result<String> {
    let ready = stack.giro.get("/readyz").await?.body;
    let now: Timestamp = text(&ready, "/now")?.parse()?;
    let at = now + SignedDuration::from_secs(seconds);
    Ok(format!("{at:.0}"))
}

/// A payout that is asked for a time.
pub(crate) async fn scheduled(stack: &Stack, account: &str, when: &str) -> Result<Value> {
    let mut body = request(account, 12_300);
    body["process_after"] = json!(when);
    let reply = stack
        .giro
        .post("/v1/payouts", &Uuid::now_v7().to_string(), &body)
        .await?;
    ensure!(reply.status == 201, "{reply:?}");
    Ok(reply.body)
}

async fn balances(stack: &Stack, account: &str) -> Result<(i64, i64)> {
    let account = stack.giro.get(&format!("/v1/accounts/{account}")).await?.body;
    let of = |name: &str| account["balances"][name].as_i64().context("a number");
    Ok((of("available")?, of("held")?))
}

/// Somebody has an account stand so, for a reason.
pub(crate) async fn stands(stack: &Stack, account: &str, status: &str) -> Result<Value> {
    let body = json!({ "status": status, "reason": "case 41" });
    let path = format!("/v1/accounts/{account}/status");
    let reply = stack.giro.post(&path, &Uuid::now_v7().to_string(), &body).await?;
    ensure!(reply.status == 200 && reply.body["status"] == status, "{reply:?}");
    Ok(reply.body)
}

/// What is asked of `/v1/transfers`.
pub(crate) fn transfer(from: &str, to: &str, centavos: i64) -> Value {
    json!({
        "account": from, "to_account": to, "amount": centavos, "currency": "MXN", "concept": "Renta de diciembre",
    })
}

pub(crate) async fn moves(stack: &Stack, body: &Value) -> Result<Value> {
    let reply = stack
        .giro
        .post("/v1/transfers", &Uuid::now_v7().to_string(), body)
        .await?;
    ensure!(reply.status == 201, "{reply:?}");
    Ok(reply.body)
}

/// The same of 300 pesos, so many seconds from now.
async fn at_a_time(stack: &Stack, from: &str, to: &str, seconds: i64) -> Result<Value> {
    let mut body = transfer(from, to, 30_000);
    body["process_after"] = json!(later(stack, seconds).await?);
    moves(stack, &body).await
}

/// A transfer once it is in a state.
async fn transferred(stack: &Stack, id: &str, state: &str) -> Result<Value> {
    let start = Instant::now();
    loop {
        let found = stack.giro.get(&format!("/v1/transfers/{id}")).await?.body;
        if found["state"] == state {
            return Ok(found);
        }
        ensure!(start.elapsed() < PATIENCE, "{id} is not {state}: {found}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the details of a run say this: a worker that has just started first holds the books against the bank's orders.
pub(crate) async fn says(run: &Run, words: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        let details = details(run).await?;
        if details.contains(words) {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{words:?} is not in {details}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// The money is held at once; the order goes out at its time and not before, though its worker dies meanwhile.
#[tokio::test]
async fn a_scheduled_payout_is_held_now_and_sent_at_its_time() -> Result<()> {
    let mut stack = stack("scheduled", ALL).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let begun = Timestamp::now();
    let when = later(&stack, 6).await?;
    let payout = scheduled(&stack, &account, &when).await?;
    let id = text(&payout, "/id")?;
    ensure!(
        payout["state"] == "accepted" && payout["process_after"] == json!(when),
        "{payout}"
    );
    ensure!(
        payout["next"]["step"] == "await_time" && payout["next"]["at"] == json!(when),
        "{payout}"
    );
    ensure!(balances(&stack, &account).await? == (987_120, 12_880));
    let run = stack.handle(&id).await?;
    has_waited(&run).await?;
    says(&run, "it waits for the time that was asked for").await?;
    ensure!(stack.bank.requests().await?.is_empty(), "sent before its time");
    stack.kill("worker");
    stack.run("worker")?;
    let settled = stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    ensure!(settled["attention"].is_null() && settled["send_no"] == 1, "{settled}");
    let sent = stack.bank.requests().await?;
    ensure!(
        sent.len() == 1 && sent[0].at >= begun + SignedDuration::from_secs(5),
        "{sent:?}"
    );
    histories::record("scheduled", &run).await?;
    stack.balanced().await?;
    stack.audited()
}

/// Until its time it is taken back, and its run ends with that; what is asked for too far ahead is not taken at all.
#[tokio::test]
async fn a_scheduled_payout_is_taken_back_until_its_time() -> Result<()> {
    let stack = stack("unscheduled", ALL).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let payout = scheduled(&stack, &account, &later(&stack, 3_600).await?).await?;
    let id = text(&payout, "/id")?;
    ensure!(
        payout["may"][0]["action"] == "cancel" && payout["may"][0]["allowed"] == true,
        "{payout}"
    );
    let run = stack.handle(&id).await?;
    has_waited(&run).await?;
    let cancelled = stack
        .giro
        .post(&format!("/v1/payouts/{id}/cancel"), "c", &json!({}))
        .await?;
    ensure!(cancelled.body["state"] == "cancelled", "{cancelled:?}");
    let outcome = tokio::time::timeout(PATIENCE, run.get_result(Default::default())).await??;
    ensure!(outcome.outcome == End::Cancelled, "{outcome:?}");
    ensure!(balances(&stack, &account).await? == (1_000_000, 0));
    ensure!(stack.bank.requests().await?.is_empty());

    for (when, code) in [
        ("2026-12-24T09:00:00", "moment"),
        ("tomorrow", "moment"),
        ("2026-12-24T09:00:00.0000001Z", "moment"),
        ("2199-01-01T00:00:00Z", "too_far"),
    ] {
        let mut body = request(&account, 12_300);
        body["processAfter"] = json!(when);
        let reply = stack.giro.post("/v1/payouts", "odd", &body).await?;
        ensure!(
            reply.status == 422 && reply.body["errors"][0]["code"] == code,
            "{when}: {reply:?}"
        );
        ensure!(reply.body["errors"][0]["pointer"] == "/process_after", "{reply:?}");
    }
    // A time that is past is now; the key was free.
    let mut body = request(&account, 12_300);
    body["process_after"] = json!("2026-01-01T00:00:00-06:00");
    let now = stack.giro.post("/v1/payouts", "odd", &body).await?;
    stack
        .giro
        .wait(&text(&now.body, "/id")?, PATIENCE, is("settled"))
        .await?;
    stack.balanced().await?;
    stack.audited()
}

/// Before the roll the bank takes nothing: API, run and giroctl say until when, and nobody is told to look.
#[tokio::test]
async fn a_payout_before_a_closed_bank_says_until_when() -> Result<()> {
    let stack = stack("closed_until", ALL).await?;
    at(&stack, "2027-01-11", "17:52:00").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let run = stack.handle(&id).await?;
    has_waited(&run).await?;
    let payout = stack.giro.payout(&id).await?;
    ensure!(
        payout["next"]["step"] == "await_opening" && payout["next"]["at"] == "2027-01-12T00:10:00Z",
        "{payout}"
    );
    ensure!(
        payout["attention"].is_null() && payout["waits_for"].is_null(),
        "{payout}"
    );
    says(&run, "bank closed until 2027-01-11 18:10, Mexico City").await?;
    at(&stack, "2027-01-11", "18:10:30").await?;
    let looked = stack.giro.retry(&id).await?;
    ensure!(looked.status < 300, "{looked:?}");
    let settled = stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    ensure!(settled["operating_date"] == "2027-01-12", "{settled}");
    stack.balanced().await
}

/// A payout to a CLABE of giro's own is booked in the request: no bank, no worker and no Temporal has to do with it.
#[tokio::test]
async fn a_payout_to_a_customer_of_giros_own_is_booked_at_once() -> Result<()> {
    let stack = stack("booked", &["api"]).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let other = stack.giro.account(2, 0).await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let mut body = request(&account, 12_300);
    body["beneficiary"]["clabe"] = json!(clabe(2));
    let foreseen = stack.giro.post("/v1/payouts/validate", "v", &body).await?;
    ensure!(
        foreseen.status == 200 && foreseen.body["bank_is_open"] == true && foreseen.body["bank"]["name"] == "giro",
        "{foreseen:?}"
    );
    let booked = stack.giro.post("/v1/payouts", "a", &body).await?;
    let payout = &booked.body;
    ensure!(booked.status == 201 && payout["state"] == "settled", "{booked:?}");
    ensure!(
        payout["bank"] == "giro" && payout["send_no"] == 0 && payout["next"].is_null(),
        "{payout}"
    );
    let again = stack.giro.post("/v1/payouts", "a", &body).await?;
    ensure!(
        again.status == 200 && again.replayed && again.body["id"] == payout["id"],
        "{again:?}"
    );
    ensure!(balances(&stack, &account).await? == (987_120, 0));
    ensure!(balances(&stack, &other).await? == (12_300, 0));
    let listed = stack.giro.get("/v1/payouts?bank=giro&state=settled").await?.body;
    ensure!(listed["data"][0]["id"] == payout["id"], "{listed}");
    let timeline = stack
        .giro
        .get(&format!("/v1/payouts/{}/timeline", text(payout, "/id")?))
        .await?
        .body;
    let told: Vec<&str> = timeline["data"]
        .as_array()
        .context("a list")?
        .iter()
        .filter_map(|row| row["state"].as_str().or(row["leg"].as_str()))
        .collect();
    ensure!(told == ["accepted", "settled", "transfer", "fee", "iva"], "{timeline}");
    let moved = stack.giro.get(&format!("/v1/accounts/{other}/movements")).await?.body;
    ensure!(moved["data"][0]["kind"] == "transfer", "{moved}");

    // What takes no money refuses, for good; so does the payer's own.
    stands(&stack, &other, "frozen").await?;
    let refused = stack.giro.post("/v1/payouts", "b", &body).await?;
    ensure!(
        refused.status == 422 && refused.body["code"] == "beneficiary_not_open",
        "{refused:?}"
    );
    stands(&stack, &other, "open").await?;
    let kept = stack.giro.post("/v1/payouts", "b", &body).await?;
    ensure!(kept.body["code"] == "beneficiary_not_open", "{kept:?}");
    ensure!(balances(&stack, &account).await? == (987_120, 0));
    ensure!(stack.bank.requests().await?.is_empty(), "a bank heard of it");
    stack.balanced().await?;
    stack.audited()
}

/// What was booked is no bank's: an order by its key is one that the books cannot explain, and a return of it is nobody's.
#[tokio::test]
async fn what_a_bank_says_by_the_key_of_what_stays_is_not_about_that() -> Result<()> {
    let mut stack = stack("booked_key", ALL).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let other = stack.giro.account(2, 0).await?;
    let mut body = request(&account, 12_300);
    body["beneficiary"]["clabe"] = json!(clabe(2));
    let booked = stack.giro.post("/v1/payouts", "a", &body).await?.body;
    let key = text(&booked, "/tracking_key")?;
    let back = Incoming {
        monto: 12_300,
        devolucion: Some(key.clone()),
        tipo_pago: 17,
        causa: Some(3),
        ..Incoming::default()
    };
    stack.bank.receive(&back).await?;
    let start = Instant::now();
    loop {
        let returns = stack.giro.get("/v1/returns?state=suspended").await?.body;
        if let Some(record) = returns["data"].as_array().and_then(|all| all.first()) {
            ensure!(record["attention"]["reason"] == "payout_unknown", "{record}");
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "it was never placed: {returns}");
        sleep(Duration::from_millis(100)).await;
    }
    let order = Planted {
        cuenta_beneficiario: clabe(2),
        ..Planted::ours(&key, 12_300, "LQ")
    };
    stack.bank.plant(&order).await?;
    // Whoever starts holds the books against the bank's orders.
    stack.kill("worker");
    stack.run("worker")?;
    let mut books = Books::connect(&stack.database).await?;
    let start = Instant::now();
    while books.pause().await?.is_none_or(|(by, _)| by != "stray_order") {
        ensure!(start.elapsed() < PATIENCE, "the bank was not paused");
        sleep(Duration::from_millis(100)).await;
    }
    let strays = books.strays().await?;
    ensure!(strays.len() == 1 && strays[0].0 == key, "{strays:?}");
    let payout = stack.giro.payout(&text(&booked, "/id")?).await?;
    ensure!(
        payout["state"] == "settled" && payout["attention"].is_null(),
        "{payout}"
    );
    ensure!(balances(&stack, &other).await? == (12_300, 0));
    ensure!(books.sums().await?.are_even());
    Ok(())
}

/// At once, or held and moved at its time, by its run; taken back until then; given back where nobody takes it any more.
#[tokio::test]
async fn a_transfer_moves_at_once_or_at_its_time() -> Result<()> {
    let mut stack = stack("transfers", ALL).await?;
    let account = stack.giro.account(1, 100_000).await?;
    let other = stack.giro.account(2, 0).await?;
    let body = transfer(&account, &other, 30_000);
    let (one, two) = tokio::join!(
        stack.giro.post("/v1/transfers", "a", &body),
        stack.giro.post("/v1/transfers", "a", &body)
    );
    let (one, two) = (one?, two?);
    ensure!(
        one.body["state"] == "settled" && one.body["id"] == two.body["id"],
        "{one:?} {two:?}"
    );
    ensure!(
        BTreeSet::from([one.status, two.status]) == BTreeSet::from([200, 201]),
        "{one:?} {two:?}"
    );
    let mut differs = body.clone();
    differs["amount"] = json!(30_001);
    let reused = stack.giro.post("/v1/transfers", "a", &differs).await?;
    ensure!(
        reused.status == 422 && reused.body["code"] == "idempotency_key_reused",
        "{reused:?}"
    );
    ensure!(balances(&stack, &account).await? == (70_000, 0));

    let (from, to) = (account.as_str(), other.as_str());
    let soon = at_a_time(&stack, from, to, 6).await?;
    let never = at_a_time(&stack, from, to, 3_600).await?;
    ensure!(soon["state"] == "accepted" && soon["may_cancel"] == true, "{soon}");
    ensure!(balances(&stack, &account).await? == (10_000, 60_000));
    let poor = stack.giro.post("/v1/transfers", "b", &body).await?;
    ensure!(poor.body["code"] == "insufficient_funds", "{poor:?}");

    let id = text(&never, "/id")?;
    let cancel = format!("/v1/transfers/{id}/cancel");
    let back = stack.giro.post(&cancel, "c", &json!({})).await?;
    ensure!(back.status == 200 && back.body["state"] == "cancelled", "{back:?}");
    let run = stack
        .client()
        .await?
        .get_workflow_handle::<TransferWorkflow>(format!("transfer-{id}"));
    let outcome = tokio::time::timeout(PATIENCE, run.get_result(Default::default())).await??;
    ensure!(outcome.outcome == End::Cancelled, "{outcome:?}");

    stack.kill("worker");
    stack.run("worker")?;
    let id = text(&soon, "/id")?;
    let moved = transferred(&stack, &id, "settled").await?;
    ensure!(moved["ended_at"].as_str() >= soon["process_after"].as_str(), "{moved}");
    let run = stack
        .client()
        .await?
        .get_workflow_handle::<TransferWorkflow>(format!("transfer-{id}"));
    let outcome = tokio::time::timeout(PATIENCE, run.get_result(Default::default())).await??;
    ensure!(outcome.outcome == End::Settled, "{outcome:?}");
    histories::record("transfer", &run).await?;
    let late = stack
        .giro
        .post(&format!("/v1/transfers/{id}/cancel"), "d", &json!({}))
        .await?;
    ensure!(late.status == 409 && late.body["code"] == "too_late", "{late:?}");
    ensure!(balances(&stack, &account).await? == (40_000, 0));
    ensure!(balances(&stack, &other).await? == (60_000, 0));

    // Who takes no money any more at that time: it stays with the payer.
    let held = at_a_time(&stack, from, to, 3).await?;
    stands(&stack, &other, "frozen").await?;
    let failed = transferred(&stack, &text(&held, "/id")?, "failed").await?;
    ensure!(failed["reason"]["code"] == "account_blocked", "{failed}");
    ensure!(balances(&stack, &account).await? == (40_000, 0));

    for (field, value, code) in [
        (
            "/to_account",
            json!("acc_00000000000000000000000000000007"),
            "unknown_account",
        ),
        ("/concept", json!(""), "required"),
        ("/amount", json!(0), "out_of_range"),
    ] {
        let mut odd = body.clone();
        odd[&field[1..]] = value;
        let reply = stack.giro.post("/v1/transfers", "e", &odd).await?;
        ensure!(
            reply.status == 422 && reply.body["errors"][0]["pointer"] == field,
            "{reply:?}"
        );
        ensure!(reply.body["errors"][0]["code"] == code, "{reply:?}");
    }
    let same = stack
        .giro
        .post("/v1/transfers", "f", &transfer(&account, &account, 1))
        .await?;
    ensure!(same.body["code"] == "same_account", "{same:?}");

    let listed = stack.giro.get("/v1/transfers?limit=3").await?.body;
    ensure!(
        listed["data"].as_array().map(Vec::len) == Some(3) && listed["next_cursor"].is_string(),
        "{listed}"
    );
    let next = format!("/v1/transfers?after={}", text(&listed, "/next_cursor")?);
    ensure!(stack.giro.get(&next).await?.body["data"].as_array().map(Vec::len) == Some(1));
    let payouts = stack.giro.get("/v1/payouts").await?.body;
    ensure!(payouts["data"] == json!([]), "a transfer is no payout: {payouts}");
    ensure!(stack.bank.requests().await?.is_empty(), "a bank heard of it");
    stack.balanced().await?;
    stack.audited()
}

/// Nobody started its run, or it is gone: the sweeper gives it one, and the money moves once.
#[tokio::test]
async fn money_that_waits_outlives_its_run() -> Result<()> {
    let mut stack = stack("outlives", ALL).await?;
    let account = stack.giro.account(1, 100_000).await?;
    let other = stack.giro.account(2, 0).await?;
    let mut body = transfer(&account, &other, 10_000);
    body["process_after"] = json!(later(&stack, 3_600).await?);
    let lost = moves(&stack, &body).await?;
    let id = text(&lost, "/id")?;
    let run = stack
        .client()
        .await?
        .get_workflow_handle::<TransferWorkflow>(format!("transfer-{id}"));
    let start = Instant::now();
    while events(&run)
        .await
        .map_or(0, |events| count(&events, EventType::TimerStarted))
        == 0
    {
        ensure!(start.elapsed() < PATIENCE, "it never waited");
        sleep(Duration::from_millis(100)).await;
    }
    run.terminate(Default::default()).await?;
    stack.kill("worker");
    // An hour and what is allowed on top: nobody is told before that, and then it is driven.
    stack.pass(600).await?;
    let waits = Books::connect(&stack.database).await?.unquiet().await?;
    ensure!(waits.len() == 1 && waits[0].attention.is_none(), "{waits:?}");
    // Long before its time it has a run again: it is not missed only after that.
    let start = Instant::now();
    while run.describe(Default::default()).await?.status() != WorkflowExecutionStatus::Running {
        ensure!(start.elapsed() < PATIENCE, "nobody started its run");
        sleep(Duration::from_millis(100)).await;
    }
    stack.pass(3_000 + 90).await?;
    // Who should look at it finds it, transfer or not.
    let listed = stack.giro.get("/v1/payouts?attention=deadline").await?.body;
    ensure!(listed["data"][0]["id"] == json!(id.replace("tr_", "po_")), "{listed}");
    stack.run("worker")?;
    transferred(&stack, &id, "settled").await?;
    ensure!(balances(&stack, &account).await? == (90_000, 0));
    ensure!(balances(&stack, &other).await? == (10_000, 0));
    stack.balanced().await?;
    stack.audited()
}
