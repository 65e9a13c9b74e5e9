//! How far the auditor has come, kept in the books: it goes on from here, and nothing verified may be gone. Moved only
//! by an audit that checked everything and found nothing.

use jiff::Timestamp;
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;
use workflows::domain::AccountId;

use super::blocks::Sealed;
use crate::ledger::{
    StoreError,
    chain::{Hash, Head, START},
    store::stamp,
};

/// Where an audit begins.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    /// Payouts that changed before were checked.
    pub(super) at: Timestamp,
    /// When everything was last checked.
    pub(super) full_at: Timestamp,
    /// What was verified.
    pub(super) sealed: Sealed,
}

/// The cursor, if there is one.
pub(super) async fn read(connection: &mut PgConnection) -> Result<Option<Cursor>, StoreError> {
    // One snapshot: another auditor may be moving it.
    let mut transaction = Acquire::begin(connection).await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let found = rows(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(found)
}

async fn rows(connection: &mut PgConnection) -> Result<Option<Cursor>, StoreError> {
    let found = sqlx::query!(
        r#"select (extract(epoch from at) * 1000000)::bigint as "at!",
                  (extract(epoch from full_at) * 1000000)::bigint as "full_at!", movements from audit"#
    );
    let Some(row) = found.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let time = |at| Timestamp::from_microsecond(at).map_err(|error| StoreError::Disagree(error.to_string()));
    let mut sealed = Sealed {
        movements: row.movements,
        ..Sealed::default()
    };
    let chains = sqlx::query!("select writer, seq, hash from audit_chain");
    for chain in chains.fetch_all(&mut *connection).await? {
        // What is no hash is no block's either, and is told as a change.
        let hash = Hash::try_from(chain.hash).unwrap_or(START);
        sealed.heads.insert(chain.writer, Head { seq: chain.seq, hash });
    }
    let totals = sqlx::query!("select account, debits, credits from audit_total");
    for total in totals.fetch_all(&mut *connection).await? {
        let sums = (i128::from(total.debits), i128::from(total.credits));
        sealed.sum += sums.0;
        sealed.totals.insert(AccountId::new(total.account), sums);
    }
    Ok(Some(Cursor {
        at: time(row.at)?,
        full_at: time(row.full_at)?,
        sealed,
    }))
}

/// Moves the cursor from `before`, which was read, to where an audit came, unless another auditor moved it meanwhile.
pub(super) async fn save(
    connection: &mut PgConnection,
    before: Option<&Cursor>,
    came: &Cursor,
) -> Result<(), StoreError> {
    let mut transaction = Acquire::begin(connection).await?;
    let sealed = &came.sealed;
    // Only a full audit is at both.
    let is_full = came.full_at == came.at;
    let moved = sqlx::query!(
        r#"insert into audit (at, full_at, movements) values (($1::text)::timestamptz, ($2::text)::timestamptz, $3)
           on conflict (one) do update set at = excluded.at, full_at = excluded.full_at, movements = excluded.movements
           where audit.at = ($4::text)::timestamptz"#,
        stamp(came.at),
        stamp(came.full_at),
        sealed.movements,
        before.map(|cursor| stamp(cursor.at))
    );
    if moved.execute(&mut *transaction).await?.rows_affected() == 0 {
        return Ok(());
    }
    let before = before.filter(|_| !is_full);
    if is_full {
        sqlx::query!("delete from audit_chain")
            .execute(&mut *transaction)
            .await?;
        sqlx::query!("delete from audit_total")
            .execute(&mut *transaction)
            .await?;
    }
    let heads: Vec<(Uuid, Head)> = sealed
        .heads
        .iter()
        .filter(|(writer, head)| before.and_then(|cursor| cursor.sealed.heads.get(*writer)) != Some(*head))
        .map(|(writer, head)| (*writer, *head))
        .collect();
    sqlx::query!(
        r#"insert into audit_chain select * from unnest($1::uuid[], $2::int[], $3::bytea[])
           on conflict (writer) do update set seq = excluded.seq, hash = excluded.hash"#,
        &heads.iter().map(|(writer, _)| *writer).collect::<Vec<_>>(),
        &heads.iter().map(|(_, head)| head.seq).collect::<Vec<_>>(),
        &heads.iter().map(|(_, head)| head.hash.to_vec()).collect::<Vec<_>>()
    )
    .execute(&mut *transaction)
    .await?;
    let mut changed: (Vec<Uuid>, Vec<i64>, Vec<i64>) = Default::default();
    for (account, sums) in &sealed.totals {
        if before.and_then(|cursor| cursor.sealed.totals.get(account)) != Some(sums) {
            changed.0.push(account.uuid());
            changed.1.push(i64::try_from(sums.0).unwrap_or(i64::MAX));
            changed.2.push(i64::try_from(sums.1).unwrap_or(i64::MAX));
        }
    }
    sqlx::query!(
        r#"insert into audit_total select * from unnest($1::uuid[], $2::bigint[], $3::bigint[])
           on conflict (account) do update set debits = excluded.debits, credits = excluded.credits"#,
        &changed.0,
        &changed.1,
        &changed.2
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}
