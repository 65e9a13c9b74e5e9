//! A problem as callers read it (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::told::Said;

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
    /// Where this API explains it.
    #[schema(example = "/docs/problems/insufficient_funds")]
    pub doc: String,
    /// What the payer may be told, where there is something to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Said>,
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

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, response::IntoResponse};
    use serde_json::Value;
    use workflows::domain::{FieldCode, FieldError, Refusal};

    use crate::api::problem::{self, Code};

    #[tokio::test]
    async fn a_problem_reads_back_with_every_field() {
        let wrong = problem::Problem::fields(vec![FieldError::new("/amount", FieldCode::OutOfRange, "write less")]);
        let refused = problem::Problem::from(Code::Refused(Refusal::AccountUnknown)).about(Some("po_1".to_owned()));
        for problem in [wrong, refused] {
            let body = to_bytes(problem.into_response().into_body(), 10_000)
                .await
                .expect("whole");
            let said: Value = serde_json::from_slice(&body).expect("is JSON");
            let read: super::Problem = serde_json::from_value(said.clone()).expect("reads");
            assert_eq!(
                serde_json::to_value(read).expect("is JSON"),
                said,
                "the document has every field"
            );
        }
    }
}
