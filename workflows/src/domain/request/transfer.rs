//! A transfer between two accounts of giro's own, as a caller asks for it, and the valid order that it becomes.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    super::{AccountId, Centavos, Concept, FieldError},
    Canonical,
    decode::{Field, decode},
    never_shown,
    reader::Reader,
};

/// A transfer to make; the same JSON rules as [`super::PayoutRequest`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// The account that pays: `acc_...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Value>,
    /// The account that gets it: `acc_...`.
    #[serde(default, alias = "toAccount", skip_serializing_if = "Option::is_none")]
    pub to_account: Option<Value>,
    /// Centavos, above zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Value>,
    /// `MXN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Value>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<Value>,
    /// RFC 3339 with its offset: the money is held now and moves not before. Optional.
    #[serde(default, alias = "processAfter", skip_serializing_if = "Option::is_none")]
    pub process_after: Option<Value>,
}

never_shown!(TransferRequest);

/// A valid transfer request: everything is checked except what only the books know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferOrder {
    /// The account that pays.
    pub account: AccountId,
    /// The account that gets it.
    pub to_account: AccountId,
    /// What it gets, in centavos: above zero.
    pub amount: Centavos,
    /// What it is for.
    pub concept: Concept,
    /// The money moves not before; `None`, or a time that is past: at once.
    pub process_after: Option<Timestamp>,
}

impl TransferRequest {
    /// Decodes JSON bytes, as [`super::PayoutRequest::from_json`] does.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Vec<FieldError>> {
        const TRANSFER: &[Field] = &[
            Field::value("account", "account"),
            Field::value("to_account", "toAccount"),
            Field::value("amount", "amount"),
            Field::value("currency", "currency"),
            Field::value("concept", "concept"),
            Field::value("process_after", "processAfter"),
        ];
        decode(bytes, TRANSFER)
    }

    /// The order that this request asks for, or every field that is wrong, in the order of the fields. `today`: `None`
    /// where only what it was remembered by is asked.
    pub fn parse(&self, today: Option<Date>) -> Result<TransferOrder, Vec<FieldError>> {
        let mut reader = Reader::default();
        let account = reader.account("/account", self.account.as_ref());
        let to_account = reader.account("/to_account", self.to_account.as_ref());
        let amount = reader.amount("/amount", self.amount.as_ref());
        let currency = reader.currency("/currency", self.currency.as_ref());
        let concept = reader.checked("/concept", self.concept.as_ref(), Concept::new);
        let process_after = reader.moment("/process_after", self.process_after.as_ref(), today);
        let order = || {
            currency?;
            Some(TransferOrder {
                account: account?,
                to_account: to_account?,
                amount: amount?,
                concept: concept?,
                process_after: process_after?,
            })
        };
        order().ok_or(reader.errors)
    }
}

impl TransferOrder {
    /// What makes two requests of `caller` the same, however written: SHA-256 of the canonical form, version 1.
    pub fn hash(&self, caller: &str) -> [u8; 32] {
        let mut form = Canonical::new("giro.transfer.v1", caller);
        form.field("account", &self.account.to_string());
        form.field("to_account", &self.to_account.to_string());
        form.field("amount", &self.amount.get().to_string());
        form.field("currency", Centavos::CURRENCY.code());
        form.field("concept", self.concept.as_str());
        if let Some(at) = &self.process_after {
            form.field("process_after", &at.to_string());
        }
        form.finish()
    }
}
