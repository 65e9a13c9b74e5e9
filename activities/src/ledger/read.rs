//! The rows as readers see them: one statement each, without a lock, in no transaction with the writer.

mod causes;
mod payouts;
mod received;
mod statement;

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;
use workflows::{
    GIRO,
    domain::{AccountId, Attention, CorrectionId, PayoutId},
};

pub use causes::{Covered, Single, Standing, standing};
pub use payouts::{Raising, Wanted, payouts};
pub use received::{ReceivedSeen, Told, WantedReceived, all_received, received, received_attention};
pub use statement::{Days, Statement, movement, statement};

use super::{
    rows::{Account, BankRow, Cause, Correction, Decision, Movement, Payout, Request},
    store::{self, StoreError},
};
use crate::bank::Receipt;

/// Why a person should look at a payout, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Raised {
    /// Why.
    pub reason: Attention,
    /// Since when.
    pub since: Timestamp,
    /// What keeps its bank from ending it: then that cause is what a person should look at, once for all payouts.
    pub cause: Option<Cause>,
}

/// A payout, with what a reader must know to understand it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The row.
    pub payout: Payout,
    /// The row's own attention, or its deadline past.
    pub raised: Option<Raised>,
    /// The bank that pays it.
    pub bank: BankRow,
    /// Why it waits for that bank, past its deadline or not.
    pub waits_for: Option<Cause>,
    /// `giro_now()`, when it was read.
    pub now: Timestamp,
}

/// Payout, raised, bank, the cause it waits for, now.
type SeenRow = (Value, Option<Value>, Option<Value>, Option<String>, Value);

impl Seen {
    fn read((payout, raised, bank, waits, now): SeenRow) -> Result<Self, StoreError> {
        Ok(Self {
            waits_for: waits.map(Cause::try_from).transpose().map_err(StoreError::Disagree)?,
            payout: row(payout)?,
            raised: raised.map(row).transpose()?,
            // What is booked has no bank: nothing keeps it waiting but its time.
            bank: bank.map_or_else(|| Ok(BankRow::new(GIRO, false)), row)?,
            now: row(now)?,
        })
    }
}

/// One account as it stands.
pub async fn account(pool: &PgPool, id: AccountId) -> Result<Option<Account>, StoreError> {
    store::account(pool, id).await
}

/// The answer that a caller's key keeps.
pub async fn request(pool: &PgPool, caller: &str, key: &str) -> Result<Option<Request>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(r) as "row" from request r where caller = $1 and key = $2"#,
        caller,
        key
    );
    found.fetch_optional(pool).await?.flatten().map(row).transpose()
}

/// Movements of a customer's account, the last booked first; `after` is the last one of the page before.
///
/// For giro's own accounts, which the indexes leave out, there are none.
pub async fn movements(
    pool: &PgPool,
    account: AccountId,
    after: Option<&Movement>,
    limit: u16,
) -> Result<Vec<Movement>, StoreError> {
    // The comparison with the last customer id repeats the indexes' own condition, or they could not be used.
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(m) as "row" from (
               (select * from movement
                where debit_account = $1 and debit_account < 'ffffffff-ffff-7fff-bfff-000000000000'
                  and ($2::text is null or (created_at, id) < ($2::text::timestamptz, $3::uuid))
                order by created_at desc, id desc limit $4)
               union all
               (select * from movement
                where credit_account = $1 and credit_account < 'ffffffff-ffff-7fff-bfff-000000000000'
                  and ($2::text is null or (created_at, id) < ($2::text::timestamptz, $3::uuid))
                order by created_at desc, id desc limit $4)
           ) m order by m.created_at desc, m.id desc limit $4"#,
        account.uuid(),
        after.map(|row| row.created_at.to_string()),
        after.map(|row| row.id.uuid()),
        i64::from(limit)
    );
    found.fetch_all(pool).await?.into_iter().flatten().map(row).collect()
}

/// A payout as it stands, and why a person should look at it now: the row's own reason, or its deadline past.
pub async fn payout(pool: &PgPool, id: PayoutId) -> Result<Option<Seen>, StoreError> {
    let found = sqlx::query!(
        r#"select to_jsonb(p) as "row!", to_jsonb(a) as raised, to_jsonb(b) as bank, to_jsonb(giro_now()) as "now!",
               waits_for(p.state, p.changed_at, p.deadline_at, b, giro_now()) as waits
           from payout p left join payout_attention a on a.payout = p.id left join bank b on b.name = p.bank
           where p.id = $1"#,
        id.uuid()
    );
    let found = found.fetch_optional(pool).await?;
    found
        .map(|found| Seen::read((found.row, found.raised, found.bank, found.waits, found.now)))
        .transpose()
}

