//! Money that comes back, as stories of one payout and one record; each fails when its rule is broken.

use jiff::civil::date;
use workflows::domain::{
    Attention, Centavos, End, Outcome, PayoutId, ReceivedAttention, ReceivedId, ReceivedState, State,
};

use super::{
    super::{
        super::{
            command::{Answer, Begin, By, Command, Cure, Finding, NotCured, Receive, Return, SendBack, Stand},
            rows::{AccountStatus, NOT_APPLIED, Received, TO_APPLY},
        },
        fixtures::{Books, FEE, IVA, account_id, books, came, cancels, payout_id, statements},
    },
    AMOUNT, accepted, doubt, not_paid, paid, refused, took,
};
use crate::bank::ReceivedLine;

/// What comes back of payout 1 under a key of its own.
fn back(books: &Books, n: u8, centavos: i64, interest: i64) -> ReceivedLine {
    ReceivedLine {
        operating_date: date(2026, 11, 25),
        payment_type: 17,
        interest: Centavos::new(interest),
        of_key: Some(books.row().tracking_key.to_string()),
        cause: Some("stp:cause_3".to_owned()),
        ..came(&format!("BBVA{n}"), centavos)
    }
}

impl Books {
    pub(super) fn comes(&mut self, line: ReceivedLine) -> ReceivedId {
        let receive = Receive {
            bank: "stp".to_owned(),
            line,
        };
        let id = receive.id();
        self.run(Command::Receive(Box::new(receive)));
        id
    }

    fn returns(&mut self, received: ReceivedId, payout: Option<PayoutId>) -> Answer {
        self.run(Command::Return(Return { received, payout }))
    }

    fn cures(&mut self, received: ReceivedId, payout: Option<PayoutId>) -> Answer {
        self.run(Command::Cure(Cure {
            received,
            payout,
            account: account_id(0),
            actor: "support".to_owned(),
            reason: "it is theirs".to_owned(),
        }))
    }

    pub(super) fn came(&self, id: ReceivedId) -> &Received {
        &self.rows.received[&id]
    }

    fn sends_back(&mut self, received: ReceivedId, payout: u128, key: &str) -> Answer {
        let last = self.came(received).sent_back_by;
        self.run(Command::SendBack(SendBack {
            received,
            payout: payout_id(payout),
            last,
            key: key.to_owned(),
            actor: "support".to_owned(),
            reason: "nobody knows it".to_owned(),
        }))
    }
}

/// Books with a customer, and a deposit that stands apart for nobody.
fn apart() -> (Books, ReceivedId) {
    let mut books = books(true);
    books.open(0, 100_000_000);
    let line = ReceivedLine {
        account: Some("646180110400009992".to_owned()),
        ..came("CAME1", AMOUNT)
    };
    let id = books.comes(line);
    books.run(Command::Deposit(id));
    assert_eq!(books.came(id).state, ReceivedState::Unapplied);
    (books, id)
}

fn why(answer: &Answer) -> Option<NotCured> {
    let Answer::NotCured { why, .. } = answer else {
        return None;
    };
    Some(*why)
}

/// Seeded wrong: two send-backs; a cure and a send-back at once.
#[test]
fn what_goes_back_is_nobodys_meanwhile_and_goes_once() {
    let (mut books, id) = apart();
    assert!(matches!(books.sends_back(id, 1, "a"), Answer::Placed(_)));
    assert_eq!(
        (books.came(id).state, books.held(NOT_APPLIED)),
        (ReceivedState::Returning, AMOUNT)
    );
    assert_eq!(why(&books.cures(id, Some(payout_id(1)))), Some(NotCured::NotSetApart));
    assert!(matches!(books.sends_back(id, 2, "b"), Answer::Placed(row) if row.sent_back_by == Some(payout_id(1))));
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, took());
    books.found(paid());
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(
        (books.came(id).state, books.held(NOT_APPLIED)),
        (ReceivedState::SentBack, 0)
    );
    assert_eq!(why(&books.cures(id, Some(payout_id(1)))), Some(NotCured::NotSetApart));
    assert!(matches!(books.sends_back(id, 3, "c"), Answer::Placed(_)));
    assert_eq!(books.rows.payouts.len(), 1);
}

