//! An old backup of the books under a bank that went on: nothing is paid twice, and what the books forgot is taken in or
//! named.

use std::{
    collections::BTreeSet, fs::OpenOptions, os::unix::fs::FileExt, path::Path, process::Command, time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use tests::{
    books::Books,
    client::is,
    sim::Fault,
    stack::{PATIENCE, Setup, Stack},
};

use crate::histories::events;

/// The longest wait of a worker that suspects a loss is 50 s here, and what follows takes as long again.
const LONG: Duration = Duration::from_secs(180);

/// Well within the time in which nobody vouches for a server that it has just seen.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What a worker says that has no reason to trust the books.
const LOSS: &str = "the books may have lost commits";

/// Copies a stopped cluster's files with their owner.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(done.success(), "cp -a {} {}", from.display(), to.display());
    Ok(())
}

/// Stops Postgres, lets `change` have its files, and starts it again.
async fn stopped(stack: &mut Stack, change: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let server = stack.postgres.as_mut().context("its own Postgres")?;
    server.stop();
    change(server.data().context("a private cluster")?)?;
    server.restart()?;
    stack.ready().await
}

/// Where the log of Postgres goes on: the file, and the byte in it.
struct End {
    segment: String,
    byte: u64,
}

/// Everything until here is on disk, and nothing later than here gets into the tables' files.
async fn end_of_log(stack: &Stack) -> Result<End> {
    let mut books = PgConnection::connect(&stack.database).await?;
    for only_the_log in [
        "alter system set bgwriter_lru_maxpages = 0",
        "alter system set autovacuum = off",
        "select pg_reload_conf()",
        "checkpoint",
    ] {
        books.execute(only_the_log).await?;
    }
    let (segment, byte): (String, i32) =
        sqlx::query_as("select * from pg_walfile_name_offset(pg_current_wal_insert_lsn())")
            .fetch_one(&mut books)
            .await?;
    let byte = u64::try_from(byte)?;
    Ok(End { segment, byte })
}

/// A disk that lied: what was written to the log since then, and said to be there, is not.
fn forget_since(end: &End, data: &Path) -> Result<()> {
    let log = data.join("pg_wal");
    for file in std::fs::read_dir(&log)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if name.len() == end.segment.len() && name > end.segment {
            std::fs::remove_file(log.join(name))?;
        }
    }
    let segment = OpenOptions::new().write(true).open(log.join(&end.segment))?;
    let rest = segment.metadata()?.len() - end.byte;
    segment.write_all_at(&vec![0; usize::try_from(rest)?], end.byte)?;
    Ok(())
}

