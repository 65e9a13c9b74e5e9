//! The invariants of one command: what it may write on top of the rows before it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use uuid::Uuid;
use workflows::domain::{AccountId, Attention, Centavos, Evidence, MovementId, ReceivedKind, ReceivedState, State};

use super::{
    super::{
        command::{By, Command},
        rows::{
            AccountStatus, Closure, Event, FEE_INCOME, IVA_PAYABLE, Kind, NOT_APPLIED, PausedBy, Payout, Received,
            Rows, Rules, SETTLEMENT_STP, SUSPENSE, TO_APPLY, Writes,
        },
    },
    balanced,
    fixtures::seconds_of_day,
    invariants::{Holds, hold, row},
};
use crate::bank::Found;

/// No payout waits longer than this for a person to be told, the guard around the roll included.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// What one command may write on top of the rows before it.
pub(super) fn step(rules: &Rules, before: &Rows, command: &Command, writes: &Writes) -> Holds {
    hold!(balanced(before, writes), "debits and credits differ");
    hold!(writes.payouts.len() <= 1, "more than one payout was written");
    let mut events = Vec::new();
    for after in &writes.payouts {
        let was = before.payouts.get(&after.id);
        if let Some(was) = was {
            changed(rules, before, command, was, after)?;
            looked(rules, command, was, after)?;
        }
        let moved = was.is_none_or(|was| was.state != after.state || was.send_no != after.send_no);
        // What is booked at once is held and moved in one block: it is born with both events.
        let at_once = was.is_none() && after.to_account.is_some() && after.state == State::Settled;
        events.extend(at_once.then_some((after.id, 1, State::Accepted)));
        let seq = was.map_or(0, |was| was.event_seq) + u32::from(moved) + u32::from(at_once);
        hold!(after.event_seq == seq, "event {} where {seq} is next", after.event_seq);
        events.extend(moved.then_some((after.id, seq, after.state)));
        row(after)?;
        if was.is_none() {
            hold!(at_once || after.state == State::Accepted, "born as {}", after.state);
        }
        let left = was.is_none_or(|was| was.state == State::Accepted)
            && !matches!(after.state, State::Accepted | State::Cancelled);
        let is_time = after.process_after.is_none_or(|at| at <= before.now);
        hold!(!left || is_time, "{} before its time", after.state);
        let closures = before.banks.get(&after.bank).map_or(&[][..], |bank| &bank.closures);
        let closed = closures.iter().map(|closure| closure.until).max();
        let latest = before.now.max(after.process_after.unwrap_or(before.now));
        let latest = closed.map_or(latest, |until| latest.max(until)) + LONGEST;
        hold!(
            after.deadline_at.is_none_or(|at| at <= latest),
            "nobody is told before {latest}"
        );
    }
    let told = writes.events.iter().filter_map(|event| match event {
        Event::Payout(row) => Some((row.id, row.event_seq, row.state)),
        Event::Received(_) => None,
    });
    hold!(told.eq(events), "not one event per transition");
    arrived(before, writes)?;
    money(rules, before, writes)?;
    answered(before, command, writes)
}

/// Records of money that came in: one legal edge each, with its event.
fn arrived(before: &Rows, writes: &Writes) -> Holds {
    hold!(writes.received.len() <= 1, "more than one record was written");
    let told = writes.events.iter().filter_map(|event| match event {
        Event::Received(row) => Some((row.id, row.event_seq, row.state)),
        Event::Payout(_) => None,
    });
    let mut events = Vec::new();
    for after in &writes.received {
        let was = before.received.get(&after.id);
        let moved = was.is_none_or(|was| was.state != after.state);
        let is_legal = match was {
            None => after.state == ReceivedState::Received,
            Some(was) => !moved || was.state.may_become(after.state),
        };
        hold!(is_legal, "{:?} -> {}", was.map(|was| was.state), after.state);
        let seq = was.map_or(0, |was| was.event_seq) + u32::from(moved);
        events.extend(moved.then_some((after.id, seq, after.state)));
        let is_apart = matches!(after.state, ReceivedState::Unapplied | ReceivedState::Suspended);
        hold!(!is_apart || after.attention.is_some(), "set apart, and nobody is told");
        if let Some(was) = was {
            let same = (
                was.amount,
                was.interest,
                was.kind,
                was.operating_date,
                &was.tracking_key,
                &was.of_key,
            ) == (
                after.amount,
                after.interest,
                after.kind,
                after.operating_date,
                &after.tracking_key,
                &after.of_key,
            );
            hold!(same, "what was received has changed");
            hold!(
                was.payout.is_none() || was.payout == after.payout,
                "it returned another payout before"
            );
        }
    }
    hold!(told.eq(events), "not one event per transition of a record");
    Ok(())
}

