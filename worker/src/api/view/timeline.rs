//! Everything that happened to a payout, told without a person's data.

use activities::ledger::{
    rows::Kind,
    timeline::{Entry, What},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use workflows::domain::{AccountId, Centavos, Evidence, MovementId, Outcome, PayoutId, State};

use super::{Thing, form, payout::PayoutLinks};

/// What happened to a payout, the oldest first; a thousand entries at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// `timeline`.
    pub object: Thing,
    #[schema(value_type = form::PayoutId)]
    pub payout: PayoutId,
    pub data: Vec<Happened>,
    /// The payout, and its run.
    pub links: PayoutLinks,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happened {
    /// The payout entered a state.
    State {
        /// When.
        at: Timestamp,
        #[schema(value_type = form::State)]
        state: State,
        /// Its event's number: from 1, without gaps.
        seq: u32,
        /// Sends that had begun.
        send_no: u32,
    },
    /// A bank was asked something.
    Exchange {
        /// When its answer was kept.
        at: Timestamp,
        /// The exchange, for whoever may see its bytes.
        id: Uuid,
        /// `submit` or `inquire`.
        #[schema(example = "inquire")]
        question: String,
        /// Sends that had begun.
        send_no: u32,
        /// HTTP status; null when no answer came.
        status: Option<u16>,
        /// The answer in our words.
        said: String,
    },
    /// Something claimed to prove an outcome.
    Evidence {
        /// When.
        at: Timestamp,
        #[schema(value_type = form::Evidence)]
        evidence: Evidence,
        /// Two people, when they decided.
        decided_by: Option<Vec<String>>,
        /// What they decided on.
        document: Option<String>,
    },
    /// A person said what became of it.
    Decision {
        /// When.
        at: Timestamp,
        /// The caller that they are.
        #[schema(example = "ana")]
        by: String,
        #[schema(value_type = form::Outcome)]
        outcome: Outcome,
        /// What they go by.
        document: String,
        /// It made another person's word count.
        is_second: bool,
    },
    /// Money moved.
    Movement {
        /// When.
        at: Timestamp,
        #[schema(value_type = form::MovementId)]
        id: MovementId,
        #[schema(value_type = form::Leg)]
        leg: Kind,
        #[schema(value_type = form::AccountId)]
        debit_account: AccountId,
        /// Null where it is another customer's, whom the payer knows by CLABE only.
        #[schema(value_type = Option<form::AccountId>)]
        credit_account: Option<AccountId>,
        #[schema(value_type = form::Centavos)]
        amount: Centavos,
        /// The operating date that it counts for.
        effective_on: Date,
    },
    /// The bank called.
    Webhook {
        /// When.
        at: Timestamp,
        /// What giro made of it.
        note: Option<String>,
        /// Nothing more will come of it.
        done: bool,
    },
}

impl Happened {
    /// An entry; `sees_payee`: whoever looks may know which customer of giro's own got it.
    pub(in crate::api) fn of(Entry { at, what }: Entry, sees_payee: bool) -> Self {
        match what {
            What::State { state, seq, send_no } => Self::State {
                at,
                state,
                seq,
                send_no,
            },
            What::Exchange {
                id,
                question,
                send_no,
                status,
                said,
            } => Self::Exchange {
                at,
                id,
                question,
                send_no,
                status,
                said,
            },
            What::Evidence {
                evidence,
                decided_by,
                document,
            } => Self::Evidence {
                at,
                evidence,
                decided_by,
                document,
            },
            What::Decision {
                by,
                outcome,
                document,
                is_second,
            } => Self::Decision {
                at,
                by,
                outcome,
                document,
                is_second,
            },
            What::Movement {
                id,
                leg,
                debit_account,
                credit_account,
                amount,
                effective_on,
            } => Self::Movement {
                at,
                id: MovementId::new(id),
                leg,
                debit_account: AccountId::new(debit_account),
                credit_account: (sees_payee || leg != Kind::Transfer).then(|| AccountId::new(credit_account)),
                amount,
                effective_on,
            },
            What::Webhook { note, done } => Self::Webhook { at, note, done },
        }
    }
}
