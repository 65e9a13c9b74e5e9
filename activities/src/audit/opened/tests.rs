//! An account is what its request asked for, to the centavo.

use jiff::civil::date;
use workflows::domain::Centavos;

use super::*;
use crate::ledger::{
    command::Command,
    core::decide,
    made::{open, rules},
    rows::Rows,
};

#[test]
fn an_opening_credit_is_the_one_that_was_asked_for() {
    let id = AccountId::new(Uuid::from_u128(7));
    let command = open(id, 1, date(2026, 11, 24));
    let Command::Open(asked_for) = &command else {
        panic!("it opens an account");
    };
    let mut rows = Rows::empty("2026-11-24T17:00:00Z".parse().expect("a time"));
    let settlement = serde_json::json!({
        "id": "ffffffff-ffff-7fff-bfff-000000001101", "code": 1101, "name": "settlement", "status": "open",
        "debits": 0, "credits": 0, "held": 0, "opened_at": "2026-11-24T17:00:00Z", "currency": "MXN",
    });
    let settlement: Account = serde_json::from_value(settlement).expect("a row");
    rows.accounts.insert(settlement.id, settlement);
    let (_, writes) = decide(&rules(), &rows, &command);
    let account = writes.accounts.iter().find(|row| row.id == id).expect("an account");
    let credit = writes.movements.first().expect("a credit");

    assert_eq!(asked(account, Some(credit)).as_deref(), Some(asked_for.hash.as_str()));
    let other: [fn(&mut Movement); 2] = [
        |credit| credit.amount = Centavos::new(credit.amount.get() + 1),
        |credit| credit.reason = Some("another".to_owned()),
    ];
    for change in other {
        let mut credit = credit.clone();
        change(&mut credit);
        assert_ne!(asked(account, Some(&credit)), Some(asked_for.hash.clone()));
    }
    assert_ne!(asked(account, None), Some(asked_for.hash.clone()));
}
