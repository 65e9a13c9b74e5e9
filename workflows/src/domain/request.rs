//! Requests as callers write them, and the valid orders they become; the API and a direct workflow start share these.

use std::{borrow::Cow, fmt, marker::PhantomData};

use jiff::civil::Date;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use sha2::{Digest, Sha256};

use super::{
    AccountId, BeneficiaryName, Centavos, Clabe, Concept, InstitutionCode, Institutions, LARGEST_ORDER,
    NumericReference, TaxId, text,
};

/// Characters of any text before cleaning; far above every real one, far below what costs time.
const LONGEST_TEXT: usize = 256;

/// Characters of the reason of an opening credit, after cleaning.
const LONGEST_REASON: usize = 200;

/// What is wrong with one field, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON pointer in snake_case (`/beneficiary/clabe`); empty for the whole document.
    pub pointer: String,
    /// A stable word in snake_case (`check_digit`).
    pub code: Cow<'static, str>,
    /// One sentence that names the fix and never repeats the value.
    pub message: String,
}

impl FieldError {
    /// `message` is one sentence that names the fix and never repeats the value.
    pub fn new(pointer: impl Into<String>, code: &'static str, message: impl fmt::Display) -> Self {
        Self {
            pointer: pointer.into(),
            code: Cow::Borrowed(code),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} ({})", self.pointer, self.message, self.code)
    }
}

/// A payout as a caller asks for it: proto3 JSON in lowerCamelCase or snake_case, integers as number or string;
/// an absent field, `null` and `""` are the same. Nothing is checked before [`PayoutRequest::parse`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutRequest {
    /// The account that pays: `acc_...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Value>,
    /// Centavos, above zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Value>,
    /// `MXN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Value>,
    /// Who gets the money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneficiary: Option<BeneficiaryRequest>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<Value>,
    /// 1 to 9,999,999.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Value>,
}

/// The beneficiary of a [`PayoutRequest`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeneficiaryRequest {
    /// 18 digits, as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clabe: Option<Value>,
    /// Whole name, as the bank has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Value>,
    /// RFC or CURP; optional.
    #[serde(default, alias = "taxId", skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<Value>,
}

/// An account to open, as an operator asks for it; the same JSON rules as [`PayoutRequest`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    /// The customer's own CLABE at the bank: 18 digits, as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clabe: Option<Value>,
    /// Whole name of the holder.
    #[serde(default, alias = "holderName", skip_serializing_if = "Option::is_none")]
    pub holder_name: Option<Value>,
    /// RFC or CURP; optional.
    #[serde(default, alias = "taxId", skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<Value>,
    /// Money that the account starts with; optional.
    #[serde(default, alias = "openingCredit", skip_serializing_if = "Option::is_none")]
    pub opening_credit: Option<OpeningCreditRequest>,
}

/// The opening credit of an [`AccountRequest`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningCreditRequest {
    /// Centavos, above zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Value>,
    /// Why, for the books: at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Value>,
}

macro_rules! never_shown {
    ($($name:ident),+) => {
        $(
            /// The type's name only: the fields are people's.
            impl fmt::Debug for $name {
                fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                    out.write_str(stringify!($name))
                }
            }
        )+
    };
}

never_shown!(PayoutRequest, BeneficiaryRequest, AccountRequest, OpeningCreditRequest);

/// A valid payout request: everything is checked except what only the books know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The account that pays.
    pub account: AccountId,
    /// What the beneficiary gets, in centavos: above zero, within STP's limit.
    pub amount: Centavos,
    /// Where the money goes.
    pub clabe: Clabe,
    /// The institution that holds `clabe`; looked up, so no part of the hash.
    pub institution: InstitutionCode,
    /// Who gets it.
    pub name: BeneficiaryName,
    /// RFC or CURP of the beneficiary, "ND" when not known.
    pub tax_id: TaxId,
    /// What it is for.
    pub concept: Concept,
    /// 1 to 9,999,999.
    pub reference: NumericReference,
}

/// A valid account request.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// The customer's own CLABE at the bank.
    pub clabe: Clabe,
    /// Who holds it.
    pub holder: BeneficiaryName,
    /// RFC or CURP of the holder, "ND" when not known.
    pub tax_id: TaxId,
    /// Opening credit in centavos, above zero, and its reason.
    pub opening: Option<(Centavos, String)>,
}

