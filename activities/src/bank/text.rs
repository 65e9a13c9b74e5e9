//! Texts and numbers as banks write them, read exactly.

use workflows::domain::Centavos;

/// Lower case, Spanish accents off, outer spaces and full stops off: live texts differ in all of these.
pub(crate) fn fold(text: &str) -> String {
    let plain = text
        .chars()
        .flat_map(char::to_lowercase)
        .filter_map(|letter| match letter {
            'á' | 'à' | 'ä' | 'â' => Some('a'),
            'é' | 'è' | 'ë' | 'ê' => Some('e'),
            'í' | 'ì' | 'ï' | 'î' => Some('i'),
            'ó' | 'ò' | 'ö' | 'ô' => Some('o'),
            'ú' | 'ù' | 'ü' | 'û' => Some('u'),
            'ñ' => Some('n'),
            // Combining marks of decomposed text.
            '\u{300}'..='\u{36f}' => None,
            other => Some(other),
        });
    let plain: String = plain.collect();
    plain
        .trim_matches(|letter: char| letter.is_whitespace() || letter == '.')
        .to_owned()
}

/// A decimal number exactly: `10.3`, `10.300`, and `1.234567005E7` as Java prints large ones.
pub(crate) fn centavos(text: &str) -> Option<Centavos> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i8>().ok()?),
        None => (text, 0),
    };
    let (units, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = [units, fraction].concat();
    let numeric = !units.is_empty() && !fraction.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric || digits.len() > 40 {
        return None;
    }
    let point = i32::try_from(units.len()).ok()? + i32::from(exponent);
    let before = usize::try_from(-point).unwrap_or(0);
    let after = usize::try_from(point).unwrap_or(0);
    let digits = format!("{}{digits}", "0".repeat(before));
    let digits = format!("{digits:0<after$}");
    let (units, fraction) = digits.split_at(after);
    let (units, fraction) = (units.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let units = if units.is_empty() { "0" } else { units };
    Centavos::from_decimal(&if fraction.is_empty() {
        units.to_owned()
    } else {
        format!("{units}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folding_takes_accents_and_case_off() {
        assert_eq!(fold("  Devolución. "), "devolucion");
        assert_eq!(fold("LIQUIDACIO\u{301}N"), "liquidacion");
    }

    #[test]
    fn odd_numbers_are_not_money() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.01", Some(1)),
            ("1E-2", Some(1)),
            ("1.2", Some(120)),
            ("007", Some(700)),
            ("1e3", Some(100_000)),
            ("1.5E+1", Some(1_500)),
            ("9.9999999999999E11", Some(99_999_999_999_999)),
            ("1.2345670055E7", None),
            ("1.234567005E7", Some(1_234_567_005)),
            ("1E-3", None),
            ("1.005", None),
            ("-1", None),
            ("1.", None),
            (".5", None),
            ("", None),
            ("1E", None),
            ("1E999", None),
            ("1E100", None),
            ("NaN", None),
        ] {
            assert_eq!(centavos(text).map(Centavos::get), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_reads_back(cents in 0..99_999_999_999_999_i64) {
            prop_assert_eq!(centavos(&Centavos::new(cents).decimal()), Some(Centavos::new(cents)));
        }
    }
}
