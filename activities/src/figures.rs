//! What stands in the books, as gauges: one cheap read each, for the one program that exports them.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use metrics::{counter, gauge};
use sqlx::PgPool;
use workflows::domain::{Attention, ReceivedAttention, ReceivedKind, State};

use crate::{
    ledger::{
        StoreError, heard, read,
        rows::{Cause, PausedBy},
        store,
    },
    meters, reconcile,
};

/// How many, and the age of the oldest in seconds.
#[derive(Clone, Copy, Default)]
struct Waiting {
    count: i64,
    age: f64,
}

/// Reads every figure and sets its gauge. After a failure the rest keeps its old value, and the time of the read tells.
pub async fn export(pool: &PgPool) -> Result<(), StoreError> {
    let read = async {
        open(pool).await?;
        attention(pool).await?;
        received(pool).await?;
        banks(pool).await?;
        reconciliations(pool).await?;
        outbox(pool).await?;
        inbox(pool).await?;
        look_ups(pool).await
    };
    match heard(read).await {
        Ok(()) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            gauge!(meters::BOOKS_READ).set(now.unwrap_or_default());
            Ok(())
        }
        Err(error) => {
            counter!(meters::BOOKS_UNREAD).increment(1);
            Err(error)
        }
    }
}

/// Open payouts, by the index of those.
async fn open(pool: &PgPool) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"select state, count(*) as "count!", count(*) filter (where doubt is not null) as "doubts!",
               greatest(extract(epoch from giro_now() - min(greatest(accepted_at, process_after))), 0)::float8 as "age!"
           from payout where ended_at is null group by state"#
    )
    .fetch_all(pool)
    .await?;
    let doubts: i64 = rows.iter().map(|row| row.doubts).sum();
    gauge!(meters::IN_DOUBT).set(number(doubts));
    let by_state: BTreeMap<&str, Waiting> = rows
        .iter()
        .map(|row| {
            (
                row.state.as_str(),
                Waiting {
                    count: row.count,
                    age: row.age,
                },
            )
        })
        .collect();
    for state in State::ALL.iter().filter(|state| state.is_open()) {
        let waiting = by_state.get(state.word()).copied().unwrap_or_default();
        gauge!(meters::OPEN, "state" => state.word()).set(number(waiting.count));
        gauge!(meters::OPEN_AGE, "state" => state.word()).set(waiting.age);
    }
    Ok(())
}

/// The reason, in metrics, of rows whose own reason this version does not know.
const UNREADABLE: &str = "unreadable";

/// Attention as the view has it: a deadline past counts, also when no worker lives. What a bank keeps waiting counts
/// for the bank, once.
async fn attention(pool: &PgPool) -> Result<(), StoreError> {
    let standing = read::standing(pool, None).await?;
    let now = read::now(pool).await?;
    let age = |since: Option<Timestamp>| {
        let age = since.map(|since| since.duration_until(now)).unwrap_or_default();
        Duration::try_from(age).unwrap_or_default()
    };
    let known = Attention::ALL.iter().map(|reason| {
        let single = standing.payouts.iter().find(|single| single.reason == *reason);
        (reason.word(), single.map(|single| (single.count, single.oldest)))
    });
    for (word, found) in known.chain([(UNREADABLE, standing.unreadable)]) {
        gauge!(meters::ATTENTION, "reason" => word).set(number(found.map_or(0, |(count, _)| count)));
        gauge!(meters::ATTENTION_AGE, "reason" => word).set(age(found.map(|(_, oldest)| oldest)));
    }
    for bank in read::banks(pool).await? {
        for cause in Cause::all() {
            let mut covered = standing.banks.iter();
            let covered = covered.find(|covered| covered.bank.name == bank.name && covered.cause == cause);
            let (name, cause) = (bank.name.clone(), cause.word());
            let told = u32::from(covered.is_some());
            gauge!(meters::BANK_ATTENTION, "bank" => name.clone(), "cause" => cause).set(told);
            let count = covered.map_or(0, |covered| covered.count);
            gauge!(meters::BANK_WAITING, "bank" => name.clone(), "cause" => cause).set(number(count));
            let age = age(covered.and_then(|covered| covered.oldest));
            gauge!(meters::BANK_WAITING_AGE, "bank" => name, "cause" => cause).set(age);
        }
    }
    Ok(())
}

