//! Search attributes of a run. They are never encrypted: nothing of a person is among them.

use temporalio_common::search_attributes::SearchAttributeKey;

/// The bank that pays.
pub const BANK: SearchAttributeKey<String> = SearchAttributeKey::keyword("GiroBank");
/// The institution that holds the beneficiary's account (SPEI code).
pub const INSTITUTION: SearchAttributeKey<String> = SearchAttributeKey::keyword("GiroInstitution");
/// What the beneficiary gets, in centavos.
pub const AMOUNT_CENTS: SearchAttributeKey<i64> = SearchAttributeKey::int("GiroAmountCents");
/// The key the bank knows the payout by.
pub const TRACKING_KEY: SearchAttributeKey<String> = SearchAttributeKey::keyword("GiroTrackingKey");
/// Why a person should look; absent when nobody needs to.
pub const ATTENTION: SearchAttributeKey<String> = SearchAttributeKey::keyword("GiroAttention");
/// The same attribute, written as an empty list: the one way to clear it that the server takes.
pub const NO_ATTENTION: SearchAttributeKey<Vec<String>> = SearchAttributeKey::keyword_list("GiroAttention");
/// How it ended.
pub const OUTCOME: SearchAttributeKey<String> = SearchAttributeKey::keyword("GiroOutcome");

/// Name and type of each attribute, as an operator registers them before the first worker starts.
pub const ALL: &[(&str, &str)] = &[
    ("GiroBank", "Keyword"),
    ("GiroInstitution", "Keyword"),
    ("GiroBatchId", "Keyword"),
    ("GiroAmountCents", "Int"),
    ("GiroTrackingKey", "Keyword"),
    ("GiroAttention", "Keyword"),
    ("GiroOutcome", "Keyword"),
];
