//! Money that comes back, as stories of one payout and one record; each fails when its rule is broken.

use jiff::civil::date;
use workflows::domain::{
    Attention, Centavos, End, InstitutionCode, PayoutId, ReceivedAttention, ReceivedId, ReceivedState, State,
};

use super::{
    super::{
        super::{
            command::{Answer, Command, Cure, NotCured, Receive, Return, Stand},
            rows::{AccountStatus, Received, TO_APPLY},
        },
        fixtures::{Books, FEE, IVA, account_id, payout_id},
    },
    AMOUNT, accepted, paid,
};
use crate::bank::ReceivedLine;

/// What comes back of payout 1 under a key of its own.
fn back(books: &Books, n: u8, centavos: i64, interest: i64) -> ReceivedLine {
    ReceivedLine {
        operating_date: date(2026, 11, 25),
        sender: InstitutionCode::new(40_012),
        tracking_key: format!("BBVA{n}"),
        payment_type: 17,
        amount: Centavos::new(centavos),
        interest: Centavos::new(interest),
        account: None,
        of_key: Some(books.row().tracking_key.to_string()),
        cause: Some("stp:cause_3".to_owned()),
        sender_account: None,
        sender_name: None,
        concept: None,
        reference: None,
        bank_ref: None,
        record: "{}".to_owned(),
    }
}

impl Books {
    fn comes(&mut self, line: ReceivedLine) -> ReceivedId {
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

    fn came(&self, id: ReceivedId) -> &Received {
        &self.rows.received[&id]
    }
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
    assert!(matches!(books.run(Command::Cancel(payout_id(1))), Answer::TooLate(_)));
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
