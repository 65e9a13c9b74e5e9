//! Correct: money that two people move between two accounts of the books, by a document: what a bank charges, what it lists and
//! giro cannot read, what went to the wrong customer.

use workflows::domain::{AccountId, Centavos, Outcome};

use super::{
    super::{
        command::{Answer, Correct, NotDecided},
        rows::{
            Account, AccountStatus, BANK_CHARGES, CUSTOMER, Correction, Decision, FEE_INCOME, IVA_CREDITABLE,
            IVA_PAYABLE, Kind, Rows, SETTLEMENT_STP, Writes,
        },
    },
    people::{answered, second, was_done},
    received::{Leg, pay},
};

/// Giro's own accounts that people may correct. What stands apart and in suspense is not among them: it is the sum of its
/// records, and each goes by a word about that record.
const OWN: [AccountId; 5] = [SETTLEMENT_STP, IVA_CREDITABLE, IVA_PAYABLE, FEE_INCOME, BANK_CHARGES];
/// A correction stands in one way, until it is booked.
const ASKED: &str = "asked";

/// Keeps what a person says, and books it once two have said the same.
pub(super) fn correct(rows: &Rows, correct: &Correct) -> (Answer, Writes) {
    let id = correct.correction();
    let said = Decision {
        id: correct.id,
        subject: id.uuid(),
        person: correct.person.clone(),
        key: correct.key.clone(),
        outcome: Outcome::Correct,
        account: None,
        document: correct.document.clone(),
        stood: ASKED.to_owned(),
        seconds: None,
        at: rows.now,
    };
    let is_known = |before: &&Decision| {
        before.outcome == Outcome::Correct && (&before.person, &before.key) == (&said.person, &said.key)
    };
    match rows.decisions.iter().find(is_known) {
        Some(known) if known.subject != said.subject => return no(NotDecided::KeyReused),
        Some(known) => {
            let answer = answered(rows, known, &said, || Answer::Decided(None));
            return (answer, Writes::default());
        }
        None => {}
    }
    if was_done(rows, &said) {
        return no(NotDecided::Booked);
    }
    if let Some(why) = refused(rows, correct) {
        return no(why);
    }
    let mut writes = Writes::default();
    writes.corrections.push(Correction {
        id,
        debit_account: correct.debit,
        credit_account: correct.credit,
        amount: correct.amount,
        document: correct.document.clone(),
        asked_at: rows.now,
    });
    let Some(first) = second(rows, &said) else {
        writes.decisions.push(said.clone());
        return (Answer::Awaits(said), writes);
    };
    let leg = Leg {
        kind: Kind::Correction,
        from: correct.debit,
        to: correct.credit,
        amount: correct.amount,
    };
    if pay(rows, &[leg], id.uuid(), correct.effective_on, &mut writes).is_none() {
        return (Answer::Unknown, Writes::default());
    }
    for movement in &mut writes.movements {
        movement.actor = Some(format!("{} and {}", first.person, said.person));
        movement.reason = Some(said.document.clone());
    }
    writes.decisions.push(Decision {
        seconds: Some(first.id),
        ..said
    });
    (Answer::Decided(None), writes)
}

/// Why it is not booked, whoever says it. A frozen account is corrected too: that may be why it is frozen.
fn refused(rows: &Rows, correct: &Correct) -> Option<NotDecided> {
    let found = [correct.debit, correct.credit].map(|id| rows.accounts.get(&id));
    let (Some(debit), Some(credit)) = (found[0], found[1]) else {
        return Some(NotDecided::AccountUnknown);
    };
    let is_theirs = |row: &Account| row.code == CUSTOMER || OWN.contains(&row.id);
    if debit.id == credit.id || !is_theirs(debit) || !is_theirs(credit) || correct.amount <= Centavos::ZERO {
        return Some(NotDecided::AccountUnknown);
    }
    if [debit, credit].iter().any(|row| row.status == AccountStatus::Closed) {
        return Some(NotDecided::AccountNotOpen);
    }
    (debit.code == CUSTOMER && debit.available() < correct.amount).then_some(NotDecided::Shortfall)
}

fn no(why: NotDecided) -> (Answer, Writes) {
    (Answer::NotDecided(why), Writes::default())
}
