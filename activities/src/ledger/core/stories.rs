//! The rules of money as stories of one payout; each fails when its rule is broken.

use jiff::civil::date;
use uuid::Uuid;
use workflows::domain::{AccountId, Attention, Centavos, End, Evidence, Outcome, Refusal, State, TrackingKey};

use super::{
    super::{
        command::{Answer, By, Command, Finding, Record, Stand, Subject},
        rows::{AccountStatus, PausedBy, Payout},
    },
    fixtures::{Books, FEE, IVA, begin, books, cancels, payout_id, request, statements, word},
};
use crate::bank::{Exchange, Found, FoundDoubt, NotSent, Sender, Submitted};

const AMOUNT: i64 = 100_000;

/// Books with 1,000,000.00 and payout 1 accepted.
fn accepted(refuses_repeated_keys: bool) -> (Books, AccountId) {
    let mut books = books(refuses_repeated_keys);
    let account = books.open(0, 100_000_000);
    books.accept(1, account, AMOUNT);
    (books, account)
}

fn sender(n: u128) -> Sender {
    Sender(Uuid::from_u128(n))
}

impl Books {
    fn begin(&mut self, by: u128) -> Stand {
        self.stand(begin(payout_id(1), sender(by)))
    }

    fn record(&mut self, by: u128, send_no: u32, submitted: Submitted) -> Stand {
        let exchange = Exchange::default();
        self.stand(Command::Record(Record {
            payout: payout_id(1),
            sender: sender(by),
            send_no,
            submitted,
            exchange,
        }))
    }

    fn found(&mut self, found: Found) -> Stand {
        let send_no = self.row().send_no;
        self.found_about(send_no, found)
    }

    fn found_about(&mut self, send_no: u32, found: Found) -> Stand {
        let by = By::Inquiry {
            send_no,
            asked_at: self.rows.now,
            found,
            exchange: Exchange::default(),
        };
        self.stand(Command::Evidence(Finding {
            payout: payout_id(1),
            id: Uuid::now_v7(),
            by,
        }))
    }

    /// Two people say the same, once each; the second one's answer.
    fn people(&mut self, paid: bool, people: [&str; 2]) -> Answer {
        let outcome = if paid { Outcome::Paid } else { Outcome::NotPaid };
        self.says(people[0], outcome);
        self.says(people[1], outcome)
    }

    fn says(&mut self, person: &str, outcome: Outcome) -> Answer {
        let n = u32::try_from(self.rows.decisions.len()).expect("few") + 1;
        self.run(word(Subject::Payout(payout_id(1)), person, outcome, None, n))
    }

    fn stand(&mut self, command: Command) -> Stand {
        let Answer::Stands(_, stand) = self.run(command) else {
            panic!("no such payout")
        };
        stand
    }

    fn apply(&mut self) -> Option<End> {
        let answer = self.run(Command::Apply(payout_id(1)));
        let Answer::Ended(_, end) = answer else {
            assert!(matches!(answer, Answer::Open(_)), "no such payout");
            return None;
        };
        Some(end)
    }

    fn row(&self) -> &Payout {
        &self.rows.payouts[&payout_id(1)]
    }

    fn held(&self, account: AccountId) -> i64 {
        self.rows.accounts[&account].held.get()
    }

    /// Two questions without an answer, as a resend needs them.
    fn twice_not_found(&mut self) {
        self.tick(131);
        self.found(Found::NotFound);
        self.tick(31);
        self.found(Found::NotFound);
    }
}

fn paid() -> Found {
    Found::Paid {
        bank_ref: "7".to_owned(),
        effective_on: date(2026, 11, 24),
        came_back: false,
    }
}

fn not_paid() -> Found {
    Found::NotPaid {
        code: "stp:CN".to_owned(),
    }
}

fn took() -> Submitted {
    Submitted::Accepted {
        bank_ref: "7".to_owned(),
    }
}

