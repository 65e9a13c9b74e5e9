//! A bank's closed day held against the books.

use activities::reconcile::{self, Named, Reading};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Thing;

/// The newest reading of one closed day of a bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reconciliation {
    /// `reconciliation`.
    pub object: Thing,
    #[schema(example = "stp")]
    pub bank: String,
    /// The bank's day.
    pub operating_date: Date,
    /// When its statement was read.
    pub read_at: Timestamp,
    /// Nothing differs, and nothing is open: the statement equals the books, order by order and in the sum.
    pub agrees: bool,
    /// Orders on the statement.
    pub orders: u32,
    /// Of them those that the books have, alike in key, company, amount, account and date.
    pub agreed: u32,
    /// In centavos: what the bank says it paid on that day.
    pub paid_by_bank: i64,
    /// In centavos: what the settlement account gave on that day.
    pub paid_by_books: i64,
    /// Records of what came in on that day, on the bank's list.
    pub received: u32,
    /// In centavos: what the bank says it received on that day, of the records that the books have placed.
    pub received_by_bank: i64,
    /// In centavos: what the settlement account got by them.
    pub received_by_books: i64,
    /// Payouts of that day that have not ended, and records that have no place yet.
    pub open: u32,
    /// How many things differ.
    pub differences: u32,
    /// The first hundred of them.
    pub named: Vec<Difference>,
    /// Who has understood these very differences; null while nobody has.
    #[serde(default)]
    pub understood: Option<Understood>,
}

/// Who has understood what differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Understood {
    /// The caller that said so.
    #[schema(example = "ana")]
    pub by: String,
    pub why: String,
    pub at: Timestamp,
}

/// The newest reading of a bank's running day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningDay {
    /// `running_day`.
    pub object: Thing,
    #[schema(example = "stp")]
    pub bank: String,
    /// The bank's day.
    pub operating_date: Date,
    /// When the bank was read.
    pub read_at: Timestamp,
    /// Orders on its statement so far.
    pub orders: u32,
    /// Payouts of that day that have not ended.
    pub open: u32,
    /// How many orders differ.
    pub differences: u32,
    /// The first hundred of them.
    pub named: Vec<Difference>,
    /// The newest balance that was held against the books; null where no account is configured, or none was read yet.
    pub balance: Option<Balance>,
}

/// The bank's balance against the settlement account, in centavos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    pub read_at: Timestamp,
    /// What the bank says.
    pub by_bank: i64,
    /// What it must have: the settlement account, with what the bank has paid or received and the books have not booked yet.
    pub by_books: i64,
    /// What may have left beside: orders under way that the bank has not told as paid.
    pub in_doubt: i64,
    /// What no money under way explains; above 0: the bank has more.
    pub apart: i64,
}

impl From<reconcile::Running> for RunningDay {
    fn from(running: reconcile::Running) -> Self {
        Self {
            object: Thing::RunningDay,
            bank: running.bank,
            operating_date: running.operating_date,
            read_at: running.at,
            orders: running.orders,
            open: running.open,
            differences: running.differences,
            named: running.named.into_iter().map(Difference::from).collect(),
            balance: running.balance.map(|balance| Balance {
                read_at: balance.at,
                by_bank: balance.by_bank.get(),
                by_books: balance.by_books.get(),
                in_doubt: balance.in_doubt.get(),
                apart: balance.apart(),
            }),
        }
    }
}

impl From<Named> for Difference {
    fn from(Named { subject, what }: Named) -> Self {
        Self { subject, what }
    }
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// A payout, an order of the bank or a day.
    #[schema(example = "po_01a2067b725f72f9840f699146a42177")]
    pub subject: String,
    /// How.
    #[schema(example = "is settled, and the bank has no order")]
    pub what: String,
}

impl From<Reading> for Reconciliation {
    fn from(reading: Reading) -> Self {
        Self {
            object: Thing::Reconciliation,
            bank: reading.bank,
            operating_date: reading.operating_date,
            read_at: reading.at,
            agrees: reading.differences == 0 && reading.open == 0,
            orders: reading.orders,
            agreed: reading.agreed,
            paid_by_bank: reading.paid_by_bank.get(),
            paid_by_books: reading.paid_by_books.get(),
            received: reading.received,
            received_by_bank: reading.received_by_bank.get(),
            received_by_books: reading.received_by_books.get(),
            open: reading.open,
            differences: reading.differences,
            named: reading.named.into_iter().map(Difference::from).collect(),
            understood: reading.understood.map(|said| Understood {
                by: said.by,
                why: said.why,
                at: said.at,
            }),
        }
    }
}
