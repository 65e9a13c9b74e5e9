//! The bank's statements against the books, line by line and both ways; pure but for `read`: lines and rows in, what
//! differs out.
//!
//! The bank is read before the books. An order that is made in between then has its row, which stood before the order
//! left; read the other way round, it would look like an order that nobody made.

pub(crate) mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use workflows::domain::{Centavos, Evidence, PayoutId, State};

use crate::bank::{Bank, Said, StatementLine};

/// Statements by their operating date.
pub(crate) type Statements = BTreeMap<Date, Vec<StatementLine>>;

/// Reads the statements of these dates, whole; `today` is the operating date now.
pub(crate) async fn statements(bank: &Bank, dates: &BTreeSet<Date>, today: Date) -> Result<Statements, String> {
    let mut all = Statements::new();
    for date in dates {
        let read = bank.whole_statement(*date, today).await;
        all.insert(*date, read.map_err(|error| format!("{date}: {error}"))?);
    }
    Ok(all)
}

/// A payout as the books have it.
#[derive(Clone)]
pub(crate) struct Booked {
    pub(crate) id: PayoutId,
    pub(crate) key: String,
    pub(crate) state: State,
    pub(crate) amount: Centavos,
    pub(crate) clabe: String,
    pub(crate) date: Option<Date>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) send_no: u32,
    /// The bank has said by which reference it has it.
    pub(crate) is_referred: bool,
    pub(crate) ended_at: Option<Timestamp>,
}

impl Booked {
    /// It sends a deposit back, and names no account. How the bank lists that is not known: a line is compared, none is no
    /// difference, and the day's sums leave it out.
    pub(crate) fn sends_back(&self) -> bool {
        self.clabe.is_empty()
    }
}

/// What both sides have of the operating dates whose statements were read.
pub(crate) struct Sides<'a> {
    /// Those dates' statements.
    pub(crate) statements: &'a Statements,
    /// Every payout of those dates, and every payout that a line names.
    pub(crate) booked: &'a [Booked],
    /// What left the settlement account, by the day that the movements state, of payouts that ended before `read_at`.
    pub(crate) moved: &'a BTreeMap<Date, i128>,
    /// The books' time before the first statement was read: what ended later may not show there yet.
    pub(crate) read_at: Timestamp,
}

/// What differs: a row, an order or a day, and how.
pub(crate) type Wrong = (String, String);

impl<'a> Sides<'a> {
    /// The payouts by their tracking keys.
    pub(crate) fn by_key(&self) -> BTreeMap<&'a str, &'a Booked> {
        self.booked.iter().map(|row| (row.key.as_str(), row)).collect()
    }

    /// The bank's lines by their tracking keys.
    pub(crate) fn lines(&self) -> BTreeMap<&'a str, Vec<&'a StatementLine>> {
        let mut lines: BTreeMap<&str, Vec<&StatementLine>> = BTreeMap::new();
        for line in self.statements.values().flatten() {
            lines.entry(&line.tracking_key).or_default().push(line);
        }
        lines
    }

    /// Holds each side against the other, order by order: how many there are, and what differs.
    pub(crate) fn orders(&self) -> (usize, Vec<Wrong>) {
        let (booked, lines) = (self.by_key(), self.lines());
        let mut wrong: Vec<Wrong> = Vec::new();
        for (key, lines) in &lines {
            match booked.get(key) {
                None => {
                    let code = lines[0].says.code();
                    wrong.push((
                        format!("order {key}"),
                        format!("the bank has it ({code}), and the books have no such payout"),
                    ));
                }
                Some(row) => wrong.extend(lines.iter().filter_map(|line| unlike(row, line))),
            }
        }
        for row in booked.values() {
            let of_row: &[&StatementLine] = lines.get(row.key.as_str()).map_or(&[], Vec::as_slice);
            let what = fate(row, of_row, self.read_at);
            wrong.extend(what.map(|what| (row.id.to_string(), what)));
        }
        (lines.len() + booked.len(), wrong)
    }

