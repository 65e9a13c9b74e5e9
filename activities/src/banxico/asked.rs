//! Who wants which receipt looked up at Banxico, what came of it, and when it is asked again.

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use workflows::domain::{PaymentState, PayoutId, PortalAnswer};

use super::Answer;
use crate::ledger::{StoreError, heard};

/// Attempts, of which the last is some eight hours after the first.
const ATTEMPTS: u32 = 10;
/// After the first attempt that brought none, in seconds; each further one takes twice as long.
const FIRST: u64 = 60;
const LONGEST: u64 = 6 * 3_600;
/// The portal is left alone for so many seconds once it says that it was asked too often.
const QUIET: u64 = 3_600;
/// Of one caller's under way, at most: at the portal's pace half an hour of questions. Another caller's are none of theirs.
const MOST: i64 = 200;
/// Whoever wants what has ended gets it asked again so long after it was wanted.
const LATELY: SignedDuration = SignedDuration::from_hours(1);
/// Who waits longer than so many seconds for the portal's pace does not wait in a run.
const SOON: u64 = 60;

/// A wish, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Asked {
    /// Whose it is.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// When Banxico is asked next; `None`: no more.
    pub due_at: Option<Timestamp>,
    /// Answers that were none to end with.
    pub attempts: u32,
}

/// An answer, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// What it is.
    pub said: PortalAnswer,
    /// Where the payment stands, where it says so.
    pub state: Option<PaymentState>,
    /// The page, or the receipt: it holds names and accounts.
    pub received: Vec<u8>,
}

impl Told {
    /// True once Banxico has given the receipt.
    pub fn is_found(&self) -> bool {
        self.said
            .as_ref()
            .is_some_and(|said| said.said == PortalAnswer::Receipt)
    }

    /// From when on it is asked again, where somebody wants that; `None`: it goes on, or is found.
    pub fn may_be_wanted_at(&self) -> Option<Timestamp> {
        let has_ended = self.asked.due_at.is_none() && !self.is_found();
        has_ended.then(|| self.asked.asked_at + LATELY)
    }
}

impl std::fmt::Debug for Said {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Said({}, {}, {:?})", self.at, self.said, self.state)
    }
}

/// A wish with its answer: the receipt, where one ever came; else that Banxico has the payment, where it once said so; else the
/// newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The wish.
    pub asked: Asked,
    /// `None`: not asked yet.
    pub said: Option<Said>,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Banxico is asked, or was to be already.
    Asked,
    /// It has given the receipt: nobody is asked.
    Found,
    /// It was wanted less than an hour ago, and no answer that Banxico could give would be another: nobody is asked before then.
    Lately(Timestamp),
    /// The caller wants as many already as one may, and nothing is written.
    Full,
}

/// What may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This, now, and nothing else: the turn is taken, and counted.
    Turn {
        /// The payout.
        payout: PayoutId,
        /// Attempts before.
        attempts: u32,
        /// The day by which Banxico has found it, where it once did.
        day: Option<Date>,
    },
    /// The portal's pace allows none for so many seconds.
    Wait(u64),
    /// Nothing is due, or not soon.
    Nothing,
}

/// Writes down that `by` wants a payout's receipt looked up, where that changes anything.
pub async fn wish(pool: &PgPool, payout: PayoutId, by: &str) -> Result<Wish, StoreError> {
    let written = sqlx::query!(
        r#"with known as (
               select exists (select from receipt_answer where payout = $1 and said = 'receipt') as is_found,
                      exists (select from receipt_request where payout = $1 and due_at is not null) as goes_on,
                      (select to_jsonb(asked_at + make_interval(secs => $4::int)) from receipt_request
                       where payout = $1 and due_at is null
                         and asked_at > giro_now() - make_interval(secs => $4::int)) as lately_until,
                      (select count(*) from receipt_request where asked_by = $2 and due_at is not null) >= $3 as is_full),
           written as (
               insert into receipt_request as before (payout, asked_by, asked_at, due_at)
               select $1, $2, giro_now(), giro_now() from known
               where not is_found and not goes_on and lately_until is null and not is_full
               on conflict (payout) do update
                   set asked_by = excluded.asked_by, asked_at = excluded.asked_at, due_at = excluded.due_at, attempts = 0
                   where before.due_at is null)
           select is_found as "is_found!", goes_on as "goes_on!", lately_until, is_full as "is_full!" from known"#,
        payout.uuid(),
        by,
        MOST,
        i32::try_from(LATELY.as_secs()).unwrap_or(i32::MAX)
    );
    let known = heard(written.fetch_one(pool)).await?;
    Ok(match known.lately_until {
        _ if known.is_found => Wish::Found,
        _ if known.goes_on => Wish::Asked,
        Some(until) => Wish::Lately(read(until)?),
        None if known.is_full => Wish::Full,
        None => Wish::Asked,
    })
}

