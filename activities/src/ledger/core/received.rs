//! Receive, deposit, return, cure, send back: what becomes of money that a bank says came in. Facts, but for the last two: they are
//! always recorded, and money that nobody can be given stands apart, with a person told.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use workflows::domain::{
    AccountId, Attention, Centavos, PayoutId, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState, State, TaxId,
    TrackingKey,
};

use super::{
    super::{
        command::{Answer, Cure, NotCured, Receive, Return, SendBack},
        rows::{
            Account, AccountStatus, CUSTOMER, Event, FEE_INCOME, IVA_PAYABLE, Kind, NOT_APPLIED, Payout, Private,
            Received, Request, Rows, Rules, SETTLEMENT_STP, SUSPENSE, TO_APPLY, Writes,
        },
    },
    hex, later, movement, raise, settle_row, transition,
};

/// Money that came in is placed within this, or a person is told.
const PLACED: SignedDuration = SignedDuration::from_secs(60);

/// Takes in a record that giro read from its bank. Told a second time, it is the row that is there; told otherwise, a
/// person is.
pub(super) fn receive(rows: &Rows, receive: &Receive) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let told = born(rows, receive);
    let Some(before) = rows.received.get(&told.id) else {
        writes.events.push(Event::Received(Box::new(told.clone())));
        writes.received.push(told.clone());
        return (
            Answer::Received {
                received: told,
                is_new: true,
            },
            writes,
        );
    };
    let mut row = before.clone();
    if !is_same(before, &told) && row.attention.is_none() {
        tell(&mut row, ReceivedAttention::Differs, rows.now);
    }
    let received = keep(before, row, rows.now, &mut writes);
    (
        Answer::Received {
            received,
            is_new: false,
        },
        writes,
    )
}

/// The row of a record as it is received.
fn born(rows: &Rows, receive: &Receive) -> Received {
    let line = &receive.line;
    let private = |text: &Option<String>| text.as_deref().map(Private::new);
    let kind = ReceivedKind::of(line.payment_type);
    let of_return = |text: &Option<String>| text.clone().filter(|_| kind == ReceivedKind::Return);
    Received {
        id: receive.id(),
        bank: receive.bank.clone(),
        operating_date: line.operating_date,
        sender: line.sender.get(),
        tracking_key: line.tracking_key.clone(),
        kind,
        payment_type: line.payment_type,
        amount: line.amount,
        interest: match kind {
            ReceivedKind::Return => line.interest.min(line.amount),
            ReceivedKind::Deposit => Centavos::ZERO,
        },
        clabe: private(&line.account),
        of_key: of_return(&line.of_key),
        cause: of_return(&line.cause),
        sender_account: private(&line.sender_account),
        sender_name: private(&line.sender_name),
        concept: private(&line.concept),
        reference: line.reference,
        bank_ref: line.bank_ref.clone(),
        record: Private::new(&*line.record),
        state: ReceivedState::Received,
        account: None,
        payout: None,
        sent_back_by: None,
        decided_by: None,
        decided_why: None,
        attention: None,
        attention_since: None,
        deadline_at: Some(later(rows.now, PLACED)),
        event_seq: 1,
        version: 1,
        received_at: rows.now,
        changed_at: rows.now,
        placed_at: None,
        swept_at: None,
    }
}

/// What a record says of money, held against what it said before; its identity is the same already.
fn is_same(before: &Received, told: &Received) -> bool {
    (
        before.payment_type,
        before.amount,
        before.interest,
        &before.clabe,
        &before.of_key,
    ) == (told.payment_type, told.amount, told.interest, &told.clabe, &told.of_key)
}

/// Gives a deposit to the customer whose account it is for, or sets it apart.
pub(super) fn deposit(rows: &Rows, id: ReceivedId) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let before = match waiting(rows, id, ReceivedKind::Deposit) {
        Ok(before) => before,
        Err(answer) => return (*answer, writes),
    };
    let named = before.clabe.as_ref().and_then(|clabe| rows.named.get(clabe.expose()));
    let account = named
        .and_then(|id| rows.accounts.get(id))
        .filter(|row| row.code == CUSTOMER);
    let (to, attention) = match account.map(|row| (row.id, row.status)) {
        Some((id, AccountStatus::Open)) => (id, None),
        Some((_, AccountStatus::Frozen | AccountStatus::Closed)) => {
            (NOT_APPLIED, Some(ReceivedAttention::AccountNotOpen))
        }
        None => (NOT_APPLIED, Some(ReceivedAttention::AccountUnknown)),
    };
    let mut row = before.clone();
    let leg = Leg {
        kind: Kind::Deposit,
        from: SETTLEMENT_STP,
        to,
        amount: before.amount,
    };
    if pay(rows, &[leg], id.uuid(), before, &mut writes).is_none() {
        return broken(before);
    }
    match attention {
        None => place(&mut row, ReceivedState::Applied, Some(to), rows.now),
        Some(why) => {
            place(&mut row, ReceivedState::Unapplied, None, rows.now);
            tell(&mut row, why, rows.now);
        }
    }
    placed(before, row, rows.now, writes)
}