/// Whether each bank may be sent to.
async fn banks(pool: &PgPool) -> Result<(), StoreError> {
    let strays = sqlx::query!(r#"select bank, count(*) as "many!" from stray_order group by 1"#);
    let strays = strays.fetch_all(pool).await?;
    let now = store::now(&mut *pool.acquire().await?).await?;
    for bank in read::banks(pool).await? {
        for reason in PausedBy::ALL {
            let is_paused = bank.paused_by == Some(reason);
            gauge!(meters::BANK_PAUSED, "bank" => bank.name.clone(), "reason" => reason.word())
                .set(u32::from(is_paused));
        }
        let many = strays
            .iter()
            .find(|strays| strays.bank == bank.name)
            .map_or(0, |strays| strays.many);
        gauge!(meters::STRAYS, "bank" => bank.name.clone()).set(number(many));
        let is_closed = bank.closed_until.is_some_and(|until| until > now) || bank.closure(now).is_some();
        gauge!(meters::BANK_CLOSED, "bank" => bank.name).set(u32::from(is_closed));
    }
    Ok(())
}

/// Money that came in and that people should look at.
async fn received(pool: &PgPool) -> Result<(), StoreError> {
    let told = read::received_attention(pool, None).await?;
    for kind in ReceivedKind::ALL {
        for reason in ReceivedAttention::ALL {
            let count = told.iter().find(|told| (told.kind, told.reason) == (*kind, *reason));
            let count = count.map_or(0, |told| told.count);
            gauge!(meters::RECEIVED_ATTENTION, "kind" => kind.word(), "reason" => reason.word()).set(number(count));
        }
    }
    Ok(())
}

/// Closed days, by their newest reading.
async fn reconciliations(pool: &PgPool) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"select b.name, count(*) filter (where newest.differences > 0 and newest.understood_at is null) as "differ!",
               greatest(extract(epoch from giro_now() - coalesce(max(newest.at),
                   (select min(opened_at) from account where code = 2101))), 0)::float8 as "age!"
           from bank b left join newest_day newest on newest.bank = b.name
           group by b.name"#
    )
    .fetch_all(pool)
    .await?;
    for row in rows {
        gauge!(meters::DIFFERING_DAYS, "bank" => row.name.clone()).set(number(row.differ));
        gauge!(meters::RECONCILED_AGE, "bank" => row.name).set(row.age);
    }
    // What was never read is no number: nothing compares with it.
    let (now, running) = (read::now(pool).await?, reconcile::running(pool).await?);
    for bank in read::banks(pool).await? {
        let found = running.iter().find(|running| running.bank == bank.name);
        let balance = found.and_then(|running| running.balance);
        let age = balance.map_or(f64::NAN, |balance| {
            balance.at.duration_until(now).as_secs_f64().max(0.0)
        });
        let apart = balance.map_or(f64::NAN, |balance| centavos(balance.apart()));
        gauge!(meters::SETTLEMENT_APART, "bank" => bank.name.clone()).set(apart);
        gauge!(meters::SETTLEMENT_AGE, "bank" => bank.name).set(age);
    }
    Ok(())
}

/// Events that wait. Their count ends at a limit: they may be millions when the publisher was away for long.
async fn outbox(pool: &PgPool) -> Result<(), StoreError> {
    let row = sqlx::query!(
        r#"select (select count(*) from (select from outbox where published_at is null limit 10000) few) as "count!",
               (select coalesce(greatest(extract(epoch from giro_now() - min(created_at)), 0), 0)::float8
                from outbox where published_at is null) as "age!""#
    )
    .fetch_one(pool)
    .await?;
    gauge!(meters::OUTBOX).set(number(row.count));
    gauge!(meters::OUTBOX_AGE).set(row.age);
    Ok(())
}

/// Webhooks that wait, by the index of those; the newest by the primary key.
async fn inbox(pool: &PgPool) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"select b.name, waiting.count as "count!", waiting.unmatched as "unmatched!", waiting.age as "age!",
               (select greatest(extract(epoch from giro_now() - received_at), 0)::float8
                from inbox where bank = b.name order by id desc limit 1) as newest
           from bank b cross join lateral (
               select count(*), count(*) filter (where note = 'unmatched') as unmatched,
                   coalesce(greatest(extract(epoch from giro_now() - min(received_at)), 0), 0)::float8 as age
               from inbox where bank = b.name and done_at is null) waiting"#
    )
    .fetch_all(pool)
    .await?;
    for row in rows {
        let bank = row.name;
        gauge!(meters::INBOX, "bank" => bank.clone()).set(number(row.count));
        gauge!(meters::INBOX_AGE, "bank" => bank.clone()).set(row.age);
        gauge!(meters::INBOX_UNMATCHED, "bank" => bank.clone()).set(number(row.unmatched));
        if let Some(age) = row.newest {
            gauge!(meters::INBOX_NEWEST, "bank" => bank).set(age);
        }
    }
    Ok(())
}

/// What Banxico is to be asked, by the index of that.
async fn look_ups(pool: &PgPool) -> Result<(), StoreError> {
    let row = sqlx::query!(
        r#"select count(*) as "count!",
               coalesce(extract(epoch from (select giro_now()) - min(due_at)), 0)::float8 as "age!"
           from receipt_request where due_at <= (select giro_now())"#
    )
    .fetch_one(pool)
    .await?;
    gauge!(meters::LOOK_UPS).set(number(row.count));
    gauge!(meters::LOOK_UPS_AGE).set(row.age);
    Ok(())
}

/// An amount as Prometheus has it: a double, exact below ninety million million pesos.
#[allow(clippy::cast_precision_loss)]
fn centavos(amount: i64) -> f64 {
    amount as f64
}

/// A count as Prometheus has it.
fn number(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
