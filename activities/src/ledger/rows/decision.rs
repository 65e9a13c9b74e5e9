//! What people say, one by one, of a payout or a record that came in: the row.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workflows::domain::{AccountId, Outcome};

use super::as_uuid;

/// What one person said; nobody changes it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub id: Uuid,
    /// The payout or received record.
    pub subject: Uuid,
    pub person: String,
    pub key: String,
    pub outcome: Outcome,
    #[serde(with = "as_uuid::option")]
    pub account: Option<AccountId>,
    pub document: String,
    /// How the subject stood: said of something that has moved on since, it no longer counts.
    pub stood: String,
    /// Another person's that it makes count, by saying the same.
    pub seconds: Option<Uuid>,
    pub at: Timestamp,
}
