//! Problems: every answer that is not what was asked for, after RFC 9457, with a stable code.

use activities::ledger::{LedgerError, StoreError};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use workflows::{
    domain::{FieldCode, FieldError, Refusal},
    sentences::{customer, support},
};

use super::{docs, idempotency::REPLAYED, trace, view::told::Said};
use crate::meters;

/// Where the sentence begins that says what a refused request leaves behind.
const KEPT: &str = "This answer is kept";

/// The codes with their words; the refusals of the ledger bring their own.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// The ledger refused the request for good.
            Refused(Refusal),
        }

        impl $name {
            /// Every code there is.
            pub(super) fn all() -> impl Iterator<Item = Self> {
                let refusals = Refusal::ALL.iter().map(|refusal| Self::Refused(*refusal));
                [$(Self::$variant),+].into_iter().chain(refusals)
            }

            /// The stable word.
            pub(super) const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Refused(refusal) => refusal.word(),
                }
            }
        }
    };
}

codes! {
    /// What kind of problem; the word is for programs and never changes. `docs/problems.md` has a heading for each.
    Code {
        /// Not JSON.
        InvalidJson = "invalid_json",
        /// JSON whose fields are wrong.
        InvalidRequest = "invalid_request",
        /// No `Idempotency-Key`.
        KeyMissing = "idempotency_key_missing",
        /// An `Idempotency-Key` that is not one.
        KeyInvalid = "idempotency_key_invalid",
        /// The key belongs to another request.
        KeyReused = "idempotency_key_reused",
        /// Nobody that giro knows.
        Unauthenticated = "unauthenticated",
        /// Known, and not allowed to do this.
        Forbidden = "forbidden",
        /// It may be at the bank, or has ended.
        TooLate = "too_late",
        /// It has its place, or none yet: there is nothing to apply.
        NotSetApart = "not_set_apart",
        /// Another deposit came under the same key on the same day.
        KeyShared = "key_shared",
        /// It was to be sent back before, and may have gone after all.
        MayBeBack = "may_be_back",
        /// It takes no two people: giro ends it by itself, or it has ended and nothing is to be understood.
        NothingToDecide = "nothing_to_decide",
        /// Banxico has nothing of it.
        NothingToLookUp = "nothing_to_look_up",
        /// The CLABE belongs to another account.
        ClabeTaken = "clabe_taken",
        /// The account is closed, which is for good.
        AccountClosed = "account_closed",
        /// An account with money is not closed.
        AccountNotEmpty = "account_not_empty",
        /// Another pause of the bank stands than the one that was to end.
        AnotherPause = "another_pause",
        /// No such thing, or another caller's.
        NotFound = "not_found",
        /// The path knows other methods.
        MethodNotAllowed = "method_not_allowed",
        /// The body is no JSON by its own header.
        UnsupportedMediaType = "unsupported_media_type",
        /// The body is past the limit.
        BodyTooLarge = "body_too_large",
        /// The body came too slowly.
        RequestTimeout = "request_timeout",
        /// More requests than the caller may send.
        RateLimited = "rate_limited",
        /// The caller has as many receipts looked up as one may.
        LookUpsFull = "look_ups_full",
        /// The books may have lost what was sent, and the bank was not asked yet.
        CatchingUp = "catching_up",
        /// The books are away or busy.
        Later = "later",
        /// Not the caller's fault, and the same again if repeated.
        Internal = "internal",
    }
}

