-- The books: accounts, movements, requests, payouts and what stands around them. The database refuses what the core must never do.

-- Time for money decisions is the database's. A test may set `ahead`; production refuses it.
create table clock (
    one boolean primary key default true check (one),
    production boolean not null default false,
    ahead interval not null default interval '0',
    constraint clock_production_tells_the_time check (not production or ahead = interval '0')
);
insert into clock default values;

create function giro_now() returns timestamptz language sql volatile as
$$ select clock_timestamp() + ahead from clock $$;

-- debits, credits and held never go negative; a customer never overdraws.
create table account (
    id uuid primary key,                        -- giro's own sort above customers, so that hot rows are locked last
    code smallint not null,                     -- chart of accounts: 1101 settlement, 2101 customer, 2150 IVA, 4101 fees
    name text not null,
    caller text,                                -- who owns it; null for giro's own
    clabe text unique check (clabe ~ '^[0-9]{18}$'),
    tax_id text,
    currency text not null default 'MXN' check (currency = 'MXN'),
    status text not null default 'open' check (status in ('open', 'frozen', 'closed')),
    debits bigint not null default 0,
    credits bigint not null default 0,
    held bigint not null default 0,
    opened_at timestamptz not null,
    constraint account_never_negative check (least(debits, credits, held) >= 0),
    constraint account_not_overdrawn check (code <> 2101 or debits + held <= credits),
    constraint account_customer_complete check (code <> 2101 or num_nonnulls(caller, clabe, tax_id) = 3),
    constraint account_own_holds_nothing check (code = 2101 or held = 0)
) with (fillfactor = 70);

insert into account (id, code, name, opened_at) values
    ('ffffffff-ffff-7fff-bfff-000000001101', 1101, 'settlement at stp', giro_now()),
    ('ffffffff-ffff-7fff-bfff-000000002150', 2150, 'IVA payable', giro_now()),
    ('ffffffff-ffff-7fff-bfff-000000004101', 4101, 'fee income', giro_now());

create table bank (
    name text primary key,
    refuses_repeated_keys boolean not null,     -- only then may an order be sent again
    paused_by text check (paused_by in ('people', 'configuration', 'paid_after_release', 'second_order')),
    pause_reason text,
    paused_at timestamptz,
    attention text,
    closed_until timestamptz,                   -- one payout found out for all
    backoff_seconds integer not null default 0 check (backoff_seconds between 0 and 300),
    probe_at timestamptz,
    check (num_nonnulls(paused_by, pause_reason, paused_at) in (0, 3))
);
insert into bank (name, refuses_repeated_keys) values ('stp', false);

-- Two legs in one row, so that debits equal credits by construction.
create table movement (
    id uuid primary key,                        -- derived from subject, step and leg: at most once
    subject uuid not null,                      -- the payout, or the account of an opening credit
    kind text not null check (kind in ('amount', 'fee', 'iva', 'opening')),
    debit_account uuid not null,
    credit_account uuid not null,
    amount bigint not null check (amount > 0),
    currency text not null default 'MXN' check (currency = 'MXN'),
    effective_on date not null,                 -- the operating date that the bank states
    hash text not null,                         -- logical accounts, amount, currency, kind
    actor text,
    reason text,
    created_at timestamptz not null,
    check (debit_account <> credit_account),
    constraint movement_opening_is_audited check ((kind = 'opening') = (num_nonnulls(actor, reason) = 2))
);
create index movement_by_debit on movement (debit_account, id) where debit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
create index movement_by_credit on movement (credit_account, id) where credit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
create index movement_by_subject on movement (subject);

