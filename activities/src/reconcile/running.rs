//! The running day: the bank's orders so far against the books, and whether the settlement account has what the bank has.
//! Pure, but for `keep` and what reads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use sqlx::{Acquire, PgConnection, PgPool};
use uuid::Uuid;
use workflows::domain::{Centavos, ReceivedId, State};

use super::store::{NAMED, Named};
use crate::{
    bank::{Bank, Incoming, ReceivedEntry, Said, StatementLine},
    ledger::{
        Ledger, StoreError, heard,
        rows::SETTLEMENT_STP,
        store::{day as date_of, stamp, time},
    },
    sides::{self, Booked, Sides, Statements, Wrong},
};

/// What the bank has told of its running day.
pub(super) struct Told {
    /// The books' time before it was asked.
    pub(super) read_at: Timestamp,
    /// The day.
    pub(super) date: Date,
    /// Orders that we sent.
    pub(super) lines: Vec<StatementLine>,
    /// What came in.
    pub(super) list: Vec<ReceivedEntry>,
    /// Its balance, the same before and after both lists; `None`: not asked, or money moved meanwhile.
    pub(super) balance: Option<Centavos>,
}

/// The newest reading of a bank's running day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Whose day it is.
    pub bank: String,
    /// The day.
    pub operating_date: Date,
    /// The books' time before the bank was read.
    pub at: Timestamp,
    /// Orders on its statement so far.
    pub orders: u32,
    /// Payouts of the day that have not ended.
    pub open: u32,
    /// How many orders differ.
    pub differences: u32,
    /// The first hundred of them.
    pub named: Vec<Named>,
    /// The newest balance that was read, of this reading or an earlier one.
    pub balance: Option<Balance>,
}

/// The bank's balance against the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// When the bank was asked, by the books' time.
    pub at: Timestamp,
    /// What the bank says.
    pub by_bank: Centavos,
    /// What it must have: the settlement account, with what the bank has paid or received and the books have not booked yet.
    pub by_books: Centavos,
    /// What may have left beside: orders under way that the bank has not told as paid.
    pub in_doubt: Centavos,
}

impl Balance {
    /// What no money under way explains, in centavos; above 0: the bank has more.
    pub fn apart(&self) -> i64 {
        let over = self.by_bank.get() - self.by_books.get();
        if over > 0 {
            over
        } else {
            (over + self.in_doubt.get()).min(0)
        }
    }
}

/// A record of money that came in, as the books have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Came {
    amount: i64,
    placed_at: Option<Timestamp>,
}

/// What the books say beside the payouts.
struct Sums {
    /// Debits less credits of the settlement account.
    settlement: i128,
    /// Payouts under way that are not among those held against the statement, or that send a deposit back.
    in_doubt: i128,
    /// Came in on earlier days, and has no place yet.
    unplaced: i128,
}

/// What the bank must have, by the books and by what it has told itself; and what may have left beside: orders under way that
/// it has not told as paid.
fn due(told: &Told, booked: &[Booked], came: &BTreeMap<ReceivedId, Came>, sums: &Sums, bank: &str) -> (i128, i128) {
    let keys = |is: fn(&Said) -> bool| -> BTreeSet<&str> {
        let those = told.lines.iter().filter(|line| is(&line.says));
        those.map(|line| line.tracking_key.as_str()).collect()
    };
    let paid = keys(|says| matches!(says, Said::Paid { .. }));
    let unpaid = keys(|says| matches!(says, Said::NotPaid { .. }));
    let (mut due, mut in_doubt) = (sums.settlement + sums.unplaced, sums.in_doubt);
    for row in booked.iter().filter(|row| !row.sends_back()) {
        let amount = i128::from(row.amount.get());
        match row.state {
            State::Sending | State::Sent if paid.contains(row.key.as_str()) => due -= amount,
            State::Settled | State::Returned
                if !paid.contains(row.key.as_str()) && row.ended_at.is_some_and(|at| at >= told.read_at) =>
            {
                due += amount;
            }
            State::Sending | State::Sent if unpaid.contains(row.key.as_str()) => {}
            State::Sending | State::Sent => in_doubt += amount,
            State::Accepted => {}
            State::Settled | State::Failed | State::Cancelled | State::Returned => {}
        }
    }
    let mut left = came.clone();
    for entry in &told.list {
        let Incoming::Here(line) = &entry.says else { continue };
        // What the books do not have once it was taken in is no money under way: it differs.
        if let Some(Came { placed_at: None, .. }) = left.remove(&line.id(bank)) {
            due += i128::from(line.amount.get());
        }
    }
    // What came after the list was read.
    for row in left.values() {
        if row.placed_at.is_some_and(|at| at >= told.read_at) {
            due -= i128::from(row.amount);
        }
    }
    (due, in_doubt)
}

