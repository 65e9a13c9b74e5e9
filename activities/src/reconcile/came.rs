//! What came in on a closed day: the bank's list against the books' records, both ways. Pure, but for `booked`.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sqlx::PgConnection;
use workflows::domain::ReceivedId;

use crate::{
    bank::{Incoming, ReceivedEntry},
    ledger::{StoreError, rows::SETTLEMENT_STP},
    sides::Wrong,
};

/// A record as the books have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BookedRecord {
    pub(super) amount: i64,
    pub(super) payment_type: u16,
    /// What it moved into the settlement account; `None`: it has no place yet.
    pub(super) moved: Option<i64>,
}

/// What both sides came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Came {
    /// Records on the bank's list.
    pub(super) records: usize,
    /// In centavos, of those that the books have placed.
    pub(super) by_bank: i128,
    /// In centavos that the settlement account got by them.
    pub(super) by_books: i128,
    /// Records that have no place yet.
    pub(super) open: usize,
    /// What differs.
    pub(super) wrong: Vec<Wrong>,
}

impl Came {
    /// The list could not be read: nothing is known, and the day is not settled.
    pub(super) fn unread(why: &str) -> Self {
        Self {
            wrong: vec![(
                "received".to_owned(),
                format!("the list of what came in could not be read: {why}"),
            )],
            ..Self::default()
        }
    }
}

/// Holds the list of a closed day against the books.
pub(super) fn compare(bank: &str, list: &[ReceivedEntry], booked: &BTreeMap<ReceivedId, BookedRecord>) -> Came {
    let mut came = Came {
        records: list.len(),
        ..Came::default()
    };
    let mut left = booked.clone();
    for entry in list {
        let subject = format!("received {}", entry.tracking_key);
        let line = match &entry.says {
            Incoming::Here(line) => line,
            Incoming::Pending { code } => {
                came.wrong
                    .push((subject, format!("its day is over, and the bank says {code}")));
                continue;
            }
            Incoming::Unclear { why } => {
                came.wrong
                    .push((subject, format!("its record cannot be booked: {why}")));
                continue;
            }
        };
        let id = line.id(bank);
        let Some(row) = left.remove(&id) else {
            came.wrong
                .push((subject, "the bank has it, and the books do not".to_owned()));
            continue;
        };
        if (row.amount, row.payment_type) != (line.amount.get(), line.payment_type) {
            let what = format!("the bank's record of {subject} has another amount or type");
            came.wrong.push((id.to_string(), what));
        }
        match row.moved {
            None => came.open += 1,
            Some(moved) => {
                came.by_bank += i128::from(line.amount.get());
                came.by_books += i128::from(moved);
            }
        }
    }
    for (id, row) in left {
        came.by_books += i128::from(row.moved.unwrap_or_default());
        came.wrong.push((
            id.to_string(),
            "the books have it, and the bank's list does not".to_owned(),
        ));
    }
    if came.by_bank != came.by_books {
        let what = format!(
            "the bank received {}, the settlement account got {}",
            came.by_bank, came.by_books
        );
        came.wrong.push(("received".to_owned(), what));
    }
    came
}

/// The books' records of an operating date, and what each moved into the settlement account.
pub(super) async fn booked(
    connection: &mut PgConnection,
    bank: &str,
    date: Date,
) -> Result<BTreeMap<ReceivedId, BookedRecord>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.id, r.amount, r.payment_type::int as "payment_type!", r.placed_at is not null as "is_placed!",
               (select coalesce(sum(m.amount), 0)::bigint from movement m
                where m.subject = coalesce(r.payout, r.id) and m.debit_account = $3
                  and m.kind in ('deposit', 'suspense', 'return', 'interest')) as "moved!"
           from received r where r.bank = $1 and r.operating_date = ($2::text)::date"#,
        bank,
        date.to_string(),
        SETTLEMENT_STP.uuid()
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| {
        let record = BookedRecord {
            amount: row.amount,
            payment_type: u16::try_from(row.payment_type).unwrap_or_default(),
            moved: row.is_placed.then_some(row.moved),
        };
        (ReceivedId::new(row.id), record)
    });
    Ok(read.collect())
}

