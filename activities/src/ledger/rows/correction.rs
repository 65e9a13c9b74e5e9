//! What people say that the books must have: money from one account to another, by a document.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use workflows::domain::{AccountId, Centavos, CorrectionId};

use super::as_uuid;

/// One correction, as it was first asked for; nobody changes it later. It is booked once two people have said so: its movement is
/// there then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    #[serde(with = "as_uuid")]
    pub id: CorrectionId,
    #[serde(with = "as_uuid")]
    pub debit_account: AccountId,
    #[serde(with = "as_uuid")]
    pub credit_account: AccountId,
    pub amount: Centavos,
    /// What both go by: an invoice of the bank's, a statement, a case.
    pub document: String,
    pub asked_at: Timestamp,
}
