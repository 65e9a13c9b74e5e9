//! Receive, deposit, return: what becomes of money that a bank says came in. Facts: they are always recorded, and money that
//! nobody can be given stands apart, with a person told.

use jiff::{SignedDuration, Timestamp, civil::Date};
use sha2::{Digest, Sha256};
use workflows::domain::{
    AccountId, Attention, Centavos, PayoutId, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState, State,
};

use super::{
    super::{
        command::{Answer, Receive, Return},
        rows::{
            Account, AccountStatus, Event, FEE_INCOME, IVA_PAYABLE, Kind, NOT_APPLIED, Payout, Private, Received, Rows,
            Rules, SETTLEMENT_STP, SUSPENSE, TO_APPLY, Writes,
        },
    },
    hex, later, lower, movement, raise, settle_row, transition,
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
    let told_as = digest(&told);
    let is_free = matches!(before.attention, None | Some(ReceivedAttention::Differs));
    if told_as != digest(before) && is_free && before.told_otherwise.as_ref() != Some(&told_as) {
        // Once for each way in which it is told: what people have understood is not told again.
        tell(&mut row, ReceivedAttention::Differs, rows.now);
        row.told_otherwise = Some(told_as);
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
        told_otherwise: None,
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

/// What a record says of money; its identity is no part of it.
fn digest(row: &Received) -> String {
    let text = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), |text| format!("{}:{text}", text.len()));
    let said = format!(
        "{}|{}|{}|{}|{}",
        row.payment_type,
        row.amount.get(),
        row.interest.get(),
        text(row.clabe.as_ref().map(Private::expose)),
        text(row.of_key.as_deref())
    );
    hex(&Sha256::digest(said.as_bytes()))
}

/// Gives a deposit to the customer whose account it is for, or sets it apart.
pub(super) fn deposit(rows: &Rows, id: ReceivedId) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let before = match waiting(rows, id, ReceivedKind::Deposit) {
        Ok(before) => before,
        Err(answer) => return (*answer, writes),
    };
    let named = before.clabe.as_ref();
    let account = named.and_then(|clabe| rows.customer_at(clabe.expose()));
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
    if pay(rows, &[leg], id.uuid(), before.operating_date, &mut writes).is_none() {
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
    // What is booked was never at a bank: nothing of it can come back.
    let payout = payout.filter(|payout| payout.to_account.is_none());
    let Some(payout) = payout else {
        return suspend(rows, before, ReceivedAttention::PayoutUnknown);
    };
    match payout.state {
        State::Accepted => {
            // Its bank returns what the books never sent: sending it now would pay twice.
            let mut row = payout.clone();
            raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
            settle_row(payout, row, rows.now, &mut writes);
            (waits(before, Some(payout.id)).0, writes)
        }
        State::Sending | State::Sent => waits(before, Some(payout.id)),
        State::Failed | State::Cancelled => suspend(rows, before, ReceivedAttention::PayoutNotPaid),
        State::Returned => suspend(rows, before, ReceivedAttention::SecondReturn),
        // What giro sent back comes back once more: nobody's money but whose it was.
        State::Settled if payout.sends_back.is_some() => {
            let (answer, mut writes) = suspend(rows, before, ReceivedAttention::BackAgain);
            let mut row = payout.clone();
            lower(&mut row, Attention::ReturnExpected);
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
    if pay(rows, &legs, payout.id.uuid(), before.operating_date, &mut writes).is_none() {
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
    if pay(rows, &[leg], before.id.uuid(), before.operating_date, &mut writes).is_none() {
        return broken(before);
    }
    let mut row = before.clone();
    place(&mut row, ReceivedState::Suspended, None, rows.now);
    tell(&mut row, why, rows.now);
    placed(before, row, rows.now, writes)
}

/// One leg of money.
pub(super) struct Leg {
    pub(super) kind: Kind,
    pub(super) from: AccountId,
    pub(super) to: AccountId,
    pub(super) amount: Centavos,
}

/// Writes legs onto accounts and as movements of `subject`, counted for the operating date `on`; those of nothing are left
/// out. `None`: an account is not there, or a total would not fit.
pub(super) fn pay(rows: &Rows, legs: &[Leg], subject: uuid::Uuid, on: Date, writes: &mut Writes) -> Option<()> {
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
        writes
            .movements
            .push(movement(subject, leg.kind, ends, leg.amount, on, rows.now));
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
pub(super) fn place(row: &mut Received, state: ReceivedState, account: Option<AccountId>, now: Timestamp) {
    row.state = state;
    row.account = account;
    row.event_seq += 1;
    row.deadline_at = None;
    row.placed_at = row.placed_at.or(Some(now));
}

pub(super) fn tell(row: &mut Received, why: ReceivedAttention, now: Timestamp) {
    row.attention = Some(why);
    row.attention_since = Some(now);
}

pub(super) fn placed(before: &Received, row: Received, now: Timestamp, mut writes: Writes) -> (Answer, Writes) {
    let row = keep(before, row, now, &mut writes);
    writes.events.push(Event::Received(Box::new(row.clone())));
    (Answer::Placed(row), writes)
}

/// Writes the row when the command changed it.
pub(super) fn keep(before: &Received, mut row: Received, now: Timestamp, writes: &mut Writes) -> Received {
    if row != *before {
        row.version = before.version + 1;
        row.changed_at = now;
        writes.received.push(row.clone());
    }
    row
}

/// It waits, for this payout when it is of one.
pub(super) fn waits(before: &Received, payout: Option<PayoutId>) -> (Answer, Writes) {
    let received = before.clone();
    (Answer::Waits { received, payout }, Writes::default())
}

/// An account that must be there is not: the books are broken, and the record waits until they are mended.
pub(super) fn broken(before: &Received) -> (Answer, Writes) {
    waits(before, None)
}
