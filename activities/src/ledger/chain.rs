//! The chain of blocks: what one commit of a writer adds to the movements is sealed onto what it added before.
//!
//! A block's hash is SHA-256 over the hash before it, its own coordinates (writer, sequence, time, count) and one line
//! per movement, in the order of ids. Recipe and migration 0005 say the same, and neither ever changes.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;
use workflows::domain::Centavos;

use super::{
    rows::Movement,
    store::{StoreError, stamp},
};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Before the first block of a chain.
pub const START: Hash = [0; 32];

/// The last block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place, from 1; 0 before the first.
    pub seq: i32,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// A chain without a block.
    pub const EMPTY: Self = Self { seq: 0, hash: START };
}

/// The chain of this process's writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain(Uuid);

impl Chain {
    /// A chain of its own, without a block.
    pub(crate) fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Writes the block of a commit that holds movements. The books say where the chain ends: a COMMIT whose answer is
    /// lost forks no chain, and a process that lives through a loss of commits goes on from what is left.
    pub(crate) async fn seal(
        self,
        connection: &mut PgConnection,
        movements: &[Movement],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if movements.is_empty() {
            return Ok(());
        }
        let before = head(connection, self.0).await?;
        let mut sorted: Vec<&Movement> = movements.iter().collect();
        sorted.sort_by_key(|row| row.id);
        let seq = before.seq + 1;
        let hash = hash(&before.hash, self.0, seq, at, &sorted);
        let ids: Vec<Uuid> = sorted.iter().map(|row| row.id.uuid()).collect();
        sqlx::query!(
            r#"insert into block (writer, seq, prev, hash, movements, at)
               values ($1, $2, $3, $4, $5, ($6::text)::timestamptz)"#,
            self.0,
            seq,
            before.hash.as_slice(),
            hash.as_slice(),
            &ids,
            stamp(at)
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Where a chain ends in the books.
async fn head(connection: &mut PgConnection, writer: Uuid) -> Result<Head, StoreError> {
    let found = sqlx::query!(
        "select seq, hash from block where writer = $1 order by seq desc limit 1",
        writer
    );
    let Some(row) = found.fetch_optional(connection).await? else {
        return Ok(Head::EMPTY);
    };
    let hash = Hash::try_from(row.hash).map_err(|_| StoreError::Disagree("a block's hash is not one".to_owned()))?;
    Ok(Head { seq: row.seq, hash })
}

/// The hash of a block; `movements` in the order of ids.
pub fn hash(prev: &Hash, writer: Uuid, seq: i32, at: Timestamp, movements: &[&Movement]) -> Hash {
    let count = u32::try_from(movements.len()).unwrap_or(u32::MAX);
    let mut hash = Sha256::new();
    hash.update(prev);
    hash.update(writer.as_bytes());
    hash.update(seq.to_be_bytes());
    hash.update(at.as_microsecond().to_be_bytes());
    hash.update(count.to_be_bytes());
    let mut line = String::with_capacity(384);
    for movement in movements {
        line.clear();
        write_line(&mut line, movement);
        hash.update(line.as_bytes());
    }
    hash.finalize().into()
}

/// Everything that a movement says, in one line; free text carries its length in bytes, so that no two read alike.
fn write_line(line: &mut String, movement: &Movement) {
    let _infallible = write!(
        line,
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|",
        movement.id.uuid(),
        movement.subject,
        movement.kind.word(),
        movement.debit_account.uuid(),
        movement.credit_account.uuid(),
        movement.amount.get(),
        Centavos::CURRENCY.code(),
        movement.effective_on,
        movement.hash,
        movement.created_at.as_microsecond(),
    );
    write_said(line, movement.actor.as_deref());
    line.push('|');
    write_said(line, movement.reason.as_deref());
    line.push('\n');
}

fn write_said(line: &mut String, words: Option<&str>) {
    let _infallible = match words {
        Some(words) => write!(line, "{}:{words}", words.len()),
        None => line.write_char('-'),
    };
}

#[cfg(test)]
mod cost;
#[cfg(test)]
mod tests;
