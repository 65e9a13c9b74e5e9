//! What takes two people, with a document: each rule fails when it is broken.

use workflows::domain::{Attention, End, Evidence, Outcome, ReceivedAttention, ReceivedState, State};

use super::{
    super::{
        super::command::{Adopt, Answer, Command, NotDecided, Return, Subject},
        super::rows::AccountStatus,
        fixtures::{account_id, came, cancels, payout_id, word},
    },
    accepted, doubt,
    loss::line,
    paid, took,
};
use crate::bank::{Found, FoundDoubt, Said};

/// In doubt, and past its deadline.
fn stuck() -> super::Books {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, doubt());
    books.tick(601);
    books
}

fn no(why: NotDecided) -> Answer {
    Answer::NotDecided(why)
}

#[test]
fn one_word_decides_nothing_and_the_second_does() {
    let mut books = stuck();
    assert!(matches!(books.says("ana", Outcome::NotPaid), Answer::Awaits(_)));
    assert!(
        matches!(books.says("ana", Outcome::NotPaid), Answer::Awaits(_)),
        "one person twice is one person"
    );
    assert!(
        matches!(books.says("luis", Outcome::Paid), Answer::Awaits(_)),
        "two who disagree decide nothing"
    );
    assert_eq!((books.row().evidence, books.apply()), (None, None));
    assert!(matches!(books.says("luis", Outcome::NotPaid), Answer::Decided(Some(_))));
    assert_eq!(books.row().decided_by, Some(vec!["ana".to_owned(), "luis".to_owned()]));
    assert_eq!(books.apply(), Some(End::Failed));
}

#[test]
fn whoever_changes_their_mind_is_no_second_one() {
    let mut books = stuck();
    books.says("ana", Outcome::NotPaid);
    books.says("ana", Outcome::Paid);
    assert!(matches!(books.says("luis", Outcome::NotPaid), Answer::Awaits(_)));
    assert_eq!(books.row().evidence, None);
}

#[test]
fn a_repeated_key_says_nothing_new() {
    let mut books = stuck();
    let says = |books: &mut super::Books, person, outcome, n| {
        books.run(word(Subject::Payout(payout_id(1)), person, outcome, None, n))
    };
    let first = says(&mut books, "ana", Outcome::NotPaid, 1);
    assert_eq!(says(&mut books, "ana", Outcome::NotPaid, 1), first);
    assert_eq!(says(&mut books, "ana", Outcome::Paid, 1), no(NotDecided::KeyReused));
    assert!(
        matches!(says(&mut books, "luis", Outcome::NotPaid, 1), Answer::Decided(_)),
        "keys are each person's own"
    );
    assert!(matches!(
        says(&mut books, "ana", Outcome::NotPaid, 1),
        Answer::Decided(_)
    ));
    assert_eq!(books.rows.decisions.len(), 2);
    let mut books = stuck();
    says(&mut books, "ana", Outcome::NotPaid, 1);
    books.found(paid());
    assert_eq!(
        says(&mut books, "ana", Outcome::NotPaid, 1),
        no(NotDecided::Stale),
        "it no longer counts"
    );
}

/// What was said of one standing says nothing of the next: the order went out again, or the bank has answered.
#[test]
fn what_was_said_before_the_bank_spoke_does_not_count() {
    let mut books = stuck();
    books.says("ana", Outcome::NotPaid);
    books.found(paid());
    assert_eq!(books.says("luis", Outcome::NotPaid), no(NotDecided::NotNeeded));
    assert_eq!(books.row().evidence, Some(Evidence::Paid));
    assert_eq!(books.apply(), Some(End::Settled));

    let mut books = stuck();
    books.says("ana", Outcome::NotPaid);
    books.twice_not_found();
    assert_eq!(books.begin(2), super::Stand::Go);
    books.record(2, 2, doubt());
    assert!(matches!(books.says("luis", Outcome::NotPaid), Answer::Awaits(_)));
    assert_eq!(books.row().evidence, None);
}

