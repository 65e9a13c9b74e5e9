//! Money that waits for its time, and money that stays, as stories; each fails when its rule is broken.

use jiff::{SignedDuration, Timestamp};
use workflows::domain::{AccountId, Attention, End, ReceivedAttention, ReceivedState, Refusal, State};

use super::{
    super::{
        super::{
            command::{Accept, Adopt, Answer, Command, Receive, Return, Stand},
            rows::{AccountStatus, FEE_INCOME, IVA_PAYABLE, Kind, PausedBy, SETTLEMENT_STP},
        },
        fixtures::{Books, FEE, IVA, account_id, begin, books, came, cancels, clabe, payout_id, request},
    },
    AMOUNT,
    loss::line,
    sender,
};
use crate::bank::{NotSent, ReceivedLine, Submitted};

const GROSS: i64 = AMOUNT + FEE.get() + IVA.get();

/// Books with two customers, of whom the first has 5,000.00.
fn two() -> (Books, AccountId, AccountId) {
    let mut books = books(true);
    let one = books.open(0, 500_000);
    let other = books.open(1, 1);
    (books, one, other)
}

/// Payout 1 from the first customer, asked for so many seconds from now.
fn later(books: &Books, seconds: i64) -> Accept {
    let mut accept = request(1, account_id(0), AMOUNT);
    accept.order.process_after = Some(books.rows.now + SignedDuration::from_secs(seconds));
    accept
}

/// The same to the second customer.
fn to_the_other(mut accept: Accept) -> Accept {
    accept.order.clabe = clabe(1);
    accept
}

impl Books {
    fn books(&mut self) -> Option<End> {
        let answer = self.run(Command::Book(payout_id(1)));
        let Answer::Ended(_, end) = answer else {
            assert!(matches!(answer, Answer::Open(_)), "{answer:?}");
            return None;
        };
        Some(end)
    }

    fn has(&self, account: AccountId) -> [i64; 3] {
        let row = &self.rows.accounts[&account];
        [row.debits, row.credits, row.held].map(|sum| sum.get())
    }
}

#[test]
fn what_is_asked_for_later_is_held_now_and_sent_then() {
    let (mut books, one, _) = two();
    let accept = later(&books, 3_600);
    books.run(Command::Accept(accept));
    assert_eq!(books.has(one), [0, 500_000, GROSS], "held at once");
    let at = books.row().process_after.expect("a time");
    books.tick(3_599);
    assert_eq!(books.begin(1), Stand::NotSent { until: at });
    assert_eq!((books.row().send_no, books.row().state), (0, State::Accepted));
    books.tick(1);
    assert_eq!(books.begin(2), Stand::Go);
}

/// Whoever looks for what is overdue finds it after its time, not before: also when it was tried and not sent.
#[test]
fn a_deadline_counts_from_the_time_that_was_asked_for() {
    let (mut books, ..) = two();
    let accept = later(&books, 3_600);
    books.run(Command::Accept(accept));
    let at: Timestamp = books.row().process_after.expect("a time");
    let due = at + books.rules.accepted;
    assert_eq!(books.row().deadline_at, Some(due));
    books.tick(3_600);
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, Submitted::NotSent(NotSent::Unreachable));
    assert_eq!(
        (books.row().state, books.row().deadline_at),
        (State::Accepted, Some(due))
    );
}

#[test]
fn what_waits_is_taken_back_until_it_is_sent() {
    let (mut books, one, _) = two();
    let accept = later(&books, 3_600);
    books.run(Command::Accept(accept));
    assert!(matches!(books.run(cancels(1)), Answer::Cancelled(_)));
    assert_eq!(books.has(one), [0, 500_000, 0]);
    books.tick(3_600);
    assert_eq!(books.stand(begin(payout_id(1), sender(1))), Stand::Closed);
}

/// Both accounts and the fees in one block; a paused bank has nothing to do with it.
#[test]
fn what_stays_is_moved_at_once_and_no_bank_hears_of_it() {
    let (mut books, one, other) = two();
    books.rows.banks.get_mut("stp").expect("the bank").paused_by = Some(PausedBy::People);
    let accept = to_the_other(request(1, one, AMOUNT));
    let answer = books.run(Command::Accept(accept));
    assert!(matches!(&answer, Answer::Accepted { payout, .. } if payout.state == State::Settled));
    let row = books.row().clone();
    assert_eq!((row.event_seq, row.send_no, row.bank.as_str()), (2, 0, "giro"));
    assert_eq!(books.has(one), [GROSS, 500_000, 0]);
    assert_eq!(books.has(other), [0, AMOUNT + 1, 0]);
    assert_eq!(
        books.has(FEE_INCOME)[1] + books.has(IVA_PAYABLE)[1],
        FEE.get() + IVA.get()
    );
    assert_eq!(books.has(SETTLEMENT_STP)[1], 0, "nothing left the bank");
    assert!(books.movements.contains_key(&Kind::Transfer.id(payout_id(1).uuid())));
    assert_eq!(books.books(), Some(End::Settled), "and not a second time");
    assert_eq!(books.has(other), [0, AMOUNT + 1, 0]);
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
    assert!(matches!(books.run(begin(payout_id(1), sender(1))), Answer::Unknown));
}

