//! Lists of payouts: whose, in which state, since when, the newest first.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{PgPool, Postgres, QueryBuilder};
use tracing::error;
use uuid::Uuid;
use workflows::domain::{AccountId, Attention, PayoutId, State};

use super::{Seen, SeenRow, StoreError};

/// Which payouts, and which page of them. What is `None` or empty is not asked about.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Whose.
    pub caller: Option<String>,
    /// In one of these states.
    pub states: Vec<State>,
    /// That a person should look at.
    pub raising: Option<Raising>,
    /// Transfers, or payouts; `None`: both.
    pub is_transfer: Option<bool>,
    /// Paid by this bank.
    pub bank: Option<String>,
    /// From this account.
    pub account: Option<AccountId>,
    /// Accepted then or later.
    pub from: Option<Timestamp>,
    /// Accepted before.
    pub before: Option<Timestamp>,
    /// The one that a caller asked for under a key.
    pub key: Option<(String, String)>,
    /// The one that the bank knows by this key.
    pub tracking_key: Option<String>,
    /// The last one of the page before, and when it was accepted.
    pub after: Option<(Timestamp, PayoutId)>,
    /// How many, at most.
    pub limit: u16,
}

/// Why a person should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raising {
    /// For any reason.
    Any,
    /// For this one.
    Reason(Attention),
    /// Not at it alone: it is past its deadline for a cause that lies with its bank.
    Bank,
}

/// Payouts as they stand, the last accepted first.
///
/// The statement has only the conditions that are asked for, and is planned with their values: each usual question has
/// an index, and one plan for all of them would scan the table. A row that does not read is left out, with an alert:
/// the others are still shown.
pub async fn payouts(pool: &PgPool, wanted: &Wanted) -> Result<Vec<Seen>, StoreError> {
    let mut wanted = wanted.clone();
    let mut seen = Vec::new();
    loop {
        let mut query = question(&wanted);
        let found = query
            .build_query_as::<SeenRow>()
            .persistent(false)
            .fetch_all(pool)
            .await?;
        let is_last = found.len() < usize::from(wanted.limit);
        let place = found.last().map(|(payout, ..)| place(payout));
        let mut unread = 0;
        for row in found {
            let id = row.0["id"].to_string();
            match Seen::read(row) {
                Ok(read) => seen.push(read),
                Err(error) => {
                    error!(%error, id, "a payout does not read: it is left out of a list");
                    unread += 1;
                }
            }
        }
        // In place of what was left out come the next ones, or the page would look like the last.
        match place.flatten() {
            Some(place) if unread > 0 && !is_last => {
                wanted.after = Some(place);
                wanted.limit = unread;
            }
            Some(_) | None => return Ok(seen),
        }
    }
}

/// Where a row stands in the order of the list.
fn place(payout: &Value) -> Option<(Timestamp, PayoutId)> {
    let at: Timestamp = serde_json::from_value(payout["accepted_at"].clone()).ok()?;
    let id: Uuid = serde_json::from_value(payout["id"].clone()).ok()?;
    Some((at, PayoutId::new(id)))
}

fn question(wanted: &Wanted) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "select to_jsonb(p), to_jsonb(a), to_jsonb(b), waits_for(p.state, p.changed_at, p.deadline_at, b, (select giro_now())),
             to_jsonb(giro_now()) from (select * from payout where true",
    );
    if let Some(is_transfer) = wanted.is_transfer {
        query.push(" and is_transfer = ").push_bind(is_transfer);
    }
    if let Some(caller) = &wanted.caller {
        query.push(" and caller = ").push_bind(caller.clone());
    }
    if let Some(account) = wanted.account {
        query.push(" and account = ").push_bind(account.uuid());
    }
    if let Some(bank) = &wanted.bank {
        query.push(" and bank = ").push_bind(bank.clone());
    }
    if let Some(key) = &wanted.tracking_key {
        query.push(" and tracking_key = ").push_bind(key.clone());
    }
    if let Some((caller, key)) = &wanted.key {
        query.push(" and id = (select payout from request where caller = ");
        query.push_bind(caller.clone()).push(" and key = ");
        query.push_bind(key.clone()).push(")");
    }
    if !wanted.states.is_empty() {
        let words: Vec<&str> = wanted.states.iter().map(|state| state.word()).collect();
        query.push(" and state = any(").push_bind(words).push(")");
    }
    match wanted.raising {
        None => {}
        Some(Raising::Any) => {
            query.push(" and (attention <> 'deadline' or ");
            query.push(OVERDUE).push(" and ").push(CAUSE).push(" is null)");
        }
        Some(Raising::Reason(Attention::Deadline)) => {
            query
                .push(" and (")
                .push(OVERDUE)
                .push(" and ")
                .push(CAUSE)
                .push(" is null)");
        }
        Some(Raising::Bank) => {
            query
                .push(" and (")
                .push(OVERDUE)
                .push(" and ")
                .push(CAUSE)
                .push(" is not null)");
        }
        Some(Raising::Reason(reason)) => {
            query.push(" and attention = ").push_bind(reason.word());
        }
    }
    if let Some(from) = wanted.from {
        query.push(" and accepted_at >= ");
        query.push_bind(from.to_string()).push("::timestamptz");
    }
    if let Some(before) = wanted.before {
        query.push(" and accepted_at < ");
        query.push_bind(before.to_string()).push("::timestamptz");
    }
    if let Some((at, id)) = wanted.after {
        query.push(" and (accepted_at, id) < (");
        query.push_bind(at.to_string()).push("::timestamptz, ");
        query.push_bind(id.uuid()).push(")");
    }
    query.push(" order by accepted_at desc, id desc limit ");
    query.push_bind(i64::from(wanted.limit));
    query.push(
        ") p left join payout_attention a on a.payout = p.id left join bank b on b.name = p.bank
           order by p.accepted_at desc, p.id desc",
    );
    query
}

/// As the view `payout_attention` has it, with the clock read once, so that the index on deadlines serves.
const OVERDUE: &str =
    "coalesce(attention, 'deadline') = 'deadline' and ended_at is null and deadline_at < (select giro_now())";
const CAUSE: &str =
    "waits_for(state, changed_at, deadline_at, (select b from bank b where b.name = payout.bank), (select giro_now()))";
