-- Who took a payout or a transfer back before it was sent: by name, in the transaction that gives the money back.
alter table payout add column cancelled_by text;
-- No row that is there could break it: nobody waits while they are read.
alter table payout add constraint payout_cancelled_by check (cancelled_by is null or state = 'cancelled') not valid;

-- The bank paid it after its money was given back: a later word, unclear or none, does not take that back.
alter table payout add column paid_after_end boolean not null default false;
update payout p set paid_after_end = true
where state in ('failed', 'cancelled')
  and exists (select from evidence e where e.payout = p.id and e.kind = 'paid' and e.at > p.ended_at);
