//! What an operator sets in the books: environment, clock, a bank's pause and abilities.

use sqlx::{PgConnection, PgPool};

use super::store::StoreError;
use crate::bank::Bank;

/// Whether a bank may be sent to, as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It may not.
    On,
    /// It may.
    Off,
}

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

/// Pauses or resumes a bank for people; false when there is no such bank. Resuming ends every pause and backoff.
pub async fn set_pause(
    connection: &mut PgConnection,
    bank: &str,
    pause: Pause,
    reason: &str,
) -> Result<bool, StoreError> {
    let is_there = sqlx::query_scalar!(r#"select exists (select from bank where name = $1) as "there!""#, bank)
        .fetch_one(&mut *connection)
        .await?;
    match pause {
        // An alarm stays as it is: it already stops what people want stopped, and says more.
        Pause::On => {
            sqlx::query!(
                r#"update bank
                   set paused_by = 'people', pause_reason = $2, paused_at = giro_now()
                   where name = $1 and coalesce(paused_by, '') not in ('paid_after_release', 'second_order', 'stray_order')"#,
                bank,
                reason
            )
            .execute(connection)
            .await?
        }
        Pause::Off => {
            tracing::info!(bank, reason, "resumed by people");
            sqlx::query!(
                r#"update bank set paused_by = null, pause_reason = null, paused_at = null, attention = null,
                       closed_until = null, backoff_seconds = 0, probe_at = null, away_by = null, away_since = null,
                       silent_since = null, silent_first = null,
                       back_at = case when coalesce(paused_by, away_by) is null then back_at else giro_now() end
                   where name = $1"#,
                bank
            )
            .execute(connection)
            .await?
        }
    };
    Ok(is_there)
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
