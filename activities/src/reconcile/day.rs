//! One closed day: what the bank's statement and the books say of it. Pure: both sides in, what they came to out.

use std::collections::BTreeSet;

use jiff::civil::Date;
use uuid::Uuid;
use workflows::domain::{Evidence, PayoutId, State};

use super::came::Came;
use crate::{
    bank::{Said, StatementLine},
    sides::{Booked, Sides, Wrong},
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
    /// Payouts of the day, or on its statement, that have not ended.
    pub(super) open: usize,
    /// What differs.
    pub(super) wrong: Vec<Wrong>,
    /// In centavos, by the statement.
    pub(super) paid_by_bank: i128,
    /// In centavos that the settlement account gave.
    pub(super) paid_by_books: i128,
    /// Every key on the statement.
    pub(super) keys: BTreeSet<String>,
    /// Sent on this day, nothing proven of them, and not on the statement.
    pub(super) unanswered: Vec<Unanswered>,
    /// Open, and over by the statement: its run should ask.
    pub(super) behind: Vec<PayoutId>,
    /// Ended otherwise than the statement says: the bank is asked.
    pub(super) belied: Vec<PayoutId>,
    /// What came in on it.
    pub(super) came: Came,
}

/// A payout that its day's statement does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unanswered {
    pub(super) payout: PayoutId,
    pub(super) key: String,
    /// The row's, when it was held against the statement.
    pub(super) send_no: u32,
}

impl Day {
    /// Holds both sides of one closed day against each other.
    pub(super) fn of(date: Date, reading: Uuid, sides: &Sides<'_>) -> Self {
        let (booked, lines) = (sides.by_key(), sides.lines());
        let wrong = sides.orders().1;
        let told: BTreeSet<String> = wrong.iter().map(|(subject, _)| subject.clone()).collect();
        let mut day = Self {
            date,
            reading,
            orders: sides.statements.values().map(Vec::len).sum(),
            agreed: 0,
            open: booked
                .values()
                .filter(|row| row.state.is_open() && row.state != State::Accepted)
                .count(),
            wrong,
            paid_by_bank: 0,
            paid_by_books: sides.moved.get(&date).copied().unwrap_or_default(),
            keys: lines.keys().map(|key| (*key).to_owned()).collect(),
            unanswered: Vec::new(),
            behind: Vec::new(),
            belied: sides.belied(),
            came: Came::default(),
        };
        for (key, row) in booked {
            match lines.get(key).map(Vec::as_slice) {
                Some([line]) => day.found(row, line),
                // More than one: what differs says so.
                Some(_) => {}
                None => day.lacking(row, &told),
            }
        }
        day.wrong.extend(sides.sums());
        day
    }

    /// How many things differ, in what went out and in what came in.
    pub(super) fn differences(&self) -> usize {
        self.wrong.len() + self.came.wrong.len()
    }

    /// A payout with its one line.
    fn found(&mut self, row: &Booked, line: &StatementLine) {
        let is_here = line.operating_date == Some(self.date);
        let alike = line.differs(&row.key, row.amount, &row.clabe, row.date).is_empty() && is_here;
        match &line.says {
            Said::Unknown { code } => self.differs(row, format!("the bank says {code}")),
            Said::Pending { .. } => self.agreed += usize::from(alike),
            Said::Paid { .. } | Said::NotPaid { .. } => {
                self.agreed += usize::from(alike);
                if row.state.is_open() {
                    self.behind.push(row.id);
                }
            }
        }
        if !is_here {
            self.differs(
                row,
                format!("stands on the statement of {}, and is of another day", self.date),
            );
        }
        if let (Said::Paid { .. }, Some(amount), false) = (&line.says, line.amount, row.sends_back()) {
            self.paid_by_bank += i128::from(amount.get());
        }
    }

    /// A payout without a line. What the bank has once had stays on the statement of its day. `told` differ already.
    fn lacking(&mut self, row: &Booked, told: &BTreeSet<String>) {
        let of_the_bank = match row.evidence {
            Some(Evidence::Paid | Evidence::NotPaid | Evidence::TwoPeoplePaid) => true,
            Some(Evidence::Refused | Evidence::Absent | Evidence::TwoPeopleNotPaid) | None => row.is_referred,
        };
        match row.state {
            _ if row.date != Some(self.date) || row.sends_back() => {}
            // The comparison of both sides says it.
            State::Settled | State::Returned if told.contains(&row.id.to_string()) => {}
            State::Sending | State::Sent | State::Settled | State::Failed | State::Returned if of_the_bank => {
                self.differs(row, "the bank had it, and has no order".to_owned());
            }
            State::Sent | State::Settled | State::Returned => {
                self.differs(row, "the bank took it, and has no order".to_owned());
            }
            State::Sending if row.evidence.is_none() => self.unanswered.push(Unanswered {
                payout: row.id,
                key: row.key.clone(),
                send_no: row.send_no,
            }),
            State::Accepted | State::Sending | State::Failed | State::Cancelled => {}
        }
    }

    fn differs(&mut self, row: &Booked, what: String) {
        self.wrong.push((row.id.to_string(), what));
    }

