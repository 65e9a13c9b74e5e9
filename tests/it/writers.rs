//! The writer against a real Postgres: what it locks, in which order, and that a block is written whole or not at all.

use std::time::Duration;

use activities::{
    bank::{Exchange, Found, Sender},
    ledger::{
        self, Ledger,
        command::{Answer, Begin, By, Command, Finding, Stand},
    },
};
use anyhow::{Context, Result, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tests::{
    books::Books,
    client::request,
    stack::{PATIENCE, Setup, Stack},
};
use uuid::Uuid;
use worker::config::Config;
use workflows::domain::{Attention, PayoutId};

/// An API alone, whose payouts stay accepted, and a writer of this test's own beside its.
async fn stack(name: &str) -> Result<(Stack, Ledger)> {
    let setup = Setup {
        programs: &["api"],
        ..Setup::default()
    };
    let stack = Stack::with(name, setup).await?;
    let config = Config::load(Some(&stack.file("giro.toml")))?;
    let rules = config.rules(config.bank_calendar()?);
    let ledger = Ledger::start(ledger::pool(&stack.database, 2)?, rules);
    Ok((stack, ledger))
}

/// Waits until so many connections to these books wait for a lock.
async fn waiting(database: &str, count: i64) -> Result<()> {
    let mut books = PgConnection::connect(database).await?;
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let start = tokio::time::Instant::now();
    loop {
        let waiting: i64 = sqlx::query_scalar(waits).fetch_one(&mut books).await?;
        if waiting == count {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{waiting} wait for a lock, never {count}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A right to send outlives a crash of Postgres, whatever the database does by default.
#[tokio::test]
async fn what_is_committed_is_on_disk() -> Result<()> {
    let (stack, _) = stack("on_disk").await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let name: String = sqlx::query_scalar("select current_database()::text")
        .fetch_one(&mut books)
        .await?;
    let sql = format!("alter database {name} set synchronous_commit = off");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut books).await?;
    let pool = ledger::pool(&stack.database, 1)?;
    let waits: String = sqlx::query_scalar("show synchronous_commit").fetch_one(&pool).await?;
    assert_eq!(waits, "on");
    Ok(())
}

/// What cannot be written whole is not written at all, whichever of its rows the database does not take; and once it
/// does, the same request is taken under the same key.
#[tokio::test]
async fn a_payout_is_written_whole_or_not_at_all() -> Result<()> {
    let (stack, _) = stack("whole").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let mut sums = Books::connect(&stack.database).await?;
    let before = (sums.rows().await?, sums.sums().await?);
    sqlx::raw_sql(
        "create function broken() returns trigger language plpgsql as
         $$ begin raise exception 'broken on purpose' using errcode = 'check_violation'; end $$",
    )
    .execute(&mut books)
    .await?;
    for table in ["outbox", "request", "payout", "account"] {
        let sql = format!("create trigger broken before insert or update on {table} execute function broken()");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut books).await?;
        let refused = stack
            .giro
            .post("/v1/payouts", "one", &request(&account, 12_300))
            .await?;
        ensure!(refused.status == 500, "{table}: {refused:?}");
        let after = (sums.rows().await?, sums.sums().await?);
        ensure!(
            after == before,
            "half written without its {table}: {before:?}, then {after:?}"
        );
        let sql = format!("drop trigger broken on {table}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut books).await?;
    }
    let taken = stack
        .giro
        .post("/v1/payouts", "one", &request(&account, 12_300))
        .await?;
    ensure!(taken.status == 201, "the key is free: {taken:?}");
    stack.balanced().await
}

/// A payout that waits for its account's row is decided by what the row says then, not by what it said before.
#[tokio::test]
async fn what_another_spends_meanwhile_is_gone() -> Result<()> {
    let (stack, _) = stack("meanwhile").await?;
    let account = stack.giro.account(1, 20_000).await?;
    let mut other = PgConnection::connect(&stack.database).await?;
    let mut spends = other.begin().await?;
    // A hand in the books: no open payout stands behind what it sets aside.
    let sql = "set local session_replication_role = replica; update account set held = 10000 where clabe is not null";
    sqlx::raw_sql(sql).execute(&mut *spends).await?;
    let asked = tokio::spawn({
        let giro = stack.giro.clone();
        async move { giro.post("/v1/payouts", "both", &request(&account, 15_000)).await }
    });
    waiting(&stack.database, 1).await?;
    spends.commit().await?;
    let reply = asked.await??;
    ensure!(
        reply.status == 422 && reply.body["code"] == "insufficient_funds",
        "spent twice: {reply:?}"
    );
    Ok(())
}

/// A block that waits for an account holds none that comes after it, in whatever order its commands came: two writers
/// can wait for each other, never both at once.
#[tokio::test]
async fn accounts_are_locked_in_one_order() -> Result<()> {
    let (stack, ledger) = stack("order").await?;
    let (first, second) = (
        stack.giro.account(1, 1_000_000).await?,
        stack.giro.account(2, 1_000_000).await?,
    );
    ensure!(first < second, "ids of accounts are in the order of their making");
    let mut ids = Vec::new();
    for account in [&first, &first, &second] {
        ids.push(stack.giro.pay(account, 100).await?.parse::<PayoutId>()?);
    }
    let mut holder = PgConnection::connect(&stack.database).await?;
    let mut follower = PgConnection::connect(&stack.database).await?;
    let lock = "select from account where clabe is not null order by id limit 1 for no key update";
    let mut held = holder.begin().await?;
    sqlx::query(lock).execute(&mut *held).await?;
    // The first block waits for the first account, and this story for the same behind it: what queues meanwhile is the
    // second block.
    let one = tokio::spawn({
        let (ledger, id) = (ledger.clone(), ids[0]);
        async move { ledger.cancel(id, "payments").await }
    });
    waiting(&stack.database, 1).await?;
    let database = stack.database.clone();
    let behind = tokio::spawn(async move {
        let mut held = follower.begin().await?;
        sqlx::query(lock).execute(&mut *held).await?;
        // Now the second block waits for the first account: does it hold the second?
        waiting(&database, 1).await?;
        let other = "select from account where clabe is not null order by id desc limit 1 for no key update nowait";
        let free = sqlx::query(other).execute(&mut *held).await;
        ensure!(
            free.is_ok(),
            "a block that waits for an account holds one that comes after it"
        );
        anyhow::Ok(held.rollback().await?)
    });
    waiting(&stack.database, 2).await?;
    let others = tokio::spawn(async move {
        // The one of the second account is queued first.
        tokio::join!(biased; ledger.cancel(ids[2], "payments"), ledger.cancel(ids[1], "payments"))
    });
    tokio::task::yield_now().await;
    held.rollback().await?;
    behind.await??;
    let (third, second) = others.await?;
    for answer in [one.await?, second, third] {
        ensure!(matches!(answer, Ok(Answer::Cancelled(_))), "{answer:?}");
    }
    stack.balanced().await
}

/// What another writer learned while this one waited for the row is not written over: proofs that disagree are seen.
#[tokio::test]
async fn what_two_writers_learn_at_once_is_all_kept() -> Result<()> {
    let (stack, ledger) = stack("at_once").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let payout: PayoutId = stack.giro.pay(&account, 12_300).await?.parse()?;
    let sender = Sender(Uuid::new_v4());
    let mut other = PgConnection::connect(&stack.database).await?;
    let server = sqlx::query_scalar("select giro_server()").fetch_one(&mut other).await?;
    let seen = Some(serde_json::from_value(server)?);
    let begun = ledger.begin(Begin { payout, sender, seen }).await?;
    ensure!(matches!(begun, Some((_, Stand::Go))), "{begun:?}");
    let mut held = other.begin().await?;
    sqlx::query("select from payout for no key update")
        .execute(&mut *held)
        .await?;
    let learned = Command::Evidence(Finding {
        payout,
        id: Uuid::new_v4(),
        by: By::Inquiry {
            send_no: 1,
            asked_at: ledger.now().await?,
            found: Found::NotPaid {
                code: "stp:CN".to_owned(),
            },
            exchange: Exchange::default(),
        },
    });
    let learning = tokio::spawn(async move { ledger.run(learned).await });
    waiting(&stack.database, 1).await?;
    sqlx::query("update payout set evidence = 'paid', effective_on = operating_date, version = version + 1")
        .execute(&mut *held)
        .await?;
    held.commit().await?;
    let answer = learning.await??;
    ensure!(matches!(answer, Answer::Stands(..)), "{answer:?}");
    let row = sqlx::query("select evidence, contradicted, attention from payout")
        .fetch_one(&mut other)
        .await?;
    let kept: (String, bool, Option<String>) = (row.get(0), row.get(1), row.get(2));
    let told = kept.2.context("a person is told")?;
    assert_eq!(
        (kept.0.as_str(), kept.1, told.as_str()),
        ("paid", true, Attention::Contradiction.word())
    );
    Ok(())
}
