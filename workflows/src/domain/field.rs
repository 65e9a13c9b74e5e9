//! What is wrong with one field of a request: a stable word for programs, a sentence for people.

use std::fmt;

use serde::{Deserialize, Serialize};

words! {
    /// What is wrong with a field. `docs/problems.md` has a line for each.
    FieldCode: "field code" {
        /// It is missing, `null`, or empty.
        Required = "required",
        /// It has another JSON type than the field.
        WrongType = "wrong_type",
        /// A number that is not written as a whole one.
        NotAnInteger = "not_an_integer",
        /// A number outside its limits.
        OutOfRange = "out_of_range",
        /// A text with more characters than fit.
        TooLong = "too_long",
        /// A text with a character that a bank does not take.
        Character = "character",
        /// Digits that look like a card number, where none belongs.
        CardNumber = "card_number",
        /// A CLABE that has not 18 characters.
        Length = "length",
        /// A CLABE with something else than digits.
        Digits = "digits",
        /// A CLABE whose last digit does not follow from the others.
        CheckDigit = "check_digit",
        /// A CLABE whose first three digits are no known institution's.
        UnknownInstitution = "unknown_institution",
        /// A CLABE of an institution that takes no payouts.
        NotPayable = "not_payable",
        /// Neither RFC nor CURP.
        TaxId = "tax_id",
        /// Not a time with its offset.
        Moment = "moment",
        /// A time further ahead than giro holds money for.
        TooFar = "too_far",
        /// Not `MXN`.
        UnsupportedCurrency = "unsupported_currency",
        /// Not an id of this kind.
        InvalidId = "invalid_id",
        /// A field that the request does not have.
        UnknownField = "unknown_field",
        /// A field that is there twice, in either spelling.
        DuplicateField = "duplicate_field",
        /// The document, or an object inside it, is not JSON.
        InvalidJson = "invalid_json",
        /// The document is not UTF-8.
        NotUtf8 = "not_utf8",
        /// The query string does not read.
        InvalidQuery = "invalid_query",
        /// A query parameter that the path does not have.
        UnknownParameter = "unknown_parameter",
        /// A query parameter whose value does not read.
        InvalidParameter = "invalid_parameter",
        /// A query parameter that is there twice.
        DuplicateParameter = "duplicate_parameter",
        /// The start of a run does not read.
        Malformed = "malformed",
        /// The start of a run has another number of inputs than one.
        OneInput = "one_input",
        /// The run has another workflow id than its payout asks for.
        WorkflowId = "workflow_id",
        /// A bank that giro does not pay through.
        UnknownBank = "unknown_bank",
        /// The books have no such account.
        UnknownAccount = "unknown_account",
        /// The books have no such payout.
        UnknownPayout = "unknown",
        /// Runs may not bring their own request here.
        DirectStartOff = "direct_start_off",
        /// The payout id was not made within a day of now.
        NotFresh = "not_fresh",
        /// The bank calendar does not reach this day.
        Calendar = "calendar",
        /// The payout id belongs to another request.
        PayoutIdReused = "payout_id_reused",
    }
}

/// A field code as it travels: one of ours, or the word of a newer giro, kept as it came.
///
/// Results of runs are read by every later and earlier giro: a word that is not known yet must not hide the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldWord {
    /// In our dictionary.
    Ours(FieldCode),
    /// Not in it.
    Newer(String),
}

impl FieldWord {
    /// The word itself.
    pub fn word(&self) -> &str {
        match self {
            Self::Ours(code) => code.word(),
            Self::Newer(word) => word,
        }
    }
}

impl PartialEq<FieldCode> for FieldWord {
    fn eq(&self, code: &FieldCode) -> bool {
        *self == Self::Ours(*code)
    }
}

impl fmt::Display for FieldWord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// What is wrong with one field, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON pointer in snake_case, however the field was spelled (`/beneficiary/tax_id`), or the name of a query
    /// parameter (`/limit`); a field that giro does not know is named as it came. Empty for the whole document.
    pub pointer: String,
    /// What is wrong.
    pub code: FieldWord,
    /// One sentence that names the fix and never repeats the value.
    pub message: String,
}

impl FieldError {
    /// `message` is one sentence that names the fix and never repeats the value.
    pub fn new(pointer: impl Into<String>, code: FieldCode, message: impl fmt::Display) -> Self {
        Self {
            pointer: pointer.into(),
            code: FieldWord::Ours(code),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} ({})", self.pointer, self.message, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_code_is_its_word_on_the_wire() {
        for code in FieldCode::ALL {
            let error = FieldError::new("/a", *code, "mend it");
            let json = serde_json::json!({"pointer": "/a", "code": code.word(), "message": "mend it"});
            assert_eq!(serde_json::to_value(&error).expect("writes"), json);
            assert_eq!(serde_json::from_value::<FieldError>(json).expect("reads"), error);
            assert_eq!(code.word().parse(), Ok(*code));
        }
    }

    #[test]
    fn a_word_of_a_newer_giro_is_kept_as_it_came() {
        let json = r#"{"pointer":"/a","code":"of_tomorrow","message":"mend it"}"#;
        let error: FieldError = serde_json::from_str(json).expect("reads");
        assert_eq!(error.code, FieldWord::Newer("of_tomorrow".to_owned()));
        assert_eq!(serde_json::to_string(&error).expect("writes"), json);
    }
}