impl fmt::Debug for OpenAccount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("OpenAccount");
        out.field("clabe", &self.clabe);
        out.field("opening", &self.opening.as_ref().map(|(amount, _)| amount))
            .finish_non_exhaustive()
    }
}

impl PayoutRequest {
    /// Decodes JSON bytes. Errors: no JSON, no UTF-8, unknown or repeated fields, an object where none belongs.
    ///
    /// Wrong values are left to [`PayoutRequest::parse`], which reports all of them together.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Vec<FieldError>> {
        const BENEFICIARY: &[Field] = &[
            Field::value("clabe", "clabe"),
            Field::value("name", "name"),
            Field::value("tax_id", "taxId"),
        ];
        const PAYOUT: &[Field] = &[
            Field::value("account", "account"),
            Field::value("amount", "amount"),
            Field::value("currency", "currency"),
            Field::object("beneficiary", "beneficiary", BENEFICIARY),
            Field::value("concept", "concept"),
            Field::value("reference", "reference"),
        ];
        decode(bytes, PAYOUT)
    }

    /// The order that this request asks for, its institution found as of operating date `on`; or every field that is
    /// wrong, in the order of the fields.
    pub fn parse(&self, institutions: &Institutions, on: Date) -> Result<Order, Vec<FieldError>> {
        self.read(|reader, clabe| reader.institution("/beneficiary/clabe", clabe, institutions, on))
    }

    /// What this request was remembered by, whatever the catalogue says of its institution since; `None` when it does
    /// not read.
    pub fn known_as(&self, caller: &str) -> Option<[u8; 32]> {
        let read = self.read(|_, _| Some(InstitutionCode::new(0)));
        read.ok().map(|order| order.hash(caller))
    }

    fn read(
        &self,
        institution: impl Fn(&mut Reader, &Clabe) -> Option<InstitutionCode>,
    ) -> Result<Order, Vec<FieldError>> {
        let mut reader = Reader::default();
        let account = reader.account("/account", self.account.as_ref());
        let amount = reader.amount("/amount", self.amount.as_ref());
        let currency = reader.currency("/currency", self.currency.as_ref());
        let beneficiary = self.beneficiary.as_ref();
        if beneficiary.is_none() {
            reader.required::<()>("/beneficiary");
        }
        let clabe = beneficiary.and_then(|raw| reader.clabe("/beneficiary/clabe", raw.clabe.as_ref()));
        let institution = clabe.as_ref().and_then(|clabe| institution(&mut reader, clabe));
        let name = beneficiary.and_then(|raw| reader.name("/beneficiary/name", raw.name.as_ref()));
        let tax_id = beneficiary.and_then(|raw| reader.tax_id("/beneficiary/tax_id", raw.tax_id.as_ref()));
        let concept = reader.checked("/concept", self.concept.as_ref(), Concept::new);
        let reference = reader.reference("/reference", self.reference.as_ref());
        let order = || {
            currency?;
            Some(Order {
                account: account?,
                amount: amount?,
                clabe: clabe?,
                institution: institution?,
                name: name?,
                tax_id: tax_id?,
                concept: concept?,
                reference: reference?,
            })
        };
        order().ok_or(reader.errors)
    }
}

impl Order {
    /// What makes two requests of `caller` the same, however written: SHA-256 of the canonical form, version 1.
    pub fn hash(&self, caller: &str) -> [u8; 32] {
        let mut form = Canonical::new("giro.payout.v1", caller);
        form.field("account", &self.account.to_string());
        form.field("amount", &self.amount.get().to_string());
        form.field("currency", Centavos::CURRENCY.code());
        form.field("beneficiary.clabe", self.clabe.as_str());
        form.field("beneficiary.name", self.name.as_str());
        form.tax_id("beneficiary.tax_id", &self.tax_id);
        form.field("concept", self.concept.as_str());
        form.field("reference", &self.reference.to_string());
        form.finish()
    }
}

