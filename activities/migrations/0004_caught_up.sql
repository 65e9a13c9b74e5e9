-- The bank is senior to the books: on a server that may have lost what was committed nothing is sent or given back
-- until the bank's own orders were read.

-- Which server holds the books: a restart, a failover and a restore each change it. On one server `wal` only grows.
create function giro_server() returns jsonb language sql volatile as $$
    select jsonb_build_object(
        'system', (select system_identifier::text from pg_control_system()),
        'timeline', ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int,
        'started_us', (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
        'wal', (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint)
$$;

alter table bank
    add column begins bigint not null default 0 check (begins >= 0),    -- rights to send ever given: goes back only by a loss
    add column caught_up jsonb,                                         -- the server on which its orders were last read through
    drop constraint bank_paused_by_check,
    add constraint bank_paused_by_check check (
        paused_by in ('people', 'configuration', 'paid_after_release', 'second_order', 'stray_order'));

create function bank_guard() returns trigger language plpgsql as $$
begin
    if new.begins < old.begins then
        raise exception 'bank %: begins only grow', old.name using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger bank_guard before update on bank for each row execute function bank_guard();

-- Books without a payout have lost none.
update bank set caught_up = giro_server() - 'wal' where not exists (select from payout);

-- Orders that the bank has under our name and the books cannot explain.
create table stray_order (
    bank text not null,
    tracking_key text not null,                 -- as the bank has it
    bank_ref text not null,                     -- empty when the bank gave none
    operating_date date,                        -- this, the amount and the account are null when they do not read
    amount bigint,
    clabe_last4 text check (clabe_last4 ~ '^[0-9]{4}$'),
    said text not null,                         -- the bank's state, in our words
    reason text not null,
    first_seen timestamptz not null,
    primary key (bank, tracking_key, bank_ref)
);
create trigger append_only before update or delete on stray_order for each row execute function append_only();
create trigger no_truncate before truncate on stray_order execute function append_only();

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on stray_order to giro_app;
    end if;
end $$;
