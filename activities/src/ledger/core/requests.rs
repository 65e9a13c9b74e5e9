//! Open, accept, cancel: requests, the only commands that can be refused, and whose refusals are remembered.

use jiff::Timestamp;
use workflows::{
    GIRO,
    domain::{AccountId, Attention, Centavos, PayoutId, Refusal, State, TrackingKey},
};

use super::{
    super::{
        command::{Accept, Answer, Open},
        rows::{
            Account, AccountStatus, BankRow, CUSTOMER, Event, Kind, Payout, Private, Request, Rows, Rules,
            SETTLEMENT_STP, Writes,
        },
    },
    booking::move_over,
    decided::stays_apart,
    ending::released,
    judge::no_cancel,
    later, movement, raise,
    sending::begin_may_be_lost,
    settle_row, transition,
};

/// The answer that a request's key already has, if any.
fn replay(rows: &Rows, caller: &str, key: &str, hash: &str) -> Option<Answer> {
    let before = rows.requests.get(&(caller.to_owned(), key.to_owned()))?;
    if before.hash != hash {
        return Some(Answer::KeyConflict { payout: before.payout });
    }
    if let Some(refusal) = before.refusal {
        return Some(Answer::Refused {
            refusal,
            replayed: true,
        });
    }
    let payout = before.payout.and_then(|id| rows.payouts.get(&id)).cloned();
    let account = before.account.and_then(|id| rows.accounts.get(&id)).cloned();
    match (payout, account) {
        (Some(payout), _) => Some(Answer::Accepted { payout, replayed: true }),
        (None, Some(account)) => Some(Answer::Opened {
            account,
            replayed: true,
        }),
        (None, None) => Some(Answer::KeyConflict { payout: before.payout }),
    }
}

/// Opens an account; an opening credit debits settlement, once per account, with who and why.
pub(super) fn open(rows: &Rows, open: &Open) -> (Answer, Writes) {
    let mut writes = Writes::default();
    if let Some(answer) = replay(rows, &open.caller, &open.key, &open.hash) {
        return (answer, writes);
    }
    if rows.clabes.contains_key(open.request.clabe.as_str()) {
        return (Answer::ClabeTaken, writes);
    }
    let mut account = Account {
        id: open.account,
        code: CUSTOMER,
        name: Private::new(open.request.holder.as_str()),
        caller: Some(open.caller.clone()),
        clabe: Some(Private::new(open.request.clabe.as_str())),
        tax_id: Some(Private::new(open.request.tax_id.as_str())),
        status: AccountStatus::Open,
        debits: Centavos::ZERO,
        credits: Centavos::ZERO,
        held: Centavos::ZERO,
        opened_at: rows.now,
    };
    if let Some((amount, reason)) = &open.request.opening {
        let Some(mut settlement) = rows.accounts.get(&SETTLEMENT_STP).cloned() else {
            return (Answer::Unknown, writes);
        };
        let Some(debits) = settlement.debits.checked_add(*amount) else {
            return (Answer::Unknown, writes);
        };
        settlement.debits = debits;
        account.credits = *amount;
        let legs = (SETTLEMENT_STP, account.id);
        let mut opening = movement(
            account.id.uuid(),
            Kind::Opening,
            legs,
            *amount,
            open.effective_on,
            rows.now,
        );
        opening.actor = Some(open.caller.clone());
        opening.reason = Some(reason.clone());
        writes.movements.push(opening);
        writes.accounts.push(settlement);
    }
    writes.accounts.push(account.clone());
    writes.requests.push(Request {
        caller: open.caller.clone(),
        key: open.key.clone(),
        hash: open.hash.clone(),
        payout: None,
        account: Some(account.id),
        refusal: None,
        created_at: rows.now,
    });
    (
        Answer::Opened {
            account,
            replayed: false,
        },
        writes,
    )
}

