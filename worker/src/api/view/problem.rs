//! A problem as callers read it (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An answer that is not what was asked for. Fields without a value are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:giro:problem:` and `code`.
    #[serde(rename = "type")]
    #[schema(example = "urn:giro:problem:insufficient_funds")]
    pub kind: String,
    /// The kind of problem, for people.
    #[schema(example = "Not enough money available")]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// The stable word for programs.
    #[schema(example = "insufficient_funds")]
    pub code: String,
    /// What happened, and what to do.
    pub detail: String,
    /// The same request may be answered otherwise later.
    pub retryable: bool,
    /// `urn:uuid:` and `request_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The request, as logs and `X-Request-Id` name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The thing that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Every field or parameter that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer in snake_case; `/` and its name for a parameter; empty for the whole request.
    #[schema(example = "/beneficiary/clabe")]
    pub pointer: String,
    /// A stable word.
    #[schema(example = "check_digit")]
    pub code: String,
    /// The fix. The value is never repeated.
    pub message: String,
}
