//! Maintenance that a bank announced: nothing is sent in that time, everybody is told until when, and what waits goes out by
//! itself, at its end or once it is called off.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::is,
    stack::{PATIENCE, Stack},
};

use crate::{
    histories::has_waited,
    inside::{ALL, says, stack},
    outage::giroctl,
    roll::at,
};

const DAY: &str = "2027-01-13";

async fn set(stack: &Stack, verb: &str, body: &Value) -> Result<tests::client::Reply> {
    let path = format!("/v1/banks/stp/{verb}");
    stack.giro.post(&path, &uuid::Uuid::now_v7().to_string(), body).await
}

fn from_to(from: &str, until: &str) -> Value {
    json!({"from": format!("{DAY}T{from}-06:00"), "until": format!("{DAY}T{until}-06:00"), "reason": "maintenance, by mail"})
}

/// Seeded wrong: the gate does not know what the bank announced.
#[tokio::test]
async fn what_waits_for_an_announced_closure_goes_out_by_itself() -> Result<()> {
    let stack = stack("announced", ALL).await?;
    at(&stack, DAY, "11:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let closure = from_to("10:30:00", "13:00:00");
    let told = set(&stack, "announce", &closure).await?;
    ensure!(
        told.status == 200 && told.body["state"] == "closed" && told.body["sends_at"] == "2027-01-13T19:00:00Z",
        "{told:?}"
    );
    let id = stack.giro.pay(&account, 12_300).await?;
    let run = stack.handle(&id).await?;
    has_waited(&run).await?;
    let payout = stack.giro.payout(&id).await?;
    ensure!(
        payout["next"]["step"] == "await_opening" && payout["next"]["at"] == "2027-01-13T19:00:00Z",
        "{payout}"
    );
    says(&run, "bank closed until 2027-01-13 13:00, Mexico City").await?;
    let listed = giroctl(&stack, &["banks", "list"])?;
    ensure!(
        listed.contains("closed") && listed.contains("maintenance, by mail"),
        "{listed}"
    );
    let shown = giroctl(&stack, &["payouts", "show", &id])?;
    ensure!(shown.contains("the bank is closed"), "{shown}");
    // Past the deadline of any other wait: nobody is told.
    at(&stack, DAY, "12:50:00").await?;
    let looked = stack.giro.retry(&id).await?;
    ensure!(looked.status < 300, "{looked:?}");
    let payout = stack.giro.payout(&id).await?;
    ensure!(payout["attention"].is_null() && payout["send_no"] == 0, "{payout}");
    ensure!(stack.bank.requests_of(&stack.key(&id).await?).await?.is_empty());
    at(&stack, DAY, "13:00:01").await?;
    stack.giro.retry(&id).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;

    // The bank is ready sooner than it said: what sleeps for hours is woken, and has no longer than any other.
    let closure = from_to("13:00:00", "17:00:00");
    let again = from_to("13:00:00", "15:00:00");
    ensure!(set(&stack, "announce", &closure).await?.status == 200);
    ensure!(set(&stack, "announce", &again).await?.status == 200);
    let mut waits = Vec::new();
    for n in 0..3 {
        let id = stack.giro.pay(&account, 10_000 + n).await?;
        has_waited(&stack.handle(&id).await?).await?;
        waits.push(id);
    }
    let kept = set(&stack, "call-off", &again).await?;
    ensure!(kept.body["state"] == "closed", "the longer one stands: {kept:?}");
    let opened = set(&stack, "call-off", &closure).await?;
    ensure!(opened.status == 200 && opened.body["state"] == "open", "{opened:?}");
    ensure!(opened.body["closures"] == json!([]), "{opened:?}");
    stack.logged("relay", "a closure was called off: woken").await?;
    for id in &waits {
        let payout = stack.giro.wait(id, PATIENCE, is("settled")).await?;
        ensure!(payout["send_no"] == 1, "{payout}");
    }
    // Once more: it is called off already.
    ensure!(set(&stack, "call-off", &closure).await?.status == 200);
    stack.balanced().await?;
    stack.audited()
}

/// Who calls a closure off dies before what waits has its deadline: the relay draws it in, and wakes it.
#[tokio::test]
async fn a_call_off_that_is_cut_short_is_finished_by_the_relay() -> Result<()> {
    let mut stack = stack("cut_short", &["worker", "api"]).await?;
    at(&stack, DAY, "11:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let closure = from_to("10:30:00", "13:00:00");
    ensure!(set(&stack, "announce", &closure).await?.status == 200);
    let id = stack.giro.pay(&account, 12_300).await?;
    has_waited(&stack.handle(&id).await?).await?;
    let waits = stack.giro.payout(&id).await?;
    stack.kill("api");
    let crashes = stack.file("crash.log").display().to_string();
    stack.run_with(
        "api",
        &[("GIRO_CRASH", "call_off_after_commit"), ("GIRO_CRASH_LOG", &crashes)],
    )?;
    stack.ready().await?;
    let cut_off = set(&stack, "call-off", &closure).await;
    ensure!(cut_off.is_err(), "it answered: {cut_off:?}");
    let start = std::time::Instant::now();
    while stack.take_ended("api").is_none() {
        ensure!(start.elapsed() < PATIENCE, "the API does not die");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stack.run("api")?;
    stack.ready().await?;
    let bank = stack.giro.get("/v1/banks").await?.body["data"][0].clone();
    ensure!(bank["state"] == "open" && bank["closures"] == json!([]), "{bank}");
    let still = stack.giro.payout(&id).await?;
    ensure!(
        still["deadline_at"] == waits["deadline_at"] && still["state"] == "accepted",
        "{still}"
    );
    stack.run("relay")?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    ensure!(
        set(&stack, "call-off", &closure).await?.status == 200,
        "called off already"
    );
    stack.balanced().await?;
    stack.audited()
}

/// What is no closure is refused, by the field, and nothing is written.
#[tokio::test]
async fn a_closure_that_cannot_be_is_refused() -> Result<()> {
    let stack = stack("no_closure", &["api"]).await?;
    at(&stack, DAY, "11:00:00").await?;
    let mut unknown = from_to("12:00:00", "13:00:00");
    unknown["bank"] = json!("stp");
    let mut longer = from_to("12:00:00", "12:00:00");
    longer["until"] = json!("2027-01-16T12:00:01-06:00");
    for (body, pointer) in [
        (from_to("13:00:00", "12:00:00"), "/until"),
        (from_to("09:00:00", "10:00:00"), "/until"),
        (longer, "/until"),
        (unknown, "/bank"),
        (json!({"from": "today", "until": "tomorrow", "reason": "x"}), ""),
        (json!({"from": "2027-01-13T12:00:00-06:00", "reason": "x"}), "/until"),
        (
            json!({"from": "2029-01-13T12:00:00Z", "until": "2029-01-13T13:00:00Z", "reason": "x"}),
            "/from",
        ),
    ] {
        let reply = set(&stack, "announce", &body).await?;
        ensure!(
            reply.status == 422 && reply.body["errors"][0]["pointer"] == pointer,
            "{pointer}: {reply:?}"
        );
    }
    let good = from_to("12:00:00", "13:00:00");
    let none = stack.giro.post("/v1/banks/none/announce", "a", &good).await?;
    ensure!(none.status == 404, "{none:?}");
    for minute in 10..30 {
        let reply = set(&stack, "announce", &from_to("12:00:00", &format!("12:{minute}:00"))).await?;
        ensure!(reply.status == 200, "{reply:?}");
    }
    let one_more = set(&stack, "announce", &from_to("12:00:00", "13:00:00")).await?;
    ensure!(
        one_more.status == 422 && one_more.body["errors"][0]["pointer"] == "/from",
        "{one_more:?}"
    );
    let banks = stack.giro.get("/v1/banks").await?.body;
    ensure!(
        banks["data"][0]["closures"].as_array().map(Vec::len) == Some(20),
        "{banks}"
    );
    Ok(())
}
