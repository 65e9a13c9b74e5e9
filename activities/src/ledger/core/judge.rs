//! What a row allows, read and not written: the end that its evidence proves, whether it may be sent, where it stands.

use jiff::{SignedDuration, Timestamp};
use workflows::domain::{Attention, Evidence, OperatingDate, Outcome, State};

use super::{
    super::{
        command::{NotDecided, Stand},
        rows::{BankRow, PausedBy, Payout, Rules},
    },
    later,
    proof::is_disputed,
};

/// While our configuration is refused, one payout in this time goes through to see.
pub(super) const PROBE_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// While the bank is away, one payout finds out for all: so long the others wait for what becomes of it. Above a call.
const PROBE_LASTS: SignedDuration = SignedDuration::from_secs(20);
/// While people have paused the bank, a payout looks this often; `look` wakes it at once.
const PAUSE_LOOK: SignedDuration = SignedDuration::from_secs(300);

/// What the evidence on a row lets apply do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The money left: post it.
    Post,
    /// The money never left: give it back.
    Release,
}

/// What apply would do now, by the evidence on the row; `None` while it is open for good reason.
pub(super) fn verdict(rules: &Rules, row: &Payout, now: Timestamp) -> Option<Verdict> {
    if row.contradicted {
        return None;
    }
    let quiet = row.send_before.is_some_and(|fence| now > later(fence, rules.margin));
    match (row.state, row.evidence?) {
        (State::Sending | State::Sent, Evidence::Paid | Evidence::TwoPeoplePaid) => Some(Verdict::Post),
        (State::Sending, Evidence::Refused) => (row.sender.is_none() && row.unproven == 1).then_some(Verdict::Release),
        (State::Sending, Evidence::NotPaid | Evidence::Absent | Evidence::TwoPeopleNotPaid) => {
            quiet.then_some(Verdict::Release)
        }
        // A second send may be at work while the first one's answer says that the bank has it.
        (State::Sent, Evidence::NotPaid | Evidence::TwoPeopleNotPaid) => {
            (row.unproven == 1 || quiet).then_some(Verdict::Release)
        }
        (State::Sent, Evidence::Refused | Evidence::Absent) => None,
        (State::Accepted | State::Settled | State::Failed | State::Cancelled | State::Returned, _) => None,
    }
}

/// Where a payout stands for whoever drives it: what the next begin or apply would do.
pub fn stand(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> Stand {
    if !row.state.is_open() || verdict(rules, row, now).is_some() {
        return Stand::Closed;
    }
    match row.state {
        State::Accepted if row.evidence.is_none() && !known_unsent(row) => {
            let open = gate(rules, bank, now).err().map_or(now, |shut| shut.until);
            let until = row.waits_until(now).map_or(open, |at| at.max(open));
            Stand::NotSent { until }
        }
        State::Sending if may_resend(rules, row, bank, now) && gate(rules, bank, now).is_ok() => Stand::Resend,
        State::Accepted | State::Sending => Stand::Doubt,
        State::Sent => Stand::Sent,
        State::Settled | State::Failed | State::Cancelled | State::Returned => Stand::Closed,
    }
}

/// Why the same order may not go out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoResend {
    /// It is not in doubt.
    NotInDoubt,
    /// The outcome is proven.
    Proven,
    /// The bank would take a second order under the same key.
    TakesRepeats,
    /// Nobody says that a bank refuses to send the same money back twice.
    SendsBack,
    /// Its operating date is over.
    OtherDay,
    /// It may still surface at the bank, or the bank has not been asked often enough since.
    TooEarly,
}