#[test]
fn a_word_grows_old() {
    let mut books = stuck();
    books.says("ana", Outcome::NotPaid);
    books.tick(7 * 86_400 + 1);
    assert!(matches!(books.says("luis", Outcome::NotPaid), Answer::Awaits(_)));
    assert_eq!(books.row().evidence, None);
}

/// While giro ends it by itself nobody is needed, and the wrong id does no harm.
#[test]
fn nobody_decides_what_needs_nobody() {
    let (mut books, _) = accepted(true);
    assert_eq!(
        books.says("ana", Outcome::NotPaid),
        no(NotDecided::NotNeeded),
        "it can be cancelled"
    );
    assert_eq!(books.says("ana", Outcome::Paid), no(NotDecided::NotSent));
    books.begin(1);
    books.record(1, 1, took());
    assert_eq!(
        books.says("ana", Outcome::Paid),
        no(NotDecided::NotNeeded),
        "it is on its way"
    );
    books.tick(601);
    assert_eq!(books.says("ana", Outcome::Understood), no(NotDecided::StillOpen));
    books.found(paid());
    // Past its deadline, and its run has not come to it: the bank's own word ends it, and nobody's.
    for outcome in [Outcome::NotPaid, Outcome::Paid] {
        assert_eq!(books.says("ana", outcome), no(NotDecided::NotNeeded), "{outcome}");
    }
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(books.says("ana", Outcome::NotPaid), no(NotDecided::Ended));
    assert_eq!(books.says("ana", Outcome::Understood), no(NotDecided::NotNeeded));
    assert!(books.rows.decisions.is_empty(), "nothing of it is remembered");
}

/// Seeded wrong: people give back what the bank says that it paid, or the other way round.
#[test]
fn nobody_outranks_a_word_of_the_bank_that_nothing_contradicts() {
    for (found, other) in [(paid(), Outcome::NotPaid), (super::not_paid(), Outcome::Paid)] {
        let mut books = stuck();
        books.found(found);
        for person in ["ana", "luis"] {
            assert_eq!(books.says(person, other), no(NotDecided::NotNeeded), "{other}");
        }
        books.tick(600);
        let end = if other == Outcome::Paid {
            End::Failed
        } else {
            End::Settled
        };
        assert_eq!(books.apply(), Some(end));
    }
    // Where what it has is unclear, people may know better.
    let mut books = stuck();
    books.found(super::not_paid());
    books.found(Found::Doubt(FoundDoubt::UnknownWord {
        code: "stp:XX".to_owned(),
    }));
    assert!(matches!(books.says("ana", Outcome::Paid), Answer::Awaits(_)));
    // Once the bank has said both, people are needed.
    let mut books = stuck();
    books.found(paid());
    books.found(super::not_paid());
    assert!(matches!(books.says("ana", Outcome::Paid), Answer::Awaits(_)));
}

#[test]
fn what_came_after_the_end_is_understood_by_two() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, took());
    books.found(paid());
    assert_eq!(books.apply(), Some(End::Settled));
    books.found(super::not_paid());
    assert_eq!(books.row().attention, Some(Attention::EvidenceAfterEnd));
    books.says("ana", Outcome::Understood);
    assert_eq!(books.row().attention, Some(Attention::EvidenceAfterEnd));
    books.says("luis", Outcome::Understood);
    assert_eq!((books.row().attention, books.row().state), (None, State::Settled));
    books.found(super::not_paid());
    assert_eq!(
        books.row().attention,
        Some(Attention::EvidenceAfterEnd),
        "what comes later is told again"
    );
    for person in ["ana", "luis", "carla"] {
        assert!(
            matches!(books.says(person, Outcome::Understood), Answer::Awaits(_)) == (person == "ana"),
            "what two people said is done once: {person}"
        );
        if person == "luis" {
            break;
        }
    }
    assert_eq!(books.row().attention, None);
}

