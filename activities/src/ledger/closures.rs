//! Closures that a bank announced: written by people, and called off by them.

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection, PgConnection};

use super::{
    rows::{BankRow, Closure, Rules},
    store::StoreError,
};

/// Closures of one bank that are to come, at most.
pub const MOST: usize = 20;
/// A closure is no longer than this: what waits longer is a pause, of which people are told.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(72);

/// What became of a wish about closures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It stands, or stands no more; now or before.
    Done,
    /// As many are to come as a bank may announce.
    TooMany,
    /// There is no such bank.
    Unknown,
}

/// Announces that a bank takes no orders for a time: nothing is sent through it then, and what waits goes out by itself
/// afterwards. The same time announced again has the newer reason.
pub async fn announce(connection: &mut PgConnection, bank: &str, closure: &Closure) -> Result<Announced, StoreError> {
    let mut transaction = connection.begin().await?;
    let Some((mut row, now)) = locked(&mut transaction, bank).await? else {
        return Ok(Announced::Unknown);
    };
    row.closures
        .retain(|other| other.until > now && (other.from, other.until) != (closure.from, closure.until));
    if row.closures.len() >= MOST {
        return Ok(Announced::TooMany);
    }
    row.closures.push(closure.clone());
    row.closures.sort_by_key(|closure| (closure.from, closure.until));
    write(&mut transaction, &row).await?;
    transaction.commit().await?;
    Ok(Announced::Done)
}

/// Calls off the closure of exactly this time; one that is not there, or is over, is called off already.
///
/// Where the bank is sent to earlier by it, what waits is woken, and has no longer until people are told of it than what
/// is accepted at that moment.
pub async fn call_off(
    connection: &mut PgConnection,
    rules: &Rules,
    bank: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Announced, StoreError> {
    let mut transaction = connection.begin().await?;
    let Some((before, now)) = locked(&mut transaction, bank).await? else {
        return Ok(Announced::Unknown);
    };
    let mut row = before.clone();
    row.closures
        .retain(|other| other.until > now && (other.from, other.until) != (from, until));
    let opened = before.opens(&rules.calendar, now).ok().map(|(at, _)| at);
    let opens = row.opens(&rules.calendar, now).ok().map(|(at, _)| at);
    if let Some(opens) = opens.filter(|at| opened.is_none_or(|opened| *at < opened)) {
        row.back_at = Some(now);
        sqlx::query!(
            r#"update payout
               set deadline_at = least(deadline_at, greatest(process_after, $2::text::timestamptz) + make_interval(secs => $3))
               where bank = $1 and state = 'accepted' and ended_at is null"#,
            bank,
            opens.to_string(),
            rules.accepted.as_secs_f64()
        )
        .execute(&mut *transaction)
        .await?;
    }
    write(&mut transaction, &row).await?;
    transaction.commit().await?;
    Ok(Announced::Done)
}

/// A bank's row, kept from changing, and the time of the books.
async fn locked(connection: &mut PgConnection, bank: &str) -> Result<Option<(BankRow, Timestamp)>, StoreError> {
    let found = sqlx::query!(
        r#"select to_jsonb(b) as "row!", to_jsonb(giro_now()) as "now!" from bank b where name = $1 for no key update"#,
        bank
    )
    .fetch_optional(connection)
    .await?;
    found
        .map(|found| Ok((serde_json::from_value(found.row)?, serde_json::from_value(found.now)?)))
        .transpose()
}

async fn write(connection: &mut PgConnection, row: &BankRow) -> Result<(), StoreError> {
    sqlx::query!(
        "update bank set closures = $2, back_at = $3::text::timestamptz where name = $1",
        row.name,
        serde_json::to_value(&row.closures)?,
        row.back_at.map(|at| at.to_string())
    )
    .execute(connection)
    .await?;
    Ok(())
}
