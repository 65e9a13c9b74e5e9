//! Domain types: parsed once at the edge, valid wherever they exist.

mod calendar;
mod clabe;
mod ids;
mod institution;
mod money;
mod payout;
mod request;
mod text;

pub use calendar::{BankCalendar, CalendarError, Guard, OperatingDate, Window};
pub use clabe::{Clabe, ClabeError, looks_like_a_card};
pub use ids::{AccountId, MovementId, NotAnId, PayoutId, TrackingKey};
pub use institution::{CatalogueError, Institution, InstitutionCode, Institutions, Standing as InstitutionStanding};
pub use money::{Centavos, Currency, LARGEST_ORDER};
pub use payout::{Attention, End, Evidence, Refusal, State, UnknownWord};
pub use request::{
    AccountRequest, BeneficiaryRequest, FieldError, OpenAccount, OpeningCreditRequest, Order, PayoutRequest,
};
pub use text::{BeneficiaryName, CharacterKind, Concept, NumericReference, TaxId, TextError};
