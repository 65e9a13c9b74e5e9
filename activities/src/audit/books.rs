//! The books as sets: sums, holds, rows of nobody, what waits and whether anybody looks at it.

use std::{collections::HashMap, time::Instant};

use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;
use workflows::domain::{AccountId, PayoutId, TransferId};

use super::{
    Options,
    blocks::Sealed,
    report::{Invariant, Tally},
};
use crate::ledger::{
    SESSIONS, StoreError,
    rows::{CUSTOMER, NOT_APPLIED},
    store::stamp,
};

/// No deadline lies further ahead: a configured one is a week at most, and a guard adds minutes.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Sums of the accounts against each other, the blocks, and the open payouts.
pub(super) async fn accounts(
    connection: &mut PgConnection,
    sealed: &Sealed,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"select coalesce(a.id, o.account) as "id!", coalesce(a.code, 0::smallint) as "code!",
                  coalesce(a.debits, 0) as "debits!", coalesce(a.credits, 0) as "credits!",
                  coalesce(a.held, 0) as "held!", coalesce(o.gross, 0) as "open!"
           from account a
           full join (select account, sum(amount + fee + iva)::bigint as gross from payout
                      where ended_at is null group by account) o on o.account = a.id"#
    )
    .fetch_all(connection)
    .await?;
    let began = Instant::now();
    let mut left: HashMap<AccountId, (i128, i128)> = sealed.totals.clone();
    let (mut debits, mut credits) = (0_i128, 0_i128);
    for row in &rows {
        let id = AccountId::new(row.id);
        let stated = (i128::from(row.debits), i128::from(row.credits));
        (debits, credits) = (debits + stated.0, credits + stated.1);
        let moved = left.remove(&id).unwrap_or_default();
        if stated != moved {
            tally.off_by(apart(stated.0, moved.0).saturating_add(apart(stated.1, moved.1)));
            let what = format!(
                "debits {} credits {}, its movements say {} and {}",
                stated.0, stated.1, moved.0, moved.1
            );
            tally.broke(Invariant::Totals, id, what);
        }
        if row.held != row.open {
            tally.off_by(apart(row.held.into(), row.open.into()));
            tally.broke(
                Invariant::Held,
                id,
                format!("holds {}, its open payouts {}", row.held, row.open),
            );
        }
        if (row.code == CUSTOMER || id == NOT_APPLIED) && stated.0 + i128::from(row.held) > stated.1 {
            let what = format!(
                "debits {} and held {} are above credits {}",
                stated.0, row.held, stated.1
            );
            tally.broke(Invariant::Overdrawn, id, what);
        }
    }
    for (id, (debits, credits)) in left {
        tally.broke(
            Invariant::Totals,
            id,
            format!("movements of {debits} and {credits}, and no account"),
        );
    }
    if debits != credits || debits != sealed.sum {
        tally.off_by(apart(debits, credits));
        let what = format!("debits {debits}, credits {credits}, movements {}", sealed.sum);
        tally.broke(Invariant::Balance, "all accounts", what);
    }
    for invariant in [
        Invariant::Balance,
        Invariant::Totals,
        Invariant::Held,
        Invariant::Overdrawn,
    ] {
        tally.checked(invariant, rows.len());
    }
    tally.took(Invariant::Totals, began.elapsed());
    Ok(())
}

fn apart(one: i128, other: i128) -> u64 {
    u64::try_from(one.abs_diff(other)).unwrap_or(u64::MAX)
}

/// Closed days against the movements that count for them now. All movements are read: only in full audits.
pub(super) async fn closed(connection: &mut PgConnection, tally: &mut Tally) -> Result<(), StoreError> {
    let began = Instant::now();
    let rows = sqlx::query!(
        r#"with days as (
               select operating_date, code, sum(debit) as debits, sum(credit) as credits
               from finance.ledger group by operating_date, code)
           select d.operating_date::text as "date!", b.code as "code?", b.debits as "debits?", b.credits as "credits?",
                  (select coalesce(sum(s.debits), 0)::bigint from days s
                   where s.code = b.code and s.operating_date <= d.operating_date) as "debits_now!",
                  (select coalesce(sum(s.credits), 0)::bigint from days s
                   where s.code = b.code and s.operating_date <= d.operating_date) as "credits_now!"
           from day_close d left join day_balance b using (operating_date) order by 1, 2"#
    )
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let (Some(code), Some(debits), Some(credits)) = (row.code, row.debits, row.credits) else {
            let what = format!("its sums were not kept: `giro finance close --date {}` again", row.date);
            tally.broke(Invariant::Closed, &row.date, what);
            continue;
        };
        if (debits, credits) != (row.debits_now, row.credits_now) {
            tally.off_by(
                apart(debits.into(), row.debits_now.into())
                    .saturating_add(apart(credits.into(), row.credits_now.into())),
            );
            let what = format!(
                "account {code} was closed with debits {debits} credits {credits}, its movements say {} and {}",
                row.debits_now, row.credits_now
            );
            tally.broke(Invariant::Closed, &row.date, what);
        }
    }
    tally.checked(Invariant::Closed, rows.len());
    tally.took(Invariant::Closed, began.elapsed());
    Ok(())
}

