-- How long a server has been doubted is the books' to say, not one process's: processes that start again and again would
-- each begin the wait anew, and nothing would ever be sent.

alter table bank
    add column doubted jsonb,               -- the server that may have lost commits, until its bank's orders were read through
    add column doubted_at timestamptz,      -- since when, by the server's own clock: what is on its way then has surfaced later
    add constraint bank_doubted check (num_nonnulls(doubted, doubted_at) in (0, 2));
