//! Each line of a statement held against its payout's row.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;
use sqlx::PgPool;
use tracing::error;
use workflows::domain::{Centavos, Evidence, PayoutId, State};

use crate::{
    bank::StatementLine,
    ledger::{Ledger, StoreError, heard, rows::Private},
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
    /// They cannot explain it, and why; with the payout of theirs that was never sent, where it names one.
    Stray(Option<PayoutId>, String),
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
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&str> = lines
        .iter()
        .map(|line| line.tracking_key.as_str())
        .filter(|key| !seen.insert(*key))
        .collect();
    for lines in lines.chunks(AT_ONCE) {
        let keys: Vec<String> = lines.iter().map(|line| line.tracking_key.clone()).collect();
        let found = sqlx::query_scalar!(
            r#"select jsonb_build_object('id', id, 'tracking_key', tracking_key, 'state', state, 'amount', amount,
                   'clabe', clabe, 'operating_date', operating_date, 'evidence', evidence) as "row"
               from payout where tracking_key = any($1) and to_account is null"#,
            &keys
        )
        .fetch_all(pool);
        let found = heard(found).await?;
        // A row that does not read is none: its line is named, and the others do not wait for its mending.
        let read = |row| {
            serde_json::from_value(row)
                .inspect_err(|error| error!(%error, "a payout does not read"))
                .ok()
        };
        let rows: Vec<Row> = found.into_iter().flatten().filter_map(read).collect();
        let rows: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.tracking_key.as_str(), row)).collect();
        for line in lines {
            let row = rows.get(line.tracking_key.as_str()).copied();
            let sort = if twice.contains(line.tracking_key.as_str()) {
                let unsent = row.filter(|row| row.state == State::Accepted);
                Sort::Stray(
                    unsent.map(|row| PayoutId::new(row.id)),
                    "the bank has two orders by its key".to_owned(),
                )
            } else {
                sort(line, row)
            };
            all.push((line, sort));
        }
    }
    Ok(all)
}

/// An order that the bank has taken, as the books know for long, and that its statement of a day lacks.
pub(super) async fn lacking(
    ledger: &Ledger,
    bank: &str,
    day: Date,
    lines: &[StatementLine],
) -> Result<Option<String>, StoreError> {
    let keys: Vec<String> = lines.iter().map(|line| line.tracking_key.clone()).collect();
    let lacking = sqlx::query_scalar!(
        r#"select tracking_key from payout
           where bank = $1 and operating_date = ($2::text)::date and state in ('sent', 'settled') and bank_ref is not null
             and sends_back is null
             and send_before < giro_now() - $3::float8 * interval '1 second'
             and not exists (select from unnest($4::text[]) k where k = tracking_key)
           limit 1"#,
        bank,
        day.to_string(),
        ledger.rules().horizon.as_secs_f64(),
        &keys
    );
    heard(lacking.fetch_optional(ledger.pool())).await
}

fn sort(line: &StatementLine, row: Option<&Row>) -> Sort {
    let stray = |why: &str| Sort::Stray(None, why.to_owned());
    let Some(row) = row else {
        return stray("the books have no such payout");
    };
    let accepted = (row.state == State::Accepted).then(|| PayoutId::new(row.id));
    let unsent = matches!(row.state, State::Accepted | State::Cancelled);
    let date = if unsent { None } else { row.operating_date };
    let differs = line.differs(&row.tracking_key, row.amount, row.clabe.expose(), date);
    if !differs.is_empty() {
        let why = format!("it differs from the payout: {}", differs.join(", "));
        return Sort::Stray(accepted, why);
    }
    match row.state {
        State::Accepted if row.evidence.is_some() => Sort::Stray(
            accepted,
            "the payout was never sent, and its outcome is proven".to_owned(),
        ),
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
            receipt: None,
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
                State::Cancelled => assert!(matches!(sort, Sort::Stray(None, _))),
                State::Sending | State::Sent | State::Settled | State::Failed | State::Returned => {
                    assert_eq!(sort, Sort::Known);
                }
            }
        }
        assert!(matches!(sort(&line(), None), Sort::Stray(None, _)));
        let mut proven = row(State::Accepted);
        proven.evidence = Some(Evidence::NotPaid);
        assert!(matches!(sort(&line(), Some(&proven)), Sort::Stray(Some(_), _)));
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
                let unsent = (*state == State::Accepted).then(|| PayoutId::new(uuid::Uuid::from_u128(7)));
                let named = Sort::Stray(unsent, format!("it differs from the payout: {field}"));
                assert_eq!(sort(&other, Some(&row(*state))), named, "{state}");
            }
        }
        let mut next_day = line();
        next_day.operating_date = Some(date(2026, 11, 25));
        assert!(matches!(sort(&next_day, Some(&row(State::Sent))), Sort::Stray(None, _)));
        assert!(matches!(sort(&next_day, Some(&row(State::Accepted))), Sort::Lost(_)));
    }
}
