-- The day close: what is booked for an operating date after finance has closed it counts for the next one, and a closed day's
-- sums never change.

create table day_close (
    operating_date date primary key,
    next_date date not null,                    -- the next banking day: what comes late counts for it
    closed_at timestamptz not null,
    person text not null,
    reason text,                                -- why it was closed although it was not settled with every bank
    constraint day_close_goes_on check (next_date > operating_date)
);

-- Closes are made in order, so that what is late has one day to go to.
create function day_close_follows() returns trigger language plpgsql as $$
declare
    last day_close;
begin
    select * into last from day_close order by operating_date desc limit 1;
    if last.operating_date is not null and new.operating_date <> last.next_date then
        raise exception 'day close: % follows %, not %', last.next_date, last.operating_date, new.operating_date
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger day_close_follows before insert on day_close for each row execute function day_close_follows();

-- Every account of the chart at the end of a closed day, as it was closed.
create table day_balance (
    operating_date date not null references day_close,
    code smallint not null references chart,
    debits bigint not null check (debits >= 0),
    credits bigint not null check (credits >= 0),
    primary key (operating_date, code)
);

-- What was under way when a day was closed: what comes of it is booked late.
create table day_in_flight (
    operating_date date not null references day_close,
    kind text not null check (kind in ('payout', 'received')),
    subject uuid not null,
    state text not null,
    bank text not null,
    sent_on date not null,                      -- its own operating date
    amount bigint not null check (amount > 0),
    primary key (operating_date, subject)
);

-- Movements of a day that was closed already, and the day that they count for.
create table late_movement (
    movement uuid primary key,
    counts_on date not null
);

-- Whoever books waits for a close under way, and sees it: the lock is held to the end of the transaction.
create function movement_counts() returns trigger language plpgsql as $$
declare
    last day_close;
begin
    -- Another isolation would not see a close that was waited for.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'movements are written read committed, not %', current_setting('transaction_isolation')
            using errcode = 'check_violation';
    end if;
    perform pg_advisory_xact_lock_shared(hashtext('giro day close'));
    select * into last from day_close order by operating_date desc limit 1;
    insert into late_movement
        select id, last.next_date from booked where effective_on <= last.operating_date;
    return null;
end $$;
create trigger movement_counts after insert on movement
    referencing new table as booked for each statement execute function movement_counts();

create trigger append_only before update or delete on day_close for each row execute function append_only();
create trigger append_only before update or delete on day_balance for each row execute function append_only();
create trigger append_only before update or delete on day_in_flight for each row execute function append_only();
create trigger append_only before update or delete on late_movement for each row execute function append_only();
create trigger no_truncate before truncate on day_close execute function append_only();
create trigger no_truncate before truncate on day_balance execute function append_only();
create trigger no_truncate before truncate on day_in_flight execute function append_only();
create trigger no_truncate before truncate on late_movement execute function append_only();

-- As before; the operating date is the one that a leg counts for, and the bank's own stands at the end.
create or replace view finance.ledger as
    select coalesce(late.counts_on, m.effective_on) as operating_date, m.id as movement, l.leg, m.created_at as booked_at,
           m.kind, m.subject, a.code, c.name as account_name, l.account, l.debit, l.credit, m.currency,
           m.effective_on as bank_date
    from movement m
    left join late_movement late on late.movement = m.id
    cross join lateral (values (1, m.debit_account, m.amount, 0::bigint), (2, m.credit_account, 0::bigint, m.amount))
        as l (leg, account, debit, credit)
    join account a on a.id = l.account
    join chart c on c.code = a.code;

create view finance.closed_days as
    select operating_date, next_date, closed_at, person, reason from day_close;

create view finance.closed_balances as
    select b.operating_date, b.code, c.name as account_name, c.normal, b.debits, b.credits,
           (b.debits - b.credits) * case c.normal when 'debit' then 1 else -1 end as balance
    from day_balance b join chart c using (code);

create view finance.in_flight_at_close as
    select operating_date, kind, subject, state, bank, sent_on, amount from day_in_flight;

do $$ declare reader text; begin
    for reader in select rolname from pg_roles where rolname in ('giro_app', 'giro_finance') loop
        execute format('grant select on all tables in schema finance to %I', reader);
    end loop;
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select on day_close, day_balance, day_in_flight to giro_app;
        grant select, insert on late_movement to giro_app;
    end if;
end $$;
