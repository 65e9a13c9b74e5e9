//! What a bank tells of money that came in, when giro asks it: the only thing by which money enters the books.

use jiff::civil::Date;
use workflows::domain::{Centavos, InstitutionCode, ReceivedId};

/// A record of money that is here.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedLine {
    /// The bank's day.
    pub operating_date: Date,
    /// The institution that sent it.
    pub sender: InstitutionCode,
    /// The key that it came under, 1 to 64 characters; of a same-day return it is our own order's.
    pub tracking_key: String,
    /// SPEI: `tipoPago`.
    pub payment_type: u16,
    /// In centavos, above 0.
    pub amount: Centavos,
    /// Of a late return, within the amount; else 0.
    pub interest: Centavos,
    /// The account that it is for, as the bank states it; of another customer's bank it may be a card or a telephone.
    pub account: Option<String>,
    /// Of a return: the key of the order that comes back.
    pub of_key: Option<String>,
    /// Of a return: why, in our words (`stp:cause_1`).
    pub cause: Option<String>,
    /// Who sent it, and what for, as the bank states it.
    pub sender_account: Option<String>,
    pub sender_name: Option<String>,
    pub concept: Option<String>,
    pub reference: Option<u32>,
    /// The bank's own reference.
    pub bank_ref: Option<String>,
    /// The record, as it came.
    pub record: String,
}

impl ReceivedLine {
    /// The row that it is in the books of this bank, whoever reads it and however often.
    pub fn id(&self, bank: &str) -> ReceivedId {
        ReceivedId::derive(bank, self.operating_date, self.sender.get(), &self.tracking_key)
    }
}

/// Key, date and amount only: the rest is of persons.
impl std::fmt::Debug for ReceivedLine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            operating_date,
            sender,
            tracking_key,
            payment_type,
            amount,
            ..
        } = self;
        write!(
            out,
            "ReceivedLine({operating_date} {sender} {tracking_key} type {payment_type} {amount})"
        )
    }
}

/// One record as the bank lists it, whether or not its money is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedEntry {
    /// The institution that sent it, where that reads.
    pub sender: Option<u32>,
    /// The key that it came under; `?` and a digest of the record where that does not read.
    pub tracking_key: String,
    /// The bank's own reference.
    pub bank_ref: Option<String>,
    /// What it says.
    pub says: Incoming,
}

/// What a record says of its money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// It is here.
    Here(Box<ReceivedLine>),
    /// It is on its way, or may yet be refused.
    Pending {
        /// The bank's state, in our words.
        code: String,
    },
    /// The record does not say enough to be booked.
    Unclear {
        /// In our words.
        why: String,
    },
}

/// What the bank knows of money under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedFound {
    /// A record of it.
    Entry(Box<ReceivedEntry>),
    /// None, on the date asked.
    NotFound,
    /// No usable answer.
    NoAnswer {
        /// In our words.
        why: String,
    },
}
