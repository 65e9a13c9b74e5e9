//! Stories on real parts: API in, ledger and bank's journal out.

mod api;
mod audit;
mod bad_input;
mod bank_faults;
mod callers;
mod contract;
mod ctl;
mod fates;
mod faults;
mod histories;
mod kills;
mod metrics;
mod raw;
mod reads;
mod runs;
#[path = "../wire/snapshot.rs"]
mod snapshot;
mod statement;
mod wire;
