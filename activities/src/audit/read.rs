//! The SQL of the auditor: sets of rows, as one snapshot has them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;
use workflows::domain::{AccountId, Centavos, MovementId, PayoutId};

use super::{
    dossier::{Dossier, EventRow},
    proof::{PayerRow, Stored},
    runs::Open,
};
use crate::{
    bank::Exchange,
    ledger::{
        StoreError,
        rows::{EvidenceRow, Kind, Movement, Payout, Question},
        store::{day, disagree, stamp, time},
    },
};

/// What a page of payouts is read into.
#[derive(Default)]
pub(super) struct Page {
    pub(super) dossiers: Vec<Dossier>,
    /// Rows that do not read, and why.
    pub(super) unreadable: Vec<(PayoutId, String)>,
    pub(super) payers: BTreeMap<Uuid, PayerRow>,
    pub(super) exchanges: BTreeMap<Uuid, Stored>,
}

/// Ids of the payouts to look at, in order: all, or those that are open or changed since.
pub(super) async fn payouts(connection: &mut PgConnection, since: Option<Timestamp>) -> Result<Vec<Uuid>, StoreError> {
    let ids = match since {
        None => {
            sqlx::query_scalar!(r#"select id as "id!" from payout order by id"#)
                .fetch_all(connection)
                .await?
        }
        Some(since) => {
            let changed = sqlx::query_scalar!(
                r#"select id as "id!" from payout where ended_at is null
                   union select id from payout where changed_at >= ($1::text)::timestamptz order by 1"#,
                stamp(since)
            );
            changed.fetch_all(connection).await?
        }
    };
    Ok(ids)
}

/// Everything about these payouts.
pub(super) async fn page(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Page, StoreError> {
    let mut page = Page::default();
    let mut movements = by(movements_of(connection, ids).await?, |row| row.subject);
    let mut evidence = by(evidence(connection, ids, &mut page.unreadable).await?, |row| {
        row.payout.uuid()
    });
    let mut events = events(connection, ids).await?;
    let behind: Vec<Uuid> = evidence.values().flatten().filter_map(|row| row.exchange).collect();
    let rows = sqlx::query!(
        r#"select p.id, to_jsonb(p) as "row!", a.clabe as "clabe?", a.name as "name?", a.tax_id as "tax_id?",
                  r.hash as "hash?", r.payout as "answer?"
           from payout p
           left join account a on a.id = p.account
           left join request r on r.caller = p.caller and r.key = p.request_key
           where p.id = any($1) order by p.id"#,
        ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut refused = Vec::new();
    for row in rows {
        let payout: Payout = match serde_json::from_value(row.row) {
            Ok(payout) => payout,
            Err(error) => {
                page.unreadable.push((PayoutId::new(row.id), error.to_string()));
                continue;
            }
        };
        if payout.evidence == Some(workflows::domain::Evidence::Refused) {
            refused.push(row.id);
        }
        if let (Some(clabe), Some(name), Some(tax_id)) = (row.clabe, row.name, row.tax_id) {
            page.payers.insert(row.id, PayerRow { clabe, name, tax_id });
        }
        page.dossiers.push(Dossier {
            payout,
            request: row.hash.map(|hash| (hash, row.answer)),
            movements: movements.remove(&row.id).unwrap_or_default(),
            evidence: evidence.remove(&row.id).unwrap_or_default(),
            events: events.remove(&row.id).unwrap_or_default(),
        });
    }
    page.exchanges = exchanges(connection, &behind, &refused).await?;
    Ok(page)
}

fn by<T>(rows: Vec<T>, key: impl Fn(&T) -> Uuid) -> BTreeMap<Uuid, Vec<T>> {
    rows.into_iter().fold(BTreeMap::new(), |mut all, row| {
        all.entry(key(&row)).or_default().push(row);
        all
    })
}

/// A movement as the columns of `MOVEMENT`, read by place: a million of them is nothing to read as JSON.
fn movement(row: &PgRow) -> Result<Movement, StoreError> {
    let kind: &str = row.try_get(2)?;
    let kind = Kind::ALL
        .into_iter()
        .find(|known| known.word() == kind)
        .ok_or_else(|| disagree(format!("a movement is {kind}")))?;
    Ok(Movement {
        id: MovementId::new(row.try_get(0)?),
        subject: row.try_get(1)?,
        kind,
        debit_account: AccountId::new(row.try_get(3)?),
        credit_account: AccountId::new(row.try_get(4)?),
        amount: Centavos::new(row.try_get(5)?),
        effective_on: day(row.try_get(6)?),
        hash: row.try_get(7)?,
        actor: row.try_get(8)?,
        reason: row.try_get(9)?,
        created_at: time(row.try_get(10)?),
    })
}

/// Movements of these subjects.
async fn movements_of(connection: &mut PgConnection, subjects: &[Uuid]) -> Result<Vec<Movement>, StoreError> {
    movements_by("subject", connection, subjects).await
}

/// Movements with these ids.
pub(super) async fn movements(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Movement>, StoreError> {
    movements_by("id", connection, ids).await
}

async fn movements_by(
    column: &'static str,
    connection: &mut PgConnection,
    among: &[Uuid],
) -> Result<Vec<Movement>, StoreError> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select id, subject, kind, debit_account, credit_account, amount, effective_on::text, hash, actor, reason,
                case when isfinite(created_at) then (extract(epoch from created_at) * 1000000)::bigint end
         from movement where ",
    );
    query.push(column).push(" = any(").push_bind(among).push(")");
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(movement).collect()
}

async fn evidence(
    connection: &mut PgConnection,
    ids: &[Uuid],
    unreadable: &mut Vec<(PayoutId, String)>,
) -> Result<Vec<EvidenceRow>, StoreError> {
    let rows = sqlx::query!(
        r#"select payout, to_jsonb(e) as "row!" from evidence e where payout = any($1) order by at"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    let mut read = Vec::with_capacity(rows.len());
    for row in rows {
        match serde_json::from_value(row.row) {
            Ok(evidence) => read.push(evidence),
            Err(error) => unreadable.push((PayoutId::new(row.payout), format!("its evidence: {error}"))),
        }
    }
    Ok(read)
}

async fn events(connection: &mut PgConnection, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<EventRow>>, StoreError> {
    let rows = sqlx::query!(
        r#"select subject, seq, type as kind, event::text as "event!",
                  case when isfinite(created_at) then (extract(epoch from created_at) * 1000000)::bigint end as at
           from outbox where subject = any($1) order by subject, seq"#,
        ids
    )
    .fetch_all(connection)
    .await?;
    let mut all: BTreeMap<Uuid, Vec<EventRow>> = BTreeMap::new();
    for row in rows {
        all.entry(row.subject).or_default().push(EventRow {
            seq: row.seq,
            kind: row.kind,
            event: row.event,
            created_at: time(row.at),
        });
    }
    Ok(all)
}

/// The exchanges with these ids, and every submit of these payouts.
async fn exchanges(
    connection: &mut PgConnection,
    ids: &[Uuid],
    submits_of: &[Uuid],
) -> Result<BTreeMap<Uuid, Stored>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, payout, question, send_no, sent, received, status, said from exchange where id = any($1)
           union all
           select id, payout, question, send_no, sent, received, status, said from exchange
           where payout = any($2) and question = 'submit' and id <> all($1)"#,
        ids,
        submits_of
    )
    .fetch_all(connection)
    .await?;
    let mut all = BTreeMap::new();
    for row in rows {
        let (Some(id), Some(payout), Some(question)) = (row.id, row.payout, row.question) else {
            continue;
        };
        let stored = Stored {
            payout,
            question: if question == Question::Submit.word() {
                Question::Submit
            } else {
                Question::Inquire
            },
            send_no: u32::try_from(row.send_no.unwrap_or_default()).unwrap_or_default(),
            said: row.said.unwrap_or_default(),
            exchange: Exchange {
                sent: row.sent.unwrap_or_default(),
                received: row.received.unwrap_or_default(),
                status: row.status.and_then(|status| u16::try_from(status).ok()),
            },
        };
        all.insert(id, stored);
    }
    Ok(all)
}

/// Operating dates of the payouts that are open or changed since.
pub(super) async fn dates(connection: &mut PgConnection, since: Timestamp) -> Result<BTreeSet<Date>, StoreError> {
    let dates = sqlx::query_scalar!(
        r#"select operating_date::text as "date!" from payout where ended_at is null and operating_date is not null
           union select operating_date::text from payout
           where operating_date is not null and changed_at >= ($1::text)::timestamptz"#,
        stamp(since)
    );
    let dates = dates.fetch_all(connection).await?;
    Ok(dates.iter().map(|date| day(date)).collect())
}

/// Payouts that have not ended, and when they are due.
pub(super) async fn open(connection: &mut PgConnection) -> Result<Vec<Open>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, case when isfinite(deadline_at) then (extract(epoch from deadline_at) * 1000000)::bigint end as deadline,
                  case when isfinite(swept_at) then (extract(epoch from swept_at) * 1000000)::bigint end as swept
           from payout where ended_at is null"#
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| Open {
        id: row.id,
        deadline_at: row.deadline.map(|at| time(Some(at))),
        swept_at: row.swept.map(|at| time(Some(at))),
    });
    Ok(read.collect())
}