impl AccountRequest {
    /// Decodes JSON bytes, as [`PayoutRequest::from_json`] does.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Vec<FieldError>> {
        const OPENING: &[Field] = &[Field::value("amount", "amount"), Field::value("reason", "reason")];
        const ACCOUNT: &[Field] = &[
            Field::value("clabe", "clabe"),
            Field::value("holder_name", "holderName"),
            Field::value("tax_id", "taxId"),
            Field::object("opening_credit", "openingCredit", OPENING),
        ];
        decode(bytes, ACCOUNT)
    }

    /// The account that this request asks for, or every field that is wrong, in the order of the fields.
    pub fn parse(&self) -> Result<OpenAccount, Vec<FieldError>> {
        let mut reader = Reader::default();
        let clabe = reader.clabe("/clabe", self.clabe.as_ref());
        let holder = reader.name("/holder_name", self.holder_name.as_ref());
        let tax_id = reader.tax_id("/tax_id", self.tax_id.as_ref());
        let opening = self.opening_credit.as_ref().map(|raw| {
            let amount = reader.amount("/opening_credit/amount", raw.amount.as_ref());
            let clean = |reason: &str| text::clean(reason, LONGEST_REASON);
            let reason = reader.checked("/opening_credit/reason", raw.reason.as_ref(), clean);
            amount.zip(reason)
        });
        let account = || {
            let opening = match opening {
                None => None,
                Some(credit) => Some(credit?),
            };
            Some(OpenAccount {
                clabe: clabe?,
                holder: holder?,
                tax_id: tax_id?,
                opening,
            })
        };
        account().ok_or(reader.errors)
    }
}

impl OpenAccount {
    /// What makes two requests of `caller` the same: SHA-256 of the canonical form, version 1.
    pub fn hash(&self, caller: &str) -> [u8; 32] {
        let mut form = Canonical::new("giro.account.v1", caller);
        form.field("clabe", self.clabe.as_str());
        form.field("holder_name", self.holder.as_str());
        form.tax_id("tax_id", &self.tax_id);
        if let Some((amount, reason)) = &self.opening {
            form.field("opening_credit.amount", &amount.get().to_string());
            form.field("opening_credit.reason", reason);
        }
        form.finish()
    }
}

/// Fields as name, length and bytes, each once and in a fixed order, so that no two requests share a form.
struct Canonical(Sha256);

impl Canonical {
    fn new(version: &str, caller: &str) -> Self {
        let mut form = Self(Sha256::new());
        form.field("version", version);
        form.field("caller", caller);
        form
    }

