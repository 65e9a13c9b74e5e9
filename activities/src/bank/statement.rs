//! A bank's statement of one operating date: what it says it did with the orders that reached it.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date};
use workflows::domain::{BankCalendar, CalendarError, Centavos, Clabe};

use super::{Receipt, ReceivedEntry};

/// Pages of one day; far more than any day has.
const MOST_PAGES: u32 = 10_000;

/// True when the bank's running day was ours, and the same, all the time from one to the other; around the roll it may
/// be another. Error: the calendar ends.
pub fn one_day(calendar: &BankCalendar, from: Timestamp, to: Timestamp) -> Result<bool, CalendarError> {
    let is_sure = !calendar.guard(from)?.is_on && !calendar.guard(to)?.is_on;
    Ok(is_sure && calendar.operating_date(from)? == calendar.operating_date(to)?)
}

/// Whose orders a statement lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Those that we sent.
    Sent,
    /// Those that came to us.
    Received,
}

/// One page of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPage<T> {
    /// The orders on it.
    pub lines: Vec<T>,
    /// How many orders the whole statement has, as the bank counts. A running day may hold more.
    pub total: u32,
}

impl<T> Default for StatementPage<T> {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            total: 0,
        }
    }
}

/// What a statement lists: each once, by key and the bank's reference.
pub(super) trait Listed {
    /// What tells it from the others.
    fn place(&self) -> (String, Option<String>, Option<u32>);
}

impl Listed for StatementLine {
    fn place(&self) -> (String, Option<String>, Option<u32>) {
        (self.tracking_key.clone(), self.bank_ref.clone(), None)
    }
}

impl Listed for ReceivedEntry {
    fn place(&self) -> (String, Option<String>, Option<u32>) {
        (self.tracking_key.clone(), self.bank_ref.clone(), self.sender)
    }
}

/// One order, as the bank has it. What does not read is absent, and so differs from every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementLine {
    /// The key as the bank has it, at most 64 characters; it may not be one of giro's.
    pub tracking_key: String,
    /// The bank's own reference.
    pub bank_ref: Option<String>,
    /// In centavos.
    pub amount: Option<Centavos>,
    /// The beneficiary's account; shown by its last four digits only.
    pub clabe: Option<Clabe>,
    /// It was sent in the name of the company that giro sends as.
    pub of_our_company: bool,
    /// The operating date that the bank states.
    pub operating_date: Option<Date>,
    /// What became of it.
    pub says: Said,
    /// Its receipt, once the beneficiary's bank has confirmed it.
    pub receipt: Option<Receipt>,
}

/// What a line says of its order, by the same table as an answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Settled.
    Paid {
        /// The money left and came back.
        came_back: bool,
        /// The bank's state, in our words (`stp:LQ`).
        code: String,
    },
    /// Ended without payment.
    NotPaid {
        /// The bank's state, in our words.
        code: String,
    },
    /// The bank is at work.
    Pending {
        /// The bank's state, in our words.
        code: String,
    },
    /// A state that the adapter's table does not have, or none.
    Unknown {
        /// The bank's word, in our words.
        code: String,
    },
}

impl Said {
    /// The bank's state, in our words.
    pub fn code(&self) -> &str {
        match self {
            Self::Paid { code, .. } | Self::NotPaid { code } | Self::Pending { code } | Self::Unknown { code } => code,
        }
    }
}

/// The bank did not tell its statement, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bank did not tell its statement: {why}")]
pub struct StatementUnknown {
    /// In our words.
    pub why: String,
}

impl StatementLine {
    /// The fields in which the line differs from what giro ordered, never their values. Without a date of giro's own any
    /// date that reads will do; with an empty account, of an order that names none, any account.
    pub fn differs(
        &self,
        tracking_key: &str,
        amount: Centavos,
        clabe: &str,
        operating_date: Option<Date>,
    ) -> Vec<&'static str> {
        let stated = self.operating_date;
        [
            ("tracking_key", self.tracking_key == tracking_key),
            ("company", self.of_our_company),
            ("amount", self.amount == Some(amount)),
            (
                "account",
                clabe.is_empty() || self.clabe.as_ref().is_some_and(|stated| stated.as_str() == clabe),
            ),
            (
                "operating_date",
                stated.is_some() && operating_date.is_none_or(|ours| stated == Some(ours)),
            ),
        ]
        .into_iter()
        .filter_map(|(name, same)| (!same).then_some(name))
        .collect()
    }
}

