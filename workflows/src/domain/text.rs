//! Texts that go to a bank: cleaned to plain ASCII or refused, never cut and never silently changed.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{FieldCode, clabe::contains_a_card};

/// STP: `nombreBeneficiario` and `conceptoPago`; its form says 40, its own client stops at 39.
const LIMIT: usize = 39;

/// Punctuation that a bank's form takes; `|` would shift the fields of the signed text.
const PUNCTUATION: &str = ".,-/&'():#";

/// What a refused character is, for the sentence that a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharacterKind {
    /// Newline, tab, NUL and their like.
    Control,
    /// Zero-width, direction marks and their like.
    Invisible,
    /// A letter or digit that has no plain form among A to Z and 0 to 9.
    Letter,
    /// An accent on nothing that carries one.
    Mark,
    /// Anything else: emoji, `|`, `<`, quotes.
    Symbol,
}

impl fmt::Display for CharacterKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Control => "a control character",
            Self::Invisible => "an invisible character",
            Self::Letter => "a letter outside A to Z",
            Self::Mark => "a mark on no letter",
            Self::Symbol => "a symbol",
        })
    }
}

/// Why a text cannot go to a bank. Never echoes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left to read.
    #[error("write at least one letter or digit")]
    Empty,
    /// More than the bank takes.
    #[error("shorten it to {limit} characters: it has {length}")]
    TooLong {
        /// Characters after cleaning.
        length: usize,
        /// Characters that fit.
        limit: usize,
    },
    /// A character that the bank does not take.
    #[error("remove character {position}, {kind}: letters, digits, spaces and .,-/&'():# are allowed")]
    Character {
        /// Counted from 1, in the text as written.
        position: usize,
        /// What it is.
        kind: CharacterKind,
    },
    /// Digits that pass the card check: giro keeps no card numbers.
    #[error("remove the number that looks like a card number")]
    LooksLikeCard,
    /// No RFC, CURP or "ND".
    #[error("write an RFC (12 or 13 characters), a CURP (18), or leave it out")]
    TaxId,
    /// STP: `referenciaNumerica`.
    #[error("write a whole number from 1 to 9999999")]
    Reference,
}

impl TextError {
    /// The stable code of a field error.
    pub const fn code(self) -> FieldCode {
        match self {
            Self::Empty => FieldCode::Required,
            Self::TooLong { .. } => FieldCode::TooLong,
            Self::Character { .. } => FieldCode::Character,
            Self::LooksLikeCard => FieldCode::CardNumber,
            Self::TaxId => FieldCode::TaxId,
            Self::Reference => FieldCode::OutOfRange,
        }
    }
}

/// Plain ASCII with single inner spaces: accents are dropped (`Peña` becomes `Pena`), every other character that is
/// not a letter, digit, space or allowed punctuation is an error, and so is a text longer than `limit`.
pub(super) fn clean(text: &str, limit: usize) -> Result<String, TextError> {
    let mut clean = String::with_capacity(text.len().min(limit * 2));
    for (position, letter) in (1..).zip(text.chars()) {
        let refused = |kind| TextError::Character { position, kind };
        // An accent belongs to the letter before it: alone, it would vanish without a trace.
        if is_accent(letter) {
            if !clean.ends_with(|last: char| last.is_ascii_alphabetic()) {
                return Err(refused(CharacterKind::Mark));
            }
            continue;
        }
        let mut follows_a_letter = false;
        for plain in std::iter::once(letter).nfkd() {
            match plain {
                ' ' if clean.is_empty() || clean.ends_with(' ') => {}
                _ if plain == ' ' || plain.is_ascii_alphanumeric() || PUNCTUATION.contains(plain) => clean.push(plain),
                _ if follows_a_letter && is_accent(plain) => {}
                _ => return Err(refused(kind(letter))),
            }
            follows_a_letter = plain.is_ascii_alphabetic() || follows_a_letter && is_accent(plain);
        }
    }
    clean.truncate(clean.trim_end().len());
    if !clean.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return Err(TextError::Empty);
    }
    if clean.len() > limit {
        return Err(TextError::TooLong {
            length: clean.len(),
            limit,
        });
    }
    if contains_a_card(&clean) {
        return Err(TextError::LooksLikeCard);
    }
    Ok(clean)
}

/// The block of accents that Latin letters carry; keycaps and variation selectors are other blocks.
const fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

fn kind(letter: char) -> CharacterKind {
    match letter {
        _ if letter.is_control() => CharacterKind::Control,
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}' => CharacterKind::Invisible,
        _ if letter.is_alphanumeric() => CharacterKind::Letter,
        _ => CharacterKind::Symbol,
    }
}

