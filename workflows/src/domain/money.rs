//! Money as integer centavos with its currency; no float comes near it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// ISO 4217 currencies giro holds books in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Mexican peso, two decimals (ISO numeric 484).
    Mxn,
}

impl Currency {
    /// The ISO letters, as callers write them.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mxn => "MXN",
        }
    }
}

/// An amount in centavos of the one currency giro moves, MXN. Never negative in a request or a movement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Centavos(i64);

/// STP: `monto` has at most 12 integer digits and 2 decimals.
pub const LARGEST_ORDER: Centavos = Centavos(99_999_999_999_999);

impl Centavos {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The currency of every `Centavos`.
    pub const CURRENCY: Currency = Currency::Mxn;

    /// Wraps a count of centavos.
    pub const fn new(centavos: i64) -> Self {
        Self(centavos)
    }

    /// The count of centavos.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// True for an amount that can be paid: above zero and within [`LARGEST_ORDER`].
    pub fn is_payable(self) -> bool {
        self > Self::ZERO && self <= LARGEST_ORDER
    }

    /// Sum, or `None` past the range of the books.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, or `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).filter(|left| *left >= 0).map(Self)
    }

    /// Tax on this amount at `basis_points` (1600 = 16 %), rounded half up to the centavo; `None` past the range.
    pub fn tax(self, basis_points: u16) -> Option<Self> {
        let scaled = self.0.checked_mul(i64::from(basis_points))?.checked_add(5_000)?;
        Some(Self(scaled.div_euclid(10_000)))
    }

    /// `units.cc` with a dot and no separators, as STP signs and receives it.
    pub fn decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        format!("{sign}{}.{:02}", all / 100, all % 100)
    }

    /// Reads `123`, `123.4` or `123.45` exactly; `None` for anything else, more than two decimals included.
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (units, cents) = text.split_once('.').map_or((text, ""), |(units, cents)| (units, cents));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if units.is_empty() || units.len() > 16 || !digits(units) || !digits(cents) || cents.len() > 2 {
            return None;
        }
        if text.contains('.') && cents.is_empty() {
            return None;
        }
        let units: i64 = units.parse().ok()?;
        let cents: i64 = format!("{cents:0<2}").parse().ok()?;
        units.checked_mul(100)?.checked_add(cents).map(Self)
    }
}

/// `MXN 1,234.50`, for people.
impl fmt::Display for Centavos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.decimal();
        let (units, cents) = plain.split_once('.').unwrap_or((&plain, "00"));
        let mut grouped = String::with_capacity(units.len() + units.len() / 3);
        for (at, digit) in units.chars().enumerate() {
            let left = units.len() - at;
            if at > 0 && left % 3 == 0 && digit.is_ascii_digit() && !grouped.ends_with('-') {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        write!(out, "{} {grouped}.{cents}", Self::CURRENCY.code())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_person_reads_grouped_pesos() {
        for (centavos, text) in [
            (5, "MXN 0.05"),
            (123_450, "MXN 1,234.50"),
            (100_000_000, "MXN 1,000,000.00"),
        ] {
            assert_eq!(Centavos::new(centavos).to_string(), text);
        }
    }

    #[test]
    fn tax_rounds_half_up() {
        assert_eq!(Centavos::new(500).tax(1_600), Some(Centavos::new(80)));
        assert_eq!(Centavos::new(3).tax(1_600), Some(Centavos::ZERO));
        assert_eq!(Centavos::new(25).tax(1_600), Some(Centavos::new(4)));
        assert_eq!(Centavos::new(i64::MAX).tax(1_600), None);
    }

    #[test]
    fn odd_decimals_are_not_money() {
        for text in [
            "",
            ".5",
            "1.",
            "1.234",
            "1,0",
            "1e2",
            "-1",
            "+1",
            " 1",
            "١",
            "99999999999999999",
        ] {
            assert_eq!(Centavos::from_decimal(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn decimal_reads_back(centavos in 0..=LARGEST_ORDER.get()) {
            let amount = Centavos::new(centavos);
            prop_assert_eq!(Centavos::from_decimal(&amount.decimal()), Some(amount));
        }

        #[test]
        fn one_decimal_means_tens_of_centavos(units in 0..1_000_000_i64, tenth in 0..10_i64) {
            prop_assert_eq!(Centavos::from_decimal(&format!("{units}.{tenth}")), Some(Centavos::new(units * 100 + tenth * 10)));
        }
    }
}
