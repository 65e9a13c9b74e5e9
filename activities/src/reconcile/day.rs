//! One closed day: what the bank's statement and the books say of it. Pure: both sides in, what they came to out.

use std::collections::BTreeSet;

use jiff::civil::Date;
use uuid::Uuid;
use workflows::domain::{PayoutId, State};

use crate::{
    bank::Said,
    sides::{Sides, Wrong},
};

/// What a closed day came to.
#[derive(Clone, Debug)]
pub(super) struct Day {
    /// The operating date.
    pub(super) date: Date,
    /// Which reading it is.
    pub(super) reading: Uuid,
    /// Orders on the statement.
    pub(super) orders: usize,
    /// Of them those that the books have, alike in all fields, in a word that we know.
    pub(super) agreed: usize,
    /// What differs.
    pub(super) wrong: Vec<Wrong>,
    /// In centavos, by the statement.
    pub(super) paid_by_bank: i128,
    /// In centavos that the settlement account gave.
    pub(super) paid_by_books: i128,
    /// Every key on the statement.
    pub(super) keys: BTreeSet<String>,
    /// Sent on this day, nothing proven of it, and not on the statement; with its key.
    pub(super) unanswered: Vec<(PayoutId, String)>,
    /// Open, and over by the statement: its run should ask.
    pub(super) behind: Vec<PayoutId>,
}

impl Day {
    /// Holds both sides of one closed day against each other.
    pub(super) fn of(date: Date, reading: Uuid, sides: &Sides<'_>) -> Self {
        let (booked, lines) = (sides.by_key(), sides.lines());
        let mut wrong = sides.orders().1;
        let mut day = Self {
            date,
            reading,
            orders: sides.statements.values().map(Vec::len).sum(),
            agreed: 0,
            wrong: Vec::new(),
            paid_by_bank: 0,
            paid_by_books: sides.moved.get(&date).copied().unwrap_or_default(),
            keys: lines.keys().map(|key| (*key).to_owned()).collect(),
            unanswered: Vec::new(),
            behind: Vec::new(),
        };
        for (key, row) in booked {
            match lines.get(key).map(Vec::as_slice) {
                Some([line]) => {
                    let alike = line.differs(&row.key, row.amount, &row.clabe, row.date).is_empty();
                    match &line.says {
                        Said::Unknown { code } => wrong.push((row.id.to_string(), format!("the bank says {code}"))),
                        Said::Pending { .. } => day.agreed += usize::from(alike),
                        Said::Paid { .. } | Said::NotPaid { .. } => {
                            day.agreed += usize::from(alike);
                            if row.state.is_open() {
                                day.behind.push(row.id);
                            }
                        }
                    }
                    if let (Said::Paid { .. }, Some(amount)) = (&line.says, line.amount) {
                        day.paid_by_bank += i128::from(amount.get());
                    }
                }
                // More than one: what differs says so.
                Some(_) => {}
                None if row.state == State::Sent => {
                    wrong.push((row.id.to_string(), "the bank took it, and has no order".to_owned()));
                }
                None if row.state == State::Sending && row.evidence.is_none() && row.date == Some(date) => {
                    day.unanswered.push((row.id, row.key.clone()));
                }
                None => {}
            }
        }
        wrong.extend(sides.sums());
        day.wrong = wrong;
        day
    }

