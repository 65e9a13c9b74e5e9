//! Statements of an account: what it had before some operating dates, what moved, what it had after.

use jiff::civil::Date;
use sqlx::PgPool;
use workflows::domain::{AccountId, Centavos, MovementId};

use super::{StoreError, row};
use crate::ledger::rows::Movement;

/// Operating dates, both included, and which page of their movements.
#[derive(Clone, Debug)]
pub struct Days {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
    /// The last movement of the page before.
    pub after: Option<Movement>,
    /// Movements, at most.
    pub limit: u16,
}

/// What an account had and what moved, in centavos, at one instant of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its balance before the first day.
    pub opening: Centavos,
    /// Taken from it in these days.
    pub debits: Centavos,
    /// Given to it in these days.
    pub credits: Centavos,
    /// Its balance after the last day.
    pub closing: Centavos,
    /// A page of what moved, by operating date, within it as it was booked, the oldest first.
    pub movements: Vec<Movement>,
}

/// The statement of a customer's account; `None`: there is no such account.
///
/// Balances are counted back from the account's own, so that a statement of late days reads late days only. Money that
/// is held has not moved, and is in no statement.
pub async fn statement(pool: &PgPool, account: AccountId, days: &Days) -> Result<Option<Statement>, StoreError> {
    // The comparison with the last customer id repeats the indexes' own condition, or they could not be used.
    let found = sqlx::query!(
        r#"select a.debits, a.credits,
               (select coalesce(sum(amount), 0)::bigint from movement where debit_account = $1
                  and debit_account < 'ffffffff-ffff-7fff-bfff-000000000000' and effective_on >= $2::text::date)
                  as "debits_since!",
               (select coalesce(sum(amount), 0)::bigint from movement where credit_account = $1
                  and credit_account < 'ffffffff-ffff-7fff-bfff-000000000000' and effective_on >= $2::text::date)
                  as "credits_since!",
               (select coalesce(sum(amount), 0)::bigint from movement where debit_account = $1
                  and debit_account < 'ffffffff-ffff-7fff-bfff-000000000000' and effective_on > $3::text::date)
                  as "debits_after!",
               (select coalesce(sum(amount), 0)::bigint from movement where credit_account = $1
                  and credit_account < 'ffffffff-ffff-7fff-bfff-000000000000' and effective_on > $3::text::date)
                  as "credits_after!",
               (select coalesce(jsonb_agg(to_jsonb(m) order by m.effective_on, m.created_at, m.id), '[]') from (
                   select * from (
                       (select * from movement where debit_account = $1
                          and debit_account < 'ffffffff-ffff-7fff-bfff-000000000000'
                          and effective_on between $2::text::date and $3::text::date
                          and ($4::text is null
                               or (effective_on, created_at, id) > ($4::text::date, $5::text::timestamptz, $6::uuid))
                        order by effective_on, created_at, id limit $7)
                       union all
                       (select * from movement where credit_account = $1
                          and credit_account < 'ffffffff-ffff-7fff-bfff-000000000000'
                          and effective_on between $2::text::date and $3::text::date
                          and ($4::text is null
                               or (effective_on, created_at, id) > ($4::text::date, $5::text::timestamptz, $6::uuid))
                        order by effective_on, created_at, id limit $7)
                   ) legs order by effective_on, created_at, id limit $7
               ) m) as "movements!"
           from account a where a.id = $1"#,
        account.uuid(),
        days.from.to_string(),
        days.to.to_string(),
        days.after.as_ref().map(|row| row.effective_on.to_string()),
        days.after.as_ref().map(|row| row.created_at.to_string()),
        days.after.as_ref().map(|row| row.id.uuid()),
        i64::from(days.limit)
    );
    let Some(found) = found.fetch_optional(pool).await? else {
        return Ok(None);
    };
    let balance = found.credits - found.debits;
    Ok(Some(Statement {
        opening: Centavos::new(balance - found.credits_since + found.debits_since),
        debits: Centavos::new(found.debits_since - found.debits_after),
        credits: Centavos::new(found.credits_since - found.credits_after),
        closing: Centavos::new(balance - found.credits_after + found.debits_after),
        movements: row(found.movements)?,
    }))
}

/// One movement of a customer's account; `None`: there is no such movement, or it is another account's.
pub async fn movement(pool: &PgPool, account: AccountId, id: MovementId) -> Result<Option<Movement>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(m) as "row!" from movement m where id = $1 and $2 in (debit_account, credit_account)"#,
        id.uuid(),
        account.uuid()
    );
    found.fetch_optional(pool).await?.map(row).transpose()
}
