-- What the running day of a bank comes to so far, reading by reading, and whether the settlement account has what the bank has.

create table running_day (
    id uuid primary key,
    bank text not null,
    operating_date date not null,
    at timestamptz not null,                    -- before the bank was read
    orders integer not null check (orders >= 0),            -- on the bank's statement so far
    open integer not null check (open >= 0),                -- payouts of the day that had not ended
    differences integer not null check (differences >= 0),
    named jsonb not null,                       -- the first of them: [{"subject", "what"}]
    balance_by_bank bigint,                     -- centavos; null: not asked, or money moved meanwhile
    balance_by_books bigint,                    -- centavos that the bank must have, by the books and what it has told
    in_doubt bigint not null default 0 check (in_doubt >= 0),   -- centavos that may have left beside
    constraint running_day_balance check ((balance_by_bank is null) = (balance_by_books is null))
);
create index running_day_newest on running_day (bank, at desc);
create index running_day_balance_newest on running_day (bank, at desc) where balance_by_bank is not null;
create trigger append_only before update or delete on running_day for each row execute function append_only();
create trigger no_truncate before truncate on running_day execute function append_only();

-- A closed day that differs, and why, as people have understood it: for as long as it differs so and not otherwise.
create table day_understood (
    reading uuid primary key references reconciliation,
    person text not null,
    reason text not null,
    at timestamptz not null
);
create trigger append_only before update or delete on day_understood for each row execute function append_only();
create trigger no_truncate before truncate on day_understood execute function append_only();

-- The newest reading of each closed day, and whether people have understood what differs: said of a reading that named the
-- same.
create view newest_day as
    select r.*, u.person as understood_by, u.reason as understood_why, u.at as understood_at
    from (select distinct on (bank, operating_date) *,
                 min(at) filter (where differences > 0) over (partition by bank, operating_date) as differs_since
          from reconciliation order by bank, operating_date, at desc) r
    left join lateral (
        select d.* from day_understood d join reconciliation said on said.id = d.reading
        where r.differences > 0 and (said.bank, said.operating_date) = (r.bank, r.operating_date)
          and (said.differences, said.named) = (r.differences, r.named)
        order by d.at desc limit 1) u on true;

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on running_day, day_understood to giro_app;
        grant select on newest_day to giro_app;
    end if;
end $$;
