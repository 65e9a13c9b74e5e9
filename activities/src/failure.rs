//! The three words of failure, as Temporal reads them: Refused is a value, Doubt is a value, Later is retried.

use temporalio_common::error::{ApplicationErrorCategory, ApplicationFailure};
use temporalio_sdk::activities::ActivityError;

use crate::{
    bank::NoTurn,
    catch_up::Trouble,
    ledger::{LedgerError, StoreError},
};

/// The books are away: the server retries, nobody is told.
pub const LATER: &str = "Later";
/// The books refuse this very command: retried, and counted as a failure.
pub const SET_ASIDE: &str = "SetAside";
/// The bank has not said anything to act on: the server asks again.
pub const PENDING: &str = "Pending";

/// Something that cannot be: retried by the server until it is mended, and counted.
pub const BUG: &str = "Bug";

/// What a person sees in the Temporal UI.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

/// Retried by the server after `seconds`, without counting as a failure.
pub fn pending(said: &str, seconds: u64) -> ActivityError {
    ActivityError::application(
        ApplicationFailure::builder(Said(format!("the bank says: {said}")))
            .type_name(PENDING.to_owned())
            .category(ApplicationErrorCategory::Benign)
            .next_retry_delay(std::time::Duration::from_secs(seconds))
            .build(),
    )
}

/// Its turn at the bank did not come: nothing was begun or asked. Tried again after `seconds`, and no failure.
pub fn put_off(seconds: u64) -> ActivityError {
    ActivityError::application(
        ApplicationFailure::builder(NoTurn)
            .type_name(PENDING.to_owned())
            .category(ApplicationErrorCategory::Benign)
            .next_retry_delay(std::time::Duration::from_secs(seconds))
            .build(),
    )
}

/// A failure of the ledger.
pub fn ledger(error: LedgerError) -> ActivityError {
    let (type_name, category) = match error {
        LedgerError::Later => (LATER, ApplicationErrorCategory::Benign),
        LedgerError::SetAside => (SET_ASIDE, ApplicationErrorCategory::Unspecified),
    };
    ActivityError::application(
        ApplicationFailure::builder(error)
            .type_name(type_name.to_owned())
            .category(category)
            .build(),
    )
}

/// A failure to read the books.
pub fn store(error: StoreError) -> ActivityError {
    let type_name = match &error {
        StoreError::Database(_) => LATER,
        StoreError::Disagree(why) => {
            tracing::error!(
                why,
                "the books and the code disagree: tried again until one of them is mended"
            );
            SET_ASIDE
        }
    };
    ActivityError::application(
        ApplicationFailure::builder(error)
            .type_name(type_name.to_owned())
            .build(),
    )
}

/// A statement that could not be read, or held against the books: the server retries, nobody is told.
pub(crate) fn unread(trouble: Trouble) -> ActivityError {
    match trouble {
        Trouble::Store(error) => store(error),
        Trouble::Ledger(error) => ledger(error),
        Trouble::Bank(_) | Trouble::Calendar(_) | Trouble::Lacks(_) | Trouble::Rolled | Trouble::Behind => {
            ActivityError::application(
                ApplicationFailure::builder(trouble)
                    .type_name(LATER.to_owned())
                    .category(ApplicationErrorCategory::Benign)
                    .build(),
            )
        }
    }
}

/// Something that cannot be.
pub fn bug(what: String) -> ActivityError {
    ActivityError::application(
        ApplicationFailure::builder(Said(what))
            .type_name(BUG.to_owned())
            .build(),
    )
}
