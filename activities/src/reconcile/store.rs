//! What reconciling needs of the books, and what it leaves in them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Acquire, PgConnection, PgExecutor, PgPool, Postgres, Transaction};
use uuid::Uuid;
use workflows::domain::{Centavos, PayoutId};

use super::{
    came::{self, Came},
    day::Day,
};
use crate::{
    bank::{Bank, ReceivedEntry, StatementLine, StatementUnknown},
    ledger::{
        Ledger, StoreError, heard,
        rows::CUSTOMER,
        store::{day as date_of, stamp, time},
    },
    sides::{self, Sides, Statements, Wrong},
};

/// Differences of a day that are kept by name.
const NAMED: usize = 100;

/// What was read of each day before.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// When the books first had an account, a payout or money that came in; `None`: they had none.
    pub(super) first: Option<Timestamp>,
    /// The newest reading of each day.
    pub(super) days: BTreeMap<Date, LastRead>,
}

/// The newest reading of a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastRead {
    /// Nothing differed, and nothing was under way: it need not be read again.
    pub(super) is_settled: bool,
    /// When it was.
    pub(super) at: Timestamp,
}

/// The newest reading of a bank's closed day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose day it is.
    pub bank: String,
    /// The day.
    pub operating_date: Date,
    /// The books' time before the statement was read.
    pub at: Timestamp,
    /// Orders on the statement.
    pub orders: u32,
    /// Of them those that the books have, alike in all fields.
    pub agreed: u32,
    /// By the statement.
    pub paid_by_bank: Centavos,
    /// What the settlement account gave.
    pub paid_by_books: Centavos,
    /// Records of what came in, on the bank's list.
    pub received: u32,
    /// By those of them that the books have placed.
    pub received_by_bank: Centavos,
    /// What the settlement account got by them.
    pub received_by_books: Centavos,
    /// Payouts of the day that have not ended, and records that have no place yet.
    pub open: u32,
    /// How many things differ.
    pub differences: u32,
    /// The first hundred of them.
    pub named: Vec<Named>,
    /// Somebody has understood these very differences.
    pub understood: Option<Understood>,
}

/// Who has understood what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understood {
    /// Who.
    pub by: String,
    /// Why it differs.
    pub why: String,
    /// When they said so.
    pub at: Timestamp,
}

/// Keeps that a person has understood what differs of this day by this reading of its bank, the newest one. `false`: it is
/// not the newest any more, nothing differs, or it was not read.
pub async fn understand(
    pool: &PgPool,
    (bank, date): (&str, Date),
    read_at: Timestamp,
    person: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"with newest as (
               select id from newest_day where bank = $1 and operating_date = ($2::text)::date and differences > 0
                 and at = ($5::text)::timestamptz),
           said as (
               insert into day_understood (reading, person, reason, at) select id, $3, $4, giro_now() from newest
               on conflict (reading) do nothing)
           select count(*) as "many!" from newest"#,
        bank,
        date.to_string(),
        person,
        reason,
        stamp(read_at)
    )
    .fetch_one(pool);
    Ok(heard(done).await?.many > 0)
}

/// Closed days of a bank that differ from the books, by their newest readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// Whose days they are.
    pub bank: String,
    /// Which, the oldest first.
    pub days: Vec<Date>,
    /// Since when the first of them has been seen to differ.
    pub since: Timestamp,
}

/// Each bank that has days that differ.
pub async fn differing(pool: &PgPool) -> Result<Vec<Differing>, StoreError> {
    let rows = sqlx::query!(
        r#"select bank as "bank!", array_agg(date::text order by date) as "days!",
                  (extract(epoch from min(since)) * 1000000)::bigint as "since!"
           from (select bank, operating_date as date, differs_since as since from newest_day
                 where differences > 0 and understood_at is null
                 union all
                 -- Of a day that runs, once readings minutes apart say so, until it is closed and read as such.
                 select r.bank, r.operating_date, before.at from bank b cross join lateral (
                     select * from running_day where bank = b.name order by at desc limit 1) r
                 cross join lateral (
                     select * from running_day e where (e.bank, e.operating_date) = (r.bank, r.operating_date)
                       and e.at <= r.at - interval '4 minutes' order by e.at desc limit 1) before
                 where r.differences > 0 and before.differences > 0 and not exists (
                     select from reconciliation c where (c.bank, c.operating_date) = (r.bank, r.operating_date))) differs
           group by bank order by bank"#
    )
    .fetch_all(pool);
    let rows = heard(rows).await?.into_iter().map(|row| Differing {
        bank: row.bank,
        days: row.days.iter().map(|date| date_of(date)).collect(),
        since: time(Some(row.since)),
    });
    Ok(rows.collect())
}

