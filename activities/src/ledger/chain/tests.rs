//! The recipe of a block's hash: frozen, and blind to nothing.

use jiff::civil::Date;
use proptest::prelude::*;
use workflows::domain::{AccountId, MovementId};

use super::*;
use crate::ledger::{core::hex, rows::Kind};

fn movement(bits: u128, amount: i64) -> Movement {
    let subject = Uuid::from_u128(bits);
    Movement {
        id: MovementId::derive(subject, "opening", 0),
        subject,
        kind: Kind::Opening,
        debit_account: AccountId::new(Uuid::from_u128(1)),
        credit_account: AccountId::new(Uuid::from_u128(2)),
        amount: Centavos::new(amount),
        effective_on: Date::constant(2026, 4, 1),
        hash: "h".to_owned(),
        actor: Some("payments".to_owned()),
        reason: Some("año nuevo".to_owned()),
        created_at: at(),
    }
}

fn at() -> Timestamp {
    Timestamp::from_microsecond(1_775_062_800_123_456).expect("a time")
}

fn sealed(movements: &[&Movement]) -> Hash {
    hash(&START, Uuid::from_u128(7), 1, at(), movements)
}

#[test]
fn the_recipe_never_changes() {
    // Every chain there is was sealed so; migration 0005 says the same in SQL.
    let first = movement(0x0199_d3f0_a1b2_7c3d_8e4f_5a6b_7c8d_9e0f, 12_300);
    let mut line = String::new();
    write_line(&mut line, &first);
    assert_eq!(
        line,
        format!(
            "{}|0199d3f0-a1b2-7c3d-8e4f-5a6b7c8d9e0f|opening|00000000-0000-0000-0000-000000000001|\
             00000000-0000-0000-0000-000000000002|12300|MXN|2026-04-01|h|1775062800123456|8:payments|10:año nuevo\n",
            first.id.uuid()
        )
    );
    assert_eq!(
        hex(&sealed(&[&first])),
        "2c35db57efe39989d110f99767ba84acc676d8215625c0d00e3de008c1095a88"
    );
}

#[test]
fn whatever_a_movement_says_is_sealed() {
    let first = movement(1, 100);
    let whole = sealed(&[&first]);
    let changed: [fn(&mut Movement); 11] = [
        |row| row.id = MovementId::new(Uuid::from_u128(9)),
        |row| row.subject = Uuid::from_u128(9),
        |row| row.kind = Kind::Fee,
        |row| row.debit_account = AccountId::new(Uuid::from_u128(9)),
        |row| row.credit_account = AccountId::new(Uuid::from_u128(9)),
        |row| row.amount = Centavos::new(101),
        |row| row.effective_on = Date::constant(2026, 4, 2),
        |row| row.hash = "i".to_owned(),
        |row| row.created_at = Timestamp::UNIX_EPOCH,
        // What moves from one text to the next is seen too.
        |row| (row.actor, row.reason) = (Some("payments|10:año".to_owned()), Some("nuevo".to_owned())),
        |row| row.reason = None,
    ];
    for (number, change) in changed.into_iter().enumerate() {
        let mut other = first.clone();
        change(&mut other);
        assert_ne!(sealed(&[&other]), whole, "change {number}");
    }
}

proptest! {
    #[test]
    fn a_block_is_its_place_and_its_movements(bits: u128, seq in 1..1000_i32, amount in 1..i64::MAX) {
        let (first, second) = (movement(bits, amount), movement(bits ^ 1, amount));
        let writer = Uuid::from_u128(bits);
        let whole = hash(&START, writer, seq, at(), &[&first, &second]);
        prop_assert_eq!(whole, hash(&START, writer, seq, at(), &[&first, &second]));
        prop_assert_ne!(whole, hash(&START, writer, seq + 1, at(), &[&first, &second]));
        prop_assert_ne!(whole, hash(&START, Uuid::from_u128(bits ^ 2), seq, at(), &[&first, &second]));
        prop_assert_ne!(whole, hash(&whole, writer, seq, at(), &[&first, &second]));
        prop_assert_ne!(whole, hash(&START, writer, seq, at(), &[&first]));
        prop_assert_ne!(whole, hash(&START, writer, seq, at(), &[&second, &first]));
    }
}
