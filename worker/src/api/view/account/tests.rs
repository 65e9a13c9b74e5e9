//! What is shown of an account and of its movements, and what is not.

use activities::ledger::rows::Private;
use jiff::civil::date;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const PERSON: &[&str] = &["Ana Torres", "012180004643051249", "TOAA800101AB1"];

fn json(shown: &impl Serialize) -> Value {
    serde_json::to_value(shown).expect("is JSON")
}

#[test]
fn an_account_shows_what_can_be_used() {
    let row = rows::Account {
        id: AccountId::new(Uuid::from_u128(8)),
        code: 2101,
        name: Private::new("Ana Torres"),
        caller: Some("payments".to_owned()),
        clabe: Some(Private::new("012180004643051249")),
        tax_id: Some(Private::new("TOAA800101AB1")),
        status: AccountStatus::Open,
        debits: Centavos::new(10),
        credits: Centavos::new(100),
        held: Centavos::new(30),
        opened_at: Timestamp::UNIX_EPOCH,
    };
    let shown = json(&Account::of(&row));
    let balances = json!({ "debits": 10, "credits": 100, "held": 30, "available": 60, "balance": 90 });
    assert_eq!(shown["balances"], balances);
    let text = shown.to_string();
    assert!(PERSON.iter().all(|person| !text.contains(person)), "{text}");
}

#[test]
fn a_movement_is_seen_from_either_side() {
    let (payer, fees) = (AccountId::new(Uuid::from_u128(8)), AccountId::new(Uuid::from_u128(9)));
    let row = rows::Movement {
        id: MovementId::derive(Uuid::from_u128(7), "resolve", 1),
        subject: Uuid::from_u128(7),
        kind: Kind::Fee,
        debit_account: payer,
        credit_account: fees,
        amount: Centavos::new(500),
        effective_on: date(2026, 4, 1),
        hash: "h".to_owned(),
        actor: None,
        reason: None,
        created_at: Timestamp::UNIX_EPOCH,
    };
    let shown = json(&Movement::of(&row, payer));
    assert_eq!((&shown["side"], &shown["amount"]), (&json!("debit"), &json!(500)));
    assert_eq!(shown["payout"], "po_00000000000000000000000000000007");
    assert_eq!(shown["effective_on"], "2026-04-01");
    assert_eq!(json(&Movement::of(&row, fees))["side"], "credit");
}