/// The newest reading of this day by each bank.
pub async fn of_day(pool: &PgPool, date: Date) -> Result<Vec<Reading>, StoreError> {
    let rows = sqlx::query!(
        r#"select bank as "bank!", orders as "orders!", agreed as "agreed!", paid_by_bank as "paid_by_bank!",
               paid_by_books as "paid_by_books!", open as "open!", differences as "differences!", named as "named!",
               received as "received!", received_by_bank as "received_by_bank!", received_by_books as "received_by_books!",
               (extract(epoch from at) * 1000000)::bigint as "at!", understood_by, understood_why,
               (extract(epoch from understood_at) * 1000000)::bigint as understood_at
           from newest_day where operating_date = ($1::text)::date order by bank"#,
        date.to_string()
    )
    .fetch_all(pool)
    .await?;
    let read = rows.into_iter().map(|row| {
        let count = |many: i32| u32::try_from(many).unwrap_or_default();
        Ok(Reading {
            bank: row.bank,
            operating_date: date,
            at: time(Some(row.at)),
            orders: count(row.orders),
            agreed: count(row.agreed),
            paid_by_bank: Centavos::new(row.paid_by_bank),
            paid_by_books: Centavos::new(row.paid_by_books),
            received: count(row.received),
            received_by_bank: Centavos::new(row.received_by_bank),
            received_by_books: Centavos::new(row.received_by_books),
            open: count(row.open),
            differences: count(row.differences),
            named: serde_json::from_value(row.named)?,
            understood: match (row.understood_by, row.understood_why, row.understood_at) {
                (Some(by), Some(why), Some(at)) => Some(Understood {
                    by,
                    why,
                    at: time(Some(at)),
                }),
                _ => None,
            },
        })
    });
    read.collect()
}

/// A difference, as its row keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// A payout, an order of the bank or a day.
    pub subject: String,
    /// How it differs.
    pub what: String,
}

/// Closed days of payouts that were sent and of which nothing is proven.
pub(super) async fn waiting(ledger: &Ledger, bank: &str, today: Date) -> Result<BTreeSet<Date>, StoreError> {
    let days = sqlx::query_scalar!(
        r#"select distinct operating_date::text as "date!" from payout
           where ended_at is null and bank = $1 and state = 'sending' and evidence is null
             and operating_date < ($2::text)::date"#,
        bank,
        today.to_string()
    )
    .fetch_all(ledger.pool());
    Ok(heard(days).await?.iter().map(|day| date_of(day)).collect())
}

/// Of these payouts those of which the bank has never said that it has something by their key, however unclear.
pub(super) async fn unheard_of(
    connection: impl PgExecutor<'_>,
    bank: &Bank,
    payouts: &[Uuid],
) -> Result<BTreeSet<Uuid>, StoreError> {
    let repeats: Vec<String> = bank.repeats().iter().map(|code| format!("doubt: {code}")).collect();
    let unheard = sqlx::query_scalar!(
        r#"select p.id as "id!" from payout p
           where p.id = any($1)
             and not exists (select from stray_order s where s.bank = p.bank and s.tracking_key = p.tracking_key)
             and not exists (
               select from exchange x
               where x.payout = p.id and (x.question = 'inquire' and x.said not like 'not found%' and x.said not like 'no answer%'
                                          or x.question = 'submit' and (x.said like 'accepted%' or x.said = any($2))))"#,
        payouts,
        &repeats
    )
    .fetch_all(connection);
    Ok(heard(unheard).await?.into_iter().collect())
}

/// Those of these payouts of which the bank's own answer has not said since they ended that they ended otherwise, or that they
/// came back, and of which it has answered nothing for a day: who was never asked first.
pub(super) async fn unheard_after_the_end(pool: &PgPool, payouts: &[PayoutId]) -> Result<Vec<PayoutId>, StoreError> {
    let ids: Vec<Uuid> = payouts.iter().map(|payout| payout.uuid()).collect();
    let unheard = sqlx::query_scalar!(
        r#"select p.id as "id!" from payout p
           cross join lateral (
               select max(x.at) as at from exchange x
               where x.payout = p.id and x.question = 'inquire' and x.at > p.ended_at and x.said not like 'no answer%') heard
           where p.id = any($1) and (heard.at is null or heard.at < (select giro_now()) - interval '1 day')
             and not (p.came_back and p.state in ('settled', 'returned'))
             and not exists (
               select from evidence e
               where e.payout = p.id and e.at > p.ended_at
                 and e.kind = case when p.state in ('failed', 'cancelled') then 'paid' else 'not_paid' end)
           order by heard.at nulls first, p.id"#,
        &ids
    );
    let unheard = heard(unheard.fetch_all(pool)).await?;
    Ok(unheard.into_iter().map(PayoutId::new).collect())
}