    /// Keeps as unanswered only those of which the bank has never said anything: a statement without the others is cut.
    pub(super) fn keep(&mut self, unheard: &BTreeSet<Uuid>) {
        let (unanswered, named) = std::mem::take(&mut self.unanswered)
            .into_iter()
            .partition(|lost| unheard.contains(&lost.payout.uuid()));
        self.unanswered = unanswered;
        let named: Vec<Unanswered> = named;
        let what = "the bank has said that it has something by its key, and has no order";
        self.wrong
            .extend(named.iter().map(|lost| (lost.payout.to_string(), what.to_owned())));
    }

    /// True when the statement can prove that an order is not there: it has others of ours, and all of them, alike, and
    /// more than it lacks. One that is empty, cut, or of somebody else would prove anything.
    pub(super) fn is_proof(&self) -> bool {
        self.wrong.is_empty() && self.agreed > 0 && self.agreed == self.orders && self.unanswered.len() <= self.agreed
    }

    /// What never reached the bank, by this closed day's statement, the next banking day's, those of later closed days, and
    /// the keys of the `running` one; none where the two prove nothing, or a later one differs.
    pub(super) fn absent(&self, next: &Self, later: &[&Self], running: &BTreeSet<String>) -> Vec<&Unanswered> {
        if !(self.is_proof() && next.is_proof() && later.iter().all(|day| day.wrong.is_empty())) {
            return Vec::new();
        }
        let elsewhere = |key: &String| later.iter().any(|day| day.keys.contains(key)) || running.contains(key);
        let surfaced = |key: &String| next.keys.contains(key) || elsewhere(key);
        self.unanswered.iter().filter(|lost| !surfaced(&lost.key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::{SignedDuration, Timestamp, civil::date};
    use workflows::domain::{Centavos, Clabe};

    use super::*;
    use crate::sides::Statements;

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
            send_no: 1,
            is_referred: false,
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
            receipt: None,
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
        let lost = Unanswered {
            payout: booked[1].id,
            key: "GIRO2".to_owned(),
            send_no: 1,
        };
        assert_eq!(day.unanswered, [lost]);
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
        let mut another_day = line(1, paid());
        another_day.operating_date = Some(date(2026, 11, 25));
        let mut just_now = row(3, State::Settled);
        just_now.ended_at = Some(read_at());
        let mut proven = row(3, State::Sending);
        proven.evidence = Some(Evidence::Paid);
        let mut not_paid = row(3, State::Failed);
        not_paid.evidence = Some(Evidence::NotPaid);
        let cut = |row: Booked| (vec![line(1, paid())], vec![settled.clone(), row, lost.clone()], 100);
        let (cut_now, cut_proven, cut_failed) = (cut(just_now), cut(proven), cut(not_paid));
        let cases = [
            (
                "it lacks what was settled while it was read",
                cut_now.0,
                cut_now.1,
                cut_now.2,
            ),
            (
                "it lacks what the bank said it paid",
                cut_proven.0,
                cut_proven.1,
                cut_proven.2,
            ),
            (
                "it lacks what the bank said it did not pay",
                cut_failed.0,
                cut_failed.1,
                cut_failed.2,
            ),
            (
                "its line is of another day",
                vec![another_day],
                vec![settled.clone(), lost.clone()],
                100,
            ),
            (
                "it lacks more than it has",
                vec![line(1, paid())],
                vec![settled.clone(), lost.clone(), row(4, State::Sending)],
                100,
            ),
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
    fn an_order_that_surfaces_on_a_later_day_is_not_absent() {
        let booked = [row(1, State::Settled), row(2, State::Sending)];
        let own = day(vec![line(1, paid())], &booked, 100);
        let next = day(vec![line(1, paid())], &booked[..1], 100);
        let (none, found) = (BTreeSet::new(), BTreeSet::from(["GIRO2".to_owned()]));
        assert_eq!(own.absent(&next, &[&next], &none).len(), 1);
        assert!(own.absent(&next, &[&next], &found).is_empty());
        let mut surfaced = next.clone();
        surfaced.keys.insert("GIRO2".to_owned());
        assert!(own.absent(&surfaced, &[], &none).is_empty() && own.absent(&next, &[&surfaced], &none).is_empty());
        let mut differs = next.clone();
        differs.wrong.push(("day".to_owned(), "differs".to_owned()));
        assert!(own.absent(&differs, &[], &none).is_empty() && own.absent(&next, &[&differs], &none).is_empty());
    }

    #[test]
    fn a_statement_without_what_the_bank_has_named_is_cut() {
        let booked = [row(1, State::Settled), row(2, State::Sending), row(3, State::Sending)];
        let mut own = day(vec![line(1, paid())], &booked[..2], 100);
        assert!(own.is_proof());
        own.keep(&BTreeSet::new());
        assert!(!own.is_proof() && own.unanswered.is_empty(), "{own:?}");
    }

    #[test]
    fn only_what_was_sent_on_the_day_and_is_unproven_can_be_absent() {
        let mut of_another_day = row(3, State::Sending);
        of_another_day.date = Some(date(2026, 11, 25));
        let mut waits = row(4, State::Accepted);
        waits.date = None;
        let booked = [row(1, State::Settled), of_another_day, waits];
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
