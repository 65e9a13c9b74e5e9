//! How long a full audit takes: books of a million movements, made by the core itself, then audited.
//!
//! `DATABASE_URL=postgres://.../scratch cargo test --release --workspace --lib -- --ignored --nocapture a_full_audit_of`
//! `GIRO_PAYOUTS` is how many payouts, 333334 when not given; books that are there with that many are audited again.

use std::collections::BTreeMap;

use sqlx::{Executor, migrate::MigrateDatabase};
use workflows::domain::{AccountId, PayoutId};

use super::*;
use crate::{
    bank::stp,
    ledger::{
        MIGRATIONS,
        chain::Chain,
        core::decide,
        made::{open, paid, rules},
        rows::{Account, BankRow, Rows, Writes},
    },
};

/// Payouts of one block.
const BLOCK: usize = 100;
/// Accounts that they draw on.
const ACCOUNTS: u32 = 1_000;

/// Writes the books, block by block, without the triggers that hold a payout to its life.
async fn make(connection: &mut PgConnection, payouts: usize) {
    connection
        .execute("set session_replication_role = replica")
        .await
        .expect("an owner");
    connection
        .execute("set synchronous_commit = off; update bank set refuses_repeated_keys = true")
        .await
        .expect("set");
    let mut rows = Rows::empty("2026-11-24T17:00:00Z".parse().expect("a time"));
    let own: Vec<serde_json::Value> = sqlx::query_scalar("select to_jsonb(a) from account a")
        .fetch_all(&mut *connection)
        .await
        .expect("giro's own");
    let own = own
        .into_iter()
        .map(|row| serde_json::from_value(row).expect("an account"));
    rows.accounts = own.map(|row: Account| (row.id, row)).collect();
    let bank: serde_json::Value = sqlx::query_scalar("select to_jsonb(b) from bank b")
        .fetch_one(&mut *connection)
        .await
        .expect("a bank");
    let bank: BankRow = serde_json::from_value(bank).expect("a bank");
    rows.banks = BTreeMap::from([(bank.name.clone(), bank)]);
    rows.server = Some(store::server(&mut *connection).await.expect("a server"));
    let (rules, chain) = (rules(), Chain::new());
    let on = rules.calendar.operating_date(rows.now).expect("a day").date();
    let millis = rows.now.as_millisecond().unsigned_abs();
    let accounts: Vec<AccountId> = (0..ACCOUNTS).map(|_| AccountId::new(Uuid::now_v7())).collect();
    let mut writes = Writes::default();
    for (account, n) in accounts.iter().zip(1..) {
        let (_, wrote) = decide(&rules, &rows, &open(*account, n, on));
        rows.absorb(&wrote);
        writes.append(wrote);
    }
    let mut made = 0_usize;
    loop {
        let mut transaction = Connection::begin(&mut *connection).await.expect("a transaction");
        store::write(&mut transaction, &Rows::empty(rows.now), &writes)
            .await
            .expect("written");
        chain
            .seal(&mut transaction, &writes.movements, rows.now)
            .await
            .expect("sealed");
        transaction.commit().await.expect("committed");
        if made >= payouts {
            break;
        }
        writes = Writes::default();
        for _ in 0..BLOCK.min(payouts - made) {
            rows.now += SignedDuration::from_micros(100);
            made += 1;
            let bits = u128::from(millis + u64::try_from(made / 10).unwrap_or_default()) << 80;
            let random = Uuid::new_v4().as_u128() & ((1 << 76) - 1);
            let bits = bits | 7 << 76 | random & !(3 << 62) | 2 << 62;
            let id = PayoutId::new(Uuid::from_u128(bits));
            let mut last = None;
            for command in paid(id, accounts[made % accounts.len()], on, rows.now, rows.server.clone()) {
                let (_, mut wrote) = decide(&rules, &rows, &command);
                rows.absorb(&wrote);
                last = wrote.payouts.pop();
                wrote.payouts.clear();
                writes.append(wrote);
            }
            writes.payouts.extend(last);
            rows.payouts.clear();
            rows.requests.clear();
        }
    }
    connection
        .execute("set session_replication_role = origin; analyze")
        .await
        .expect("analyzed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures: run it alone, in release, against a Postgres of its own"]
#[allow(clippy::print_stdout)]
async fn a_full_audit_of_a_million_movements() {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL: a database that may be dropped");
    let payouts: usize = std::env::var("GIRO_PAYOUTS").map_or(333_334, |text| text.parse().expect("GIRO_PAYOUTS"));
    let auditor = Auditor::new(
        &url,
        Ok(Bank::Stp(stp::nowhere())),
        Err(left_out("no Temporal here")),
        rules().calendar,
    );
    if !sqlx::Postgres::database_exists(&url).await.expect("an answer") {
        let began = Instant::now();
        sqlx::Postgres::create_database(&url).await.expect("created");
        let mut connection = PgConnection::connect(&url).await.expect("connected");
        MIGRATIONS.run(&mut connection).await.expect("migrated");
        make(&mut connection, payouts).await;
        println!("{payouts} payouts made in {:.1?}", began.elapsed());
    }
    let options = Options {
        is_full: true,
        full_after: None,
        named: 5,
        days: 10,
        grace: Duration::from_secs(120),
    };
    // There is no bank here and no Temporal, so that `run` would move no cursor.
    let mut connection = auditor.connect().await.expect("connected");
    for is_full in [true, false] {
        let options = Options {
            is_full,
            ..options.clone()
        };
        let before = cursor::read(&mut connection).await.expect("read");
        let looked = auditor.look(&mut connection, before.as_ref(), &options).await;
        let (report, came) = looked.expect("audited");
        cursor::save(&mut connection, before.as_ref(), &came)
            .await
            .expect("saved");
        println!("{report}");
        assert_eq!(report.broken(), []);
    }
}
