//! What must hold, in one place: of every row, of the books as a whole, of a repeat, and against the bank; `steps.rs`
//! has what one command may write.
//!
//! These are a second reading of the rules (`docs/architecture.md`), simple and slow, that shares nothing with `decide`.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use workflows::{
    GIRO,
    domain::{AccountId, Attention, Centavos, Evidence, MovementId, Outcome, ReceivedState, State},
};

use super::{
    super::{
        command::{Answer, Command, Stand, Subject},
        rows::{BankRow, CUSTOMER, Payout, Rows, Rules},
    },
    decide,
    fixtures::{begin, word},
    outlook::{Deed, Next, Step, outlook},
    world::{Slot, World, at, day, uuid},
};
use crate::bank::Sender;

/// `Ok`, or what is broken.
pub(super) type Holds = Result<(), String>;

/// Fails with a sentence when a condition does not hold.
macro_rules! hold {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+));
        }
    };
}

pub(super) use hold;

/// The same command again, after a lost COMMIT answer: the same answer, and nothing that moves money or a payout.
pub(super) fn repeat(rules: &Rules, rows: &Rows, command: &Command, first: &Answer) -> Holds {
    let (again, writes) = decide(rules, rows, command);
    hold!(
        writes.movements.is_empty() && writes.accounts.is_empty(),
        "a repeat moves money"
    );
    hold!(
        writes.events.is_empty() && writes.payouts.is_empty(),
        "a repeat moves a payout: {first:?} then {again:?}"
    );
    hold!(
        writes.requests.is_empty() && writes.received.is_empty(),
        "a repeat asks or takes in anew"
    );
    hold!(
        same(first, &again),
        "two answers to one command: {first:?} then {again:?}"
    );
    Ok(())
}

/// True when two answers say the same; a time to wait until may differ.
fn same(first: &Answer, again: &Answer) -> bool {
    match (first, again) {
        (Answer::Stands(one, first), Answer::Stands(other, again)) => {
            let waits = matches!((first, again), (Stand::NotSent { .. }, Stand::NotSent { .. }));
            one == other && (first == again || waits)
        }
        (
            Answer::Accepted { payout: one, .. },
            Answer::Accepted {
                payout: other,
                replayed: true,
            },
        ) => one == other,
        (
            Answer::Opened { account: one, .. },
            Answer::Opened {
                account: other,
                replayed: true,
            },
        ) => one == other,
        (
            Answer::Refused { refusal: one, .. },
            Answer::Refused {
                refusal: other,
                replayed: true,
            },
        ) => one == other,
        (
            Answer::Received { received: one, .. },
            Answer::Received {
                received: other,
                is_new: false,
            },
        ) => one == other,
        (one, other) => one == other,
    }
}

/// One row by itself, as the checks of the table have it.
pub(super) fn row(row: &Payout) -> Holds {
    if row.to_account.is_some() {
        let never = (row.send_no, row.unproven, row.evidence, row.operating_date) == (0, 0, None, None);
        hold!(never && row.bank == GIRO, "booked, and a bank has to do with it");
        hold!(
            !matches!(row.state, State::Sending | State::Sent | State::Returned),
            "booked, and {}",
            row.state
        );
    }
    let unsent = matches!(row.state, State::Accepted | State::Cancelled) || row.to_account.is_some();
    hold!(
        (row.unproven == 0) == unsent,
        "{} with {} unproven",
        row.state,
        row.unproven
    );
    hold!(row.unproven <= row.send_no, "more in doubt than was ever sent");
    hold!(
        unsent || (row.operating_date.is_some() && row.send_before.is_some()),
        "sent on no day"
    );
    let proof = row.evidence.map(Evidence::says_paid);
    hold!(
        row.to_account.is_some() || row.state != State::Settled || proof == Some(true),
        "settled without proof"
    );
    hold!(
        row.to_account.is_some() || row.state != State::Failed || proof == Some(false),
        "failed without proof"
    );
    hold!(row.state.is_open() == row.ended_at.is_none(), "an end without a date");
    hold!(
        row.state.is_open() == row.deadline_at.is_some(),
        "open without a deadline: nobody would be told"
    );
    Ok(())
}

