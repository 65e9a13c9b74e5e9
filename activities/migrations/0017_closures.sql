-- A bank announces when it is closed: nothing is sent then, and what waits goes out by itself afterwards.

alter table bank
    add column called_off_at timestamptz,       -- a closure was called off then that kept it from sending
    add column closures jsonb not null default '[]'     -- [{"from", "until", "reason"}], as they begin
    constraint bank_closures_few check (jsonb_typeof(closures) = 'array' and jsonb_array_length(closures) <= 20);

-- When its run was woken because of that.
alter table payout add column woken_at timestamptz;