impl Code {
    /// The HTTP status.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson | Self::KeyMissing | Self::KeyInvalid => StatusCode::BAD_REQUEST,
            Self::InvalidRequest | Self::KeyReused | Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooLate
            | Self::NotSetApart
            | Self::KeyShared
            | Self::MayBeBack
            | Self::NothingToDecide
            | Self::NothingToLookUp
            | Self::ClabeTaken
            | Self::AccountClosed
            | Self::AccountNotEmpty
            | Self::AnotherPause => StatusCode::CONFLICT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RateLimited | Self::LookUpsFull => StatusCode::TOO_MANY_REQUESTS,
            Self::CatchingUp | Self::Later => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The kind of problem, for people.
    const fn title(self) -> &'static str {
        match self {
            Self::InvalidJson => "The body is not JSON",
            Self::InvalidRequest => "Fields of the request are wrong",
            Self::KeyMissing => "No idempotency key",
            Self::KeyInvalid => "Not an idempotency key",
            Self::KeyReused => "The idempotency key belongs to another request",
            Self::Refused(Refusal::AccountUnknown) => "No such account",
            Self::Refused(Refusal::AccountNotOpen) => "The account is not open",
            Self::Refused(Refusal::InsufficientFunds) => "Not enough money available",
            Self::Refused(Refusal::SameAccount) => "Payer and beneficiary are the same",
            Self::Refused(Refusal::BeneficiaryNotOpen) => "The beneficiary's account is not open",
            Self::Unauthenticated => "Who asks is not known",
            Self::Forbidden => "The caller may not do this",
            Self::TooLate => "Too late to cancel",
            Self::NotSetApart => "Nothing stands apart",
            Self::KeyShared => "Two deposits have the same key",
            Self::MayBeBack => "It may have been sent back",
            Self::NothingToDecide => "Nobody has to decide it",
            Self::NothingToLookUp => "There is nothing to look up",
            Self::ClabeTaken => "The CLABE has an account",
            Self::AccountClosed => "The account is closed",
            Self::AccountNotEmpty => "The account has money",
            Self::AnotherPause => "Another pause of the bank stands",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The method does not fit the path",
            Self::UnsupportedMediaType => "The body is not declared as JSON",
            Self::BodyTooLarge => "The body is too large",
            Self::RequestTimeout => "The request came too slowly",
            Self::RateLimited => "Too many requests",
            Self::LookUpsFull => "Too many receipts are being looked up",
            Self::CatchingUp => "The bank is asked first",
            Self::Later => "Ask again in a moment",
            Self::Internal => "giro could not answer",
        }
    }

    /// What happened and what to do, when nothing more is known.
    const fn detail(self) -> &'static str {
        match self {
            Self::InvalidJson => "Send one JSON object in UTF-8. Nothing was done and the key is still free.",
            Self::InvalidRequest => "Mend what `errors` names. Nothing was done, and an idempotency key is still free.",
            Self::KeyMissing => {
                "Send a header Idempotency-Key, new for each thing you want done and kept for its retries."
            }
            Self::KeyInvalid => "Send one Idempotency-Key of 1 to 255 visible ASCII characters, without spaces.",
            Self::KeyReused => {
                "This key was used for a request that differs. Nothing was done for this one; send it with a new key."
            }
            Self::Refused(Refusal::AccountUnknown) => {
                "The payer's account does not exist, or is another caller's. This answer is kept for this key; use a new key to ask again."
            }
            Self::Refused(Refusal::AccountNotOpen) => {
                "The payer's account is frozen or closed. This answer is kept for this key; use a new key to ask again."
            }
            Self::Refused(Refusal::InsufficientFunds) => {
                "Available money is less than amount, fee and IVA. This answer is kept for this key; use a new key to ask again."
            }
            Self::Refused(Refusal::BeneficiaryNotOpen) => {
                "The beneficiary's account, of giro's own, is frozen or closed. This answer is kept for this key; use a new key to ask again."
            }
            Self::Refused(Refusal::SameAccount) => {
                "The beneficiary's CLABE is the payer's own. This answer is kept for this key; use a new key to ask again."
            }
            Self::Unauthenticated => {
                "Send `Authorization: Bearer giro_...` with a key that is neither expired nor revoked. Nothing was done and the idempotency key is still free."
            }
            Self::Forbidden => {
                "The caller's scopes do not allow this. Nothing was done and the key is still free; ask giro's operator for the scope."
            }
            Self::TooLate => support::WhyNot::TooLate.sentence().en,
            Self::NotSetApart => "It has its place, or none yet. Nothing was changed; look at where it is.",
            Self::KeyShared => {
                "Another deposit came under the same key on the same day: the bank could not tell which one goes back. Nothing was changed; ask the bank to send it back."
            }
            Self::MayBeBack => {
                "The payout that was to send it back ended without, and the bank said otherwise since. Nothing was changed; look at that payout, `sent_back_by`."
            }
            Self::NothingToDecide => {
                "giro ends it by itself, or what is to be understood of it is none of this. Nothing was decided; look at what it says of `next` and `attention`."
            }
            Self::NothingToLookUp => {
                "It was never sent through a bank, stayed in giro, or sends a deposit back: Banxico's page finds nothing of it, and was not asked."
            }
            Self::ClabeTaken => "Another account has this CLABE. Nothing was done and the key is still free.",
            Self::AccountClosed => "A closed account stays closed. Nothing was changed; open another one.",
            Self::AccountNotEmpty => {
                "It has money, or holds some for payouts under way. Nothing was changed; once all of it is paid out, close it."
            }
            Self::AnotherPause => {
                "Look at the bank: another pause stands than the one that you name. Nothing was done. Once its cause is mended, send its `paused_at`."
            }
            Self::NotFound => "There is nothing at this path that you may see.",
            Self::MethodNotAllowed => "Use a method that the header Allow names.",
            Self::UnsupportedMediaType => "Send Content-Type: application/json, and no Content-Encoding.",
            Self::BodyTooLarge => "Send a smaller body. Nothing was done and the key is still free.",
            Self::RequestTimeout => {
                "Send the whole body within 30 seconds. Nothing was done and the key is still free."
            }
            Self::RateLimited => {
                "Wait for the seconds that the header Retry-After says. Nothing was done and the key is still free."
            }
            Self::LookUpsFull => {
                "The caller has 200 receipts looked up at Banxico, which takes one in seconds. Nothing was done; ask again once some have been answered."
            }
            Self::CatchingUp => {
                "The books were restarted or restored, and giro is asking the bank what was sent before. Nothing was done; ask again with the same key."
            }
            Self::Later => "giro may or may not have done it. Ask again with the same key: it is done once.",
            Self::Internal => "An alert was raised. Ask again with the same key once it is mended: it is done once.",
        }
    }

    /// What the payer may be told, where the problem is about them.
    fn customer(self) -> Option<Said> {
        match self {
            Self::Refused(refusal) => Some(customer::refusal(refusal).into()),
            Self::TooLate => Some(customer::too_late().into()),
            Self::InvalidJson | Self::InvalidRequest | Self::KeyMissing | Self::KeyInvalid | Self::KeyReused => None,
            Self::Unauthenticated | Self::Forbidden | Self::ClabeTaken | Self::NotFound | Self::MethodNotAllowed => {
                None
            }
            Self::UnsupportedMediaType | Self::BodyTooLarge | Self::RequestTimeout => None,
            Self::RateLimited | Self::LookUpsFull | Self::AccountClosed | Self::AccountNotEmpty => None,
            Self::NotSetApart
            | Self::KeyShared
            | Self::MayBeBack
            | Self::NothingToDecide
            | Self::NothingToLookUp
            | Self::AnotherPause
            | Self::CatchingUp
            | Self::Later
            | Self::Internal => None,
        }
    }

    /// The seconds to wait before the same request is sent again, where that is known.
    fn retry_after(self) -> Option<&'static str> {
        if matches!(self, Self::Later | Self::RateLimited) {
            return Some("1");
        }
        match self == Self::LookUpsFull {
            true => Some("600"),
            false => (self == Self::CatchingUp).then_some("5"),
        }
    }

    /// True when the same request may be answered otherwise later.
    pub(super) const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::CatchingUp
                | Self::Later
                | Self::Internal
                | Self::RequestTimeout
                | Self::RateLimited
                | Self::LookUpsFull
        )
    }
}