    fn field(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.0
                .update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.0.update(part.as_bytes());
        }
    }

    /// "ND" and an absent tax id are one request.
    fn tax_id(&mut self, name: &str, value: &TaxId) {
        if !value.is_unknown() {
            self.field(name, value.as_str());
        }
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Reads raw values one by one and keeps every error.
#[derive(Default)]
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    fn fail<T>(&mut self, pointer: &str, code: &'static str, message: impl fmt::Display) -> Option<T> {
        self.errors.push(FieldError::new(pointer, code, message));
        None
    }

    fn required<T>(&mut self, pointer: &str) -> Option<T> {
        self.fail(pointer, "required", "add this field")
    }

    /// A text that is there; proto3 JSON does not tell `""` from absent.
    fn text<'a>(&mut self, pointer: &str, raw: Option<&'a Value>) -> Option<&'a str> {
        match raw {
            None | Some(Value::Null) => self.required(pointer),
            Some(Value::String(text)) if text.is_empty() => self.required(pointer),
            Some(Value::String(text)) if text.chars().count() > LONGEST_TEXT => {
                let message = format_args!("shorten it: no field takes more than {LONGEST_TEXT} characters");
                self.fail(pointer, "too_long", message)
            }
            Some(Value::String(text)) => Some(text),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                self.fail(pointer, "wrong_type", "write it as a JSON string, in quotes")
            }
        }
    }

    /// A whole number, written as a number or as a string of digits.
    fn integer(&mut self, pointer: &str, raw: Option<&Value>) -> Option<i64> {
        const FIX: &str = "write a whole number: digits only, no decimals, exponent, separators or leading zeros";
        match raw {
            None | Some(Value::Null) => self.required(pointer),
            Some(Value::String(text)) if text.is_empty() => self.required(pointer),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => Some(number),
                None if number.is_u64() => self.fail(pointer, "out_of_range", "write a smaller number"),
                None => self.fail(pointer, "not_an_integer", FIX),
            },
            Some(Value::String(text)) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let is_plain = !digits.is_empty()
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
                    && (text == "0" || !digits.starts_with('0'));
                match text.parse() {
                    _ if !is_plain => self.fail(pointer, "not_an_integer", FIX),
                    Ok(number) => Some(number),
                    Err(_) => self.fail(pointer, "out_of_range", "write a smaller number"),
                }
            }
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => self.fail(pointer, "wrong_type", FIX),
        }
    }

    fn checked<T>(
        &mut self,
        pointer: &str,
        raw: Option<&Value>,
        check: impl FnOnce(&str) -> Result<T, text::TextError>,
    ) -> Option<T> {
        let text = self.text(pointer, raw)?;
        check(text).map_or_else(|error| self.fail(pointer, error.code(), error), Some)
    }

    fn name(&mut self, pointer: &str, raw: Option<&Value>) -> Option<BeneficiaryName> {
        self.checked(pointer, raw, BeneficiaryName::new)
    }

    fn tax_id(&mut self, pointer: &str, raw: Option<&Value>) -> Option<TaxId> {
        match raw {
            None | Some(Value::Null) => Some(TaxId::unknown()),
            Some(Value::String(text)) if text.is_empty() => Some(TaxId::unknown()),
            Some(_) => self.checked(pointer, raw, TaxId::new),
        }
    }

    fn account(&mut self, pointer: &str, raw: Option<&Value>) -> Option<AccountId> {
        let text = self.text(pointer, raw)?;
        text.parse()
            .map_or_else(|error| self.fail(pointer, "invalid_id", error), Some)
    }

    fn amount(&mut self, pointer: &str, raw: Option<&Value>) -> Option<Centavos> {
        let amount = Centavos::new(self.integer(pointer, raw)?);
        if amount.is_payable() {
            return Some(amount);
        }
        let message = format_args!("write an amount in centavos from 1 to {}", LARGEST_ORDER.get());
        self.fail(pointer, "out_of_range", message)
    }

    fn currency(&mut self, pointer: &str, raw: Option<&Value>) -> Option<()> {
        if self.text(pointer, raw)? == Centavos::CURRENCY.code() {
            return Some(());
        }
        let message = format_args!("write {}: giro moves no other currency", Centavos::CURRENCY.code());
        self.fail(pointer, "unsupported_currency", message)
    }

    fn clabe(&mut self, pointer: &str, raw: Option<&Value>) -> Option<Clabe> {
        let text = self.text(pointer, raw)?;
        Clabe::new(text).map_or_else(|error| self.fail(pointer, error.code(), error), Some)
    }

    fn institution(&mut self, pointer: &str, clabe: &Clabe, known: &Institutions, on: Date) -> Option<InstitutionCode> {
        match known.of(clabe, on) {
            Some(institution) => Some(institution.code),
            None if known.knows(clabe) => {
                let fix = "the institution of this CLABE takes no payouts: ask the beneficiary for another CLABE";
                self.fail(pointer, "not_payable", fix)
            }
            None => {
                let fix =
                    "no known institution has this CLABE's first three digits: ask the beneficiary for the CLABE again";
                self.fail(pointer, "unknown_institution", fix)
            }
        }
    }

    fn reference(&mut self, pointer: &str, raw: Option<&Value>) -> Option<NumericReference> {
        let number = self.integer(pointer, raw)?;
        let reference = u32::try_from(number)
            .map_err(|_| text::TextError::Reference)
            .and_then(NumericReference::new);
        reference.map_or_else(|error| self.fail(pointer, error.code(), error), Some)
    }
}

/// A field of a request, in both spellings of proto3 JSON.
struct Field {
    snake: &'static str,
    camel: &'static str,
    inner: Option<&'static [Self]>,
}

impl Field {
    const fn value(snake: &'static str, camel: &'static str) -> Self {
        Self {
            snake,
            camel,
            inner: None,
        }
    }

