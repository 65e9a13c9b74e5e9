-- One attention for each cause: what the bank's row says of the bank covers the payouts that wait for nothing else.

alter table bank
    add column away_by text check (away_by in ('unreachable', 'read_only', 'silent')),
    add column away_since timestamptz,
    add column silent_since timestamptz,        -- nothing was answered since; any answer ends it
    add column silent_first uuid,               -- whose: one payout that gets no answer is no silent bank
    add column back_at timestamptz,             -- the last pause or absence ended then
    add constraint bank_away_since check (num_nonnulls(away_by, away_since) in (0, 2)),
    add constraint bank_silent_since check (num_nonnulls(silent_since, silent_first) in (0, 2));
update bank set away_by = 'unreachable', away_since = giro_now() where closed_until is not null;

-- What keeps an open payout waiting that is no fault of its own: a word of `bank.paused_by`, `away`, `catching_up` or `recovering`.
-- An order that may be at the bank waits for a bank that answers; one that is not there, for a bank that takes orders.
-- What waited when the bank came back is asked about in waves: for half an hour that covers it. What was overdue then
-- has five minutes from its first answer: an order that is not found is sent again after a second one.
create function waits_for(state text, changed_at timestamptz, deadline_at timestamptz, b bank, now timestamptz) returns text
language sql immutable as $$
    select case
        when state not in ('accepted', 'sending', 'sent') then null
        when state = 'accepted' and b.paused_by is not null then b.paused_by
        when state = 'accepted' and b.away_by is not null then 'away'
        when state = 'accepted' and b.attention = 'catching_up' then 'catching_up'
        when b.away_by = 'silent' then case b.paused_by when 'configuration' then 'configuration' else 'away' end
        when now < b.back_at + interval '30 minutes'
             and (changed_at < b.back_at or (deadline_at < b.back_at and now < changed_at + interval '5 minutes'))
            then 'recovering'
    end
$$;

-- Attention is the column, or the deadline past: right even when no worker and no Temporal lives. A cause covers
-- nothing but the deadline.
drop view payout_attention;
create view payout_attention as
    select p.id as payout, p.caller, p.bank,
           coalesce(p.attention, 'deadline') as reason,
           coalesce(p.attention_since, p.deadline_at) as since,
           case when coalesce(p.attention, 'deadline') = 'deadline'
                then waits_for(p.state, p.changed_at, p.deadline_at, b, (select giro_now())) end as cause
    from payout p join bank b on b.name = p.bank
    where p.attention is not null or (p.ended_at is null and p.deadline_at < (select giro_now()));

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select on payout_attention to giro_app;
    end if;
end $$;