/// What a bank answered to a question.
#[derive(Clone)]
pub struct Confirmation {
    /// When.
    pub at: Timestamp,
    /// HTTP status.
    pub status: u16,
    /// The bytes: they hold names and CLABEs.
    pub received: Vec<u8>,
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Confirmation({} {})", self.at, self.status)
    }
}

/// The bank's newest answers that say that a payout is paid, five at most.
pub async fn confirmations(pool: &PgPool, payout: PayoutId) -> Result<Vec<Confirmation>, StoreError> {
    let found = sqlx::query!(
        r#"select to_jsonb(at) as "at!", status as "status!", received from exchange
           where payout = $1 and question = 'inquire' and said like 'paid%' and status is not null
           order by at desc limit 5"#,
        payout.uuid()
    );
    let found = found.fetch_all(pool).await?;
    found
        .into_iter()
        .map(|found| {
            Ok(Confirmation {
                at: row(found.at)?,
                status: u16::try_from(found.status).unwrap_or_default(),
                received: found.received,
            })
        })
        .collect()
}

/// The receipt that a day's list of the bank has shown of a payout, and when that list was read.
pub async fn receipt(pool: &PgPool, payout: PayoutId) -> Result<Option<(Timestamp, Receipt)>, StoreError> {
    let found = sqlx::query!(
        r#"select to_jsonb(seen_at) as "seen_at!", url, name from receipt where payout = $1"#,
        payout.uuid()
    );
    let found = found.fetch_optional(pool).await?;
    found
        .map(|found| {
            let receipt = Receipt {
                url: found.url,
                name: found.name,
            };
            Ok((row(found.seen_at)?, receipt))
        })
        .transpose()
}

/// A caller's accounts, the newest first; `after` is the last one of the page before.
pub async fn accounts(
    pool: &PgPool,
    caller: &str,
    after: Option<AccountId>,
    limit: u16,
) -> Result<Vec<Account>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(a) as "row" from account a
           where caller = $1 and ($2::uuid is null or id < $2) order by id desc limit $3"#,
        caller,
        after.map(AccountId::uuid),
        i64::from(limit)
    );
    found.fetch_all(pool).await?.into_iter().flatten().map(row).collect()
}

/// What people have said of a payout or a received record, the oldest first.
pub async fn decisions(pool: &PgPool, subject: Uuid) -> Result<Vec<Decision>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(d) as "row" from decision d where subject = $1 order by at, id"#,
        subject
    );
    found.fetch_all(pool).await?.into_iter().flatten().map(row).collect()
}

/// A correction, and its movement once it is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// What was asked for.
    pub correction: Correction,
    /// What two people had booked.
    pub movement: Option<Movement>,
}

/// Corrections, the last asked for first; `after` is the last one of the page before, `one` is the only one wanted.
pub async fn corrections(
    pool: &PgPool,
    one: Option<CorrectionId>,
    after: Option<CorrectionId>,
    limit: u16,
) -> Result<Vec<Corrected>, StoreError> {
    let found = sqlx::query!(
        r#"select to_jsonb(c) as "correction!", to_jsonb(m) as movement
           from correction c left join movement m on m.subject = c.id
           where ($1::uuid is null or c.id = $1)
             and ($2::uuid is null or (c.asked_at, c.id) < (select b.asked_at, b.id from correction b where b.id = $2))
           order by c.asked_at desc, c.id desc limit $3"#,
        one.map(CorrectionId::uuid),
        after.map(CorrectionId::uuid),
        i64::from(limit)
    );
    let found = found.fetch_all(pool).await?.into_iter().map(|found| {
        Ok(Corrected {
            correction: row(found.correction)?,
            movement: found.movement.map(row).transpose()?,
        })
    });
    found.collect()
}

/// `giro_now()`.
pub async fn now(pool: &PgPool) -> Result<Timestamp, StoreError> {
    store::now(&mut *pool.acquire().await?).await
}

/// Every bank as it stands.
pub async fn banks(pool: &PgPool) -> Result<Vec<BankRow>, StoreError> {
    let found = sqlx::query_scalar!(r#"select to_jsonb(b) as "row" from bank b order by name"#);
    found.fetch_all(pool).await?.into_iter().flatten().map(row).collect()
}

fn row<T: for<'de> Deserialize<'de>>(row: Value) -> Result<T, StoreError> {
    serde_json::from_value(row).map_err(StoreError::from)
}