    const fn object(snake: &'static str, camel: &'static str, inner: &'static [Self]) -> Self {
        Self {
            snake,
            camel,
            inner: Some(inner),
        }
    }
}

/// Checks the shape first: serde's own errors repeat values, name no pointer, and stop at the first.
fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8], fields: &[Field]) -> Result<T, Vec<FieldError>> {
    let text = std::str::from_utf8(bytes).map_err(|_| vec![FieldError::new("", "not_utf8", "send JSON in UTF-8")])?;
    let mut errors = Vec::new();
    match serde_json::from_str::<Entries<'_>>(text) {
        Ok(entries) => shape(&entries, fields, "", &mut errors),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            errors.push(match error.classify() {
                serde_json::error::Category::Data => FieldError::new("", "wrong_type", "send one JSON object"),
                serde_json::error::Category::Io
                | serde_json::error::Category::Syntax
                | serde_json::error::Category::Eof => {
                    let message =
                        format_args!("send one well-formed JSON object: line {line}, column {column} is not JSON");
                    FieldError::new("", "invalid_json", message)
                }
            });
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    serde_json::from_str(text)
        .map_err(|_| vec![FieldError::new("", "invalid_json", "send one well-formed JSON object")])
}

fn shape(entries: &Entries<'_>, fields: &[Field], parent: &str, errors: &mut Vec<FieldError>) {
    let mut seen: Vec<&str> = Vec::new();
    for (key, raw) in &entries.0 {
        let Some(field) = fields.iter().find(|field| key == field.snake || key == field.camel) else {
            // A key may be anything, a person's data too: only a plain one is repeated.
            let is_plain =
                (1..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let pointer = if is_plain {
                format!("{parent}/{key}")
            } else {
                parent.to_owned()
            };
            let known: Vec<&str> = fields.iter().map(|field| field.snake).collect();
            let message = format_args!("remove this field: the fields are {}", known.join(", "));
            errors.push(FieldError::new(pointer, "unknown_field", message));
            continue;
        };
        let pointer = format!("{parent}/{}", field.snake);
        if seen.contains(&field.snake) {
            errors.push(FieldError::new(pointer, "duplicate_field", "write this field once"));
            continue;
        }
        seen.push(field.snake);
        match (field.inner, raw.get()) {
            (Some(_), "null") => {}
            (Some(inner), object) if object.starts_with('{') => match serde_json::from_str::<Entries<'_>>(object) {
                Ok(entries) => shape(&entries, inner, &pointer, errors),
                Err(_) => errors.push(FieldError::new(pointer, "invalid_json", "write one JSON object")),
            },
            (Some(_), _) => errors.push(FieldError::new(pointer, "wrong_type", "write a JSON object")),
            (None, value) if value.starts_with(['{', '[']) => {
                errors.push(FieldError::new(
                    pointer,
                    "wrong_type",
                    "write one value, not an object or a list",
                ));
            }
            // Past the range of a float, such as 1e309: valid JSON that the decoder refuses without a pointer.
            (None, value) if serde_json::from_str::<Value>(value).is_err() => {
                errors.push(FieldError::new(
                    pointer,
                    "not_an_integer",
                    "write a whole number that fits, or a string",
                ));
            }
            (None, _) => {}
        }
    }
}