/// A client that asks again by itself, with its own key, decides nothing anew.
#[test]
fn what_was_refused_stands_apart_again_and_only_a_new_decision_sends_it() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, refused());
    assert_eq!(books.apply(), Some(End::Failed));
    let told = (books.came(id).state, books.came(id).attention);
    assert_eq!(
        told,
        (ReceivedState::Unapplied, Some(ReceivedAttention::SendBackFailed))
    );
    assert!(matches!(books.sends_back(id, 2, "a"), Answer::Placed(row) if row.state == ReceivedState::Unapplied));
    assert_eq!(books.rows.payouts.len(), 1);
    assert!(matches!(books.sends_back(id, 2, "b"), Answer::Placed(row) if row.sent_back_by == Some(payout_id(2))));
}

/// A bank might send the same money back twice, and nobody knows how its statement lists that.
#[test]
fn what_goes_back_is_never_sent_again_nor_proven_absent() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, doubt());
    books.twice_not_found();
    assert_eq!(books.begin(2), Stand::Doubt);
    let by = statements(books.row());
    books.run(Command::Evidence(Finding {
        payout: payout_id(1),
        id: uuid::Uuid::now_v7(),
        by,
    }));
    assert_eq!((books.row().evidence, books.apply()), (None, None));
    books.tick(301);
    books.people(false, ["ana", "luis"]);
    assert_eq!(books.apply(), Some(End::Failed));
}

/// Books that were restored or failed over may have lost that it went: two people find out.
#[test]
fn what_was_to_go_back_on_another_server_is_for_people() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    let here = books.rows.server.as_mut().expect("a server");
    here.server.timeline += 1;
    let caught_up = here.server.clone();
    books.rows.banks.get_mut("stp").expect("the bank").caught_up = Some(caught_up);
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
    assert_ne!(books.begin(1), Stand::Go);
    assert_eq!(books.row().attention, Some(Attention::EvidenceBeforeSend));
    assert_eq!(books.row().send_no, 0);
    books.people(false, ["ana", "luis"]);
    assert!(matches!(books.run(cancels(1)), Answer::Cancelled(_)));
    assert_eq!(books.came(id).state, ReceivedState::Unapplied);
}

/// The bank said that it did not send it back, and then that it did: nobody gets it on top of that.
#[test]
fn what_may_have_gone_after_all_is_given_to_nobody() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, took());
    books.found(not_paid());
    books.tick(600);
    assert_eq!(books.apply(), Some(End::Failed));
    books.found(paid());
    assert_eq!(why(&books.cures(id, Some(payout_id(1)))), Some(NotCured::MayBeBack));
    assert_eq!(why(&books.sends_back(id, 2, "b")), Some(NotCured::MayBeBack));
    // Two people take off what was told of it, once they have understood it: that it has gone stays so.
    books.says("ana", Outcome::Understood);
    books.says("luis", Outcome::Understood);
    assert_eq!(books.row().attention, None);
    assert_eq!(why(&books.cures(id, Some(payout_id(1)))), Some(NotCured::MayBeBack));
    assert_eq!(why(&books.sends_back(id, 2, "b")), Some(NotCured::MayBeBack));
    // Nor does a later word take that back that says less.
    books.rows.payouts.get_mut(&payout_id(1)).expect("the payout").bank_word = Some("unknown word stp:XX".to_owned());
    assert_eq!(why(&books.cures(id, Some(payout_id(1)))), Some(NotCured::MayBeBack));
    // Its command locked no payout, so that it sees none.
    books.thorough = false;
    let unseen = books.rows.payouts.remove(&payout_id(1)).expect("the payout");
    assert!(matches!(books.cures(id, None), Answer::Waits { .. }));
    books.rows.payouts.insert(unseen.id, unseen);
    // Once the bank says that it did not go after all, people give it to whom they want.
    books.found(not_paid());
    assert!(matches!(books.cures(id, Some(payout_id(1))), Answer::Placed(_)));
}

