//! What finance takes away, and the day close.

use std::thread;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tests::{
    client::{clabe, is, request, text},
    sim::SettingsChange,
    stack::{PATIENCE, Stack},
};
use tokio::time::{Duration, sleep};

use crate::{
    inside::{later, moves, scheduled, stack, transfer},
    reconciliation::{read, settled},
    roll::at,
};

/// Finance reads what the books hold: the chart, every leg, what is in flight; and the trial balance is 0.
#[tokio::test]
async fn finance_takes_away_what_the_books_hold() -> Result<()> {
    let stack = stack("finance", &["api"]).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let other = stack.giro.account(2, 0).await?;
    moves(&stack, &transfer(&account, &other, 30_000)).await?;
    let mut body = request(&account, 12_300);
    body["beneficiary"]["clabe"] = json!(clabe(2));
    ensure!(stack.giro.post("/v1/payouts", "a", &body).await?.status == 201);
    let held = scheduled(&stack, &account, &later(&stack, 3_600).await?).await?;

    let said = stack.giro_command(&["finance", "trial-balance", "--until", "2026-12-01", "--output", "json"])?;
    let trial: Value = serde_json::from_str(&said)?;
    let of = |code: i64| {
        let mut rows = trial.as_array().into_iter().flatten();
        let row = rows.find(|row| row["code"] == code).cloned().unwrap_or_default();
        (row["debits"].as_i64(), row["credits"].as_i64(), row["balance"].as_i64())
    };
    ensure!(of(1101) == (Some(1_000_000), Some(0), Some(1_000_000)), "{trial}");
    ensure!(of(2101) == (Some(42_880), Some(1_042_300), Some(999_420)), "{trial}");
    ensure!((of(4101).2, of(2150).2) == (Some(500), Some(80)), "{trial}");
    let before = stack.giro_command(&["finance", "trial-balance", "--until", "2026-11-30"])?;
    ensure!(
        before.contains("debits - credits: 0") && !before.contains("10,000.00"),
        "{before}"
    );

    let ledger = stack.giro_command(&["finance", "ledger", "--from", "2026-12-01", "--to", "2026-12-31"])?;
    let lines: Vec<&str> = ledger.lines().collect();
    // The opening credit, the transfer, and amount, fee and IVA of the payout: two legs each.
    ensure!(lines.len() == 1 + 2 * 5, "{ledger}");
    ensure!(
        lines[0]
            .starts_with("operating_date,movement,leg,booked_at,kind,subject,code,account_name,account,debit,credit")
    );
    ensure!(
        !ledger.contains("Cliente") && !ledger.contains(&clabe(2)),
        "nothing of a person: {ledger}"
    );
    let flying = stack.giro_command(&["finance", "in-flight"])?;
    let id = uuid::Uuid::parse_str(text(&held, "/id")?.trim_start_matches("po_"))?;
    ensure!(
        flying.lines().count() == 2 && flying.contains(&id.to_string()),
        "{flying}"
    );
    let backwards = stack.giro_command(&["finance", "ledger", "--from", "2026-12-02", "--to", "2026-12-01"]);
    ensure!(
        format!("{:?}", backwards.err()).contains("--from"),
        "a day after the last"
    );
    Ok(())
}

/// A role made for finance before the schema sees the views and nothing behind them.
#[tokio::test]
async fn finance_sees_its_views_and_nothing_else() -> Result<()> {
    let first = stack("finance_role", &["api"]).await?;
    let mut books = PgConnection::connect(&first.database).await?;
    sqlx::query("create role giro_finance").execute(&mut books).await?;
    let stack = stack("finance_reader", &["api"]).await?;
    stack.giro.account(1, 1_000_000).await?;
    let mut reader = PgConnection::connect(&stack.database).await?;
    sqlx::query("set role giro_finance").execute(&mut reader).await?;
    for (question, many) in [
        ("select count(*) from finance.trial_balance('2026-12-31')", 9),
        ("select count(*) from finance.chart", 9),
        ("select count(*) from finance.accounts", 9),
        ("select count(*) from finance.ledger", 2),
        ("select count(*) from finance.days", 2),
        ("select count(*) from finance.in_flight", 0),
        ("select count(*) from finance.closed_days", 0),
        ("select count(*) from finance.closed_balances", 0),
        ("select count(*) from finance.in_flight_at_close", 0),
    ] {
        let found: i64 = sqlx::query_scalar(question).fetch_one(&mut reader).await?;
        ensure!(found == many, "{question}: {found}");
    }
    for question in [
        "select count(*) from account",
        "select count(*) from payout",
        "select count(*) from movement",
        "select count(*) from received",
        "select count(*) from exchange",
        "select count(*) from api_key",
    ] {
        let refused = sqlx::query(question).execute(&mut reader).await;
        ensure!(
            format!("{:?}", refused.err()).contains("permission denied"),
            "{question}"
        );
    }
    Ok(())
}

