//! HOW it is done, against the real world.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `ledger` | the books: a pure core, one writer, the SQL |
//! | `bank` | the port to a bank, and its adapters |
//! | `steps` | the activities that a run calls |
//! | `banxico` | Banxico's portal of receipts: evidence for people |
//! | `inbox` | what banks tell us, stored first and understood later |
//! | `catch_up` | the books held against the bank's orders, before anything is sent on a server |
//! | `receive` | money that comes in: pulled from the bank, taken in, and its runs started |
//! | `sides` | the bank's statements against the books, both ways |
//! | `reconcile` | the bank's closed days: what both have is written down, and what neither has is proven |
//! | `audit` | the books against themselves, the bank and Temporal |
//! | `keys` | keys of callers, as the books have them |
//! | `sweep` | open payouts whose driver may be gone |
//! | `figures` | what stands in the books, as gauges |
//! | `meters` | every metric of this crate, and what counts it |
//! | `web` | answers over HTTP, up to a cap |
//! | `crash` | places where a process can be made to die, in debug builds |
//! | `failure` | the three words: Refused, Later, Doubt |

pub mod audit;
pub mod bank;
pub mod banxico;
pub mod catch_up;
pub mod crash;
pub mod failure;
pub mod figures;
pub mod inbox;
pub mod keys;
pub mod ledger;
pub mod meters;
pub mod receive;
pub mod reconcile;
mod sides;
pub mod steps;
pub mod sweep;
mod web;
