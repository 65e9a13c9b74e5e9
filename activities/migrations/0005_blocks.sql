-- Blocks: what one commit of a writer added to the movements, chained by hash. And how far the auditor has come.

-- One chain per writer (a process makes its id at its start), so that writers never wait for each other's head. The
-- primary key keeps a chain from forking: who comes second runs again. The recipe of `hash` is `ledger/chain.rs`.
create table block (
    writer uuid not null,
    seq integer not null check (seq >= 1),
    prev bytea not null check (octet_length(prev) = 32),        -- zeros for the first
    hash bytea not null check (octet_length(hash) = 32),
    movements uuid[] not null check (cardinality(movements) >= 1),
    at timestamptz not null,
    primary key (writer, seq)
);
-- The chains there are: one row per process that ever moved money.
create index block_first on block (writer) where seq = 1;

create trigger append_only before update or delete on block for each row execute function append_only();
create trigger no_truncate before truncate on block execute function append_only();

-- Movements from before there were blocks are sealed here, by the writer of zeros, as `ledger/chain.rs` would.
create function pg_temp.said(words text) returns text language sql as
$$ select coalesce(octet_length(words) || ':' || words, '-') $$;
do $$
declare
    before record;
    genesis constant uuid := '00000000-0000-0000-0000-000000000000';
    last bytea := decode(repeat('00', 32), 'hex');
    next bytea;
    moment constant timestamptz := giro_now();
begin
    for before in
        select (place - 1) / 500 + 1 as seq, array_agg(id order by id) as ids, count(*)::integer as many,
               string_agg(concat_ws('|', id, subject, kind, debit_account, credit_account, amount, currency,
                   to_char(effective_on, 'YYYY-MM-DD'), hash, (extract(epoch from created_at) * 1000000)::bigint,
                   pg_temp.said(actor), pg_temp.said(reason)) || E'\n', '' order by id) as lines
        from (select *, row_number() over (order by id) as place from movement) m
        group by 1 order by 1
    loop
        next := sha256(last || uuid_send(genesis) || int4send(before.seq::integer)
            || int8send((extract(epoch from moment) * 1000000)::bigint)
            || int4send(before.many) || convert_to(before.lines, 'UTF8'));
        insert into block values (genesis, before.seq, last, next, before.ids, moment);
        last := next;
    end loop;
end $$;
drop function pg_temp.said(text);

-- What changed since the auditor last looked is found by time. The rows of a page are of one time, so that a few bytes
-- per page do, and no change of a payout pays for an index.
create index payout_by_change on payout using brin (changed_at) with (pages_per_range = 8, autosummarize = on);

-- How far the auditor has come: it goes on from here, and a chain or a total that is gone or less than it was is seen by
-- it. Nothing reads it but the auditor; losing it costs one full audit, and what only it knew.
create table audit (
    one boolean primary key default true check (one),
    at timestamptz not null,                    -- payouts that changed before were checked
    full_at timestamptz not null,               -- when everything was last checked
    movements bigint not null                   -- how many the verified blocks hold
);
create table audit_chain (writer uuid primary key, seq integer not null, hash bytea not null);
create table audit_total (account uuid primary key, debits bigint not null, credits bigint not null);

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on block to giro_app;
        grant select, insert, update, delete on audit, audit_chain, audit_total to giro_app;
    end if;
end $$;