/// The bank paid what the books never sent: nobody sends it, and two people say that it is gone.
#[test]
fn what_the_bank_paid_and_the_books_never_sent_ends_by_two() {
    let (mut books, account) = accepted(true);
    books.found(paid());
    assert_eq!(books.row().attention, Some(Attention::EvidenceBeforeSend));
    assert_ne!(books.begin(1), super::Stand::Go);
    assert_eq!(books.apply(), None);
    books.says("ana", Outcome::Paid);
    assert_eq!((books.row().state, books.apply()), (State::Accepted, None));
    books.says("luis", Outcome::Paid);
    let row = books.row();
    assert_eq!((row.state, row.send_no), (State::Sending, 1));
    assert_eq!((row.operating_date, row.attention), (row.effective_on, None));
    assert_ne!(books.begin(2), super::Stand::Go);
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(books.held(account), 0);
}

/// It left and came back: two people end it, and its return is still looked for.
#[test]
fn what_came_back_before_anybody_knew_of_it_is_looked_for() {
    let (mut books, _) = accepted(true);
    let Found::Paid {
        bank_ref, effective_on, ..
    } = paid()
    else {
        panic!("it is paid")
    };
    books.found(Found::Paid {
        bank_ref,
        effective_on,
        came_back: true,
    });
    // A word that says less takes nothing of it back.
    books.found(Found::Doubt(FoundDoubt::UnknownWord {
        code: "stp:XX".to_owned(),
    }));
    books.says("ana", Outcome::Paid);
    books.says("luis", Outcome::Paid);
    assert_eq!(books.row().attention, Some(Attention::ReturnExpected));
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(books.row().attention, Some(Attention::ReturnExpected));
}

/// The bank was at work when it was asked, and paid when nobody asked: its statement has the day.
#[test]
fn a_statement_says_on_which_day_it_was_paid() {
    let (mut books, _) = accepted(true);
    books.found(Found::Pending {
        bank_ref: "7".to_owned(),
        code: "stp:C".to_owned(),
    });
    assert_eq!(books.says("ana", Outcome::Paid), no(NotDecided::NotSent));
    let mut line = line(&books);
    line.says = Said::Paid {
        came_back: true,
        code: "stp:D".to_owned(),
    };
    let told = books.run(Command::Adopt(Adopt {
        payout: payout_id(1),
        sender: super::sender(9),
        line: line.clone(),
    }));
    assert!(matches!(told, Answer::Stands(_, super::Stand::Doubt)), "{told:?}");
    assert_eq!(books.row().effective_on, line.operating_date);
    books.says("ana", Outcome::Paid);
    books.says("luis", Outcome::Paid);
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(books.row().operating_date, line.operating_date);
    assert_eq!(
        books.row().attention,
        Some(Attention::ReturnExpected),
        "its return is looked for"
    );
}

/// A bank that contradicts itself said at last that it came back: two people who say *paid* leave its return to be looked for.
#[test]
fn what_came_back_of_what_was_in_doubt_is_looked_for_too() {
    let mut books = stuck();
    books.found(super::not_paid());
    books.found(Found::Paid {
        bank_ref: "7".to_owned(),
        effective_on: jiff::civil::date(2026, 11, 24),
        came_back: true,
    });
    books.says("ana", Outcome::Paid);
    books.says("luis", Outcome::Paid);
    assert_eq!(books.row().attention, Some(Attention::ReturnExpected));
    assert_eq!(books.apply(), Some(End::Settled));
}

