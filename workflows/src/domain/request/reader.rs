//! Reads each field of a request, and gathers what is wrong with all of them.

use std::fmt;

use jiff::{Timestamp, ToSpan, civil::Date, tz::Offset};
use serde_json::Value;

use super::super::{
    AccountId, BeneficiaryName, Centavos, Clabe, FieldCode, FieldError, InstitutionCode, Institutions, LARGEST_ORDER,
    NumericReference, TaxId, text,
};

/// Characters of any text before cleaning; far above every real one, far below what costs time.
const LONGEST_TEXT: usize = 256;
/// A payout is asked for so many days ahead at most: its money is held all the while.
const LONGEST_AHEAD: i64 = 90;

/// Reads raw values one by one and keeps every error.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) errors: Vec<FieldError>,
}

impl Reader {
    pub(super) fn fail<T>(&mut self, pointer: &str, code: FieldCode, message: impl fmt::Display) -> Option<T> {
        self.errors.push(FieldError::new(pointer, code, message));
        None
    }

    pub(super) fn required<T>(&mut self, pointer: &str) -> Option<T> {
        self.fail(pointer, FieldCode::Required, "add this field")
    }

    /// A text that is there; proto3 JSON does not tell `""` from absent.
    pub(super) fn text<'a>(&mut self, pointer: &str, raw: Option<&'a Value>) -> Option<&'a str> {
        match raw {
            None | Some(Value::Null) => self.required(pointer),
            Some(Value::String(text)) if text.is_empty() => self.required(pointer),
            Some(Value::String(text)) if text.chars().count() > LONGEST_TEXT => {
                let message = format_args!("shorten it: no field takes more than {LONGEST_TEXT} characters");
                self.fail(pointer, FieldCode::TooLong, message)
            }
            Some(Value::String(text)) => Some(text),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                self.fail(pointer, FieldCode::WrongType, "write it as a JSON string, in quotes")
            }
        }
    }

    /// A whole number, written as a number or as a string of digits.
    pub(super) fn integer(&mut self, pointer: &str, raw: Option<&Value>) -> Option<i64> {
        const FIX: &str = "write a whole number: digits only, no decimals, exponent, separators or leading zeros";
        match raw {
            None | Some(Value::Null) => self.required(pointer),
            Some(Value::String(text)) if text.is_empty() => self.required(pointer),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => Some(number),
                None if number.is_u64() => self.fail(pointer, FieldCode::OutOfRange, "write a smaller number"),
                None => self.fail(pointer, FieldCode::NotAnInteger, FIX),
            },
            Some(Value::String(text)) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let is_plain = !digits.is_empty()
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
                    && (text == "0" || !digits.starts_with('0'));
                match text.parse() {
                    _ if !is_plain => self.fail(pointer, FieldCode::NotAnInteger, FIX),
                    Ok(number) => Some(number),
                    Err(_) => self.fail(pointer, FieldCode::OutOfRange, "write a smaller number"),
                }
            }
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => self.fail(pointer, FieldCode::WrongType, FIX),
        }
    }

    pub(super) fn checked<T>(
        &mut self,
        pointer: &str,
        raw: Option<&Value>,
        check: impl FnOnce(&str) -> Result<T, text::TextError>,
    ) -> Option<T> {
        let text = self.text(pointer, raw)?;
        check(text).map_or_else(|error| self.fail(pointer, error.code(), error), Some)
    }

    pub(super) fn name(&mut self, pointer: &str, raw: Option<&Value>) -> Option<BeneficiaryName> {
        self.checked(pointer, raw, BeneficiaryName::new)
    }

    pub(super) fn tax_id(&mut self, pointer: &str, raw: Option<&Value>) -> Option<TaxId> {
        match raw {
            None | Some(Value::Null) => Some(TaxId::unknown()),
            Some(Value::String(text)) if text.is_empty() => Some(TaxId::unknown()),
            Some(_) => self.checked(pointer, raw, TaxId::new),
        }
    }

    pub(super) fn account(&mut self, pointer: &str, raw: Option<&Value>) -> Option<AccountId> {
        let text = self.text(pointer, raw)?;
        text.parse()
            .map_or_else(|error| self.fail(pointer, FieldCode::InvalidId, error), Some)
    }

    pub(super) fn amount(&mut self, pointer: &str, raw: Option<&Value>) -> Option<Centavos> {
        let amount = Centavos::new(self.integer(pointer, raw)?);
        if amount.is_payable() {
            return Some(amount);
        }
        let message = format_args!("write an amount in centavos from 1 to {}", LARGEST_ORDER.get());
        self.fail(pointer, FieldCode::OutOfRange, message)
    }

    pub(super) fn currency(&mut self, pointer: &str, raw: Option<&Value>) -> Option<()> {
        if self.text(pointer, raw)? == Centavos::CURRENCY.code() {
            return Some(());
        }
        let message = format_args!("write {}: giro moves no other currency", Centavos::CURRENCY.code());
        self.fail(pointer, FieldCode::UnsupportedCurrency, message)
    }

    pub(super) fn clabe(&mut self, pointer: &str, raw: Option<&Value>) -> Option<Clabe> {
        let text = self.text(pointer, raw)?;
        Clabe::new(text).map_or_else(|error| self.fail(pointer, error.code(), error), Some)
    }

    pub(super) fn institution(
        &mut self,
        pointer: &str,
        clabe: &Clabe,
        known: &Institutions,
        on: Date,
    ) -> Option<InstitutionCode> {
        match known.of(clabe, on) {
            Some(institution) => Some(institution.code),
            None if known.knows(clabe) => {
                let fix = "the institution of this CLABE takes no payouts: ask the beneficiary for another CLABE";
                self.fail(pointer, FieldCode::NotPayable, fix)
            }
            None => {
                let fix =
                    "no known institution has this CLABE's first three digits: ask the beneficiary for the CLABE again";
                self.fail(pointer, FieldCode::UnknownInstitution, fix)
            }
        }
    }

    /// A moment that may be left out: RFC 3339 with its offset, to the microsecond that the books keep, and not too far
    /// after `today`.
    pub(super) fn moment(
        &mut self,
        pointer: &str,
        raw: Option<&Value>,
        today: Option<Date>,
    ) -> Option<Option<Timestamp>> {
        match raw {
            None | Some(Value::Null) => return Some(None),
            Some(Value::String(text)) if text.is_empty() => return Some(None),
            Some(_) => {}
        }
        let text = self.text(pointer, raw)?;
        let read = text.parse::<Timestamp>().ok();
        let Some(at) = read.filter(|at| at.subsec_nanosecond() % 1_000 == 0) else {
            let fix = "write a time with its offset, to the microsecond at most, as 2026-12-24T09:00:00-06:00";
            return self.fail(pointer, FieldCode::Moment, fix);
        };
        let last = today.and_then(|today| today.checked_add(LONGEST_AHEAD.days()).ok());
        if last.is_some_and(|last| Offset::UTC.to_datetime(at).date() > last) {
            let fix = format_args!("write a time within {LONGEST_AHEAD} days: the money is held until then");
            return self.fail(pointer, FieldCode::TooFar, fix);
        }
        Some(Some(at))
    }

    pub(super) fn reference(&mut self, pointer: &str, raw: Option<&Value>) -> Option<NumericReference> {
        let number = self.integer(pointer, raw)?;
        let reference = u32::try_from(number)
            .map_err(|_| text::TextError::Reference)
            .and_then(NumericReference::new);
        reference.map_or_else(|error| self.fail(pointer, error.code(), error), Some)
    }
}
