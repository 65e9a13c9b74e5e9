-- Money that comes in: records that giro itself read from a bank, what became of each, and the returns of payouts.

insert into account (id, code, name, opened_at) values
    ('ffffffff-ffff-7fff-bfff-000000002130', 2130, 'deposits not applied', giro_now()),
    ('ffffffff-ffff-7fff-bfff-000000002140', 2140, 'returns to apply', giro_now()),
    ('ffffffff-ffff-7fff-bfff-000000002190', 2190, 'suspense', giro_now());

create table received (
    id uuid primary key,                        -- made of bank, operating date, sender and tracking key, and of nothing else
    bank text not null,
    operating_date date not null,
    sender integer not null,                    -- the institution that sent it
    tracking_key text not null check (length(tracking_key) between 1 and 64),
    kind text not null check (kind in ('deposit', 'return')),
    payment_type smallint not null,             -- SPEI: tipoPago
    amount bigint not null check (amount > 0),
    interest bigint not null check (interest between 0 and amount),     -- within the amount, of a late return
    currency text not null default 'MXN' check (currency = 'MXN'),
    clabe text,                                 -- the account that it is for, as the bank states it
    of_key text,                                -- of a return: the key of the order that comes back
    cause text,                                 -- why it comes back, in our words
    sender_account text,
    sender_name text,
    concept text,
    reference integer,
    bank_ref text,
    record text not null,                       -- as the bank told it
    state text not null check (state in ('received', 'applied', 'unapplied', 'suspended')),
    account uuid,                               -- the customer that has it
    payout uuid,                                -- the payout that came back by it
    attention text,
    attention_since timestamptz,
    deadline_at timestamptz,
    event_seq integer not null,
    version integer not null,
    received_at timestamptz not null,
    changed_at timestamptz not null,
    placed_at timestamptz,
    swept_at timestamptz,
    unique (bank, operating_date, sender, tracking_key),
    constraint received_return_names_its_order check (kind = 'return' or of_key is null),
    constraint received_interest_of_returns check (kind = 'return' or interest = 0),
    constraint received_suspended_are_returns check (kind = 'return' or (state <> 'suspended' and payout is null)),
    constraint received_placed check ((state = 'received') = (placed_at is null)),
    constraint received_applied_has_account check ((state = 'applied') = (account is not null)),
    constraint received_return_has_payout check (
        kind = 'deposit' or state in ('received', 'suspended') or payout is not null),
    constraint received_waits_with_deadline check ((state = 'received') = (deadline_at is not null)),
    constraint received_attention_since check ((attention is null) = (attention_since is null)),
    constraint received_set_apart_is_told check (state not in ('unapplied', 'suspended') or attention is not null)
) with (fillfactor = 80);
-- One record returns a payout, once.
create unique index received_returns_once on received (payout) where payout is not null;
create index received_overdue on received (deadline_at) where deadline_at is not null;
create index received_by_account on received (account, operating_date, id) where account is not null;
create index received_newest on received (kind, received_at desc, id desc);
create index received_of_key on received (of_key) where of_key is not null;
create index received_set_apart on received (attention_since) where attention is not null;

-- `workflows::domain::ReceivedState::EDGES` holds the same; a test compares them.
create table received_edge (from_state text, to_state text, primary key (from_state, to_state));
insert into received_edge values
    ('received', 'applied'), ('received', 'unapplied'), ('received', 'suspended'), ('unapplied', 'applied');

create function received_guard() returns trigger language plpgsql as $$
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
        when not moved and (new.account, new.payout, new.placed_at) is distinct from (old.account, old.payout, old.placed_at)
            then 'what was placed stays'
        when old.payout is not null and new.payout is distinct from old.payout then 'it returned a payout'
    end;
    if broken is not null then
        raise exception 'received %: % -> %: %', old.id, old.state, new.state, broken using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger received_guard before update on received for each row execute function received_guard();

create function received_birth() returns trigger language plpgsql as $$
begin
    if new.state <> 'received' or new.event_seq <> 1 then
        raise exception 'received %: born as %', new.id, new.state using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger received_birth before insert on received for each row execute function received_birth();
create trigger append_only before delete on received for each row execute function append_only();
create trigger no_truncate before truncate on received execute function append_only();

-- A payout that came back: how much, by which record, why, and for which operating date.
alter table payout
    add column returned_by uuid unique,
    add column returned_amount bigint,          -- what came back of the amount; interest stands in its own movement
    add column refunded bigint not null default 0 check (refunded in (0, fee + iva)),   -- fee and IVA given back with it
    add column return_cause text,
    add column returned_on date,
    add column returned_at timestamptz,
    add constraint payout_returned_by_a_record check (
        num_nonnulls(returned_by, returned_amount, returned_on, returned_at) = case when state = 'returned' then 4 else 0 end),
    add constraint payout_returned_no_more_than_paid check (returned_amount between 1 and amount),
    add constraint payout_return_has_cause check (state = 'returned' or (return_cause is null and refunded = 0));

alter table movement
    drop constraint movement_kind_check,
    add constraint movement_kind_check check (kind in (
        'amount', 'fee', 'iva', 'opening',
        'return', 'fee_refund', 'iva_refund', 'interest', 'deposit', 'suspense', 'cure')),
    drop constraint movement_opening_is_audited,
    add constraint movement_by_people_is_audited check ((kind in ('opening', 'cure')) = (num_nonnulls(actor, reason) = 2));

-- An event is of a payout or of a received record.
alter table outbox rename column payout to subject;

-- What came in on a closed day, held against the books both ways.
alter table reconciliation
    add column received integer not null default 0 check (received >= 0),                 -- records on the bank's list
    add column received_by_bank bigint not null default 0 check (received_by_bank >= 0),  -- centavos, of those that the books have placed
    add column received_by_books bigint not null default 0 check (received_by_books >= 0); -- centavos that the settlement account got

-- What a webhook about money that came in belongs to.
alter table inbox add column received uuid;

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert, update on received to giro_app;
        grant select on received_edge to giro_app;
    end if;
end $$;