/// What the tests of this folder have come in.
#[cfg(test)]
pub(super) mod made {
    use jiff::civil::date;
    use workflows::domain::{Centavos, InstitutionCode};

    use super::*;
    use crate::bank::ReceivedLine;

    /// A deposit on the bank's list of 1 December 2026.
    pub(in crate::reconcile) fn entry(key: &str, centavos: i64) -> ReceivedEntry {
        let line = ReceivedLine {
            operating_date: date(2026, 12, 1),
            sender: InstitutionCode::new(40_012),
            tracking_key: key.to_owned(),
            payment_type: 1,
            amount: Centavos::new(centavos),
            interest: Centavos::ZERO,
            account: None,
            of_key: None,
            cause: None,
            sender_account: None,
            sender_name: None,
            concept: None,
            reference: None,
            bank_ref: None,
            record: "{}".to_owned(),
        };
        ReceivedEntry {
            sender: Some(40_012),
            tracking_key: key.to_owned(),
            bank_ref: None,
            says: Incoming::Here(Box::new(line)),
        }
    }

    /// Its id.
    pub(in crate::reconcile) fn id(key: &str) -> ReceivedId {
        ReceivedId::derive("stp", date(2026, 12, 1), 40_012, key)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        made::{entry, id},
        *,
    };

    const BOOKED: BookedRecord = BookedRecord {
        amount: 100,
        payment_type: 1,
        moved: Some(100),
    };

    #[test]
    fn both_sides_agree_record_by_record_and_in_the_sum() {
        let booked = BTreeMap::from([(id("A"), BOOKED), (id("B"), BookedRecord { moved: None, ..BOOKED })]);
        let came = compare("stp", &[entry("A", 100), entry("B", 100)], &booked);
        let due = Came {
            records: 2,
            by_bank: 100,
            by_books: 100,
            open: 1,
            wrong: Vec::new(),
        };
        assert_eq!(came, due);
        assert_eq!(compare("stp", &[], &BTreeMap::new()), Came::default());
    }

    #[test]
    fn whatever_one_side_lacks_or_has_otherwise_is_named() {
        let wrong = |list: &[ReceivedEntry], booked: &[(ReceivedId, BookedRecord)]| {
            let came = compare("stp", list, &booked.iter().copied().collect());
            came.wrong.into_iter().map(|(subject, _)| subject).collect::<Vec<_>>()
        };
        let mut pending = entry("A", 100);
        pending.says = Incoming::Pending {
            code: "stp:R".to_owned(),
        };
        let mut unclear = entry("A", 100);
        unclear.says = Incoming::Unclear {
            why: "its monto does not read".to_owned(),
        };
        let (a, whole) = (id("A").to_string(), "received".to_owned());
        assert_eq!(wrong(&[entry("A", 100)], &[]), ["received A"]);
        assert_eq!(wrong(&[], &[(id("A"), BOOKED)]), [a.clone(), whole.clone()]);
        assert_eq!(
            wrong(&[entry("A", 101)], &[(id("A"), BOOKED)]),
            [a.clone(), whole.clone()]
        );
        assert_eq!(
            wrong(
                &[entry("A", 100)],
                &[(
                    id("A"),
                    BookedRecord {
                        payment_type: 17,
                        ..BOOKED
                    }
                )]
            ),
            [a]
        );
        assert_eq!(
            wrong(
                &[entry("A", 100)],
                &[(
                    id("A"),
                    BookedRecord {
                        moved: Some(90),
                        ..BOOKED
                    }
                )]
            ),
            [whole]
        );
        assert_eq!(wrong(&[pending], &[]), ["received A"]);
        assert_eq!(wrong(&[unclear], &[]), ["received A"]);
    }
}
