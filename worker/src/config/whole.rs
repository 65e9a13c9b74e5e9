//! Whole numbers in the configuration, read strictly: the `config` crate alone would round 5.7 to 6 and read "yes" as 1.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// An integer, or its digits as text, as the environment has it.
pub(super) fn whole<'de, T: TryFrom<i64>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    struct Whole<T>(PhantomData<T>);

    impl<T: TryFrom<i64>> Visitor<'_> for Whole<T> {
        type Value = T;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a whole number")
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
            T::try_from(number).map_err(|_| E::custom(format_args!("{number} is out of range")))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
            let number = i64::try_from(number).map_err(|_| E::custom(format_args!("{number} is out of range")))?;
            self.visit_i64(number)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            match text.parse() {
                Ok(number) => self.visit_i64(number),
                Err(_) => Err(E::custom("expected a whole number, digits only")),
            }
        }
    }

    from.deserialize_any(Whole(PhantomData))
}
