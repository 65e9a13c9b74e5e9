//! A closure that the bank announced, as stories; each fails when its rule is broken.

use jiff::{SignedDuration, Timestamp};
use workflows::domain::State;

use super::{
    super::{
        super::{
            command::Stand,
            made::rules,
            rows::{AwayBy, BankRow, Closure, PausedBy},
        },
        fixtures::Books,
        outlook::{Step, closed_until, outlook},
    },
    accepted, doubt,
};

const HOUR: i64 = 3_600;

/// Books with payout 1 accepted, at 11:00 Mexico City.
fn books() -> Books {
    accepted(true).0
}

impl Books {
    fn bank(&mut self) -> &mut BankRow {
        self.rows.banks.get_mut("stp").expect("the bank")
    }

    /// The bank announces that it is closed, by seconds from now.
    fn announces(&mut self, from: i64, until: i64) -> Timestamp {
        let at = |seconds| self.rows.now + SignedDuration::from_secs(seconds);
        let closure = Closure {
            from: at(from),
            until: at(until),
            reason: "maintenance".to_owned(),
        };
        let until = closure.until;
        self.bank().closures.push(closure);
        until
    }

    fn waits(&mut self, by: u128) -> Timestamp {
        let stand = self.begin(by);
        let Stand::NotSent { until } = stand else {
            panic!("the bank is closed: {stand:?}")
        };
        until
    }
}

#[test]
fn nothing_is_sent_in_a_closure_and_nobody_is_told() {
    let mut books = books();
    let until = books.announces(HOUR, 3 * HOUR);
    books.tick(HOUR);
    assert_eq!(books.waits(1), until);
    let row = books.row();
    assert!(row.deadline_at.is_some_and(|deadline| deadline > until));
    assert_eq!((row.state, row.send_no), (State::Accepted, 0));
    let bank = &books.rows.banks["stp"];
    let next = outlook(&rules(), row, bank, books.rows.now).next.expect("a next step");
    assert_eq!((next.what, next.at), (Step::AwaitOpening, Some(until)));
    books.tick(2 * HOUR - 1);
    assert_eq!(books.waits(1), until, "its last second");
    books.tick(1);
    assert_eq!(books.begin(1), Stand::Go);
}

#[test]
fn before_a_closure_orders_go_out() {
    let mut books = books();
    let fence = rules().fence.as_secs();
    books.announces(fence + 1, HOUR);
    assert_eq!(books.begin(1), Stand::Go);
    let mut books = self::books();
    let until = books.announces(fence, HOUR);
    assert_eq!(books.waits(1), until, "its right to send would reach into it");
}

#[test]
fn a_closure_that_ends_in_the_guard_opens_after_it() {
    let mut books = books();
    // 11:00 to 17:55; and another one from 18:10 on.
    books.announces(0, 6 * HOUR + 55 * 60);
    let until = books.announces(7 * HOUR + 10 * 60, 8 * HOUR);
    assert_eq!(books.waits(1), until);
    books.tick(8 * HOUR);
    assert_eq!(books.begin(1), Stand::Go);
}

#[test]
fn of_two_closures_the_later_end_counts() {
    let mut books = books();
    let long = books.announces(0, 4 * HOUR);
    books.announces(0, HOUR);
    assert_eq!(books.waits(1), long);
}

#[test]
fn what_is_in_doubt_is_not_sent_again_in_a_closure() {
    let mut books = books();
    books.begin(1);
    books.record(1, 1, doubt());
    books.twice_not_found();
    books.announces(0, HOUR);
    assert_eq!(books.begin(2), Stand::Doubt);
    books.tick(HOUR);
    assert_eq!(books.begin(2), Stand::Go);
}

#[test]
fn a_pause_outlives_a_closure_and_an_absence_does_not_hide_it() {
    let mut books = books();
    let until = books.announces(0, HOUR);
    let now = books.rows.now;
    books.bank().away_by = Some(AwayBy::Unreachable);
    books.bank().away_since = Some(now);
    books.bank().closed_until = Some(now + SignedDuration::from_secs(30));
    assert_eq!(books.waits(1), until, "nobody tries it meanwhile");
    books.bank().paused_by = Some(PausedBy::People);
    assert!(books.waits(1) < until, "people are asked for");
    assert_eq!(closed_until(&rules(), &books.rows.banks["stp"], now), None);
}
