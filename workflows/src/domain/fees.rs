//! What a payout costs, by the operating date that it is accepted on.

use jiff::civil::Date;

use super::Centavos;

/// Fee and the rate of IVA on it: 1600 = 16 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// In centavos.
    pub fee: Centavos,
    /// Hundredths of a percent.
    pub iva_basis_points: u16,
}

/// Prices, each from its day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fees {
    first: Price,
    /// From which operating date on; each later than the one before.
    changes: Vec<(Date, Price)>,
}

/// Changes of a price that do not follow each other in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not later than the change before it")]
pub struct NotLater(pub Date);

impl Price {
    /// Fee, and IVA on it rounded half up to the centavo; `None` past the range of the books.
    pub fn charge(self) -> Option<(Centavos, Centavos)> {
        Some((self.fee, self.fee.tax(self.iva_basis_points)?))
    }
}

impl Fees {
    /// `first` until the first change, then each change from its day on. Errors: they are not in the order of time.
    pub fn new(first: Price, changes: Vec<(Date, Price)>) -> Result<Self, NotLater> {
        let late = changes.windows(2).find(|pair| pair[1].0 <= pair[0].0);
        match late {
            Some(pair) => Err(NotLater(pair[1].0)),
            None => Ok(Self { first, changes }),
        }
    }

    /// What a payout costs that is accepted for operating date `on`: fee and IVA; `None` past the range of the books.
    pub fn charge(&self, on: Date) -> Option<(Centavos, Centavos)> {
        let begun = self.changes.partition_point(|(from, _)| *from <= on);
        let price = begun.checked_sub(1).and_then(|last| self.changes.get(last));
        price.map_or(self.first, |(_, price)| *price).charge()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::{ToSpan, civil::date};
    use proptest::prelude::*;

    use super::*;

    fn price(fee: i64, iva_basis_points: u16) -> Price {
        Price {
            fee: Centavos::new(fee),
            iva_basis_points,
        }
    }

    #[test]
    fn a_price_holds_from_its_day_on() {
        let changes = vec![
            (date(2027, 1, 1), price(600, 1_600)),
            (date(2028, 1, 1), price(600, 800)),
        ];
        let fees = Fees::new(price(500, 1_600), changes.clone()).expect("in order");
        for (on, fee, iva) in [
            (date(2026, 12, 31), 500, 80),
            (date(2027, 1, 1), 600, 96),
            (date(2027, 12, 31), 600, 96),
            (date(2028, 1, 1), 600, 48),
            (date(2040, 1, 1), 600, 48),
        ] {
            assert_eq!(fees.charge(on), Some((Centavos::new(fee), Centavos::new(iva))), "{on}");
        }
        let backwards = changes.into_iter().rev().collect();
        assert_eq!(Fees::new(price(0, 0), backwards), Err(NotLater(date(2027, 1, 1))));
    }

    proptest! {
        /// Exactly half a centavo goes up, less goes down: held against fractions of 128 bits.
        #[test]
        fn iva_is_the_nearest_centavo(fee in 0..=99_999_999_999_i64, rate in 0..=10_000_u16) {
            let (same, iva) = price(fee, rate).charge().expect("in range");
            let exact = i128::from(fee) * i128::from(rate);
            let told = i128::from(iva.get()) * 10_000;
            prop_assert_eq!(same, Centavos::new(fee));
            prop_assert!(told - exact <= 5_000 && exact - told < 5_000, "{} at {}: {}", fee, rate, iva.get());
        }

        /// No fee is dearer for being charged in two payouts than its own rounding makes it.
        #[test]
        fn two_fees_differ_from_one_by_a_centavo_of_iva(one in 0..=10_000_000_i64, other in 0..=10_000_000_i64, rate in 0..=10_000_u16) {
            let iva = |fee| price(fee, rate).charge().expect("in range").1.get();
            prop_assert!((iva(one) + iva(other) - iva(one + other)).abs() <= 1);
        }

        /// The price of a day is that of the last change not after it, however many there are.
        #[test]
        fn each_day_has_one_price(days in prop::collection::btree_set(0..3_650_i32, 0..12), asked in -400..4_000_i32) {
            let day = |n: i32| date(2026, 1, 1) + i64::from(n).days();
            let table: BTreeMap<i32, i64> = days.into_iter().zip(1..).collect();
            let changes = table.iter().map(|(n, fee)| (day(*n), price(*fee, 0))).collect();
            let fees = Fees::new(price(0, 0), changes).expect("in order");
            let due = table.range(..=asked).next_back().map_or(0, |(_, fee)| *fee);
            prop_assert_eq!(fees.charge(day(asked)), Some((Centavos::new(due), Centavos::ZERO)));
        }
    }
}