/// Holds the running day against the books as they are now, and writes what it comes to so far. How many orders differ.
pub(super) async fn keep(ledger: &Ledger, bank: &Bank, told: Told) -> Result<(usize, Option<Balance>), StoreError> {
    let dates = BTreeSet::from([told.date]);
    let keys: Vec<String> = told.lines.iter().map(|line| line.tracking_key.clone()).collect();
    let mut connection = ledger.pool().acquire().await?;
    let mut snapshot = Acquire::begin(&mut *connection).await?;
    for setting in [
        "set transaction isolation level repeatable read, read only",
        "set local statement_timeout = '120s'",
    ] {
        sqlx::query(setting).execute(&mut *snapshot).await?;
    }
    let booked = sides::read::booked(&mut snapshot, bank.name(), &dates, &keys).await?;
    let here: Vec<Uuid> = here(&told.list, bank.name()).map(|(_, id)| id.uuid()).collect();
    let came = came(&mut snapshot, bank.name(), told.date, &here).await?;
    let held: Vec<Uuid> = booked
        .iter()
        .filter(|row| !row.sends_back())
        .map(|row| row.id.uuid())
        .collect();
    let sums = sums(&mut snapshot, bank.name(), told.date, &held).await?;
    snapshot.rollback().await?;
    let centavos = |sum: i128| Centavos::new(i64::try_from(sum).unwrap_or(i64::MAX));
    let (by_books, in_doubt) = due(&told, &booked, &came, &sums, bank.name());
    let balance = told.balance.map(|by_bank| Balance {
        at: told.read_at,
        by_bank,
        by_books: centavos(by_books),
        in_doubt: centavos(in_doubt),
    });
    let open = booked
        .iter()
        .filter(|row| row.state.is_open() && row.state != State::Accepted)
        .count();
    let (orders, read_at) = (told.lines.len(), told.read_at);
    let statements = Statements::from([(told.date, told.lines)]);
    let sides = Sides {
        statements: &statements,
        booked: &booked,
        moved: &BTreeMap::new(),
        read_at,
    };
    let mut wrong = sides.orders().1;
    wrong.extend(missed(&told.list, &came, bank.name()));
    let named: Vec<Named> = wrong
        .iter()
        .take(NAMED)
        .cloned()
        .map(|(subject, what)| Named { subject, what })
        .collect();
    let count = |many: usize| i32::try_from(many).unwrap_or(i32::MAX);
    sqlx::query!(
        r#"insert into running_day (id, bank, operating_date, at, orders, open, differences, named, balance_by_bank,
                                    balance_by_books, in_doubt)
           values ($1, $2, ($3::text)::date, ($4::text)::timestamptz, $5, $6, $7, $8, $9, $10, $11)"#,
        Uuid::now_v7(),
        bank.name(),
        told.date.to_string(),
        stamp(read_at),
        count(orders),
        count(open),
        count(wrong.len()),
        serde_json::to_value(named)?,
        balance.map(|balance| balance.by_bank.get()),
        balance.map(|balance| balance.by_books.get()),
        balance.map_or(0, |balance| balance.in_doubt.get())
    )
    .execute(&mut *connection)
    .await?;
    Ok((wrong.len(), balance))
}

/// The records on a list whose money is here, by key and id.
fn here<'a>(list: &'a [ReceivedEntry], bank: &'a str) -> impl Iterator<Item = (&'a str, ReceivedId)> {
    list.iter().filter_map(move |entry| match &entry.says {
        Incoming::Here(line) => Some((entry.tracking_key.as_str(), line.id(bank))),
        Incoming::Pending { .. } | Incoming::Unclear { .. } => None,
    })
}

/// Records that the books do not have, though they were taken in: one too many under a key, or one that a check set aside.
fn missed(list: &[ReceivedEntry], came: &BTreeMap<ReceivedId, Came>, bank: &str) -> Vec<Wrong> {
    let mut left: BTreeSet<ReceivedId> = came.keys().copied().collect();
    let lacking = here(list, bank).filter(|(_, id)| !left.remove(id));
    let what = "the bank has it, and the books do not";
    lacking
        .map(|(key, _)| (format!("received {key}"), what.to_owned()))
        .collect()
}

