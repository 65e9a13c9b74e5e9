-- How long a server has been doubted is the books' to say, not one process's: processes that start again and again would
-- each begin the wait anew, and nothing would ever be sent.

alter table bank
    add column doubted jsonb,                       -- the server that may have lost commits, until its bank's orders were read
    add column doubted_since timestamptz,           -- names this doubt: a loss that is seen meanwhile begins another
    add column doubted_at timestamptz,              -- who waits looks every second: when one last did
    add column doubted_for double precision,        -- seconds between looks, two at most each: no step of a clock shortens it
    add constraint bank_doubted check (num_nonnulls(doubted, doubted_since, doubted_at, doubted_for) in (0, 4));