/// Holds amount, fee and IVA for a new payout, or refuses for good.
pub(super) fn accept(rules: &Rules, rows: &Rows, accept: &Accept) -> (Answer, Writes) {
    let mut writes = Writes::default();
    if let Some(answer) = replay(rows, &accept.caller, &accept.key, &accept.hash) {
        return (answer, writes);
    }
    if rows.payouts.contains_key(&accept.payout) {
        return (
            Answer::KeyConflict {
                payout: Some(accept.payout),
            },
            writes,
        );
    }
    let mut request = Request {
        caller: accept.caller.clone(),
        key: accept.key.clone(),
        hash: accept.hash.clone(),
        payout: None,
        account: None,
        refusal: None,
        created_at: rows.now,
    };
    let asked = payer(rows, accept).and_then(|account| Ok((account, payee(rows, accept)?)));
    let (mut account, payee) = match asked {
        Ok(found) => found,
        Err(refusal) => {
            request.refusal = Some(refusal);
            writes.requests.push(request);
            return (
                Answer::Refused {
                    refusal,
                    replayed: false,
                },
                writes,
            );
        }
    };
    let mut payout = born(rules, rows, accept, payee);
    request.payout = Some(payout.id);
    writes.requests.push(request);
    writes.events.push(Event::Payout(Box::new(payout.clone())));
    if payout.to_account.is_some() && payout.waits_until(rows.now).is_none() {
        // Held and moved in one block: nobody can see it in between.
        let Some(booked) = move_over(rules, rows, &payout, account, &mut writes) else {
            return (Answer::Unknown, Writes::default());
        };
        payout = booked;
    } else {
        account.held = account.held.checked_add(payout.gross()).unwrap_or(account.held);
        writes.accounts.push(account);
    }
    writes.payouts.push(payout.clone());
    (
        Answer::Accepted {
            payout,
            replayed: false,
        },
        writes,
    )
}

/// The account that pays, when it is the caller's, open, another than the beneficiary, and has the money.
fn payer(rows: &Rows, accept: &Accept) -> Result<Account, Refusal> {
    let account = rows
        .customer(accept.order.account)
        .filter(|row| row.caller.as_deref() == Some(accept.caller.as_str()))
        .ok_or(Refusal::AccountUnknown)?;
    match account.status {
        AccountStatus::Open => {}
        AccountStatus::Frozen | AccountStatus::Closed => return Err(Refusal::AccountNotOpen),
    }
    if account
        .clabe
        .as_ref()
        .is_some_and(|own| own.expose() == accept.order.clabe.as_str())
    {
        return Err(Refusal::SameAccount);
    }
    let gross = accept
        .order
        .amount
        .checked_add(accept.fee)
        .and_then(|sum| sum.checked_add(accept.iva));
    match gross {
        Some(gross) if gross <= account.available() => Ok(account.clone()),
        Some(_) | None => Err(Refusal::InsufficientFunds),
    }
}

/// The customer of giro's own whose CLABE it is, where that is one; it must take money.
fn payee(rows: &Rows, accept: &Accept) -> Result<Option<AccountId>, Refusal> {
    match rows
        .customer_at(accept.order.clabe.as_str())
        .map(|account| (account.id, account.status))
    {
        Some((id, AccountStatus::Open)) => Ok(Some(id)),
        Some((_, AccountStatus::Frozen | AccountStatus::Closed)) => Err(Refusal::BeneficiaryNotOpen),
        None if accept.is_transfer => Err(Refusal::BeneficiaryNotOpen),
        None => Ok(None),
    }
}

/// The row of a payout as accept makes it.
fn born(rules: &Rules, rows: &Rows, accept: &Accept, payee: Option<AccountId>) -> Payout {
    let order = &accept.order;
    let terms = Terms {
        caller: accept.caller.clone(),
        request_key: accept.key.clone(),
        request_hash: accept.hash.clone(),
        account: order.account,
        bank: payee.map_or_else(|| accept.bank.clone(), |_| GIRO.to_owned()),
        institution: order.institution.get(),
        clabe: Private::new(order.clabe.as_str()),
        beneficiary_name: Private::new(order.name.as_str()),
        beneficiary_tax_id: Private::new(order.tax_id.as_str()),
        concept: Private::new(order.concept.as_str()),
        reference: order.reference.get(),
        amount: order.amount,
        fee: accept.fee,
        iva: accept.iva,
        process_after: order.process_after,
    };
    Payout {
        to_account: payee,
        is_transfer: accept.is_transfer,
        ..new_payout(rules, rows.now, accept.payout, terms)
    }
}

