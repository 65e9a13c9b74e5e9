//! Every answer of the REST API as a type: what callers and people may see, which is never a name, a whole CLABE or a
//! tax id. Written by the API, read by `giroctl`. Every field is there; what is absent is null.

pub mod account;
pub mod arrival;
pub mod attention;
pub mod bank;
pub mod correction;
pub mod decision;
pub mod form;
pub mod health;
pub mod institution;
pub mod page;
pub mod payout;
pub mod problem;
pub mod receipt;
pub mod reconciliation;
pub mod request;
pub mod timeline;
pub mod told;
pub mod transfer;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of thing an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    Payout,
    PayoutPreview,
    Timeline,
    Account,
    Movement,
    Statement,
    Bank,
    Institution,
    Attention,
    Reconciliation,
    Deposit,
    Return,
    Transfer,
    Receipt,
    Decision,
    RunningDay,
    Correction,
}
