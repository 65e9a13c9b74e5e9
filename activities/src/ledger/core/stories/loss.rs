//! What the books do where they may have lost commits: they send nothing, give nothing back, and take in what the bank has.

use jiff::civil::date;
use uuid::Uuid;
use workflows::domain::{Attention, Clabe, End, State};

use super::{
    super::{
        super::{
            command::{Adopt, Answer, Begin, Command, Finding, Stand},
            rows::Seen,
        },
        decide,
        fixtures::{Books, begin, cancels, payout_id, server, statements},
    },
    accepted, doubt, paid, refused, sender,
};
use crate::bank::{Found, NotSent, Said, StatementLine, Submitted};

/// Payout 1 as the bank's statement would have it.
pub(super) fn line(books: &Books) -> StatementLine {
    let row = books.row();
    StatementLine {
        tracking_key: row.tracking_key.to_string(),
        bank_ref: Some("7".to_owned()),
        amount: Some(row.amount),
        clabe: Clabe::new(row.clabe.expose()).ok(),
        of_our_company: true,
        operating_date: Some(date(2026, 11, 23)),
        says: Said::Pending {
            code: "stp:C".to_owned(),
        },
        receipt: None,
    }
}

impl Books {
    fn adopt(&mut self, by: u128, line: StatementLine) -> Stand {
        self.stand(Command::Adopt(Adopt {
            payout: payout_id(1),
            sender: sender(by),
            line,
        }))
    }
}

/// The bank had it on its statement, and is silent since: that it had it is not forgotten.
#[test]
fn absence_does_not_outdo_the_statement_that_an_order_was_taken_in_from() {
    let (mut books, _) = accepted(true);
    books.adopt(1, line(&books));
    books.tick(200);
    books.found(Found::NotFound);
    assert_eq!(books.row().doubt.as_deref(), Some("begin_lost"));
    let by = statements(books.row());
    books.stand(Command::Evidence(Finding {
        payout: payout_id(1),
        id: Uuid::now_v7(),
        by,
    }));
    assert_eq!(books.row().evidence, None);
}

#[test]
fn nothing_is_sent_on_books_that_were_not_held_against_the_bank() {
    let (mut books, _) = accepted(true);
    let on = |seen| {
        Command::Begin(Begin {
            payout: payout_id(1),
            sender: sender(1),
            seen,
        })
    };
    let mut others = vec![None];
    let changes: [fn(&mut Seen); 4] = [
        |seen| seen.server.system = "8".to_owned(),
        |seen| seen.server.timeline += 1,
        |seen| seen.server.started_us -= 1,
        |seen| seen.wal += 1,
    ];
    for change in changes {
        let mut other = server();
        change(&mut other);
        others.push(Some(other));
    }
    for seen in others {
        assert!(matches!(books.stand(on(seen)), Stand::NotSent { until } if until > books.rows.now));
        assert_eq!((books.row().send_no, books.row().state), (0, State::Accepted));
    }
    // The books name no server, or another: somebody doubts this one.
    let mut elsewhere = server().server;
    elsewhere.started_us -= 1;
    for caught_up in [None, Some(elsewhere)] {
        books.rows.banks.get_mut("stp").expect("a bank").caught_up = caught_up;
        let (answer, _) = decide(&books.rules, &books.rows, &on(Some(server())));
        assert!(matches!(answer, Answer::Stands(row, Stand::NotSent { .. }) if row.state == State::Accepted));
    }
    books.rows.banks.get_mut("stp").expect("a bank").caught_up = Some(server().server);
    let mut earlier = server();
    earlier.wal -= 1;
    assert_eq!(books.stand(on(Some(earlier))), Stand::Go, "the log only grew");
    // A resend waits too.
    books.record(1, 1, doubt());
    books.twice_not_found();
    assert_eq!(books.stand(on(None)), Stand::Doubt);
    books.rows.server = None;
    let (answer, writes) = decide(&books.rules, &books.rows, &begin(payout_id(1), sender(2)));
    assert!(
        matches!(answer, Answer::Stands(_, Stand::Doubt)),
        "a server that was not read is none"
    );
    assert!(writes.is_empty());
}

#[test]
fn every_right_to_send_is_counted_once() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.begin(1);
    books.begin(2);
    assert_eq!(books.rows.banks["stp"].begins, 1);
    books.accept(2, account, 1);
    books.run(begin(payout_id(2), sender(3)));
    assert_eq!(books.rows.banks["stp"].begins, 2);
}