macro_rules! cleaned {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Cleans `text` to plain ASCII, or says what to change.
            ///
            /// At most 39 characters, at least one letter or digit.
            pub fn new(text: &str) -> Result<Self, TextError> {
                clean(text, LIMIT).map(Self)
            }

            /// A text that was cleaned before, as the books have it.
            pub fn from_stored(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text: for the bank and the books, never for a log.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("****")
            }
        }
    };
}

cleaned! {
    /// The name of a beneficiary or of an account's holder, as a bank takes it. Never shown by `Debug`.
    BeneficiaryName
}
cleaned! {
    /// What a payout is for, as the beneficiary's bank shows it. Never shown by `Debug`: people write names into it.
    Concept
}

/// STP's `referenciaNumerica`: 1 to 9,999,999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct NumericReference(u32);

impl NumericReference {
    /// Error: 0, or more than seven digits.
    pub const fn new(number: u32) -> Result<Self, TextError> {
        match number {
            1..=9_999_999 => Ok(Self(number)),
            _ => Err(TextError::Reference),
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for NumericReference {
    type Error = TextError;

    fn try_from(number: u32) -> Result<Self, TextError> {
        Self::new(number)
    }
}

impl From<NumericReference> for u32 {
    fn from(reference: NumericReference) -> Self {
        reference.0
    }
}

impl fmt::Display for NumericReference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// Mexico's tax id: an RFC (12 for companies, 13 for people), a CURP (18), or "ND" when not known.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TaxId(String);

/// What STP takes for "not known".
const UNKNOWN: &str = "ND";

impl TaxId {
    /// Checks the form, in either case, and keeps capitals: `AAAA` (`AAA` for a company), date, then the rest.
    ///
    /// Error: any other form. RFCs with `Ñ` too, which a bank's ASCII field cannot carry unchanged.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let text = text.trim_matches(' ').to_ascii_uppercase();
        let is_form = match text.len() {
            2 => text == UNKNOWN,
            12 => has_form(&text, "&&&yymmdd***"),
            13 => has_form(&text, "&&&&yymmdd***"),
            18 => has_form(&text, "AAAAyymmddAAAAAA*0"),
            _ => false,
        };
        if is_form { Ok(Self(text)) } else { Err(TextError::TaxId) }
    }

    /// "ND".
    pub fn unknown() -> Self {
        Self(UNKNOWN.to_owned())
    }

    /// True for "ND".
    pub fn is_unknown(&self) -> bool {
        self.0 == UNKNOWN
    }

    /// A tax id as the books have it.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text: for the bank and the books, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `ND` or `****`.
impl fmt::Debug for TaxId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.is_unknown() { UNKNOWN } else { "****" })
    }
}