/// Reverses what came back of a settled payout, once. While the payout is open it waits for its own posting; what no
/// settled payout explains goes to suspense.
pub(super) fn give_back(rules: &Rules, rows: &Rows, back: &Return) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let before = match waiting(rows, back.received, ReceivedKind::Return) {
        Ok(before) => before,
        Err(answer) => return (*answer, writes),
    };
    let payout = back.payout.and_then(|id| rows.payouts.get(&id));
    let payout = payout.filter(|payout| before.of_key.as_deref() == Some(payout.tracking_key.as_str()));
    let Some(payout) = payout else {
        return suspend(rows, before, ReceivedAttention::PayoutUnknown);
    };
    match payout.state {
        State::Accepted => {
            // Its bank returns what the books never sent: sending it now would pay twice.
            let mut row = payout.clone();
            raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
            let payout = Some(settle_row(payout, row, rows.now, &mut writes).id);
            (
                Answer::Waits {
                    received: before.clone(),
                    payout,
                },
                writes,
            )
        }
        State::Sending | State::Sent => {
            let (received, payout) = (before.clone(), Some(payout.id));
            (Answer::Waits { received, payout }, writes)
        }
        State::Failed | State::Cancelled => suspend(rows, before, ReceivedAttention::PayoutNotPaid),
        State::Returned => suspend(rows, before, ReceivedAttention::SecondReturn),
        // What giro sent back comes back once more: nobody's money but whose it was.
        State::Settled if payout.sends_back.is_some() => {
            let (answer, mut writes) = suspend(rows, before, ReceivedAttention::BackAgain);
            let mut row = payout.clone();
            if row.attention == Some(Attention::ReturnExpected) {
                (row.attention, row.attention_since) = (None, None);
            }
            settle_row(payout, row, rows.now, &mut writes);
            (answer, writes)
        }
        State::Settled if !(1..=payout.amount.get()).contains(&before.principal().get()) => {
            suspend(rows, before, ReceivedAttention::TooMuch)
        }
        State::Settled => reverse(rules, rows, before, payout),
    }
}

/// The movements of a return, the payout's last state, and where the money is.
fn reverse(rules: &Rules, rows: &Rows, before: &Received, payout: &Payout) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(payer) = rows.accounts.get(&payout.account) else {
        return broken(before);
    };
    let (to, state) = match payer.status {
        AccountStatus::Open => (payer.id, ReceivedState::Applied),
        AccountStatus::Frozen | AccountStatus::Closed => (TO_APPLY, ReceivedState::Unapplied),
    };
    let refund = |amount: Centavos| if rules.refunds_fee { amount } else { Centavos::ZERO };
    let (fee, iva) = (refund(payout.fee), refund(payout.iva));
    let legs = [
        (Kind::Return, SETTLEMENT_STP, before.principal()),
        (Kind::FeeRefund, FEE_INCOME, fee),
        (Kind::IvaRefund, IVA_PAYABLE, iva),
        (Kind::Interest, SETTLEMENT_STP, before.interest),
    ]
    .map(|(kind, from, amount)| Leg { kind, from, to, amount });
    if pay(rows, &legs, payout.id.uuid(), before, &mut writes).is_none() {
        return broken(before);
    }
    let mut returned = payout.clone();
    returned.returned_by = Some(before.id);
    returned.returned_amount = Some(before.principal());
    returned.refunded = Centavos::new(fee.get() + iva.get());
    returned.return_cause.clone_from(&before.cause);
    returned.returned_on = Some(before.operating_date);
    returned.returned_at = Some(rows.now);
    transition(rules, &mut returned, State::Returned, rows.now, &mut writes);
    if state == ReceivedState::Unapplied {
        raise(&mut returned, Attention::ReturnSetApart, rows.now);
    }
    settle_row(payout, returned, rows.now, &mut writes);
    let mut row = before.clone();
    row.payout = Some(payout.id);
    place(
        &mut row,
        state,
        (state == ReceivedState::Applied).then_some(to),
        rows.now,
    );
    if state == ReceivedState::Unapplied {
        tell(&mut row, ReceivedAttention::AccountNotOpen, rows.now);
    }
    placed(before, row, rows.now, writes)
}

