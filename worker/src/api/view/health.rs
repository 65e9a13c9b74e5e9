//! How a process is, and where to read on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `alive` or `ready`.
    #[schema(example = "ready")]
    pub status: String,
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
