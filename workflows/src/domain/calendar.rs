//! The bank's calendar: operating dates, holidays, and the minutes around 18:00 in which giro does not send.

use std::{collections::BTreeSet, fmt};

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday, date, time},
    tz::{Offset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};

/// SPEI: the operating date changes at 18:00, Mexico City.
const ROLL: Time = time(18, 0, 0, 0);
/// First instant without sends, so that no order is under way when the date changes.
const CLOSES: Time = time(17, 50, 0, 0);
/// First instant with sends again.
const OPENS: Time = time(18, 10, 0, 0);

/// The bank's day of an order (STP: `fechaOperacion`): always a banking day when a calendar made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperatingDate(Date);

impl OperatingDate {
    /// A date as the books or a bank wrote it.
    pub const fn from_stored(date: Date) -> Self {
        Self(date)
    }

    /// The day itself.
    pub const fn date(self) -> Date {
        self.0
    }

    /// `AAAAMMDD`, as STP writes it.
    pub fn stp(self) -> String {
        format!("{:04}{:02}{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// `2026-04-01`.
impl fmt::Display for OperatingDate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// Whether giro sends at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// It does.
    Open {
        /// The day that an order sent now belongs to.
        operating_date: OperatingDate,
        /// First instant at which it no longer does.
        closes_at: Timestamp,
    },
    /// It does not: the operating date is about to change or has just changed.
    Closed {
        /// First instant at which it does again.
        until: Timestamp,
    },
}

/// The minutes around the roll in which giro does not send: those of an instant, or the next after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The instant is among them.
    pub is_on: bool,
    /// First instant without sends.
    pub starts_at: Timestamp,
    /// First instant with sends again.
    pub ends_at: Timestamp,
}

/// Why a calendar cannot be read, or does not know a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The day is in a year that the table does not have: better no answer than a wrong day.
    #[error("{date} is outside the holiday table ({first} to {last}): add the year to the table and restart")]
    PastTheTable {
        /// The day asked for.
        date: Date,
        /// First day of the table.
        first: Date,
        /// Last day of the table.
        last: Date,
    },
    /// A line of the table is wrong.
    #[error("holidays, line {line}: {fix}")]
    Line {
        /// Counted from 1, comments included.
        line: usize,
        /// What to write instead.
        fix: &'static str,
    },
    /// A year without 1 January and 25 December: it is missing, or was added by half.
    #[error("holidays: {year} is not complete: list every bank holiday from {year}-01-01 to {year}-12-25")]
    Year {
        /// The year.
        year: i16,
    },
    /// The table has no line.
    #[error("holidays: the table is empty: list at least one whole year")]
    Empty,
}

/// The clock of SPEI, of banking days and of whoever pays in Mexico.
pub fn mexico_city() -> TimeZone {
    // The bundled data, not the machine's: every worker must have the same days. A build without it has what the law has
    // said since 2022: no summer time.
    let zone = TimeZoneDatabase::bundled().get("America/Mexico_City");
    zone.unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-6)))
}

/// Banking days and the operating date in Mexico City, from a holiday table; it reads no clock.
#[derive(Clone, Debug)]
pub struct BankCalendar {
    holidays: BTreeSet<Date>,
    first: Date,
    last: Date,
    zone: TimeZone,
}

impl BankCalendar {
    /// The table that giro ships with.
    pub fn builtin() -> Result<Self, CalendarError> {
        Self::parse(include_str!("../../data/holidays.csv"))
    }

