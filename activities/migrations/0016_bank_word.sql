-- What the bank last said to have of a payout: silence and "not found" do not take it back.
alter table payout add column bank_word text;
