-- Who froze, opened or closed a customer's account, when and why: its status changes by this alone, and an account once closed
-- stays so.
create table account_status (
    account uuid not null,
    seq integer not null check (seq > 0),       -- the account's own, without gaps
    status text not null check (status in ('open', 'frozen', 'closed')),
    person text not null,
    key text not null,                          -- that person's idempotency key: repeated, it changes nothing
    reason text not null check (length(reason) between 1 and 200),
    at timestamptz not null,
    primary key (account, seq),
    unique (person, key)
);
create trigger append_only before update or delete on account_status for each row execute function append_only();
create trigger no_truncate before truncate on account_status execute function append_only();

create function account_status_is_said() returns trigger language plpgsql as $$
declare
    broken text;
begin
    broken := case
        when old.status = 'closed' then 'closed is for good'
        when new.code <> 2101 then 'giro''s own accounts stay open'
        when new.status = 'closed' and (new.debits <> new.credits or new.held <> 0) then 'an account that has money stays'
        when new.status is distinct from
             (select s.status from account_status s where s.account = new.id order by s.seq desc limit 1)
            then 'nobody said so'
    end;
    if broken is not null then
        raise exception 'account %: % -> %: %', new.id, old.status, new.status, broken using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger account_status_is_said before update on account for each row
    when (old.status is distinct from new.status) execute function account_status_is_said();

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on account_status to giro_app;
    end if;
end $$;