/// What a payout is, for ever.
pub(super) struct Terms {
    pub(super) caller: String,
    pub(super) request_key: String,
    pub(super) request_hash: String,
    pub(super) account: AccountId,
    pub(super) bank: String,
    pub(super) institution: u32,
    pub(super) clabe: Private,
    pub(super) beneficiary_name: Private,
    pub(super) beneficiary_tax_id: Private,
    pub(super) concept: Private,
    pub(super) reference: u32,
    pub(super) amount: Centavos,
    pub(super) fee: Centavos,
    pub(super) iva: Centavos,
    pub(super) process_after: Option<Timestamp>,
}

/// A payout whose money is held and that nobody has begun to send. Its tracking key comes from its id alone.
pub(super) fn new_payout(rules: &Rules, now: Timestamp, id: PayoutId, terms: Terms) -> Payout {
    Payout {
        id,
        caller: terms.caller,
        request_key: terms.request_key,
        request_hash: terms.request_hash,
        account: terms.account,
        bank: terms.bank,
        institution: terms.institution,
        clabe: terms.clabe,
        beneficiary_name: terms.beneficiary_name,
        beneficiary_tax_id: terms.beneficiary_tax_id,
        concept: terms.concept,
        reference: terms.reference,
        amount: terms.amount,
        fee: terms.fee,
        iva: terms.iva,
        tracking_key: TrackingKey::derive(id),
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
        bank_word: None,
        came_back: false,
        cancelled_by: None,
        paid_after_end: false,
        evidence: None,
        contradicted: false,
        decided_by: None,
        document: None,
        doubt: None,
        attention: None,
        attention_since: None,
        deadline_at: Some(later(terms.process_after.unwrap_or(now).max(now), rules.accepted)),
        effective_on: None,
        event_seq: 1,
        version: 1,
        accepted_at: now,
        changed_at: now,
        ended_at: None,
        swept_at: None,
        sends_back: None,
        deposit_key: None,
        deposit_date: None,
        accepted_on: None,
        process_after: terms.process_after,
        to_account: None,
        is_transfer: false,
        returned_by: None,
        returned_amount: None,
        refunded: Centavos::ZERO,
        return_cause: None,
        returned_on: None,
        returned_at: None,
    }
}

/// Gives the money back when nothing may have reached the bank. Asked again, it says so again.
pub(super) fn cancel(rules: &Rules, rows: &Rows, payout: PayoutId, by: &str) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&payout) else {
        return (Answer::Unknown, writes);
    };
    if before.state == State::Cancelled {
        return (Answer::Cancelled(before.clone()), writes);
    }
    if no_cancel(before).is_some() {
        return (Answer::TooLate(before.clone()), writes);
    }
    // Where the books may have lost its send, the bank says first whether there was one.
    let is_caught_up = |bank: &BankRow| bank.is_caught_up(rows.server.as_ref());
    if before.to_account.is_none() && !rows.banks.get(&before.bank).is_some_and(is_caught_up) {
        return (Answer::CatchingUp(before.clone()), writes);
    }
    if before.evidence.is_none() && begin_may_be_lost(rows, before) {
        let mut row = before.clone();
        raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
        let row = settle_row(before, row, rows.now, &mut writes);
        return (Answer::TooLate(row), writes);
    }
    let Some(account) = released(rows, before) else {
        return (Answer::Unknown, writes);
    };
    let mut row = before.clone();
    row.cancelled_by = Some(by.to_owned());
    transition(rules, &mut row, State::Cancelled, rows.now, &mut writes);
    writes.accounts.push(account);
    if stays_apart(rows, &row, &mut writes).is_none() {
        return (Answer::Unknown, Writes::default());
    }
    let row = settle_row(before, row, rows.now, &mut writes);
    (Answer::Cancelled(row), writes)
}
