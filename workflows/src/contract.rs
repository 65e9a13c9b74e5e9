//! The activities of giro, declared: names on the wire, what goes in, what comes out. Nothing of a person goes through.

// A declaration has no body: the macro demands `unimplemented!()`, and `activities` implements it.
#![allow(clippy::unimplemented, unused_variables)]

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

use crate::{
    domain::{
        Attention, Centavos, End, Evidence, FieldError, PayoutId, PortalAnswer, ReceivedAttention, ReceivedId,
        ReceivedKind, ReceivedState, Refusal, State, TrackingKey,
    },
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
        /// What it waits for, as a sentence; `None`: nothing that a clock knows.
        #[serde(default)]
        waits_for: Option<String>,
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

/// What became of money that goes from one account of giro's own to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "booked")]
pub enum Booked {
    /// It has ended, now or before.
    Ended {
        /// How.
        end: End,
        /// Where it stands.
        standing: Standing,
    },
    /// It is not time yet.
    Waits {
        /// Seconds until it is.
        wait_seconds: u64,
        /// Where it stands.
        standing: Standing,
        /// What it waits for, as a sentence.
        waits_for: String,
    },
    /// The books do not have it, or it goes through a bank.
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

/// What a turn at Banxico's portal came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "turn")]
pub enum Turn {
    /// A question was asked, and what came of it is written down.
    Asked {
        /// About this payout.
        payout: PayoutId,
        /// What came.
        said: PortalAnswer,
        /// Seconds until the next may be asked.
        wait_seconds: u64,
    },
    /// The portal's pace allows none yet.
    Wait {
        /// Seconds until it does.
        wait_seconds: u64,
    },
    /// Nothing is due, or not soon.
    Nothing,
}

/// What a look at a bank's closed days came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// The bank.
    pub bank: String,
    /// The days that were read, oldest first; none when none was due.
    pub days: Vec<DayRead>,
    /// Orders of the bank that the books had as never sent, and have now.
    pub taken_in: u64,
    /// Records of money that came in, and that the books did not have.
    #[serde(default)]
    pub taken_in_received: u64,
    /// Orders of the bank that the books cannot explain, named for the first time.
    pub strays: u64,
    /// Payouts of which it is proven that their orders never reached the bank.
    pub proven_absent: u64,
    /// The running day so far; `None`: it could not be read.
    #[serde(default)]
    pub running: Option<RunningRead>,
}

/// The running day of a bank, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningRead {
    /// The bank's day.
    pub operating_date: Date,
    /// Orders on its statement so far.
    pub orders: u64,
    /// How many of them differ from the books.
    pub differences: u64,
    /// Centavos by which the bank's balance is apart from the settlement account; `None`: not asked, or money moved meanwhile.
    pub apart: Option<i64>,
}

/// One closed day of a bank, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRead {
    /// The bank's day.
    pub operating_date: Date,
    /// Orders on the bank's statement.
    pub orders: u64,
    /// Of them those that the books have, alike in all fields.
    pub agreed: u64,
    /// Records of what came in on it.
    #[serde(default)]
    pub received: u64,
    /// Payouts of the day that have not ended, and records that have no place yet.
    pub open: u64,
    /// What differs; 0, and nothing open: the day is settled.
    pub differences: u64,
}

/// Which received record a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The record.
    pub received: ReceivedId,
}

/// Where money that came in stands, for people to read in the Temporal UI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalStanding {
    /// The record.
    pub received: ReceivedId,
    /// A deposit or a return.
    pub kind: ReceivedKind,
    /// Its bank.
    pub bank: String,
    /// What came in, in centavos.
    pub amount: Centavos,
    /// The institution that sent it (SPEI code).
    pub sender: u32,
    /// The key that it came under.
    pub tracking_key: String,
    /// The bank's day.
    pub operating_date: Date,
    /// Where the money is.
    pub state: ReceivedState,
    /// The payout that came back by it, or that it waits for.
    pub payout: Option<PayoutId>,
    /// Why a person should look.
    pub attention: Option<ReceivedAttention>,
}

/// What became of money that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "placed")]
pub enum Placed {
    /// It has a place, now or since before.
    Placed {
        /// Where it stands.
        standing: ArrivalStanding,
    },
    /// It waits, a return for its payout to be settled.
    Waits {
        /// Where it stands.
        standing: ArrivalStanding,
    },
    /// The books do not have it.
    Unknown,
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

    /// Moves money between two accounts of giro's own, once it is time.
    #[activity(name = "ledger.book")]
    pub fn book(subject: Subject) -> Booked {
        unimplemented!()
    }

    /// Gives a deposit to its customer, or sets it apart.
    #[activity(name = "ledger.deposit")]
    pub fn deposit(arrival: Arrival) -> Placed {
        unimplemented!()
    }

    /// Reverses what came back of a payout.
    #[activity(name = "ledger.return")]
    pub fn give_back(arrival: Arrival) -> Placed {
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

    /// Holds the closed days that are due against the books.
    #[activity(name = "bank.reconcile")]
    pub fn reconcile() -> Reconciled {
        unimplemented!()
    }
}

/// Questions to Banxico's portal of receipts, which decide nothing about money.
pub struct Banxico;

#[activity_definitions]
impl Banxico {
    /// Asks what is due first, once.
    #[activity(name = "banxico.look_up")]
    pub fn look_up() -> Turn {
        unimplemented!()
    }
}

/// The marker types, for the crate that implements them.
pub mod markers {
    pub use super::{
        bank::{Ask, Inquire, Reconcile, Submit},
        banxico::LookUp,
        ledger::{Accept, Apply, Book, Deposit, GiveBack},
    };
}
