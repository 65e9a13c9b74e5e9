//! Chaos: misfortune drawn for each clave from a seed, so that the same seed makes the same bank again.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::faults::{Fault, TABLE};

/// How many claves of a hundred meet a fault, unless said otherwise.
const PERCENT: u8 = 20;

/// A seed and how many claves of a hundred meet a fault; written `SEED` or `SEED:PERCENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chaos {
    /// The seed.
    pub seed: u64,
    /// 0 to 100.
    pub percent: u8,
}

impl Chaos {
    /// The misfortune of a clave: a pure function of seed, percent and clave. Faults share it by their `weight`.
    pub fn fault_of(self, clave: &str) -> Fault {
        let drawn = digest(&SHA256, format!("{}:{clave}", self.seed).as_bytes());
        let number = |from: usize| {
            let bytes = drawn.as_ref().iter().skip(from).take(8);
            bytes.fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        if number(0) % 100 >= u64::from(self.percent) {
            return Fault::Normal;
        }
        let total: u64 = TABLE.iter().map(|row| u64::from(row.weight)).sum();
        let mut left = number(8) % total.max(1);
        for row in TABLE {
            match left.checked_sub(row.weight.into()) {
                Some(less) => left = less,
                None => return row.fault,
            }
        }
        Fault::Normal
    }
}

impl FromStr for Chaos {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("chaos is SEED or SEED:PERCENT, such as 42:{PERCENT}, with a percent of 0 to 100; not {text:?}");
        let (seed, percent) = text
            .split_once(':')
            .map_or((text, None), |(seed, percent)| (seed, Some(percent)));
        let percent = percent.map_or(Ok(PERCENT), |percent| percent.parse().map_err(|_| wrong()))?;
        if percent > 100 {
            return Err(wrong());
        }
        let seed = seed.parse().map_err(|_| wrong())?;
        Ok(Self { seed, percent })
    }
}

impl fmt::Display for Chaos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.seed, self.percent)
    }
}

impl TryFrom<String> for Chaos {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Chaos> for String {
    fn from(chaos: Chaos) -> Self {
        chaos.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_seed_makes_the_same_bank_again() {
        let chaos: Chaos = "42:20".parse().expect("chaos");
        assert_eq!(chaos, "42".parse().expect("chaos"));
        let mut met: BTreeMap<Fault, u32> = BTreeMap::new();
        let mut others = 0;
        for n in 0..20_000 {
            let clave = format!("GIRO{n}");
            let fault = chaos.fault_of(&clave);
            assert_eq!(fault, chaos.fault_of(&clave));
            *met.entry(fault).or_default() += 1;
            others += u32::from(fault != Chaos { seed: 43, ..chaos }.fault_of(&clave));
        }
        assert!(others > 4_000, "another seed is another bank: {others}");
        let spared = met.remove(&Fault::Normal).unwrap_or(0);
        assert!((15_500..16_500).contains(&spared), "{spared}");
        for row in TABLE {
            let count = met.get(&row.fault).copied().unwrap_or(0);
            let fair = 4_000 * row.weight / TABLE.iter().map(|row| row.weight).sum::<u32>();
            assert!(
                count >= fair / 2 && count <= fair * 2,
                "{:?}: {count} of {fair}",
                row.fault
            );
        }
    }

    /// Frozen: a seed that once showed a bug must show it again.
    #[test]
    fn the_draw_never_changes() {
        let chaos = Chaos { seed: 7, percent: 100 };
        let drawn: Vec<Fault> = ["GIRO1", "GIRO2", "GIRO3"].map(|clave| chaos.fault_of(clave)).into();
        assert_eq!(drawn, [Fault::Cancelled, Fault::TruncatedReply, Fault::Error500After]);
        assert_eq!(Chaos { seed: 7, percent: 0 }.fault_of("GIRO1"), Fault::Normal);
    }

    #[test]
    fn a_wrong_setting_is_told_the_shape() {
        for text in ["", "x", "42:101", "42:", "-1", "42:20:1"] {
            let told = text.parse::<Chaos>().expect_err("refused");
            assert!(told.contains("SEED:PERCENT"), "{told}");
        }
    }
}
