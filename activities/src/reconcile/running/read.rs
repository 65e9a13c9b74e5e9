//! Readings of the running day, read again: the newest one, and since when a balance is apart.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;
use workflows::domain::Centavos;

use super::{Balance, Running};
use crate::ledger::{
    StoreError, heard,
    store::{day as date_of, time},
};

/// The newest reading of each bank's running day.
pub async fn running(pool: &PgPool) -> Result<Vec<Running>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.bank, r.operating_date::text as "date!", r.orders, r.open, r.differences, r.named,
               (extract(epoch from r.at) * 1000000)::bigint as "at!",
               (extract(epoch from b.at) * 1000000)::bigint as "balance_at?", b.balance_by_bank as "by_bank?",
               b.balance_by_books as "by_books?", b.in_doubt as "in_doubt?"
           from bank cross join lateral (
               select * from running_day where bank = bank.name order by at desc limit 1) r
           left join lateral (
               select * from running_day where bank = r.bank and balance_by_bank is not null order by at desc limit 1) b on true
           order by r.bank"#
    )
    .fetch_all(pool);
    let read = heard(rows).await?.into_iter().map(|row| {
        let count = |many: i32| u32::try_from(many).unwrap_or_default();
        let balance = match (row.balance_at, row.by_bank, row.by_books, row.in_doubt) {
            (Some(at), Some(by_bank), Some(by_books), Some(in_doubt)) => Some(Balance {
                at: time(Some(at)),
                by_bank: Centavos::new(by_bank),
                by_books: Centavos::new(by_books),
                in_doubt: Centavos::new(in_doubt),
            }),
            _ => None,
        };
        Ok(Running {
            bank: row.bank,
            operating_date: date_of(&row.date),
            at: time(Some(row.at)),
            orders: count(row.orders),
            open: count(row.open),
            differences: count(row.differences),
            named: serde_json::from_value(row.named)?,
            balance,
        })
    });
    read.collect()
}

/// Two readings say of a difference that it is one when they are so far apart: what is under way is over by then.
const SURE: SignedDuration = SignedDuration::from_mins(4);
/// Readings that are looked back on: a day of them.
const BACK: i64 = 300;

/// A bank whose balance the books have not had for minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Whose it is.
    pub bank: String,
    /// Since the first reading that said so, of those without one in between that did not; a day back at the most.
    pub since: Timestamp,
    /// What no money under way explains, in centavos, by the reading that says least; above 0: the bank has more.
    pub apart: i64,
}

/// What readings say, the newest first: by how much they are apart all this time, and since when.
pub(super) fn unbroken(read: &[Balance]) -> Option<(Timestamp, i64)> {
    let newest = read.first()?;
    let sign = newest.apart().signum();
    let all: Vec<&Balance> = read
        .iter()
        .take_while(|one| one.apart().signum() == sign && sign != 0)
        .collect();
    let oldest = all.last()?;
    let is_sure = newest.at.duration_since(oldest.at) >= SURE;
    let least = all.iter().map(|one| one.apart()).min_by_key(|apart| apart.abs())?;
    is_sure.then_some((oldest.at, least))
}

/// Each of them.
pub async fn balances_apart(pool: &PgPool) -> Result<Vec<Apart>, StoreError> {
    let rows = sqlx::query!(
        r#"select b.name, r.balance_by_bank as "by_bank!", r.balance_by_books as "by_books!", r.in_doubt,
                  (extract(epoch from r.at) * 1000000)::bigint as "at!"
           from bank b cross join lateral (
               select * from running_day where bank = b.name and balance_by_bank is not null order by at desc limit $1) r
           order by b.name, r.at desc"#,
        BACK
    )
    .fetch_all(pool);
    let mut all: BTreeMap<String, Vec<Balance>> = BTreeMap::new();
    for row in heard(rows).await? {
        all.entry(row.name).or_default().push(Balance {
            at: time(Some(row.at)),
            by_bank: Centavos::new(row.by_bank),
            by_books: Centavos::new(row.by_books),
            in_doubt: Centavos::new(row.in_doubt),
        });
    }
    let told = all.into_iter().filter_map(|(bank, read)| {
        let (since, apart) = unbroken(&read)?;
        Some(Apart { bank, since, apart })
    });
    Ok(told.collect())
}
