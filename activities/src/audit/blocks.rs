//! The chains of blocks, and what they seal: every movement once, and the accounts' totals.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;
use workflows::domain::{AccountId, MovementId};

use super::{
    Progress, corrected,
    dossier::differing,
    opened, read,
    report::{Invariant, Tally},
};
use crate::ledger::{
    StoreError,
    chain::{Hash, Head, START, hash},
    core::logical_hash,
    rows::{Kind, Movement, SETTLEMENT_STP, SubjectKind},
    store::time,
};

/// Blocks of one read.
const PAGE: i64 = 128;

/// How far the chains were verified, and what they sum up to.
#[derive(Clone, Debug, Default)]
pub(super) struct Sealed {
    /// The last verified block of each chain.
    pub(super) heads: BTreeMap<Uuid, Head>,
    /// Debits and credits of each account, in centavos.
    pub(super) totals: HashMap<AccountId, (i128, i128)>,
    /// Movements in verified blocks.
    pub(super) movements: i64,
    /// All debits, which are all credits: two legs stand in one row.
    pub(super) sum: i128,
}

struct Block {
    seq: i32,
    prev: Vec<u8>,
    hash: Vec<u8>,
    movements: Vec<Uuid>,
    at: Timestamp,
}

/// Verifies every chain from `before` on, or from its first block, and adds up what the blocks hold. What was verified
/// `before` must still be there.
pub(super) async fn verify(
    connection: &mut PgConnection,
    before: Sealed,
    is_full: bool,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<Sealed, StoreError> {
    cut(connection, &before, tally).await?;
    let floor = before.movements;
    let mut sealed = if is_full { Sealed::default() } else { before };
    let mut openings: Vec<Movement> = Vec::new();
    let writers = if is_full {
        let all = sqlx::query_scalar!(r#"select distinct writer as "writer!" from block order by 1"#);
        all.fetch_all(&mut *connection).await?
    } else {
        grown(connection, &sealed).await?
    };
    for writer in writers {
        let mut head = sealed.heads.get(&writer).copied().unwrap_or(Head::EMPTY);
        loop {
            let blocks = page(connection, writer, head.seq).await?;
            if blocks.is_empty() {
                break;
            }
            let ids: Vec<Uuid> = blocks
                .iter()
                .flat_map(|block| block.movements.iter().copied())
                .collect();
            let movements = read::movements(connection, &ids).await?;
            progress.verified(ids.len());
            let began = Instant::now();
            let by_id: HashMap<Uuid, &Movement> = movements.iter().map(|row| (row.id.uuid(), row)).collect();
            for block in &blocks {
                head = link(writer, head, block, &by_id, tally);
            }
            for row in &movements {
                sealed.add(row);
                if row.kind == Kind::Opening {
                    tally.hold(Invariant::Legs, 1, || opening(row));
                }
            }
            // A full audit looks for them among all movements, sealed or not.
            if !is_full {
                nobodys(connection, &movements, tally).await?;
            }
            openings.extend(movements.into_iter().filter(|row| row.kind == Kind::Opening));
            sealed.movements += i64::try_from(ids.len()).unwrap_or(i64::MAX);
            tally.checked(Invariant::Chain, blocks.len());
            tally.took(Invariant::Chain, began.elapsed());
        }
        sealed.heads.insert(writer, head);
    }
    opened::check(connection, &openings, is_full, tally).await?;
    corrected::check(connection, tally).await?;
    once(connection, sealed.movements, floor, is_full, tally).await?;
    Ok(sealed)
}

impl Sealed {
    fn add(&mut self, row: &Movement) {
        let amount = i128::from(row.amount.get());
        self.totals.entry(row.debit_account).or_default().0 += amount;
        self.totals.entry(row.credit_account).or_default().1 += amount;
        self.sum += amount;
    }
}

/// One block onto the chain; what is wrong is told, and the chain goes on from what stands there.
fn link(writer: Uuid, before: Head, block: &Block, movements: &HashMap<Uuid, &Movement>, tally: &mut Tally) -> Head {
    let named = format!("block {writer}/{}", block.seq);
    let stated = Hash::try_from(block.hash.as_slice()).unwrap_or(START);
    if block.seq != before.seq + 1 {
        let missing = format!("block {writer}/{}", before.seq + 1);
        tally.broke(Invariant::Chain, missing, "it is not there, and later blocks are");
    } else if block.prev != before.hash {
        tally.broke(Invariant::Chain, &named, "it does not follow the block before it");
    }
    let found: Vec<&Movement> = block
        .movements
        .iter()
        .filter_map(|id| movements.get(id).copied())
        .collect();
    if found.len() < block.movements.len() {
        for id in block.movements.iter().filter(|id| !movements.contains_key(id)) {
            tally.broke(
                Invariant::Chain,
                MovementId::new(*id),
                format!("sealed in {named}, and not there"),
            );
        }
    } else if let Ok(prev) = Hash::try_from(block.prev.as_slice()) {
        let computed = hash(&prev, writer, block.seq, block.at, &found);
        if computed != stated {
            let what = format!(
                "its hash is not that of what it seals: it or one of {} movements was changed",
                found.len()
            );
            tally.broke(Invariant::Chain, &named, what);
            let is_changed = |row: &&&Movement| {
                row.hash != logical_hash((row.debit_account, row.credit_account), row.amount, row.kind)
            };
            for row in found.iter().filter(is_changed) {
                tally.broke(
                    Invariant::Chain,
                    row.id,
                    format!("sealed in {named}, and not what it was"),
                );
            }
        }
    }
    Head {
        seq: block.seq,
        hash: stated,
    }
}

/// An opening credit is its account's one and only.
fn opening(row: &Movement) -> Option<(String, String)> {
    let legs = (SETTLEMENT_STP, AccountId::new(row.subject));
    let same = [
        ("id", row.id == MovementId::derive(row.subject, "opening", 0)),
        ("debit account", row.debit_account == legs.0),
        ("credit account", row.credit_account == legs.1),
        ("hash", row.hash == logical_hash(legs, row.amount, row.kind)),
    ];
    differing(&same).map(|fields| (row.id.to_string(), format!("not the opening of {}: {fields}", legs.1)))
}

/// Movements whose subject is not there.
async fn nobodys(connection: &mut PgConnection, movements: &[Movement], tally: &mut Tally) -> Result<(), StoreError> {
    let rows = |kind: SubjectKind| movements.iter().filter(move |row| row.kind.subject() == kind);
    let subjects = |kind| rows(kind).map(|row| row.subject).collect::<Vec<Uuid>>();
    let payouts = sqlx::query_scalar!(
        "select id from payout where id = any($1)",
        &subjects(SubjectKind::Payout)
    )
    .fetch_all(&mut *connection)
    .await?;
    let records = sqlx::query_scalar!(
        "select id from received where id = any($1)",
        &subjects(SubjectKind::Received)
    )
    .fetch_all(&mut *connection)
    .await?;
    let corrections = sqlx::query_scalar!(
        "select id from correction where id = any($1)",
        &subjects(SubjectKind::Correction)
    )
    .fetch_all(connection)
    .await?;
    let there: BTreeSet<Uuid> = payouts.into_iter().chain(records).chain(corrections).collect();
    for row in rows(SubjectKind::Payout)
        .chain(rows(SubjectKind::Received))
        .chain(rows(SubjectKind::Correction))
        .filter(|row| !there.contains(&row.subject))
    {
        let what = format!("{} of {}, which is not there", row.kind.word(), row.subject);
        tally.broke(Invariant::Legs, row.id, what);
    }
    Ok(())
}

/// Chains that lost the block up to which they were verified.
async fn cut(connection: &mut PgConnection, sealed: &Sealed, tally: &mut Tally) -> Result<(), StoreError> {
    let heads: Vec<(&Uuid, &Head)> = sealed.heads.iter().collect();
    let writers: Vec<Uuid> = heads.iter().map(|(writer, _)| **writer).collect();
    let seqs: Vec<i32> = heads.iter().map(|(_, head)| head.seq).collect();
    let rows = sqlx::query!(
        r#"select h.writer as "writer!", b.hash as "hash?" from unnest($1::uuid[], $2::int[]) as h (writer, seq)
           left join block b on b.writer = h.writer and b.seq = h.seq"#,
        &writers,
        &seqs
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let Some(head) = sealed.heads.get(&row.writer) else {
            continue;
        };
        let what = match row.hash {
            Some(hash) if hash == head.hash => continue,
            Some(_) => "it was changed after it was verified",
            None => "it was verified once, and is gone",
        };
        tally.broke(Invariant::Chain, format!("block {}/{}", row.writer, head.seq), what);
    }
    Ok(())
}

/// Chains with blocks past what was verified.
async fn grown(connection: &mut PgConnection, sealed: &Sealed) -> Result<Vec<Uuid>, StoreError> {
    let writers: Vec<Uuid> = sealed.heads.keys().copied().collect();
    let seqs: Vec<i32> = sealed.heads.values().map(|head| head.seq).collect();
    let grown = sqlx::query_scalar!(
        r#"select h.writer as "writer!" from unnest($1::uuid[], $2::int[]) as h (writer, seq)
           where exists (select from block b where b.writer = h.writer and b.seq > h.seq)
           union all
           select writer from block where seq = 1 and writer <> all($1)"#,
        &writers,
        &seqs
    );
    Ok(grown.fetch_all(connection).await?)
}

async fn page(connection: &mut PgConnection, writer: Uuid, after: i32) -> Result<Vec<Block>, StoreError> {
    let rows = sqlx::query!(
        r#"select seq, prev, hash, movements,
                  case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint end as at
           from block where writer = $1 and seq > $2 order by seq limit $3"#,
        writer,
        after,
        PAGE
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| Block {
        seq: row.seq,
        prev: row.prev,
        hash: row.hash,
        movements: row.movements,
        at: time(row.at),
    });
    Ok(read.collect())
}

/// Every movement stands in one block. Their count tells whether one does not; only then, and when all is looked at,
/// each is compared.
///
/// There are never fewer than the `floor` that once stood in verified blocks.
async fn once(
    connection: &mut PgConnection,
    sealed: i64,
    floor: i64,
    is_full: bool,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from movement"#)
        .fetch_one(&mut *connection)
        .await?;
    tally.checked(Invariant::Blocks, usize::try_from(count).unwrap_or_default());
    if is_full || count != sealed || count < floor {
        let rows = sqlx::query!(
            r#"select coalesce(m.id, s.id) as "id!", coalesce(s.places, 0) as "places!", m.id is not null as "there!"
               from movement m
               full join (select unnest(movements) as id, count(*) as places from block group by 1) s on s.id = m.id
               where m.id is null or s.places is distinct from 1"#
        )
        .fetch_all(connection)
        .await?;
        for row in &rows {
            let id = MovementId::new(row.id);
            let what = match (row.there, row.places) {
                (true, 0) => "stands in no block: no writer of giro's wrote it".to_owned(),
                (true, places) => format!("stands in {places} blocks"),
                // The chain names it, where it is verified from its first block.
                (false, _) if is_full => continue,
                (false, _) => "is sealed, and not there".to_owned(),
            };
            tally.broke(Invariant::Blocks, id, what);
        }
        if count < floor {
            let what = format!("{count} stand there, and {floor} stood in verified blocks once");
            tally.broke(Invariant::Blocks, "movements", what);
        } else if rows.is_empty() && count != sealed {
            let what = format!("{count} stand there, and verified blocks held {sealed}: run `giro audit --full`");
            tally.broke(Invariant::Blocks, "movements", what);
        }
    }
    tally.took(Invariant::Blocks, began.elapsed());
    Ok(())
}
