//! Accounts against the requests that opened them: money comes into the books by an opening credit, and by nothing else.

use std::{collections::BTreeMap, time::Instant};

use sqlx::PgConnection;
use uuid::Uuid;
use workflows::domain::{AccountId, BeneficiaryName, Clabe, OpenAccount, TaxId};

use super::report::{Invariant, Tally};
use crate::ledger::{
    StoreError,
    core::hex,
    rows::{Account, CUSTOMER, Movement},
};

/// Each customer's account (in a full audit; otherwise those of these openings) is what its request asked for, with the
/// opening credit that it got; each opening is of such an account.
pub(super) async fn check(
    connection: &mut PgConnection,
    openings: &[Movement],
    is_full: bool,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut left: BTreeMap<Uuid, &Movement> = openings.iter().map(|row| (row.subject, row)).collect();
    let subjects: Vec<Uuid> = left.keys().copied().collect();
    let rows = sqlx::query!(
        r#"select a.id, to_jsonb(a) as "row!", r.hash as "hash?" from account a
           left join request r on r.account = a.id and r.caller = a.caller
           where a.code = $1 and ($2 or a.id = any($3))"#,
        CUSTOMER,
        is_full,
        &subjects
    )
    .fetch_all(connection)
    .await?;
    let began = Instant::now();
    tally.checked(Invariant::Requests, rows.len());
    for row in rows {
        let opening = left.remove(&row.id);
        let what = match (serde_json::from_value(row.row), row.hash) {
            (Err(error), _) => format!("does not read: {error}"),
            (Ok(_), None) => "nobody asked for it: its request is not there".to_owned(),
            (Ok(account), Some(hash)) if asked(&account, opening).is_some_and(|asked| asked == hash) => continue,
            (Ok(_), Some(_)) => "is not what was asked for: CLABE, holder, tax id or opening credit".to_owned(),
        };
        tally.broke(Invariant::Requests, AccountId::new(row.id), what);
    }
    for row in left.values() {
        let what = format!("opens {}, which is no customer's account", AccountId::new(row.subject));
        tally.broke(Invariant::Legs, row.id, what);
    }
    tally.took(Invariant::Requests, began.elapsed());
    Ok(())
}

/// The hash of the request that an account and its opening credit are.
fn asked(account: &Account, opening: Option<&Movement>) -> Option<String> {
    let credit = match opening {
        Some(row) => Some((row.amount, row.reason.clone()?)),
        None => None,
    };
    let request = OpenAccount {
        clabe: Clabe::new(account.clabe.as_ref()?.expose()).ok()?,
        holder: BeneficiaryName::from_stored(account.name.expose()),
        tax_id: TaxId::from_stored(account.tax_id.as_ref()?.expose()),
        opening: credit,
    };
    Some(hex(&request.hash(account.caller.as_ref()?)))
}

#[cfg(test)]
mod tests;
