-- For finance: the chart of accounts as data, and views that only read. docs/finance.md is their contract.

create table chart (
    code smallint primary key,
    name text not null,
    name_es text not null,
    kind text not null check (kind in ('asset', 'liability', 'income')),
    normal text not null check (normal in ('debit', 'credit')),
    constraint chart_normal_side check ((normal = 'debit') = (kind = 'asset'))
);
insert into chart values
    (1101, 'settlement at stp', 'liquidación en STP', 'asset', 'debit'),
    (2101, 'customers', 'clientes', 'liability', 'credit'),
    (2130, 'deposits not applied', 'depósitos por aplicar', 'liability', 'credit'),
    (2140, 'returns to apply', 'devoluciones por aplicar', 'liability', 'credit'),
    (2150, 'IVA payable', 'IVA por pagar', 'liability', 'credit'),
    (2190, 'suspense', 'partidas por aclarar', 'liability', 'credit'),
    (4101, 'fee income', 'ingresos por comisiones', 'income', 'credit');
alter table account add constraint account_in_chart foreign key (code) references chart (code);

create schema finance;

create view finance.chart as select code, name as account_name, name_es as account_name_es, kind, normal from chart;

-- Accounts without anything of a person.
create view finance.accounts as
    select a.id as account, a.code, c.name as account_name, a.status, a.debits, a.credits, a.held, a.opened_at
    from account a join chart c using (code);

-- The general ledger: two rows a movement, one a leg.
create view finance.ledger as
    select m.effective_on as operating_date, m.id as movement, l.leg, m.created_at as booked_at, m.kind, m.subject,
           a.code, c.name as account_name, l.account, l.debit, l.credit, m.currency
    from movement m
    cross join lateral (values (1, m.debit_account, m.amount, 0::bigint), (2, m.credit_account, 0::bigint, m.amount))
        as l (leg, account, debit, credit)
    join account a on a.id = l.account
    join chart c on c.code = a.code;

-- What each operating date moved.
create view finance.days as
    select operating_date, code, account_name, count(*) as legs, sum(debit)::bigint as debits, sum(credit)::bigint as credits
    from finance.ledger group by operating_date, code, account_name;

-- Every account of the chart at the end of an operating date: debits and credits until then, and the balance on its normal side.
create function finance.trial_balance(until date)
    returns table (code smallint, account_name text, normal text, debits bigint, credits bigint, balance bigint)
language sql stable as $$
    select c.code, c.account_name, c.normal, coalesce(sum(l.debit), 0)::bigint, coalesce(sum(l.credit), 0)::bigint,
           (coalesce(sum(l.debit - l.credit), 0) * case c.normal when 'debit' then 1 else -1 end)::bigint
    from finance.chart c left join finance.ledger l on l.code = c.code and l.operating_date <= until
    group by c.code, c.account_name, c.normal order by c.code
$$;

-- What is held and has not ended: payouts on their way, and what waits for its time.
create view finance.in_flight as
    select p.id as payout, p.state, p.bank, p.operating_date, p.process_after, p.account, p.amount, p.fee, p.iva,
           p.amount + p.fee + p.iva as held, p.accepted_at
    from payout p where p.ended_at is null;

-- A view reads with the rights of its owner: who may read it needs none on what stands behind it.
do $$ declare reader text; begin
    for reader in select rolname from pg_roles where rolname in ('giro_app', 'giro_finance') loop
        execute format('grant usage on schema finance to %I', reader);
        execute format('grant select on all tables in schema finance to %I', reader);
        execute format('grant execute on all functions in schema finance to %I', reader);
    end loop;
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select on chart to giro_app;
    end if;
end $$;