fn refused() -> Submitted {
    Submitted::Refused {
        code: "stp:-20".to_owned(),
    }
}

fn doubt() -> Submitted {
    Submitted::Doubt {
        why: "timeout".to_owned(),
    }
}

#[test]
fn a_payout_settles_and_the_books_say_where_the_money_went() {
    let (mut books, account) = accepted(true);
    assert_eq!(books.held(account), AMOUNT + FEE.get() + IVA.get());
    assert_eq!(books.begin(1), Stand::Go);
    assert_eq!(books.record(1, 1, took()), Stand::Sent);
    assert_eq!(books.apply(), None, "sent is not settled");
    assert_eq!(books.found(paid()), Stand::Closed);
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(books.held(account), 0);
    assert_eq!(
        books.rows.accounts[&account].available(),
        Centavos::new(100_000_000 - AMOUNT - 580)
    );
    assert_eq!(books.movements.len(), 4, "opening, amount, fee, IVA");
}

#[test]
fn the_same_request_gets_the_same_answer_and_another_body_a_conflict() {
    let (mut books, account) = accepted(true);
    assert!(matches!(
        books.accept(1, account, AMOUNT),
        Answer::Accepted { replayed: true, .. }
    ));
    assert!(matches!(
        books.accept(1, account, AMOUNT + 1),
        Answer::KeyConflict { payout: Some(_) }
    ));
    let poor = books.accept(2, account, 100_000_000);
    assert_eq!(
        poor,
        Answer::Refused {
            refusal: Refusal::InsufficientFunds,
            replayed: false
        }
    );
    books.run(cancels(1));
    let still = books.accept(2, account, 100_000_000);
    assert_eq!(
        still,
        Answer::Refused {
            refusal: Refusal::InsufficientFunds,
            replayed: true
        },
        "a refusal is for ever"
    );
    is_a_stranger(&mut books, request(3, account, 1));
}

/// This request of another caller: the account is not its own, and it is told so as of one that is not there.
fn is_a_stranger(books: &mut Books, request: super::super::command::Accept) {
    let stranger = super::super::command::Accept {
        caller: "other".to_owned(),
        ..request
    };
    assert_eq!(
        books.run(Command::Accept(stranger)),
        Answer::Refused {
            refusal: Refusal::AccountUnknown,
            replayed: false
        }
    );
}

/// The same key of two callers is two keys: neither sees what the other asked.
#[test]
fn a_key_belongs_to_its_caller() {
    let (mut books, account) = accepted(true);
    let other = super::super::command::Accept {
        payout: payout_id(2),
        ..request(1, account, AMOUNT)
    };
    is_a_stranger(&mut books, other);
}

/// A hold is a promise: what people say of the account afterwards stops new payouts, never the end of this one.
#[test]
fn an_account_frozen_after_the_send_does_not_hold_up_the_end() {
    for (found, end) in [(paid(), End::Settled), (not_paid(), End::Failed)] {
        let (mut books, account) = accepted(true);
        books.begin(1);
        books.record(1, 1, took());
        for row in books.rows.accounts.values_mut().filter(|row| row.id == account) {
            row.status = AccountStatus::Frozen;
        }
        books.found(found);
        assert_eq!(books.apply(), Some(end));
        assert_eq!(books.held(account), 0);
    }
}

/// Every transition says until when it may take; past it a person is told, also when nobody drives the payout.
#[test]
fn every_transition_sets_the_deadline_of_its_state() {
    let (mut books, _) = accepted(true);
    let deadline = |books: &Books| {
        books
            .row()
            .deadline_at
            .map(|at| at.duration_since(books.rows.now).as_secs())
    };
    assert_eq!(deadline(&books), Some(60), "accepted");
    books.tick(5);
    books.begin(1);
    assert_eq!(deadline(&books), Some(300), "sending");
    books.tick(5);
    books.record(1, 1, took());
    assert_eq!(deadline(&books), Some(600), "sent");
    books.found(paid());
    books.apply();
    assert_eq!(deadline(&books), None, "settled");
}

