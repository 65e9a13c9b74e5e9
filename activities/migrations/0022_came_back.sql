-- The bank once said that the money left and came back: a later word of it, unclear or none, does not take that back.
alter table payout add column came_back boolean not null default false;
update payout p set came_back = true
where bank_word = 'paid, and came back'
   or exists (select from exchange e where e.payout = p.id and e.said = 'paid, and came back');
