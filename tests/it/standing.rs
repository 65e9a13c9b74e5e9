//! Accounts that people freeze, open again and close: what is refused then, what stands apart, and that each wish counts once.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    client::{Reply, clabe, is, request},
    sim::Incoming,
    stack::{PATIENCE, Stack},
};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    arrivals::came,
    inside::{ALL, later, scheduled, stack, stands},
};

async fn set(stack: &Stack, account: &str, key: &str, body: &Value) -> Result<Reply> {
    stack
        .giro
        .post(&format!("/v1/accounts/{account}/status"), key, body)
        .await
}

fn wish(status: &str) -> Value {
    json!({ "status": status, "reason": "an order of the court, 41/2026" })
}

/// A frozen account asks for nothing, what comes in for it stands apart, and what it asked for before goes on.
#[tokio::test]
async fn a_frozen_account_keeps_what_it_has_and_gets_nothing() -> Result<()> {
    let stack = stack("frozen", ALL).await?;
    let account = stack.giro.account(1, 100_000).await?;
    let waits = scheduled(&stack, &account, &later(&stack, 5).await?).await?;
    let frozen = set(&stack, &account, "freeze", &wish("frozen")).await?;
    ensure!(frozen.status == 200 && frozen.body["status"] == "frozen", "{frozen:?}");
    let change = &frozen.body["status_changes"][0];
    ensure!(
        change["reason"] == "an order of the court, 41/2026"
            && change["status"] == "frozen"
            && change["by"].is_string(),
        "{frozen:?}"
    );

    let refused = stack
        .giro
        .post("/v1/payouts", "refused", &request(&account, 100))
        .await?;
    ensure!(
        refused.status == 422 && refused.body["code"] == "account_not_open",
        "{refused:?}"
    );
    let sent = stack
        .bank
        .receive(&Incoming {
            monto: 25_050,
            cuenta_beneficiario: clabe(1),
            ..Incoming::default()
        })
        .await?;
    let apart = came(&stack, "/v1/deposits", &sent.clave_rastreo, "unapplied").await?;
    ensure!(apart["attention"]["reason"] == "account_not_open", "{apart}");
    // What it had asked for before goes out.
    let id = waits["id"].as_str().context("an id")?;
    stack.giro.wait(id, PATIENCE, is("settled")).await?;

    let open = set(&stack, &account, "open", &wish("open")).await?;
    ensure!(open.status == 200 && open.body["status"] == "open", "{open:?}");
    // The request to freeze comes once more, late: it was done, and does nothing now.
    let again = set(&stack, &account, "freeze", &wish("frozen")).await?;
    ensure!(
        again.status == 200 && again.replayed && again.body["status"] == "open",
        "{again:?}"
    );
    let other = set(&stack, &account, "freeze", &wish("closed")).await?;
    ensure!(
        other.status == 422 && other.body["code"] == "idempotency_key_reused",
        "{other:?}"
    );
    let cure = json!({ "account": account, "reason": "the court took it back" });
    let record = apart["id"].as_str().context("an id")?;
    let applied = stack
        .giro
        .post(&format!("/v1/deposits/{record}/apply"), "cure", &cure)
        .await?;
    ensure!(applied.status == 200, "{applied:?}");
    let seen = stack.giro.get(&format!("/v1/accounts/{account}")).await?.body;
    ensure!(
        seen["balances"]["available"] == json!(100_000 - 12_880 + 25_050),
        "{seen}"
    );
    stack.balanced().await?;
    stack.audited()
}

