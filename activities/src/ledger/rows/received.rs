//! One record of money that came in, as the books keep it.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use workflows::domain::{AccountId, Centavos, PayoutId, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState};

use super::{Private, as_uuid};

/// One received record: the row that decides what becomes of its money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    #[serde(with = "as_uuid")]
    pub id: ReceivedId,
    pub bank: String,
    pub operating_date: Date,
    /// The institution that sent it.
    pub sender: u32,
    pub tracking_key: String,
    pub kind: ReceivedKind,
    /// SPEI: `tipoPago`.
    pub payment_type: u16,
    pub amount: Centavos,
    /// Of a late return, within the amount.
    pub interest: Centavos,
    /// The account that it is for, as the bank states it.
    pub clabe: Option<Private>,
    /// Of a return: the key of the order that comes back.
    pub of_key: Option<String>,
    /// Why it comes back, in our words.
    pub cause: Option<String>,
    pub sender_account: Option<Private>,
    pub sender_name: Option<Private>,
    pub concept: Option<Private>,
    pub reference: Option<u32>,
    pub bank_ref: Option<String>,
    /// As the bank told it.
    pub record: Private,
    pub state: ReceivedState,
    /// The customer that has it.
    #[serde(with = "as_uuid::option")]
    pub account: Option<AccountId>,
    /// The payout that came back by it.
    #[serde(with = "as_uuid::option")]
    pub payout: Option<PayoutId>,
    /// The payout that sends it back, or did.
    #[serde(with = "as_uuid::option", default)]
    pub sent_back_by: Option<PayoutId>,
    /// Who decided to send it back.
    #[serde(default)]
    pub decided_by: Option<String>,
    /// Why.
    #[serde(default)]
    pub decided_why: Option<String>,
    /// What the bank told otherwise, as it was told last: a digest.
    #[serde(default)]
    pub told_otherwise: Option<String>,
    pub attention: Option<ReceivedAttention>,
    pub attention_since: Option<Timestamp>,
    pub deadline_at: Option<Timestamp>,
    pub event_seq: u32,
    /// Counts changes of the row: every write is a compare-and-set on it.
    pub version: u32,
    pub received_at: Timestamp,
    pub changed_at: Timestamp,
    pub placed_at: Option<Timestamp>,
    pub swept_at: Option<Timestamp>,
}

impl Received {
    /// What comes back of an order's own amount: the rest is interest.
    pub fn principal(&self) -> Centavos {
        Centavos::new(self.amount.get() - self.interest.get())
    }

    /// The last four digits of the account that it is for, the most that events and summaries show.
    pub fn clabe_last4(&self) -> &str {
        let digits = self.clabe.as_ref().map_or("", Private::expose);
        digits.get(digits.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// The id of the workflow that drives it.
    pub fn workflow_id(&self) -> String {
        match self.kind {
            ReceivedKind::Return => self.id.return_workflow_id(&self.bank),
            ReceivedKind::Deposit => format!(
                "deposit-{}-{}-{}-{}",
                self.bank, self.operating_date, self.sender, self.tracking_key
            ),
        }
    }
}
