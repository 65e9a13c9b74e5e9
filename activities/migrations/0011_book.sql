-- Money that stays: payouts between two accounts of giro's own are booked and never sent; any payout may wait for its time.

alter table movement
    drop constraint movement_kind_check,
    add constraint movement_kind_check check (kind in (
        'amount', 'fee', 'iva', 'opening', 'return', 'fee_refund', 'iva_refund', 'interest', 'deposit', 'suspense', 'cure',
        'transfer'));

alter table payout
    add column process_after timestamptz,       -- the money is held at once, and moves or is sent not before this
    add column to_account uuid,                 -- the customer of giro's own that gets it; null: it goes through a bank
    add column is_transfer boolean not null default false,  -- asked for by account, not by CLABE
    add constraint payout_transfer_is_booked check (not is_transfer or to_account is not null),
    add constraint payout_booked_by_giro check ((to_account is not null) = (bank = 'giro')),
    add constraint payout_booked_is_never_sent check (
        to_account is null or (send_no = 0 and evidence is null and sends_back is null and to_account <> account)),
    drop constraint payout_unproven_by_state,
    add constraint payout_unproven_by_state check (
        case when to_account is not null or state in ('accepted', 'cancelled') then unproven = 0 else unproven >= 1 end),
    drop constraint payout_send_is_fenced,
    add constraint payout_send_is_fenced check (
        to_account is not null or state in ('accepted', 'cancelled') or num_nonnulls(operating_date, send_before) = 2),
    drop constraint payout_settled_by_evidence,
    add constraint payout_settled_by_evidence check (
        to_account is not null or state not in ('settled', 'returned') or coalesce(evidence, '') in ('paid', 'two_people_paid')),
    drop constraint payout_failed_by_evidence,
    add constraint payout_failed_by_evidence check (
        to_account is not null or state <> 'failed'
        or coalesce(evidence, '') in ('refused', 'not_paid', 'absent', 'two_people_not_paid'));

-- What is booked has no bank to hear from: its own block is the proof.
insert into payout_edge values ('accepted', 'settled'), ('accepted', 'failed');

create function payout_booked() returns trigger language plpgsql as $$
declare
    broken text := case
        when (new.process_after, new.to_account, new.is_transfer)
             is distinct from (old.process_after, old.to_account, old.is_transfer)
            then 'when and to whom it goes never changes'
        when old.state = 'accepted' and new.state in ('settled', 'failed') and old.to_account is null
            then 'only what is booked ends without being sent'
        when old.state = 'accepted' and new.state in ('sending', 'settled') and old.process_after > giro_now()
            then 'not before its time'
        when new.state = 'returned' and new.to_account is not null then 'what was booked does not come back by a bank'
    end;
begin
    if broken is not null then
        raise exception 'payout %: % -> %: %', old.id, old.state, new.state, broken using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger payout_booked before update on payout for each row execute function payout_booked();

-- What is booked at once is held and moved in one block, and born with both events.
create or replace function payout_birth() returns trigger language plpgsql as $$
declare
    booked boolean := new.to_account is not null and new.state = 'settled' and new.event_seq = 2
        and (new.process_after is null or new.process_after <= giro_now());
begin
    if not (booked or new.state = 'accepted' and new.event_seq = 1) or new.send_no <> 0 or new.evidence is not null then
        raise exception 'payout %: born as %, not accepted', new.id, new.state using errcode = 'check_violation';
    end if;
    return new;
end $$;

-- As before, with payouts that have no bank.
create or replace view payout_attention as
    select p.id as payout, p.caller, p.bank,
           coalesce(p.attention, 'deadline') as reason,
           coalesce(p.attention_since, p.deadline_at) as since,
           case when coalesce(p.attention, 'deadline') = 'deadline'
                then waits_for(p.state, p.changed_at, p.deadline_at, b, (select giro_now())) end as cause
    from payout p left join bank b on b.name = p.bank
    where p.attention is not null or (p.ended_at is null and p.deadline_at < (select giro_now()));

-- Who waits for its time, by when it was last looked after: a run that is lost is missed before that time, not after it.
create index payout_waiting on payout (coalesce(swept_at, accepted_at)) where ended_at is null and process_after is not null;