create table payout (
    id uuid primary key,
    caller text not null,
    request_key text not null,
    request_hash text not null,
    account uuid not null,
    bank text not null,
    institution integer not null,
    clabe text not null check (clabe ~ '^[0-9]{18}$'),
    beneficiary_name text not null,
    beneficiary_tax_id text not null,
    concept text not null,
    reference integer not null check (reference between 1 and 9999999),
    amount bigint not null check (amount > 0),
    fee bigint not null check (fee >= 0),
    iva bigint not null check (iva >= 0),
    currency text not null default 'MXN' check (currency = 'MXN'),
    tracking_key text not null unique,
    state text not null,
    operating_date date,
    send_no integer not null default 0 check (send_no >= 0),
    sender uuid,                                -- the execution that may send; null once it has spoken
    unproven integer not null default 0 check (unproven between 0 and send_no),
    send_before timestamptz,
    not_found integer not null default 0 check (not_found >= 0),
    not_found_at timestamptz,
    bank_ref text,
    bank_said text,
    evidence text,
    contradicted boolean not null default false,
    decided_by text[],
    document text,
    doubt text,
    attention text,
    attention_since timestamptz,
    deadline_at timestamptz,
    effective_on date,
    event_seq integer not null,
    version integer not null,
    accepted_at timestamptz not null,
    changed_at timestamptz not null,
    ended_at timestamptz,
    swept_at timestamptz,
    constraint payout_unproven_by_state check (
        (state in ('accepted', 'cancelled') and unproven = 0) or (state not in ('accepted', 'cancelled') and unproven >= 1)),
    constraint payout_send_is_fenced check (
        state in ('accepted', 'cancelled') or num_nonnulls(operating_date, send_before) = 2),
    -- A check that is null passes: what is missing is coalesced to what is not enough.
    constraint payout_settled_by_evidence check (
        state not in ('settled', 'returned') or coalesce(evidence, '') in ('paid', 'two_people_paid')),
    constraint payout_failed_by_evidence check (
        state <> 'failed' or coalesce(evidence, '') in ('refused', 'not_paid', 'absent', 'two_people_not_paid')),
    constraint payout_refused_once check (state <> 'failed' or evidence <> 'refused' or unproven = 1),
    constraint payout_contradiction_is_open check (not contradicted or ended_at is null),
    constraint payout_two_people check (
        evidence is null or evidence not in ('two_people_paid', 'two_people_not_paid')
        or (coalesce(cardinality(decided_by), 0) = 2 and array_position(decided_by, null) is null
            and decided_by[1] <> decided_by[2] and document is not null)),
    constraint payout_words check (
        evidence in ('refused', 'paid', 'not_paid', 'absent', 'two_people_paid', 'two_people_not_paid')),
    constraint payout_states check (
        state in ('accepted', 'sending', 'sent', 'settled', 'failed', 'cancelled', 'returned')),
    constraint payout_effective_when_settled check (state not in ('settled', 'returned') or effective_on is not null),
    constraint payout_end_is_dated check ((state in ('accepted', 'sending', 'sent')) = (ended_at is null)),
    constraint payout_open_has_deadline check ((deadline_at is null) = (ended_at is not null)),
    constraint payout_attention_since check ((attention is null) = (attention_since is null))
) with (fillfactor = 70);
create index payout_open_by_deadline on payout (deadline_at) where ended_at is null;
create index payout_by_caller on payout (caller, id);
create index payout_attention_raised on payout (attention_since) where attention is not null;

-- The one edge table. `workflows::domain::State::EDGES` holds the same; a test compares them.
create table payout_edge (from_state text, to_state text, primary key (from_state, to_state));
insert into payout_edge values
    ('accepted', 'sending'), ('accepted', 'cancelled'),
    ('sending', 'sending'), ('sending', 'accepted'), ('sending', 'sent'), ('sending', 'settled'), ('sending', 'failed'),
    ('sent', 'settled'), ('sent', 'failed'),
    ('settled', 'returned');

create function payout_guard() returns trigger language plpgsql as $$
declare
    moved boolean := new.state <> old.state or new.send_no <> old.send_no;
    broken text;
begin
    broken := case
        when (new.id, new.caller, new.request_key, new.request_hash, new.account, new.bank, new.institution, new.clabe,
              new.beneficiary_name, new.beneficiary_tax_id, new.concept, new.reference, new.amount, new.fee, new.iva,
              new.currency, new.tracking_key, new.accepted_at)
            is distinct from
             (old.id, old.caller, old.request_key, old.request_hash, old.account, old.bank, old.institution, old.clabe,
              old.beneficiary_name, old.beneficiary_tax_id, old.concept, old.reference, old.amount, old.fee, old.iva,
              old.currency, old.tracking_key, old.accepted_at)
            then 'what was accepted never changes'
        when moved and not exists (select from payout_edge where from_state = old.state and to_state = new.state)
            then 'no such edge'
        when new.event_seq <> old.event_seq + moved::integer then 'one event per transition'
        when new.send_no not in (old.send_no, old.send_no + 1) then 'send_no counts begins'
        when new.send_no > old.send_no and (new.state <> 'sending' or new.sender is null) then 'a begin names its sender'
        when new.send_no > old.send_no and (old.evidence is not null or new.evidence is not null) then 'begin after evidence'
        when new.send_no > old.send_no and old.state = 'sending'
             and (new.operating_date <> old.operating_date or old.not_found < 2 or giro_now() <= old.send_before)
            then 'a resend stays in its operating date, after two not-founds'
        when old.state = 'sending' and new.state = 'accepted' and (old.unproven <> 1 or old.evidence is not null)
            then 'only a send that proved nothing left goes back'
        when moved and new.state = 'failed' and old.state = 'sending' and new.evidence <> 'refused'
             and giro_now() <= old.send_before + interval '10 seconds'
            then 'a sender may still be at work'
        when moved and new.state = 'failed' and new.evidence = 'refused'
             and (old.state <> 'sending' or old.sender is not null)
            then 'a refusal ends only what its own sender sent'
        when moved and new.state = 'failed' and old.state = 'sent' and new.evidence not in ('not_paid', 'two_people_not_paid')
            then 'the bank had it: only its word or two people end it unpaid'
        when old.ended_at is not null
             and (new.evidence, new.effective_on, new.ended_at) is distinct from (old.evidence, old.effective_on, old.ended_at)
             and new.state <> 'returned'
            then 'an end stays as it was decided'
    end;
    if broken is not null then
        raise exception 'payout %: % -> %: %', old.id, old.state, new.state, broken using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger payout_guard before update on payout for each row execute function payout_guard();

