//! Orders that a bank has under our name and the books cannot explain: named once, and the bank is paused for people.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Acquire, PgConnection, PgPool};
use uuid::Uuid;
use workflows::domain::{Centavos, PayoutId};

use super::store::StoreError;
use crate::bank::StatementLine;

/// One such order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// Whose order it is.
    pub bank: String,
    /// As the bank has it.
    pub tracking_key: String,
    /// The bank's own reference; empty when it gave none.
    pub bank_ref: String,
    /// As the bank states it.
    pub operating_date: Option<Date>,
    /// In centavos.
    pub amount: Option<Centavos>,
    /// Of the beneficiary.
    pub clabe_last4: Option<String>,
    /// The bank's state, in our words.
    pub said: String,
    /// Why the books cannot explain it.
    pub reason: String,
    /// When it was first seen, by the time of the books.
    pub first_seen: Timestamp,
}

impl Stray {
    /// A line of a statement that the books cannot explain.
    pub fn new(bank: &str, line: &StatementLine, reason: String, now: Timestamp) -> Self {
        Self {
            bank: bank.to_owned(),
            tracking_key: line.tracking_key.clone(),
            bank_ref: line.bank_ref.clone().unwrap_or_default(),
            operating_date: line.operating_date,
            amount: line.amount,
            clabe_last4: line.clabe.as_ref().map(|clabe| clabe.last4().to_owned()),
            said: line.says.code().to_owned(),
            reason,
            first_seen: now,
        }
    }
}

/// Names what was not named before, and pauses the bank for it; how many those are. What people have seen and resumed
/// after does not pause again.
pub async fn name(pool: &PgPool, bank: &str, strays: &[Stray]) -> Result<u64, StoreError> {
    if strays.is_empty() {
        return Ok(0);
    }
    let mut connection = pool.acquire().await?;
    let mut transaction = Acquire::begin(&mut *connection).await?;
    let named = sqlx::query!(
        r#"insert into stray_order select n.* from jsonb_populate_recordset(null::stray_order, $1) n
           order by n.tracking_key, n.bank_ref on conflict do nothing"#,
        serde_json::to_value(strays)?
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if named > 0 {
        sqlx::query!(
            r#"update bank
               set paused_by = 'stray_order', paused_at = giro_now(),
                   pause_reason = $2 || coalesce('; before, ' || paused_by || ': ' || left(pause_reason, 300), '')
               where name = $1"#,
            bank,
            format!("it has orders that the books cannot explain ({named} new): giro bank strays {bank}")
        )
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(named)
}

/// One that was named, and payouts that may be the same payment, entered again.
#[derive(Clone, Debug)]
pub struct Named {
    /// The order.
    pub stray: Stray,
    /// Other payouts that wait to be sent: as much, to an account that ends alike; ten at most.
    pub alike: Vec<PayoutId>,
}

/// All that a bank ever had, newest first.
pub async fn list(connection: &mut PgConnection, bank: &str) -> Result<Vec<Named>, StoreError> {
    let rows = sqlx::query!(
        r#"select to_jsonb(s) as "row!",
                  array(select p.id from payout p
                        where p.bank = s.bank and p.state = 'accepted' and p.amount = s.amount
                          and right(p.clabe, 4) = s.clabe_last4 and p.tracking_key <> s.tracking_key
                        order by p.id limit 10) as "alike!"
           from stray_order s where bank = $1 order by first_seen desc, tracking_key, bank_ref"#,
        bank
    )
    .fetch_all(connection)
    .await?;
    let read = |row: Value, alike: Vec<Uuid>| {
        Ok(Named {
            stray: serde_json::from_value(row)?,
            alike: alike.into_iter().map(PayoutId::from).collect(),
        })
    };
    rows.into_iter().map(|row| read(row.row, row.alike)).collect()
}