/// True when each byte fits its place, `A` a capital, `&` a capital or `&`, `*` a capital or digit, the rest a digit;
/// and when the month is 1 to 12 and the day 1 to 31.
fn has_form(text: &str, form: &str) -> bool {
    let number = |place: char| {
        let digits = text.bytes().zip(form.chars()).filter(|(_, at)| *at == place);
        digits.fold(0_u32, |sum, (byte, _)| sum * 10 + u32::from(byte.saturating_sub(b'0')))
    };
    let fits = |(byte, place): (u8, char)| match place {
        'A' => byte.is_ascii_uppercase(),
        '&' => byte.is_ascii_uppercase() || byte == b'&',
        '*' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        _ => byte.is_ascii_digit(),
    };
    text.len() == form.len()
        && text.bytes().zip(form.chars()).all(fits)
        && (1..=12).contains(&number('m'))
        && (1..=31).contains(&number('d'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_plain() {
        for (text, expected) in [
            ("Ricardo Sánchez", "Ricardo Sanchez"),
            ("  José   Núñez\u{a0}Peña ", "Jose Nunez Pena"),
            ("Jose\u{301} Nu\u{301}n\u{303}ez", "Jose Nunez"),
            ("GIRO, S.A. de C.V. (1/2) #3", "GIRO, S.A. de C.V. (1/2) #3"),
            ("H&M O'Brien", "H&M O'Brien"),
            ("Ｐａｇｏ １", "Pago 1"),
            ("Nguyễn", "Nguyen"),
        ] {
            assert_eq!(clean(text, LIMIT).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn odd_characters_are_refused_by_place_and_kind() {
        use CharacterKind::{Control, Invisible, Letter, Mark, Symbol};
        for (text, position, kind) in [
            ("Pago|1", 5, Symbol),
            ("Pago||1", 5, Symbol),
            ("Pago｜1", 5, Symbol),
            ("a\r\nb", 2, Control),
            ("a\0", 2, Control),
            ("a\tb", 2, Control),
            ("\u{1b}[31mred", 1, Control),
            ("Pago \u{1f600}", 6, Symbol),
            ("1\u{fe0f}\u{20e3}", 2, Invisible),
            ("ab\u{202e}dc", 3, Invisible),
            ("a\u{200b}b", 2, Invisible),
            ("\u{feff}a", 1, Invisible),
            ("J\u{43e}se", 2, Letter),
            ("J\u{3bf}se", 2, Letter),
            ("Stra\u{df}e", 5, Letter),
            ("\u{301}a", 1, Mark),
            ("1\u{301}", 2, Mark),
            ("<b>", 1, Symbol),
            ("＜b", 1, Symbol),
            ("'; DROP TABLE payouts; --", 2, Symbol),
            ("${jndi:ldap}", 1, Symbol),
            ("{{7*7}}", 1, Symbol),
            ("a\"b", 2, Symbol),
            ("\u{bd}", 1, Letter),
        ] {
            assert_eq!(
                clean(text, LIMIT),
                Err(TextError::Character { position, kind }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn empty_long_and_cards_are_refused() {
        for text in ["", "   ", "...", " - "] {
            assert_eq!(Concept::new(text), Err(TextError::Empty), "{text:?}");
        }
        assert!(BeneficiaryName::new(&"á".repeat(39)).is_ok());
        let long = BeneficiaryName::new(&"a".repeat(40)).expect_err("too long");
        assert_eq!(long.to_string(), "shorten it to 39 characters: it has 40");
        assert_eq!(Concept::new("card 4111 1111 1111 1111"), Err(TextError::LooksLikeCard));
        assert!(Concept::new("012180004643051249").is_ok());
    }

    #[test]
    fn tax_ids() {
        for text in [
            "ND",
            "XAXX010101000",
            "xexx010101000",
            "ABC010203AB1",
            "A&C991231XY0",
            "GODE561231GR8",
            "GODE561231HDFRRN09",
        ] {
            assert_eq!(TaxId::new(text).expect("a tax id").as_str(), text.to_uppercase());
        }
        for text in [
            "",
            "N/D",
            "nd|",
            "ABC",
            "ABC011303AB1",
            "ABC010232AB1",
            "ABC010200AB1",
            "XAXX0101010001",
            "ÑAXX010101000",
            "GODE561231HDFRRN0A",
            "A|C991231XY0",
        ] {
            assert_eq!(TaxId::new(text), Err(TextError::TaxId), "{text}");
        }
        assert!(TaxId::unknown().is_unknown());
    }

    #[test]
    fn references() {
        assert_eq!(NumericReference::new(0), Err(TextError::Reference));
        assert_eq!(NumericReference::new(10_000_000), Err(TextError::Reference));
        assert_eq!(
            NumericReference::new(9_999_999).map(NumericReference::get),
            Ok(9_999_999)
        );
        assert!(serde_json::from_str::<NumericReference>("0").is_err());
    }

    #[test]
    fn nobody_is_shown() {
        let (name, concept) = (
            BeneficiaryName::new("Pablo").expect("plain"),
            Concept::new("Pablo").expect("plain"),
        );
        assert_eq!(
            format!("{name:?} {concept:?} {:?}", TaxId::from_stored("GODE561231GR8")),
            "**** **** ****"
        );
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(text in "[ \\-.a-zA-Zá-žÀ-ÿ0-9\u{301}\u{ff10}-\u{ff5e}]{0,45}|.{0,20}") {
            if let Ok(once) = clean(&text, LIMIT) {
                prop_assert_eq!(clean(&once, LIMIT), Ok(once.clone()));
                prop_assert!(!once.is_empty() && once.len() <= LIMIT);
                prop_assert!(once.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'|'));
            }
        }

        #[test]
        fn composed_and_decomposed_are_the_same(text in "[a-zA-Zá-úñüÁ-ÚÑ ]{1,30}") {
            let (nfc, nfd): (String, String) = (text.nfc().collect(), text.nfd().collect());
            prop_assert_eq!(clean(&nfc, LIMIT).ok(), clean(&nfd, LIMIT).ok());
        }

        #[test]
        fn no_tax_id_panics(text in "\\PC{0,18}|[A-Z0-9&]{12,18}") {
            if let Ok(id) = TaxId::new(&text) {
                prop_assert!(!id.as_str().contains('|'));
            }
        }
    }
}