/// Money that came back and belongs to no settled payout that giro knows.
fn suspend(rows: &Rows, before: &Received, why: ReceivedAttention) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let leg = Leg {
        kind: Kind::Suspense,
        from: SETTLEMENT_STP,
        to: SUSPENSE,
        amount: before.amount,
    };
    if pay(rows, &[leg], before.id.uuid(), before, &mut writes).is_none() {
        return broken(before);
    }
    let mut row = before.clone();
    place(&mut row, ReceivedState::Suspended, None, rows.now);
    tell(&mut row, why, rows.now);
    placed(before, row, rows.now, writes)
}

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
    match rows
        .accounts
        .get(&cure.account)
        .filter(|row| row.code == CUSTOMER)
        .map(|row| row.status)
    {
        Some(AccountStatus::Open) => {}
        Some(AccountStatus::Frozen | AccountStatus::Closed) => return refused(NotCured::AccountNotOpen),
        None => return refused(NotCured::AccountUnknown),
    }
    match sent_back_before(rows, before) {
        _ if cure.payout != before.payout.or(before.sent_back_by) => return waits(before),
        Back::Unseen => return waits(before),
        Back::Unclear => return refused(NotCured::MayBeBack),
        Back::No => {}
    }
    let payout = match before.payout.map(|id| rows.payouts.get(&id)) {
        Some(None) => {
            // It came to return this payout since whoever decided has looked: what stands apart is not known here.
            return waits(before);
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
    if pay(rows, &[leg], before.id.uuid(), before, &mut writes).is_none() {
        return broken(before);
    }
    for moved in &mut writes.movements {
        moved.actor = Some(cure.actor.clone());
        moved.reason = Some(cure.reason.clone());
    }
    let mut row = before.clone();
    place(&mut row, ReceivedState::Applied, Some(cure.account), rows.now);
    (row.attention, row.attention_since) = (None, None);
    if let Some(payout) = payout {
        let mut mended = payout.clone();
        if mended.attention == Some(Attention::ReturnSetApart) {
            (mended.attention, mended.attention_since) = (None, None);
        }
        settle_row(payout, mended, rows.now, &mut writes);
    }
    placed(before, row, rows.now, writes)
}

fn not_cured(before: &Received, why: NotCured) -> (Answer, Writes) {
    let received = before.clone();
    (Answer::NotCured { received, why }, Writes::default())
}

/// It has moved on since whoever decided has looked.
fn waits(before: &Received) -> (Answer, Writes) {
    let (received, payout) = (before.clone(), before.payout);
    (Answer::Waits { received, payout }, Writes::default())
}

/// Whether a deposit that stands apart again has gone after all.
enum Back {
    /// No payout was to send it back, or that is proven not to have.
    No,
    /// Which payout was, is not known here.
    Unseen,
    /// What came after the end of that payout says otherwise.
    Unclear,
}

fn sent_back_before(rows: &Rows, before: &Received) -> Back {
    let Some(id) = before.sent_back_by else { return Back::No };
    let Some(payout) = rows.payouts.get(&id) else {
        return Back::Unseen;
    };
    // An end takes attention off: whatever stands there came after it, or was graver.
    match payout.state {
        State::Failed | State::Cancelled if payout.attention.is_none() => Back::No,
        State::Failed | State::Cancelled => Back::Unclear,
        State::Accepted | State::Sending | State::Sent | State::Settled | State::Returned => Back::Unclear,
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
    match sent_back_before(rows, before) {
        _ if back.last != before.sent_back_by => return waits(before),
        Back::Unseen => return waits(before),
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

/// Who asks for what giro itself sends back.
pub const GIRO: &str = "giro";

/// What a request to send a deposit back is, in hex: the same for ever.
pub(crate) fn send_back_hash(received: ReceivedId) -> String {
    hex(&Sha256::digest(format!("send back {received}").as_bytes()))
}

/// The payout that sends a deposit back: it draws on what stands apart, names no account, and costs nobody a fee.
fn going_back(rules: &Rules, rows: &Rows, back: &SendBack, of: &Received) -> Payout {
    let text = |text: &Option<Private>| text.clone().unwrap_or_else(|| Private::new(""));
    let reference = of.reference.filter(|reference| (1..=9_999_999).contains(reference));
    Payout {
        id: back.payout,
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
        tracking_key: TrackingKey::derive(back.payout),
        deadline_at: Some(later(rows.now, rules.accepted)),
        accepted_at: rows.now,
        changed_at: rows.now,
        sends_back: Some(of.id),
        deposit_key: Some(of.tracking_key.clone()),
        deposit_date: Some(of.operating_date),
        accepted_on: rows.server.as_ref().map(|seen| seen.server.clone()),
        fee: Centavos::ZERO,
        iva: Centavos::ZERO,
        state: State::Accepted,
        operating_date: None,
        send_no: 0,
        sender: None,
        unproven: 0,
        send_before: None,
        not_found: 0,
        not_found_at: None,
        bank_ref: None,
        bank_said: None,
        evidence: None,
        contradicted: false,
        decided_by: None,
        document: None,
        doubt: None,
        attention: None,
        attention_since: None,
        effective_on: None,
        event_seq: 1,
        version: 1,
        ended_at: None,
        swept_at: None,
        returned_by: None,
        returned_amount: None,
        refunded: Centavos::ZERO,
        return_cause: None,
        returned_on: None,
        returned_at: None,
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

/// One leg of money.
struct Leg {
    kind: Kind,
    from: AccountId,
    to: AccountId,
    amount: Centavos,
}

/// Writes legs onto accounts and as movements of `subject`, counted for the record's operating date; those of nothing are
/// left out. `None`: an account is not there, or a total would not fit.
fn pay(rows: &Rows, legs: &[Leg], subject: uuid::Uuid, of: &Received, writes: &mut Writes) -> Option<()> {
    let mut accounts: Vec<Account> = Vec::new();
    let mut change = |id: AccountId, debit: Centavos, credit: Centavos| {
        let place = match accounts.iter().position(|row| row.id == id) {
            Some(place) => place,
            None => {
                accounts.push(rows.accounts.get(&id)?.clone());
                accounts.len() - 1
            }
        };
        let row = &mut accounts[place];
        row.debits = row.debits.checked_add(debit)?;
        row.credits = row.credits.checked_add(credit)?;
        Some(())
    };
    for leg in legs.iter().filter(|leg| leg.amount.get() > 0) {
        change(leg.from, leg.amount, Centavos::ZERO)?;
        change(leg.to, Centavos::ZERO, leg.amount)?;
        let ends = (leg.from, leg.to);
        writes.movements.push(movement(
            subject,
            leg.kind,
            ends,
            leg.amount,
            of.operating_date,
            rows.now,
        ));
    }
    writes.accounts = accounts;
    Some(())
}

/// The row that waits to be placed, or the answer when it does not.
fn waiting(rows: &Rows, id: ReceivedId, kind: ReceivedKind) -> Result<&Received, Box<Answer>> {
    match rows.received.get(&id).filter(|row| row.kind == kind) {
        Some(row) if row.state == ReceivedState::Received => Ok(row),
        Some(row) => Err(Box::new(Answer::Placed(row.clone()))),
        None => Err(Box::new(Answer::Unknown)),
    }
}

/// Puts a record into a state that says where its money is.
fn place(row: &mut Received, state: ReceivedState, account: Option<AccountId>, now: Timestamp) {
    row.state = state;
    row.account = account;
    row.event_seq += 1;
    row.deadline_at = None;
    row.placed_at = row.placed_at.or(Some(now));
}

fn tell(row: &mut Received, why: ReceivedAttention, now: Timestamp) {
    row.attention = Some(why);
    row.attention_since = Some(now);
}

fn placed(before: &Received, row: Received, now: Timestamp, mut writes: Writes) -> (Answer, Writes) {
    let row = keep(before, row, now, &mut writes);
    writes.events.push(Event::Received(Box::new(row.clone())));
    (Answer::Placed(row), writes)
}

/// Writes the row when the command changed it.
fn keep(before: &Received, mut row: Received, now: Timestamp, writes: &mut Writes) -> Received {
    if row != *before {
        row.version = before.version + 1;
        row.changed_at = now;
        writes.received.push(row.clone());
    }
    row
}

/// An account that must be there is not: the books are broken, and the record waits until they are mended.
fn broken(before: &Received) -> (Answer, Writes) {
    (
        Answer::Waits {
            received: before.clone(),
            payout: None,
        },
        Writes::default(),
    )
}