/// The page is a contract: each view has the columns that it names, in that order, and a leg names the bank's order.
#[tokio::test]
async fn the_views_have_the_columns_of_the_page() -> Result<()> {
    let stack = stack("finance_contract", &["worker", "api"]).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let page = include_str!("../../docs/finance.md");
    let mut views = 0;
    for row in page.lines().filter(|line| line.starts_with("| `finance.")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let view = cells[1].trim_matches('`').replace("until date", "current_date");
        let mut depth = 0;
        // What stands in brackets explains a column.
        let names: String = cells[3]
            .chars()
            .filter(|letter| {
                depth += i32::from(*letter == '(');
                let is_name = depth == 0;
                depth -= i32::from(*letter == ')');
                is_name
            })
            .collect();
        let told: Vec<&str> = names.split(',').map(str::trim).collect();
        let shown = format!("create or replace temp view contract as select * from {view}");
        sqlx::query("drop view if exists contract").execute(&mut books).await?;
        sqlx::query(AssertSqlSafe(shown)).execute(&mut books).await?;
        let found: Vec<String> = sqlx::query_scalar(
            "select attname::text from pg_attribute where attrelid = 'contract'::regclass and attnum > 0 order by attnum",
        )
        .fetch_all(&mut books)
        .await?;
        ensure!(found == told, "{view}: {found:?}, and the page says {told:?}");
        views += 1;
    }
    let there: i64 = sqlx::query_scalar("select count(*) from pg_views where schemaname = 'finance'")
        .fetch_one(&mut books)
        .await?;
    ensure!(
        views == there + 1,
        "{views} on the page, {there} and a function in the schema"
    );

    let account = stack.giro.account(1, 10_000_000).await?;
    let id = settled(&stack, &account, 10_000).await?;
    let ledger = stack.giro_command(&["finance", "ledger", "--from", "2026-12-01", "--to", "2026-12-31"])?;
    let key = stack.key(&id).await?;
    // Amount, fee and IVA, two legs each.
    ensure!(
        ledger.lines().filter(|line| line.contains(&key)).count() == 6,
        "{ledger}"
    );
    Ok(())
}

/// What the trial balance of a day says, account by account: debits, credits.
fn trial(stack: &Stack, until: &str) -> Result<Vec<(i64, i64, i64)>> {
    let said = stack.giro_command(&["finance", "trial-balance", "--until", until, "--output", "json"])?;
    let rows: Vec<Value> = serde_json::from_str(&said)?;
    let number = |row: &Value, field: &str| row[field].as_i64().context("a number");
    rows.iter()
        .map(|row| Ok((number(row, "code")?, number(row, "debits")?, number(row, "credits")?)))
        .collect()
}

fn close(stack: &Stack, date: &str, more: &[&str]) -> Result<String> {
    stack.giro_command(&closing(date, more))
}

/// The words of the command that closes a day.
fn closing<'a>(date: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["finance", "close", "--date", date, "--by", "ana"], more].concat()
}