/// Puts a turn off of which nothing can be asked now: its payout was not sent after all.
pub async fn put_off(pool: &PgPool, turn: (PayoutId, u32)) -> Result<(), StoreError> {
    let (payout, attempts) = turn;
    let again = again(PortalAnswer::NotFound, None, attempts, 1);
    let mut connection = heard(pool.acquire()).await?;
    heard(later(&mut connection, payout, attempts, again, true)).await
}

/// When it is asked again, where nobody else has had a turn since; not once it was wanted a day ago.
async fn later(
    connection: &mut PgConnection,
    payout: PayoutId,
    attempts: u32,
    again: Option<u64>,
    counts: bool,
) -> Result<(), sqlx::Error> {
    let later = sqlx::query!(
        r#"update receipt_request
           set due_at = case when asked_at > giro_now() - interval '1 day' then giro_now() + make_interval(secs => $3::int) end,
               attempts = case when $4 then attempts else $2 end
           where payout = $1 and attempts = $2 + 1 and due_at is not null"#,
        payout.uuid(),
        i32::try_from(attempts).unwrap_or(i32::MAX),
        again.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX)),
        counts
    );
    later.execute(connection).await.map(drop)
}

/// True when something may be asked now.
pub async fn is_due(pool: &PgPool) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select exists (select from receipt_request where due_at <= (select giro_now()))
               and (select quiet_until <= giro_now() from banxico) as "due!""#
    );
    heard(found.fetch_one(pool)).await
}

/// Takes the turn of what was asked least often, and is due first; `every` seconds after the turn before at the earliest.
pub async fn next(pool: &PgPool, every: u32) -> Result<Next, StoreError> {
    let found = sqlx::query!(
        r#"with due as (select payout, attempts from receipt_request
                        where due_at <= (select giro_now()) order by attempts, due_at, payout limit 1),
                turn as (update banxico set asked_at = giro_now()
                         where exists (select from due) and quiet_until <= giro_now()
                           and (asked_at <= giro_now() - make_interval(secs => $1::int) or asked_at > giro_now())
                         returning one),
                taken as (update receipt_request r set attempts = r.attempts + 1, due_at = giro_now() + interval '10 minutes'
                          from due where r.payout = due.payout and exists (select from turn))
           select due.payout, due.attempts, exists (select from turn) as "is_mine!",
                  (select a.day::text from receipt_answer a where a.payout = due.payout and a.said = 'no_receipt'
                   order by a.id desc limit 1) as day,
                  greatest(1, ceil(extract(epoch from greatest(
                      banxico.asked_at + make_interval(secs => $1::int), banxico.quiet_until) - giro_now())))::bigint as "wait!"
           from due, banxico"#,
        i32::try_from(every).unwrap_or(i32::MAX)
    );
    let Some(found) = heard(found.fetch_optional(pool)).await? else {
        return Ok(Next::Nothing);
    };
    Ok(match u64::try_from(found.wait).unwrap_or(u64::MAX) {
        _ if found.is_mine => Next::Turn {
            payout: PayoutId::new(found.payout),
            attempts: u32::try_from(found.attempts).unwrap_or(u32::MAX),
            day: found.day.and_then(|day| day.parse().ok()),
        },
        wait if wait <= SOON => Next::Wait(wait),
        _ => Next::Nothing,
    })
}