/// Walks the pages until as many orders were seen as the bank counts.
///
/// Pages of a running day shift while they are read: an order that is seen twice counts once, and pages that end before
/// the count is reached are no statement.
pub(super) async fn whole<T: Listed, F>(mut page: impl FnMut(u32) -> F) -> Result<Vec<T>, StatementUnknown>
where
    F: Future<Output = Result<StatementPage<T>, StatementUnknown>>,
{
    let unknown = |why: &str| StatementUnknown { why: why.to_owned() };
    let (mut lines, mut seen) = (Vec::new(), BTreeSet::new());
    for number in 0..MOST_PAGES {
        let StatementPage { lines: more, total } = page(number).await?;
        let last = more.is_empty();
        let fresh = more.into_iter().filter(|line| seen.insert(line.place()));
        lines.extend(fresh);
        let complete = u32::try_from(seen.len()).is_ok_and(|count| count >= total);
        // A page after the last says no total.
        match (last, complete) {
            (true, _) if number > 0 => return Err(unknown("it ends before its own total")),
            (_, true) => return Ok(lines),
            (true, false) => return Err(unknown("it ends before its own total")),
            (false, false) => {}
        }
    }
    Err(unknown("it has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize) -> StatementLine {
        StatementLine {
            tracking_key: format!("GIRO{n}"),
            bank_ref: Some(n.to_string()),
            amount: Some(Centavos::new(100)),
            clabe: None,
            of_our_company: true,
            operating_date: None,
            says: Said::Pending { code: "stp:C".into() },
            receipt: None,
        }
    }

    /// A bank that shows these pages, then empty ones.
    async fn walk(pages: Vec<(Vec<usize>, u32)>) -> Result<usize, StatementUnknown> {
        let page = |number: u32| {
            let page = usize::try_from(number).ok().and_then(|at| pages.get(at));
            let page = page.map(|(lines, total)| StatementPage {
                lines: lines.iter().copied().map(line).collect(),
                total: *total,
            });
            std::future::ready(Ok(page.unwrap_or_default()))
        };
        whole(page).await.map(|lines| lines.len())
    }

    #[tokio::test]
    async fn pages_are_read_until_the_banks_own_total() {
        assert_eq!(walk(vec![]).await, Ok(0));
        assert_eq!(walk(vec![(vec![1, 2], 2)]).await, Ok(2));
        assert_eq!(walk(vec![(vec![1, 2], 3), (vec![3], 3)]).await, Ok(3));
        // A running day: more rows than the total says.
        assert_eq!(walk(vec![(vec![1, 2, 3], 2)]).await, Ok(3));
        // An order came between two pages and moved one of the first to the second.
        assert_eq!(walk(vec![(vec![2, 1], 3), (vec![1, 0], 4), (vec![9], 4)]).await, Ok(4));
    }

    #[tokio::test]
    async fn a_part_of_a_statement_is_none() {
        for pages in [
            vec![(vec![1, 2], 3)],
            vec![(vec![], 1)],
            vec![(vec![1, 2], 3), (vec![1, 2], 3)],
            vec![(vec![1, 2], 3), (vec![], 3), (vec![3], 3)],
        ] {
            assert!(walk(pages.clone()).await.is_err(), "{pages:?}");
        }
    }

    #[tokio::test]
    async fn a_statement_without_end_is_none() {
        let mut asked = 0;
        let endless = |number: u32| {
            asked += 1;
            std::future::ready(Ok(StatementPage {
                lines: usize::try_from(number).map(line).into_iter().collect(),
                total: u32::MAX,
            }))
        };
        assert!(whole(endless).await.is_err());
        assert_eq!(asked, MOST_PAGES);
    }
}
