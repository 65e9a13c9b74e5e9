//! The CLABE: an 18-digit Mexican bank account number, and the card numbers that are not one.

use std::fmt;

use super::FieldCode;

/// Digits of a CLABE: 3 bank, 3 branch area, 11 account, 1 check digit.
const LENGTH: usize = 18;

/// A valid CLABE. Shown by its last four digits only; [`Clabe::as_str`] has the whole for the bank and the books.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clabe(String);

/// Why a text is no CLABE. Never echoes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClabeError {
    /// Not 18 characters.
    #[error("a CLABE has 18 digits, this has {length} characters: check for missing or extra digits")]
    Length {
        /// Characters in the text.
        length: usize,
    },
    /// Something else than the ASCII digits 0 to 9.
    #[error("a CLABE has the digits 0 to 9 only: remove spaces, dashes, letters and full-width digits")]
    Digits,
    /// STP -21: the last digit does not follow from the others.
    #[error("the check digit should be {expected}: a digit is mistyped, ask the beneficiary for the CLABE again")]
    CheckDigit {
        /// The digit that the first 17 ask for.
        expected: u8,
    },
    /// 13 to 19 digits that pass the card check: giro takes no card numbers, so that they never enter its books.
    #[error("this looks like a card number: ask the beneficiary for the 18-digit CLABE of the account")]
    LooksLikeCard,
}

impl ClabeError {
    /// The stable code of a field error.
    pub const fn code(self) -> FieldCode {
        match self {
            Self::Length { .. } => FieldCode::Length,
            Self::Digits => FieldCode::Digits,
            Self::CheckDigit { .. } => FieldCode::CheckDigit,
            Self::LooksLikeCard => FieldCode::CardNumber,
        }
    }
}

impl Clabe {
    /// Checks length, digits and check digit (weights 3, 7, 1); the bank prefix is the catalogue's business.
    pub fn new(text: &str) -> Result<Self, ClabeError> {
        match check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(_) if looks_like_a_card(text) => Err(ClabeError::LooksLikeCard),
            Err(error) => Err(error),
        }
    }

    /// All 18 digits: for the bank and the books, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The three digits that name the institution.
    pub fn prefix(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }

    /// The last four digits, which may be shown.
    pub fn last4(&self) -> &str {
        self.0.get(LENGTH - 4..).unwrap_or_default()
    }
}

/// `****4966`.
impl fmt::Display for Clabe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "****{}", self.last4())
    }
}

impl fmt::Debug for Clabe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

fn check(text: &str) -> Result<(), ClabeError> {
    let length = text.chars().count();
    if length != LENGTH {
        return Err(ClabeError::Length { length });
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ClabeError::Digits);
    }
    let digits = || text.bytes().map(|byte| byte - b'0');
    let sum: u8 = digits()
        .take(LENGTH - 1)
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(digit, weight)| digit * weight % 10)
        .sum();
    let expected = (10 - sum % 10) % 10;
    if digits().next_back() == Some(expected) {
        Ok(())
    } else {
        Err(ClabeError::CheckDigit { expected })
    }
}