#[test]
fn the_key_comes_from_the_payout_id_alone() {
    let (books, _) = accepted(true);
    assert_eq!(books.row().tracking_key, TrackingKey::derive(payout_id(1)));
}

#[test]
fn a_refusal_of_the_only_request_gives_the_money_back() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    assert_eq!(books.record(1, 1, refused()), Stand::Closed);
    assert_eq!(books.apply(), Some(End::Failed));
    assert_eq!(books.held(account), 0);
}

#[test]
fn doubt_and_time_alone_never_end_a_payout() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    assert_eq!(books.record(1, 1, doubt()), Stand::Doubt);
    for _ in 0..50 {
        books.tick(86_400);
        books.found(Found::NotFound);
        books.found(Found::Doubt(FoundDoubt::NoAnswer { why: "503".to_owned() }));
        assert_eq!(books.apply(), None);
    }
    assert!(books.held(account) > 0);
    assert_eq!(books.row().send_no, 1);
}

#[test]
fn a_cancelled_payout_is_never_sent_and_a_sent_one_never_cancelled() {
    let (mut books, account) = accepted(true);
    assert!(matches!(books.run(cancels(1)), Answer::Cancelled(_)));
    assert_eq!(books.begin(1), Stand::Closed);
    assert_eq!(books.held(account), 0);
    let (mut books, account) = accepted(true);
    books.begin(1);
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
    assert!(books.held(account) > 0);
}

#[test]
fn only_the_execution_that_began_may_send() {
    let (mut books, _) = accepted(true);
    assert_eq!(books.begin(1), Stand::Go);
    assert_eq!(books.begin(1), Stand::Go, "a lost COMMIT answer: it knows itself");
    assert_eq!(books.begin(2), Stand::Doubt, "somebody else sends");
    assert_eq!(books.row().send_no, 1);
    books.record(1, 1, doubt());
    assert_eq!(books.begin(1), Stand::Doubt, "it has spoken");
}

#[test]
fn a_send_that_certainly_did_not_happen_may_be_tried_again() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    assert!(matches!(
        books.record(1, 1, Submitted::NotSent(NotSent::Unreachable)),
        Stand::NotSent { .. }
    ));
    assert_eq!(books.row().state, State::Accepted);
    assert!(
        matches!(books.begin(2), Stand::NotSent { .. }),
        "one payout finds out for all"
    );
    books.tick(31);
    assert_eq!(books.begin(2), Stand::Go);
    assert_eq!(books.row().send_no, 2);
    assert_eq!(books.record(2, 2, took()), Stand::Sent);
    assert_eq!(books.rows.banks["stp"].backoff_seconds, 0, "an answer ends the backoff");
}

/// Sends that were on their way when the bank went away are one sign of it: only a later try makes the pause longer.
#[test]
fn many_sends_that_fail_at_once_are_one_outage() {
    let (mut books, account) = accepted(true);
    for n in 2..=6 {
        books.accept(n, account, AMOUNT);
    }
    let fail = |books: &mut Books, n: u128, send_no: u32| {
        let submitted = Submitted::NotSent(NotSent::Unreachable);
        books.run(Command::Record(Record {
            payout: payout_id(n),
            sender: sender(n),
            send_no,
            submitted,
            exchange: Exchange::default(),
        }))
    };
    let begins = |books: &mut Books, n: u128| books.run(begin(payout_id(n), sender(n)));
    for n in 1..=6 {
        begins(&mut books, n);
    }
    for n in 1..=6 {
        assert!(matches!(
            fail(&mut books, n, 1),
            Answer::Stands(_, Stand::NotSent { .. })
        ));
    }
    let bank = &books.rows.banks["stp"];
    assert_eq!((bank.backoff_seconds, bank.attention.as_deref()), (10, None));
    books.tick(31);
    begins(&mut books, 1);
    fail(&mut books, 1, 2);
    assert_eq!(books.rows.banks["stp"].backoff_seconds, 20, "a later try failed too");
}

