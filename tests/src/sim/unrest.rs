//! Unrest of webhooks: which are lost, repeated or late, drawn for each from a seed.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Repeats and every other webhook come up to this many milliseconds late, and so out of order.
const LATE: u64 = 3_000;

/// A seed, and of a hundred webhooks how many are lost and how many of the others are repeated; written
/// `SEED:LOST:REPEATED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Unrest {
    /// The seed.
    pub seed: u64,
    /// 0 to 100.
    pub lost: u8,
    /// 0 to 100.
    pub repeated: u8,
}

impl Unrest {
    /// The waits of each copy of a webhook, in milliseconds; none when it is lost.
    pub fn of(self, clave: &str, estado: &str) -> Vec<u64> {
        let drawn = digest(&SHA256, format!("{}:{clave}:{estado}", self.seed).as_bytes());
        let mut bytes = drawn.as_ref().iter().map(|byte| u64::from(*byte));
        let mut number = |below: u64| {
            let drawn = bytes.by_ref().take(4).fold(0, |number, byte| number << 8 | byte);
            drawn % below
        };
        if number(100) < u64::from(self.lost) {
            return Vec::new();
        }
        let copies = if number(100) < u64::from(self.repeated) {
            2 + number(3)
        } else {
            1
        };
        (0..copies)
            .map(|copy| if copy > 0 || number(2) == 1 { number(LATE) } else { 0 })
            .collect()
    }
}

impl FromStr for Unrest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("unrest is SEED:LOST:REPEATED, such as 42:20:30, with percents of 0 to 100; not {text:?}");
        let mut parts = text.split(':');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok()).ok_or_else(wrong);
        let (seed, lost, repeated) = (number()?, number()?, number()?);
        let percent = |number: u64| {
            u8::try_from(number)
                .ok()
                .filter(|percent| *percent <= 100)
                .ok_or_else(wrong)
        };
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            seed,
            lost: percent(lost)?,
            repeated: percent(repeated)?,
        })
    }
}

impl fmt::Display for Unrest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.seed, self.lost, self.repeated)
    }
}

impl TryFrom<String> for Unrest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Unrest> for String {
    fn from(unrest: Unrest) -> Self {
        unrest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_lost_repeated_and_late_as_said_and_a_seed_repeats_itself() {
        let unrest: Unrest = "42:20:30".parse().expect("unrest");
        assert_eq!(unrest.to_string(), "42:20:30");
        let (mut lost, mut repeated, mut late, mut others) = (0, 0, 0, 0);
        for n in 0..10_000 {
            let clave = format!("GIRO{n}");
            let waits = unrest.of(&clave, "LQ");
            assert_eq!(waits, unrest.of(&clave, "LQ"));
            lost += u32::from(waits.is_empty());
            repeated += u32::from(waits.len() > 1);
            late += u32::from(waits.iter().any(|wait| *wait > 0));
            others += u32::from(waits != Unrest { seed: 43, ..unrest }.of(&clave, "LQ"));
            assert!(waits.len() <= 4 && waits.iter().all(|wait| *wait < LATE));
        }
        assert!((1_800..2_200).contains(&lost), "{lost}");
        assert!((2_200..2_600).contains(&repeated), "{repeated}");
        assert!(late > 4_000 && others > 5_000, "{late} {others}");
    }

    #[test]
    fn a_wrong_setting_is_told_the_shape() {
        for text in ["", "42", "42:20", "42:20:101", "42:20:30:1", "x:1:1"] {
            let told = text.parse::<Unrest>().expect_err("refused");
            assert!(told.contains("SEED:LOST:REPEATED"), "{told}");
        }
    }
}