#[test]
fn no_money_is_given_back_on_books_that_were_not_held_against_the_bank() {
    let (mut books, account) = accepted(true);
    let held = books.held(account);
    let mut older = server().server;
    older.started_us -= 1;
    for caught_up in [None, Some(older)] {
        books.rows.banks.get_mut("stp").expect("a bank").caught_up = caught_up;
        let (answer, writes) = decide(&books.rules, &books.rows, &cancels(1));
        assert!(matches!(answer, Answer::CatchingUp(_)) && writes.is_empty());
    }
    books.rows.banks.get_mut("stp").expect("a bank").caught_up = Some(server().server);
    books.rows.server = None;
    let (answer, writes) = decide(&books.rules, &books.rows, &cancels(1));
    assert!(matches!(answer, Answer::CatchingUp(_)) && writes.is_empty());
    books.rows.server = Some(server());
    assert!(held > 0 && matches!(books.run(cancels(1)), Answer::Cancelled(_)));
    // What is cancelled is told so, caught up or not.
    books.rows.server = None;
    assert!(matches!(
        decide(&books.rules, &books.rows, &cancels(1)).0,
        Answer::Cancelled(_)
    ));
}

#[test]
fn an_order_whose_begin_is_lost_is_taken_in_asked_about_and_never_sent() {
    for refuses_repeated_keys in [true, false] {
        let (mut books, _) = accepted(refuses_repeated_keys);
        let line = line(&books);
        assert_eq!(books.adopt(1, line.clone()), Stand::Doubt);
        let row = books.row().clone();
        assert_eq!((row.state, row.send_no, row.unproven), (State::Sending, 1, 1));
        assert_eq!(row.operating_date, Some(date(2026, 11, 23)), "the bank's day");
        assert_eq!(books.rows.banks["stp"].begins, 0, "no right was given");
        for by in [2, 3] {
            assert_eq!(books.begin(by), Stand::Doubt);
        }
        assert_eq!(books.adopt(4, line), Stand::Doubt);
        assert_eq!(books.row(), &row, "once");
        // A send that the books have forgotten says what became of it: only the bank's word counts.
        books.record(9, 1, Submitted::NotSent(NotSent::Unreachable));
        books.record(9, 1, refused());
        assert_eq!((books.row().state, books.row().evidence), (State::Sending, None));
        books.found(paid());
        assert_eq!(books.apply(), Some(End::Settled));
    }
}

#[test]
fn a_lost_order_that_the_bank_did_not_pay_is_given_back() {
    let (mut books, account) = accepted(true);
    let line = line(&books);
    books.adopt(1, line);
    books.found(Found::NotPaid {
        code: "stp:CN".to_owned(),
    });
    assert_eq!(books.apply(), None, "not while a sender may be at work");
    books.tick(21);
    assert_eq!(books.apply(), Some(End::Failed));
    assert_eq!(books.held(account), 0);
}

#[test]
fn an_order_that_differs_or_whose_payout_is_known_to_be_otherwise_is_not_taken_in() {
    let (mut books, _) = accepted(true);
    let sound = line(&books);
    let changes: [fn(&mut StatementLine); 5] = [
        |line| line.tracking_key.push('X'),
        |line| line.amount = None,
        |line| line.clabe = Clabe::new("646180110400000007").ok(),
        |line| line.of_our_company = false,
        |line| line.operating_date = None,
    ];
    for change in changes {
        let (mut books, _) = accepted(true);
        let mut other = sound.clone();
        change(&mut other);
        books.adopt(1, other);
        assert_eq!((books.row().state, books.row().send_no), (State::Accepted, 0));
        // Whoever resumes the bank sends nothing on top of it, and nobody gives it back.
        assert_eq!(books.row().attention, Some(Attention::Mismatch));
        assert_eq!(books.begin(2), Stand::Closed);
        let answer = books.run(cancels(1));
        assert!(matches!(answer, Answer::TooLate(_)), "{answer:?}");
    }
    books.found(paid());
    books.adopt(1, sound.clone());
    assert_eq!(books.row().state, State::Accepted, "what is proven is for people");
    let (mut books, _) = accepted(true);
    books.run(cancels(1));
    books.adopt(1, sound);
    assert_eq!(books.row().state, State::Cancelled);
}