/// Waits until the bank has so many orders of a key.
async fn at_bank(stack: &Stack, key: &str) -> Result<()> {
    let start = tokio::time::Instant::now();
    while stack.bank.orders_of(key).await?.is_empty() {
        ensure!(start.elapsed() < PATIENCE, "the bank never got {key}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Waits until a payout's run waits for minutes.
async fn sleeps(stack: &Stack, payout: &str) -> Result<()> {
    let run = stack.handle(payout).await?;
    let start = tokio::time::Instant::now();
    loop {
        let mut long = BTreeSet::new();
        for event in events(&run).await? {
            match event.attributes {
                Some(Attributes::TimerStartedEventAttributes(timer))
                    if timer.start_to_fire_timeout.is_some_and(|wait| wait.seconds > 200) =>
                {
                    long.insert(timer.timer_id);
                }
                Some(Attributes::TimerCanceledEventAttributes(timer)) => {
                    long.remove(&timer.timer_id);
                }
                _ => {}
            }
        }
        if !long.is_empty() {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "{payout} never sleeps");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until this holds of the bank as giro shows it.
async fn bank_is(stack: &Stack, until: impl Fn(&Value) -> bool) -> Result<()> {
    let start = tokio::time::Instant::now();
    loop {
        let bank = stack.giro.get("/v1/banks").await?.body["data"][0].clone();
        if until(&bank) {
            return Ok(());
        }
        ensure!(start.elapsed() < LONG, "the bank is still {bank}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How long a server is doubted stands in the books: workers that never live that long send all the same, once it is over.
#[tokio::test]
async fn workers_that_die_young_still_send_after_a_restart_of_postgres() -> Result<()> {
    let setup = Setup {
        own_postgres: true,
        ..Setup::default()
    };
    let mut stack = Stack::with("die_young", setup).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    stack.kill("worker");
    stopped(&mut stack, |_| Ok(())).await?;
    let waits = stack.giro.pay(&account, 10_000).await?;
    let start = tokio::time::Instant::now();
    while stack.giro.payout(&waits).await?["state"] != "settled" {
        ensure!(start.elapsed() < PATIENCE, "nobody sends");
        stack.run("worker")?;
        // A third of the wait, and long enough to read the bank's orders once.
        tokio::time::sleep(Duration::from_secs(7)).await;
        stack.kill("worker");
    }
    stack.run("worker")?;
    stack.balanced().await
}

/// Both saw what is gone: neither vouches for the other, both wait, and what was sent and forgotten is not sent again.
#[tokio::test]
async fn two_workers_that_live_through_a_loss_send_nothing_again() -> Result<()> {
    let setup = Setup {
        dedupes: false,
        own_postgres: true,
        programs: &["worker", "worker-2", "api", "relay"],
        ..Setup::default()
    };
    let mut stack = Stack::with("two_elders", setup).await?;
    for worker in ["worker", "worker-2"] {
        stack.logged(worker, "the books stand against").await?;
    }
    let account = stack.giro.account(1, 10_000_000).await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "so that two wait"])?;
    let [plain, silent] = [
        stack.giro.pay(&account, 10_000).await?,
        stack.giro.pay(&account, 20_000).await?,
    ];
    let keys = [stack.key(&plain).await?, stack.key(&silent).await?];
    stack.bank.fault(Some(&keys[1]), Some(Fault::Silent), Some(1)).await?;
    let backup = stack.postgres.as_ref().and_then(|server| server.data());
    let backup = backup.context("a private cluster")?.with_extension("backup");
    stopped(&mut stack, |data| copy(data, &backup)).await?;

    // They vouch for a server that was only started again, and both are sent.
    let resume = ["bank", "resume", "stp", "--reason", "they waited", "--since"];
    let resumed = async |stack: &Stack| {
        let pause = Books::connect(&stack.database).await?.pause().await?;
        let (_, since) = pause.context("a pause")?;
        stack.giro_command(&[&resume[..], &[&since]].concat())
    };
    resumed(&stack).await?;
    stack.giro.retry(&plain).await?;
    stack.giro.wait(&plain, PATIENCE, is("settled")).await?;
    at_bank(&stack, &keys[1]).await?;
    for worker in ["worker", "worker-2"] {
        let said = stack.log(worker);
        ensure!(!said.contains(LOSS), "{worker} has seen a loss that was none");
    }

    // At once: what no look has seen, whoever was given the right to send it knows.
    stopped(&mut stack, |data| {
        std::fs::remove_dir_all(data)?;
        copy(&backup, data)
    })
    .await?;
    for worker in ["worker", "worker-2"] {
        stack.logged(worker, LOSS).await?;
    }
    // Its run has met the pause that the backup has, and would sleep it out.
    sleeps(&stack, &silent).await?;
    resumed(&stack).await?;
    // The bank did not show it when its orders were read first.
    assert_eq!(stack.giro.payout(&silent).await?["state"], "accepted");
    stack.bank.speak(&keys[1]).await?;
    let next = stack.giro.pay(&account, 30_000).await?;
    for payout in [&plain, &silent, &next] {
        stack.giro.wait(payout, LONG, is("settled")).await?;
        let key = stack.key(payout).await?;
        assert_eq!(stack.bank.orders_of(&key).await?.len(), 1, "{key}");
        assert_eq!(stack.bank.requests_of(&key).await?.len(), 1, "{key}");
    }
    stack.balanced().await?;
    stack.audited()
}

/// Nothing is given back while whoever knows more may still say so.
async fn nobody_vouches_at_once(stack: &Stack, payout: &str) -> Result<()> {
    let start = tokio::time::Instant::now();
    for n in 0.. {
        let (path, key) = (format!("/v1/payouts/{payout}/cancel"), format!("at-once-{n}"));
        let answer = stack.giro.post(&path, &key, &json!({})).await?;
        if start.elapsed() > AT_ONCE {
            break;
        }
        let said = (answer.status, &answer.body["code"]);
        ensure!(
            said == (503, &json!("catching_up")),
            "given back, and the bank has it: {answer:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// No look had seen what is gone, so that the books look whole to it, and to another that was given nothing to send: only
/// who was given the right to send misses it, and the other waits until it may have said so.
#[tokio::test]
async fn a_begin_that_a_lying_disk_forgot_is_missed_by_who_was_given_it() -> Result<()> {
    let setup = Setup {
        dedupes: false,
        own_postgres: true,
        programs: &["worker", "api", "relay"],
        variables: &[
            ("worker", "GIRO__TEMPORAL__TASK_QUEUE", "idle"),
            // The bank has the order by then.
            ("worker-2", "GIRO_CRASH", "submit_before_record!stop"),
        ],
        ..Setup::default()
    };
    let mut stack = Stack::with("lying_disk", setup).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let id = stack.giro.pay(&account, 10_000).await?;
    let key = stack.key(&id).await?;
    stack.bank.fault(Some(&key), Some(Fault::Silent), Some(1)).await?;
    stack.logged("worker", "the books stand against").await?;
    stack.signal("worker", Signal::STOP);
    let end = end_of_log(&stack).await?;
    stack.run("worker-2")?;
    stack.asleep("worker-2").await?;
    assert_eq!(stack.giro.payout(&id).await?["send_no"], 1, "it was given the right");
    assert_eq!(stack.bank.requests_of(&key).await?.len(), 1, "and has used it");

    let server = stack.postgres.as_mut().context("its own Postgres")?;
    server.stop_immediate();
    forget_since(&end, server.data().context("a private cluster")?)?;
    server.restart()?;
    stack.ready().await?;
    let payout = stack.giro.payout(&id).await?;
    assert_eq!((&payout["state"], &payout["send_no"]), (&json!("accepted"), &json!(0)));
    // The log is longer than at any look, as after other writes.
    let mut books = PgConnection::connect(&stack.database).await?;
    books.execute("select pg_switch_wal()").await?;
    stack.signal("worker", Signal::CONT);
    nobody_vouches_at_once(&stack, &id).await?;
    stack.signal("worker-2", Signal::CONT);
    stack.logged("worker-2", LOSS).await?;
    stack.bank.speak(&key).await?;
    stack.giro.wait(&id, LONG, is("settled")).await?;
    assert_eq!(stack.bank.requests_of(&key).await?.len(), 1, "sent again");
    stack.balanced().await?;
    stack.audited()
}

#[tokio::test]
async fn an_old_backup_under_a_live_bank_never_pays_twice() -> Result<()> {
    let setup = Setup {
        // It would take a second order under the same key.
        dedupes: false,
        own_postgres: true,
        programs: &["worker", "api", "relay"],
        variables: &[("worker-2", "GIRO__RULES__HORIZON_SECONDS", "30")],
        ..Setup::default()
    };
    let mut stack = Stack::with("old_backup", setup).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let kept = stack.giro.pay(&account, 10_000).await?;
    stack.giro.wait(&kept, PATIENCE, is("settled")).await?;

    // The backup has two payouts that wait.
    stack.kill("worker");
    let [silent, plain] = [
        stack.giro.pay(&account, 20_000).await?,
        stack.giro.pay(&account, 30_000).await?,
    ];
    let keys = [stack.key(&silent).await?, stack.key(&plain).await?];
    let backup = stack.postgres.as_ref().and_then(|server| server.data());
    let backup = backup.context("a private cluster")?.with_extension("backup");
    stopped(&mut stack, |data| copy(data, &backup)).await?;

    // Life goes on: one settles, one is taken by a bank that says nothing of it, and so is one that the backup has not.
    stack.bank.fault(Some(&keys[0]), Some(Fault::Silent), Some(1)).await?;
    stack.run("worker")?;
    stack.giro.wait(&plain, LONG, is("settled")).await?;
    at_bank(&stack, &keys[0]).await?;
    stack.bank.fault(None, Some(Fault::Silent), Some(1)).await?;
    let unknown = stack.giro.pay(&account, 40_000).await?;
    let unknown_key = stack.key(&unknown).await?;
    at_bank(&stack, &unknown_key).await?;

    // The backup is put back.
    stack.kill("worker");
    stopped(&mut stack, |data| {
        std::fs::remove_dir_all(data)?;
        copy(&backup, data)
    })
    .await?;
    assert_eq!(stack.giro.get(&format!("/v1/payouts/{unknown}")).await?.status, 404);
    let refused = stack
        .giro
        .post(&format!("/v1/payouts/{silent}/cancel"), "too-early", &json!({}))
        .await?;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (503, &json!("catching_up")),
        "it was sent, and the books do not know"
    );
    stack.run("worker-2")?;
    bank_is(&stack, |bank| bank["attention"] == "catching_up").await?;
    // What it does not show yet is not sent again.
    stack.logged("worker-2", LOSS).await?;
    assert_eq!(stack.bank.orders_of(&keys[0]).await?.len(), 1, "a second order");
    assert_eq!(stack.giro.payout(&silent).await?["state"], "accepted");
    stack.bank.speak(&keys[0]).await?;
    stack.bank.speak(&unknown_key).await?;
    bank_is(&stack, |bank| {
        bank["paused_by"] == "stray_order" && bank["attention"].is_null()
    })
    .await?;
    // What the bank showed was taken in at once, and ends by its answer.
    stack.giro.wait(&plain, LONG, is("settled")).await?;
    stack.giro.retry(&silent).await?;
    stack.giro.wait(&silent, LONG, is("settled")).await?;
    let strays = stack.giro_command(&["bank", "strays", "stp"])?;
    ensure!(strays.contains(&unknown_key) && !strays.contains(&keys[0]), "{strays}");
    ensure!(strays.contains("400.00"), "{strays}");

    // The caller asks again for what the books forgot. It waits, is named beside the order, and people take it back.
    let again = stack.giro.pay(&account, 40_000).await?;
    let strays = stack.giro_command(&["bank", "strays", "stp"])?;
    ensure!(strays.contains(&again), "{strays}");
    let cancelled = stack
        .giro
        .post(&format!("/v1/payouts/{again}/cancel"), "the-bank-has-it", &json!({}))
        .await?;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");

    // People have understood it: what comes next is sent, and nothing twice.
    let next = stack.giro.pay(&account, 50_000).await?;
    let strays = stack.giro_command(&["bank", "strays", "stp"])?;
    ensure!(!strays.contains("po_"), "nothing that waits is alike: {strays}");
    let pause = Books::connect(&stack.database).await?.pause().await?;
    let (by, since) = pause.context("a pause")?;
    assert_eq!(by, "stray_order");
    let why = "the lost payout is entered again";
    stack.giro_command(&["bank", "resume", "stp", "--since", &since, "--reason", why])?;
    stack.giro.retry(&next).await?;
    stack.giro.wait(&next, PATIENCE, is("settled")).await?;
    let next_key = stack.key(&next).await?;
    for key in [&keys[0], &keys[1], &unknown_key, &next_key] {
        assert_eq!(stack.bank.orders_of(key).await?.len(), 1, "{key}");
        assert_eq!(stack.bank.requests_of(key).await?.len(), 1, "{key}");
    }
    let sums = Books::connect(&stack.database).await?.sums().await?;
    assert_eq!(
        (sums.open, sums.held, sums.difference, sums.drift, sums.gaps),
        (0, 0, 0, 0, 0)
    );
    Ok(())
}
