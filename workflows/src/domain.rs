//! Domain types: parsed once at the edge, valid wherever they exist.

#[macro_use]
mod words;

mod calendar;
mod clabe;
mod fees;
mod field;
mod ids;
mod institution;
mod money;
mod payout;
mod reason;
mod receipt;
mod received;
mod request;
mod text;

pub use calendar::{BankCalendar, CalendarError, Guard, OperatingDate, Window, mexico_city};
pub use clabe::{Clabe, ClabeError, looks_like_a_card};
pub use fees::{Fees, NotLater, Price};
pub use field::{FieldCode, FieldError, FieldWord};
pub use ids::{AccountId, CorrectionId, MovementId, NotAnId, PayoutId, ReceivedId, TrackingKey, TransferId};
pub use institution::{CatalogueError, Institution, InstitutionCode, Institutions, Standing as InstitutionStanding};
pub use money::{Centavos, Currency, LARGEST_ORDER};
pub use payout::{Attention, End, Evidence, Outcome, Refusal, State};
pub use reason::FailureReason;
pub use receipt::{PaymentState, PortalAnswer};
pub use received::{ReceivedAttention, ReceivedKind, ReceivedState};
pub use request::{
    AccountRequest, BeneficiaryRequest, OpenAccount, OpeningCreditRequest, Order, PayoutRequest, TransferOrder,
    TransferRequest,
};
pub use text::{BeneficiaryName, CharacterKind, Concept, NumericReference, TaxId, TextError};
pub use words::UnknownWord;
