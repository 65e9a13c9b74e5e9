//! What an operator sets in the books: environment, clock, a bank's pause and abilities.

use jiff::Timestamp;
use sqlx::{PgConnection, PgPool};

use super::{
    rows::{BankRow, PausedBy},
    store::StoreError,
};
use crate::bank::Bank;

/// Says whether these are production's books; the database then refuses a clock that is ahead.
pub async fn set_environment(connection: &mut PgConnection, production: bool) -> Result<(), StoreError> {
    sqlx::query!("update clock set production = $1", production)
        .execute(connection)
        .await?;
    Ok(())
}

/// Seconds that `giro_now()` is ahead of the system.
pub async fn clock_ahead(pool: &PgPool) -> Result<i64, StoreError> {
    let ahead = sqlx::query_scalar!(r#"select extract(epoch from ahead)::bigint as "ahead!" from clock"#);
    Ok(ahead.fetch_one(pool).await?)
}

/// Moves `giro_now()` by whole seconds.
pub async fn set_clock(connection: &mut PgConnection, ahead_seconds: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "update clock set ahead = $1::bigint * interval '1 second'",
        ahead_seconds
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Pauses a bank for people; false when there is no such bank. An alarm stays as it is: it already stops what people
/// want stopped, and says more.
pub async fn pause(connection: &mut PgConnection, bank: &str, reason: &str) -> Result<bool, StoreError> {
    let is_there = sqlx::query_scalar!(r#"select exists (select from bank where name = $1) as "there!""#, bank)
        .fetch_one(&mut *connection)
        .await?;
    let alarms = PausedBy::ALL.into_iter().filter(|by| by.is_alarm());
    let alarms: Vec<String> = alarms.map(|by| by.word().to_owned()).collect();
    sqlx::query!(
        r#"update bank
           set paused_by = 'people', pause_reason = $2, paused_at = giro_now()
           where name = $1 and coalesce(paused_by, '') <> all($3)"#,
        bank,
        reason,
        &alarms
    )
    .execute(connection)
    .await?;
    Ok(is_there)
}

/// What became of a wish to resume a bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resumed {
    /// It may be sent to, now or before.
    Done,
    /// Another pause than the one that was named stands, and was not touched.
    Other(Box<BankRow>),
    /// There is no such bank.
    Unknown,
}

/// Lifts the pause that began at `since`, with every backoff and attention; `None`: there is none, only a backoff.
/// A pause that was lifted before is lifted; another one stays, so that repeating this never lifts a newer alarm.
pub async fn resume(
    connection: &mut PgConnection,
    bank: &str,
    since: Option<Timestamp>,
    reason: &str,
) -> Result<Resumed, StoreError> {
    let lifted = sqlx::query!(
        r#"update bank set paused_by = null, pause_reason = null, paused_at = null,
               attention = case attention when 'catching_up' then attention end,
               closed_until = null, backoff_seconds = 0, probe_at = null, away_by = null, away_since = null,
               silent_since = null, silent_first = null,
               back_at = case when coalesce(paused_by, away_by) is null then back_at else giro_now() end
           where name = $1 and paused_at is not distinct from $2::text::timestamptz"#,
        bank,
        since.map(|since| since.to_string())
    )
    .execute(&mut *connection)
    .await?;
    if lifted.rows_affected() > 0 {
        tracing::info!(bank, reason, "resumed by people");
        return Ok(Resumed::Done);
    }
    let stands = sqlx::query_scalar!(r#"select to_jsonb(b) as "row!" from bank b where name = $1"#, bank)
        .fetch_optional(connection)
        .await?;
    let stands: Option<BankRow> = stands.map(serde_json::from_value).transpose()?;
    Ok(match stands {
        None => Resumed::Unknown,
        Some(row) if row.paused_by.is_none() => Resumed::Done,
        Some(row) => Resumed::Other(Box::new(row)),
    })
}

/// Writes what a bank's adapter and configuration say that it can do.
pub(super) async fn register_bank(pool: &PgPool, bank: &Bank) -> Result<(), StoreError> {
    sqlx::query!(
        "update bank set refuses_repeated_keys = $2 where name = $1",
        bank.name(),
        bank.capabilities().refuses_repeated_keys
    )
    .execute(pool)
    .await?;
    Ok(())
}
