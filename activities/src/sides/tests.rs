//! Statement and books, case by case.

use jiff::{SignedDuration, civil::date};
use uuid::Uuid;
use workflows::domain::Clabe;

use super::*;
use crate::bank::one_day;

const CLABE: &str = "012180004643051249";

fn day() -> Date {
    date(2026, 11, 24)
}

fn read_at() -> Timestamp {
    "2026-11-24T17:00:00Z".parse().expect("a time")
}

fn before() -> Timestamp {
    read_at() - SignedDuration::from_secs(1)
}

fn row(state: State, ended_at: Option<Timestamp>) -> Booked {
    Booked {
        id: PayoutId::new(Uuid::from_u128(7)),
        key: "GIRO7".to_owned(),
        state,
        amount: Centavos::new(12_300),
        clabe: CLABE.to_owned(),
        date: (state != State::Accepted).then(day),
        evidence: None,
        send_no: 1,
        is_referred: false,
        ended_at,
    }
}

fn line(says: Said) -> StatementLine {
    StatementLine {
        tracking_key: "GIRO7".to_owned(),
        bank_ref: Some("1".to_owned()),
        amount: Some(Centavos::new(12_300)),
        clabe: Some(Clabe::new(CLABE).expect("a CLABE")),
        of_our_company: true,
        operating_date: Some(day()),
        says,
        receipt: None,
    }
}

fn paid() -> StatementLine {
    let code = "stp:LQ".to_owned();
    line(Said::Paid { came_back: false, code })
}

fn not_paid() -> StatementLine {
    line(Said::NotPaid {
        code: "stp:CN".to_owned(),
    })
}

fn pending() -> StatementLine {
    line(Said::Pending {
        code: "stp:L".to_owned(),
    })
}

/// Broken orders and broken sums.
fn found(lines: Vec<StatementLine>, booked: &[Booked], moved: i128) -> (usize, usize) {
    let statements = Statements::from([(day(), lines)]);
    let moved = BTreeMap::from([(day(), moved)]);
    let sides = Sides {
        statements: &statements,
        booked,
        moved: &moved,
        read_at: read_at(),
    };
    (sides.orders().1.len(), sides.sums().len())
}

#[test]
fn an_order_and_its_payout_have_the_same_fate() {
    let ended = |state| [row(state, Some(before()))];
    let fine = [
        (vec![paid()], ended(State::Settled), 12_300),
        (vec![not_paid()], ended(State::Failed), 0),
        (vec![], ended(State::Failed), 0),
        (vec![], ended(State::Cancelled), 0),
        (vec![], [row(State::Accepted, None)], 0),
        (vec![], [row(State::Sending, None)], 0),
        // Paid there and open here: it is on its way, and no sum differs for it.
        (vec![paid()], [row(State::Sent, None)], 0),
        (vec![pending()], [row(State::Sent, None)], 0),
    ];
    for (number, (lines, booked, moved)) in fine.into_iter().enumerate() {
        assert_eq!(found(lines, &booked, moved), (0, 0), "case {number}");
    }
    let broken = [
        (vec![], ended(State::Settled), 12_300, (1, 1)),
        (vec![not_paid()], ended(State::Settled), 12_300, (1, 1)),
        (vec![pending()], ended(State::Settled), 12_300, (1, 1)),
        (vec![paid()], ended(State::Failed), 0, (1, 1)),
        (vec![pending()], ended(State::Failed), 0, (1, 0)),
        (vec![paid()], ended(State::Cancelled), 0, (1, 1)),
        // Never sent, says the row, and the bank has it: and its date is no row's.
        (vec![pending()], [row(State::Accepted, None)], 0, (1, 0)),
        (vec![paid(), paid()], ended(State::Settled), 12_300, (1, 1)),
        (vec![paid(), not_paid()], ended(State::Settled), 12_300, (1, 0)),
        (vec![paid(), not_paid()], [row(State::Sent, None)], 0, (1, 0)),
    ];
    for (number, (lines, booked, moved, expected)) in broken.into_iter().enumerate() {
        assert_eq!(found(lines, &booked, moved), expected, "case {number}");
    }
}