/// The books by naive sums: every total again from movements and open payouts, every event in its place.
pub(super) fn books(
    rows: &Rows,
    movements: &BTreeMap<MovementId, (Uuid, AccountId, AccountId, Centavos)>,
    events: &BTreeSet<(Uuid, u32)>,
) -> Holds {
    let mut sums: BTreeMap<AccountId, [i64; 3]> = BTreeMap::new();
    for (_, debit, credit, amount) in movements.values() {
        sums.entry(*debit).or_default()[0] += amount.get();
        sums.entry(*credit).or_default()[1] += amount.get();
    }
    for payout in rows.payouts.values() {
        row(payout)?;
        if payout.state.is_open() {
            sums.entry(payout.account).or_default()[2] += payout.gross().get();
        }
        let id = payout.id.uuid();
        let count = events.range((id, 0)..=(id, u32::MAX)).count();
        hold!(
            u32::try_from(count).ok() == Some(payout.event_seq),
            "a gap in the events of {}",
            payout.id
        );
        let posted = movements.contains_key(&MovementId::derive(payout.id.uuid(), "resolve", 0));
        hold!(
            posted == matches!(payout.state, State::Settled | State::Returned),
            "{} and posted: {posted}",
            payout.state
        );
        let came_back = movements.contains_key(&MovementId::derive(id, "return", 0));
        hold!(
            came_back == (payout.state == State::Returned),
            "{} and came back: {came_back}",
            payout.state
        );
    }
    for received in rows.received.values() {
        let id = received.id.uuid();
        let count = events.range((id, 0)..=(id, u32::MAX)).count();
        hold!(
            u32::try_from(count).ok() == Some(received.event_seq),
            "a gap in the events of {}",
            received.id
        );
        hold!(
            (received.state == ReceivedState::Received) == received.placed_at.is_none(),
            "{} placed at {:?}",
            received.state,
            received.placed_at
        );
        let back = rows
            .payouts
            .values()
            .filter(|payout| payout.sends_back == Some(received.id));
        let (open, ended): (Vec<_>, Vec<_>) = back.partition(|payout| payout.state.is_open());
        let gone = ended.iter().filter(|payout| payout.state == State::Settled).count();
        let due = match received.state {
            ReceivedState::Returning => (1, 0),
            ReceivedState::SentBack => (0, 1),
            ReceivedState::Received | ReceivedState::Applied | ReceivedState::Unapplied | ReceivedState::Suspended => {
                (0, 0)
            }
        };
        hold!(
            (open.len(), gone) == due,
            "{}: {} payouts send it back, {gone} have",
            received.state,
            open.len()
        );
    }
    for account in rows.accounts.values() {
        let is = [account.debits, account.credits, account.held].map(Centavos::get);
        let due = sums.remove(&account.id).unwrap_or_default();
        hold!(
            is == due,
            "account {} says {is:?}, its movements and open payouts {due:?}",
            account.id
        );
        hold!(
            account.code != CUSTOMER || is[0] + is[2] <= is[1],
            "account {} is overdrawn",
            account.id
        );
    }
    hold!(sums.is_empty(), "movements of accounts that are not there: {sums:?}");
    Ok(())
}

