//! Whether the bank answers: what each send and question says of it is written on its row, once for all payouts.

use jiff::{SignedDuration, Timestamp};
use workflows::domain::PayoutId;

use super::{
    super::{
        command::Record,
        rows::{AwayBy, BankRow, PausedBy, Writes},
    },
    later,
};
use crate::bank::{Found, FoundDoubt, NotSent, Submitted};

/// A bank that is away is left alone for so long, in seconds; twice as long each time, up to the last.
const BACKOFF_FIRST: i32 = 10;
const BACKOFF_LAST: i32 = 300;
/// A bank that answered nothing for so long, neither one payout nor another, is away.
const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// The bank's own attention while it is away.
const AWAY: &str = "away";

/// Changes the bank's row, on top of what this command changed of it before.
fn change(bank: &BankRow, writes: &mut Writes, edit: impl FnOnce(&mut BankRow)) {
    let mut next = writes.banks.pop().unwrap_or_else(|| bank.clone());
    edit(&mut next);
    if next != *bank {
        writes.banks.push(next);
    }
}

/// A send begins: it is counted, and while the bank is away or refuses everything, it is the one that finds out.
pub(super) fn begun(bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    let probes = bank.paused_by == Some(PausedBy::Configuration) || bank.away_by.is_some();
    change(bank, writes, |row| {
        row.begins += 1;
        if probes {
            row.probe_at = Some(now);
        }
    });
}

/// The bank takes no orders; until when it is left alone. Sends that were under way when it went are one sign of it: the
/// pause grows only when a try after it fails.
pub(super) fn away(by: AwayBy, bank: &BankRow, now: Timestamp, writes: &mut Writes) -> Timestamp {
    if let Some(until) = bank.closed_until.filter(|until| *until > now) {
        return until;
    }
    let mut until = now;
    change(bank, writes, |row| {
        until = close(row, now);
        // Silent says more than unreachable. A bank that says "questions only" is not silent.
        if row.away_by != Some(AwayBy::Silent) || by == AwayBy::ReadOnly {
            row.away_by = Some(by);
        }
        row.away_since = row.away_since.or(Some(now));
    });
    until
}

/// Sends nothing for a while, for longer each time.
fn close(row: &mut BankRow, now: Timestamp) -> Timestamp {
    row.backoff_seconds = (row.backoff_seconds * 2).clamp(BACKOFF_FIRST, BACKOFF_LAST);
    let until = later(now, SignedDuration::from_secs(i64::from(row.backoff_seconds)));
    row.closed_until = Some(until);
    if row.backoff_seconds == BACKOFF_LAST {
        row.attention = row.attention.take().or_else(|| Some(AWAY.to_owned()));
    }
    until
}

/// The bank refuses everything of ours: it is paused, and a probe in a while sees whether that is mended.
pub(super) fn misconfigured(code: &str, bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    if bank.paused_by.is_none() {
        change(bank, writes, |row| {
            row.paused_by = Some(PausedBy::Configuration);
            row.pause_reason = Some(code.to_owned());
            row.paused_at = Some(now);
            row.attention = Some(code.to_owned());
            row.probe_at = Some(now);
        });
    }
}

/// What became of a send says whether the bank answers.
pub(super) fn sent(record: &Record, bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    match &record.submitted {
        Submitted::Accepted { .. } | Submitted::Refused { .. } => change(bank, writes, |row| takes_orders(row, now)),
        Submitted::NotSent(NotSent::Unreachable) => silence(record.payout, bank, now, writes),
        Submitted::NotSent(NotSent::ReadOnly | NotSent::Configuration { .. }) => change(bank, writes, heard),
        Submitted::NotSent(NotSent::Late) => {}
        // A whole answer that says nothing is no silence, and no sign that the bank works.
        Submitted::Doubt { .. } if record.exchange.status.is_some_and(|status| status < 500) => {}
        Submitted::Doubt { .. } => {
            silence(record.payout, bank, now, writes);
            change(bank, writes, |row| {
                let is_open = row.closed_until.is_none_or(|until| until <= now);
                if row.away_by.is_some() && is_open {
                    close(row, now);
                }
            });
        }
    }
}

/// What a question found says whether the bank answers.
pub(super) fn asked(payout: PayoutId, found: &Found, bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    match found {
        Found::Doubt(FoundDoubt::NoAnswer { .. }) => silence(payout, bank, now, writes),
        Found::Paid { .. } | Found::NotPaid { .. } | Found::Pending { .. } | Found::NotFound | Found::Doubt(_) => {
            change(bank, writes, |row| {
                if row.away_by == Some(AwayBy::Silent) {
                    back(row, now);
                }
                heard(row);
            });
        }
    }
}

/// No answer. One payout alone says nothing of the bank: another must have none either, for a while.
fn silence(payout: PayoutId, bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    change(bank, writes, |row| match (row.silent_since, row.silent_first) {
        (Some(since), Some(first)) => {
            let is_long = now >= later(since, SILENT_AFTER);
            if is_long && first != payout.uuid() && row.away_by != Some(AwayBy::Silent) {
                row.away_by = Some(AwayBy::Silent);
                row.away_since = row.away_since.or(Some(since));
                row.attention = row.attention.take().or_else(|| Some(AWAY.to_owned()));
                if row.closed_until.is_none_or(|until| until <= now) {
                    close(row, now);
                }
            }
        }
        (None, _) | (_, None) => {
            row.silent_since = Some(now);
            row.silent_first = Some(payout.uuid());
        }
    });
}

/// It said something.
fn heard(row: &mut BankRow) {
    row.silent_since = None;
    row.silent_first = None;
}

/// It is no longer away: sent to again.
fn back(row: &mut BankRow, now: Timestamp) {
    row.away_by = None;
    row.away_since = None;
    row.closed_until = None;
    row.backoff_seconds = 0;
    row.back_at = Some(now);
    if row.attention.as_deref() == Some(AWAY) {
        row.attention = None;
    }
}

/// A bank that answers orders is neither away nor misconfigured.
fn takes_orders(row: &mut BankRow, now: Timestamp) {
    heard(row);
    if row.away_by.is_some() {
        back(row, now);
        row.probe_at = None;
    }
    if row.paused_by == Some(PausedBy::Configuration) {
        row.paused_by = None;
        row.pause_reason = None;
        row.paused_at = None;
        row.probe_at = None;
        row.attention = None;
        row.back_at = Some(now);
    }
}

#[cfg(test)]
mod tests;