/// One change of a payout that was there.
fn changed(rules: &Rules, rows: &Rows, command: &Command, was: &Payout, after: &Payout) -> Holds {
    let moved = was.state != after.state || was.send_no != after.send_no;
    hold!(
        !moved || was.state.may_become(after.state),
        "{} -> {}",
        was.state,
        after.state
    );
    hold!(
        after.version == was.version + 1,
        "version {} after {}",
        after.version,
        was.version
    );
    hold!(after.send_no >= was.send_no, "send_no went down");
    hold!(
        was.ended_at.is_none() || was.evidence == after.evidence,
        "an end was decided anew"
    );
    let returns = after.state == State::Returned && matches!(command, Command::Return(_));
    hold!(
        was.ended_at.is_none() || was.state == after.state || returns,
        "an end was left"
    );
    hold!(
        was.ended_at.is_none() || was.ended_at == after.ended_at,
        "the time of an end was changed"
    );
    hold!(
        (&was.tracking_key, was.gross(), was.account) == (&after.tracking_key, after.gross(), after.account),
        "the order itself was changed"
    );
    if after.send_no != was.send_no && matches!(command, Command::Decide(_)) {
        taken_in(rules, rows, was, after)?;
    } else if after.send_no != was.send_no {
        began(rules, rows, was, after)?;
        let seen = if let Command::Begin(begin) = command {
            begin.seen.clone()
        } else {
            rows.server.clone()
        };
        let still = seen
            .zip(rows.server.as_ref())
            .is_some_and(|(seen, now)| seen.still(now));
        hold!(still, "sent from books that may have lost commits");
    }
    if was.state.is_open() && !after.state.is_open() {
        ended(rules, rows, was, after)?;
    }
    Ok(())
}

/// What two people need to say of what was never sent that it was paid: the bank's own word with its date.
fn taken_in(rules: &Rules, rows: &Rows, was: &Payout, after: &Payout) -> Holds {
    hold!(
        (was.state, after.state) == (State::Accepted, State::Sending),
        "{} -> {} by people",
        was.state,
        after.state
    );
    let is_paid = was.effective_on.is_some() && after.evidence == Some(Evidence::TwoPeoplePaid);
    hold!(is_paid, "taken in without the bank's word and people's");
    hold!(
        after.operating_date == was.effective_on,
        "on another day than the bank's"
    );
    hold!(
        after.send_before == Some(rows.now + rules.fence) && after.unproven == 1,
        "whoever may send it is not waited for"
    );
    hold!(
        was.process_after.is_none_or(|at| at <= rows.now),
        "begun before its time"
    );
    Ok(())
}

