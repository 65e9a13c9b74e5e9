//! Amounts, ages and times as people read them.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use workflows::domain::{Centavos, mexico_city};

use super::when::between;

/// Whose clock times are shown in.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    /// Short, for heads of columns.
    pub(super) name: &'static str,
}

impl Clock {
    /// Mexico City's, or UTC.
    pub(super) fn new(utc: bool) -> Self {
        match utc {
            true => Self {
                zone: TimeZone::UTC,
                name: "UTC",
            },
            false => Self {
                zone: mexico_city(),
                name: "CDMX",
            },
        }
    }

    /// `2026-11-23 11:00:05`.
    pub(super) fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The same with the clock's name.
    pub(super) fn full(&self, at: Timestamp) -> String {
        format!("{} {}", self.time(at), self.name)
    }

    /// With milliseconds, for things that follow each other closely.
    pub(super) fn exact(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S%.3f")
            .to_string()
    }
}

/// The two largest units: `45s`, `3m 12s`, `2h 5m`, `4d 1h`.
pub(super) fn age(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let two = |large: i64, name: char, small: i64, small_name: char| match small {
        0 => format!("{large}{name}"),
        small => format!("{large}{name} {small}{small_name}"),
    };
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => two(seconds / 60, 'm', seconds % 60, 's'),
        3_600..86_400 => two(seconds / 3_600, 'h', seconds % 3_600 / 60, 'm'),
        86_400.. => two(seconds / 86_400, 'd', seconds % 86_400 / 3_600, 'h'),
    }
}

/// How long it is since; nothing for what is to come.
pub(super) fn since(at: Timestamp, now: Timestamp) -> Option<String> {
    between(at, now).map(age)
}

/// `MXN 1,250.00`.
pub(super) fn amount(centavos: Centavos) -> String {
    centavos.to_string()
}

/// What a bank, a person or a catalogue wrote, without what would move the cursor or turn the line around.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if moves_the_cursor(letter) { ' ' } else { letter })
        .collect()
}

fn moves_the_cursor(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units_at_the_most() {
        for (seconds, text) in [
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (192, "3m 12s"),
            (3_600, "1h"),
            (7_500, "2h 5m"),
            (7_505, "2h 5m"),
            (350_000, "4d 1h"),
        ] {
            assert_eq!(age(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn times_are_mexico_city_s_unless_asked() {
        let at: Timestamp = "2026-11-23T17:00:05.25Z".parse().expect("a time");
        assert_eq!(Clock::new(false).full(at), "2026-11-23 11:00:05 CDMX");
        assert_eq!(Clock::new(true).full(at), "2026-11-23 17:00:05 UTC");
        assert_eq!(Clock::new(true).exact(at), "2026-11-23 17:00:05.250");
        assert_eq!(since(at, at), Some("0s".to_owned()));
        assert_eq!(since(at, Timestamp::UNIX_EPOCH), None, "what is to come has no age");
    }

    #[test]
    fn nothing_that_a_bank_says_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{202e}c"), "a [2Jb   c");
        assert_eq!(plain("José Núñez, $5"), "José Núñez, $5");
    }
}