/// A restart alone loses nothing that was committed.
#[test]
fn what_was_to_go_back_before_a_restart_goes() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    let here = books.rows.server.as_mut().expect("a server");
    here.server.started_us += 1;
    let seen = here.clone();
    books.rows.banks.get_mut("stp").expect("the bank").caught_up = Some(seen.server.clone());
    let begin = Begin {
        payout: payout_id(1),
        sender: crate::bank::Sender(uuid::Uuid::from_u128(1)),
        seen: Some(seen),
    };
    // Whoever is told has the server that the fixtures know.
    (books.logs, books.thorough) = (false, false);
    assert_eq!(books.stand(Command::Begin(begin)), Stand::Go);
}

/// Two people decide, one after the other; the first one's payout fails. The other's client repeats its request.
#[test]
fn a_key_that_was_told_of_another_decision_decides_nothing_later() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    assert!(matches!(books.sends_back(id, 2, "b"), Answer::Placed(_)));
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, refused());
    assert_eq!(books.apply(), Some(End::Failed));
    assert!(matches!(books.sends_back(id, 2, "b"), Answer::Placed(row) if row.state == ReceivedState::Unapplied));
    assert_eq!(books.rows.payouts.len(), 1);
    // A claim proves nothing, and until it is looked into nobody gets the money.
    books.run(Command::Evidence(Finding {
        payout: payout_id(1),
        id: uuid::Uuid::now_v7(),
        by: By::Claim,
    }));
    assert_eq!(why(&books.sends_back(id, 2, "c")), Some(NotCured::MayBeBack));
    assert_eq!(why(&books.cures(id, Some(payout_id(1)))), Some(NotCured::MayBeBack));
}

/// An order to send a deposit back names key and day alone.
#[test]
fn two_deposits_under_one_key_do_not_go_back() {
    let (mut books, id) = apart();
    books.rows.shared.insert(id);
    assert_eq!(why(&books.sends_back(id, 1, "a")), Some(NotCured::KeyShared));
    books.rows.shared.clear();
    books.sends_back(id, 1, "a");
    // The other one came while it waited, which people are not told beforehand.
    (books.logs, books.thorough) = (false, false);
    books.rows.shared.insert(id);
    assert!(matches!(books.begin(1), Stand::NotSent { .. }));
    assert!(matches!(books.run(cancels(1)), Answer::Cancelled(_)));
}

/// Its return is here before its own posting: it waits for that, and then it is nobody's.
#[test]
fn what_went_back_and_came_back_again_is_in_suspense() {
    let (mut books, id) = apart();
    books.sends_back(id, 1, "a");
    assert_eq!(books.begin(1), Stand::Go);
    books.record(1, 1, took());
    let again = books.comes(back(&books, 1, AMOUNT, 0));
    assert!(matches!(books.returns(again, Some(payout_id(1))), Answer::Waits { .. }));
    books.found(paid());
    assert_eq!(books.apply(), Some(End::Settled));
    books.returns(again, Some(payout_id(1)));
    let came = books.came(again);
    assert_eq!(
        (came.state, came.attention),
        (ReceivedState::Suspended, Some(ReceivedAttention::BackAgain))
    );
}

/// Books whose payout 1 is settled.
fn settled() -> Books {
    let (mut books, _) = accepted(true);
    assert_eq!(books.begin(1), Stand::Go);
    books.record(
        1,
        1,
        crate::bank::Submitted::Accepted {
            bank_ref: "7".to_owned(),
        },
    );
    books.found(paid());
    assert_eq!(books.apply(), Some(End::Settled));
    books
}

