//! Each line of a statement held against its payout's row.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use workflows::domain::{Centavos, Evidence, PayoutId, State};

use crate::{
    bank::StatementLine,
    ledger::{StoreError, rows::Private},
};

/// Keys of one query.
const AT_ONCE: usize = 1_000;

/// What the books say to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// They have sent it, as the bank has it.
    Known,
    /// They would send it: its begin is lost.
    Lost(PayoutId),
    /// They cannot explain it, and why.
    Stray(String),
}

/// What decides of a payout.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: uuid::Uuid,
    tracking_key: String,
    state: State,
    amount: Centavos,
    clabe: Private,
    operating_date: Option<Date>,
    evidence: Option<Evidence>,
}

/// Every line with what the books say to it, as they stand after it was read.
pub(super) async fn sorted<'a>(
    pool: &PgPool,
    lines: &'a [StatementLine],
) -> Result<Vec<(&'a StatementLine, Sort)>, StoreError> {
    let mut all = Vec::with_capacity(lines.len());
    for lines in lines.chunks(AT_ONCE) {
        let keys: Vec<String> = lines.iter().map(|line| line.tracking_key.clone()).collect();
        let found: Vec<Option<Value>> = sqlx::query_scalar!(
            r#"select jsonb_build_object('id', id, 'tracking_key', tracking_key, 'state', state, 'amount', amount,
                   'clabe', clabe, 'operating_date', operating_date, 'evidence', evidence) as "row"
               from payout where tracking_key = any($1)"#,
            &keys
        )
        .fetch_all(pool)
        .await?;
        let mut rows = BTreeMap::new();
        for row in found.into_iter().flatten() {
            let row: Row = serde_json::from_value(row)?;
            rows.insert(row.tracking_key.clone(), row);
        }
        all.extend(
            lines
                .iter()
                .map(|line| (line, sort(line, rows.get(&line.tracking_key)))),
        );
    }
    Ok(all)
}

fn sort(line: &StatementLine, row: Option<&Row>) -> Sort {
    let stray = |why: &str| Sort::Stray(why.to_owned());
    let Some(row) = row else {
        return stray("the books have no such payout");
    };
    let unsent = matches!(row.state, State::Accepted | State::Cancelled);
    let date = if unsent { None } else { row.operating_date };
    let differs = line.differs(&row.tracking_key, row.amount, row.clabe.expose(), date);
    if !differs.is_empty() {
        return Sort::Stray(format!("it differs from the payout: {}", differs.join(", ")));
    }
    match row.state {
        State::Accepted if row.evidence.is_some() => stray("the payout was never sent, and its outcome is proven"),
        State::Accepted => Sort::Lost(PayoutId::new(row.id)),
        State::Cancelled => stray("the payout is cancelled, and was never sent"),
        State::Sending | State::Sent | State::Settled | State::Failed | State::Returned => Sort::Known,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use workflows::domain::Clabe;

    use super::*;
    use crate::bank::Said;

    const CLABE: &str = "012180004643051249";

    fn line() -> StatementLine {
        StatementLine {
            tracking_key: "GIRO1".to_owned(),
            bank_ref: Some("7".to_owned()),
            amount: Some(Centavos::new(100)),
            clabe: Clabe::new(CLABE).ok(),
            of_our_company: true,
            operating_date: Some(date(2026, 11, 24)),
            says: Said::Pending {
                code: "stp:C".to_owned(),
            },
        }
    }

    fn row(state: State) -> Row {
        let sent = !matches!(state, State::Accepted | State::Cancelled);
        Row {
            id: uuid::Uuid::from_u128(7),
            tracking_key: "GIRO1".to_owned(),
            state,
            amount: Centavos::new(100),
            clabe: Private::new(CLABE),
            operating_date: sent.then(|| date(2026, 11, 24)),
            evidence: None,
        }
    }

    #[test]
    fn every_state_has_its_sort() {
        for state in State::ALL {
            let sort = sort(&line(), Some(&row(*state)));
            match state {
                State::Accepted => assert_eq!(sort, Sort::Lost(PayoutId::new(uuid::Uuid::from_u128(7)))),
                State::Cancelled => assert!(matches!(sort, Sort::Stray(_))),
                State::Sending | State::Sent | State::Settled | State::Failed | State::Returned => {
                    assert_eq!(sort, Sort::Known);
                }
            }
        }
        assert!(matches!(sort(&line(), None), Sort::Stray(_)));
        let mut proven = row(State::Accepted);
        proven.evidence = Some(Evidence::NotPaid);
        assert!(matches!(sort(&line(), Some(&proven)), Sort::Stray(_)));
    }

    #[test]
    fn what_differs_is_never_taken_in() {
        type Change = fn(&mut StatementLine);
        let changes: [(&str, Change); 4] = [
            ("company", |line| line.of_our_company = false),
            ("amount", |line| line.amount = Some(Centavos::new(101))),
            ("account", |line| line.clabe = None),
            ("operating_date", |line| line.operating_date = None),
        ];
        for (field, change) in changes {
            let mut other = line();
            change(&mut other);
            for state in State::ALL {
                let named = Sort::Stray(format!("it differs from the payout: {field}"));
                assert_eq!(sort(&other, Some(&row(*state))), named, "{state}");
            }
        }
        let mut next_day = line();
        next_day.operating_date = Some(date(2026, 11, 25));
        assert!(matches!(sort(&next_day, Some(&row(State::Sent))), Sort::Stray(_)));
        assert!(matches!(sort(&next_day, Some(&row(State::Accepted))), Sort::Lost(_)));
    }
}