/// What was read before.
pub(super) async fn read(ledger: &Ledger, bank: &str) -> Result<Read, StoreError> {
    let first = sqlx::query_scalar!(
        r#"select (extract(epoch from least((select min(opened_at) from account where code = $1),
                      (select accepted_at from payout order by id limit 1),
                      (select min(received_at) from received))) * 1000000)::bigint as at"#,
        CUSTOMER
    )
    .fetch_one(ledger.pool());
    let first = heard(first).await?.map(|at| time(Some(at)));
    let days = sqlx::query!(
        r#"select distinct on (operating_date) operating_date::text as "date!", differences + open as "unsettled!",
               (extract(epoch from at) * 1000000)::bigint as "at!"
           from reconciliation where bank = $1 order by operating_date, at desc"#,
        bank
    )
    .fetch_all(ledger.pool());
    let read = heard(days).await?.into_iter().map(|row| {
        let last = LastRead {
            is_settled: row.unsettled == 0,
            at: time(Some(row.at)),
        };
        (date_of(&row.date), last)
    });
    Ok(Read {
        first,
        days: read.collect(),
    })
}

/// Holds the statement of a closed day, read since `read_at`, against the books as they are now, and writes what the day
/// came to.
pub(super) async fn hold(
    ledger: &Ledger,
    bank: &Bank,
    date: Date,
    read_at: Timestamp,
    lines: Vec<StatementLine>,
    list: &Result<Vec<ReceivedEntry>, StatementUnknown>,
) -> Result<Day, StoreError> {
    let dates = BTreeSet::from([date]);
    let keys: Vec<String> = lines.iter().map(|line| line.tracking_key.clone()).collect();
    let statements = Statements::from([(date, lines)]);
    let mut connection = ledger.pool().acquire().await?;
    let mut snapshot = snapshot(&mut connection).await?;
    let booked = sides::read::booked(&mut snapshot, bank.name(), &dates, &keys).await?;
    let moved = sides::read::moved(&mut snapshot, bank.name(), &dates, read_at).await?;
    let mut day = Day::of(
        date,
        Uuid::now_v7(),
        &Sides {
            statements: &statements,
            booked: &booked,
            moved: &moved,
            read_at,
        },
    );
    let ids: Vec<Uuid> = day.unanswered.iter().map(|lost| lost.payout.uuid()).collect();
    day.keep(&unheard_of(&mut *snapshot, bank, &ids).await?);
    day.came = match list {
        Ok(list) => came::compare(
            bank.name(),
            list,
            &came::booked(&mut snapshot, bank.name(), date).await?,
        ),
        Err(error) => Came::unread(&error.why),
    };
    snapshot.rollback().await?;
    sqlx::query!(
        r#"insert into reconciliation (id, bank, operating_date, at, orders, agreed, paid_by_bank, paid_by_books, open,
                                       differences, named, received, received_by_bank, received_by_books)
           values ($1, $2, ($3::text)::date, ($4::text)::timestamptz, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"#,
        day.reading,
        bank.name(),
        date.to_string(),
        stamp(read_at),
        count(day.orders),
        count(day.agreed),
        centavos(day.paid_by_bank),
        centavos(day.paid_by_books),
        count(day.open + day.came.open),
        count(day.differences()),
        named(day.wrong.iter().chain(&day.came.wrong))?,
        count(day.came.records),
        centavos(day.came.by_bank),
        centavos(day.came.by_books)
    )
    .execute(&mut *connection)
    .await?;
    Ok(day)
}

/// The books at one moment, for as long as a busy day takes that is read in one go, beside the work of everybody else.
pub(super) async fn snapshot(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, StoreError> {
    let mut snapshot = connection.begin().await?;
    for setting in [
        "set transaction isolation level repeatable read, read only",
        "set local statement_timeout = '120s'",
    ] {
        sqlx::query(setting).execute(&mut *snapshot).await?;
    }
    Ok(snapshot)
}

/// The first hundred differences, as their row keeps them.
pub(super) fn named<'a>(wrong: impl IntoIterator<Item = &'a Wrong>) -> Result<Value, StoreError> {
    let named = wrong.into_iter().take(NAMED).cloned();
    let named: Vec<Named> = named.map(|(subject, what)| Named { subject, what }).collect();
    Ok(serde_json::to_value(named)?)
}

/// A count as a column has it.
pub(super) fn count(many: usize) -> i32 {
    i32::try_from(many).unwrap_or(i32::MAX)
}

/// A sum as a column has it.
pub(super) fn centavos(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}