/// Two people said that it was not paid, and then the bank says that it was: they can say that too.
#[test]
fn who_was_wrong_about_what_was_never_sent_can_say_so() {
    let (mut books, _) = accepted(true);
    books.found(super::not_paid());
    books.says("ana", Outcome::NotPaid);
    books.says("luis", Outcome::NotPaid);
    assert_eq!(
        books.says("ana", Outcome::Paid),
        no(NotDecided::NotSent),
        "nobody has paid it"
    );
    books.found(paid());
    assert!(books.row().contradicted);
    books.says("ana", Outcome::Paid);
    books.says("luis", Outcome::Paid);
    assert_eq!(books.apply(), Some(End::Settled));
}

/// What has counted counts no second time, though it is told again in the very same words at the very same time.
#[test]
fn a_word_that_has_counted_counts_no_more() {
    let mut books = stuck();
    books.says("ana", Outcome::Paid);
    books.says("luis", Outcome::Paid);
    assert_eq!(books.row().evidence, Some(Evidence::TwoPeoplePaid));
    let row = books.rows.payouts.get_mut(&payout_id(1)).expect("it");
    (row.evidence, row.decided_by, row.document) = (None, None, None);
    assert!(
        matches!(books.says("ana", Outcome::Paid), Answer::Awaits(_)),
        "of luis's word nothing is left"
    );
    assert!(matches!(books.says("luis", Outcome::Paid), Answer::Decided(_)));
}

/// They said that it was not paid, and the bank says that it has the order, or that it paid: nothing is given back on that.
#[test]
fn what_the_bank_says_after_two_people_stops_them() {
    let pending = || crate::bank::Found::Pending {
        bank_ref: "77".to_owned(),
        code: "stp:E".to_owned(),
    };
    for found in [pending(), paid()] {
        let mut books = stuck();
        books.people(false, ["ana", "luis"]);
        books.found(found.clone());
        assert_eq!((books.row().contradicted, books.apply()), (true, None), "{found:?}");
        assert_eq!(books.row().attention, Some(Attention::Contradiction));
        books.people(false, ["ana", "luis"]);
        assert_eq!(
            books.apply(),
            Some(End::Failed),
            "knowing of it they may say so again: {found:?}"
        );
    }
    // Of what the books never sent.
    for found in [pending(), paid()] {
        let (mut books, _) = accepted(true);
        books.found(crate::bank::Found::Doubt(crate::bank::FoundDoubt::Mismatch {
            fields: vec!["amount"],
        }));
        books.people(false, ["ana", "luis"]);
        books.found(found.clone());
        assert!(books.row().contradicted, "{found:?}");
        assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)), "{found:?}");
        books.people(false, ["ana", "luis"]);
        assert!(matches!(books.run(cancels(1)), Answer::Cancelled(_)));
    }
}

/// An unclear word of the bank's between the two is a word of the bank's.
#[test]
fn what_was_said_before_the_bank_named_it_does_not_count() {
    let mut books = stuck();
    books.says("ana", Outcome::NotPaid);
    books.found(crate::bank::Found::Doubt(crate::bank::FoundDoubt::UnknownWord {
        code: "stp:ZZ".to_owned(),
    }));
    assert!(matches!(books.says("luis", Outcome::NotPaid), Answer::Awaits(_)));
    assert_eq!(books.row().evidence, None);
}

