-- Who took a payout or a transfer back before it was sent: by name, in the transaction that gives the money back.
alter table payout add column cancelled_by text check (cancelled_by is null or state = 'cancelled');
