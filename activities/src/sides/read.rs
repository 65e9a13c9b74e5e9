//! What both sides' comparison needs of the books.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date};
use sqlx::PgConnection;
use workflows::domain::{Centavos, PayoutId};

use super::Booked;
use crate::ledger::{
    StoreError,
    rows::SETTLEMENT_STP,
    store::{day, disagree, stamp, time},
};

/// Payouts of an operating date changed no earlier than this before it: an order after 18:00, or before a long weekend, is
/// of the next banking day.
const LONGEST_WEEKEND: i64 = 10;

/// A bank's payouts of these operating dates, and whoever has these keys; what is booked has none that a bank knows.
pub(crate) async fn booked(
    connection: &mut PgConnection,
    bank: &str,
    dates: &BTreeSet<Date>,
    keys: &[String],
) -> Result<Vec<Booked>, StoreError> {
    let (texts, floor) = days(dates);
    let rows = sqlx::query!(
        r#"select id, tracking_key, state, amount, clabe, operating_date::text as date, evidence,
                  send_no, bank_ref is not null as "is_referred!",
                  case when isfinite(ended_at) then (extract(epoch from ended_at) * 1000000)::bigint end as ended
           from payout
           where bank = $4 and operating_date = any(($1::text[])::date[]) and changed_at >= (($2::text)::date)::timestamptz
              or tracking_key = any($3) and to_account is null"#,
        &texts,
        floor,
        keys,
        bank
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| {
        Ok(Booked {
            id: PayoutId::new(row.id),
            key: row.tracking_key,
            state: row.state.parse().map_err(disagree)?,
            amount: Centavos::new(row.amount),
            clabe: row.clabe,
            date: row.date.as_deref().map(day),
            // A word that is none proves nothing, and its row is told by who checks evidence.
            send_no: u32::try_from(row.send_no).unwrap_or_default(),
            is_referred: row.is_referred,
            evidence: row.evidence.as_deref().and_then(|word| word.parse().ok()),
            ended_at: row.ended.map(|at| time(Some(at))),
        })
    });
    read.collect()
}

/// What left the settlement account at a bank on these days, in centavos, for payouts that ended before `read_at`.
pub(crate) async fn moved(
    connection: &mut PgConnection,
    bank: &str,
    dates: &BTreeSet<Date>,
    read_at: Timestamp,
) -> Result<BTreeMap<Date, i128>, StoreError> {
    let (texts, floor) = days(dates);
    let rows = sqlx::query!(
        r#"select m.effective_on::text as "date!", sum(m.amount)::bigint as "sum!"
           from payout p join movement m on m.subject = p.id and m.credit_account = $4
           where m.effective_on = any(($1::text[])::date[]) and p.changed_at >= (($2::text)::date)::timestamptz
             and p.ended_at < ($3::text)::timestamptz and p.bank = $5 and p.sends_back is null
           group by 1"#,
        &texts,
        floor,
        stamp(read_at),
        SETTLEMENT_STP.uuid(),
        bank
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| (day(&row.date), i128::from(row.sum)));
    Ok(read.collect())
}

/// Days as parameters, and the day before which none of their payouts last changed.
fn days(dates: &BTreeSet<Date>) -> (Vec<String>, String) {
    let first = dates.first().copied().unwrap_or_default();
    let floor = first.saturating_sub(LONGEST_WEEKEND.days());
    (dates.iter().map(Date::to_string).collect(), floor.to_string())
}