/// Rows that speak of what is not there. They are never written so, and looked for in full audits.
pub(super) async fn strays(connection: &mut PgConnection, tally: &mut Tally) -> Result<(), StoreError> {
    let began = Instant::now();
    let rows = sqlx::query!(
        r#"select 'movement' as "of!", m.id::text as "row!", m.subject as subject from movement m
           where not case
               when m.kind = 'opening' then exists (select from account a where a.id = m.subject)
               when m.kind = 'correction' then exists (select from correction c where c.id = m.subject)
               when m.kind in ('deposit', 'suspense', 'cure') then exists (select from received r where r.id = m.subject)
               else exists (select from payout p where p.id = m.subject) end
           union all
           select 'evidence', e.id::text, e.payout from evidence e
           where not exists (select from payout p where p.id = e.payout)
           union all
           select 'exchange', x.id::text, x.payout from exchange x
           where not exists (select from payout p where p.id = x.payout)
           union all
           select 'event', o.seq::text, o.subject from outbox o
           where not exists (select from payout p where p.id = o.subject)
             and not exists (select from received r where r.id = o.subject)
           union all
           select 'webhook', i.id::text, coalesce(i.payout, i.received) from inbox i
           where (i.payout is not null and not exists (select from payout p where p.id = i.payout))
              or (i.received is not null and not exists (select from received r where r.id = i.received))
           union all
           select 'request', md5(r.caller || '/' || r.key), coalesce(r.payout, r.account) from request r
           where r.refusal is null and not exists (select from payout p where p.id = r.payout)
             and not exists (select from account a where a.id = r.account)"#
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let subject = row.subject.map_or_else(String::new, |id| id.to_string());
        tally.broke(
            Invariant::Strays,
            format!("{} {}", row.of, row.row),
            format!("of {subject}, which is not there"),
        );
    }
    tally.checked(Invariant::Strays, 1);
    tally.took(Invariant::Strays, began.elapsed());
    Ok(())
}

/// Open payouts have a deadline that is not far away, and the view of attention has those past it.
pub(super) async fn driven(
    connection: &mut PgConnection,
    now: Timestamp,
    options: &Options,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let grace = SignedDuration::try_from(options.grace).unwrap_or(SignedDuration::MAX);
    let rows = sqlx::query!(
        r#"select p.id as "id!", p.deadline_at is null as "endless!",
                  coalesce(p.deadline_at > greatest(($1::text)::timestamptz, p.process_after + interval '8 days'), false) as "far!",
                  coalesce(p.deadline_at < ($2::text)::timestamptz, false) and v.payout is null as "unseen!"
           from payout p left join payout_attention v on v.payout = p.id where p.ended_at is null"#,
        stamp(now.saturating_add(LONGEST_WAIT).unwrap_or(now)),
        stamp(now.saturating_sub(grace).unwrap_or(now))
    )
    .fetch_all(connection)
    .await?;
    tally.checked(Invariant::Driven, rows.len());
    for row in rows {
        let id = PayoutId::new(row.id);
        if row.endless {
            tally.broke(
                Invariant::Driven,
                id,
                "is open without a deadline: nobody would start it again",
            );
        }
        if row.far {
            tally.broke(
                Invariant::Driven,
                id,
                "has a deadline further away than any wait: nobody would start it again",
            );
        }
        if row.unseen {
            tally.broke(Invariant::Driven, id, "is past its deadline, and nobody is told");
        }
    }
    tally.took(Invariant::Driven, began.elapsed());
    Ok(())
}

/// Webhooks: each is done with a word on what became of it, or is due in a while.
pub(super) async fn inbox(connection: &mut PgConnection, grace: i64, tally: &mut Tally) -> Result<(), StoreError> {
    let began = Instant::now();
    let counts = sqlx::query_scalar!(r#"select count(*) as "count!" from inbox"#)
        .fetch_one(&mut *connection)
        .await?;
    let rows = sqlx::query!(
        r#"select id, done_at is not null as "done!", note,
                  case when isfinite(next_at) then extract(epoch from giro_now() - next_at)::bigint end as late
           from inbox
           where (done_at is null and (next_at < giro_now() - $1::bigint * interval '1 second' or not isfinite(next_at)))
              or (done_at is not null and note is null)"#,
        grace
    )
    .fetch_all(connection)
    .await?;
    tally.checked(Invariant::Inbox, usize::try_from(counts).unwrap_or_default());
    for row in rows {
        let what = if row.done {
            "is done, and nothing says why".to_owned()
        } else {
            let note = row.note.as_deref().unwrap_or("not looked at");
            match row.late {
                Some(late) => format!("waits since {late} s after it was due: {note}"),
                None => format!("is never due: {note}"),
            }
        };
        tally.broke(Invariant::Inbox, format!("webhook {}", row.id), what);
    }
    tally.took(Invariant::Inbox, began.elapsed());
    Ok(())
}

/// Sessions of giro's that hold a transaction open without working.
pub(super) async fn sessions(connection: &mut PgConnection, tally: &mut Tally) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        r#"select pid as "pid!", (state_change < clock_timestamp() - interval '5 seconds'
                and state like 'idle in transaction%') as "idle!"
           from pg_stat_activity
           where datname = current_database() and application_name = $1 and state is not null"#,
        SESSIONS
    )
    .fetch_all(connection)
    .await?;
    tally.checked(Invariant::Sessions, rows.len());
    for row in rows.iter().filter(|row| row.idle) {
        tally.broke(
            Invariant::Sessions,
            format!("session {}", row.pid),
            "idles in a transaction",
        );
    }
    Ok(())
}

/// Open payouts before the books are read as one, each with the id of its run; Temporal is asked about each.
pub(super) async fn open(connection: &mut PgConnection) -> Result<Vec<(Uuid, String)>, StoreError> {
    let open = sqlx::query!("select id, is_transfer from payout where ended_at is null order by deadline_at");
    let rows = open.fetch_all(connection).await?;
    let run = |id: Uuid, is_transfer| match is_transfer {
        true => TransferId::new(id).workflow_id(),
        false => PayoutId::new(id).workflow_id(),
    };
    Ok(rows
        .into_iter()
        .map(|row| (row.id, run(row.id, row.is_transfer)))
        .collect())
}
