//! WHAT happens to a payout, and to money that comes in, in order. No clock, no network, no database.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `payout` | the order of money of one payout, on one screen |
//! | `deposit`, `returns` | the same of money that comes in |
//! | `transfer` | the same of money that stays: from one account of giro's own to another |
//! | `reconciliation` | the banks' closed days, held against the books |
//! | `receipts` | questions to Banxico's portal of receipts |
//! | `outcome` | how a run ended |
//! | `saga`, `arrival` | the verbs they are written in, with their timeouts and retries |
//! | `verbs` | what every run does alike |
//! | `contract` | the activities that the verbs call, declared here and implemented in `activities` |
//! | `wire` | what others may send: the start, the signal, the update |
//! | `attributes` | search attributes of a run |
//! | `sentences` | what a person reads in the Temporal UI |
//! | `domain` | the types all of it speaks in |

pub mod arrival;
pub mod attributes;
pub mod contract;
pub mod deposit;
#[macro_use]
pub mod domain;
pub mod outcome;
pub mod payout;
pub mod receipts;
pub mod reconciliation;
pub mod returns;
mod saga;
pub mod sentences;
pub mod transfer;
mod verbs;
pub mod wire;

pub use deposit::DepositWorkflow;
pub use payout::PayoutWorkflow;
pub use receipts::ReceiptsWorkflow;
pub use reconciliation::ReconciliationWorkflow;
pub use returns::ReturnWorkflow;
pub use transfer::TransferWorkflow;

/// The workflow queue of a deployment that names no other.
pub const QUEUE: &str = "giro";

/// The banks that have a queue; a start that names another would wait for ever.
pub const BANKS: &[&str] = &["stp"];

/// giro itself: who asks for what it sends back, and the bank of what it books between its own accounts. It has no queue.
pub const GIRO: &str = "giro";

/// The queue of a bank's calls: alone with the bank's credentials, paused and limited alone.
pub fn bank_queue(queue: &str, bank: &str) -> String {
    format!("{queue}-bank-{bank}")
}

/// The queue of questions to Banxico: nothing of a payout waits for it.
pub fn banxico_queue(queue: &str) -> String {
    format!("{queue}-banxico")
}
