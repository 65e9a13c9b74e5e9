//! Customers' accounts are frozen, opened again and closed by people, with a reason.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use workflows::domain::{AccountId, Centavos};

use super::{
    heard,
    rows::{Account, AccountStatus},
    store::StoreError,
};
use crate::crash::{self, Point};

/// Changes of one account that are shown, the newest first.
const SHOWN: i64 = 20;

/// What a person wants of an account.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whose.
    pub account: AccountId,
    /// How it is to stand.
    pub status: AccountStatus,
    /// Who wants it.
    pub person: String,
    /// That person's idempotency key.
    pub key: String,
    /// Why: 1 to 200 characters.
    pub reason: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It stands so since now.
    Done,
    /// The key said so before, and says nothing new: it may stand otherwise since.
    Replayed,
    /// The key said something else.
    KeyReused,
    /// It is closed, which is for good.
    Closed,
    /// It has money, or holds some for payouts under way: it cannot be closed.
    NotEmpty {
        /// Credits - debits.
        balance: Centavos,
        /// Of it, held.
        held: Centavos,
    },
    /// No customer has that account.
    Unknown,
}

/// One change of an account's status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Change {
    /// How it stood from then on.
    pub status: AccountStatus,
    /// Who wanted it.
    pub person: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Has an account stand as somebody wants it, under the lock that every movement of its money takes. What it asked for before
/// goes on: only new requests, and what comes in, see the change.
pub async fn put(pool: &PgPool, wish: &Wish) -> Result<Put, StoreError> {
    let mut transaction = pool.begin().await?;
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(a) as "row!" from account a where id = $1 and code = 2101 for no key update"#,
        wish.account.uuid()
    );
    let Some(found) = found.fetch_optional(&mut *transaction).await? else {
        return Ok(Put::Unknown);
    };
    let row: Account = serde_json::from_value(found)?;
    if let Some(is_same) = known(&mut transaction, wish).await? {
        return Ok(if is_same { Put::Replayed } else { Put::KeyReused });
    }
    if row.status == AccountStatus::Closed {
        return Ok(Put::Closed);
    }
    if wish.status == AccountStatus::Closed && (row.credits != row.debits || row.held != Centavos::ZERO) {
        let balance = row.credits.checked_sub(row.debits).unwrap_or_default();
        let held = row.held;
        return Ok(Put::NotEmpty { balance, held });
    }
    write(&mut transaction, wish).await?;
    transaction.commit().await?;
    crash::at(Point::StatusAfterCommit, &wish.account);
    Ok(Put::Done)
}

/// Whether this person's key said the same before; `None`: it is new.
async fn known(connection: &mut PgConnection, wish: &Wish) -> Result<Option<bool>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select (account, status, reason) = ($3::uuid, $4::text, $5::text) as "is_same!"
           from account_status where (person, key) = ($1, $2)"#,
        wish.person,
        wish.key,
        wish.account.uuid(),
        wish.status.word(),
        wish.reason
    );
    Ok(found.fetch_optional(connection).await?)
}

async fn write(connection: &mut PgConnection, wish: &Wish) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into account_status (account, seq, status, person, key, reason, at)
           select $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, giro_now() from account_status where account = $1"#,
        wish.account.uuid(),
        wish.status.word(),
        wish.person,
        wish.key,
        wish.reason
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update account set status = $2 where id = $1",
        wish.account.uuid(),
        wish.status.word()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What people changed of an account's status, the newest first, at most 20.
pub async fn changes(pool: &PgPool, account: AccountId) -> Result<Vec<Change>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(s) as "row!" from account_status s where account = $1 order by seq desc limit $2"#,
        account.uuid(),
        SHOWN
    );
    let rows: Vec<Value> = heard(found.fetch_all(pool)).await?;
    rows.into_iter()
        .map(|row| serde_json::from_value(row).map_err(StoreError::from))
        .collect()
}
