//! The activities of giro, declared: names on the wire, what goes in, what comes out. Nothing of a person goes through.

// A declaration has no body: the macro demands `unimplemented!()`, and `activities` implements it.
#![allow(clippy::unimplemented, unused_variables)]

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

use crate::{
    domain::{Attention, Centavos, End, Evidence, FieldError, PayoutId, Refusal, State, TrackingKey},
    wire::DirectStart,
};

/// Which payout a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The payout.
    pub payout: PayoutId,
    /// The attention that the run has already shown; an inquiry comes back when the row says another.
    #[serde(default)]
    pub shown: Option<Attention>,
}

/// Where a payout stands, for people to read in the Temporal UI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The payout.
    pub payout: PayoutId,
    /// Its bank.
    pub bank: String,
    /// What the beneficiary gets, in centavos.
    pub amount: Centavos,
    /// The key the bank knows it by.
    pub tracking_key: TrackingKey,
    /// Its state.
    pub state: State,
    /// The bank's day of the order.
    pub operating_date: Option<Date>,
    /// What proves the outcome.
    pub evidence: Option<Evidence>,
    /// What the bank last said, in our words.
    pub bank_said: Option<String>,
    /// Why a person should look.
    pub attention: Option<Attention>,
    /// Seconds until a person is told; 0 when that is past or the payout has ended.
    pub deadline_seconds: u64,
}

/// What became of a wish to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "submit")]
pub enum Submit {
    /// The bank has it.
    Sent {
        /// Where it stands.
        standing: Standing,
    },
    /// It may have reached the bank; only asking tells.
    Doubt {
        /// Where it stands.
        standing: Standing,
    },
    /// It certainly did not reach the bank.
    NotSent {
        /// Seconds until it is worth another try.
        wait_seconds: u64,
        /// Where it stands.
        standing: Standing,
    },
    /// Evidence or an end stands on the row.
    Closed {
        /// Where it stands.
        standing: Standing,
    },
    /// The books do not have it.
    Unknown,
}

/// What apply did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "applied")]
pub enum Applied {
    /// It has ended, now or before.
    Ended {
        /// How.
        end: End,
        /// Where it stands.
        standing: Standing,
    },
    /// No proof yet, or proof that disagrees.
    Open {
        /// Where it stands.
        standing: Standing,
    },
    /// The books do not have it.
    Unknown,
}

/// What became of a request that started its run itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "accept")]
pub enum Accept {
    /// The money is held, now or before.
    Accepted {
        /// Where it stands.
        standing: Standing,
        /// Who holds the beneficiary's account.
        institution: u32,
    },
    /// An authority said no, for good.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// It is not a request that giro takes; nothing was written.
    Malformed {
        /// What to mend.
        errors: Vec<FieldError>,
    },
}

/// The answer to the question of a person: what the bank says now, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Where the payout stands after asking; `None` when the books do not have it.
    pub standing: Option<Standing>,
    /// What happens next, as a sentence.
    pub next: String,
    /// True when giro sends it again now, by its own rules.
    pub resends: bool,
}

/// Steps on the books.
pub struct Ledger;

#[activity_definitions]
impl Ledger {
    /// Holds the money of a request that started its run itself.
    #[activity(name = "ledger.accept")]
    pub fn accept(start: DirectStart) -> Accept {
        unimplemented!()
    }

    /// Posts or releases by the evidence on the row.
    #[activity(name = "ledger.apply")]
    pub fn apply(subject: Subject) -> Applied {
        unimplemented!()
    }
}

/// Calls to a bank.
pub struct Bank;

#[activity_definitions]
impl Bank {
    /// Takes the right to send, sends once, records; asks nothing.
    #[activity(name = "bank.submit")]
    pub fn submit(subject: Subject) -> Submit {
        unimplemented!()
    }

    /// Asks until there is something to act on; its attempts are retried by the server.
    #[activity(name = "bank.inquire")]
    pub fn inquire(subject: Subject) -> Standing {
        unimplemented!()
    }

    /// Asks once, because a person wants to know.
    #[activity(name = "bank.ask")]
    pub fn ask(subject: Subject) -> Asked {
        unimplemented!()
    }
}

/// The marker types, for the crate that implements them.
pub mod markers {
    pub use super::{
        bank::{Ask, Inquire, Submit},
        ledger::{Accept, Apply},
    };
}
