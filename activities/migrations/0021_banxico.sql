-- Questions to Banxico's portal of receipts: asked for by people, and nothing about money is decided by the answers.

create table receipt_request (
    payout uuid primary key,
    asked_by text not null,
    asked_at timestamptz not null,
    due_at timestamptz,                         -- when Banxico is asked next; null: no more
    attempts integer not null default 0 check (attempts >= 0)
);
create index receipt_request_due on receipt_request (due_at, payout) where due_at is not null;

create table receipt_answer (
    id bigint generated always as identity primary key,
    payout uuid not null,
    at timestamptz not null,
    day date not null,                          -- that it was asked by
    said text not null check (said in ('receipt', 'no_receipt', 'not_found', 'too_many', 'unclear', 'silent')),
    state text,                                 -- where Banxico says that the payment stands
    status smallint,
    received bytea not null                     -- the page, or the receipt: names and accounts are in it
);
create index receipt_answer_by_payout on receipt_answer (payout, id);
create trigger append_only before update or delete on receipt_answer for each row execute function append_only();
create trigger no_truncate before truncate on receipt_answer execute function append_only();

-- One row: the pace, of all giro together.
create table banxico (
    one boolean primary key default true check (one),
    asked_at timestamptz not null default 'epoch',
    quiet_until timestamptz not null default 'epoch'    -- it said that it was too much
);
insert into banxico default values;

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on receipt_answer to giro_app;
        grant select, insert, update on receipt_request to giro_app;
        grant select, update on banxico to giro_app;
    end if;
end $$;
