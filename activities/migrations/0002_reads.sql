-- Indexes of the reading face: lists by time, statements by operating date. No rule of money is here.

-- Newest first: one caller's, one account's, everybody's. The first takes the place of the one by id.
drop index payout_by_caller;
create index payout_by_caller on payout (caller, accepted_at, id);
create index payout_by_account on payout (account, accepted_at, id);
create index payout_by_time on payout (accepted_at, id);
-- Most payouts are settled: a list of those is a list by time. Every other state is rare, and found by itself.
create index payout_unsettled on payout (state, accepted_at, id) where state <> 'settled';

create index account_by_caller on account (caller, id) where caller is not null;

-- A statement sums a customer's days from the index alone; giro's own accounts have none.
create index movement_by_debit_day on movement (debit_account, effective_on, id) include (amount)
    where debit_account < 'ffffffff-ffff-7fff-bfff-000000000000';
create index movement_by_credit_day on movement (credit_account, effective_on, id) include (amount)
    where credit_account < 'ffffffff-ffff-7fff-bfff-000000000000';

create index inbox_by_payout on inbox (payout) where payout is not null;