#[test]
fn the_same_order_goes_out_again_only_where_a_second_one_is_refused() {
    for refuses in [true, false] {
        let (mut books, _) = accepted(refuses);
        books.begin(1);
        books.record(1, 1, doubt());
        books.twice_not_found();
        let expected = if refuses { Stand::Go } else { Stand::Doubt };
        assert_eq!(books.begin(2), expected);
    }
}

#[test]
fn a_resend_needs_two_late_not_founds_of_this_very_send() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, doubt());
    books.found(Found::NotFound);
    assert_eq!(books.row().not_found, 0, "too early to mean anything");
    books.tick(131);
    books.found(Found::NotFound);
    books.found(Found::NotFound);
    assert_eq!(books.row().not_found, 1, "one question asked twice");
    books.tick(31);
    books.found_about(0, Found::NotFound);
    assert_eq!(books.row().not_found, 1, "an answer about another send");
    assert_eq!(books.begin(2), Stand::Doubt);
    books.found(Found::NotFound);
    assert_eq!(books.begin(2), Stand::Go);
    assert_eq!(books.row().not_found, 0, "begin counts afresh");
}

/// What the bank did not find before counts no longer once it shows something by our key.
#[test]
fn an_order_that_surfaces_after_two_not_founds_is_not_sent_again() {
    let unknown = FoundDoubt::UnknownWord {
        code: "stp:ZZ".to_owned(),
    };
    let other = FoundDoubt::Mismatch {
        fields: vec!["operating date"],
    };
    let incomplete = FoundDoubt::Incomplete { missing: "idEF" };
    for doubtful in [unknown, other, incomplete] {
        let (mut books, _) = accepted(true);
        books.begin(1);
        books.record(1, 1, doubt());
        books.twice_not_found();
        assert_eq!(books.found(Found::Doubt(doubtful)), Stand::Doubt);
        assert_eq!((books.begin(2), books.row().send_no), (Stand::Doubt, 1));
    }
}

/// A record that is ours in every field, under a word that nobody knows or not whole: the bank has what was never sent.
#[test]
fn an_unsent_order_that_the_bank_shows_without_a_clear_state_is_neither_sent_nor_given_back() {
    let unknown = FoundDoubt::UnknownWord {
        code: "stp:ZZ".to_owned(),
    };
    let incomplete = FoundDoubt::Incomplete { missing: "estado" };
    for doubtful in [unknown, incomplete] {
        let (mut books, account) = accepted(true);
        books.found(Found::Doubt(doubtful));
        assert_eq!(books.row().attention, Some(Attention::EvidenceBeforeSend));
        assert_eq!(books.begin(1), Stand::Closed);
        let answer = books.run(cancels(1));
        assert!(matches!(answer, Answer::TooLate(_)), "{answer:?}");
        assert_eq!(books.held(account), AMOUNT + FEE.get() + IVA.get());
    }
}

#[test]
fn a_resend_never_crosses_the_roll() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, doubt());
    books.twice_not_found();
    books.tick(8 * 3_600);
    assert_eq!(books.begin(2), Stand::Doubt, "19:00: another operating date");
}

#[test]
fn nothing_is_sent_around_the_roll() {
    let (mut books, _) = accepted(true);
    books.tick(6 * 3_600 + 50 * 60);
    let Stand::NotSent { until } = books.begin(1) else {
        panic!("17:50 is closed")
    };
    assert!(
        books.row().deadline_at.is_some_and(|deadline| deadline > until),
        "nobody is told for a closed bank"
    );
    books.tick(19 * 60 + 59);
    assert!(matches!(books.begin(1), Stand::NotSent { .. }), "18:09:59 is closed");
    books.tick(1);
    assert_eq!(books.begin(1), Stand::Go);
    assert_eq!(books.row().operating_date, Some(date(2026, 11, 25)));
}

