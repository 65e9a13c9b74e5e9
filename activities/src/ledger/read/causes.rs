//! What a person should look at, by its cause: one row for each, however many payouts it keeps waiting.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::PgPool;
use workflows::domain::Attention;

use super::{StoreError, Told, banks, received_attention, row};
use crate::ledger::rows::{BankRow, Cause};

/// All that a person should look at.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Causes that lie with a bank, whether payouts are past their deadline for them or not.
    pub banks: Vec<Covered>,
    /// Payouts with a reason of their own, by that.
    pub payouts: Vec<Single>,
    /// Money that came in, by its kind and reason.
    pub received: Vec<Told>,
    /// Payouts with a reason that this version does not know: how many, and since when at the longest.
    pub unreadable: Option<(i64, Timestamp)>,
}

/// A bank that keeps payouts waiting.
#[derive(Clone, Debug)]
pub struct Covered {
    /// The bank.
    pub bank: BankRow,
    /// Why.
    pub cause: Cause,
    /// Payouts past their deadline for nothing else.
    pub count: i64,
    /// Since when the first of them is.
    pub oldest: Option<Timestamp>,
}

/// Payouts that a person should look at one by one.
#[derive(Clone, Copy, Debug)]
pub struct Single {
    /// Why.
    pub reason: Attention,
    /// How many.
    pub count: i64,
    /// Since when at the longest.
    pub oldest: Timestamp,
}

/// Payouts of one bank with one reason or cause.
struct Group {
    bank: String,
    cause: Option<String>,
    reason: String,
    count: i64,
    oldest: Value,
}

/// All that a person should look at, of one caller's payouts or of all.
///
/// A pause stands here even when it keeps nothing waiting, so that none is forgotten.
pub async fn standing(pool: &PgPool, caller: Option<&str>) -> Result<Standing, StoreError> {
    let found = sqlx::query_as!(
        Group,
        r#"select bank as "bank!", cause, reason as "reason!", count(*) as "count!", to_jsonb(min(since)) as "oldest!"
           from payout_attention where $1::text is null or caller = $1 group by 1, 2, 3 order by 1, 2, 3"#,
        caller
    );
    let (covered, own): (Vec<Group>, Vec<Group>) = found
        .fetch_all(pool)
        .await?
        .into_iter()
        .partition(|group| group.cause.is_some());
    let mut all = Standing {
        received: received_attention(pool, caller).await?,
        ..Standing::default()
    };
    for bank in banks(pool).await? {
        for cause in Cause::all() {
            let mut groups = covered.iter();
            let group = groups.find(|group| group.bank == bank.name && group.cause.as_deref() == Some(cause.word()));
            let told = match cause {
                Cause::Paused(by) => bank.paused_by == Some(by),
                Cause::Away => bank.away_by.is_some() && bank.attention.is_some(),
                Cause::CatchingUp => bank.attention.as_deref() == Some(cause.word()),
                Cause::Recovering => false,
            };
            if group.is_some() || told {
                all.banks.push(Covered {
                    bank: bank.clone(),
                    cause,
                    count: group.map_or(0, |group| group.count),
                    oldest: group.map(|group| row(group.oldest.clone())).transpose()?,
                });
            }
        }
    }
    for group in own.iter().filter(|group| group.reason.parse::<Attention>().is_err()) {
        let since: Timestamp = row(group.oldest.clone())?;
        let (count, oldest) = all.unreadable.unwrap_or((0, since));
        all.unreadable = Some((count + group.count, oldest.min(since)));
    }
    for reason in Attention::ALL {
        let groups = own.iter().filter(|group| group.reason == reason.word());
        let since = groups.clone().map(|group| row(group.oldest.clone()));
        let since: Vec<Timestamp> = since.collect::<Result<_, _>>()?;
        if let Some(oldest) = since.into_iter().min() {
            all.payouts.push(Single {
                reason: *reason,
                count: groups.map(|group| group.count).sum(),
                oldest,
            });
        }
    }
    Ok(all)
}
