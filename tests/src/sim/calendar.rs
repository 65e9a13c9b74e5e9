//! The bank's own calendar: SPEI operating dates in Mexico City, with holidays computed here and nowhere else.

use anyhow::{Context, Result};
use jiff::{
    Timestamp, Zoned,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// Hour (CDMX) at which the operating date rolls to the next banking day.
const ROLL_HOUR: i8 = 18;

/// Tells operating dates in `America/Mexico_City`.
pub(super) struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// Loads the Mexico City time zone.
    pub(super) fn new() -> Result<Self> {
        let zone = TimeZone::get("America/Mexico_City").context("time zone of Mexico City")?;
        Ok(Self { zone })
    }

    /// A time of the bank's clock, epoch milliseconds, as a clock in Mexico City shows it.
    pub(super) fn local(&self, milliseconds: i64) -> Zoned {
        let at = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(self.zone.clone())
    }

    /// The operating date at `now`, as the number AAAAMMDD.
    pub(super) fn operating_date(&self, now: Timestamp) -> u32 {
        let local = now.to_zoned(self.zone.clone());
        let mut date = local.date();
        if local.hour() >= ROLL_HOUR {
            date = next(date);
        }
        while !is_banking_day(date) {
            date = next(date);
        }
        number(date)
    }
}

/// A date from the number AAAAMMDD; of a number that is none, the first there is.
pub(super) fn as_date(number: u32) -> Date {
    let part = |number: u32| i16::try_from(number).unwrap_or(1);
    let (month, day) = (part(number / 100 % 100), part(number % 100));
    let (month, day) = (i8::try_from(month).unwrap_or(1), i8::try_from(day).unwrap_or(1));
    Date::new(part(number / 10_000), month, day).unwrap_or(Date::MIN)
}

/// Reads AAAAMMDD; nothing else is a date to this bank.
pub(super) fn parse_date(text: &str) -> Option<u32> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year = text.get(0..4)?.parse().ok()?;
    let month = text.get(4..6)?.parse().ok()?;
    let day = text.get(6..8)?.parse().ok()?;
    Date::new(year, month, day).ok().map(number)
}

fn next(date: Date) -> Date {
    date.tomorrow().unwrap_or(date)
}

fn number(date: Date) -> u32 {
    let [year, month, day] = [i32::from(date.year()), date.month().into(), date.day().into()];
    u32::try_from(year * 10_000 + month * 100 + day).unwrap_or(0)
}

fn is_banking_day(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(date)
}

fn is_holiday(date: Date) -> bool {
    let (year, month, day) = (date.year(), date.month(), date.day());
    let monday = date.weekday() == Weekday::Monday;
    match (month, day) {
        (1, 1) | (5, 1) | (9, 16) | (11, 2) | (12, 12) | (12, 25) => true,
        // First Monday of February, third Mondays of March and November.
        (2, 1..=7) | (3 | 11, 15..=21) if monday => true,
        // The presidency changes hands on 1 October, every six years from 2024.
        (10, 1) => year >= 2024 && (year - 2024) % 6 == 0,
        _ => {
            let easter = easter(year);
            let before = |days: i8| (0..days).try_fold(easter, |d, _| d.yesterday().ok());
            before(2) == Some(date) || before(3) == Some(date)
        }
    }
}

/// Easter Sunday of a year (Meeus/Jones/Butcher).
fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - b / 4 - g + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let month = i8::try_from(n / 31).unwrap_or(4);
    let day = i8::try_from(n % 31 + 1).unwrap_or(1);
    Date::new(year, month, day).unwrap_or(Date::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(local: &str) -> u32 {
        let calendar = Calendar::new().expect("zone");
        let zoned = local
            .parse::<jiff::civil::DateTime>()
            .expect("datetime")
            .to_zoned(calendar.zone.clone())
            .expect("zoned");
        calendar.operating_date(zoned.timestamp())
    }

    #[test]
    fn rolls_at_six_and_skips_closed_days() {
        for (local, expected) in [
            ("2022-04-19T17:59:59", 20_220_419),
            ("2022-04-19T18:00", 20_220_420),
            ("2022-04-22T18:00", 20_220_425),
            ("2021-04-01T09:00", 20_210_405),
            ("2021-11-02T09:00", 20_211_103),
            ("2023-08-24T18:02:32", 20_230_825),
            ("2023-08-25T18:05", 20_230_828),
            ("2023-08-26T17:08", 20_230_828),
            ("2024-11-07T18:02:30", 20_241_108),
            ("2026-04-01T18:00", 20_260_406),
            ("2026-11-13T18:00", 20_261_117),
            ("2025-12-24T18:00", 20_251_226),
        ] {
            assert_eq!(at(local), expected, "{local}");
        }
    }

    #[test]
    fn knows_the_holidays_of_2025_to_2030() {
        for date in [
            (2025, 2, 3),
            (2025, 3, 17),
            (2025, 4, 17),
            (2025, 4, 18),
            (2025, 11, 17),
            (2026, 2, 2),
            (2026, 3, 16),
            (2026, 4, 2),
            (2026, 4, 3),
            (2026, 11, 16),
            (2027, 2, 1),
            (2027, 3, 15),
            (2027, 3, 25),
            (2027, 3, 26),
            (2027, 11, 15),
            (2028, 4, 13),
            (2028, 4, 14),
            (2029, 3, 29),
            (2029, 3, 30),
            (2030, 4, 18),
            (2030, 4, 19),
            (2030, 10, 1),
        ] {
            let date = Date::new(date.0, date.1, date.2).expect("date");
            assert!(is_holiday(date), "{date}");
        }
        assert!(!is_holiday(Date::new(2026, 10, 1).expect("date")));
    }

    /// The shipped table against the bank's own calendar, which is computed here and shares nothing with it: every day of ten
    /// years.
    #[test]
    fn the_shipped_table_has_the_banks_days() {
        let table = workflows::domain::BankCalendar::builtin().expect("the shipped table reads");
        let (mut day, end) = (Date::constant(2025, 1, 1), Date::constant(2034, 12, 31));
        while day <= end {
            assert_eq!(table.is_banking_day(day), Ok(is_banking_day(day)), "{day}");
            day = next(day);
        }
    }

    proptest! {
        /// Both tell the same operating date at any second of ten years.
        #[test]
        fn both_calendars_tell_the_same_operating_date(second in 1_735_711_200_i64..2_051_049_600) {
            let table = workflows::domain::BankCalendar::builtin().expect("the shipped table reads");
            let (at, bank) = (Timestamp::from_second(second).expect("in range"), Calendar::new().expect("zone"));
            prop_assert_eq!(number(table.operating_date(at).expect("covered").date()), bank.operating_date(at));
        }
    }

    #[test]
    fn reads_only_real_dates() {
        assert_eq!(parse_date("20260402"), Some(20_260_402));
        for bad in ["20260431", "2026-04-02", "202604", "", "+2026040"] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }
}
