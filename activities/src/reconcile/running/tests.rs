//! What the bank must have, by the books and by its own lists.

use jiff::{SignedDuration, civil::date};
use workflows::domain::PayoutId;

use super::{
    super::came::made::{entry, id},
    read::unbroken,
    *,
};

fn read_at() -> Timestamp {
    "2026-12-01T17:00:00Z".parse().expect("a time")
}

fn today() -> Date {
    date(2026, 12, 1)
}

fn row(number: u128, state: State, amount: i64) -> Booked {
    Booked {
        id: PayoutId::new(Uuid::from_u128(number)),
        key: format!("GIRO{number}"),
        state,
        amount: Centavos::new(amount),
        clabe: "012180004643051249".to_owned(),
        date: Some(today()),
        evidence: None,
        send_no: 1,
        is_referred: true,
        ended_at: (!state.is_open()).then(|| read_at() - SignedDuration::from_secs(60)),
    }
}

fn line(number: u128, amount: i64, says: Said) -> StatementLine {
    StatementLine {
        tracking_key: format!("GIRO{number}"),
        bank_ref: None,
        amount: Some(Centavos::new(amount)),
        clabe: None,
        of_our_company: true,
        operating_date: Some(today()),
        says,
        receipt: None,
    }
}

fn paid(number: u128, amount: i64) -> StatementLine {
    line(
        number,
        amount,
        Said::Paid {
            came_back: false,
            code: "stp:LQ".to_owned(),
        },
    )
}

fn told(lines: Vec<StatementLine>, list: Vec<ReceivedEntry>) -> Told {
    Told {
        read_at: read_at(),
        date: today(),
        lines,
        list,
        balance: None,
    }
}

const SUMS: Sums = Sums {
    settlement: 1_000,
    in_doubt: 0,
    unplaced: 0,
};

fn of(told: &Told, booked: &[Booked], came: &[(ReceivedId, Came)]) -> (i128, i128) {
    due(told, booked, &came.iter().copied().collect(), &SUMS, "stp")
}

#[test]
fn what_the_bank_has_paid_and_the_books_have_not_booked_is_allowed_for() {
    let open = [
        row(1, State::Sent, 30),
        row(2, State::Sending, 7),
        row(3, State::Accepted, 5),
    ];
    let none = told(Vec::new(), Vec::new());
    assert_eq!(
        of(&none, &open, &[]),
        (1_000, 37),
        "either may have left, of the third nothing"
    );
    assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &open, &[]), (970, 7));
    // Booked, and on the list or not: what was booked before the list was read has left the bank.
    let settled = [row(1, State::Settled, 30)];
    assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &settled, &[]), (1_000, 0));
    assert_eq!(of(&none, &settled, &[]), (1_000, 0));
    let mut late = row(1, State::Settled, 30);
    late.ended_at = Some(read_at() + SignedDuration::from_secs(1));
    assert_eq!(
        of(&none, &[late.clone()], &[]),
        (1_030, 0),
        "it left after the list was read"
    );
    assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &[late], &[]), (1_000, 0));
    // Money of a payout that was given back, and that the bank paid, is nobody's to allow for.
    assert_eq!(
        of(&told(vec![paid(1, 30)], Vec::new()), &[row(1, State::Failed, 30)], &[]),
        (1_000, 0)
    );
    let mut yesterday = row(1, State::Sent, 30);
    yesterday.date = Some(date(2026, 11, 30));
    assert_eq!(of(&none, &[yesterday.clone()], &[]), (1_000, 30));
    assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &[yesterday], &[]), (970, 0));
    let dead = line(
        1,
        30,
        Said::NotPaid {
            code: "stp:CN".to_owned(),
        },
    );
    assert_eq!(
        of(&told(vec![dead], Vec::new()), &[row(1, State::Sent, 30)], &[]),
        (1_000, 0)
    );
    // It left and came back the same day: its record is under our own key.
    let back = line(
        1,
        30,
        Said::Paid {
            came_back: true,
            code: "stp:D".to_owned(),
        },
    );
    let both = told(vec![back], vec![entry("GIRO1", 30)]);
    let waits = [(
        id("GIRO1"),
        Came {
            amount: 30,
            placed_at: None,
        },
    )];
    assert_eq!(of(&both, &[row(1, State::Sent, 30)], &waits), (1_000, 0));
}

#[test]
fn what_came_and_has_no_place_yet_is_allowed_for() {
    let came = |placed_at| Came { amount: 50, placed_at };
    let (before, after) = (
        Some(read_at() - SignedDuration::from_secs(1)),
        Some(read_at() + SignedDuration::from_secs(1)),
    );
    let list = told(Vec::new(), vec![entry("A", 50)]);
    let none = told(Vec::new(), Vec::new());
    assert_eq!(of(&list, &[], &[]), (1_000, 0), "the books would have it");
    let twice = [entry("A", 50), entry("A", 50)];
    let of_a = [(id("A"), came(before))].into_iter().collect();
    assert_eq!(missed(&twice, &of_a, "stp").len(), 1, "the second is nobody's");
    assert!(missed(&twice[..1], &of_a, "stp").is_empty());
    assert_eq!(of(&list, &[], &[(id("A"), came(None))]), (1_050, 0));
    assert_eq!(of(&list, &[], &[(id("A"), came(before))]), (1_000, 0));
    assert_eq!(of(&list, &[], &[(id("A"), came(after))]), (1_000, 0));
    assert_eq!(
        of(&none, &[], &[(id("A"), came(after))]),
        (950, 0),
        "it came after the list was read"
    );
    assert_eq!(
        of(&none, &[], &[(id("A"), came(before))]),
        (1_000, 0),
        "and this the list lacks"
    );
}

#[test]
fn what_may_have_left_explains_less_and_never_more() {
    let balance = |by_bank, in_doubt| Balance {
        at: read_at(),
        by_bank: Centavos::new(by_bank),
        by_books: Centavos::new(1_000),
        in_doubt: Centavos::new(in_doubt),
    };
    let apart = |by_bank, in_doubt| balance(by_bank, in_doubt).apart();
    assert_eq!((apart(1_000, 0), apart(999, 0), apart(1_001, 0)), (0, -1, 1));
    assert_eq!((apart(970, 30), apart(969, 30), apart(1_001, 30)), (0, -1, 1));
}

#[test]
fn a_difference_is_one_once_readings_minutes_apart_say_so() {
    let at = |seconds: i64, apart: i64| Balance {
        at: read_at() + SignedDuration::from_secs(seconds),
        by_bank: Centavos::new(1_000 + apart),
        by_books: Centavos::new(1_000),
        in_doubt: Centavos::ZERO,
    };
    assert_eq!(unbroken(&[at(300, 7)]), None);
    assert_eq!(unbroken(&[at(300, 7), at(290, 7)]), None, "a listing that lags");
    assert_eq!(unbroken(&[at(300, 7), at(0, 5)]), Some((read_at(), 5)));
    assert_eq!(unbroken(&[at(300, 7), at(150, 0), at(0, 7)]), None);
    assert_eq!(unbroken(&[at(300, 7), at(0, -7)]), None, "two things");
    assert_eq!(unbroken(&[at(300, 0), at(0, 7)]), None, "it is over");
    assert_eq!(unbroken(&[]), None);
}