/// The entries of one JSON object in order, repeated keys included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Collect<'a> {
            type Value = Entries<'a>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Collect(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const TODAY: Date = date(2026, 4, 1);

    fn good() -> Value {
        json!({
            "account": "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f",
            "amount": 123_450,
            "currency": "MXN",
            "beneficiary": {"clabe": "012180004643051249", "name": "José Núñez", "tax_id": "GODE561231GR8"},
            "concept": "Pago 1",
            "reference": 7,
        })
    }

    fn decoded(json: &str) -> Result<Order, Vec<FieldError>> {
        let institutions = Institutions::builtin().expect("the shipped catalogue reads");
        PayoutRequest::from_json(json.as_bytes())?.parse(&institutions, TODAY)
    }

    fn order(json: &str) -> Order {
        decoded(json).expect("a good request")
    }

    /// Each error as `pointer code`.
    fn wrong(json: &str) -> Vec<String> {
        let errors = decoded(json).expect_err("a bad request");
        errors
            .iter()
            .map(|error| format!("{} {}", error.pointer, error.code))
            .collect()
    }

    /// The good request with the value at `pointer` replaced by JSON text.
    fn with(pointer: &str, value: &str) -> String {
        let mut request = good();
        *request.pointer_mut(pointer).expect("a field") = json!("@@");
        request.to_string().replace("\"@@\"", value)
    }

    #[test]
    fn a_good_request_becomes_an_order() {
        let order = order(&good().to_string());
        assert_eq!(order.amount, Centavos::new(123_450));
        assert_eq!(order.institution, InstitutionCode::new(40_012));
        assert_eq!(
            (order.name.as_str(), order.tax_id.as_str()),
            ("Jose Nunez", "GODE561231GR8")
        );
        let shown = format!(
            "{order:?} {:?}",
            PayoutRequest::from_json(good().to_string().as_bytes())
        );
        assert!(
            !shown.contains("Jos") && !shown.contains("01218") && shown.contains("****1249"),
            "{shown}"
        );
    }

    #[test]
    fn the_hash_never_changes() {
        // Hashes live in the books beside idempotency keys: another form would refuse every repeat.
        let hex: String = order(&good().to_string())
            .hash("billing")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, "239a79559f22a59d6fd30fd490f35f13e798482bef038d38f6f3da7a75ff9d83");
    }

    #[test]
    fn how_a_request_is_written_does_not_matter() {
        let first = order(&good().to_string());
        let same = r#" {"reference":"7", "concept" : " Pago  1","currency":"MXN","amount":"123450",
            "beneficiary":{"taxId":"gode561231gr8","name":"Jose\u0301 Nu\u0301n\u0303ez","clabe":"012180004643051249"},
            "account":"acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f"}"#;
        assert_eq!(order(same).hash("billing"), first.hash("billing"));
        assert_ne!(first.hash("billing"), first.hash("payroll"));
        let absent: Vec<_> = ["null", "\"\"", "\"ND\""]
            .iter()
            .map(|id| order(&with("/beneficiary/tax_id", id)).hash("billing"))
            .collect();
        assert!(absent.windows(2).all(|pair| pair[0] == pair[1]));
        for (pointer, value) in [
            ("/account", "\"acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e00\""),
            ("/amount", "123451"),
            ("/beneficiary/clabe", "\"002180032240946700\""),
            ("/beneficiary/name", "\"Jose\""),
            ("/beneficiary/tax_id", "null"),
            ("/concept", "\"Pago 2\""),
            ("/reference", "8"),
        ] {
            assert_ne!(
                order(&with(pointer, value)).hash("billing"),
                first.hash("billing"),
                "{pointer}"
            );
        }
    }

    #[test]
    fn bad_values_are_named() {
        let long = format!("\"{}\"", "a".repeat(257));
        for (pointer, value, code) in [
            ("/account", "null", "required"),
            ("/account", "7", "wrong_type"),
            ("/account", "\"po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f\"", "invalid_id"),
            ("/account", "\"acc_../../etc/passwd\"", "invalid_id"),
            ("/amount", "null", "required"),
            ("/amount", "0", "out_of_range"),
            ("/amount", "-1", "out_of_range"),
            ("/amount", "\"-1\"", "out_of_range"),
            ("/amount", "0.001", "not_an_integer"),
            ("/amount", "12.5", "not_an_integer"),
            ("/amount", "1e2", "not_an_integer"),
            ("/amount", "100.0", "not_an_integer"),
            ("/amount", "-0", "not_an_integer"),
            ("/amount", "0.30000000000000004", "not_an_integer"),
            ("/amount", "1e309", "not_an_integer"),
            ("/amount", "\"1e2\"", "not_an_integer"),
            ("/amount", "\"1,000.00\"", "not_an_integer"),
            ("/amount", "\"007\"", "not_an_integer"),
            ("/amount", "\"+7\"", "not_an_integer"),
            ("/amount", "\" 7\"", "not_an_integer"),
            ("/amount", "\"-\"", "not_an_integer"),
            ("/amount", "\"NaN\"", "not_an_integer"),
            ("/amount", "\"１２\"", "not_an_integer"),
            ("/amount", "9223372036854775808", "out_of_range"),
            ("/amount", "\"9223372036854775808\"", "out_of_range"),
            ("/amount", "100000000000000", "out_of_range"),
            ("/amount", "99999999999999999999999", "not_an_integer"),
            ("/amount", "true", "wrong_type"),
            ("/amount", "[1]", "wrong_type"),
            ("/amount", "{}", "wrong_type"),
            ("/currency", "\"USD\"", "unsupported_currency"),
            ("/currency", "\"mxn\"", "unsupported_currency"),
            ("/currency", "null", "required"),
            ("/beneficiary", "null", "required"),
            ("/beneficiary", "\"Jose\"", "wrong_type"),
            ("/beneficiary", "[]", "wrong_type"),
            ("/beneficiary/clabe", "12180004643051249", "wrong_type"),
            ("/beneficiary/clabe", "\"01218000464305124\"", "length"),
            ("/beneficiary/clabe", "\"0121800046430512491\"", "length"),
            ("/beneficiary/clabe", "\"5512345678\"", "length"),
            (
                "/beneficiary/clabe",
                "\"０１２１８０００４６４３０５１２４９\"",
                "digits",
            ),
            ("/beneficiary/clabe", "\"072691004495711490\"", "check_digit"),
            ("/beneficiary/clabe", "\"4111111111111111\"", "card_number"),
            ("/beneficiary/clabe", "\"032180000118359719\"", "unknown_institution"),
            ("/beneficiary/clabe", "\"846180000400000001\"", "not_payable"),
            ("/beneficiary/name", "\"\"", "required"),
            ("/beneficiary/name", "\"  \"", "required"),
            ("/beneficiary/name", "\"J\u{43e}se\"", "character"),
            ("/beneficiary/name", "\"Jose\\u202e\"", "character"),
            ("/beneficiary/name", "\"Jose\\u0000\"", "character"),
            ("/beneficiary/name", "\"Robert'); DROP TABLE payouts;--\"", "character"),
            ("/beneficiary/tax_id", "\"XX\"", "tax_id"),
            ("/concept", "\"a|b\"", "character"),
            ("/concept", "\"a\\r\\nb\"", "character"),
            ("/concept", "\"\u{1f600}\"", "character"),
            ("/concept", "\"4111 1111 1111 1111\"", "card_number"),
            ("/concept", "\"0123456789012345678901234567890123456789\"", "too_long"),
            ("/concept", &long, "too_long"),
            ("/reference", "0", "out_of_range"),
            ("/reference", "10000000", "out_of_range"),
            ("/reference", "-1", "out_of_range"),
            ("/reference", "\"1|2\"", "not_an_integer"),
        ] {
            assert_eq!(
                wrong(&with(pointer, value)),
                [format!("{pointer} {code}")],
                "{pointer} {value}"
            );
        }
    }

    #[test]
    fn bad_documents_are_named() {
        let good = good().to_string();
        let after_brace = |start: &str| good.replacen('{', start, 1);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for (json, expected) in [
            ("", " invalid_json"),
            ("[]", " wrong_type"),
            ("\"Jose\"", " wrong_type"),
            ("{\"amount\":}", " invalid_json"),
            (&format!("{good}x"), " invalid_json"),
            (&format!("{good}{good}"), " invalid_json"),
            (&format!("\u{feff}{good}"), " invalid_json"),
            (&deep, " wrong_type"),
            (&after_brace("{\"tenant_id\":1,"), "/tenant_id unknown_field"),
            (&after_brace("{\"Jose Perez\":1,"), " unknown_field"),
            (&after_brace("{\"amount\":1,"), "/amount duplicate_field"),
            (&after_brace(&format!("{{\"note\":{deep},")), "/note unknown_field"),
            (&with("/concept", &deep), "/concept wrong_type"),
            (
                &good.replace("\"name\"", "\"clabe\""),
                "/beneficiary/clabe duplicate_field",
            ),
            (
                &good.replace("\"name\"", "\"taxId\""),
                "/beneficiary/tax_id duplicate_field",
            ),
            (
                &good.replace("\"name\"", "\"email\""),
                "/beneficiary/email unknown_field",
            ),
        ] {
            assert_eq!(wrong(json), [expected], "{:.80}", json);
        }
        for bytes in [b"\xff\xfe{\0}\0".as_slice(), b"{\"concept\":\"\xff\"}"] {
            assert_eq!(
                PayoutRequest::from_json(bytes).expect_err("no UTF-8")[0].code,
                "not_utf8"
            );
        }
    }

    #[test]
    fn all_errors_come_together() {
        assert_eq!(
            wrong(r#"{"amount":0,"beneficiary":{"clabe":"1"},"reference":1.5}"#),
            [
                "/account required",
                "/amount out_of_range",
                "/currency required",
                "/beneficiary/clabe length",
                "/beneficiary/name required",
                "/concept required",
                "/reference not_an_integer",
            ]
        );
        let back: FieldError = serde_json::from_str(r#"{"pointer":"/a","code":"b","message":"c"}"#).expect("reads");
        assert_eq!(back, FieldError::new("/a", "b", "c"));
    }

    #[test]
    fn the_derived_decoder_is_as_strict() {
        // A direct workflow start decodes without from_json.
        let good = good().to_string();
        let same = serde_json::from_str::<PayoutRequest>(&good).expect("reads");
        assert_eq!(serde_json::to_string(&same).expect("writes").len(), good.len());
        assert!(serde_json::from_str::<PayoutRequest>(&good.replacen('{', "{\"x\":1,", 1)).is_err());
        assert!(serde_json::from_str::<PayoutRequest>(&good.replacen('{', "{\"amount\":1,", 1)).is_err());
    }

    fn account(json: &str) -> Result<OpenAccount, Vec<FieldError>> {
        AccountRequest::from_json(json.as_bytes())?.parse()
    }

    #[test]
    fn accounts() {
        let plain = account(r#"{"clabe":"646180110400000007","holder_name":"GIRO SA de CV"}"#).expect("good");
        assert_eq!((plain.opening.clone(), plain.tax_id.is_unknown()), (None, true));
        let opened = account(
            r#"{"clabe":"646180110400000007","holderName":"GIRO SA de CV","taxId":"ND",
                "openingCredit":{"amount":"5000","reason":"Depósito  inicial"}}"#,
        )
        .expect("good");
        assert_eq!(
            opened.opening,
            Some((Centavos::new(5_000), "Deposito inicial".to_owned()))
        );
        assert_ne!(opened.hash("ops"), plain.hash("ops"));
        assert!(!format!("{opened:?}").contains("inicial"));
        let hex: String = opened.hash("ops").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "d22620f49bb26b3a9a0e21fcc82a20a610f8389bcfb33badd6f5cec17ce54d56");
        let errors = account(r#"{"clabe":"1","opening_credit":{"amount":0}}"#).expect_err("bad");
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/clabe",
                "/holder_name",
                "/opening_credit/amount",
                "/opening_credit/reason"
            ]
        );
        assert_eq!(
            account(r#"{"opening_credit":{"state":1}}"#).expect_err("bad")[0].pointer,
            "/opening_credit/state"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_nothing_is_echoed(name in "\\PC{0,50}", clabe in "[0-9]{10,20}", amount in "\\PC{0,10}") {
            let mut request = good();
            request["beneficiary"] = json!({"name": name, "clabe": clabe});
            request["amount"] = json!(amount);
            for error in decoded(&request.to_string()).err().into_iter().flatten() {
                prop_assert!(!error.message.contains(&clabe));
                prop_assert!(name.chars().count() < 8 || !error.message.contains(&name));
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (PayoutRequest::from_json(&bytes), AccountRequest::from_json(&bytes));
        }

        #[test]
        fn requests_with_other_values_hash_apart(one in 1..10_i64, other in 1..10_i64, text in "[a-z]{1,9}") {
            let hash = |amount: i64, concept: &str| {
                let mut request = good();
                request["amount"] = json!(amount);
                request["concept"] = json!(concept);
                order(&request.to_string()).hash("billing")
            };
            prop_assert_eq!(hash(one, &text) == hash(other, &text), one == other);
            prop_assert_ne!(hash(one, &text), hash(one, &format!("{text} 2")));
        }
    }
}