/// Seeded wrong: a partial return reverses all.
#[test]
fn a_part_gives_back_a_part_with_its_interest_and_no_fee() {
    let mut books = settled();
    let before = books.rows.accounts[&account_id(0)].available();
    let id = books.comes(back(&books, 1, 40_300, 300));
    assert!(matches!(books.returns(id, Some(payout_id(1))), Answer::Placed(_)));
    let row = books.row();
    assert_eq!(
        (row.state, row.returned_amount, row.refunded),
        (State::Returned, Some(Centavos::new(40_000)), Centavos::ZERO)
    );
    let after = books.rows.accounts[&account_id(0)].available();
    assert_eq!(after.get() - before.get(), 40_300);
}

/// Its bank returns what the books never sent: sending it now would pay twice, giving it back would lose it.
#[test]
fn a_return_of_what_was_never_sent_stops_sending_and_cancelling() {
    let (mut books, _) = accepted(true);
    let id = books.comes(back(&books, 1, AMOUNT, 0));
    assert!(matches!(
        books.returns(id, Some(payout_id(1))),
        Answer::Waits { payout: Some(_), .. }
    ));
    assert_eq!(books.row().attention, Some(Attention::EvidenceBeforeSend));
    assert!(!matches!(books.begin(1), Stand::Go));
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
    assert_eq!(books.came(id).state, ReceivedState::Received);
}

/// Who names another payout than the record does returns nothing.
#[test]
fn a_return_is_of_the_payout_that_its_record_names() {
    let mut books = settled();
    let mut line = back(&books, 1, AMOUNT, 0);
    line.of_key = Some("GIRO000000000000000000000000Z".to_owned());
    let id = books.comes(line);
    books.returns(id, Some(payout_id(1)));
    assert_eq!(books.row().state, State::Settled);
    let came = books.came(id);
    assert_eq!(
        (came.state, came.attention),
        (ReceivedState::Suspended, Some(ReceivedAttention::PayoutUnknown))
    );
}

/// Whoever decided before the return had its place does not know all that stands apart: nothing moves by half.
#[test]
fn what_was_set_apart_is_applied_whole_or_not_at_all() {
    let mut books = settled();
    books.rules.refunds_fee = true;
    let freeze = |books: &mut Books, status| {
        books.rows.accounts.get_mut(&account_id(0)).expect("the account").status = status;
    };
    freeze(&mut books, AccountStatus::Frozen);
    let id = books.comes(back(&books, 1, AMOUNT, 0));
    books.returns(id, Some(payout_id(1)));
    assert_eq!(
        (books.row().attention, books.came(id).state),
        (Some(Attention::ReturnSetApart), ReceivedState::Unapplied)
    );
    let frozen = books.cures(id, Some(payout_id(1)));
    assert!(
        matches!(
            frozen,
            Answer::NotCured {
                why: NotCured::AccountNotOpen,
                ..
            }
        ),
        "{frozen:?}"
    );
    freeze(&mut books, AccountStatus::Open);
    // Its command locked no payout, so that it sees none.
    let unseen = books.rows.payouts.remove(&payout_id(1)).expect("the payout");
    books.thorough = false;
    assert!(matches!(books.cures(id, None), Answer::Waits { .. }));
    books.rows.payouts.insert(unseen.id, unseen);
    books.thorough = true;
    assert_eq!(books.came(id).state, ReceivedState::Unapplied);
    let apart = books.rows.accounts[&TO_APPLY].credits.get();
    assert_eq!(apart, AMOUNT + FEE.get() + IVA.get());
    assert!(matches!(books.cures(id, Some(payout_id(1))), Answer::Placed(_)));
    let left = &books.rows.accounts[&TO_APPLY];
    assert_eq!((left.debits.get(), books.row().attention), (apart, None));
    assert_eq!(books.rows.accounts[&account_id(0)].available().get(), 100_000_000);
}