create function payout_birth() returns trigger language plpgsql as $$
begin
    if new.state <> 'accepted' or new.send_no <> 0 or new.event_seq <> 1 or new.evidence is not null then
        raise exception 'payout %: born as %, not accepted', new.id, new.state using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger payout_birth before insert on payout for each row execute function payout_birth();

-- A request keeps its answer for ever: the same key and body get the same payout or the same refusal.
create table request (
    caller text not null,
    key text not null,
    hash text not null,
    payout uuid,
    account uuid,
    refusal text,
    created_at timestamptz not null,
    primary key (caller, key),
    check (num_nonnulls(payout, account, refusal) = 1)
);

-- Everything that ever claimed to prove something, in the order it came.
create table evidence (
    id uuid primary key,
    payout uuid not null,
    kind text not null,
    state text not null,                        -- the payout's state when it came
    exchange uuid,
    decided_by text[],
    document text,
    at timestamptz not null
);
create index evidence_by_payout on evidence (payout, at);

-- Bytes sent to and received from a bank.
create table exchange (
    id uuid primary key,
    payout uuid not null,
    bank text not null,
    question text not null check (question in ('submit', 'inquire')),
    send_no integer not null,
    sent bytea not null,
    received bytea not null,
    status smallint,
    said text not null,
    at timestamptz not null
);
create index exchange_by_payout on exchange (payout, at);

-- Events wait here, gapless per payout, until the relay publishes them.
create table outbox (
    payout uuid not null,
    seq integer not null,
    type text not null,
    event jsonb not null,
    created_at timestamptz not null,
    published_at timestamptz,
    primary key (payout, seq)
);
create index outbox_unpublished on outbox (created_at) where published_at is null;

-- What banks tell us, stored before it is understood.
create table inbox (
    id bigint generated always as identity primary key,
    bank text not null,
    body bytea not null,
    body_hash bytea not null,
    payout uuid,
    note text,
    tries integer not null default 0,
    received_at timestamptz not null,
    next_at timestamptz not null,
    done_at timestamptz,
    unique (bank, body_hash)
);
create index inbox_due on inbox (bank, next_at) where done_at is null;

create function append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'check_violation';
end $$;
create trigger append_only before update or delete on movement for each row execute function append_only();
create trigger append_only before update or delete on request for each row execute function append_only();
create trigger append_only before update or delete on evidence for each row execute function append_only();
create trigger append_only before update or delete on exchange for each row execute function append_only();
create trigger append_only before delete on payout for each row execute function append_only();
create trigger append_only before delete on account for each row execute function append_only();
create trigger append_only before delete on outbox for each row execute function append_only();
create trigger no_truncate before truncate on movement execute function append_only();
create trigger no_truncate before truncate on request execute function append_only();
create trigger no_truncate before truncate on evidence execute function append_only();
create trigger no_truncate before truncate on exchange execute function append_only();
create trigger no_truncate before truncate on payout execute function append_only();
create trigger no_truncate before truncate on account execute function append_only();

-- Totals only grow; what is held comes and goes.
create function account_guard() returns trigger language plpgsql as $$
begin
    if new.debits < old.debits or new.credits < old.credits
       or (new.id, new.code, new.caller, new.clabe, new.currency) is distinct from (old.id, old.code, old.caller, old.clabe, old.currency) then
        raise exception 'account %: totals only grow, identity stays', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger account_guard before update on account for each row execute function account_guard();

-- Attention is the column, or the deadline past: right even when no worker and no Temporal lives.
create view payout_attention as
    select id as payout,
           coalesce(attention, 'deadline') as reason,
           coalesce(attention_since, deadline_at) as since
    from payout
    where attention is not null or (ended_at is null and deadline_at < giro_now());

-- The application's role, when the operator made one, may add and change, never rewrite history.
do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on movement, request, evidence, exchange to giro_app;
        grant select, insert, update on account, payout, outbox, inbox to giro_app;
        grant select, update on bank to giro_app;
        grant select on clock, payout_edge, payout_attention to giro_app;
    end if;
end $$;
