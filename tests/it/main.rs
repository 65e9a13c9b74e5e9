//! Stories on real parts: API in, ledger and bank's journal out.

mod api;
mod contract;
mod ctl;
mod fates;
mod faults;
mod harness;
mod runs;
