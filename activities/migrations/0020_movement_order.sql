-- An account's movements by when they were booked: an id takes the time of what moved it, which of a record is its day.
drop index movement_by_debit;
create index movement_by_debit on movement (debit_account, created_at, id)
    where debit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
drop index movement_by_credit;
create index movement_by_credit on movement (credit_account, created_at, id)
    where credit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
drop index movement_by_debit_day;
create index movement_by_debit_day on movement (debit_account, effective_on, created_at, id) include (amount)
    where debit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
drop index movement_by_credit_day;
create index movement_by_credit_day on movement (credit_account, effective_on, created_at, id) include (amount)
    where credit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