    /// True when the statement can prove that an order is not there: it has others of ours, and all of them, alike. One
    /// that is empty, or of somebody else, would prove anything.
    pub(super) fn is_proof(&self) -> bool {
        self.wrong.is_empty() && self.agreed > 0 && self.agreed == self.orders
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::{SignedDuration, Timestamp, civil::date};
    use workflows::domain::{Centavos, Clabe, Evidence};

    use super::*;
    use crate::{
        bank::StatementLine,
        sides::{Booked, Statements},
    };

    const CLABE: &str = "012180004643051249";

    fn tuesday() -> Date {
        date(2026, 11, 24)
    }

    fn read_at() -> Timestamp {
        "2026-11-26T17:00:00Z".parse().expect("a time")
    }

    fn row(number: u128, state: State) -> Booked {
        Booked {
            id: PayoutId::new(Uuid::from_u128(number)),
            key: format!("GIRO{number}"),
            state,
            amount: Centavos::new(100),
            clabe: CLABE.to_owned(),
            date: Some(tuesday()),
            evidence: None,
            ended_at: (!state.is_open()).then(|| read_at() - SignedDuration::from_hours(1)),
        }
    }

    fn line(number: u128, says: Said) -> StatementLine {
        StatementLine {
            tracking_key: format!("GIRO{number}"),
            bank_ref: Some(number.to_string()),
            amount: Some(Centavos::new(100)),
            clabe: Clabe::new(CLABE).ok(),
            of_our_company: true,
            operating_date: Some(tuesday()),
            says,
        }
    }

    fn paid() -> Said {
        Said::Paid {
            came_back: false,
            code: "stp:LQ".to_owned(),
        }
    }

    fn day(lines: Vec<StatementLine>, booked: &[Booked], moved: i128) -> Day {
        let statements = Statements::from([(tuesday(), lines)]);
        let sides = Sides {
            statements: &statements,
            booked,
            moved: &BTreeMap::from([(tuesday(), moved)]),
            read_at: read_at(),
        };
        Day::of(tuesday(), Uuid::nil(), &sides)
    }

    #[test]
    fn a_statement_with_all_our_other_orders_proves_that_one_is_not_there() {
        let booked = [row(1, State::Settled), row(2, State::Sending), row(3, State::Cancelled)];
        let day = day(vec![line(1, paid())], &booked, 100);
        assert!(day.is_proof(), "{day:?}");
        assert_eq!(day.unanswered, [(booked[1].id, "GIRO2".to_owned())]);
        assert_eq!((day.paid_by_bank, day.paid_by_books), (100, 100));
    }

    #[test]
    fn a_statement_that_is_not_whole_or_not_ours_proves_nothing() {
        let settled = row(1, State::Settled);
        let lost = row(2, State::Sending);
        let unknown = Said::Unknown {
            code: "stp:ZZ".to_owned(),
        };
        let mut other = line(1, paid());
        other.amount = Some(Centavos::new(101));
        let cases = [
            ("empty, and nothing else was sent", vec![], vec![lost.clone()], 0),
            (
                "it lacks what was settled",
                vec![],
                vec![settled.clone(), lost.clone()],
                100,
            ),
            (
                "it lacks what the bank took",
                vec![line(1, paid())],
                vec![settled.clone(), row(3, State::Sent), lost.clone()],
                100,
            ),
            (
                "a word that nobody knows",
                vec![line(1, unknown)],
                vec![row(1, State::Sent), lost.clone()],
                0,
            ),
            ("another amount", vec![other], vec![settled.clone(), lost.clone()], 100),
            (
                "an order of nobody",
                vec![line(1, paid()), line(9, paid())],
                vec![settled.clone(), lost.clone()],
                100,
            ),
            (
                "two orders of one payout",
                vec![line(1, paid()), line(1, paid())],
                vec![settled, lost],
                100,
            ),
        ];
        for (why, lines, booked, moved) in cases {
            let day = day(lines, &booked, moved);
            assert!(!day.is_proof(), "{why}: {day:?}");
        }
    }

    #[test]
    fn only_what_was_sent_on_the_day_and_is_unproven_can_be_absent() {
        let mut proven = row(2, State::Sending);
        proven.evidence = Some(Evidence::Paid);
        let mut of_another_day = row(3, State::Sending);
        of_another_day.date = Some(date(2026, 11, 25));
        let booked = [row(1, State::Settled), proven, of_another_day, row(4, State::Accepted)];
        let day = day(vec![line(1, paid())], &booked, 100);
        assert!(day.unanswered.is_empty(), "{day:?}");
    }

    #[test]
    fn the_run_of_what_is_over_at_the_bank_is_woken() {
        let booked = [row(1, State::Sent), row(2, State::Sending)];
        let not_paid = Said::NotPaid {
            code: "stp:CN".to_owned(),
        };
        let day = day(vec![line(1, paid()), line(2, not_paid)], &booked, 0);
        assert_eq!(day.behind, [booked[0].id, booked[1].id]);
        assert!(day.is_proof(), "what is under way is no difference: {day:?}");
    }
}
