//! A bank's closed day held against the books.

use activities::reconcile::{Named, Reading};
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
        let named = reading
            .named
            .into_iter()
            .map(|Named { subject, what }| Difference { subject, what });
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
            named: named.collect(),
        }
    }
}
