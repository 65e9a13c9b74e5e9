//! WHAT happens to a payout, and to money that comes in, in order. No clock, no network, no database.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `payout` | the order of money of one payout, on one screen |
//! | `deposit`, `returns` | the same of money that comes in |
//! | `reconciliation` | the banks' closed days, held against the books |
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
pub mod payout;
pub mod reconciliation;
pub mod returns;
mod saga;
pub mod sentences;
mod verbs;
pub mod wire;

pub use deposit::DepositWorkflow;
pub use payout::PayoutWorkflow;
pub use reconciliation::ReconciliationWorkflow;
pub use returns::ReturnWorkflow;

/// The workflow queue of a deployment that names no other.
pub const QUEUE: &str = "giro";

/// The banks that have a queue; a start that names another would wait for ever.
pub const BANKS: &[&str] = &["stp"];

/// The queue of a bank's calls: alone with the bank's credentials, paused and limited alone.
pub fn bank_queue(queue: &str, bank: &str) -> String {
    format!("{queue}-bank-{bank}")
}
