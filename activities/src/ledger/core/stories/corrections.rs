//! Corrections of the books by two people: each rule fails when it is broken.

use jiff::civil::date;
use uuid::Uuid;
use workflows::domain::{AccountId, Centavos};

use super::{
    super::{
        super::command::{Answer, Command, Correct, NotDecided},
        super::rows::{AccountStatus, BANK_CHARGES, NOT_APPLIED, SETTLEMENT_STP, SUSPENSE, TO_APPLY},
        fixtures::account_id,
    },
    Books, accepted,
};

/// One person's word, by one document.
fn say(books: &mut Books, person: &str, legs: (AccountId, AccountId), centavos: i64, n: u32) -> Answer {
    books.run(Command::Correct(Correct {
        id: Uuid::from_u128(0x0199_d3f0_0000_7000_c000_0000_0000_0000 | u128::from(n)),
        person: person.to_owned(),
        key: format!("word {n}"),
        debit: legs.0,
        credit: legs.1,
        amount: Centavos::new(centavos),
        document: "invoice 7".to_owned(),
        effective_on: date(2026, 11, 24),
    }))
}

fn no(why: NotDecided) -> Answer {
    Answer::NotDecided(why)
}

const CHARGE: (AccountId, AccountId) = (BANK_CHARGES, SETTLEMENT_STP);

#[test]
fn one_person_books_nothing_and_two_book_it_once() {
    let (mut books, _) = accepted(true);
    let booked = |books: &Books| books.rows.accounts[&BANK_CHARGES].debits.get();
    assert!(matches!(say(&mut books, "ana", CHARGE, 700, 1), Answer::Awaits(_)));
    assert!(matches!(say(&mut books, "ana", CHARGE, 700, 2), Answer::Awaits(_)));
    assert!(
        matches!(say(&mut books, "luis", CHARGE, 701, 3), Answer::Awaits(_)),
        "another amount is another correction"
    );
    assert_eq!(booked(&books), 0);
    assert_eq!(say(&mut books, "luis", CHARGE, 700, 4), Answer::Decided(None));
    assert_eq!(booked(&books), 700);
    assert_eq!(
        say(&mut books, "luis", CHARGE, 700, 4),
        Answer::Decided(None),
        "the same key"
    );
    for (person, n) in [("ana", 5), ("luis", 6), ("eva", 7)] {
        assert_eq!(
            say(&mut books, person, CHARGE, 700, n),
            no(NotDecided::Booked),
            "{person}"
        );
    }
    assert_eq!(booked(&books), 700);
}

#[test]
fn a_key_says_one_thing_of_the_books() {
    let (mut books, _) = accepted(true);
    let first = say(&mut books, "ana", CHARGE, 700, 1);
    assert_eq!(say(&mut books, "ana", CHARGE, 700, 1), first);
    assert_eq!(say(&mut books, "ana", CHARGE, 800, 1), no(NotDecided::KeyReused));
    assert!(
        matches!(say(&mut books, "luis", CHARGE, 800, 1), Answer::Awaits(_)),
        "keys are each person's own"
    );
}

#[test]
fn a_word_of_last_week_is_said_again() {
    let (mut books, _) = accepted(true);
    say(&mut books, "ana", CHARGE, 700, 1);
    books.tick(7 * 86_400 + 1);
    assert!(matches!(say(&mut books, "luis", CHARGE, 700, 2), Answer::Awaits(_)));
    assert_eq!(say(&mut books, "ana", CHARGE, 700, 1), no(NotDecided::Stale));
    assert_eq!(say(&mut books, "ana", CHARGE, 700, 3), Answer::Decided(None));
}

/// What is held for payouts is not to be given away, and neither is what the records stand for.
#[test]
fn a_customer_gives_what_is_available_and_nobody_gives_what_stands_apart() {
    let (mut books, account) = accepted(true);
    let other = books.open(1, 1);
    let available = books.rows.accounts[&account].available().get();
    assert!(books.rows.accounts[&account].held.get() > 0);
    let (out, into) = ((account, other), (SETTLEMENT_STP, account));
    assert_eq!(say(&mut books, "ana", out, available + 1, 1), no(NotDecided::Shortfall));
    assert!(matches!(say(&mut books, "ana", out, available, 2), Answer::Awaits(_)));
    books.rows.accounts.get_mut(&account).expect("it").status = AccountStatus::Frozen;
    assert_eq!(say(&mut books, "luis", out, available, 3), Answer::Decided(None));
    assert_eq!(books.rows.accounts[&account].available(), Centavos::ZERO);
    for apart in [NOT_APPLIED, TO_APPLY, SUSPENSE, account_id(99)] {
        for legs in [(apart, other), (other, apart)] {
            assert_eq!(say(&mut books, "ana", legs, 1, 4), no(NotDecided::AccountUnknown));
        }
    }
    assert_eq!(
        say(&mut books, "ana", (other, other), 1, 5),
        no(NotDecided::AccountUnknown)
    );
    books.rows.accounts.get_mut(&account).expect("it").status = AccountStatus::Closed;
    assert_eq!(say(&mut books, "ana", into, 1, 6), no(NotDecided::AccountNotOpen));
}
