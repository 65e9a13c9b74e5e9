//! The running day: the bank's orders so far against the books, and whether the settlement account has what the bank has.
//! Pure, but for `keep`.

mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;
use workflows::domain::{Centavos, PayoutId, ReceivedId, State};

pub use read::{Apart, balances_apart, running};

use super::store::{Named, centavos, count, named, snapshot};
use crate::{
    bank::{Bank, Incoming, ReceivedEntry, Said, StatementLine},
    ledger::{
        Ledger, StoreError,
        rows::SETTLEMENT_STP,
        store::{stamp, time},
    },
    sides::{self, Booked, Sides, Statements, Wrong},
};

/// What the bank has told of its running day.
pub(super) struct Told {
    /// The books' time before it was asked.
    pub(super) read_at: Timestamp,
    /// The day.
    pub(super) date: Date,
    /// Orders that we sent.
    pub(super) lines: Vec<StatementLine>,
    /// What came in.
    pub(super) list: Vec<ReceivedEntry>,
    /// Its balance, the same before and after both lists; `None`: not asked, or money moved meanwhile.
    pub(super) balance: Option<Centavos>,
}

/// The newest reading of a bank's running day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Whose day it is.
    pub bank: String,
    /// The day.
    pub operating_date: Date,
    /// The books' time before the bank was read.
    pub at: Timestamp,
    /// Orders on its statement so far.
    pub orders: u32,
    /// Payouts of the day that have not ended.
    pub open: u32,
    /// How many orders differ.
    pub differences: u32,
    /// The first hundred of them.
    pub named: Vec<Named>,
    /// The newest balance that was read, of this reading or an earlier one.
    pub balance: Option<Balance>,
}

/// The bank's balance against the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// When the bank was asked, by the books' time.
    pub at: Timestamp,
    /// What the bank says.
    pub by_bank: Centavos,
    /// What it must have: the settlement account, with what the bank has paid or received and the books have not booked yet.
    pub by_books: Centavos,
    /// What may have left beside: orders under way that the bank has not told as paid.
    pub in_doubt: Centavos,
}

impl Balance {
    /// What no money under way explains, in centavos; above 0: the bank has more.
    pub fn apart(&self) -> i64 {
        let over = self.by_bank.get() - self.by_books.get();
        if over > 0 {
            over
        } else {
            (over + self.in_doubt.get()).min(0)
        }
    }
}

/// A record of money that came in, as the books have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Came {
    amount: i64,
    placed_at: Option<Timestamp>,
}

/// What the books say beside the payouts.
struct Sums {
    /// Debits less credits of the settlement account.
    settlement: i128,
    /// Payouts under way that are not among those held against the statement, or that send a deposit back.
    in_doubt: i128,
    /// Came in on earlier days, and has no place yet.
    unplaced: i128,
}

/// What the bank must have, by the books and by what it has told itself; and what may have left beside: orders under way that
/// it has not told as paid.
fn due(told: &Told, booked: &[Booked], came: &BTreeMap<ReceivedId, Came>, sums: &Sums, bank: &str) -> (i128, i128) {
    let keys = |is: fn(&Said) -> bool| -> BTreeSet<&str> {
        let those = told.lines.iter().filter(|line| is(&line.says));
        those.map(|line| line.tracking_key.as_str()).collect()
    };
    let paid = keys(|says| matches!(says, Said::Paid { .. }));
    let unpaid = keys(|says| matches!(says, Said::NotPaid { .. }));
    let (mut due, mut in_doubt) = (sums.settlement + sums.unplaced, sums.in_doubt);
    for row in booked.iter().filter(|row| !row.sends_back()) {
        let amount = i128::from(row.amount.get());
        match row.state {
            State::Sending | State::Sent if paid.contains(row.key.as_str()) => due -= amount,
            State::Settled | State::Returned
                if !paid.contains(row.key.as_str()) && row.ended_at.is_some_and(|at| at >= told.read_at) =>
            {
                due += amount;
            }
            State::Sending | State::Sent if unpaid.contains(row.key.as_str()) => {}
            State::Sending | State::Sent => in_doubt += amount,
            State::Accepted => {}
            State::Settled | State::Failed | State::Cancelled | State::Returned => {}
        }
    }
    let mut left = came.clone();
    for entry in &told.list {
        let Incoming::Here(line) = &entry.says else { continue };
        // What the books do not have once it was taken in is no money under way: it differs.
        if let Some(Came { placed_at: None, .. }) = left.remove(&line.id(bank)) {
            due += i128::from(line.amount.get());
        }
    }
    // What came after the list was read.
    for row in left.values() {
        if row.placed_at.is_some_and(|at| at >= told.read_at) {
            due -= i128::from(row.amount);
        }
    }
    (due, in_doubt)
}

/// What the running day comes to so far.
pub(super) struct Kept {
    /// Orders that differ.
    pub(super) differences: usize,
    /// The balance, where it was read.
    pub(super) balance: Option<Balance>,
    /// Ended otherwise than the statement says: the bank is asked.
    pub(super) belied: Vec<PayoutId>,
}

