//! Requests as callers write them, and the valid orders they become; the API and a direct workflow start share these.

mod decode;
mod reader;
mod transfer;

use std::fmt;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::{
    decode::{Field, decode},
    reader::Reader,
};
use super::{
    AccountId, BeneficiaryName, Centavos, Clabe, Concept, FieldError, InstitutionCode, Institutions, NumericReference,
    TaxId, text,
};

pub use transfer::{TransferOrder, TransferRequest};

/// Characters of the reason of an opening credit, after cleaning.
const LONGEST_REASON: usize = 200;

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
    /// RFC 3339 with its offset: the order does not go out before. Optional.
    #[serde(default, alias = "processAfter", skip_serializing_if = "Option::is_none")]
    pub process_after: Option<Value>,
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
            impl std::fmt::Debug for $name {
                fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    out.write_str(stringify!($name))
                }
            }
        )+
    };
}

use never_shown;

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
    /// The order does not go out before; `None`, or a time that is past: at once.
    pub process_after: Option<Timestamp>,
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
            Field::value("process_after", "processAfter"),
        ];
        decode(bytes, PAYOUT)
    }

    /// The order that this request asks for, its institution found as of operating date `on`; or every field that is
    /// wrong, in the order of the fields.
    pub fn parse(&self, institutions: &Institutions, on: Date) -> Result<Order, Vec<FieldError>> {
        self.read(
            |reader, clabe| reader.institution("/beneficiary/clabe", clabe, institutions, on),
            Some(on),
        )
    }

    /// What this request was remembered by, whatever the catalogue says of its institution since, and however far from
    /// today its time is; `None` when it does not read.
    pub fn known_as(&self, caller: &str) -> Option<[u8; 32]> {
        let read = self.read(|_, _| Some(InstitutionCode::new(0)), None);
        read.ok().map(|order| order.hash(caller))
    }

    fn read(
        &self,
        institution: impl Fn(&mut Reader, &Clabe) -> Option<InstitutionCode>,
        today: Option<Date>,
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
        let process_after = reader.moment("/process_after", self.process_after.as_ref(), today);
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
                process_after: process_after?,
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
        if let Some(at) = &self.process_after {
            form.field("process_after", &at.to_string());
        }
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

#[cfg(test)]
mod tests;
