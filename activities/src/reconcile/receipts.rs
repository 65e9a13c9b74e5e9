//! Receipts (CEP) that a day's list shows: kept for people, whenever the beneficiary's bank confirms; they decide nothing.

use jiff::Timestamp;
use sqlx::PgPool;

use crate::{
    bank::{Said, StatementLine},
    ledger::{StoreError, heard, store::stamp},
};

/// Lines of one statement.
const AT_ONCE: usize = 1_000;

/// What a line shows of an order of ours that is paid, once all of it is there.
struct Shown<'a> {
    key: &'a str,
    amount: i64,
    account: &'a str,
    url: &'a str,
    name: &'a str,
}

impl<'a> Shown<'a> {
    fn of(line: &'a StatementLine) -> Option<Self> {
        let is_ours = line.of_our_company && matches!(line.says, Said::Paid { .. });
        let receipt = line.receipt.as_ref().filter(|_| is_ours)?;
        Some(Self {
            key: &line.tracking_key,
            amount: line.amount?.get(),
            account: line.clabe.as_ref()?.as_str(),
            url: receipt.url.as_deref()?,
            name: receipt.name.as_deref()?,
        })
    }
}

/// Keeps what these lines show of payouts that have no receipt yet.
pub(super) async fn keep(
    pool: &PgPool,
    bank: &str,
    lines: &[StatementLine],
    read_at: Timestamp,
) -> Result<(), StoreError> {
    let shown: Vec<Shown<'_>> = lines.iter().filter_map(Shown::of).collect();
    for some in shown.chunks(AT_ONCE) {
        let keys: Vec<&str> = some.iter().map(|one| one.key).collect();
        let amounts: Vec<i64> = some.iter().map(|one| one.amount).collect();
        let accounts: Vec<&str> = some.iter().map(|one| one.account).collect();
        let urls: Vec<&str> = some.iter().map(|one| one.url).collect();
        let names: Vec<&str> = some.iter().map(|one| one.name).collect();
        let kept = sqlx::query!(
            r#"insert into receipt (payout, url, name, seen_at)
               select p.id, min(l.url), min(l.name), ($7::text)::timestamptz
               from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[]) as l (key, amount, account, url, name)
               join payout p on p.bank = $1 and p.tracking_key = l.key
                   and p.amount = l.amount and p.clabe = l.account
               where not exists (select from receipt r where r.payout = p.id)
               group by p.id having count(*) = 1
               on conflict (payout) do nothing"#,
            bank,
            &keys as &[&str],
            &amounts,
            &accounts as &[&str],
            &urls as &[&str],
            &names as &[&str],
            stamp(read_at)
        )
        .execute(pool);
        heard(kept).await?;
    }
    Ok(())
}
