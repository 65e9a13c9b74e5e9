//! Money that came in, as readers see it: one record, or a list of them, the newest first.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sqlx::{PgPool, Postgres, QueryBuilder};
use tracing::error;
use workflows::domain::{AccountId, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState};

use super::{StoreError, row};
use crate::ledger::{rows::Received, store::disagree};

/// A received record, with what a reader must know to understand it.
#[derive(Clone, Debug)]
pub struct ReceivedSeen {
    /// The row.
    pub received: Received,
    /// The caller whose customer it is for, once that is known.
    pub owner: Option<String>,
    /// Why a person should look, and since when: the row's own reason, or its deadline past.
    pub raised: Option<(ReceivedAttention, Timestamp)>,
}

/// Which records, and which page of them. What is `None` or empty is not asked about.
#[derive(Clone, Debug)]
pub struct WantedReceived {
    /// Deposits, or returns.
    pub kind: ReceivedKind,
    /// Of this caller's customers.
    pub caller: Option<String>,
    /// In one of these states.
    pub states: Vec<ReceivedState>,
    /// That a person should look at.
    pub is_raised: bool,
    /// Of this customer.
    pub account: Option<AccountId>,
    /// Under this key.
    pub tracking_key: Option<String>,
    /// The last one of the page before, and when it was received.
    pub after: Option<(Timestamp, ReceivedId)>,
    /// How many, at most.
    pub limit: u16,
}

/// Whose it is: of a return the payout's caller, of a deposit the caller of the account that has it, or that it names.
const SEEN: &str = "select to_jsonb(r),
        coalesce((select p.caller from payout p where p.to_account is null and p.tracking_key = r.of_key),
                 (select a.caller from account a where a.id = r.account),
                 (select a.caller from account a where a.clabe = r.clabe)),
        case when r.attention is not null then to_jsonb(r.attention_since)
             when r.deadline_at < giro_now() then to_jsonb(r.deadline_at) end
    from received r where true";

type SeenRow = (Value, Option<String>, Option<Value>);

fn seen((received, owner, since): SeenRow) -> Result<ReceivedSeen, StoreError> {
    let received: Received = row(received)?;
    let since: Option<Timestamp> = since.map(row).transpose()?;
    let reason = received.attention.unwrap_or(ReceivedAttention::Deadline);
    Ok(ReceivedSeen {
        raised: since.map(|since| (reason, since)),
        received,
        owner,
    })
}

/// One record as it stands.
pub async fn received(pool: &PgPool, id: ReceivedId) -> Result<Option<ReceivedSeen>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(SEEN);
    query.push(" and r.id = ").push_bind(id.uuid());
    query
        .build_query_as::<SeenRow>()
        .fetch_optional(pool)
        .await?
        .map(seen)
        .transpose()
}

/// Records as they stand, the last received first. One that does not read is left out, with an alert.
pub async fn all_received(pool: &PgPool, wanted: &WantedReceived) -> Result<Vec<ReceivedSeen>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(SEEN);
    query.push(" and r.kind = ").push_bind(wanted.kind.word());
    if let Some(caller) = &wanted.caller {
        query.push(" and (exists (select from payout p where p.to_account is null and p.tracking_key = r.of_key and p.caller = ");
        query.push_bind(caller.clone());
        query.push(") or exists (select from account a where a.id = r.account and a.caller = ");
        query.push_bind(caller.clone());
        query.push(") or exists (select from account a where r.account is null and a.clabe = r.clabe and a.caller = ");
        query.push_bind(caller.clone()).push("))");
    }
    if !wanted.states.is_empty() {
        let words: Vec<&str> = wanted.states.iter().map(|state| state.word()).collect();
        query.push(" and r.state = any(").push_bind(words).push(")");
    }
    if wanted.is_raised {
        query.push(" and (r.attention is not null or r.deadline_at < (select giro_now()))");
    }
    if let Some(account) = wanted.account {
        query.push(" and r.account = ").push_bind(account.uuid());
    }
    if let Some(key) = &wanted.tracking_key {
        query.push(" and r.tracking_key = ").push_bind(key.clone());
    }
    if let Some((at, id)) = wanted.after {
        query.push(" and (r.received_at, r.id) < (");
        query.push_bind(at.to_string()).push("::timestamptz, ");
        query.push_bind(id.uuid()).push(")");
    }
    query.push(" order by r.received_at desc, r.id desc limit ");
    query.push_bind(i64::from(wanted.limit));
    let found = query
        .build_query_as::<SeenRow>()
        .persistent(false)
        .fetch_all(pool)
        .await?;
    let read = found.into_iter().filter_map(|row| {
        let id = row.0["id"].to_string();
        let told = |error: &StoreError| error!(%error, id, "a received record does not read: it is left out of a list");
        seen(row).inspect_err(told).ok()
    });
    Ok(read.collect())
}

/// How many records a person should look at, by kind and reason: of one caller's customers, or of all.
pub async fn received_attention(pool: &PgPool, caller: Option<&str>) -> Result<Vec<Told>, StoreError> {
    let found = sqlx::query!(
        r#"select kind as "kind!", coalesce(attention, 'deadline') as "reason!", count(*) as "count!",
               to_jsonb(min(coalesce(attention_since, deadline_at))) as "since!"
           from received r where (attention is not null or deadline_at < giro_now())
             and ($1::text is null or $1 = coalesce(
                 (select p.caller from payout p where p.to_account is null and p.tracking_key = r.of_key),
                 (select a.caller from account a where a.id = r.account),
                 (select a.caller from account a where a.clabe = r.clabe)))
           group by 1, 2 order by 1, 2"#,
        caller
    );
    let read = found.fetch_all(pool).await?.into_iter().map(|found| {
        Ok(Told {
            kind: found.kind.parse().map_err(disagree)?,
            reason: found.reason.parse().map_err(disagree)?,
            count: found.count,
            since: row(found.since)?,
        })
    });
    read.collect()
}

/// Records that people should look at for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// Deposits or returns.
    pub kind: ReceivedKind,
    /// Why.
    pub reason: ReceivedAttention,
    /// How many.
    pub count: i64,
    /// Since when the oldest of them.
    pub since: Timestamp,
}