/// Holds the running day against the books as they are now, and writes what it comes to so far.
pub(super) async fn keep(ledger: &Ledger, bank: &Bank, told: Told) -> Result<Kept, StoreError> {
    let dates = BTreeSet::from([told.date]);
    let keys: Vec<String> = told.lines.iter().map(|line| line.tracking_key.clone()).collect();
    let mut connection = ledger.pool().acquire().await?;
    let mut snapshot = snapshot(&mut connection).await?;
    let booked = sides::read::booked(&mut snapshot, bank.name(), &dates, &keys).await?;
    let here: Vec<Uuid> = here(&told.list, bank.name()).map(|(_, id)| id.uuid()).collect();
    let came = came(&mut snapshot, bank.name(), told.date, &here).await?;
    let held: Vec<Uuid> = booked
        .iter()
        .filter(|row| !row.sends_back())
        .map(|row| row.id.uuid())
        .collect();
    let sums = sums(&mut snapshot, bank.name(), told.date, &held).await?;
    snapshot.rollback().await?;
    let (by_books, in_doubt) = due(&told, &booked, &came, &sums, bank.name());
    let balance = told.balance.map(|by_bank| Balance {
        at: told.read_at,
        by_bank,
        by_books: Centavos::new(centavos(by_books)),
        in_doubt: Centavos::new(centavos(in_doubt)),
    });
    let open = booked
        .iter()
        .filter(|row| row.state.is_open() && row.state != State::Accepted)
        .count();
    let (orders, read_at) = (told.lines.len(), told.read_at);
    let statements = Statements::from([(told.date, told.lines)]);
    let sides = Sides {
        statements: &statements,
        booked: &booked,
        moved: &BTreeMap::new(),
        read_at,
    };
    let mut wrong = sides.orders().1;
    wrong.extend(missed(&told.list, &came, bank.name()));
    sqlx::query!(
        r#"insert into running_day (id, bank, operating_date, at, orders, open, differences, named, balance_by_bank,
                                    balance_by_books, in_doubt)
           values ($1, $2, ($3::text)::date, ($4::text)::timestamptz, $5, $6, $7, $8, $9, $10, $11)"#,
        Uuid::now_v7(),
        bank.name(),
        told.date.to_string(),
        stamp(read_at),
        count(orders),
        count(open),
        count(wrong.len()),
        named(&wrong)?,
        balance.map(|balance| balance.by_bank.get()),
        balance.map(|balance| balance.by_books.get()),
        balance.map_or(0, |balance| balance.in_doubt.get())
    )
    .execute(&mut *connection)
    .await?;
    Ok(Kept {
        differences: wrong.len(),
        balance,
        belied: sides.belied(),
    })
}

/// The records on a list whose money is here, by key and id.
fn here<'a>(list: &'a [ReceivedEntry], bank: &'a str) -> impl Iterator<Item = (&'a str, ReceivedId)> {
    list.iter().filter_map(move |entry| match &entry.says {
        Incoming::Here(line) => Some((entry.tracking_key.as_str(), line.id(bank))),
        Incoming::Pending { .. } | Incoming::Unclear { .. } => None,
    })
}

/// Records that the books do not have, though they were taken in: one too many under a key, or one that a check set aside.
fn missed(list: &[ReceivedEntry], came: &BTreeMap<ReceivedId, Came>, bank: &str) -> Vec<Wrong> {
    let mut left: BTreeSet<ReceivedId> = came.keys().copied().collect();
    let lacking = here(list, bank).filter(|(_, id)| !left.remove(id));
    let what = "the bank has it, and the books do not";
    lacking
        .map(|(key, _)| (format!("received {key}"), what.to_owned()))
        .collect()
}

/// Records of this operating date, and these.
async fn came(
    connection: &mut PgConnection,
    bank: &str,
    date: Date,
    listed: &[Uuid],
) -> Result<BTreeMap<ReceivedId, Came>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, amount, (extract(epoch from placed_at) * 1000000)::bigint as placed
           from received where bank = $1 and operating_date = ($2::text)::date or id = any($3)"#,
        bank,
        date.to_string(),
        listed
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| {
        let placed_at = row.placed.map(|at| time(Some(at)));
        (
            ReceivedId::new(row.id),
            Came {
                amount: row.amount,
                placed_at,
            },
        )
    });
    Ok(read.collect())
}

async fn sums(connection: &mut PgConnection, bank: &str, date: Date, held: &[Uuid]) -> Result<Sums, StoreError> {
    let row = sqlx::query!(
        r#"select (select debits - credits from account where id = $3) as "settlement!",
               (select coalesce(sum(amount), 0)::bigint from payout
                where ended_at is null and bank = $1 and state in ('sending', 'sent') and id <> all($4)) as "in_doubt!",
               (select coalesce(sum(amount), 0)::bigint from received
                where deadline_at is not null and bank = $1 and operating_date < ($2::text)::date) as "unplaced!""#,
        bank,
        date.to_string(),
        SETTLEMENT_STP.uuid(),
        held
    )
    .fetch_one(connection)
    .await?;
    Ok(Sums {
        settlement: row.settlement.into(),
        in_doubt: row.in_doubt.into(),
        unplaced: row.unplaced.into(),
    })
}
