//! The story's clock: how far ahead of the system's it runs, so that a bank is open whenever one looks.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;
// Mexico abolished summer time in 2022: America/Mexico_City is UTC-6 all year.
const MEXICO_CITY: i64 = -6 * 3600;

/// An hour and minute of the day in Mexico City.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    hour: i64,
    minute: i64,
}

impl TimeOfDay {
    /// 11:00, when every bank is open and the operating date does not roll soon.
    pub const ELEVEN: Self = Self { hour: 11, minute: 0 };

    /// Reads `HH:MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |part: &str, below: i64| part.parse().ok().filter(|n| (0..below).contains(n));
        Some(Self {
            hour: number(hour, 24)?,
            minute: number(minute, 60)?,
        })
    }
}

/// Seconds to add to the system's clock so that it now is `time` of a banking day in Mexico City.
pub fn offset(time: TimeOfDay) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    offset_at(i64::try_from(now).unwrap_or(0), time)
}

fn offset_at(now: i64, time: TimeOfDay) -> i64 {
    let today = (now + MEXICO_CITY).div_euclid(DAY);
    let day = (today..).find(|day| is_calm(*day)).unwrap_or(today);
    day * DAY + time.hour * 3600 + time.minute * 60 - MEXICO_CITY - now
}

// Tuesday to Thursday, no holiday that day nor the next: what is late or rolls over still finds an open bank.
fn is_calm(day: i64) -> bool {
    (2..=4).contains(&weekday(day)) && !is_holiday(day) && !is_holiday(day + 1)
}

// Sunday is 0; 1 January 1970 was a Thursday.
fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

fn is_holiday(day: i64) -> bool {
    let (year, month, date) = civil(day);
    let nth_monday = |n: i64| weekday(day) == 1 && (date - 1) / 7 + 1 == n;
    let to_easter = easter(year) - day;
    matches!((month, date), (1, 1) | (5, 1) | (9, 16) | (11, 2) | (12, 12 | 25))
        || matches!(month, 2 if nth_monday(1))
        || matches!(month, 3 | 11 if nth_monday(3))
        || to_easter == 3
        || to_easter == 2
}

// Howard Hinnant's days-and-dates arithmetic on the proleptic Gregorian calendar.
fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

fn day_of(year: i64, month: i64, date: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

// The anonymous Gregorian computus.
fn easter(year: i64) -> i64 {
    let (a, b, c) = (year % 19, year / 100, year % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    day_of(year, n / 31, n % 31 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(now: i64, time: TimeOfDay) -> (i64, i64, i64, i64) {
        let local = now + offset_at(now, time) + MEXICO_CITY;
        let (year, month, date) = civil(local.div_euclid(DAY));
        (year, month, date, local.rem_euclid(DAY))
    }

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(day_of(1970, 1, 1), 0);
        for day in -1000..60_000 {
            let (year, month, date) = civil(day);
            assert_eq!(day_of(year, month, date), day);
        }
        assert_eq!(weekday(day_of(2026, 11, 23)), 1);
    }

    #[test]
    fn holidays_of_2026() {
        let known = [
            (1, 1),
            (2, 2),
            (3, 16),
            (4, 2),
            (4, 3),
            (5, 1),
            (9, 16),
            (11, 2),
            (11, 16),
            (12, 12),
            (12, 25),
        ];
        let first = day_of(2026, 1, 1);
        let found: Vec<_> = (first..first + 365).filter(|day| is_holiday(*day)).map(civil).collect();
        assert_eq!(found, known.map(|(month, date)| (2026, month, date)));
    }

    #[test]
    fn eleven_of_the_next_calm_day() {
        let at = |month, date, utc_hour: i64| day_of(2026, month, date) * DAY + utc_hour * 3600;
        let eleven = 11 * 3600;
        assert_eq!(
            shown(at(11, 23, 3), TimeOfDay::ELEVEN),
            (2026, 11, 24, eleven),
            "Sunday evening there"
        );
        assert_eq!(
            shown(at(11, 25, 23), TimeOfDay::ELEVEN),
            (2026, 11, 25, eleven),
            "back within the day"
        );
        assert_eq!(
            shown(at(9, 15, 12), TimeOfDay::ELEVEN),
            (2026, 9, 17, eleven),
            "around Independence day"
        );
        assert_eq!(
            shown(at(4, 1, 12), TimeOfDay::ELEVEN),
            (2026, 4, 7, eleven),
            "past Holy Week"
        );
        assert_eq!(
            shown(at(12, 29, 20), TimeOfDay { hour: 17, minute: 45 }).3,
            17 * 3600 + 45 * 60
        );
    }

    #[test]
    fn a_time_is_read_or_refused() {
        assert_eq!(TimeOfDay::parse("11:00"), Some(TimeOfDay::ELEVEN));
        for wrong in ["24:00", "11:60", "11", "-1:00", ""] {
            assert_eq!(TimeOfDay::parse(wrong), None, "{wrong}");
        }
    }
}