/// Records of this operating date, and these.
async fn came(
    connection: &mut PgConnection,
    bank: &str,
    date: Date,
    listed: &[Uuid],
) -> Result<BTreeMap<ReceivedId, Came>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, amount, (extract(epoch from placed_at) * 1000000)::bigint as placed
           from received where bank = $1 and operating_date = ($2::text)::date or id = any($3)"#,
        bank,
        date.to_string(),
        listed
    )
    .fetch_all(connection)
    .await?;
    let read = rows.into_iter().map(|row| {
        let placed_at = row.placed.map(|at| time(Some(at)));
        (
            ReceivedId::new(row.id),
            Came {
                amount: row.amount,
                placed_at,
            },
        )
    });
    Ok(read.collect())
}

async fn sums(connection: &mut PgConnection, bank: &str, date: Date, held: &[Uuid]) -> Result<Sums, StoreError> {
    let row = sqlx::query!(
        r#"select (select debits - credits from account where id = $3) as "settlement!",
               (select coalesce(sum(amount), 0)::bigint from payout
                where ended_at is null and bank = $1 and state in ('sending', 'sent') and id <> all($4)) as "in_doubt!",
               (select coalesce(sum(amount), 0)::bigint from received
                where deadline_at is not null and bank = $1 and operating_date < ($2::text)::date) as "unplaced!""#,
        bank,
        date.to_string(),
        SETTLEMENT_STP.uuid(),
        held
    )
    .fetch_one(connection)
    .await?;
    Ok(Sums {
        settlement: row.settlement.into(),
        in_doubt: row.in_doubt.into(),
        unplaced: row.unplaced.into(),
    })
}

/// The newest reading of each bank's running day.
pub async fn running(pool: &PgPool) -> Result<Vec<Running>, StoreError> {
    let rows = sqlx::query!(
        r#"select r.bank, r.operating_date::text as "date!", r.orders, r.open, r.differences, r.named,
               (extract(epoch from r.at) * 1000000)::bigint as "at!",
               (extract(epoch from b.at) * 1000000)::bigint as "balance_at?", b.balance_by_bank as "by_bank?",
               b.balance_by_books as "by_books?", b.in_doubt as "in_doubt?"
           from bank cross join lateral (
               select * from running_day where bank = bank.name order by at desc limit 1) r
           left join lateral (
               select * from running_day where bank = r.bank and balance_by_bank is not null order by at desc limit 1) b on true
           order by r.bank"#
    )
    .fetch_all(pool);
    let read = heard(rows).await?.into_iter().map(|row| {
        let count = |many: i32| u32::try_from(many).unwrap_or_default();
        let balance = match (row.balance_at, row.by_bank, row.by_books, row.in_doubt) {
            (Some(at), Some(by_bank), Some(by_books), Some(in_doubt)) => Some(Balance {
                at: time(Some(at)),
                by_bank: Centavos::new(by_bank),
                by_books: Centavos::new(by_books),
                in_doubt: Centavos::new(in_doubt),
            }),
            _ => None,
        };
        Ok(Running {
            bank: row.bank,
            operating_date: date_of(&row.date),
            at: time(Some(row.at)),
            orders: count(row.orders),
            open: count(row.open),
            differences: count(row.differences),
            named: serde_json::from_value(row.named)?,
            balance,
        })
    });
    read.collect()
}

/// Two readings say of a difference that it is one when they are so far apart: what is under way is over by then.
const SURE: SignedDuration = SignedDuration::from_mins(4);
/// Readings that are looked back on: a day of them.
const BACK: i64 = 300;

/// A bank whose balance the books have not had for minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Whose it is.
    pub bank: String,
    /// Since the first reading that said so, of those without one in between that did not; a day back at the most.
    pub since: Timestamp,
    /// What no money under way explains, in centavos, by the reading that says least; above 0: the bank has more.
    pub apart: i64,
}

/// What readings say, the newest first: by how much they are apart all this time, and since when.
fn unbroken(read: &[Balance]) -> Option<(Timestamp, i64)> {
    let newest = read.first()?;
    let sign = newest.apart().signum();
    let all: Vec<&Balance> = read
        .iter()
        .take_while(|one| one.apart().signum() == sign && sign != 0)
        .collect();
    let oldest = all.last()?;
    let is_sure = newest.at.duration_since(oldest.at) >= SURE;
    let least = all.iter().map(|one| one.apart()).min_by_key(|apart| apart.abs())?;
    is_sure.then_some((oldest.at, least))
}

