-- Receipts (CEP) that the bank's day lists show of our orders: for people, and nothing about money is decided by them.

create table receipt (
    payout uuid primary key,
    url text,                                   -- at Banxico
    name text,                                  -- the account holder's, as the beneficiary's bank has it
    seen_at timestamptz not null,
    check (num_nonnulls(url, name) > 0)
);
create trigger append_only before update or delete on receipt for each row execute function append_only();
create trigger no_truncate before truncate on receipt execute function append_only();

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on receipt to giro_app;
    end if;
end $$;