/// Seeded wrong: a payout that was given back and that the statement shows as paid is nobody's matter.
#[test]
fn an_end_that_the_statement_belies_is_told() {
    let back = || {
        let code = "stp:D".to_owned();
        line(Said::Paid { came_back: true, code })
    };
    let belied = |lines: Vec<StatementLine>, row: Booked| {
        let statements = Statements::from([(day(), lines)]);
        let sides = Sides {
            statements: &statements,
            booked: &[row],
            moved: &BTreeMap::new(),
            read_at: read_at(),
        };
        !sides.belied().is_empty()
    };
    for state in State::ALL.iter().copied() {
        let given_back = state == State::Failed;
        let is_paid = matches!(state, State::Settled | State::Returned);
        let ended = || row(state, (!state.is_open()).then(before));
        assert_eq!(belied(vec![paid()], ended()), given_back, "{state}");
        assert_eq!(
            belied(vec![back()], ended()),
            given_back || state == State::Settled,
            "{state}"
        );
        assert_eq!(belied(vec![not_paid()], ended()), is_paid, "{state}");
        assert!(!belied(vec![pending()], ended()) && !belied(vec![], ended()), "{state}");
        let other = StatementLine {
            amount: Some(Centavos::new(1)),
            ..paid()
        };
        assert!(!belied(vec![other], ended()), "{state}: not ours");
        // It ended while the bank was read.
        assert!(!belied(vec![paid()], row(state, Some(read_at()))), "{state}");
    }
}

#[test]
fn an_order_that_nobody_made_is_named_and_so_is_one_that_differs() {
    assert_eq!(found(vec![paid()], &[], 0), (1, 1));
    assert_eq!(found(vec![not_paid()], &[], 0), (1, 0));
    let changes: [fn(&mut StatementLine); 4] = [
        |line| line.amount = Some(Centavos::new(12_301)),
        |line| line.clabe = None,
        |line| line.of_our_company = false,
        |line| line.operating_date = Some(date(2026, 11, 25)),
    ];
    for change in changes {
        let mut line = paid();
        change(&mut line);
        let (orders, _) = found(vec![line], &[row(State::Settled, Some(before()))], 12_300);
        assert_eq!(orders, 1);
    }
}

/// Seeded wrong: what ended after the bank was read counts as if the bank should have known.
#[test]
fn what_ended_after_the_bank_was_read_is_under_way() {
    let just = |state| [row(state, Some(read_at()))];
    for (lines, booked) in [
        (vec![], just(State::Settled)),
        (vec![pending()], just(State::Settled)),
        (vec![paid()], just(State::Settled)),
        (vec![pending()], just(State::Failed)),
    ] {
        // Its movement is left out of the day's sum by the reader.
        assert_eq!(found(lines, &booked, 0), (0, 0));
    }
    // Whenever it was: money that went back and was paid.
    assert_eq!(found(vec![paid()], &just(State::Failed), 0), (1, 0));
}

#[test]
fn a_statement_is_of_one_day_when_no_roll_is_near() {
    let calendar = crate::ledger::made::rules().calendar;
    let is_one = |from: &str, to: &str| {
        let at = |time: &str| format!("2026-11-24T{time}:00-06:00").parse().expect("a time");
        one_day(&calendar, at(from), at(to)).expect("a day of the calendar")
    };
    assert!(is_one("12:00", "17:49"));
    assert!(is_one("18:10", "18:20"));
    assert!(!is_one("17:50", "17:50"));
    assert!(!is_one("17:49", "17:51"));
    assert!(!is_one("18:09", "18:10"));
    assert!(!is_one("17:49", "18:10"));
}
