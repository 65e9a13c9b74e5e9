//! Receipts (CEP) that a day's list shows: kept for people, whenever the beneficiary's bank confirms; they decide nothing.

use jiff::Timestamp;
use sqlx::PgPool;

use crate::{
    bank::StatementLine,
    ledger::{StoreError, heard, store::stamp},
};

/// Lines of one statement.
const AT_ONCE: usize = 1_000;

/// Keeps what these lines show of payouts that have no receipt yet.
pub(super) async fn keep(
    pool: &PgPool,
    bank: &str,
    lines: &[StatementLine],
    read_at: Timestamp,
) -> Result<(), StoreError> {
    let shown = lines.iter().filter_map(|line| {
        let receipt = line.receipt.as_ref().filter(|_| line.of_our_company)?;
        Some((line.tracking_key.as_str(), line.amount?.get(), receipt))
    });
    let shown: Vec<_> = shown.collect();
    for some in shown.chunks(AT_ONCE) {
        let keys: Vec<&str> = some.iter().map(|(key, ..)| *key).collect();
        let amounts: Vec<i64> = some.iter().map(|(_, amount, _)| *amount).collect();
        let urls: Vec<Option<&str>> = some.iter().map(|(.., receipt)| receipt.url.as_deref()).collect();
        let names: Vec<Option<&str>> = some.iter().map(|(.., receipt)| receipt.name.as_deref()).collect();
        let kept = sqlx::query!(
            r#"insert into receipt (payout, url, name, seen_at)
               select distinct on (p.id) p.id, l.url, l.name, ($6::text)::timestamptz
               from unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) as l (key, amount, url, name)
               join payout p on p.bank = $1 and p.tracking_key = l.key and p.amount = l.amount
               where not exists (select from receipt r where r.payout = p.id)
               on conflict (payout) do nothing"#,
            bank,
            &keys as &[&str],
            &amounts,
            &urls as &[Option<&str>],
            &names as &[Option<&str>],
            stamp(read_at)
        )
        .execute(pool);
        heard(kept).await?;
    }
    Ok(())
}
