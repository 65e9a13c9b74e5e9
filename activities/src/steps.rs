//! The activities that a run calls: steps on the books, and calls to one bank with that bank's credentials.

mod books;
mod calls;
mod receipts;

use workflows::{
    contract::Standing,
    domain::{Attention, mexico_city},
    sentences::{filled, support::Next},
};

use crate::ledger::rows::Payout;

pub use books::{DirectStarts, LedgerSteps};
pub(crate) use calls::order;
pub use calls::{BankSteps, Looked};
pub use receipts::BanxicoSteps;

/// Where a payout stands, as its run shows it.
pub fn standing(payout: &Payout, now: jiff::Timestamp) -> Standing {
    Standing {
        payout: payout.id,
        bank: payout.bank.clone(),
        amount: payout.amount,
        tracking_key: payout.tracking_key.clone(),
        state: payout.state,
        operating_date: payout.operating_date,
        evidence: payout.evidence,
        bank_said: payout.bank_said.clone(),
        attention: payout.attention.filter(|attention| *attention != Attention::Deadline),
        deadline_seconds: payout.deadline_at.map_or(0, |deadline| seconds_until(now, deadline)),
    }
}

/// That it waits for the time that was asked for.
fn at_its_time(until: jiff::Timestamp) -> String {
    filled(Next::AtItsTime.sentence().en, &[("time", &in_mexico_city(until))])
}

/// That it is tried again, and when.
fn again_in(seconds: u64) -> String {
    filled(Next::NotSent.sentence().en, &[("seconds", &seconds)])
}

/// That the bank is closed.
fn bank_closed(until: jiff::Timestamp) -> String {
    filled(Next::BankClosed.sentence().en, &[("time", &in_mexico_city(until))])
}

/// A time as people in Mexico City write it, to the minute.
fn in_mexico_city(at: jiff::Timestamp) -> String {
    at.to_zoned(mexico_city()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Whole seconds from `now` to `then`, 0 when it is past.
fn seconds_until(now: jiff::Timestamp, then: jiff::Timestamp) -> u64 {
    let left = now.duration_until(then);
    u64::try_from(left.as_millis().div_euclid(1_000) + i128::from(left.as_millis().rem_euclid(1_000) > 0)).unwrap_or(0)
}
