//! Cure, send back: what people decide about money that was set apart, and what becomes of what is sent back.

use sha2::{Digest, Sha256};
use workflows::{
    GIRO,
    domain::{Attention, Centavos, PayoutId, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState, State, TaxId},
};

use super::{
    super::{
        command::{Answer, Cure, NotCured, SendBack},
        rows::{
            AccountStatus, Event, Kind, NOT_APPLIED, Payout, Private, Received, Request, Rows, Rules, TO_APPLY, Writes,
        },
    },
    hex, lower,
    received::{Leg, broken, keep, pay, place, placed, tell, waits},
    requests::{Terms, new_payout},
    settle_row,
};

/// Gives what was set apart to a customer, as people decided. Asked again for the same account, it says so again.
pub(super) fn cure(rows: &Rows, cure: &Cure) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.received.get(&cure.received) else {
        return (Answer::Unknown, writes);
    };
    let refused = |why| not_cured(before, why);
    match before.state {
        ReceivedState::Unapplied => {}
        ReceivedState::Applied if before.account == Some(cure.account) => {
            return (Answer::Placed(before.clone()), writes);
        }
        ReceivedState::Received
        | ReceivedState::Applied
        | ReceivedState::Returning
        | ReceivedState::SentBack
        | ReceivedState::Suspended => {
            return refused(NotCured::NotSetApart);
        }
    }
    match rows.customer(cure.account).map(|row| row.status) {
        Some(AccountStatus::Open) => {}
        Some(AccountStatus::Frozen | AccountStatus::Closed) => return refused(NotCured::AccountNotOpen),
        None => return refused(NotCured::AccountUnknown),
    }
    match sent_back_before(rows, before, cure.payout) {
        Back::Unseen => return waits(before, before.payout),
        Back::Unclear => return refused(NotCured::MayBeBack),
        Back::No => {}
    }
    let payout = match before.payout.map(|id| rows.payouts.get(&id)) {
        Some(None) => {
            // It came to return this payout since whoever decided has looked: what stands apart is not known here.
            return waits(before, before.payout);
        }
        Some(Some(payout)) => Some(payout),
        None => None,
    };
    let refunded = payout.map_or(0, |payout| payout.refunded.get());
    let leg = Leg {
        kind: Kind::Cure,
        from: match before.kind {
            ReceivedKind::Deposit => NOT_APPLIED,
            ReceivedKind::Return => TO_APPLY,
        },
        to: cure.account,
        // Of a return also what was given back of fee and IVA.
        amount: Centavos::new(before.amount.get() + refunded),
    };
    if pay(rows, &[leg], before.id.uuid(), before.operating_date, &mut writes).is_none() {
        return broken(before);
    }
    for moved in &mut writes.movements {
        moved.actor = Some(cure.actor.clone());
        moved.reason = Some(cure.reason.clone());
    }
    let mut row = before.clone();
    row.decided_by = Some(cure.actor.clone());
    row.decided_why = Some(cure.reason.clone());
    place(&mut row, ReceivedState::Applied, Some(cure.account), rows.now);
    (row.attention, row.attention_since) = (None, None);
    if let Some(payout) = payout {
        let mut mended = payout.clone();
        lower(&mut mended, Attention::ReturnSetApart);
        settle_row(payout, mended, rows.now, &mut writes);
    }
    placed(before, row, rows.now, writes)
}

fn not_cured(before: &Received, why: NotCured) -> (Answer, Writes) {
    let received = before.clone();
    (Answer::NotCured { received, why }, Writes::default())
}

/// Whether a deposit that stands apart again has gone after all.
enum Back {
    /// No payout was to send it back, or that is proven not to have.
    No,
    /// It has moved on since whoever decided has looked: which payout was, or that it returned one, is not known here.
    Unseen,
    /// What came after the end of that payout says otherwise.
    Unclear,
}

/// `seen`: the payout that whoever decided knows of.
fn sent_back_before(rows: &Rows, before: &Received, seen: Option<PayoutId>) -> Back {
    if seen != before.payout.or(before.sent_back_by) {
        return Back::Unseen;
    }
    let Some(id) = before.sent_back_by else { return Back::No };
    let Some(payout) = rows.payouts.get(&id) else {
        return Back::Unseen;
    };
    // An end takes attention off: whatever stands there came after it, or was graver. People take it off too, once they have
    // understood it: that the bank has paid stays so.
    match payout.state {
        State::Failed | State::Cancelled if payout.attention.is_none() && !payout.paid_after_end => Back::No,
        State::Failed
        | State::Cancelled
        | State::Accepted
        | State::Sending
        | State::Sent
        | State::Settled
        | State::Returned => Back::Unclear,
    }
}