/// Each of them.
pub async fn balances_apart(pool: &PgPool) -> Result<Vec<Apart>, StoreError> {
    let rows = sqlx::query!(
        r#"select b.name, r.balance_by_bank as "by_bank!", r.balance_by_books as "by_books!", r.in_doubt,
                  (extract(epoch from r.at) * 1000000)::bigint as "at!"
           from bank b cross join lateral (
               select * from running_day where bank = b.name and balance_by_bank is not null order by at desc limit $1) r
           order by b.name, r.at desc"#,
        BACK
    )
    .fetch_all(pool);
    let mut all: BTreeMap<String, Vec<Balance>> = BTreeMap::new();
    for row in heard(rows).await? {
        all.entry(row.name).or_default().push(Balance {
            at: time(Some(row.at)),
            by_bank: Centavos::new(row.by_bank),
            by_books: Centavos::new(row.by_books),
            in_doubt: Centavos::new(row.in_doubt),
        });
    }
    let told = all.into_iter().filter_map(|(bank, read)| {
        let (since, apart) = unbroken(&read)?;
        Some(Apart { bank, since, apart })
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, civil::date};
    use workflows::domain::{InstitutionCode, PayoutId};

    use super::*;
    use crate::bank::ReceivedLine;

    fn read_at() -> Timestamp {
        "2026-12-01T17:00:00Z".parse().expect("a time")
    }

    fn today() -> Date {
        date(2026, 12, 1)
    }

    fn row(number: u128, state: State, amount: i64) -> Booked {
        Booked {
            id: PayoutId::new(Uuid::from_u128(number)),
            key: format!("GIRO{number}"),
            state,
            amount: Centavos::new(amount),
            clabe: "012180004643051249".to_owned(),
            date: Some(today()),
            evidence: None,
            send_no: 1,
            is_referred: true,
            ended_at: (!state.is_open()).then(|| read_at() - SignedDuration::from_secs(60)),
        }
    }

    fn line(number: u128, amount: i64, says: Said) -> StatementLine {
        StatementLine {
            tracking_key: format!("GIRO{number}"),
            bank_ref: None,
            amount: Some(Centavos::new(amount)),
            clabe: None,
            of_our_company: true,
            operating_date: Some(today()),
            says,
        }
    }

    fn paid(number: u128, amount: i64) -> StatementLine {
        line(
            number,
            amount,
            Said::Paid {
                came_back: false,
                code: "stp:LQ".to_owned(),
            },
        )
    }

    fn entry(key: &str, amount: i64) -> ReceivedEntry {
        let line = ReceivedLine {
            operating_date: today(),
            sender: InstitutionCode::new(40_012),
            tracking_key: key.to_owned(),
            payment_type: 1,
            amount: Centavos::new(amount),
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

    fn id(key: &str) -> ReceivedId {
        ReceivedId::derive("stp", today(), 40_012, key)
    }

    fn told(lines: Vec<StatementLine>, list: Vec<ReceivedEntry>) -> Told {
        Told {
            read_at: read_at(),
            date: today(),
            lines,
            list,
            balance: None,
        }
    }

    const SUMS: Sums = Sums {
        settlement: 1_000,
        in_doubt: 0,
        unplaced: 0,
    };

    fn of(told: &Told, booked: &[Booked], came: &[(ReceivedId, Came)]) -> (i128, i128) {
        due(told, booked, &came.iter().copied().collect(), &SUMS, "stp")
    }

    #[test]
    fn what_the_bank_has_paid_and_the_books_have_not_booked_is_allowed_for() {
        let open = [
            row(1, State::Sent, 30),
            row(2, State::Sending, 7),
            row(3, State::Accepted, 5),
        ];
        let none = told(Vec::new(), Vec::new());
        assert_eq!(
            of(&none, &open, &[]),
            (1_000, 37),
            "either may have left, of the third nothing"
        );
        assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &open, &[]), (970, 7));
        // Booked, and on the list or not: what was booked before the list was read has left the bank.
        let settled = [row(1, State::Settled, 30)];
        assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &settled, &[]), (1_000, 0));
        assert_eq!(of(&none, &settled, &[]), (1_000, 0));
        let mut late = row(1, State::Settled, 30);
        late.ended_at = Some(read_at() + SignedDuration::from_secs(1));
        assert_eq!(
            of(&none, &[late.clone()], &[]),
            (1_030, 0),
            "it left after the list was read"
        );
        assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &[late], &[]), (1_000, 0));
        // Money of a payout that was given back, and that the bank paid, is nobody's to allow for.
        assert_eq!(
            of(&told(vec![paid(1, 30)], Vec::new()), &[row(1, State::Failed, 30)], &[]),
            (1_000, 0)
        );
        let mut yesterday = row(1, State::Sent, 30);
        yesterday.date = Some(date(2026, 11, 30));
        assert_eq!(of(&none, &[yesterday.clone()], &[]), (1_000, 30));
        assert_eq!(of(&told(vec![paid(1, 30)], Vec::new()), &[yesterday], &[]), (970, 0));
        let dead = line(
            1,
            30,
            Said::NotPaid {
                code: "stp:CN".to_owned(),
            },
        );
        assert_eq!(
            of(&told(vec![dead], Vec::new()), &[row(1, State::Sent, 30)], &[]),
            (1_000, 0)
        );
        // It left and came back the same day: its record is under our own key.
        let back = line(
            1,
            30,
            Said::Paid {
                came_back: true,
                code: "stp:D".to_owned(),
            },
        );
        let both = told(vec![back], vec![entry("GIRO1", 30)]);
        let waits = [(
            id("GIRO1"),
            Came {
                amount: 30,
                placed_at: None,
            },
        )];
        assert_eq!(of(&both, &[row(1, State::Sent, 30)], &waits), (1_000, 0));
    }

    #[test]
    fn what_came_and_has_no_place_yet_is_allowed_for() {
        let came = |placed_at| Came { amount: 50, placed_at };
        let (before, after) = (
            Some(read_at() - SignedDuration::from_secs(1)),
            Some(read_at() + SignedDuration::from_secs(1)),
        );
        let list = told(Vec::new(), vec![entry("A", 50)]);
        let none = told(Vec::new(), Vec::new());
        assert_eq!(of(&list, &[], &[]), (1_000, 0), "the books would have it");
        let twice = [entry("A", 50), entry("A", 50)];
        let of_a = [(id("A"), came(before))].into_iter().collect();
        assert_eq!(missed(&twice, &of_a, "stp").len(), 1, "the second is nobody's");
        assert!(missed(&twice[..1], &of_a, "stp").is_empty());
        assert_eq!(of(&list, &[], &[(id("A"), came(None))]), (1_050, 0));
        assert_eq!(of(&list, &[], &[(id("A"), came(before))]), (1_000, 0));
        assert_eq!(of(&list, &[], &[(id("A"), came(after))]), (1_000, 0));
        assert_eq!(
            of(&none, &[], &[(id("A"), came(after))]),
            (950, 0),
            "it came after the list was read"
        );
        assert_eq!(
            of(&none, &[], &[(id("A"), came(before))]),
            (1_000, 0),
            "and this the list lacks"
        );
    }

    #[test]
    fn what_may_have_left_explains_less_and_never_more() {
        let balance = |by_bank, in_doubt| Balance {
            at: read_at(),
            by_bank: Centavos::new(by_bank),
            by_books: Centavos::new(1_000),
            in_doubt: Centavos::new(in_doubt),
        };
        let apart = |by_bank, in_doubt| balance(by_bank, in_doubt).apart();
        assert_eq!((apart(1_000, 0), apart(999, 0), apart(1_001, 0)), (0, -1, 1));
        assert_eq!((apart(970, 30), apart(969, 30), apart(1_001, 30)), (0, -1, 1));
    }

    #[test]
    fn a_difference_is_one_once_readings_minutes_apart_say_so() {
        let at = |seconds: i64, apart: i64| Balance {
            at: read_at() + SignedDuration::from_secs(seconds),
            by_bank: Centavos::new(1_000 + apart),
            by_books: Centavos::new(1_000),
            in_doubt: Centavos::ZERO,
        };
        assert_eq!(unbroken(&[at(300, 7)]), None);
        assert_eq!(unbroken(&[at(300, 7), at(290, 7)]), None, "a listing that lags");
        assert_eq!(unbroken(&[at(300, 7), at(0, 5)]), Some((read_at(), 5)));
        assert_eq!(unbroken(&[at(300, 7), at(150, 0), at(0, 7)]), None);
        assert_eq!(unbroken(&[at(300, 7), at(0, -7)]), None, "two things");
        assert_eq!(unbroken(&[at(300, 0), at(0, 7)]), None, "it is over");
        assert_eq!(unbroken(&[]), None);
    }
}
