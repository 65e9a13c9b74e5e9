-- A deposit that nobody can be given is sent back by an order of its own: a payout that draws on the deposits not applied.

alter table payout
    add column sends_back uuid,                 -- the deposit that it sends back; null for what a caller asked for
    add column deposit_key text,                -- the key that the deposit came under
    add column deposit_date date,               -- the operating date that it came on
    add column accepted_on jsonb,               -- the server of the books then: on another one its begin may be lost
    add constraint payout_sends_back_whole check (
        num_nonnulls(sends_back, deposit_key, deposit_date, accepted_on) = case when sends_back is null then 0 else 4 end),
    add constraint payout_sends_back_free check (sends_back is null or (fee = 0 and iva = 0)),
    drop constraint payout_clabe_check,
    -- What goes back goes by its deposit, to no account that giro names.
    add constraint payout_clabe_check check (case when sends_back is null then clabe ~ '^[0-9]{18}$' else clabe = '' end);
-- One that is under way, or has gone, is the only one.
create unique index payout_sends_back_once on payout (sends_back) where sends_back is not null and state not in ('failed', 'cancelled');

create function payout_sends_back_stays() returns trigger language plpgsql as $$
begin
    raise exception 'payout %: what it sends back never changes', old.id using errcode = 'check_violation';
end $$;
create trigger payout_sends_back_stays before update on payout for each row
    when ((new.sends_back, new.deposit_key, new.deposit_date, new.accepted_on)
          is distinct from (old.sends_back, old.deposit_key, old.deposit_date, old.accepted_on))
    execute function payout_sends_back_stays();

create function payout_goes_back_once() returns trigger language plpgsql as $$
begin
    raise exception 'payout %: what sends a deposit back is never sent again', old.id using errcode = 'check_violation';
end $$;
create trigger payout_goes_back_once before update on payout for each row
    when (old.sends_back is not null and old.state = 'sending' and new.send_no > old.send_no)
    execute function payout_goes_back_once();

-- What is to be sent back is held like a customer's money, and cannot be sent twice.
alter table account
    drop constraint account_own_holds_nothing,
    add constraint account_own_holds_nothing check (code in (2101, 2130) or held = 0),
    drop constraint account_not_overdrawn,
    add constraint account_not_overdrawn check (code not in (2101, 2130) or debits + held <= credits);

alter table received
    add column sent_back_by uuid,               -- the payout that sends it back, or did, the last one
    add column decided_by text,                 -- who decided that
    add column decided_why text,                -- and why
    drop constraint received_state_check,
    add constraint received_state_check check (
        state in ('received', 'applied', 'unapplied', 'returning', 'sent_back', 'suspended')),
    add constraint received_sent_back_by check (
        state not in ('returning', 'sent_back') or (num_nonnulls(sent_back_by, decided_by, decided_why) = 3 and kind = 'deposit'));
insert into received_edge values ('unapplied', 'returning'), ('returning', 'sent_back'), ('returning', 'unapplied');

-- As before, with the decision to send back among what stays.
create or replace function received_guard() returns trigger language plpgsql as $$
declare
    moved boolean := new.state <> old.state;
    broken text;
begin
    broken := case
        when (new.id, new.bank, new.operating_date, new.sender, new.tracking_key, new.kind, new.payment_type, new.amount,
              new.interest, new.currency, new.clabe, new.of_key, new.cause, new.sender_account, new.sender_name,
              new.concept, new.reference, new.bank_ref, new.record, new.received_at)
            is distinct from
             (old.id, old.bank, old.operating_date, old.sender, old.tracking_key, old.kind, old.payment_type, old.amount,
              old.interest, old.currency, old.clabe, old.of_key, old.cause, old.sender_account, old.sender_name,
              old.concept, old.reference, old.bank_ref, old.record, old.received_at)
            then 'what was received never changes'
        when moved and not exists (select from received_edge where from_state = old.state and to_state = new.state)
            then 'no such edge'
        when new.event_seq <> old.event_seq + moved::integer then 'one event per transition'
        when not moved and (new.account, new.payout, new.placed_at, new.sent_back_by, new.decided_by, new.decided_why)
            is distinct from (old.account, old.payout, old.placed_at, old.sent_back_by, old.decided_by, old.decided_why)
            then 'what was placed stays'
        when old.payout is not null and new.payout is distinct from old.payout then 'it returned a payout'
    end;
    if broken is not null then
        raise exception 'received %: % -> %: %', old.id, old.state, new.state, broken using errcode = 'check_violation';
    end if;
    return new;
end $$;
