-- A leg of the ledger names the bank's order or record, so that it can be laid beside the bank's statement, and who decided it.
create or replace view finance.ledger as
    select coalesce(late.counts_on, m.effective_on) as operating_date, m.id as movement, l.leg, m.created_at as booked_at,
           m.kind, m.subject, a.code, c.name as account_name, l.account, l.debit, l.credit, m.currency,
           m.effective_on as bank_date, coalesce(p.tracking_key, r.tracking_key) as tracking_key,
           coalesce(p.bank_ref, r.bank_ref) as bank_ref, m.actor as decided_by
    from movement m
    left join late_movement late on late.movement = m.id
    left join payout p on p.id = m.subject and p.to_account is null
    left join received r on r.id = m.subject
    cross join lateral (values (1, m.debit_account, m.amount, 0::bigint), (2, m.credit_account, 0::bigint, m.amount))
        as l (leg, account, debit, credit)
    join account a on a.id = l.account
    join chart c on c.code = a.code;