/// Writes an answer down, and when Banxico is asked again; `days`: by how many the payment may be asked.
pub async fn answered(
    pool: &PgPool,
    turn: (PayoutId, u32),
    day: Date,
    days: usize,
    answer: &Answer,
) -> Result<(), StoreError> {
    let (payout, attempts) = turn;
    let written = async {
        let mut transaction = pool.begin().await?;
        sqlx::query!(
            r#"insert into receipt_answer (payout, at, day, said, state, status, received)
               values ($1, giro_now(), $2::text::date, $3, $4, $5, $6)"#,
            payout.uuid(),
            day.to_string(),
            answer.said.word(),
            answer.state.map(PaymentState::word),
            answer.status.and_then(|status| i16::try_from(status).ok()),
            &answer.received
        )
        .execute(&mut *transaction)
        .await?;
        let again = again(answer.said, answer.state, attempts, days);
        let counts = answer.said != PortalAnswer::TooMany;
        later(&mut transaction, payout, attempts, again, counts).await?;
        if answer.said == PortalAnswer::TooMany {
            sqlx::query!(
                "update banxico set quiet_until = giro_now() + make_interval(secs => $1::int)",
                i32::try_from(QUIET).unwrap_or(i32::MAX)
            )
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await
    };
    heard(written).await
}

/// What was wanted of a payout's receipt, and what came; `None`: nobody wanted it.
pub async fn told(pool: &PgPool, payout: PayoutId) -> Result<Option<Told>, StoreError> {
    let found = sqlx::query!(
        r#"select to_jsonb(r) as "asked!", to_jsonb(a.at) as at, a.said as "said?", a.state, a.received as "received?"
           from receipt_request r
           left join lateral (select * from receipt_answer a where a.payout = r.payout
                              order by (a.said = 'receipt') desc, (a.said = 'no_receipt') desc, a.id desc limit 1) a on true
           where r.payout = $1"#,
        payout.uuid()
    );
    let Some(found) = heard(found.fetch_optional(pool)).await? else {
        return Ok(None);
    };
    let said = match (found.at, found.said, found.received) {
        (Some(at), Some(said), Some(received)) => Some(Said {
            at: read(at)?,
            said: word(&said)?,
            state: found.state.as_deref().map(word).transpose()?,
            received,
        }),
        (..) => None,
    };
    Ok(Some(Told {
        asked: read(found.asked)?,
        said,
    }))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, StoreError> {
    Ok(serde_json::from_value(value)?)
}

fn word<T: std::str::FromStr<Err = workflows::domain::UnknownWord>>(word: &str) -> Result<T, StoreError> {
    word.parse()
        .map_err(|error: T::Err| StoreError::Disagree(error.to_string()))
}

/// In how many seconds it is asked again; `None`: no more. `attempts` were before this one.
fn again(said: PortalAnswer, state: Option<PaymentState>, attempts: u32, days: usize) -> Option<u64> {
    let is_last = attempts.saturating_add(1) >= ATTEMPTS;
    let later = FIRST.saturating_mul(1 << attempts.min(20)).min(LONGEST);
    match said {
        PortalAnswer::Receipt => None,
        PortalAnswer::NoReceipt if !state.is_none_or(PaymentState::may_have_a_receipt) => None,
        // It is nobody's attempt.
        PortalAnswer::TooMany => Some(QUIET),
        // By the other day at once.
        PortalAnswer::NotFound if usize::try_from(attempts).is_ok_and(|before| before + 1 < days) => Some(0),
        PortalAnswer::NoReceipt | PortalAnswer::NotFound | PortalAnswer::Unclear | PortalAnswer::Silent => {
            (!is_last).then_some(later)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_again_ever_later_and_not_for_ever() {
        let mut seconds = Vec::new();
        for attempt in 0..ATTEMPTS {
            seconds.push(again(PortalAnswer::Silent, None, attempt, 1));
        }
        assert_eq!(seconds[..3], [Some(60), Some(120), Some(240)]);
        assert_eq!(seconds.last(), Some(&None));
        let all: u64 = seconds.iter().flatten().sum();
        assert!((8 * 3_600..10 * 3_600).contains(&all), "{all}");
        assert!(seconds.iter().flatten().all(|wait| *wait <= LONGEST));
        assert_eq!(again(PortalAnswer::Silent, None, u32::MAX, 1), None);
    }

    #[test]
    fn what_no_answer_will_change_is_asked_no_more() {
        let no_receipt = |state| again(PortalAnswer::NoReceipt, Some(state), 0, 2);
        assert_eq!(again(PortalAnswer::Receipt, None, 0, 2), None);
        assert_eq!(no_receipt(PaymentState::Settled), Some(FIRST));
        for over in [
            PaymentState::Cancelled,
            PaymentState::Rejected,
            PaymentState::Returned,
            PaymentState::NotSettled,
        ] {
            assert_eq!(no_receipt(over), None, "{over}");
        }
        assert_eq!(again(PortalAnswer::NotFound, None, 0, 2), Some(0), "the other day");
        assert_eq!(again(PortalAnswer::NotFound, None, 1, 2), Some(120), "both were asked");
        assert_eq!(
            again(PortalAnswer::TooMany, None, ATTEMPTS, 1),
            Some(QUIET),
            "nobody's attempt"
        );
    }
}
