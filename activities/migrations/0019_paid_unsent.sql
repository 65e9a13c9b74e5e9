-- As before, but what the bank paid and the books never sent is taken in by two people: a begin was lost.
create or replace function payout_guard() returns trigger language plpgsql as $$
declare
    moved boolean := new.state <> old.state or new.send_no <> old.send_no;
    broken text;
begin
    broken := case
        when (new.id, new.caller, new.request_key, new.request_hash, new.account, new.bank, new.institution, new.clabe,
              new.beneficiary_name, new.beneficiary_tax_id, new.concept, new.reference, new.amount, new.fee, new.iva,
              new.currency, new.tracking_key, new.accepted_at)
            is distinct from
             (old.id, old.caller, old.request_key, old.request_hash, old.account, old.bank, old.institution, old.clabe,
              old.beneficiary_name, old.beneficiary_tax_id, old.concept, old.reference, old.amount, old.fee, old.iva,
              old.currency, old.tracking_key, old.accepted_at)
            then 'what was accepted never changes'
        when moved and not exists (select from payout_edge where from_state = old.state and to_state = new.state)
            then 'no such edge'
        when new.event_seq <> old.event_seq + moved::integer then 'one event per transition'
        when new.send_no not in (old.send_no, old.send_no + 1) then 'send_no counts begins'
        when new.send_no > old.send_no and (new.state <> 'sending' or new.sender is null) then 'a begin names its sender'
        when new.send_no > old.send_no and (old.evidence is not null or new.evidence is not null)
             and (old.state, new.evidence, new.operating_date)
                 is distinct from ('accepted', 'two_people_paid', old.effective_on)
            then 'begin after evidence'
        when new.send_no > old.send_no and old.state = 'sending'
             and (new.operating_date <> old.operating_date or old.not_found < 2 or giro_now() <= old.send_before)
            then 'a resend stays in its operating date, after two not-founds'
        when old.state = 'sending' and new.state = 'accepted' and (old.unproven <> 1 or old.evidence is not null)
            then 'only a send that proved nothing left goes back'
        when moved and new.state = 'failed' and old.state = 'sending' and new.evidence <> 'refused'
             and giro_now() <= old.send_before + interval '10 seconds'
            then 'a sender may still be at work'
        when moved and new.state = 'failed' and new.evidence = 'refused'
             and (old.state <> 'sending' or old.sender is not null)
            then 'a refusal ends only what its own sender sent'
        when moved and new.state = 'failed' and old.state = 'sent' and new.evidence not in ('not_paid', 'two_people_not_paid')
            then 'the bank had it: only its word or two people end it unpaid'
        when old.ended_at is not null
             and (new.evidence, new.effective_on, new.ended_at) is distinct from (old.evidence, old.effective_on, old.ended_at)
             and new.state <> 'returned'
            then 'an end stays as it was decided'
    end;
    if broken is not null then
        raise exception 'payout %: % -> %: %', old.id, old.state, new.state, broken using errcode = 'check_violation';
    end if;
    return new;
end $$;
