//! Everything that happened to a payout, in order: its states, what was said to and by the bank, what proved it, and
//! the movements. For people: no bytes, nothing of a person.

use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;
use workflows::domain::{Centavos, Evidence, Outcome, PayoutId, State};

use super::{StoreError, rows::Kind};

/// Questions, and calls of the bank, at the most: a payout that is asked about for days has thousands.
const MOST: i64 = 300;

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// `giro_now()` when the books took it.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The payout entered a state.
    State {
        /// Which.
        state: State,
        /// Its event's number, from 1, without gaps.
        seq: u32,
        /// Sends that had begun.
        send_no: u32,
    },
    /// A bank was asked something.
    Exchange {
        /// The exchange, for whoever may see its bytes.
        id: Uuid,
        /// `submit` or `inquire`.
        question: String,
        /// Sends that had begun.
        send_no: u32,
        /// HTTP status, when there was an answer.
        status: Option<u16>,
        /// The answer in our words.
        said: String,
    },
    /// Something claimed to prove an outcome.
    Evidence {
        /// What.
        evidence: Evidence,
        /// Two people, when they decided.
        decided_by: Option<Vec<String>>,
        /// What they decided on.
        document: Option<String>,
    },
    /// A person said what became of it.
    Decision {
        /// Who.
        by: String,
        /// What.
        outcome: Outcome,
        /// What they go by.
        document: String,
        /// It made another person's word count.
        is_second: bool,
    },
    /// Money moved.
    Movement {
        /// Its id, a plain UUID here.
        id: Uuid,
        /// Which leg.
        leg: Kind,
        /// Whom it debits.
        debit_account: Uuid,
        /// Whom it credits.
        credit_account: Uuid,
        /// Centavos.
        amount: Centavos,
        /// The operating date that the bank states.
        effective_on: Date,
    },
    /// The bank called.
    Webhook {
        /// What giro made of it.
        note: Option<String>,
        /// Nothing more will come of it.
        done: bool,
    },
}

/// What happened to a payout, the oldest first; empty for one that does not exist. Of questions to the bank, and of its
/// calls, the newest are there; everything else is whole.
///
/// At one instant: what the bank or people said, then what it proves, then the state, then the movements.
pub async fn timeline(pool: &PgPool, payout: PayoutId) -> Result<Vec<Entry>, StoreError> {
    let found: Vec<Option<Value>> = sqlx::query_scalar!(
        r#"select entry || jsonb_build_object('at', at) as entry from (
               (select received_at as at, 0 as rank, 0::bigint as nth, jsonb_build_object('kind', 'webhook',
                   'note', note, 'done', done_at is not null) as entry from inbox where payout = $1
                order by received_at desc limit $2)
               union all
               select at, 1, 0, jsonb_build_object('kind', 'exchange', 'id', id, 'question', question,
                   'send_no', send_no, 'status', status, 'said', said)
               from ((select * from exchange where payout = $1 and question = 'submit')
                     union all
                     (select * from exchange where payout = $1 and question = 'inquire' order by at desc limit $2)) asked
               union all
               select at, 2, 0, jsonb_build_object('kind', 'decision', 'by', person, 'outcome', outcome,
                   'document', document, 'is_second', seconds is not null) from decision where subject = $1
               union all
               select at, 3, 0, jsonb_build_object('kind', 'evidence', 'evidence', kind,
                   'decided_by', decided_by, 'document', document) from evidence where payout = $1
               union all
               select created_at, 4, seq, jsonb_build_object('kind', 'state', 'state', split_part(type, '.', 2),
                   'seq', seq, 'send_no', coalesce((event ->> 'sendNo')::int, 0)) from outbox where subject = $1
               union all
               select created_at, 5, array_position(array['amount', 'transfer', 'fee', 'iva', 'return', 'interest', 'fee_refund', 'iva_refund'], kind),
                   jsonb_build_object('kind', 'movement', 'id', id, 'leg', kind,
                   'debit_account', debit_account, 'credit_account', credit_account, 'amount', amount,
                   'effective_on', effective_on) from movement where subject = $1
           ) happened
           order by at, rank, nth"#,
        payout.uuid(),
        MOST
    )
    .fetch_all(pool)
    .await?;
    found
        .into_iter()
        .flatten()
        .map(|entry| serde_json::from_value(entry).map_err(StoreError::from))
        .collect()
}
