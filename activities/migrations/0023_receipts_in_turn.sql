-- What is asked of Banxico next: of what was asked least often that which is due first, by its own index.

create index receipt_request_in_turn on receipt_request (attempts, due_at, payout) where due_at is not null;
drop index receipt_request_due;