/// Begins to send back what stands apart, as people decided: its money is held for a payout of its own, which asks the bank
/// once. Asked again, it says so again; by the same key, also when it stands apart anew.
pub(super) fn send_back(rules: &Rules, rows: &Rows, back: &SendBack) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.received.get(&back.received) else {
        return (Answer::Unknown, writes);
    };
    let request = back.request();
    if let Some(known) = rows.requests.get(&request) {
        let answer = if known.hash == send_back_hash(before.id) {
            Answer::Placed(before.clone())
        } else {
            Answer::KeyConflict { payout: known.payout }
        };
        return (answer, writes);
    }
    match (before.kind, before.state) {
        (ReceivedKind::Deposit, ReceivedState::Unapplied) => {}
        (ReceivedKind::Deposit, ReceivedState::Returning | ReceivedState::SentBack) => {
            // This key has its answer too: repeated once that payout has failed, it decides nothing.
            writes.requests.extend(
                before
                    .sent_back_by
                    .map(|payout| asked(rows, request, before.id, payout)),
            );
            return (Answer::Placed(before.clone()), writes);
        }
        (ReceivedKind::Deposit | ReceivedKind::Return, _) => return not_cured(before, NotCured::NotSetApart),
    }
    if rows.shared.contains(&before.id) {
        return not_cured(before, NotCured::KeyShared);
    }
    match sent_back_before(rows, before, back.last) {
        Back::Unseen => return waits(before, before.payout),
        Back::Unclear => return not_cured(before, NotCured::MayBeBack),
        Back::No => {}
    }
    let held = rows.accounts.get(&NOT_APPLIED).and_then(|account| {
        let mut account = account.clone();
        account.held = account.held.checked_add(before.amount)?;
        Some(account)
    });
    let Some(account) = held else {
        return broken(before);
    };
    let payout = going_back(rules, rows, back, before);
    writes.accounts.push(account);
    writes.requests.push(asked(rows, request, before.id, payout.id));
    writes.events.push(Event::Payout(Box::new(payout.clone())));
    let mut row = before.clone();
    row.sent_back_by = Some(payout.id);
    row.decided_by = Some(back.actor.clone());
    row.decided_why = Some(back.reason.clone());
    writes.payouts.push(payout);
    place(&mut row, ReceivedState::Returning, None, rows.now);
    (row.attention, row.attention_since) = (None, None);
    placed(before, row, rows.now, writes)
}

/// A decision to send a deposit back, by its key, and the payout that does it.
fn asked(rows: &Rows, (caller, key): (String, String), deposit: ReceivedId, payout: PayoutId) -> Request {
    Request {
        caller,
        key,
        hash: send_back_hash(deposit),
        payout: Some(payout),
        account: None,
        refusal: None,
        created_at: rows.now,
    }
}

/// What a request to send a deposit back is, in hex: the same for ever.
pub(crate) fn send_back_hash(received: ReceivedId) -> String {
    hex(&Sha256::digest(format!("send back {received}").as_bytes()))
}

/// The payout that sends a deposit back: it draws on what stands apart, names no account, and costs nobody a fee.
fn going_back(rules: &Rules, rows: &Rows, back: &SendBack, of: &Received) -> Payout {
    let text = |text: &Option<Private>| text.clone().unwrap_or_else(|| Private::new(""));
    let reference = of.reference.filter(|reference| (1..=9_999_999).contains(reference));
    let terms = Terms {
        caller: GIRO.to_owned(),
        request_key: back.request().1,
        request_hash: send_back_hash(of.id),
        account: NOT_APPLIED,
        bank: of.bank.clone(),
        institution: of.sender,
        clabe: Private::new(""),
        beneficiary_name: text(&of.sender_name),
        beneficiary_tax_id: Private::new(TaxId::unknown().as_str()),
        concept: text(&of.concept),
        reference: reference.unwrap_or(1),
        amount: of.amount,
        fee: Centavos::ZERO,
        iva: Centavos::ZERO,
        process_after: None,
    };
    Payout {
        sends_back: Some(of.id),
        deposit_key: Some(of.tracking_key.clone()),
        deposit_date: Some(of.operating_date),
        accepted_on: rows.server.as_ref().map(|seen| seen.server.clone()),
        ..new_payout(rules, rows.now, back.payout, terms)
    }
}

/// What a payout that has ended, or is about to, leaves of the deposit that it was to send back; nothing for any other.
/// `None`: the record is not there, and the books are broken.
pub(super) fn stays_apart(rows: &Rows, payout: &Payout, writes: &mut Writes) -> Option<()> {
    let Some(id) = payout.sends_back else {
        return Some(());
    };
    let before = rows
        .received
        .get(&id)
        .filter(|row| row.state == ReceivedState::Returning)?;
    let mut row = before.clone();
    match payout.state {
        State::Settled => place(&mut row, ReceivedState::SentBack, None, rows.now),
        State::Failed | State::Cancelled => {
            place(&mut row, ReceivedState::Unapplied, None, rows.now);
            tell(&mut row, ReceivedAttention::SendBackFailed, rows.now);
        }
        State::Accepted | State::Sending | State::Sent | State::Returned => return None,
    }
    let row = keep(before, row, rows.now, writes);
    writes.events.push(Event::Received(Box::new(row)));
    Some(())
}