#[test]
fn a_refusal_of_a_resend_is_doubt() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.record(1, 1, doubt());
    books.twice_not_found();
    books.begin(2);
    assert_eq!(books.record(2, 2, refused()), Stand::Doubt);
    assert_eq!(books.apply(), None, "the first send may have been taken");
    assert!(books.held(account) > 0);
    assert_eq!(books.found(paid()), Stand::Closed);
    assert_eq!(books.apply(), Some(End::Settled));
}

/// A bank that refuses every resend, or never finds what it took: a person is told, however often it is sent again.
#[test]
fn sending_again_does_not_put_off_the_deadline() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    let deadline = books.row().deadline_at;
    books.record(1, 1, doubt());
    for n in 2..=4 {
        books.twice_not_found();
        assert_eq!(books.begin(u128::from(n)), Stand::Go);
        books.record(u128::from(n), n, refused());
        assert_eq!(books.row().deadline_at, deadline, "send {n}");
    }
}

#[test]
fn a_late_not_sent_of_the_first_send_changes_nothing_after_the_second_began() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.twice_not_found();
    books.begin(2);
    assert_eq!(books.record(1, 1, Submitted::NotSent(NotSent::Late)), Stand::Doubt);
    assert_eq!((books.row().state, books.row().unproven), (State::Sending, 2));
    books.record(1, 1, refused());
    assert_eq!(books.row().evidence, None);
    books.record(2, 2, Submitted::NotSent(NotSent::Late));
    assert_eq!(
        (books.row().state, books.row().unproven),
        (State::Sending, 1),
        "the first may still be there"
    );
    books.record(2, 2, Submitted::NotSent(NotSent::Late));
    assert_eq!(books.row().unproven, 1, "said twice, counted once");
}

#[test]
fn a_late_acceptance_of_any_send_counts() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.twice_not_found();
    books.begin(2);
    assert_eq!(books.record(1, 1, took()), Stand::Sent);
    assert_eq!(
        books.record(2, 2, refused()),
        Stand::Sent,
        "the other send's refusal says nothing"
    );
}

#[test]
fn nothing_is_sent_behind_evidence() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, doubt());
    books.twice_not_found();
    books.found(paid());
    assert_eq!(books.begin(2), Stand::Closed);
    assert_eq!(books.row().send_no, 1);
}

#[test]
fn not_paid_releases_only_when_no_sender_can_be_at_work() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.found(not_paid());
    assert_eq!(books.apply(), None, "the sender may still send");
    books.tick(21);
    assert_eq!(books.apply(), Some(End::Failed));
    assert_eq!(books.held(account), 0);
}

#[test]
fn two_proofs_that_disagree_move_nothing_until_two_people_decide() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.record(1, 1, took());
    books.found(paid());
    books.found(not_paid());
    assert_eq!(books.row().attention, Some(Attention::Contradiction));
    assert_eq!(books.apply(), None);
    books.people(false, ["ana", "ana"]);
    assert_eq!(books.apply(), None, "one person twice is one person");
    books.people(false, ["ana", "luis"]);
    assert_eq!(books.row().evidence, Some(Evidence::TwoPeopleNotPaid));
    assert_eq!(books.apply(), Some(End::Failed));
    assert_eq!(books.held(account), 0);
}

#[test]
fn two_people_decide_in_the_direction_they_say() {
    for (paid, end) in [(true, End::Settled), (false, End::Failed)] {
        let (mut books, _) = accepted(true);
        books.begin(1);
        books.record(1, 1, took());
        books.tick(601);
        books.people(paid, ["ana", "luis"]);
        assert_eq!(books.apply(), Some(end));
    }
}

#[test]
fn absence_does_not_end_what_the_bank_had() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, took());
    books.tick(200_000);
    books.stand(Command::Evidence(Finding {
        payout: payout_id(1),
        id: Uuid::now_v7(),
        by: statements(books.row()),
    }));
    assert_eq!(books.row().evidence, None);
    assert_eq!(books.apply(), None);
}

