//! Closures that a bank announced: written by people, and called off by them.

use jiff::{SignedDuration, Timestamp};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::crash::{self, Point};

use super::{
    heard,
    rows::{BankRow, Closure, Payout, Rules},
    store::{StoreError, those_that_read},
};

/// Closures of one bank that are to come, at most.
pub const MOST: usize = 20;
/// A bank is not closed for longer at a stretch: what waits longer is a pause, of which people are told.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(72);
/// Payouts in one transaction.
const AT_ONCE: i64 = 1_000;

/// What became of a wish about closures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It stands, or stands no more; now or before.
    Done,
    /// As many are to come as a bank may announce.
    TooMany,
    /// With those that it adjoins it is longer than [`LONGEST`].
    TooLong,
    /// There is no such bank.
    Unknown,
}

/// Announces that a bank takes no orders for a time: nothing is sent through it then, and what waits goes out by itself
/// afterwards. The same time announced again has the newer reason.
pub async fn announce(pool: &PgPool, bank: &str, closure: &Closure) -> Result<Announced, StoreError> {
    let mut transaction = pool.begin().await?;
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
    if stretch(&row.closures) > LONGEST {
        return Ok(Announced::TooLong);
    }
    write(&mut transaction, &row).await?;
    transaction.commit().await?;
    Ok(Announced::Done)
}

/// The longest time at a stretch that is covered by closures, which stand as they begin.
fn stretch(closures: &[Closure]) -> SignedDuration {
    let mut longest = SignedDuration::ZERO;
    let mut one: Option<(Timestamp, Timestamp)> = None;
    for closure in closures {
        let (from, until) = match one {
            Some((from, until)) if closure.from <= until => (from, until.max(closure.until)),
            Some(_) | None => (closure.from, closure.until),
        };
        longest = longest.max(from.duration_until(until));
        one = Some((from, until));
    }
    longest
}

/// Calls off the closure of exactly this time; one that is not there, or is over, is called off already.
///
/// Where the bank is sent to earlier by it, what waits has no longer until people are told of it than what is accepted at
/// that moment, and the relay wakes it.
pub async fn call_off(
    pool: &PgPool,
    rules: &Rules,
    bank: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Announced, StoreError> {
    let mut transaction = pool.begin().await?;
    let Some((before, now)) = locked(&mut transaction, bank).await? else {
        return Ok(Announced::Unknown);
    };
    let mut row = before.clone();
    row.closures
        .retain(|other| other.until > now && (other.from, other.until) != (from, until));
    let takes = |bank: &BankRow| bank.takes(&rules.calendar, now, rules.fence).ok().map(|(at, _)| at);
    let (opened, opens) = (takes(&before), takes(&row));
    if opens.is_some_and(|at| opened.is_none_or(|opened| at < opened)) {
        row.called_off_at = Some(now);
    }
    write(&mut transaction, &row).await?;
    transaction.commit().await?;
    crash::at(Point::CallOffAfterCommit, bank);
    // Beside the bank's row, which every send needs. Who dies here leaves it to the relay.
    draw_in(pool, rules, &row, now).await?;
    Ok(Announced::Done)
}

/// Has people told in time of what waits for a bank of which a closure was called off; asked again, it changes nothing.
pub async fn draw_in(pool: &PgPool, rules: &Rules, bank: &BankRow, now: Timestamp) -> Result<(), StoreError> {
    let Ok((opens, _)) = bank.takes(&rules.calendar, now, rules.fence) else {
        return Ok(());
    };
    if bank.called_off_at.is_none() {
        return Ok(());
    }
    loop {
        let drawn = sqlx::query!(
            r#"update payout
               set deadline_at = greatest(process_after, $2::text::timestamptz) + make_interval(secs => $3)
               where id in (
                   select id from payout
                   where bank = $1 and state = 'accepted' and ended_at is null
                     and deadline_at > greatest(process_after, $2::text::timestamptz) + make_interval(secs => $3)
                   order by id limit $4 for no key update)"#,
            bank.name,
            opens.to_string(),
            rules.accepted.as_secs_f64(),
            AT_ONCE
        )
        .execute(pool);
        if heard(drawn).await?.rows_affected() < AT_ONCE.unsigned_abs() {
            return Ok(());
        }
    }
}

/// Up to `limit` unsent payouts that may sleep until the end of a closure that was called off, who must be through first. They
/// stay so until [`woken`].
pub async fn asleep(pool: &PgPool, bank: &str, limit: i64) -> Result<Vec<Payout>, StoreError> {
    let asleep = sqlx::query_scalar!(
        r#"select to_jsonb(p) as "row" from payout p join bank b on b.name = p.bank
           where b.name = $1 and p.ended_at is null and p.state = 'accepted'
             and coalesce(p.process_after, p.accepted_at) <= (select giro_now())
             and p.accepted_at <= b.called_off_at and coalesce(p.woken_at < b.called_off_at, true)
           order by p.deadline_at limit $2"#,
        bank,
        limit
    );
    Ok(those_that_read(
        heard(asleep.fetch_all(pool)).await?,
        "a payout that sleeps",
    ))
}

/// Their runs were told to look, because of what was called off at `called_off_at`: what is called off later wakes them again.
pub async fn woken(pool: &PgPool, payouts: &[Uuid], called_off_at: Timestamp) -> Result<(), StoreError> {
    let marked = sqlx::query!(
        r#"update payout set woken_at = $2::text::timestamptz
           where id in (select id from payout where id = any($1) order by id for no key update)"#,
        payouts,
        called_off_at.to_string()
    );
    heard(marked.execute(pool)).await.map(drop)
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
        "update bank set closures = $2, called_off_at = $3::text::timestamptz where name = $1",
        row.name,
        serde_json::to_value(&row.closures)?,
        row.called_off_at.map(|at| at.to_string())
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_adjoins_is_one_stretch() {
        let hours = |spans: &[(i64, i64)]| {
            let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
            let closures = spans.iter().map(|(from, until)| Closure {
                from: at(*from),
                until: at(*until),
                reason: String::new(),
            });
            stretch(&closures.collect::<Vec<_>>()).as_hours()
        };
        assert_eq!(hours(&[]), 0);
        assert_eq!(hours(&[(0, 72)]), 72);
        assert_eq!(hours(&[(0, 40), (40, 80)]), 80);
        assert_eq!(hours(&[(0, 50), (10, 20), (45, 60)]), 60);
        assert_eq!(hours(&[(0, 40), (41, 80)]), 40);
    }
}
