-- What people say, one by one, with a document: what takes two of them is done by the second one's word.

create table decision (
    id uuid primary key,
    subject uuid not null,                      -- the payout or the received record
    person text not null,
    key text not null,                          -- that person's idempotency key
    outcome text not null check (outcome in ('paid', 'not_paid', 'understood', 'apply')),
    account uuid,                               -- whose it becomes
    document text not null,                     -- what both go by
    stood text not null,                        -- how the subject stood: said of what has moved on since, it does not count
    seconds uuid unique references decision,    -- another person's that it makes count
    at timestamptz not null,
    unique (subject, person, key),
    constraint decision_names_whose check ((outcome = 'apply') = (account is not null))
);

-- Two are two people who say the same of the same.
create function decision_is_seconded() returns trigger language plpgsql as $$
begin
    if not exists (select from decision d where d.id = new.seconds and d.person <> new.person and d.seconds is null
                   and (d.subject, d.outcome, d.document, d.stood) = (new.subject, new.outcome, new.document, new.stood)
                   and d.account is not distinct from new.account) then
        raise exception 'decision %: it is not what another person said', new.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger decision_is_seconded before insert on decision for each row
    when (new.seconds is not null) execute function decision_is_seconded();
create trigger append_only before update or delete on decision for each row execute function append_only();
create trigger no_truncate before truncate on decision execute function append_only();

-- What two people prove is what they said.
create function evidence_was_said() returns trigger language plpgsql as $$
begin
    if not exists (select from decision d join decision first on first.id = d.seconds
                   where d.id = new.id and d.subject = new.payout and 'two_people_' || d.outcome = new.kind
                     and d.document = new.document and new.decided_by = array[first.person, d.person]) then
        raise exception 'evidence %: two people have not said so', new.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger evidence_was_said before insert on evidence for each row
    when (new.kind in ('two_people_paid', 'two_people_not_paid')) execute function evidence_was_said();

-- What the bank told otherwise, as it was told last: people are told of it once.
alter table received add column told_otherwise text;

-- What stands in suspense goes to its customer, as two people said.
create function suspense_was_decided() returns trigger language plpgsql as $$
begin
    if not exists (select from decision d where d.subject = new.id and d.outcome = 'apply' and d.account = new.account
                   and d.seconds is not null) then
        raise exception 'received %: two people have not said whose it is', new.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create constraint trigger suspense_was_decided after update on received deferrable initially deferred for each row
    when (old.state = 'suspended' and new.state = 'applied') execute function suspense_was_decided();
insert into received_edge values ('suspended', 'applied');
alter table received
    drop constraint received_return_has_payout,
    add constraint received_return_has_payout check (
        kind = 'deposit' or state in ('received', 'suspended') or payout is not null
        or (state = 'applied' and num_nonnulls(decided_by, decided_why) = 2));

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on decision to giro_app;
    end if;
end $$;
