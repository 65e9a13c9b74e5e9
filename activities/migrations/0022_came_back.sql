-- The bank once said that the money left and came back: a later word of it, unclear or none, does not take that back.
alter table payout add column came_back boolean not null default false;
update payout set came_back = true where bank_word = 'paid, and came back';