/// True for 13 to 19 digits, spaces and dashes aside, that pass the Luhn check and are no valid CLABE.
///
/// The CLABE comes first: one valid CLABE in ten passes Luhn too.
pub fn looks_like_a_card(text: &str) -> bool {
    let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    (13..=19).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && check(&digits).is_err()
        && passes_luhn(&digits)
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(byte, doubled)| {
            let digit = u32::from(byte - b'0');
            match (doubled, digit) {
                (false, _) => digit,
                (true, 0..=4) => digit * 2,
                (true, _) => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// True when groups of digits in `text`, apart by spaces and dashes only, together look like a card.
pub(super) fn contains_a_card(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let starts = (0..bytes.len()).filter(|at| is_digit(*at) && (*at == 0 || !is_digit(at - 1)));
    for start in starts {
        let mut digits = 0;
        for (at, byte) in bytes.iter().enumerate().skip(start) {
            match byte {
                b'0'..=b'9' => digits += 1,
                b' ' | b'-' => continue,
                _ => break,
            }
            if digits > 19 {
                break;
            }
            if digits >= 13 && !is_digit(at + 1) && text.get(start..=at).is_some_and(looks_like_a_card) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &[&str] = &[
        "002000000000000008",
        "002180032240946700",
        "012180004643051249",
        "012969100000000013",
        "021180063738941801",
        "032180000118359719",
        "058597000027474792",
        "072691004495711499",
        "166180026480316602",
        "646180110400000007",
        "646180157000000004",
        "646180157082332965",
        "646180204303000007",
        "723010123456789019",
        "723123456682660854",
        "723969000011000077",
        "846180000400000001",
        "846180000500000008",
        "659802025000339321",
        "000000000000000000",
        "566180000553286528",
    ];

    /// Any 17 digits with the check digit that they ask for.
    fn clabes() -> impl Strategy<Value = String> {
        "[0-9]{17}".prop_map(|body| {
            (0..10)
                .map(|last| format!("{body}{last}"))
                .find(|text| check(text).is_ok())
                .expect("one digit fits")
        })
    }

    #[test]
    fn known_clabes_are_valid() {
        for text in VALID {
            assert_eq!(Clabe::new(text).expect("valid").as_str(), *text);
        }
    }

    #[test]
    fn a_wrong_check_digit_is_told() {
        for (text, expected) in [
            ("002000000000000007", 8),
            ("072691004495711490", 9),
            ("012180000000000008", 2),
            ("738969123456789120", 6),
            ("646180525503000001", 7),
        ] {
            assert_eq!(check(text), Err(ClabeError::CheckDigit { expected }), "{text}");
            assert!(Clabe::new(text).is_err());
        }
        assert!(Clabe::new("111180157042875763").is_err());
    }

    #[test]
    fn bad_numbers_are_named_and_never_echoed() {
        let fullwidth: String = "012180004643051249"
            .chars()
            .map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("a digit"))
            .collect();
        for (text, code) in [
            ("", "length"),
            ("01218000464305124", "length"),
            ("0121800046430512491", "length"),
            ("5512345678", "length"),
            ("012 180 00464305124 9", "length"),
            ("01218000464305124x", "digits"),
            ("01218000464305124\n", "digits"),
            (&fullwidth, "digits"),
            ("072691004495711490", "check_digit"),
            ("4111111111111111", "card_number"),
            ("4111 1111 1111 1111", "card_number"),
            ("378282246310005", "card_number"),
        ] {
            let error = Clabe::new(text).expect_err("no CLABE");
            assert_eq!(error.code().word(), code, "{text:?}");
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn cards_are_found_inside_text() {
        for text in [
            "4111111111111111",
            "pago 4111-1111-1111-1111 2026",
            "a 1 4111 1111 1111 1111",
            "x4111 1111 1111 1111y",
        ] {
            assert!(contains_a_card(text), "{text}");
        }
        for text in [
            "",
            "Pago 1",
            "012180004643051249",
            "4111111111111112",
            "4111.1111",
            "411111111111",
        ] {
            assert!(!contains_a_card(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_valid_clabe_reads_back_masked_and_is_no_card(text in clabes()) {
            let clabe = Clabe::new(&text).expect("valid");
            prop_assert_eq!(clabe.as_str(), &text);
            prop_assert_eq!(clabe.prefix(), &text[..3]);
            prop_assert_eq!(format!("{clabe} {clabe:?}"), format!("****{0} ****{0}", &text[14..]));
            prop_assert!(!looks_like_a_card(&text));
        }

        #[test]
        fn every_single_digit_typo_is_caught(text in clabes(), at in 0..LENGTH, shift in 1..10_u8) {
            let mut bytes = text.into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + shift) % 10;
            let typo = String::from_utf8(bytes).expect("digits");
            prop_assert!(Clabe::new(&typo).is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (Clabe::new(&text), looks_like_a_card(&text), contains_a_card(&text));
        }
    }
}