#[test]
fn what_stays_moves_at_its_time_once() {
    let (mut books, one, other) = two();
    let accept = to_the_other(later(&books, 60));
    books.run(Command::Accept(accept));
    assert_eq!(books.books(), None, "not before");
    assert_eq!(books.has(one), [0, 500_000, GROSS]);
    books.tick(60);
    assert_eq!(books.books(), Some(End::Settled));
    assert_eq!(books.books(), Some(End::Settled));
    assert_eq!(
        (books.has(one), books.has(other)),
        ([GROSS, 500_000, 0], [0, AMOUNT + 1, 0])
    );
}

/// Frozen before it is asked: refused for good. Frozen before its time: the payer has it back.
#[test]
fn nobody_is_given_what_they_cannot_take() {
    let (mut books, one, other) = two();
    let freeze = |books: &mut Books, status| {
        books.rows.accounts.get_mut(&other).expect("an account").status = status;
    };
    freeze(&mut books, AccountStatus::Closed);
    let mut refused = to_the_other(request(2, one, AMOUNT));
    let answer = books.run(Command::Accept(refused.clone()));
    assert!(matches!(
        answer,
        Answer::Refused {
            refusal: Refusal::BeneficiaryNotOpen,
            ..
        }
    ));
    freeze(&mut books, AccountStatus::Open);
    refused.payout = payout_id(3);
    let kept = books.run(Command::Accept(refused));
    assert!(matches!(kept, Answer::Refused { replayed: true, .. }), "for ever");
    let accept = to_the_other(later(&books, 60));
    books.run(Command::Accept(accept));
    freeze(&mut books, AccountStatus::Frozen);
    books.tick(60);
    assert_eq!(books.books(), Some(End::Failed));
    assert_eq!((books.has(one), books.has(other)), ([0, 500_000, 0], [0, 1, 0]));
}

/// What is asked for by account is booked or refused: it never goes to a bank, whatever the books lack.
#[test]
fn a_transfer_is_never_sent() {
    let (mut books, one, _) = two();
    let mut accept = request(1, one, AMOUNT);
    accept.is_transfer = true;
    let answer = books.run(Command::Accept(accept));
    assert!(matches!(
        answer,
        Answer::Refused {
            refusal: Refusal::BeneficiaryNotOpen,
            ..
        }
    ));
}

/// A payout that goes through a bank is not booked, whoever asks.
#[test]
fn only_what_stays_is_booked() {
    let (mut books, one, _) = two();
    books.accept(1, one, AMOUNT);
    assert_eq!(books.run(Command::Book(payout_id(1))), Answer::Unknown);
    assert_eq!(books.has(one), [0, 500_000, GROSS]);
}

/// A bank that has an order of what nobody can have begun: nothing is sent on top of it when its time comes.
#[test]
fn an_order_of_what_waits_for_its_time_is_for_people() {
    let (mut books, one, _) = two();
    let accept = later(&books, 3_600);
    books.run(Command::Accept(accept));
    let adopt = Adopt {
        payout: payout_id(1),
        sender: sender(1),
        line: line(&books),
    };
    books.stand(Command::Adopt(adopt));
    let told = (books.row().state, books.row().attention);
    assert_eq!(told, (State::Accepted, Some(Attention::EvidenceBeforeSend)));
    books.tick(3_600);
    assert_eq!(books.begin(2), Stand::Closed);
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
    assert_eq!(books.has(one), [0, 500_000, GROSS]);
}

/// What was booked was never at a bank: what comes back by its key is nobody's, and it stays settled.
#[test]
fn nothing_comes_back_of_what_stays() {
    let (mut books, one, other) = two();
    let accept = to_the_other(request(1, one, AMOUNT));
    books.run(Command::Accept(accept));
    let line = ReceivedLine {
        payment_type: 17,
        of_key: Some(books.row().tracking_key.to_string()),
        ..came("BBVA1", AMOUNT)
    };
    let receive = Receive {
        bank: "stp".to_owned(),
        line,
    };
    let received = receive.id();
    books.run(Command::Receive(Box::new(receive)));
    let answer = books.run(Command::Return(Return {
        received,
        payout: Some(payout_id(1)),
    }));
    assert!(
        matches!(&answer, Answer::Placed(row) if row.state == ReceivedState::Suspended
        && row.attention == Some(ReceivedAttention::PayoutUnknown))
    );
    assert_eq!(books.row().state, State::Settled);
    assert_eq!(books.has(other), [0, AMOUNT + 1, 0]);
}
