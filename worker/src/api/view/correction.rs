//! A correction of the books by two people.

use activities::ledger::read::Corrected;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{AccountId, Centavos, CorrectionId, Currency, MovementId};

use super::{Thing, form};

/// Money that goes from one account of the books to another, once two people have said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Correction {
    /// `correction`.
    pub object: Thing,
    #[schema(value_type = form::CorrectionId)]
    pub id: CorrectionId,
    #[schema(value_type = form::AccountId)]
    pub debit_account: AccountId,
    #[schema(value_type = form::AccountId)]
    pub credit_account: AccountId,
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// What both go by.
    #[schema(example = "STP invoice A-991")]
    pub document: String,
    /// Booked, or asked for by one person.
    pub state: State,
    /// When the first person said so.
    pub asked_at: Timestamp,
    /// What two people had booked; null while it waits for a second.
    pub booked: Option<Booked>,
}

/// Where a correction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CorrectionState)]
pub enum State {
    /// One person has said so.
    Asked,
    /// Two have, and the money has moved.
    Booked,
}

/// What was booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BookedCorrection)]
pub struct Booked {
    #[schema(value_type = form::MovementId)]
    pub movement: MovementId,
    /// The two people.
    #[schema(example = "ana and luis")]
    pub by: Option<String>,
    /// The operating date that it counts for.
    pub operating_date: Date,
    pub at: Timestamp,
}

impl From<Corrected> for Correction {
    fn from(Corrected { correction, movement }: Corrected) -> Self {
        Self {
            object: Thing::Correction,
            id: correction.id,
            debit_account: correction.debit_account,
            credit_account: correction.credit_account,
            amount: correction.amount,
            currency: Centavos::CURRENCY,
            document: correction.document,
            state: match movement {
                Some(_) => State::Booked,
                None => State::Asked,
            },
            asked_at: correction.asked_at,
            booked: movement.map(|row| Booked {
                movement: row.id,
                by: row.actor,
                operating_date: row.effective_on,
                at: row.created_at,
            }),
        }
    }
}