#[test]
fn suspense_goes_to_a_customer_once_by_two_people() {
    let (mut books, account) = accepted(true);
    let mut line = came("RET1", 700);
    (line.payment_type, line.of_key) = (17, Some("GIRONOBODYS".to_owned()));
    let id = books.comes(line);
    books.run(Command::Return(Return {
        received: id,
        payout: None,
    }));
    assert_eq!(books.came(id).state, ReceivedState::Suspended);
    let other = books.open(1, 1);
    let say = |books: &mut super::Books, person, to, n| {
        books.run(word(Subject::Received(id), person, Outcome::Apply, Some(to), n))
    };
    assert!(matches!(say(&mut books, "ana", account, 1), Answer::Awaits(_)));
    assert!(
        matches!(say(&mut books, "luis", other, 1), Answer::Awaits(_)),
        "not the same account"
    );
    assert_eq!(
        say(&mut books, "luis", account_id(99), 2),
        no(NotDecided::AccountUnknown)
    );
    books.rows.accounts.get_mut(&account).expect("it").status = AccountStatus::Frozen;
    assert_eq!(say(&mut books, "luis", account, 3), no(NotDecided::AccountNotOpen));
    books.rows.accounts.get_mut(&account).expect("it").status = AccountStatus::Open;
    let before = books.rows.accounts[&account].credits;
    assert_eq!(say(&mut books, "luis", account, 4), Answer::Decided(None));
    assert_eq!(books.rows.accounts[&account].credits.get(), before.get() + 700);
    assert_eq!(
        (books.came(id).state, books.came(id).attention),
        (ReceivedState::Applied, None)
    );
    assert_eq!(say(&mut books, "ana", other, 5), no(NotDecided::NotNeeded), "once");
    assert_eq!(
        say(&mut books, "luis", account, 4),
        Answer::Decided(None),
        "asked again, it says so again"
    );
}

#[test]
fn a_record_told_otherwise_is_understood_by_two() {
    let (mut books, account) = accepted(true);
    let mut line = came("DEP1", 700);
    line.account = books.rows.accounts[&account]
        .clabe
        .as_ref()
        .map(|clabe| clabe.expose().to_owned());
    let id = books.comes(line.clone());
    books.run(Command::Deposit(id));
    line.amount = workflows::domain::Centavos::new(701);
    books.comes(line.clone());
    assert_eq!(books.came(id).attention, Some(ReceivedAttention::Differs));
    for (n, person) in [(1, "ana"), (2, "luis")] {
        assert!(books.came(id).attention.is_some());
        books.run(word(Subject::Received(id), person, Outcome::Understood, None, n));
    }
    assert_eq!(books.came(id).attention, None);
    books.comes(line.clone());
    assert_eq!(books.came(id).attention, None, "told as it was understood");
    line.amount = workflows::domain::Centavos::new(702);
    books.comes(line);
    assert_eq!(
        books.came(id).attention,
        Some(ReceivedAttention::Differs),
        "told otherwise"
    );
}

/// Contradicted already, a further word of the bank's is one that the first person has not seen; silence takes none back.
#[test]
fn a_word_before_the_banks_next_word_does_not_count_on_what_is_contradicted() {
    let mut books = stuck();
    books.people(false, ["ana", "luis"]);
    books.found(crate::bank::Found::Pending {
        bank_ref: "7".to_owned(),
        code: "stp:E".to_owned(),
    });
    assert!(books.row().contradicted);
    books.says("ana", Outcome::NotPaid);
    books.found(paid());
    books.found(crate::bank::Found::Doubt(crate::bank::FoundDoubt::NoAnswer {
        why: "503".to_owned(),
    }));
    assert!(matches!(books.says("luis", Outcome::NotPaid), Answer::Awaits(_)));
    assert_eq!((books.row().contradicted, books.apply()), (true, None));
}

/// An unclear word after two people is a word that the bank has something: nothing is given back until they know of it.
#[test]
fn an_unclear_word_after_two_people_stops_them() {
    let unclear = || crate::bank::Found::Doubt(crate::bank::FoundDoubt::Incomplete { missing: "idEF" });
    let mut books = stuck();
    books.people(false, ["ana", "luis"]);
    books.found(unclear());
    assert_eq!((books.row().contradicted, books.apply()), (true, None));
    books.people(false, ["ana", "luis"]);
    books.found(unclear());
    assert_eq!(books.apply(), Some(End::Failed), "they knew of that word");

    let (mut books, _) = accepted(true);
    books.found(crate::bank::Found::Doubt(crate::bank::FoundDoubt::Mismatch {
        fields: vec!["amount"],
    }));
    books.people(false, ["ana", "luis"]);
    books.found(unclear());
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
}
