//! How a process is, and where to read on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    pub status: String,
}

/// A process that can accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// `ready`.
    #[schema(example = "ready")]
    pub status: String,
    /// The version of giro that answers.
    #[schema(example = "0.0.0")]
    pub version: String,
    /// The time of the books, by which all other times are written.
    pub now: Timestamp,
}

/// What this is, and where it is described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Root {
    /// `giro`.
    pub name: String,
    /// Where people read about it.
    pub docs: String,
    /// Where programs read about it.
    pub openapi: String,
}
