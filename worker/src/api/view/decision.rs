//! What people say of a payout, of what came in or of the books, one by one, and whether it counts.

use activities::ledger::rows;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{AccountId, Outcome};

use super::{Thing, arrival::Arrival, correction::Correction, form, payout::Payout};

/// What somebody said, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// `decision`.
    pub object: Thing,
    #[schema(value_type = form::Outcome)]
    pub outcome: Outcome,
    /// With `apply`: whose it becomes.
    #[schema(value_type = Option<form::AccountId>)]
    pub account: Option<AccountId>,
    /// What both go by.
    #[schema(example = "letter of the bank, 2026-12-02")]
    pub document: String,
    /// Two people have said so.
    pub is_decided: bool,
    /// What comes now.
    pub next: String,
    /// Everything that people have said of it, the oldest first.
    pub said: Vec<Said>,
    /// The payout as it stands; null where it is about what came in.
    pub payout: Option<Payout>,
    /// The deposit or return as it stands; null where it is about a payout.
    pub arrival: Option<Arrival>,
    /// The correction as it stands; null where it is about anything else.
    #[serde(default)]
    pub correction: Option<Correction>,
}

/// What one person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    /// The caller that they are.
    #[schema(example = "ana")]
    pub by: String,
    pub at: Timestamp,
    #[schema(value_type = form::Outcome)]
    pub outcome: Outcome,
    #[schema(value_type = Option<form::AccountId>)]
    pub account: Option<AccountId>,
    pub document: String,
    /// How it stood then: once it has moved on, this word no longer counts.
    #[schema(example = "sending, sends 1 (1), evidence none, reference none, the bank said none, told nothing")]
    pub stood: String,
    /// It made another person's word count.
    pub is_second: bool,
}

impl Said {
    pub(in crate::api) fn of(row: rows::Decision) -> Self {
        Self {
            by: row.person,
            at: row.at,
            outcome: row.outcome,
            account: row.account,
            document: row.document,
            stood: row.stood,
            is_second: row.seconds.is_some(),
        }
    }
}
