//! Bodies of requests as the document describes them. What reads them is `workflows::domain`: it also takes
//! lowerCamelCase, and reads an absent field, `null` and `""` as the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form;

/// A payout to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayout {
    /// The account that pays.
    #[schema(value_type = form::AccountId)]
    pub account: String,
    /// What the beneficiary gets.
    #[schema(value_type = form::AmountGiven)]
    pub amount: i64,
    /// What giro moves.
    #[schema(value_type = form::Currency)]
    pub currency: String,
    /// Who gets it.
    pub beneficiary: NewBeneficiary,
    /// What it is for, as the beneficiary reads it. Accents are dropped; then 1 to 39 letters, digits, spaces and
    /// `.,-/&'():#`, and no card number.
    #[schema(min_length = 1, max_length = 256)]
    pub concept: String,
    /// 1 to 9,999,999.
    #[schema(value_type = form::ReferenceGiven)]
    pub reference: u32,
    /// RFC 3339 with its offset, within 90 days: the money is held now, and the order goes to the bank not before. Left out,
    /// or past: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-24T09:00:00-06:00")]
    pub process_after: Option<Timestamp>,
}

/// A transfer to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// The account that pays.
    #[schema(value_type = form::AccountId)]
    pub account: String,
    /// The account that gets it, another customer's of giro's own.
    #[schema(value_type = form::AccountId)]
    pub to_account: String,
    /// What it gets.
    #[schema(value_type = form::AmountGiven)]
    pub amount: i64,
    /// What giro moves.
    #[schema(value_type = form::Currency)]
    pub currency: String,
    /// What it is for; the same characters as in a payout.
    #[schema(min_length = 1, max_length = 256)]
    pub concept: String,
    /// RFC 3339 with its offset, within 90 days: the money is held now and moves not before. Left out, or past: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-24T09:00:00-06:00")]
    pub process_after: Option<Timestamp>,
}

/// Who gets a payout.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBeneficiary {
    /// The CLABE, its check digit right, of an institution that can be paid.
    #[schema(pattern = "^[0-9]{18}$")]
    pub clabe: String,
    /// The whole name, as the bank has it; the same characters as `concept`.
    #[schema(min_length = 1, max_length = 256)]
    pub name: String,
    /// RFC (12 or 13) or CURP (18), when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub tax_id: Option<String>,
}

/// An account to open.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The customer's own CLABE at the bank, its check digit right.
    #[schema(pattern = "^[0-9]{18}$")]
    pub clabe: String,
    /// Who holds it; letters, digits, spaces and `.,-/&'():#`, 39 at most once accents are dropped.
    #[schema(min_length = 1, max_length = 256)]
    pub holder_name: String,
    /// RFC (12 or 13) or CURP (18), when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub tax_id: Option<String>,
    /// Money that it starts with; needs the scope `admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening_credit: Option<NewOpeningCredit>,
}

/// Money that an account starts with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOpeningCredit {
    /// How much.
    #[schema(value_type = form::AmountGiven)]
    pub amount: i64,
    /// Why, for the books: 200 characters at most, the same as in a name.
    #[schema(min_length = 1, max_length = 256)]
    pub reason: String,
}

/// Why a bank is paused.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankPause {
    /// One line that people read later, without control characters.
    #[schema(value_type = form::Reason)]
    pub reason: String,
}

/// What one of two people says that the books must have.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCorrection {
    /// A customer's account, or one of giro's own by its code: 1101, 1180, 2150, 4101 or 5101.
    #[schema(example = "5101")]
    pub debit_account: String,
    /// The same of the account that is credited.
    #[schema(example = "1101")]
    pub credit_account: String,
    #[schema(value_type = form::Centavos)]
    pub amount: i64,
    #[schema(value_type = form::Currency)]
    pub currency: String,
    /// What both go by, in one line: the same document moves the same money once.
    #[schema(value_type = form::Reason)]
    pub document: String,
}

/// How an account is to stand, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    #[schema(value_type = form::AccountStatus)]
    pub status: String,
    /// One line that people read later, without control characters.
    #[schema(value_type = form::Reason)]
    pub reason: String,
}

/// Which pause of a bank ends, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankResume {
    /// One line that people read later, without control characters.
    #[schema(value_type = form::Reason)]
    pub reason: String,
    /// The `paused_at` of the pause that ends; left out where the bank is not paused, only away.
    #[serde(default)]
    pub paused_at: Option<Timestamp>,
}

/// A time for which a bank announced that it takes no orders.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BankClosure {
    /// From when on; now or before: at once.
    pub from: Timestamp,
    /// Until when, this instant not included: to come, and not more than 72 hours after `from`.
    pub until: Timestamp,
    /// One line that people read later, without control characters.
    #[schema(value_type = form::Reason)]
    pub reason: String,
}

/// That what differs of a closed day is understood.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DayUnderstood {
    /// Whose day.
    #[schema(example = "stp")]
    pub bank: String,
    /// The `read_at` of the reading that is understood: another one may differ otherwise.
    pub read_at: Timestamp,
    /// Why it differs, in one line of 200 characters at most.
    #[schema(value_type = form::Reason)]
    pub reason: String,
}

/// What one of two people says of a payout.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// `paid` or `not_paid` of an open one; `understood` of what came after its end.
    #[schema(pattern = "^(paid|not_paid|understood)$", example = "not_paid")]
    pub outcome: String,
    /// What both go by, in one line of 200 characters at most: a letter of the bank's, a statement, a case. Both write the same.
    #[schema(min_length = 1, max_length = 200, example = "letter of the bank, 2026-12-02")]
    pub document: String,
}

/// What one of two people says of what came in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Understanding {
    /// `apply` of what stands in suspense; `understood` of what the bank told otherwise.
    #[schema(pattern = "^(apply|understood)$", example = "apply")]
    pub outcome: String,
    /// What both go by, in one line of 200 characters at most. Both write the same.
    #[schema(min_length = 1, max_length = 200, example = "letter of the bank, 2026-12-02")]
    pub document: String,
    /// With `apply`: the customer's account that gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<form::AccountId>)]
    pub account: Option<String>,
}

/// The decision of people that a deposit goes back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendingBack {
    /// Why, in one line of 200 characters at most.
    #[schema(value_type = form::Reason)]
    pub reason: String,
}

/// The decision of people about what was set apart.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The customer's account that gets it.
    #[schema(value_type = form::AccountId)]
    pub account: String,
    /// Why, in one line of 200 characters at most.
    #[schema(value_type = form::Reason)]
    pub reason: String,
}
