-- Corrections: money that two people move between two accounts of the books, by a document; and the accounts for what banks charge.

alter table chart
    drop constraint chart_kind_check,
    drop constraint chart_normal_side,
    add constraint chart_kind_check check (kind in ('asset', 'liability', 'income', 'expense')),
    add constraint chart_normal_side check ((normal = 'debit') = (kind in ('asset', 'expense')));
insert into chart values
    (1180, 'IVA creditable', 'IVA acreditable', 'asset', 'debit'),
    (5101, 'bank charges', 'comisiones bancarias', 'expense', 'debit');
insert into account (id, code, name, opened_at) values
    ('ffffffff-ffff-7fff-bfff-000000001180', 1180, 'IVA creditable', giro_now()),
    ('ffffffff-ffff-7fff-bfff-000000005101', 5101, 'bank charges', giro_now());

-- As it was first asked for. It is booked once its movement is there.
create table correction (
    id uuid primary key,                        -- made of what it says
    debit_account uuid not null,
    credit_account uuid not null,
    amount bigint not null check (amount > 0),
    currency text not null default 'MXN' check (currency = 'MXN'),
    document text not null,                     -- what both people go by
    asked_at timestamptz not null,
    constraint correction_has_two_sides check (debit_account <> credit_account)
);
create trigger append_only before update or delete on correction for each row execute function append_only();
create trigger no_truncate before truncate on correction execute function append_only();

-- A word about the books is said by a key that says nothing else of them.
alter table decision
    drop constraint decision_outcome_check,
    add constraint decision_outcome_check check (outcome in ('paid', 'not_paid', 'understood', 'apply', 'correct'));
create unique index decision_corrects on decision (person, key) where outcome = 'correct';

alter table movement
    drop constraint movement_kind_check,
    add constraint movement_kind_check check (kind in (
        'amount', 'fee', 'iva', 'opening', 'return', 'fee_refund', 'iva_refund', 'interest', 'deposit', 'suspense', 'cure',
        'transfer', 'correction')),
    drop constraint movement_by_people_is_audited,
    add constraint movement_by_people_is_audited check (
        (kind in ('opening', 'cure', 'correction')) = (num_nonnulls(actor, reason) = 2));

-- What is booked is what two people said; what stands apart and in suspense is its records' alone.
create function correction_was_said() returns trigger language plpgsql as $$
begin
    if not exists (select from correction c
                   join decision d on d.subject = c.id and d.outcome = 'correct'
                   join decision first on first.id = d.seconds
                   where c.id = new.subject and d.document = c.document and new.reason = c.document
                     and new.actor = first.person || ' and ' || d.person
                     and (c.debit_account, c.credit_account, c.amount) = (new.debit_account, new.credit_account, new.amount))
       or exists (select from account a where a.id in (new.debit_account, new.credit_account) and a.code in (2130, 2140, 2190))
    then
        raise exception 'movement %: two people have not said so', new.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create constraint trigger correction_was_said after insert on movement deferrable initially deferred for each row
    when (new.kind = 'correction') execute function correction_was_said();

do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, insert on correction to giro_app;
    end if;
end $$;
