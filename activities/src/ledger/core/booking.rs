//! Book: money that goes from one account of giro's own to another. No bank is asked, so that nothing is ever in doubt.

use workflows::domain::{End, PayoutId, State};

use super::{
    super::{
        command::Answer,
        rows::{Account, AccountStatus, Kind, Payout, Rows, Rules, Writes},
    },
    ending::{post, released},
    settle_row, transition,
};

/// Moves the money once it is time, or gives it back where its beneficiary no longer takes any. Asked again, it says so
/// again.
pub(super) fn book(rules: &Rules, rows: &Rows, payout: PayoutId) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&payout) else {
        return (Answer::Unknown, writes);
    };
    let Some(to) = before.to_account else {
        return (Answer::Unknown, writes);
    };
    if let Some(end) = End::of(before.state) {
        return (Answer::Ended(before.clone(), end), writes);
    }
    let open = || (Answer::Open(before.clone()), Writes::default());
    if before.waits_until(rows.now).is_some() {
        return open();
    }
    let Some(payer) = released(rows, before) else {
        return open();
    };
    let ended = match rows.accounts.get(&to).map(|account| account.status) {
        Some(AccountStatus::Open) => move_over(rules, rows, before, payer, &mut writes).map(|row| (row, End::Settled)),
        Some(AccountStatus::Frozen | AccountStatus::Closed) => {
            writes.accounts.push(payer);
            let mut row = before.clone();
            row.bank_said = Some(NOT_OPEN.to_owned());
            transition(rules, &mut row, State::Failed, rows.now, &mut writes);
            Some((row, End::Failed))
        }
        None => None,
    };
    let Some((row, end)) = ended else {
        // An account or the hold is not there: the books are broken, and it stays open until they are mended.
        return open();
    };
    let row = settle_row(before, row, rows.now, &mut writes);
    (Answer::Ended(row, end), writes)
}

/// What the books say of a beneficiary that takes no money any more.
pub(crate) const NOT_OPEN: &str = "beneficiary not open";

/// The row as it is once its money has moved; `payer` is its account without the hold. `None`: an account is not there.
pub(super) fn move_over(
    rules: &Rules,
    rows: &Rows,
    payout: &Payout,
    payer: Account,
    writes: &mut Writes,
) -> Option<Payout> {
    // A day that no table has moves no money: the table's owner sees the lag.
    let on = rules.calendar.operating_date(rows.now).ok()?.date();
    post(rows, payout, payer, (Kind::Transfer, payout.to_account?), on, writes)?;
    let mut row = payout.clone();
    row.effective_on = Some(on);
    transition(rules, &mut row, State::Settled, rows.now, writes);
    Some(row)
}
