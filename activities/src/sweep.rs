//! What is past its deadline, open payouts and money that came in: whoever drove it may be gone, so that its run is
//! started again.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::PgPool;

use crate::{
    crash::{self, Point},
    ledger::{
        StoreError, heard,
        rows::{Payout, Received},
        store::those_that_read,
    },
};

/// An overdue payout is swept again after as long as it was overdue at its last sweep, in seconds, within these bounds.
const SWEPT_FIRST: f64 = 30.0;
const SWEPT_LAST: f64 = 90.0;
/// Who waits for a bank that came back is woken by a sweep within so many seconds; by itself where too many wait for that.
const BACK: f64 = 120.0;
const _: () = assert!(
    BACK >= SWEPT_LAST + 30.0,
    "each is swept once meanwhile, half a minute late too"
);

/// The banks that have come back and may be sent to: runs that wait for them may sleep for minutes yet.
pub async fn back_banks(pool: &PgPool) -> Result<BTreeSet<String>, StoreError> {
    let back = sqlx::query_scalar!(
        r#"select name from bank
           where paused_by is null and away_by is null and attention is distinct from 'catching_up'
             and back_at > giro_now() - make_interval(secs => $1)"#,
        BACK
    );
    Ok(heard(back.fetch_all(pool)).await?.into_iter().collect())
}

/// Takes up to `limit` open payouts past their deadline, who waits longest first, since its last sweep or its deadline: new
/// ones never keep out those that lost their runs. Each is taken ever less often, because looking after them must not take
/// what they wait for. The clock is read once, so that the index on deadlines serves.
pub async fn overdue(pool: &PgPool, limit: i64) -> Result<Vec<Payout>, StoreError> {
    let due = sqlx::query_scalar!(
        r#"update payout set swept_at = giro_now()
           where id in (
               select id from payout
               where ended_at is null and deadline_at < (select giro_now())
                 and (swept_at is null
                      or swept_at < (select giro_now()) - greatest(least(swept_at - deadline_at, make_interval(secs => $3)),
                                                          make_interval(secs => $2)))
               order by coalesce(swept_at, deadline_at) limit $1 for no key update skip locked)
           returning to_jsonb(payout) as "row""#,
        limit,
        SWEPT_FIRST,
        SWEPT_LAST
    )
    .fetch_all(pool);
    Ok(taken(heard(due).await?))
}

/// Takes up to `limit` payouts that wait for their time, a minute after they were accepted and every ten minutes from then on:
/// who lost its run must not be missed only after that time.
pub async fn waiting(pool: &PgPool, limit: i64) -> Result<Vec<Payout>, StoreError> {
    let waiting = sqlx::query_scalar!(
        r#"update payout set swept_at = giro_now()
           where id in (
               select id from payout
               where ended_at is null and process_after > (select giro_now())
                 and coalesce(swept_at, accepted_at) < (select giro_now()) - interval '1 minute'
                 and (swept_at is null or swept_at < (select giro_now()) - interval '10 minutes')
               order by coalesce(swept_at, accepted_at) limit $1 for no key update skip locked)
           returning to_jsonb(payout) as "row""#,
        limit
    )
    .fetch_all(pool);
    Ok(taken(heard(waiting).await?))
}

/// Payouts that were marked.
fn taken(found: Vec<Option<Value>>) -> Vec<Payout> {
    let taken: Vec<Payout> = those_that_read(found, "an overdue payout");
    taken
        .iter()
        .for_each(|payout| crash::at(Point::SweepAfterMark, &payout.id));
    taken
}

/// The same of money that came in and has no place yet.
pub async fn overdue_received(pool: &PgPool, limit: i64) -> Result<Vec<Received>, StoreError> {
    let due = sqlx::query_scalar!(
        r#"update received set swept_at = giro_now()
           where id in (
               select id from received
               where deadline_at < (select giro_now())
                 and (swept_at is null
                      or swept_at < (select giro_now()) - greatest(least(swept_at - deadline_at, make_interval(secs => $3)),
                                                          make_interval(secs => $2)))
               order by coalesce(swept_at, deadline_at) limit $1 for no key update skip locked)
           returning to_jsonb(received) as "row""#,
        limit,
        SWEPT_FIRST,
        SWEPT_LAST
    )
    .fetch_all(pool);
    Ok(those_that_read(heard(due).await?, "overdue money that came in"))
}
