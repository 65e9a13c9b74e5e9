//! Open payouts past their deadline: whoever drove them may be gone, so their runs are started again.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::PgPool;
use tracing::error;

use crate::{
    crash::{self, Point},
    ledger::{StoreError, heard, rows::Payout},
};

/// The banks that have come back within a minute and may be sent to: runs that wait for them may sleep for minutes yet.
pub async fn back_banks(pool: &PgPool) -> Result<BTreeSet<String>, StoreError> {
    let back = sqlx::query_scalar!(
        r#"select name from bank
           where paused_by is null and away_by is null and attention is distinct from 'catching_up'
             and back_at > giro_now() - interval '1 minute'"#
    );
    Ok(heard(back.fetch_all(pool)).await?.into_iter().collect())
}

/// Takes up to `limit` open payouts past their deadline, longest waiting first. Each is taken again after 30 s, and then
/// after twice as long each time up to 90 s: where thousands wait, looking after them must not take what they wait for.
pub async fn overdue(pool: &PgPool, limit: i64) -> Result<Vec<Payout>, StoreError> {
    let due = sqlx::query_scalar!(
        r#"update payout set swept_at = giro_now()
           where id in (
               select id from payout
               where ended_at is null and deadline_at < giro_now()
                 and (swept_at is null
                      or swept_at < giro_now() - greatest(least(swept_at - deadline_at, interval '90 seconds'),
                                                          interval '30 seconds'))
               order by swept_at nulls first, deadline_at limit $1 for no key update skip locked)
           returning to_jsonb(payout) as "row""#,
        limit
    )
    .fetch_all(pool);
    let found: Vec<Option<Value>> = heard(due).await?;
    // One row that does not read must not keep the others from being driven.
    let read = |row| serde_json::from_value(row).inspect_err(|error| error!(%error, "an overdue payout does not read"));
    let taken: Vec<Payout> = found.into_iter().flatten().filter_map(|row| read(row).ok()).collect();
    taken
        .iter()
        .for_each(|payout| crash::at(Point::SweepAfterMark, &payout.id));
    Ok(taken)
}
