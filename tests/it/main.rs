//! Stories on real parts: API in, ledger and bank's journal out.

mod api;
mod bad_input;
mod callers;
mod contract;
mod fates;
mod faults;
mod harness;
mod raw;
mod runs;