/// One problem.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    resource: Option<String>,
    replayed: bool,
}

impl Problem {
    /// One field that is wrong, and what to write there.
    pub(super) fn field(pointer: &str, code: FieldCode, fix: impl std::fmt::Display) -> Self {
        Self::fields(vec![FieldError::new(pointer, code, fix)])
    }

    /// `/account` names no account of a customer.
    pub(super) fn no_such_account() -> Self {
        Self::field(
            "/account",
            FieldCode::InvalidId,
            "name a customer's account that the books have",
        )
    }

    /// `/account` names one that takes no money.
    pub(super) fn account_not_open() -> Self {
        Self::field(
            "/account",
            FieldCode::NotPayable,
            "name an account that is open: this one is frozen or closed",
        )
    }

    /// The ledger answered another question than it was asked.
    pub(super) fn unexpected(command: &'static str) -> Self {
        tracing::error!(command, "the ledger answered another question");
        Self::from(Code::Internal)
    }

    /// Every field that is wrong: not JSON at all, or JSON with wrong fields.
    pub(super) fn fields(errors: Vec<FieldError>) -> Self {
        let is_no_json = |error: &FieldError| {
            error.pointer.is_empty() && (error.code == FieldCode::InvalidJson || error.code == FieldCode::NotUtf8)
        };
        let code = if errors.iter().any(is_no_json) {
            Code::InvalidJson
        } else {
            Code::InvalidRequest
        };
        Self {
            errors,
            ..Self::from(code)
        }
    }

