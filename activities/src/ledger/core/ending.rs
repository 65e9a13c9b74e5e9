//! Apply: the one way to an end, posting or giving back by the evidence on the row.

use jiff::civil::Date;
use workflows::domain::{AccountId, End, PayoutId, State};

use super::{
    super::{
        command::Answer,
        rows::{Account, FEE_INCOME, IVA_PAYABLE, Kind, Payout, Rows, Rules, SETTLEMENT_STP, Writes},
    },
    decided::stays_apart,
    judge::{Verdict, verdict},
    movement, settle_row, transition,
};

/// Posts or releases by the evidence on the row; without a verdict it moves nothing.
pub(super) fn apply(rules: &Rules, rows: &Rows, payout: PayoutId) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&payout) else {
        return (Answer::Unknown, writes);
    };
    if let Some(end) = End::of(before.state) {
        return (Answer::Ended(before.clone(), end), writes);
    }
    let Some(verdict) = verdict(rules, before, rows.now) else {
        return (Answer::Open(before.clone()), writes);
    };
    let mut row = before.clone();
    let (state, end, mut written) = match verdict {
        Verdict::Post => {
            let effective_on = before.effective_on.or(before.operating_date);
            let posted = released(rows, before)
                .zip(effective_on)
                .and_then(|(payer, on)| post(rows, before, payer, (Kind::Amount, SETTLEMENT_STP), on, &mut writes));
            (State::Settled, End::Settled, posted)
        }
        Verdict::Release => (
            State::Failed,
            End::Failed,
            released(rows, before).map(|account| writes.accounts.push(account)),
        ),
    };
    row.state = state;
    written = written.and_then(|()| stays_apart(rows, &row, &mut writes));
    row.state = before.state;
    if written.is_none() {
        // Its account or hold is not there: the books are broken, and the payout stays open until they are mended.
        return (Answer::Open(before.clone()), Writes::default());
    }
    transition(rules, &mut row, state, rows.now, &mut writes);
    let row = settle_row(before, row, rows.now, &mut writes);
    (Answer::Ended(row, end), writes)
}

/// From the payer, whose hold is off, the amount to where it goes, and fee and IVA; zero legs are left out.
pub(super) fn post(
    rows: &Rows,
    payout: &Payout,
    mut customer: Account,
    (kind, to): (Kind, AccountId),
    effective_on: Date,
    writes: &mut Writes,
) -> Option<()> {
    let legs = [
        (kind, to, payout.amount),
        (Kind::Fee, FEE_INCOME, payout.fee),
        (Kind::Iva, IVA_PAYABLE, payout.iva),
    ];
    for (kind, to, amount) in legs.into_iter().filter(|(_, _, amount)| amount.get() > 0) {
        let mut credited: Account = rows.accounts.get(&to)?.clone();
        credited.credits = credited.credits.checked_add(amount)?;
        customer.debits = customer.debits.checked_add(amount)?;
        writes.accounts.push(credited);
        let legs = (customer.id, to);
        writes
            .movements
            .push(movement(payout.id.uuid(), kind, legs, amount, effective_on, rows.now));
    }
    writes.accounts.push(customer);
    Some(())
}

/// The payer's account with the payout's hold taken off.
pub(super) fn released(rows: &Rows, payout: &Payout) -> Option<Account> {
    let mut account = rows.accounts.get(&payout.account)?.clone();
    account.held = account.held.checked_sub(payout.gross())?;
    Some(account)
}
