//! Where a look at the running day's records begins and ends. Pure.
//!
//! A day grows at its end: a look begins at the last page of the one before, and now and then at the first, for what had
//! no money yet when it was passed.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::bank::{Incoming, ReceivedEntry};

/// Every so many looks all of the day is read.
const WHOLE: u32 = 20;
/// Records that were told about are remembered, to tell of each once.
const TOLD: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Pages {
    day: Option<Date>,
    looks: u32,
    /// The last page that had records.
    last: u32,
    /// Records on the longest page of the day so far.
    size: usize,
    /// Records that this look has passed; `None`: it did not begin at the first page.
    passed: Option<usize>,
    told: BTreeSet<(String, Option<String>)>,
}

impl Pages {
    /// The page that a look at `today` begins with.
    pub(super) fn begin(&mut self, today: Date) -> u32 {
        if self.day != Some(today) {
            *self = Self {
                day: Some(today),
                ..Self::default()
            };
        }
        let is_whole = self.looks.is_multiple_of(WHOLE);
        self.looks = self.looks.wrapping_add(1);
        self.passed = is_whole.then_some(0);
        if is_whole { 0 } else { self.last }
    }

    /// The page after `page`, which had so many records of `total`; `None`: it was the last. A page as long as any before
    /// may be full, and a look at the whole goes on to its total.
    pub(super) fn next(&mut self, page: u32, records: usize, total: usize) -> Option<u32> {
        if records == 0 {
            return None;
        }
        self.last = page;
        self.passed = self.passed.map(|passed| passed + records);
        let goes_on = records >= self.size || self.passed.is_some_and(|passed| passed < total);
        self.size = self.size.max(records);
        goes_on.then(|| page.saturating_add(1))
    }

    /// True for a record that cannot be booked, once.
    pub(super) fn is_news(&mut self, entry: &ReceivedEntry) -> bool {
        match &entry.says {
            Incoming::Here(_) | Incoming::Pending { .. } => false,
            Incoming::Unclear { .. } if self.told.len() >= TOLD => false,
            Incoming::Unclear { .. } => self.told.insert((entry.tracking_key.clone(), entry.bank_ref.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// The pages that a look reads of a day that has these.
    fn look(pages: &mut Pages, today: Date, day: &[usize]) -> Vec<u32> {
        let total = day.iter().sum();
        let mut page = pages.begin(today);
        let mut read = Vec::new();
        loop {
            read.push(page);
            let records = usize::try_from(page).ok().and_then(|page| day.get(page)).copied();
            match pages.next(page, records.unwrap_or(0), total) {
                Some(next) => page = next,
                None => return read,
            }
        }
    }

    #[test]
    fn a_look_goes_on_where_the_last_one_ended() {
        let (monday, tuesday) = (date(2026, 11, 30), date(2026, 12, 1));
        let mut pages = Pages::default();
        assert_eq!(look(&mut pages, monday, &[]), [0]);
        assert_eq!(look(&mut pages, monday, &[3]), [0, 1]);
        assert_eq!(look(&mut pages, monday, &[500, 500, 7]), [0, 1, 2]);
        assert_eq!(look(&mut pages, monday, &[500, 500, 9]), [2]);
        assert_eq!(look(&mut pages, monday, &[500, 500, 500, 1]), [2, 3]);
        assert_eq!(look(&mut pages, tuesday, &[2]), [0, 1], "another day");
        // The bank makes its pages shorter: a look at the whole goes on to its total.
        let mut pages = Pages::default();
        assert_eq!(look(&mut pages, monday, &[500, 500]), [0, 1, 2]);
        pages.looks = 0;
        assert_eq!(look(&mut pages, monday, &[100, 100, 100]), [0, 1, 2]);
    }

    #[test]
    fn now_and_then_all_of_the_day_is_read() {
        let monday = date(2026, 11, 30);
        let mut pages = Pages::default();
        let looks: Vec<Vec<u32>> = (0..=WHOLE).map(|_| look(&mut pages, monday, &[5, 5, 1])).collect();
        assert_eq!(looks.iter().filter(|read| read[0] == 0).count(), 2);
        assert_eq!(looks[1], [2]);
    }
}