    /// Reads a table: `#` comments, then one `YYYY-MM-DD,name` each; whole years, without a gap.
    pub fn parse(text: &str) -> Result<Self, CalendarError> {
        let mut holidays = BTreeSet::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |fix| CalendarError::Line { line, fix };
            let (day, name) = text.split_once(',').ok_or_else(|| wrong("write YYYY-MM-DD,name"))?;
            let day: Date = Some(day)
                .filter(|day| day.len() == 10)
                .and_then(|day| day.parse().ok())
                .ok_or_else(|| wrong("write a day that exists as YYYY-MM-DD"))?;
            if !(1970..=2999).contains(&day.year()) {
                return Err(wrong("write a year from 1970 to 2999"));
            }
            if name.trim().is_empty() {
                return Err(wrong("write the holiday's name after the comma"));
            }
            if !holidays.insert(day) {
                return Err(wrong("this day has a line already: keep one"));
            }
        }
        let (Some(first), Some(last)) = (holidays.first(), holidays.last()) else {
            return Err(CalendarError::Empty);
        };
        let (first, last) = (date(first.year(), 1, 1), date(last.year(), 12, 31));
        let is_complete = |year: i16| holidays.contains(&date(year, 1, 1)) && holidays.contains(&date(year, 12, 25));
        if let Some(year) = (first.year()..=last.year()).find(|year| !is_complete(*year)) {
            return Err(CalendarError::Year { year });
        }
        Ok(Self {
            holidays,
            first,
            last,
            zone: mexico_city(),
        })
    }

    /// True when the table has the year of `date`.
    pub fn covers(&self, date: Date) -> bool {
        (self.first..=self.last).contains(&date)
    }

    /// The last day that the table has: 31 December of its last year.
    pub const fn last(&self) -> Date {
        self.last
    }

    /// True on a day that is neither Saturday, Sunday nor in the table. Error: a year without a table.
    pub fn is_banking_day(&self, date: Date) -> Result<bool, CalendarError> {
        if !self.covers(date) {
            return Err(self.past(date));
        }
        Ok(!matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.holidays.contains(&date))
    }

    /// The first banking day after `date`. Error: the search leaves the table.
    pub fn next_banking_day(&self, date: Date) -> Result<Date, CalendarError> {
        self.on_or_after(self.day_after(date)?)
    }

    /// The last banking day before `date`. Error: the search leaves the table.
    pub fn previous_banking_day(&self, date: Date) -> Result<Date, CalendarError> {
        let mut before = date;
        loop {
            before = before.yesterday().map_err(|_| self.past(before))?;
            if self.is_banking_day(before)? {
                return Ok(before);
            }
        }
    }

    /// The operating date at an instant: from 18:00 Mexico City the next day's; weekends and holidays belong to the
    /// next banking day. Error: the search leaves the table.
    pub fn operating_date(&self, at: Timestamp) -> Result<OperatingDate, CalendarError> {
        let local = self.zone.to_datetime(at);
        let day = if local.time() < ROLL {
            local.date()
        } else {
            self.day_after(local.date())?
        };
        self.on_or_after(day).map(OperatingDate)
    }

    /// Open, except every day from 17:50 (included) to 18:10 (excluded) Mexico City.
    ///
    /// Error: the search leaves the table.
    pub fn window(&self, at: Timestamp) -> Result<Window, CalendarError> {
        let guard = self.guard(at)?;
        if guard.is_on {
            return Ok(Window::Closed { until: guard.ends_at });
        }
        Ok(Window::Open {
            operating_date: self.operating_date(at)?,
            closes_at: guard.starts_at,
        })
    }

    /// The guard that `at` is in, or the next one. Error: the calendar of the machine ends.
    pub fn guard(&self, at: Timestamp) -> Result<Guard, CalendarError> {
        let local = self.zone.to_datetime(at);
        let day = if local.time() < OPENS {
            local.date()
        } else {
            self.day_after(local.date())?
        };
        Ok(Guard {
            is_on: local.time() >= CLOSES && local.time() < OPENS,
            starts_at: self.instant(day, CLOSES)?,
            ends_at: self.instant(day, OPENS)?,
        })
    }

    fn on_or_after(&self, mut date: Date) -> Result<Date, CalendarError> {
        while !self.is_banking_day(date)? {
            date = self.day_after(date)?;
        }
        Ok(date)
    }

    fn day_after(&self, date: Date) -> Result<Date, CalendarError> {
        date.checked_add(1.day()).map_err(|_| self.past(date))
    }

    fn instant(&self, date: Date, time: Time) -> Result<Timestamp, CalendarError> {
        self.zone
            .to_timestamp(date.to_datetime(time))
            .map_err(|_| self.past(date))
    }

    fn past(&self, date: Date) -> CalendarError {
        CalendarError::PastTheTable {
            date,
            first: self.first,
            last: self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Easter Sunday by counting full moons (Gauss); shares nothing with how the table was made.
    fn easter(year: i16) -> Date {
        let (a, b, c) = (year % 19, year % 4, year % 7);
        let d = (19 * a + 24) % 30;
        let e = (2 * b + 4 * c + 6 * d + 5) % 7;
        let days = if d == 29 && e == 6 {
            28
        } else if d == 28 && e == 6 && a > 10 {
            27
        } else {
            d + e
        };
        date(year, 3, 22).checked_add(i64::from(days).days()).expect("in range")
    }

    fn by_rule(year: i16) -> BTreeSet<Date> {
        let monday = |month, nth| {
            date(year, month, 1)
                .nth_weekday_of_month(nth, Weekday::Monday)
                .expect("a Monday")
        };
        let before_easter = |days: i64| easter(year).checked_sub(days.days()).expect("in range");
        let mut days = BTreeSet::from([
            date(year, 1, 1),
            monday(2, 1),
            monday(3, 3),
            before_easter(3),
            before_easter(2),
            date(year, 5, 1),
            date(year, 9, 16),
            date(year, 11, 2),
            monday(11, 3),
            date(year, 12, 12),
            date(year, 12, 25),
        ]);
        // CNBV: closed on 1 October 2024, as every six years when the Federal Executive takes office.
        if year >= 2024 && year % 6 == 2024 % 6 {
            days.insert(date(year, 10, 1));
        }
        days
    }

    /// A table by rule for 2020 to 2032, around the ten years that the properties range over.
    fn calendar() -> BankCalendar {
        let lines: Vec<String> = (2020..=2032)
            .flat_map(by_rule)
            .map(|day| format!("{day},holiday"))
            .collect();
        BankCalendar::parse(&lines.join("\n")).expect("reads")
    }

    fn at(text: &str) -> Timestamp {
        mexico_city()
            .to_timestamp(text.parse().expect("a civil time"))
            .expect("exists")
    }

    #[test]
    fn the_table_follows_the_rule() {
        let table = BankCalendar::builtin().expect("the shipped table reads");
        assert_eq!(table.holidays, (2025..=2034).flat_map(by_rule).collect());
        assert_eq!((easter(2025), easter(2026)), (date(2025, 4, 20), date(2026, 4, 5)));
        assert!(table.covers(date(2025, 1, 1)) && table.covers(date(2034, 12, 31)));
        assert!(!table.covers(date(2024, 12, 31)) && !table.covers(date(2035, 1, 1)));
    }

    #[test]
    fn known_operating_dates() {
        let calendar = calendar();
        for (when, expected) in [
            ("2022-04-19T17:59", "2022-04-19"),
            ("2022-04-19T17:59:59.999999999", "2022-04-19"),
            ("2022-04-19T18:00", "2022-04-20"),
            ("2022-04-22T17:59", "2022-04-22"),
            ("2022-04-22T18:00", "2022-04-25"),
            ("2021-04-01T10:00", "2021-04-05"),
            ("2021-11-02T10:00", "2021-11-03"),
            ("2026-04-04T12:00", "2026-04-06"),
            ("2026-04-05T18:00", "2026-04-06"),
            ("2026-04-06T18:00", "2026-04-07"),
            ("2026-12-24T18:00", "2026-12-28"),
            ("2026-12-31T18:00", "2027-01-04"),
        ] {
            assert_eq!(
                calendar.operating_date(at(when)).expect("covered").to_string(),
                expected,
                "{when}"
            );
        }
        assert_eq!(
            calendar.operating_date(at("2026-04-01T09:00")).expect("covered").stp(),
            "20260401"
        );
    }

    #[test]
    fn summer_time_counts_until_it_was_abolished() {
        // 18:00 was 23:00 UTC in the summer of 2022 and is 00:00 UTC since.
        let calendar = calendar();
        for (utc, expected) in [
            ("2022-07-05T22:59:59Z", "2022-07-05"),
            ("2022-07-05T23:00:00Z", "2022-07-06"),
            ("2023-07-05T23:59:59Z", "2023-07-05"),
            ("2023-07-06T00:00:00Z", "2023-07-06"),
        ] {
            let found = calendar
                .operating_date(utc.parse().expect("an instant"))
                .expect("covered");
            assert_eq!(found.to_string(), expected, "{utc}");
        }
    }

    #[test]
    fn the_window_closes_at_17_50_and_opens_at_18_10() {
        let calendar = calendar();
        let open = |day, closes| Window::Open {
            operating_date: OperatingDate(day),
            closes_at: at(closes),
        };
        for (when, expected) in [
            ("2026-04-01T00:00", open(date(2026, 4, 1), "2026-04-01T17:50")),
            (
                "2026-04-01T17:49:59.999999999",
                open(date(2026, 4, 1), "2026-04-01T17:50"),
            ),
            (
                "2026-04-01T17:50",
                Window::Closed {
                    until: at("2026-04-01T18:10"),
                },
            ),
            (
                "2026-04-01T18:09:59.999999999",
                Window::Closed {
                    until: at("2026-04-01T18:10"),
                },
            ),
            ("2026-04-01T18:10", open(date(2026, 4, 6), "2026-04-02T17:50")),
            (
                "2026-04-04T17:55",
                Window::Closed {
                    until: at("2026-04-04T18:10"),
                },
            ),
            ("2026-04-04T18:10", open(date(2026, 4, 6), "2026-04-05T17:50")),
        ] {
            assert_eq!(calendar.window(at(when)), Ok(expected), "{when}");
        }
    }

    #[test]
    fn past_the_table_there_is_no_answer() {
        let table = BankCalendar::builtin().expect("the shipped table reads");
        assert_eq!(table.last(), date(2034, 12, 31));
        assert!(table.operating_date(at("2034-12-29T17:59")).is_ok());
        for when in [
            "2034-12-29T18:00",
            "2035-05-03T12:00",
            "2024-12-31T12:00",
            "9999-12-30T12:00",
        ] {
            let error = table.operating_date(at(when)).expect_err("not covered");
            assert!(matches!(error, CalendarError::PastTheTable { .. }), "{when}: {error}");
        }
        assert!(table.window(at("2035-05-03T12:00")).is_err());
        assert!(table.next_banking_day(date(2034, 12, 31)).is_err());
        assert!(table.next_banking_day(Date::MAX).is_err());
        assert!(table.is_banking_day(date(2024, 12, 31)).is_err());
        assert_eq!(table.next_banking_day(date(2026, 4, 1)), Ok(date(2026, 4, 6)));
        assert_eq!(table.previous_banking_day(date(2026, 4, 6)), Ok(date(2026, 4, 1)));
        assert_eq!(table.previous_banking_day(date(2026, 4, 4)), Ok(date(2026, 4, 1)));
    }

    #[test]
    fn a_wrong_table_is_named() {
        let whole = "2025-01-01,a\n2025-12-25,b\n";
        assert!(BankCalendar::parse(whole).is_ok());
        for (text, expected) in [
            ("2025-01-01", "line 1: write YYYY-MM-DD,name"),
            ("# x\n2025-02-30,a", "line 2: write a day"),
            ("2025-1-1,a", "line 1: write a day"),
            ("0001-01-01,a", "line 1: write a year"),
            ("2025-01-01,", "line 1: write the holiday's name"),
            ("2025-01-01,a\n2025-01-01,b", "line 2: this day"),
            ("2025-12-25,b", "2025 is not complete"),
            ("# nothing", "empty"),
        ] {
            let error = BankCalendar::parse(text).expect_err("wrong").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let gap = BankCalendar::parse(&format!("{whole}2027-01-01,a\n2027-12-25,b\n")).expect_err("a gap");
        assert_eq!(gap, CalendarError::Year { year: 2026 });
    }

    /// Seconds since 1970 of ten years: 2022 to 2031.
    fn seconds() -> std::ops::Range<i64> {
        1_640_995_200..1_956_528_000
    }

    proptest! {
        #[test]
        fn operating_dates_only_move_forward(one in seconds(), other in seconds()) {
            let calendar = calendar();
            let instant = |second| Timestamp::from_second(second).expect("in range");
            let on = |second| calendar.operating_date(instant(second)).expect("covered");
            let (early, late) = (one.min(other), one.max(other));
            prop_assert!(on(early) <= on(late));
            prop_assert_eq!(calendar.is_banking_day(on(one).date()), Ok(true));
        }

        #[test]
        fn the_date_changes_only_at_18_00_while_closed(second in seconds()) {
            let calendar = calendar();
            let instant = |second| Timestamp::from_second(second).expect("in range");
            let on = |second| calendar.operating_date(instant(second)).expect("covered");
            // The second before 18:00 and 18:00 itself may differ; no other pair of seconds may.
            let is_the_roll = calendar.zone.to_datetime(instant(second + 1)).time() == ROLL;
            prop_assert!(is_the_roll || on(second) == on(second + 1));
            match calendar.window(instant(second)).expect("covered") {
                Window::Open { operating_date, closes_at } => {
                    prop_assert!(instant(second) < closes_at);
                    prop_assert_eq!(on(closes_at.as_second()), operating_date);
                }
                Window::Closed { until } => {
                    let left = until.as_second() - second;
                    prop_assert!((1..=1_200).contains(&left));
                    let is_open = matches!(calendar.window(until), Ok(Window::Open { .. }));
                    prop_assert!(is_open);
                }
            }
        }

        #[test]
        fn the_roll_is_at_18_00_each_banking_day(days in 0..3_600_i64) {
            let calendar = calendar();
            let day = date(2022, 1, 1).checked_add(days.days()).expect("in range");
            let on = |time| {
                let instant = calendar.instant(day, time).expect("exists");
                calendar.operating_date(instant).expect("covered").date()
            };
            let changes = on(time(17, 59, 59, 999_999_999)) != on(ROLL);
            prop_assert_eq!(calendar.is_banking_day(day), Ok(changes));
        }
    }
}
