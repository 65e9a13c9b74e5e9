//! Corrections against the words of people: what two have said is booked once, and nothing else is.

use std::time::Instant;

use sqlx::PgConnection;
use workflows::domain::{AccountId, Centavos, CorrectionId};

use super::report::{Invariant, Tally};
use crate::ledger::StoreError;

/// Each correction is what its id is made of, has its movement if a second person has said so, and that is what they said.
pub(super) async fn check(connection: &mut PgConnection, tally: &mut Tally) -> Result<(), StoreError> {
    let began = Instant::now();
    let rows = sqlx::query!(
        r#"select c.id, c.debit_account, c.credit_account, c.amount, c.document,
               (select count(*) from decision d where d.subject = c.id and d.outcome = 'correct' and d.seconds is not null) as "said!",
               (select count(*) from movement m where m.subject = c.id) as "booked!",
               not exists (
                   select from movement m where m.subject = c.id and (m.kind, m.debit_account, m.credit_account, m.amount, m.reason)
                       is distinct from ('correction', c.debit_account, c.credit_account, c.amount, c.document)) as "alike!"
           from correction c"#
    )
    .fetch_all(connection)
    .await?;
    tally.checked(Invariant::Legs, rows.len());
    for row in rows {
        let id = CorrectionId::new(row.id);
        let (debit, credit) = (AccountId::new(row.debit_account), AccountId::new(row.credit_account));
        let what = match (row.said, row.booked) {
            _ if CorrectionId::derive(debit, credit, Centavos::new(row.amount), &row.document) != id => {
                "is not what its id is made of: an account, the amount or the document was changed"
            }
            (0, 0) | (1, 1) if row.alike => continue,
            (0, 1..) => "is booked, and two people have not said so",
            (1.., 0) => "was said by two people, and is not booked",
            _ => "is not booked as two people said",
        };
        tally.broke(Invariant::Legs, id, what);
    }
    tally.took(Invariant::Legs, began.elapsed());
    Ok(())
}