/// A day is closed while a payout of it is under way; the bank tells later that it was paid on that day.
#[tokio::test]
async fn what_is_booked_after_the_close_counts_for_the_next_day() -> Result<()> {
    let stack = stack("day_close", &["worker", "api", "relay"]).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    settled(&stack, &account, 10_000).await?;
    let slow = SettingsChange {
        settle_after_ms: Some(1_000_000_000),
        ..SettingsChange::default()
    };
    stack.bank.settings(&slow).await?;
    let late = stack.giro.pay(&account, 20_000).await?;
    stack.giro.wait(&late, PATIENCE, is("sent")).await?;
    let why = |refused: Result<String>| refused.err().map_or_else(String::new, |error| format!("{error:#}"));
    ensure!(why(close(&stack, "2027-01-11", &[])).contains("is not over"));
    ensure!(why(close(&stack, "2027-01-10", &[])).contains("no banking day"));

    at(&stack, "2027-01-12", "12:00:00").await?;
    ensure!(why(close(&stack, "2027-01-11", &[])).contains("was not held against stp's statement yet"));
    read(&stack).await?;
    let said = close(&stack, "2027-01-11", &[])?;
    ensure!(
        said.contains("is closed by ana") && said.contains("Under way when it was closed: 1, of MXN 200.00"),
        "{said}"
    );
    ensure!(close(&stack, "2027-01-11", &[])?.contains("was closed before by ana"));
    let closed = trial(&stack, "2027-01-11")?;

    // The bank says when it paid; the books say when they learned it.
    let key = stack.key(&late).await?;
    stack.bank.state(&key, "LQ").await?;
    stack.bank.webhook(&key, "LQ").await?;
    let quick = SettingsChange {
        settle_after_ms: Some(300),
        ..SettingsChange::default()
    };
    stack.bank.settings(&quick).await?;
    let payout = stack.giro.wait(&late, PATIENCE, is("settled")).await?;
    ensure!(payout["effective_on"] == "2027-01-11", "{payout}");
    settled(&stack, &account, 30_000).await?;
    ensure!(trial(&stack, "2027-01-11")? == closed, "a closed day does not change");
    ensure!(trial(&stack, "2027-01-12")? != closed);
    let ledger = stack.giro_command(&["finance", "ledger", "--from", "2027-01-12", "--to", "2027-01-12"])?;
    let of_the_eleventh = ledger.lines().filter(|line| line.contains(",2027-01-11,")).count();
    // Amount, fee and IVA, two legs each.
    ensure!(of_the_eleventh == 6, "{ledger}");
    // The bank's day is the bank's: its statement still equals the books.
    at(&stack, "2027-01-12", "13:30:00").await?;
    let (days, _) = read(&stack).await?;
    ensure!(days.iter().all(|day| day.differences == 0 && day.open == 0), "{days:?}");

    at(&stack, "2027-01-14", "12:00:00").await?;
    ensure!(why(close(&stack, "2027-01-13", &["--anyway", "to see"])).contains("2027-01-12 follows 2027-01-11"));
    stack.audited()
}

/// Who closes a day dies before its balances are kept: the audit names it, and the same command ends it.
#[tokio::test]
async fn a_close_that_is_cut_short_is_named_and_done_again() -> Result<()> {
    let stack = stack("cut_close", &["worker", "api"]).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    settled(&stack, &account, 10_000).await?;
    at(&stack, "2027-01-12", "12:00:00").await?;
    let cut_off = stack.giro_command_with(
        &closing("2027-01-11", &["--anyway", "to see"]),
        &[("GIRO_CRASH", "close_before_balances")],
    );
    ensure!(cut_off.is_err(), "{cut_off:?}");
    let named = format!("{:#}", stack.audited().expect_err("the day has no balances"));
    ensure!(named.contains("BROKEN  closed"), "{named}");
    // What is booked meanwhile counts for the next day already.
    let said = close(&stack, "2027-01-11", &["--anyway", "again"])?;
    ensure!(said.contains("was closed before by ana, although: to see"), "{said}");
    let balances = trial(&stack, "2027-01-11")?;
    ensure!(close(&stack, "2027-01-11", &[])?.contains("was closed before"));
    ensure!(trial(&stack, "2027-01-11")? == balances);
    stack.audited()
}

/// Whoever books while a day is being closed is waited for: what was decided before the close is in it.
#[tokio::test]
async fn a_close_waits_for_whoever_books() -> Result<()> {
    let stack = stack("close_waits", &["worker", "api", "relay"]).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    settled(&stack, &account, 10_000).await?;
    at(&stack, "2027-01-12", "12:00:00").await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let mut booking = books.begin().await?;
    // As one more movement of that day, written and not committed.
    sqlx::query(
        "insert into movement (id, subject, kind, debit_account, credit_account, amount, effective_on, hash, actor, reason, created_at)
         select gen_random_uuid(), subject, 'opening', debit_account, credit_account, 700, effective_on, hash, actor, reason, giro_now()
         from movement where kind = 'opening' limit 1",
    )
    .execute(&mut *booking)
    .await?;
    let operator = stack.operator();
    let closing = thread::spawn(move || operator.run(&closing("2027-01-11", &["--anyway", "to see"]), &[]));
    sleep(Duration::from_secs(1)).await;
    ensure!(!closing.is_finished(), "it waits");
    booking.commit().await?;
    let said = closing.join().map_err(|_| anyhow::anyhow!("it died"))??;
    ensure!(said.contains("although: to see"), "{said}");
    let kept: i64 = sqlx::query_scalar("select debits::bigint from day_balance where code = 1101")
        .fetch_one(&mut books)
        .await?;
    ensure!(kept == 10_000_700, "{kept}");
    Ok(())
}
