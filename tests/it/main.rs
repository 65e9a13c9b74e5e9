//! Stories on real parts: API in, ledger and bank's journal out.

mod api;
mod arrivals;
mod attack;
mod audit;
mod bad_input;
mod bank_faults;
mod beside;
mod callers;
mod contract;
mod crash;
mod ctl;
mod fates;
mod faults;
mod finance;
mod histories;
mod inside;
mod kills;
mod metrics;
mod old_backup;
mod outage;
mod people;
mod poison;
mod raw;
mod reads;
mod reconciliation;
mod repeats;
mod resets;
mod roll;
mod runs;
mod shed;
#[path = "../wire/snapshot.rs"]
mod snapshot;
mod statement;
mod webhooks;
mod wire;
mod writers;
