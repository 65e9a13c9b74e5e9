//! Books that cannot serve: a full disk, no connection left, a lock that nobody lets go. The API says so within seconds, by
//! 503 and `Retry-After`, writes nothing by half, and serves again by itself.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    books::Books,
    client::request,
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Instant, sleep};

/// Nobody waits for ever to be told; many times what giro takes, for a busy machine.
const SOON: Duration = Duration::from_secs(90);
/// Enough for a new cluster, and full quickly.
const MIB: u32 = 192;

/// A small disk in memory, that ends with its owner.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this machine lets nobody mount.
    fn mount() -> Result<Option<Self>> {
        let place = |pid: &str| std::env::temp_dir().join(format!("giro-disk-{pid}"));
        for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let pid = name.strip_prefix("giro-disk-");
            if let Some(pid) = pid.filter(|pid| !Path::new("/proc").join(pid).exists()) {
                drop(Self(place(pid)));
            }
        }
        let disk = place(&std::process::id().to_string());
        fs::create_dir_all(&disk)?;
        let size = format!("size={MIB}m,mode=755");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Ok(Some(Self(disk)));
        }
        fs::remove_dir(&disk)?;
        Ok(None)
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Not a byte is left.
    fn fill(&self) -> Result<()> {
        let mut ballast = fs::File::create(self.ballast())?;
        for piece in [1 << 20, 1 << 12, 1] {
            let zeros = vec![0; piece];
            loop {
                match ballast.write(&zeros) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.0).output();
        let _gone = fs::remove_dir(&self.0);
    }
}

/// What a request got.
#[derive(Debug)]
struct Got {
    status: u16,
    retry_after: Option<String>,
    body: Value,
    took: Duration,
}

impl Got {
    fn is_shed(&self) -> Result<()> {
        let told = self.status == 503 && self.body["code"] == "later" && self.body["retryable"] == true;
        ensure!(told && self.retry_after.as_deref() == Some("1"), "not shed: {self:?}");
        ensure!(self.took < SOON, "told late: {self:?}");
        Ok(())
    }
}

/// Asks for a payout under a key.
async fn ask(stack: &Stack, account: &str, key: &str) -> Result<Got> {
    let post = reqwest::Client::new()
        .post(format!("{}/v1/payouts", stack.giro.base()))
        .header("Idempotency-Key", key)
        .json(&request(account, 12_300));
    got(post).await
}

async fn look(stack: &Stack, path: &str) -> Result<Got> {
    got(reqwest::Client::new().get(format!("{}{path}", stack.giro.base()))).await
}

async fn got(request: reqwest::RequestBuilder) -> Result<Got> {
    let start = Instant::now();
    let response = request.timeout(PATIENCE).send().await?;
    let header = response.headers().get("retry-after");
    let retry_after = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Ok(Got {
        status: response.status().as_u16(),
        retry_after,
        body: response.json().await.unwrap_or(Value::Null),
        took: start.elapsed(),
    })
}