/// What an end needs: a proof that stands alone, and for giving back that no send can be at work any more.
fn ended(rules: &Rules, rows: &Rows, was: &Payout, after: &Payout) -> Holds {
    hold!(!was.contradicted, "ended while proof disagrees");
    let quiet = was.send_before.is_some_and(|fence| rows.now > fence + rules.margin);
    let alone = was.unproven == 1;
    let proven = match (was.state, after.state, was.evidence) {
        (State::Sending | State::Sent, State::Settled, Some(proof)) => proof.says_paid(),
        (State::Sending, State::Failed, Some(Evidence::Refused)) => alone && was.sender.is_none(),
        (State::Sending, State::Failed, Some(proof)) => !proof.says_paid() && quiet,
        (State::Sent, State::Failed, Some(Evidence::NotPaid | Evidence::TwoPeopleNotPaid)) => alone || quiet,
        (State::Accepted, State::Settled, None) => was
            .to_account
            .and_then(|to| rows.accounts.get(&to))
            .is_some_and(|to| to.status == AccountStatus::Open),
        (State::Accepted, State::Failed, None) => was
            .to_account
            .and_then(|to| rows.accounts.get(&to))
            .is_some_and(|to| to.status != AccountStatus::Open),
        (State::Accepted, State::Cancelled, proof) => proof.is_none_or(|proof| proof == Evidence::TwoPeopleNotPaid),
        _ => false,
    };
    hold!(proven, "{} -> {} by {:?}", was.state, after.state, was.evidence);
    Ok(())
}

/// What a begin needs, and what it fixes.
fn began(rules: &Rules, rows: &Rows, was: &Payout, after: &Payout) -> Holds {
    let now = rows.now;
    let bank = rows.banks.get(&was.bank).ok_or("a begin without a bank")?;
    hold!(
        after.send_no == was.send_no + 1 && after.unproven == was.unproven + 1,
        "not one send more"
    );
    hold!(
        after.send_before == Some(now + rules.fence),
        "the fence is not {} away",
        rules.fence
    );
    hold!(
        after.sender.is_some() && after.not_found == 0,
        "a begin that is nobody's, or counts old answers"
    );
    hold!(was.evidence.is_none(), "sent behind evidence");
    hold!(was.bank_ref.is_none(), "sent what the bank has");
    let guard = 64_200..65_400;
    hold!(!guard.contains(&seconds_of_day(now)), "sent around the roll");
    let open = matches!(bank.paused_by, None | Some(PausedBy::Configuration));
    hold!(
        open && bank.closed_until.is_none_or(|until| until <= now),
        "sent to a bank that is closed"
    );
    let announced = |closure: &Closure| closure.from <= now + rules.fence && now < closure.until;
    hold!(
        !bank.closures.iter().any(announced),
        "sent in a closure that the bank announced"
    );
    if was.state == State::Sending {
        hold!(bank.refuses_repeated_keys, "sent again to a bank that takes repeats");
        hold!(
            was.operating_date == after.operating_date,
            "sent again on another operating date"
        );
        let surfaced = was.send_before.is_some_and(|fence| now > fence + rules.horizon);
        hold!(surfaced && was.not_found >= 2, "sent again too early");
    }
    Ok(())
}

/// What the count of not-founds needs to grow.
fn looked(rules: &Rules, command: &Command, was: &Payout, after: &Payout) -> Holds {
    if after.not_found <= was.not_found {
        return Ok(());
    }
    let Command::Evidence(finding) = command else {
        return Err("counted without a question".to_owned());
    };
    let By::Inquiry {
        send_no,
        asked_at,
        found: Found::NotFound,
        ..
    } = &finding.by
    else {
        return Err("counted by another answer".to_owned());
    };
    let late = was.send_before.is_some_and(|fence| *asked_at > fence + rules.horizon);
    let apart = was
        .not_found_at
        .is_none_or(|last| *asked_at >= last + rules.question_gap);
    hold!(
        late && apart && *send_no == was.send_no,
        "counted a not-found that says nothing"
    );
    hold!(after.not_found == was.not_found + 1, "one answer counted twice");
    Ok(())
}

