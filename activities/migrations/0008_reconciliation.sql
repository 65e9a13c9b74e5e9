-- What a bank's closed days came to, reading by reading: the newest one of a day stands, and all are kept.

create table reconciliation (
    id uuid primary key,
    bank text not null,
    operating_date date not null,
    at timestamptz not null,                    -- before the statement was read
    orders integer not null check (orders >= 0),                    -- on the bank's statement
    agreed integer not null check (agreed between 0 and orders),    -- of them those that the books have, alike in all
    paid_by_bank bigint not null check (paid_by_bank >= 0),         -- centavos, by the statement
    paid_by_books bigint not null check (paid_by_books >= 0),       -- centavos that the settlement account gave on that day
    open integer not null check (open >= 0),    -- payouts of the day that had not ended: it is read again until they have
    differences integer not null check (differences >= 0),
    named jsonb not null                        -- the first of them: [{"subject", "what"}]
);
create index reconciliation_by_day on reconciliation (bank, operating_date, at desc);
alter table evidence add constraint evidence_absent check (kind <> 'absent' or document is not null);
create trigger append_only before update or delete on reconciliation for each row execute function append_only();
create trigger no_truncate before truncate on reconciliation execute function append_only();

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on reconciliation to giro_app;
    end if;
end $$;