    /// Payouts that had ended, before the bank was read, otherwise than its only line of them says: it is asked about them.
    pub(crate) fn belied(&self) -> Vec<PayoutId> {
        let lines = self.lines();
        let has_ended = |row: &&Booked| row.ended_at.is_some_and(|at| at < self.read_at);
        let is_belied = |row: &&Booked| match lines.get(row.key.as_str()).map(Vec::as_slice) {
            // What is not ours in every field is named, and no order of this payout.
            Some([line]) => unlike(row, line).is_none() && belies(row.state, &line.says),
            Some(_) | None => false,
        };
        let those = self.booked.iter().filter(has_ended).filter(is_belied);
        those.map(|row| row.id).collect()
    }

    /// Day by day: what the bank paid is what left the settlement account.
    pub(crate) fn sums(&self) -> Vec<Wrong> {
        sums(self, &self.by_key())
    }
}

/// The fields of an order that are not its payout's.
fn unlike(row: &Booked, line: &StatementLine) -> Option<Wrong> {
    let fields = line.differs(&row.key, row.amount, &row.clabe, row.date);
    let what = || format!("the bank's order {} has another {}", row.key, fields.join(", "));
    (!fields.is_empty()).then(|| (row.id.to_string(), what()))
}

/// True when a final word of the bank's is not the end that the books have.
fn belies(state: State, says: &Said) -> bool {
    match (state, says) {
        (State::Failed, Said::Paid { .. }) => true,
        // It was never sent: whatever the bank has by its key is a stray order, which pauses the bank.
        (State::Cancelled, Said::Paid { .. }) => false,
        // Its return is looked for.
        (State::Settled, Said::Paid { came_back, .. }) => *came_back,
        (State::Settled | State::Returned, Said::NotPaid { .. }) => true,
        (State::Failed | State::Cancelled, Said::NotPaid { .. }) | (State::Returned, Said::Paid { .. }) => false,
        (_, Said::Pending { .. } | Said::Unknown { .. }) => false,
        (State::Accepted | State::Sending | State::Sent, Said::Paid { .. } | Said::NotPaid { .. }) => false,
    }
}

/// What the bank's lines of a payout say against its state.
fn fate(row: &Booked, lines: &[&StatementLine], read_at: Timestamp) -> Option<String> {
    let paid = lines
        .iter()
        .filter(|line| matches!(line.says, Said::Paid { .. }))
        .count();
    let unpaid = lines
        .iter()
        .filter(|line| matches!(line.says, Said::NotPaid { .. }))
        .count();
    if lines.len() > 1 {
        return Some(format!("the bank has {} orders of it, {paid} paid", lines.len()));
    }
    let just_ended = row.ended_at.is_some_and(|at| at >= read_at);
    match row.state {
        State::Accepted if !lines.is_empty() => Some("was not sent, and the bank has an order".to_owned()),
        State::Accepted | State::Sending | State::Sent => None,
        State::Settled | State::Returned if paid == 1 || just_ended => None,
        State::Settled | State::Returned if row.sends_back() && lines.is_empty() => None,
        State::Settled | State::Returned => Some(match lines.first() {
            None => "is settled, and the bank has no order".to_owned(),
            Some(line) => format!("is settled, and the bank says {}", line.says.code()),
        }),
        State::Failed | State::Cancelled if paid > 0 => Some(format!("is {}, and the bank paid it", row.state)),
        State::Failed | State::Cancelled if lines.len() == unpaid || just_ended => None,
        State::Failed | State::Cancelled => Some(format!("is {}, and the bank may still pay it", row.state)),
    }
}

fn sums(sides: &Sides<'_>, booked: &BTreeMap<&str, &Booked>) -> Vec<Wrong> {
    // Paid there and not booked here yet is no difference: the payout is open, or ended while we read.
    let is_under_way = |line: &&StatementLine| {
        let row = booked.get(line.tracking_key.as_str());
        row.is_some_and(|row| row.sends_back() || row.ended_at.is_none_or(|at| at >= sides.read_at))
    };
    let days = sides.statements.iter().map(|(date, lines)| {
        let paid = lines
            .iter()
            .filter(|line| matches!(line.says, Said::Paid { .. }) && !is_under_way(line));
        let paid: i128 = paid
            .filter_map(|line| line.amount)
            .map(|amount| i128::from(amount.get()))
            .sum();
        (date, paid, sides.moved.get(date).copied().unwrap_or_default())
    });
    days.filter(|(_, paid, moved)| paid != moved)
        .map(|(date, paid, moved)| {
            let what = format!("the bank paid {paid}, the settlement account gave {moved}");
            (format!("day {date}"), what)
        })
        .collect()
}
