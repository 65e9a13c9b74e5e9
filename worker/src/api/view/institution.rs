//! Participants of SPEI: whose CLABEs are whose, and who can be paid.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{self, Institutions};

use super::Thing;

/// One institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Institution {
    /// `institution`.
    pub object: Thing,
    /// Its SPEI code.
    #[schema(example = 40012)]
    pub code: u32,
    /// Its short name.
    #[schema(example = "BBVA Mexico")]
    pub name: String,
    /// The first three digits of its CLABEs; null when it has none.
    #[schema(example = "012")]
    pub clabe_prefix: Option<String>,
    /// Its customers can be paid today.
    pub can_be_paid: bool,
}

impl Institution {
    /// A row of the catalogue, on an operating date.
    pub(in crate::api) fn of(row: &domain::Institution, all: &Institutions, on: Date) -> Self {
        Self {
            object: Thing::Institution,
            code: row.code.get(),
            name: row.name.clone(),
            clabe_prefix: row.clabe_prefix.clone(),
            can_be_paid: all.pays(row, on),
        }
    }
}