/// A leg of money that came in: subject, step, ordinal, from, to, centavos.
type Leg = (Uuid, &'static str, u8, AccountId, AccountId, i64);

/// The legs by which a record came to where it is.
fn legs_of(rules: &Rules, before: &Rows, after: &Received) -> Result<Vec<Leg>, String> {
    let was = before.received.get(&after.id).map(|was| was.state);
    if was.is_none() || was == Some(after.state) {
        return Ok(Vec::new());
    }
    let (id, amount) = (after.id.uuid(), after.amount.get());
    let payout = after.payout.and_then(|id| before.payouts.get(&id));
    let to = |apart| after.account.unwrap_or(apart);
    Ok(match (was, after.kind, after.state) {
        (_, ReceivedKind::Return, ReceivedState::Suspended) => vec![(id, "place", 0, SETTLEMENT_STP, SUSPENSE, amount)],
        (Some(ReceivedState::Suspended), _, ReceivedState::Applied) => {
            let to = after.account.ok_or("applied to nobody")?;
            vec![(id, "cure", 0, SUSPENSE, to, amount)]
        }
        (Some(ReceivedState::Unapplied), kind, ReceivedState::Applied) => {
            let (from, refunded) = match kind {
                ReceivedKind::Deposit => (NOT_APPLIED, 0),
                ReceivedKind::Return => (TO_APPLY, payout.map_or(0, |payout| payout.refunded.get())),
            };
            vec![(
                id,
                "cure",
                0,
                from,
                after.account.ok_or("applied to nobody")?,
                amount + refunded,
            )]
        }
        // The payout that sends it back moves its money.
        (_, ReceivedKind::Deposit, ReceivedState::Returning | ReceivedState::SentBack)
        | (Some(ReceivedState::Returning), ReceivedKind::Deposit, _) => Vec::new(),
        (_, ReceivedKind::Deposit, _) => vec![(id, "place", 0, SETTLEMENT_STP, to(NOT_APPLIED), amount)],
        (_, ReceivedKind::Return, _) => {
            let payout = payout.ok_or("a return of no payout")?;
            let (subject, to, interest) = (payout.id.uuid(), to(TO_APPLY), after.interest.get());
            let back = rules.refunds_fee;
            vec![
                (subject, "return", 0, SETTLEMENT_STP, to, amount - interest),
                (
                    subject,
                    "return",
                    1,
                    FEE_INCOME,
                    to,
                    if back { payout.fee.get() } else { 0 },
                ),
                (
                    subject,
                    "return",
                    2,
                    IVA_PAYABLE,
                    to,
                    if back { payout.iva.get() } else { 0 },
                ),
                (subject, "return", 3, SETTLEMENT_STP, to, interest),
            ]
        }
    })
}

/// What the money does: exactly what follows from the payouts and records that changed their state, and from openings.
fn money(rules: &Rules, before: &Rows, writes: &Writes) -> Holds {
    let mut expected: BTreeMap<AccountId, [i64; 3]> = BTreeMap::new();
    let mut legs: BTreeSet<(MovementId, AccountId, AccountId, i64)> = BTreeSet::new();
    let mut add = |account, by: [i64; 3]| {
        let sums = expected.entry(account).or_default();
        for (sum, by) in sums.iter_mut().zip(by) {
            *sum += by;
        }
    };
    for after in &writes.payouts {
        let gross = after.gross().get();
        let was = before.payouts.get(&after.id).map(|was| was.state);
        if was == Some(after.state) {
            continue;
        }
        match after.state {
            State::Accepted if was.is_none() => add(after.account, [0, 0, gross]),
            State::Accepted | State::Sending | State::Sent => {}
            State::Failed | State::Cancelled => add(after.account, [0, 0, -gross]),
            // The record that it came back by says what moved.
            State::Returned => hold!(
                writes.received.iter().any(|row| row.payout == Some(after.id)),
                "returned by no record"
            ),
            State::Settled => {
                let held = if was.is_none() { 0 } else { -gross };
                add(after.account, [gross, 0, held]);
                let to = [
                    (after.to_account.unwrap_or(SETTLEMENT_STP), after.amount),
                    (FEE_INCOME, after.fee),
                    (IVA_PAYABLE, after.iva),
                ];
                for (ordinal, (to, amount)) in (0..).zip(to).filter(|(_, (_, amount))| amount.get() > 0) {
                    add(to, [0, amount.get(), 0]);
                    let id = MovementId::derive(after.id.uuid(), "resolve", ordinal);
                    legs.insert((id, after.account, to, amount.get()));
                }
            }
        }
    }
    for opening in writes.movements.iter().filter(|row| row.kind == Kind::Opening) {
        let amount = opening.amount.get();
        add(SETTLEMENT_STP, [amount, 0, 0]);
        add(opening.credit_account, [0, amount, 0]);
        legs.insert((opening.id, SETTLEMENT_STP, opening.credit_account, amount));
    }
    for row in writes.movements.iter().filter(|row| row.kind == Kind::Correction) {
        let is_said = |said: &super::super::rows::Decision| said.subject == row.subject && said.seconds.is_some();
        hold!(writes.decisions.iter().any(is_said), "one person's correction");
        add(row.debit_account, [row.amount.get(), 0, 0]);
        add(row.credit_account, [0, row.amount.get(), 0]);
        let id = MovementId::derive(row.subject, "correct", 0);
        legs.insert((id, row.debit_account, row.credit_account, row.amount.get()));
    }
    for after in &writes.received {
        let moved = legs_of(rules, before, after)?;
        for (subject, step, ordinal, from, to, amount) in moved.into_iter().filter(|leg| leg.5 > 0) {
            add(from, [amount, 0, 0]);
            add(to, [0, amount, 0]);
            legs.insert((MovementId::derive(subject, step, ordinal), from, to, amount));
        }
    }
    let written = writes.movements.iter();
    let written: Vec<_> = written
        .map(|row| (row.id, row.debit_account, row.credit_account, row.amount.get()))
        .collect();
    hold!(
        written.len() == legs.len() && written.iter().all(|leg| legs.contains(leg)),
        "movements {written:?}"
    );
    for after in &writes.accounts {
        let was = before
            .accounts
            .get(&after.id)
            .map_or([0; 3], |row| [row.debits, row.credits, row.held].map(Centavos::get));
        let now = [after.debits, after.credits, after.held].map(Centavos::get);
        let by = expected.remove(&after.id).unwrap_or_default();
        let right = now.iter().zip(was).zip(by).all(|((now, was), by)| *now == was + by);
        hold!(
            right,
            "account {} was {was:?}, is {now:?}, and {by:?} was due",
            after.id
        );
    }
    hold!(
        expected.values().all(|by| *by == [0; 3]),
        "money that was due was not written: {expected:?}"
    );
    Ok(())
}

/// What the bank says does not vanish: a word that moves nothing stands in the way of an end, or is told.
fn answered(before: &Rows, command: &Command, writes: &Writes) -> Holds {
    let Command::Evidence(finding) = command else {
        return Ok(());
    };
    let Some(after) = writes.payouts.first().or_else(|| before.payouts.get(&finding.payout)) else {
        return Ok(());
    };
    let (told, proof) = (after.attention, after.evidence);
    match &finding.by {
        By::Inquiry {
            found: Found::Paid { .. },
            ..
        } => {
            let kept = match after.state {
                State::Accepted => proof.is_some() && told.is_some(),
                State::Sending | State::Sent => proof.is_some_and(Evidence::says_paid) || after.contradicted,
                State::Failed | State::Cancelled => told == Some(Attention::PaidAfterRelease),
                State::Settled | State::Returned => true,
            };
            hold!(kept, "the bank says paid, and nobody is told: {after:?}");
        }
        By::Inquiry {
            found: Found::NotPaid { .. },
            ..
        } => {
            let kept = match after.state {
                State::Accepted => proof.is_some() && told.is_some(),
                State::Sending | State::Sent => proof.is_some_and(|proof| !proof.says_paid()) || after.contradicted,
                State::Settled | State::Returned => told.is_some(),
                State::Failed | State::Cancelled => true,
            };
            hold!(kept, "the bank says not paid, and nobody is told: {after:?}");
        }
        By::Claim => {
            let was = before.payouts.get(&after.id).map(|was| (was.state, was.evidence));
            hold!(was == Some((after.state, proof)), "a claim moved a payout");
            hold!(
                after.state.is_open() || told.is_some(),
                "a claim after the end was not told"
            );
        }
        By::Inquiry { .. } | By::Statements { .. } => {}
    }
    Ok(())
}