/// The same key, now that the books are back: it is done once.
async fn done_once(stack: &Stack, account: &str, key: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        let got = ask(stack, account, key).await?;
        // What was told 503 may have been done.
        if matches!(got.status, 200 | 201) {
            let again = ask(stack, account, key).await?;
            ensure!(again.body["id"] == got.body["id"], "{got:?} {again:?}");
            return Ok(());
        }
        got.is_shed()?;
        ensure!(start.elapsed() < PATIENCE, "it never recovers: {got:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Payouts and answered keys in the books.
async fn asked_for(stack: &Stack) -> Result<(i64, i64)> {
    let rows = Books::connect(&stack.database).await?.rows().await?;
    Ok((rows.payouts, rows.requests))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_within_seconds_and_nothing_is_written_by_half() -> Result<()> {
    let Some(disk) = Disk::mount()? else {
        eprintln!("  not tried: this machine lets us mount no small disk");
        return Ok(());
    };
    let setup = Setup {
        own_postgres: true,
        postgres_in: Some(disk.0.clone()),
        programs: &["worker", "api", "relay"],
        settle_ms: 3_000,
        ..Setup::default()
    };
    let mut stack = Stack::with("full", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    // On their way while the disk is full: the worker tries again.
    for _ in 0..5 {
        stack.giro.pay(&account, 12_300).await?;
    }
    let before = asked_for(&stack).await?;
    disk.fill()?;
    let (mut taken, mut shed) = (0, Vec::new());
    for n in 0..1_000 {
        let key = format!("full-{n}");
        let got = ask(&stack, &account, &key).await?;
        if got.status == 201 {
            taken += 1;
            continue;
        }
        got.is_shed()?;
        shed.push(key);
        if shed.len() == 3 {
            break;
        }
    }
    ensure!(shed.len() == 3, "a full disk refused nothing, {taken} were taken");
    ensure!(look(&stack, "/healthz").await?.status == 200);
    disk.free()?;
    // A server that gave up without room for its log is started again by whoever runs it; giro is not.
    let start = Instant::now();
    while stack.giro.get("/readyz").await?.status != 200 {
        let postgres = stack.postgres.as_mut().context("its own")?;
        if postgres.child().is_none_or(|child| child.ended().is_some()) {
            postgres.restart()?;
        }
        ensure!(start.elapsed() < PATIENCE, "it never recovers");
        sleep(Duration::from_millis(100)).await;
    }
    let after = asked_for(&stack).await?;
    let kept = (before.0 + taken, before.1 + taken);
    // What was told 503 may have been done, and is then whole.
    ensure!(
        after.0 - kept.0 <= 3 && after.0 - after.1 == before.0 - before.1,
        "{before:?} {taken} {after:?}"
    );
    for key in &shed {
        done_once(&stack, &account, key).await?;
    }
    let all = asked_for(&stack).await?;
    ensure!(all == (kept.0 + 3, kept.1 + 3), "{kept:?} {all:?}");
    stack.all_ended(PATIENCE).await
}

/// Every connection that the server has, in idle hands; giro's own are cut, as a failover does.
async fn take_every_connection(stack: &Stack) -> Result<Vec<PgConnection>> {
    let mut held = vec![PgConnection::connect(&stack.database).await?];
    let start = Instant::now();
    loop {
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'giro'";
        sqlx::query(cut).execute(&mut held[0]).await?;
        while let Ok(more) = PgConnection::connect(&stack.database).await {
            held.push(more);
        }
        let giros = "select count(*) from pg_stat_activity where application_name = 'giro'";
        let left: i64 = sqlx::query_scalar(giros).fetch_one(&mut held[0]).await?;
        if left == 0 {
            return Ok(held);
        }
        ensure!(start.elapsed() < PATIENCE, "giro holds {left} connections");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_and_no_lock_are_told_within_seconds_and_end_by_themselves() -> Result<()> {
    let setup = Setup {
        own_postgres: true,
        // What was told 503 and done is driven by the sweep alone, unless it is asked for again.
        programs: &["worker", "api", "relay"],
        ..Setup::default()
    };
    let stack = Stack::with("exhausted", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.all_ended(PATIENCE).await?;
    let payout = format!("/v1/payouts/{id}");

    let mut held = take_every_connection(&stack).await?;
    let rows = "select (select count(*) from payout), (select count(*) from request), (select count(*) from outbox)";
    let before: (i64, i64, i64) = sqlx::query_as(rows).fetch_one(&mut held[0]).await?;
    let keys: Vec<String> = (0..20).map(|n| format!("none-{n}")).collect();
    for got in join_all(keys.iter().map(|key| ask(&stack, &account, key))).await {
        got?.is_shed()?;
    }
    look(&stack, &payout).await?.is_shed()?;
    ensure!(look(&stack, "/readyz").await?.status == 503 && look(&stack, "/healthz").await?.status == 200);
    let after: (i64, i64, i64) = sqlx::query_as(rows).fetch_one(&mut held[0]).await?;
    ensure!(before == after, "{before:?} {after:?}");
    drop(held);
    for key in &keys[..3] {
        done_once(&stack, &account, key).await?;
    }
    stack.all_ended(PATIENCE).await?;

    // Somebody keeps the payouts to themselves: every connection of the pool waits for the lock.
    let mut keeper = PgConnection::connect(&stack.database).await?;
    sqlx::query("begin").execute(&mut keeper).await?;
    sqlx::query("lock table payout in access exclusive mode")
        .execute(&mut keeper)
        .await?;
    let before: (i64, i64, i64) = sqlx::query_as(rows).fetch_one(&mut keeper).await?;
    let keys: Vec<String> = (0..30).map(|n| format!("locked-{n}")).collect();
    let (asked, read) = tokio::join!(
        join_all(keys.iter().map(|key| ask(&stack, &account, key))),
        join_all((0..30).map(|_| look(&stack, &payout)))
    );
    for got in asked.into_iter().chain(read) {
        got?.is_shed()?;
    }
    let after: (i64, i64, i64) = sqlx::query_as(rows).fetch_one(&mut keeper).await?;
    ensure!(before == after, "{before:?} {after:?}");
    sqlx::query("rollback").execute(&mut keeper).await?;
    for key in &keys[..3] {
        done_once(&stack, &account, key).await?;
    }
    let reply = stack
        .giro
        .post("/v1/payouts", "locked-0", &json!({"account": account}))
        .await?;
    ensure!(reply.status == 422, "the key is taken: {reply:?}");
    stack.all_ended(PATIENCE).await
}