/// An account with money is not closed; without, it is, and stays so: neither a request nor the database opens it again.
#[tokio::test]
async fn an_account_is_closed_once_it_is_empty_and_for_good() -> Result<()> {
    let stack = stack("closed", &["worker", "api"]).await?;
    let account = stack.giro.account(1, 50_000).await?;
    let other = stack.giro.account(2, 0).await?;
    let kept = set(&stack, &account, "early", &wish("closed")).await?;
    ensure!(
        kept.status == 409 && kept.body["code"] == "account_not_empty",
        "{kept:?}"
    );
    ensure!(
        kept.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("500.00")),
        "{kept:?}"
    );
    let all =
        json!({ "account": account, "to_account": other, "amount": 50_000, "currency": "MXN", "concept": "Todo" });
    let moved = stack.giro.post("/v1/transfers", "all", &all).await?;
    ensure!(moved.status == 201 && moved.body["state"] == "settled", "{moved:?}");
    // The same key is free: nothing was done by it.
    let closed = set(&stack, &account, "early", &wish("closed")).await?;
    ensure!(closed.status == 200 && closed.body["status"] == "closed", "{closed:?}");
    let reopened = set(&stack, &account, "late", &wish("open")).await?;
    ensure!(
        reopened.status == 409 && reopened.body["code"] == "account_closed",
        "{reopened:?}"
    );
    let to_closed =
        json!({ "account": other, "to_account": account, "amount": 1, "currency": "MXN", "concept": "Uno" });
    let refused = stack.giro.post("/v1/transfers", "back", &to_closed).await?;
    ensure!(refused.body["code"] == "beneficiary_not_open", "{refused:?}");

    for (body, field) in [
        (json!({ "status": "gone", "reason": "a" }), "/status"),
        (json!({ "status": "frozen", "reason": " " }), "/reason"),
        (json!({ "status": "frozen" }), "/reason"),
        (json!({ "status": "frozen", "reason": "a", "until": "later" }), "/until"),
    ] {
        let odd = set(&stack, &other, "odd", &body).await?;
        ensure!(
            odd.status == 422 && odd.body["errors"][0]["pointer"] == field,
            "{odd:?}"
        );
    }
    let own = "acc_ffffffffffff7fffbfff000000001101";
    let settlement = set(&stack, own, "own", &wish("frozen")).await?;
    ensure!(settlement.status == 404, "{settlement:?}");

    // A hand in the database neither opens what is closed, nor freezes without a word of somebody's.
    let mut books = PgConnection::connect(&stack.database).await?;
    for (id, status) in [(&account, "open"), (&other, "frozen")] {
        let by_hand = sqlx::query("update account set status = $2 where id = replace($1, 'acc_', '')::uuid")
            .bind(id)
            .bind(status)
            .execute(&mut books)
            .await;
        ensure!(by_hand.is_err(), "{status} by hand");
    }
    stack.balanced().await
}

/// Who froze it was not told, and asks again: it was done once.
#[tokio::test]
async fn a_freeze_whose_answer_is_lost_is_done_once() -> Result<()> {
    let mut stack = stack("lost_freeze", &["worker", "api"]).await?;
    let account = stack.giro.account(1, 100_000).await?;
    stack.kill("api");
    let crashes = stack.file("crash.log").display().to_string();
    stack.run_with(
        "api",
        &[("GIRO_CRASH", "status_after_commit"), ("GIRO_CRASH_LOG", &crashes)],
    )?;
    stack.ready().await?;
    let lost = set(&stack, &account, "once", &wish("frozen")).await;
    ensure!(lost.is_err(), "it answered: {lost:?}");
    let start = Instant::now();
    while stack.take_ended("api").is_none() {
        ensure!(start.elapsed() < PATIENCE, "the API does not die");
        sleep(Duration::from_millis(20)).await;
    }
    stack.run("api")?;
    stack.ready().await?;
    let again = set(&stack, &account, "once", &wish("frozen")).await?;
    ensure!(
        again.status == 200 && again.replayed && again.body["status"] == "frozen",
        "{again:?}"
    );
    ensure!(
        again.body["status_changes"].as_array().map(Vec::len) == Some(1),
        "{again:?}"
    );
    stands(&stack, &account, "open").await?;
    stack.balanced().await
}
