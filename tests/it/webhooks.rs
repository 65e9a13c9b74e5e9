//! What a webhook starts is finished, also when the bank is away at that moment.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    client::is,
    sim::{Fault, SettingsChange},
    stack::{PATIENCE, Stack},
};

/// The bank says "settled" of what was given back, and is gone when it is asked: the webhook is kept until it answers.
#[tokio::test]
async fn a_webhook_waits_until_the_bank_has_answered() -> Result<()> {
    let mut stack = Stack::start("inbox_waits").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::Cancelled), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&id, PATIENCE, is("failed")).await?;
    let key = stack.key(&id).await?;
    let deaf = SettingsChange {
        webhook_url: Some(None),
        ..SettingsChange::default()
    };
    stack.bank.settings(&deaf).await?;
    stack.bank.state(&key, "LQ").await?;
    stack.kill("bank-sim");
    let url = format!(
        "http://127.0.0.1:{}/webhooks/stp/test-secret/status",
        stack.ports["webhooks"]
    );
    let body = json!({"id": 1, "claveRastreo": key, "estado": "LQ"});
    let taken = reqwest::Client::new().post(url).json(&body).send().await?;
    ensure!(taken.status() == 200, "{taken:?}");
    let mut books = PgConnection::connect(&stack.database).await?;
    let start = tokio::time::Instant::now();
    let is_done = loop {
        let looked = "select done_at is not null from inbox where note is not null and convert_from(body, 'UTF8')::jsonb = $1::jsonb";
        let found: Option<bool> = sqlx::query_scalar(looked)
            .bind(body.to_string())
            .fetch_optional(&mut books)
            .await?;
        if let Some(is_done) = found {
            break is_done;
        }
        ensure!(start.elapsed() < PATIENCE, "nobody looked at the webhook");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ensure!(!is_done, "the webhook is done with, though the bank did not answer");
    stack.run("bank-sim")?;
    let told = |payout: &Value| payout["attention"]["reason"] == "paid_after_release";
    stack.giro.wait(&id, PATIENCE, told).await?;
    Ok(())
}