/// What people are told of a payout is what the commands would do.
pub(super) fn told(rules: &Rules, rows: &Rows, row: &Payout) -> Holds {
    let giro = BankRow::new(GIRO, false);
    let bank = match row.to_account {
        Some(_) => &giro,
        None => rows.banks.get(&row.bank).ok_or("a payout without a bank")?,
    };
    let told = outlook(rules, row, bank, rows.now);
    let may = |deed| told.may.iter().any(|may| may.deed == deed && may.why_not.is_none());
    let would = |command| decide(rules, rows, &command).0;
    let now = |what| told.next == Some(Next { what, at: None });
    let open = row.state.is_open();
    let cancels = matches!(
        would(Command::Cancel(row.id, "payments".to_owned())),
        Answer::Cancelled(_)
    ) && open;
    hold!(
        may(Deed::Cancel) == cancels,
        "cancel: {cancels}, told {told:?} of {row:?}"
    );
    let sends = matches!(
        would(begin(row.id, Sender(uuid(u32::MAX)))),
        Answer::Stands(_, Stand::Go)
    );
    let resends = sends && row.state == State::Sending;
    let decides = [Outcome::Paid, Outcome::NotPaid, Outcome::Understood]
        .into_iter()
        .map(|outcome| would(word(Subject::Payout(row.id), "somebody new", outcome, None, u32::MAX)))
        .any(|answer| matches!(answer, Answer::Decided(_) | Answer::Awaits(_)));
    hold!(
        may(Deed::Decide) == decides,
        "decide: {decides}, told {told:?} of {row:?}"
    );
    hold!(
        may(Deed::Resend) == resends,
        "resend: {resends}, told {told:?} of {row:?}"
    );
    hold!(
        (now(Step::Send) || now(Step::Resend)) == sends,
        "send: {sends}, told {told:?} of {row:?}"
    );
    let end = if row.to_account.is_some() {
        Command::Book(row.id)
    } else {
        Command::Apply(row.id)
    };
    let ends = matches!(would(end), Answer::Ended(..));
    hold!(
        (now(Step::Post) || now(Step::Release) || now(Step::Book) || !open) == ends,
        "end: {ends}, told {told:?} of {row:?}"
    );
    hold!(told.next.is_some() == open, "an open payout without a way on: {row:?}");
    Ok(())
}

/// The promise, held against what an honest bank really did and still may do.
pub(super) fn promise(rules: &Rules, now: jiff::Timestamp, row: &Payout, world: &World) -> Holds {
    let now = at(now);
    let (alive, paid) = (world.alive(), world.paid());
    hold!(world.orders.iter().flatten().count() <= 1, "two orders for one payout");
    once(world)?;
    let coming = world.able(now) || world.in_flight(now, rules);
    match row.state {
        State::Settled => hold!(paid == 1, "settled, and not paid"),
        State::Failed | State::Cancelled => {
            hold!(alive == 0, "{}, and paid or payable", row.state);
            hold!(!coming, "{}, and still on its way to the bank", row.state);
        }
        State::Accepted => {
            hold!(alive == 0, "accepted, and the bank has it");
            hold!(!coming, "accepted, and still on its way to the bank");
        }
        State::Sent => hold!(world.orders[0].is_some(), "sent, and the bank does not have it"),
        State::Sending => {}
        State::Returned => hold!(paid == 1, "returned, and was not paid"),
    }
    match row.evidence {
        Some(proof) if proof.says_paid() => hold!(paid == 1, "{proof}, and not paid"),
        Some(proof) => hold!(alive == 0, "{proof}, and paid or payable"),
        None => {}
    }
    // The bank's word on one of two sends does not say which; statements, which close two days later, do not list
    // what the bank had and ended.
    let unclear = row.unproven > 1 || day(now) >= 2;
    hold!(!row.contradicted || unclear, "an honest bank contradicts itself");
    let grave = matches!(
        row.attention,
        Some(Attention::PaidAfterRelease | Attention::SecondOrder)
    );
    hold!(!grave, "an honest bank is said to have paid wrongly");
    Ok(())
}

/// One right to send, one execution that has it.
fn once(world: &World) -> Holds {
    let right = |slot: &Slot| match slot {
        Slot::Begun { send_no, .. } | Slot::Waiting { send_no, .. } | Slot::Heard { send_no, .. } => Some(*send_no),
        Slot::Idle | Slot::Asking { .. } => None,
    };
    let [one, other] = world.slots.each_ref().map(right);
    hold!(one.is_none() || one != other, "two executions may send the same send");
    Ok(())
}
