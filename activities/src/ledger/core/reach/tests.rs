//! A bank that goes and comes back, as its row learns it from sends and questions.

use uuid::Uuid;
use workflows::domain::State;

use super::{
    super::{
        super::command::{Answer, By, Command, Finding, Record, Stand},
        fixtures::{self, Books, books, payout_id},
    },
    *,
};
use crate::bank::{Exchange, Sender};

/// Books with this many accepted payouts.
fn waiting(count: u128) -> Books {
    let mut books = books(true);
    let account = books.open(0, 100_000_000);
    for n in 1..=count {
        books.accept(n, account, 10_000);
    }
    books
}

/// Each wish to send is an execution of its own.
fn sender(books: &Books, n: u128) -> Sender {
    let send_no = books.rows.payouts[&payout_id(n)].send_no;
    Sender(Uuid::from_u128(n << 32 | u128::from(send_no)))
}

fn begin(books: &mut Books, n: u128) -> Stand {
    let command = fixtures::begin(payout_id(n), sender(books, n));
    stand(books.run(command))
}

fn record(books: &mut Books, n: u128, submitted: Submitted, status: Option<u16>) -> Stand {
    let row = &books.rows.payouts[&payout_id(n)];
    let command = Command::Record(Record {
        payout: row.id,
        sender: Sender(row.sender.unwrap_or_default()),
        send_no: row.send_no,
        submitted,
        exchange: Exchange {
            status,
            ..Exchange::default()
        },
    });
    stand(books.run(command))
}

fn find(books: &mut Books, n: u128, found: Found) {
    let command = Command::Evidence(Finding {
        payout: payout_id(n),
        id: Uuid::new_v4(),
        by: By::Inquiry {
            send_no: books.rows.payouts[&payout_id(n)].send_no,
            asked_at: books.rows.now,
            found,
            exchange: Exchange::default(),
        },
    });
    stand(books.run(command));
}

fn stand(answer: Answer) -> Stand {
    let Answer::Stands(_, stand) = answer else {
        unreachable!("{answer:?}");
    };
    stand
}

fn unreachable_bank() -> Submitted {
    Submitted::NotSent(NotSent::Unreachable)
}

fn cut() -> Submitted {
    Submitted::Doubt { why: "cut".to_owned() }
}

fn took(n: u128) -> Submitted {
    Submitted::Accepted {
        bank_ref: format!("700000{n}"),
    }
}

fn no_answer() -> Found {
    Found::Doubt(FoundDoubt::NoAnswer {
        why: "timeout".to_owned(),
    })
}

fn bank(books: &Books) -> &BankRow {
    &books.rows.banks["stp"]
}

#[test]
fn a_bank_that_answers_no_question_is_away_once_and_any_answer_ends_it() {
    let mut books = waiting(4);
    for n in 1..=3 {
        assert_eq!(begin(&mut books, n), Stand::Go);
        record(&mut books, n, took(n), Some(200));
    }
    find(&mut books, 1, no_answer());
    books.tick(59);
    find(&mut books, 2, no_answer());
    assert_eq!(bank(&books).away_by, None, "it may just be slow");
    books.tick(1);
    find(&mut books, 1, no_answer());
    assert_eq!(
        bank(&books).away_by,
        None,
        "the same payout again says nothing of the bank"
    );
    let gone = books.rows.now - SignedDuration::from_secs(60);
    find(&mut books, 2, no_answer());
    let row = bank(&books).clone();
    assert_eq!(
        (row.away_by, row.away_since, row.attention.as_deref()),
        (Some(AwayBy::Silent), Some(gone), Some("away"))
    );
    assert!(
        matches!(begin(&mut books, 4), Stand::NotSent { .. }),
        "nothing is sent into a silence"
    );
    books.tick(5);
    find(&mut books, 3, no_answer());
    assert_eq!(*bank(&books), row, "told once");
    find(&mut books, 3, Found::NotFound);
    let row = bank(&books);
    assert_eq!(
        (row.away_by, row.attention.as_deref(), row.closed_until),
        (None, None, None)
    );
    assert_eq!((row.silent_since, row.back_at), (None, Some(books.rows.now)));
    assert_eq!(begin(&mut books, 4), Stand::Go);
}

#[test]
fn one_payout_without_answers_is_no_bank_that_is_away() {
    let mut books = waiting(1);
    begin(&mut books, 1);
    record(&mut books, 1, cut(), None);
    for _ in 0..20 {
        books.tick(60);
        find(&mut books, 1, no_answer());
    }
    assert_eq!((bank(&books).away_by, bank(&books).attention.as_deref()), (None, None));
}

#[test]
fn while_the_bank_is_away_one_payout_finds_out_for_all() {
    let mut books = waiting(3);
    begin(&mut books, 1);
    record(&mut books, 1, unreachable_bank(), None);
    assert_eq!(bank(&books).away_by, Some(AwayBy::Unreachable));
    books.tick(31);
    assert_eq!(begin(&mut books, 2), Stand::Go, "the probe");
    let Stand::NotSent { until } = begin(&mut books, 3) else {
        unreachable!("a second one was sent beside the probe");
    };
    assert!(until > books.rows.now);
    assert_eq!(record(&mut books, 2, took(2), Some(200)), Stand::Sent);
    assert_eq!(
        (bank(&books).away_by, bank(&books).back_at),
        (None, Some(books.rows.now))
    );
    assert_eq!(begin(&mut books, 3), Stand::Go, "and then all");
}

#[test]
fn a_probe_that_gets_no_answer_is_followed_by_a_longer_pause() {
    let mut books = waiting(4);
    begin(&mut books, 1);
    record(&mut books, 1, unreachable_bank(), None);
    books.tick(31);
    begin(&mut books, 2);
    record(&mut books, 2, cut(), None);
    assert_eq!(bank(&books).backoff_seconds, 20);
    assert!(matches!(begin(&mut books, 3), Stand::NotSent { .. }));
    // A probe whose worker died does not hold up the next for ever.
    books.tick(61);
    assert_eq!(begin(&mut books, 3), Stand::Go);
    books.tick(21);
    assert_eq!(begin(&mut books, 4), Stand::Go);
}

#[test]
fn a_bank_that_answers_questions_only_is_away_until_it_takes_an_order() {
    let mut books = waiting(2);
    begin(&mut books, 1);
    record(&mut books, 1, took(1), Some(200));
    begin(&mut books, 2);
    record(&mut books, 2, Submitted::NotSent(NotSent::ReadOnly), Some(200));
    find(&mut books, 1, Found::NotFound);
    assert_eq!(
        bank(&books).away_by,
        Some(AwayBy::ReadOnly),
        "a question answered is no order taken"
    );
    assert_eq!(books.rows.payouts[&payout_id(2)].state, State::Accepted);
    books.tick(31);
    begin(&mut books, 2);
    record(&mut books, 2, took(2), Some(200));
    assert_eq!(bank(&books).away_by, None);
}