/// Whatever the bank has said of an order by our key, no statement unsays it.
#[test]
fn absence_does_not_outdo_what_the_bank_has_said() {
    let words = [
        Found::Doubt(FoundDoubt::Mismatch { fields: vec!["amount"] }),
        Found::Doubt(FoundDoubt::Incomplete { missing: "folio" }),
        Found::Doubt(FoundDoubt::UnknownWord {
            code: "stp:ZZ".to_owned(),
        }),
    ];
    for word in words {
        let (mut books, _) = accepted(true);
        books.begin(1);
        books.record(1, 1, doubt());
        books.found(word.clone());
        let by = statements(books.row());
        books.stand(Command::Evidence(Finding {
            payout: payout_id(1),
            id: Uuid::now_v7(),
            by,
        }));
        assert_eq!(books.row().evidence, None, "{word:?}");
    }
}

/// Statements are read minutes before they are acted on, or days, by a process that slept.
#[test]
fn absence_of_one_send_says_nothing_of_the_next() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    let stale = statements(books.row());
    books.record(1, 1, Submitted::NotSent(NotSent::Late));
    books.tick(60);
    books.begin(2);
    books.stand(Command::Evidence(Finding {
        payout: payout_id(1),
        id: Uuid::now_v7(),
        by: stale,
    }));
    assert_eq!(books.row().evidence, None);
}

#[test]
fn paid_after_release_moves_nothing_tells_a_person_and_pauses_the_bank() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.record(1, 1, refused());
    books.apply();
    books.found(paid());
    assert_eq!(books.row().state, State::Failed);
    assert_eq!(books.row().attention, Some(Attention::PaidAfterRelease));
    assert_eq!(books.rows.banks["stp"].paused_by, Some(PausedBy::PaidAfterRelease));
    assert_eq!(books.held(account), 0);
    books.accept(2, account, 1);
    let answer = books.stand(begin(payout_id(2), sender(9)));
    assert!(matches!(answer, Stand::NotSent { .. }));
}

#[test]
fn money_that_left_and_came_back_is_posted_and_its_return_expected() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, took());
    books.found(Found::Paid {
        bank_ref: "7".to_owned(),
        effective_on: date(2026, 11, 24),
        came_back: true,
    });
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(books.row().attention, Some(Attention::ReturnExpected));
}

#[test]
fn an_order_that_is_not_ours_is_doubt_with_attention() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, doubt());
    books.found(Found::Doubt(FoundDoubt::Mismatch { fields: vec!["amount"] }));
    assert_eq!(books.row().attention, Some(Attention::Mismatch));
    assert_eq!(books.apply(), None);
}

#[test]
fn evidence_about_an_unsent_payout_stops_it_and_tells_a_person() {
    let (mut books, _) = accepted(true);
    books.found(paid());
    assert_eq!(books.row().state, State::Accepted);
    assert_eq!(books.row().attention, Some(Attention::EvidenceBeforeSend));
    assert_eq!(books.begin(1), Stand::Closed);
    assert_eq!(books.apply(), None);
    assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
}

#[test]
fn a_refused_configuration_pauses_the_bank_and_probes_end_the_pause() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    let wrong = || {
        Submitted::NotSent(NotSent::Configuration {
            code: "stp:-6".to_owned(),
        })
    };
    books.record(1, 1, wrong());
    assert_eq!(books.rows.banks["stp"].paused_by, Some(PausedBy::Configuration));
    books.accept(2, account, 1);
    let begins = |n: u128| begin(payout_id(2), sender(n));
    assert!(matches!(books.stand(begins(5)), Stand::NotSent { .. }));
    books.tick(61);
    assert_eq!(books.begin(2), Stand::Go, "one payout a minute goes through as probe");
    assert!(matches!(books.stand(begins(6)), Stand::NotSent { .. }), "only one");
    books.record(2, 2, took());
    assert_eq!(books.rows.banks["stp"].paused_by, None);
    assert_eq!(books.stand(begins(7)), Stand::Go);
}

