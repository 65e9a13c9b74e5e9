//! What the chain costs: the same payouts, block by block, sealed and not, by turns in one run against one Postgres.
//!
//! `DATABASE_URL=postgres://.../scratch cargo test --release --workspace --lib -- --ignored --nocapture what_sealing_costs`

use std::time::{Duration, Instant};

use jiff::civil::Date;
use sqlx::{Acquire, Connection, migrate::MigrateDatabase};
use uuid::Uuid;
use workflows::domain::{AccountId, PayoutId};

use super::*;
use crate::ledger::{
    MIGRATIONS,
    command::Command,
    core::decide,
    made::{open, paid, rules},
    rows::Writes,
    settings::{set_clock, set_environment},
    store,
};

/// One commit, as the writer makes it; how long it took, and the movements that it held.
async fn commit(connection: &mut PgConnection, chain: Option<Chain>, block: &[Command]) -> (Duration, usize) {
    let began = Instant::now();
    let mut transaction = Acquire::begin(connection).await.expect("a transaction");
    let commands: Vec<&Command> = block.iter().collect();
    let before = store::lock(&mut transaction, &commands).await.expect("locked");
    let mut rows = before.clone();
    let mut all = Writes::default();
    for command in commands {
        let (_, writes) = decide(&rules(), &rows, command);
        rows.absorb(&writes);
        all.append(writes);
    }
    store::write(&mut transaction, &before, &all).await.expect("written");
    if let Some(chain) = chain {
        let sealed = chain.seal(&mut transaction, &all.movements, before.now).await;
        sealed.expect("sealed");
    }
    transaction.commit().await.expect("committed");
    (began.elapsed(), all.movements.len())
}

/// Whole payouts in blocks of `size`; time of the commits that end them, and of all.
async fn payouts(
    connection: &mut PgConnection,
    chain: Option<Chain>,
    size: usize,
    account: AccountId,
    on: Date,
) -> (Duration, Duration) {
    let now = store::now(connection).await.expect("a time");
    let seen = store::server(connection).await.expect("a server");
    let all: Vec<[Command; 5]> = (0..size)
        .map(|_| paid(PayoutId::new(Uuid::now_v7()), account, on, now, Some(seen.clone())))
        .collect();
    let (mut ends, mut whole) = (Duration::ZERO, Duration::ZERO);
    for step in 0..5 {
        let block: Vec<Command> = all.iter().map(|commands| commands[step].clone()).collect();
        let (took, moved) = commit(connection, chain, &block).await;
        assert_eq!(moved, if step == 4 { 3 * size } else { 0 });
        whole += took;
        if step == 4 {
            ends += took;
        }
    }
    (ends, whole)
}

#[tokio::test]
#[ignore = "it measures: run it alone, in release, against a Postgres of its own"]
#[allow(clippy::float_arithmetic, clippy::print_stdout)]
async fn what_sealing_costs() {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL: a database that may be dropped");
    sqlx::Postgres::drop_database(&url).await.expect("dropped");
    sqlx::Postgres::create_database(&url).await.expect("created");
    let mut connection = PgConnection::connect(&url).await.expect("connected");
    MIGRATIONS.run(&mut connection).await.expect("migrated");
    set_environment(&mut connection, false).await.expect("set");
    // Eleven in Mexico City on a banking day.
    let there: Timestamp = "2026-11-24T17:00:00Z".parse().expect("a time");
    let ahead = there.as_second() - Timestamp::now().as_second();
    set_clock(&mut connection, ahead).await.expect("set");
    let on = Date::constant(2026, 11, 24);
    let account = AccountId::new(Uuid::now_v7());
    commit(&mut connection, None, &[open(account, 1, on)]).await;
    println!("payouts per block | blocks | end, off | end, on | ratio | whole payout, off | on | ratio");
    for (size, rounds) in [(1, 300), (10, 100), (100, 30), (500, 10)] {
        let chain = Chain::new();
        let mut sums = [Duration::ZERO; 4];
        for round in 0..=rounds {
            for turn in 0..2 {
                let on_now = (turn + round) % 2 == 0;
                let took = payouts(&mut connection, on_now.then_some(chain), size, account, on).await;
                // The first round warms up.
                if round > 0 {
                    sums[usize::from(on_now)] += took.0;
                    sums[2 + usize::from(on_now)] += took.1;
                }
            }
        }
        let each = |sum: Duration| sum / u32::try_from(rounds * size).unwrap_or(1);
        let ratio = |on: Duration, off: Duration| on.as_secs_f64() / off.as_secs_f64();
        println!(
            "{size:>17} | {rounds:>6} | {:>8.1?} | {:>7.1?} | {:>5.3} | {:>17.1?} | {:>7.1?} | {:>5.3}",
            each(sums[0]),
            each(sums[1]),
            ratio(sums[1], sums[0]),
            each(sums[2]),
            each(sums[3]),
            ratio(sums[3], sums[2]),
        );
    }
}