/// Whether the same order may go out again: the bank would refuse a second one, and has twice not known the first.
pub(super) fn may_resend(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> bool {
    no_resend(rules, row, bank, now).is_none()
}

/// What keeps the same order from going out again; `None`: nothing does.
pub(super) fn no_resend(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> Option<NoResend> {
    if row.state != State::Sending {
        return Some(NoResend::NotInDoubt);
    }
    if row.evidence.is_some() {
        return Some(NoResend::Proven);
    }
    if row.sends_back.is_some() {
        return Some(NoResend::SendsBack);
    }
    if !bank.refuses_repeated_keys {
        return Some(NoResend::TakesRepeats);
    }
    let today = rules.calendar.operating_date(now).ok().map(|today| today.date());
    if today.is_none() || today != row.operating_date {
        return Some(NoResend::OtherDay);
    }
    let surfaces = row.send_before.map_or(now, |fence| later(fence, rules.horizon));
    (now <= surfaces || row.not_found < 2).then_some(NoResend::TooEarly)
}

/// Why the money cannot be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCancel {
    /// The order may be at the bank.
    MayBeAtBank,
    /// It has ended.
    Ended,
    /// The bank knows something of it that people must first understand.
    NotUnderstood,
}

/// What keeps the money from being given back on request; `None`: nothing may have reached the bank.
pub(super) fn no_cancel(row: &Payout) -> Option<NoCancel> {
    if !row.state.is_open() {
        return Some(NoCancel::Ended);
    }
    if row.state != State::Accepted || row.unproven > 0 {
        return Some(NoCancel::MayBeAtBank);
    }
    // Anything that the bank knows of it is first understood by people.
    let understood = match row.evidence {
        None => !known_unsent(row),
        Some(evidence) => evidence == Evidence::TwoPeopleNotPaid && !row.contradicted,
    };
    (!understood).then_some(NoCancel::NotUnderstood)
}

/// Why people's word about a payout counts for nothing; `None`: it would count.
pub(super) fn no_decision(rules: &Rules, row: &Payout, outcome: Outcome, now: Timestamp) -> Option<NotDecided> {
    let is_told = row.attention.is_some() || row.deadline_at.is_some_and(|at| at <= now);
    // What the bank has said, and nothing disputes, ends it: now, or once no send of it can be at work any more.
    let by_the_bank = row.evidence.is_some_and(|evidence| !evidence.is_from_people()) && !is_disputed(row);
    let ends_by_itself = by_the_bank && verdict(rules, row, Timestamp::MAX).is_some();
    match (outcome, row.state) {
        // What is booked has no bank that could say otherwise.
        _ if row.to_account.is_some() => Some(NotDecided::NotNeeded),
        (Outcome::Paid | Outcome::NotPaid, State::Sending | State::Sent) => {
            (!is_told || ends_by_itself).then_some(NotDecided::NotNeeded)
        }
        // Only of what the bank itself says that it paid, with its date: then a begin was lost.
        (Outcome::Paid, State::Accepted) => {
            let is_paid = row.effective_on.is_some() && row.waits_until(now).is_none();
            (!is_paid).then_some(NotDecided::NotSent)
        }
        // What no bank knows of is cancelled, and needs no word of anybody.
        (Outcome::NotPaid, State::Accepted) => {
            let is_known = row.evidence.is_some() || known_unsent(row);
            (!is_known).then_some(NotDecided::NotNeeded)
        }
        (Outcome::Paid | Outcome::NotPaid, State::Settled | State::Failed | State::Cancelled | State::Returned) => {
            Some(NotDecided::Ended)
        }
        (Outcome::Understood, State::Accepted | State::Sending | State::Sent) => Some(NotDecided::StillOpen),
        (Outcome::Understood, State::Settled | State::Failed | State::Cancelled | State::Returned) => {
            // What stands apart is no matter of understanding: it goes to somebody.
            let goes = !matches!(row.attention, None | Some(Attention::ReturnSetApart));
            (!goes).then_some(NotDecided::NotNeeded)
        }
        (Outcome::Apply | Outcome::Correct, _) => Some(NotDecided::NotNeeded),
    }
}

/// True when the bank knows an order of ours that we believe unsent: nothing is sent or given back on top of it.
pub(super) fn known_unsent(row: &Payout) -> bool {
    let strange = matches!(row.attention, Some(Attention::Mismatch | Attention::EvidenceBeforeSend));
    row.state == State::Accepted && (row.bank_ref.is_some() || strange)
}

/// When the bank may be sent to again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    /// When to come back.
    pub(super) until: Timestamp,
    /// It was known before: the guard around the roll, or a closure that the bank announced. It is no fault.
    pub(super) is_foreseen: bool,
}

/// Whether the bank may be sent to now, and on which of its days; else when to come back.
pub(super) fn gate(rules: &Rules, bank: &BankRow, now: Timestamp) -> Result<OperatingDate, Shut> {
    let shut = |until| {
        Err(Shut {
            until,
            is_foreseen: false,
        })
    };
    match bank.paused_by {
        None => {}
        Some(PausedBy::People | PausedBy::PaidAfterRelease | PausedBy::SecondOrder | PausedBy::StrayOrder) => {
            return shut(later(now, PAUSE_LOOK));
        }
        Some(PausedBy::Configuration) => {
            let due = bank.probe_at.map(|at| later(at, PROBE_EVERY)).filter(|due| *due > now);
            if let Some(due) = due {
                return shut(due);
            }
        }
    }
    let foreseen = |until| {
        Err(Shut {
            until,
            is_foreseen: true,
        })
    };
    let opens = bank.takes(&rules.calendar, now, rules.fence);
    let is_announced = bank.closure(now).is_some() || bank.closure(later(now, rules.fence)).is_some();
    // Nobody tries a bank that said it is closed, away or not.
    if let Ok((until, _)) = opens
        && is_announced
    {
        return foreseen(until);
    }
    if let Some(until) = bank.closed_until.filter(|until| *until > now) {
        return shut(until);
    }
    let probed = bank.probe_at.filter(|_| bank.away_by.is_some());
    if let Some(until) = probed.map(|at| later(at, PROBE_LASTS)).filter(|until| *until > now) {
        return shut(until);
    }
    match opens {
        Ok((at, operating_date)) if at == now => Ok(operating_date),
        Ok((until, _)) => foreseen(until),
        // A day that no table has is a day on which nothing is sent; the table's owner sees the lag.
        Err(_) => shut(later(now, PAUSE_LOOK)),
    }
}