#[test]
fn an_order_that_the_bank_has_of_an_unsent_payout_stops_sending_and_giving_back() {
    let pending = || Found::Pending {
        bank_ref: "7".to_owned(),
        code: "stp:E".to_owned(),
    };
    let mismatch = || Found::Doubt(FoundDoubt::Mismatch { fields: vec!["amount"] });
    for found in [pending(), mismatch()] {
        let (mut books, account) = accepted(true);
        books.begin(1);
        books.record(1, 1, Submitted::NotSent(NotSent::ReadOnly));
        assert_eq!(books.found(found), Stand::Doubt);
        books.tick(3_600);
        assert_eq!(books.begin(2), Stand::Closed, "not on top of it");
        assert!(matches!(books.run(cancels(1)), Answer::TooLate(_)));
        assert!(books.held(account) > 0);
    }
}

#[test]
fn two_orders_under_one_key_pause_the_bank() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.twice_not_found();
    books.begin(2);
    books.record(1, 1, took());
    let second = Submitted::Accepted {
        bank_ref: "8".to_owned(),
    };
    books.record(2, 2, second);
    assert_eq!(books.row().attention, Some(Attention::SecondOrder));
    assert_eq!(books.rows.banks["stp"].paused_by, Some(PausedBy::SecondOrder));
    books.found(paid());
    assert_eq!(books.apply(), Some(End::Settled));
    assert_eq!(
        books.row().attention,
        Some(Attention::SecondOrder),
        "the end does not hide it"
    );
}

#[test]
fn a_resend_that_is_taken_after_not_paid_is_a_riddle_and_a_slow_reply_is_none() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.found(not_paid());
    books.record(1, 1, took());
    assert_eq!(
        books.apply(),
        Some(End::Failed),
        "taken and cancelled before its answer came"
    );
    assert_eq!(books.held(account), 0);

    let (mut books, account) = accepted(true);
    books.begin(1);
    books.twice_not_found();
    books.begin(2);
    books.found(not_paid());
    books.record(2, 2, took());
    assert_eq!(books.row().attention, Some(Attention::Contradiction));
    assert_eq!(books.apply(), None);
    assert!(books.held(account) > 0);
}

/// The first send's late answer says that the bank has it, its order has ended, and a second execution may still send.
#[test]
fn not_paid_of_what_was_sent_releases_only_when_no_second_sender_can_be_at_work() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.twice_not_found();
    assert_eq!(books.begin(2), Stand::Go);
    assert_eq!(books.record(1, 1, took()), Stand::Sent);
    books.found(not_paid());
    assert_eq!(
        books.apply(),
        None,
        "the second may send until its fence, and be on the wire for the margin"
    );
    assert!(books.held(account) > 0);
    books.tick(21);
    assert_eq!(books.apply(), Some(End::Failed));
    assert_eq!(books.held(account), 0);
}

#[test]
fn a_slow_reply_after_a_send_that_never_left_is_no_riddle() {
    let (mut books, account) = accepted(true);
    books.begin(1);
    books.record(1, 1, Submitted::NotSent(NotSent::Unreachable));
    books.tick(31);
    books.begin(2);
    books.found(not_paid());
    assert_eq!(books.record(2, 2, took()), Stand::Closed);
    assert_eq!(books.row().attention, None);
    assert_eq!(
        books.apply(),
        Some(End::Failed),
        "taken and cancelled before its answer came"
    );
    assert_eq!(books.held(account), 0);
}

/// However often it is recorded, the answer is the same: nobody is told to come back and send.
#[test]
fn not_sent_of_what_the_bank_shows_as_anothers_is_doubt_and_says_so_again() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.found(Found::Doubt(FoundDoubt::Mismatch { fields: vec!["amount"] }));
    for _ in 0..2 {
        assert_eq!(books.record(1, 1, Submitted::NotSent(NotSent::ReadOnly)), Stand::Doubt);
    }
    assert_eq!(books.row().state, State::Accepted);
}

