//! Records of money that came in, against their movements, their events and the payouts that came back by them.

use std::time::Instant;

use jiff::Timestamp;
use sqlx::PgConnection;
use workflows::domain::{PayoutId, ReceivedId};

use super::report::{Invariant, Tally};
use crate::ledger::{
    StoreError,
    rows::{NOT_APPLIED, SUSPENSE, TO_APPLY},
    store::stamp,
};

/// Each record (of those changed since, when given) has the movements that its state takes, of its own amount, and the
/// account that has the money is the one that it names.
pub(super) async fn check(
    connection: &mut PgConnection,
    since: Option<Timestamp>,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let rows = sqlx::query!(
        r#"select r.id as "id!", r.state as "state!", r.event_seq as "event_seq!",
               (select count(*) from outbox o where o.subject = r.id) as "events!",
               (select type from outbox o where o.subject = r.id order by seq desc limit 1)
                   is not distinct from r.kind || '.' || r.state as "told!",
               -- What moved the money in, whoever's movements they are.
               coalesce(case when r.payout is null
                   then (select sum(m.amount) from movement m where m.subject = r.id and m.kind in ('deposit', 'suspense'))
                   else (select sum(m.amount) from movement m where m.subject = r.payout and m.kind in ('return', 'interest'))
                   end, 0)::bigint = case when r.state = 'received' then 0 else r.amount end as "whole!",
               -- What went to suspense is there, until two people give it to a customer.
               (r.state <> 'applied' or not exists (select from movement m where m.subject = r.id and m.kind = 'suspense')
                or exists (select from decision d where d.subject = r.id and d.outcome = 'apply' and d.account = r.account
                           and d.seconds is not null)) as "decided!",
               (r.state = 'suspended') = (exists (
                   select from movement m where m.subject = r.id and m.kind = 'suspense' and m.credit_account = $2)
                   and not exists (select from movement m where m.subject = r.id and m.kind = 'cure')) as "suspense!",
               r.account is null or exists (
                   select from movement m
                   where m.subject in (r.id, r.payout) and m.kind in ('deposit', 'return', 'cure') and m.credit_account = r.account) as "held!",
               r.payout is null or exists (
                   select from payout p where p.id = r.payout and p.returned_by = r.id and p.tracking_key = r.of_key) as "returns!",
               -- Set apart: where it should be; applied by people: all that stood apart, from there.
               (r.state not in ('unapplied', 'returning', 'sent_back') or exists (
                   select from movement m where m.subject in (r.id, r.payout) and m.kind in ('deposit', 'return')
                     and m.credit_account = case when r.kind = 'deposit' then $3::uuid else $4::uuid end))
               and not exists (
                   select from movement m where m.subject = r.id and m.kind = 'cure'
                     and (r.state <> 'applied' or m.debit_account <> case
                              when exists (select from movement s where s.subject = r.id and s.kind = 'suspense') then $2::uuid
                              when r.kind = 'deposit' then $3::uuid else $4::uuid end
                          or m.amount <> r.amount + coalesce((select p.refunded from payout p where p.id = r.payout), 0))) as "apart!",
               not exists (select from movement m where m.subject in (r.id, r.payout)
                   and m.kind in ('deposit', 'suspense', 'return', 'interest') and m.effective_on <> r.operating_date) as "day!",
               -- What goes back: one payout of this deposit is under way or has gone, and says so as the record does.
               (select count(*) from payout p where p.sends_back = r.id and p.ended_at is null) =
                   case when r.state = 'returning' then 1 else 0 end
               and (select count(*) from payout p where p.sends_back = r.id and p.state in ('settled', 'returned')) =
                   case when r.state = 'sent_back' then 1 else 0 end
               and (r.state not in ('returning', 'sent_back') or exists (
                   select from payout p where p.id = r.sent_back_by and p.sends_back = r.id and p.amount = r.amount
                     and (p.bank, p.deposit_key, p.deposit_date) = (r.bank, r.tracking_key, r.operating_date))) as "back!"
           from received r
           where $1::text is null or r.changed_at >= ($1::text)::timestamptz or r.state = 'received'
             or exists (select from payout p where p.sends_back = r.id and p.changed_at >= ($1::text)::timestamptz)"#,
        since.map(stamp),
        SUSPENSE.uuid(),
        NOT_APPLIED.uuid(),
        TO_APPLY.uuid()
    )
    .fetch_all(&mut *connection)
    .await?;
    tally.checked(Invariant::Received, rows.len());
    for row in rows {
        let id = ReceivedId::new(row.id);
        let said = [
            (row.whole, "what was moved is not what came in"),
            (row.decided, "was given out of suspense, and no two people said so"),
            (
                row.suspense,
                "is in suspense without its movement, or has one and is not",
            ),
            (row.held, "names an account that no movement gave it to"),
            (
                row.returns,
                "returned a payout that does not say so, or that has another key",
            ),
            (
                row.apart,
                "does not stand apart where it should, or was applied from elsewhere",
            ),
            (row.day, "was moved for another day than its own"),
            (row.back, "and the payouts that send it back do not agree"),
            (
                row.told && row.events == i64::from(row.event_seq),
                "its events do not say what it is",
            ),
        ];
        for (_, what) in said.into_iter().filter(|(holds, _)| !holds) {
            tally.broke(Invariant::Received, id, format!("is {}: {what}", row.state));
        }
    }
    let orphans = sqlx::query_scalar!(
        r#"select p.id from payout p where p.returned_by is not null
             and ($1::text is null or p.changed_at >= ($1::text)::timestamptz)
             and not exists (select from received r where r.id = p.returned_by and r.payout = p.id)"#,
        since.map(stamp)
    )
    .fetch_all(&mut *connection)
    .await?;
    let lost = sqlx::query_scalar!(
        r#"select p.id from payout p where p.sends_back is not null
             and ($1::text is null or p.changed_at >= ($1::text)::timestamptz)
             and not exists (select from received r where r.id = p.sends_back)"#,
        since.map(stamp)
    )
    .fetch_all(&mut *connection)
    .await?;
    for payout in lost {
        let id = PayoutId::new(payout);
        tally.broke(Invariant::Received, id, "sends back a deposit that is not there");
    }
    for payout in orphans {
        let id = PayoutId::new(payout);
        tally.broke(Invariant::Received, id, "was returned by a record that does not say so");
    }
    tally.took(Invariant::Received, began.elapsed());
    Ok(())
}