    /// Says more than the kind of problem does.
    pub(super) fn because(code: Code, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::from(code)
        }
    }

    /// Names the thing that is in the way.
    pub(super) fn about(self, resource: Option<String>) -> Self {
        Self { resource, ..self }
    }

    /// Of a request that was only looked at: what is refused now is kept under no key.
    pub(super) fn foreseen(self) -> Self {
        if self.replayed || !matches!(self.code, Code::Refused(_)) {
            return self;
        }
        let told = self.code.detail().split(KEPT).next().unwrap_or_default();
        Self {
            detail: Some(format!("{told}Nothing was done and the key is still free.")),
            ..self
        }
    }

    /// The answer is one that was given before.
    pub(super) fn replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    fn body(&self) -> Value {
        let word = self.code.word();
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(format!("urn:giro:problem:{word}")));
        body.insert("title".to_owned(), json!(self.code.title()));
        body.insert("status".to_owned(), json!(self.code.status().as_u16()));
        body.insert("code".to_owned(), json!(word));
        body.insert(
            "detail".to_owned(),
            json!(self.detail.as_deref().unwrap_or(self.code.detail())),
        );
        body.insert("retryable".to_owned(), json!(self.code.is_retryable()));
        body.insert("doc".to_owned(), json!(docs::problem(self.code)));
        if let Some(id) = trace::request_id() {
            body.insert("instance".to_owned(), json!(format!("urn:uuid:{id}")));
            body.insert("request_id".to_owned(), json!(id));
        }
        if let Some(resource) = &self.resource {
            body.insert("resource_id".to_owned(), json!(resource));
        }
        if let Some(customer) = self.code.customer() {
            body.insert("customer".to_owned(), json!(customer));
        }
        if !self.errors.is_empty() {
            body.insert("errors".to_owned(), json!(self.errors));
        }
        Value::Object(body)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            resource: None,
            replayed: false,
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Later => Self::from(Code::Later),
            LedgerError::SetAside => {
                let detail = "The books refuse this request as it is. Nothing was done, the key is still free, and an alert was raised.";
                Self::because(Code::Internal, detail)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => {
                tracing::warn!(%error, "the books are away");
                Self::from(Code::Later)
            }
            StoreError::Disagree(error) => {
                tracing::error!(error, "the books and the code disagree");
                Self::from(Code::Internal)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        meters::problem(self.code.word());
        let mut response = (self.code.status(), self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.code.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        if self.replayed {
            headers.insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_own_word_and_a_whole_body() {
        let codes: Vec<Code> = Code::all().collect();
        let words: std::collections::BTreeSet<&str> = codes.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), codes.len());
        for code in codes {
            let body = Problem::from(code).body();
            assert_eq!(body["type"], format!("urn:giro:problem:{}", code.word()));
            assert_eq!(body["status"], code.status().as_u16());
            assert!(
                body["title"].is_string() && body["detail"].is_string() && body.get("errors").is_none(),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_no_json_is_400_and_what_is_wrong_json_is_422() {
        let with =
            |pointer: &str, code: FieldCode| Problem::fields(vec![FieldError::new(pointer, code, "mend it")]).code;
        assert_eq!(with("", FieldCode::InvalidJson), Code::InvalidJson);
        assert_eq!(with("", FieldCode::NotUtf8), Code::InvalidJson);
        assert_eq!(with("", FieldCode::WrongType), Code::InvalidRequest);
        assert_eq!(with("/beneficiary", FieldCode::InvalidJson), Code::InvalidRequest);
    }

    #[test]
    fn a_refusal_says_how_to_ask_again_and_a_replay_says_so() {
        let refused = Problem::from(Code::Refused(Refusal::InsufficientFunds)).replayed(true);
        assert!(
            refused.body()["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("use a new key"))
        );
        assert!(
            refused.body()["customer"]["es-MX"]
                .as_str()
                .is_some_and(|said| said.contains("saldo"))
        );
        let response = refused.into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers()[REPLAYED], "true");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let later = Problem::from(LedgerError::Later).into_response();
        assert_eq!(
            (later.status(), later.headers()[header::RETRY_AFTER].as_bytes()),
            (StatusCode::SERVICE_UNAVAILABLE, &b"1"[..])
        );
    }
}