/// The bank that just went away is not sent to again at once.
#[test]
fn a_resend_that_found_no_connection_is_doubt_and_not_another_resend() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.twice_not_found();
    books.begin(2);
    books.twice_not_found();
    for _ in 0..2 {
        assert_eq!(
            books.record(2, 2, Submitted::NotSent(NotSent::Unreachable)),
            Stand::Doubt
        );
    }
    books.tick(31);
    assert_eq!(books.begin(3), Stand::Go);
}

/// `Books::run` compares what is told with what apply does, at every step.
#[test]
fn a_release_is_not_told_as_due_at_the_very_instant_at_which_the_last_request_may_be_taken() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.tick(20);
    books.found(not_paid());
    assert_eq!(books.apply(), None);
}

#[test]
fn the_banks_own_word_ends_what_it_had_after_a_refusal() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, took());
    books.stand(Command::Evidence(Finding {
        payout: payout_id(1),
        id: Uuid::now_v7(),
        by: statements(books.row()),
    }));
    assert_eq!(books.apply(), None);
    books.found(not_paid());
    assert_eq!(books.row().evidence, Some(Evidence::NotPaid));
    assert_eq!(books.apply(), Some(End::Failed));
}

#[test]
fn a_bank_that_is_away_is_seen_within_the_deadline() {
    let (mut books, _) = accepted(true);
    let deadline = books.row().deadline_at;
    for n in 1..=6 {
        books.begin(u128::from(n));
        books.record(u128::from(n), n, Submitted::NotSent(NotSent::Unreachable));
        assert_eq!(
            books.row().deadline_at,
            deadline,
            "going to and fro does not make it younger"
        );
        books.begin(99);
        assert_eq!(books.row().deadline_at, deadline);
        books.tick(301);
    }
    assert_eq!(books.rows.banks["stp"].attention.as_deref(), Some("away"));
}

#[test]
fn a_webhook_that_contradicts_an_end_tells_a_person_and_moves_nothing() {
    let (mut books, _) = accepted(true);
    books.begin(1);
    books.record(1, 1, refused());
    books.apply();
    books.stand(Command::Evidence(Finding {
        payout: payout_id(1),
        id: Uuid::now_v7(),
        by: By::Claim,
    }));
    assert_eq!(
        (books.row().state, books.row().attention),
        (State::Failed, Some(Attention::EvidenceAfterEnd))
    );
}

#[test]
fn another_alarm_is_another_pause() {
    let (mut books, account) = accepted(true);
    books.accept(2, account, AMOUNT);
    let mut pauses = Vec::new();
    for n in [1, 2] {
        books.tick(60);
        books.run(cancels(n));
        let paid_after = |id| Finding {
            payout: payout_id(n),
            id,
            by: By::Inquiry {
                send_no: 0,
                asked_at: books.rows.now,
                found: paid(),
                exchange: Exchange::default(),
            },
        };
        let (first, again) = (paid_after(Uuid::now_v7()), paid_after(Uuid::now_v7()));
        books.run(Command::Evidence(first));
        let bank = books.rows.banks["stp"].clone();
        assert_eq!(bank.paused_by, Some(PausedBy::PaidAfterRelease));
        books.tick(1);
        books.run(Command::Evidence(again));
        assert_eq!(books.rows.banks["stp"], bank, "the same alarm is told once");
        pauses.push(bank);
    }
    assert!(
        pauses[0].paused_at < pauses[1].paused_at,
        "who knows the first may not lift the second"
    );
    let both = pauses[1].pause_reason.clone().unwrap_or_default();
    let names = |n| both.contains(&payout_id(n).to_string());
    assert!(names(1) && names(2), "{both}");
}

mod arrivals;
mod closures;
mod corrections;
mod inside;
mod loss;
mod people;
