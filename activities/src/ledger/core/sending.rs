//! Begin and record: one execution may send, and what became of it is written by what it knows.

use jiff::{SignedDuration, Timestamp, civil::Date};
use uuid::Uuid;
use workflows::domain::{Attention, Evidence, State};

use super::{
    super::{
        command::{Adopt, Answer, Begin, Record, Stand},
        rows::{AwayBy, BankRow, ExchangeRow, Payout, Question, Rows, Rules, Seen, Writes},
    },
    judge::{PROBE_EVERY, Shut, gate, known_unsent, may_resend, stand},
    later,
    proof::{BEGIN_LOST, doubts, has_order, put_evidence, undecided},
    raise,
    reach::{away, begun, misconfigured, sent},
    settle_row, transition,
};
use crate::{
    bank::{NotSent, Said, Submitted},
    catch_up::CATCHING_UP,
};

/// A send that came too late for its fence is tried again after this.
const LATE: SignedDuration = SignedDuration::from_secs(30);
/// While the books are held against the bank's orders, a payout looks this often; once that takes so long that it is
/// told, it is woken when it is over.
const CATCH_UP_LOOK: SignedDuration = SignedDuration::from_secs(2);
const CATCH_UP_LONG: SignedDuration = SignedDuration::from_secs(60);
/// While another deposit has the key of the one that goes back, its payout looks this often.
const SHARED_LOOK: SignedDuration = SignedDuration::from_secs(300);

/// Gives the right to send once, to one execution, until `send_before`.
pub(super) fn begin(rules: &Rules, rows: &Rows, begin: &Begin) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&begin.payout) else {
        return (Answer::Unknown, writes);
    };
    let Some(bank) = rows.banks.get(&before.bank) else {
        return (Answer::Unknown, writes);
    };
    let stays = |stand| (Answer::Stands(before.clone(), stand), Writes::default());
    if !before.state.is_open() || before.evidence.is_some() || known_unsent(before) {
        return stays(Stand::Closed);
    }
    match before.state {
        State::Accepted => {
            if let Some(until) = before.waits_until(rows.now) {
                return stays(Stand::NotSent { until });
            }
        }
        State::Sending if before.sender == Some(begin.sender.0) => return stays(Stand::Go),
        State::Sending if may_resend(rules, before, bank, rows.now) => {}
        State::Sending => return stays(Stand::Doubt),
        State::Sent => return stays(Stand::Sent),
        State::Settled | State::Failed | State::Cancelled | State::Returned => return stays(Stand::Closed),
    }
    let mut row = before.clone();
    if before.state == State::Accepted && begin_may_be_lost(rows, before) {
        raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
        let row = settle_row(before, row, rows.now, &mut writes);
        return (Answer::Stands(row, Stand::Closed), writes);
    }
    if before.sends_back.is_some_and(|deposit| rows.shared.contains(&deposit)) {
        // The bank could not tell which one goes back: people cancel it, told by its deadline.
        let until = later(rows.now, SHARED_LOOK);
        return stays(Stand::NotSent { until });
    }
    let held = bank.is_caught_up(rows.server.as_ref()) && holds(begin.seen.as_ref(), rows.server.as_ref());
    let look = match bank.attention.as_deref() {
        Some(CATCHING_UP) => CATCH_UP_LONG,
        Some(_) | None => CATCH_UP_LOOK,
    };
    let catching_up = Shut {
        until: later(rows.now, look),
        is_foreseen: false,
    };
    let opens = gate(rules, bank, rows.now).and_then(|date| if held { Ok(date) } else { Err(catching_up) });
    let operating_date = match opens {
        Ok(operating_date) => operating_date,
        Err(_) if before.state == State::Sending => return stays(Stand::Doubt),
        Err(Shut { until, is_foreseen }) => {
            // Nobody is told for a window that was known before; any other closure stays within the deadline.
            if is_foreseen {
                row.deadline_at = row.deadline_at.max(Some(later(until, rules.accepted)));
            }
            let row = settle_row(before, row, rows.now, &mut writes);
            return (Answer::Stands(row, Stand::NotSent { until }), writes);
        }
    };
    begun(bank, rows.now, &mut writes);
    row.send_no += 1;
    row.sender = Some(begin.sender.0);
    row.unproven += 1;
    row.operating_date = Some(operating_date.date());
    row.send_before = Some(later(rows.now, rules.fence));
    row.not_found = 0;
    row.not_found_at = None;
    doubts(&mut row, None);
    transition(rules, &mut row, State::Sending, rows.now, &mut writes);
    let row = settle_row(before, row, rows.now, &mut writes);
    (Answer::Stands(row, Stand::Go), writes)
}

/// True for what sends a deposit back and was accepted on books that were restored or failed over since: they may have lost
/// its begin, and the bank's statement is not known to list it. People find out. A restart alone loses nothing.
pub(super) fn begin_may_be_lost(rows: &Rows, row: &Payout) -> bool {
    let here = rows
        .server
        .as_ref()
        .map(|seen| (&seen.server.system, seen.server.timeline));
    let then = row.accepted_on.as_ref().map(|server| (&server.system, server.timeline));
    row.sends_back.is_some() && then != here
}

/// True when the books are the ones that were held against the bank's orders: what they say was never sent, was not.
fn holds(seen: Option<&Seen>, server: Option<&Seen>) -> bool {
    seen.zip(server).is_some_and(|(seen, server)| seen.still(server))
}

/// Takes in an order that the bank has of a payout that was never sent, as the books have it: it was begun once, and
/// that is lost. It is asked about like any other. Nobody may send by it, and what differs or is proven is for people.
pub(super) fn adopt(rules: &Rules, rows: &Rows, adopt: &Adopt) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&adopt.payout) else {
        return (Answer::Unknown, writes);
    };
    let Some(bank) = rows.banks.get(&before.bank) else {
        return (Answer::Unknown, writes);
    };
    let key = before.tracking_key.as_str();
    let differs = adopt.line.differs(key, before.amount, before.clabe.expose(), None);
    let mut row = before.clone();
    let is_time = before.waits_until(rows.now).is_none();
    if before.state == State::Accepted && !is_time && differs.is_empty() {
        // Nobody can have begun it: nothing is sent on top of that, nor given back, until people understand it.
        raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
    }
    let is_understood = before.attention != Some(Attention::EvidenceBeforeSend);
    if before.state == State::Accepted && before.evidence.is_none() && is_time && is_understood && differs.is_empty() {
        begun_once(
            rules,
            &mut row,
            adopt.sender.0,
            adopt.line.operating_date,
            rows.now,
            &mut writes,
        );
    }
    if before.state == State::Accepted && !differs.is_empty() {
        // The bank has something by its key: nothing is sent on top of that, nor given back.
        raise(&mut row, Attention::Mismatch, rows.now);
    }
    if row.state == State::Accepted && differs.is_empty() && matches!(adopt.line.says, Said::Paid { .. }) {
        // It is not taken in by itself any more: two people may, on the day that the bank states.
        row.effective_on = row.effective_on.or(adopt.line.operating_date);
        row.bank_ref = row.bank_ref.take().or_else(|| adopt.line.bank_ref.clone());
        row.came_back |= matches!(adopt.line.says, Said::Paid { came_back: true, .. });
        raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
        let is_news = (row.effective_on, row.came_back) != (before.effective_on, before.came_back);
        if is_news {
            undecided(&mut row, rows.now);
        }
    }
    if before.state == State::Accepted && before.evidence.is_some() && before.bank_ref.is_none() {
        // Its outcome was proven or said before the bank was known to have it.
        row.bank_ref.clone_from(&adopt.line.bank_ref);
        raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
        undecided(&mut row, rows.now);
    }
    let row = settle_row(before, row, rows.now, &mut writes);
    let stand = stand(rules, &row, bank, rows.now);
    (Answer::Stands(row, stand), writes)
}

/// It was sent on this day of the bank's, by a begin that is lost: from now on it is one like any other.
pub(super) fn begun_once(
    rules: &Rules,
    row: &mut Payout,
    by: Uuid,
    date: Option<Date>,
    now: Timestamp,
    writes: &mut Writes,
) {
    row.send_no += 1;
    row.sender = Some(by);
    row.unproven += 1;
    row.operating_date = date;
    // Whoever had the right that was lost may use it for so long.
    row.send_before = Some(later(now, rules.fence));
    row.not_found = 0;
    row.not_found_at = None;
    row.doubt = Some(BEGIN_LOST.to_owned());
    transition(rules, row, State::Sending, now, writes);
}

/// Writes what became of a send, with its bytes.
pub(super) fn record(rules: &Rules, rows: &Rows, record: &Record) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&record.payout) else {
        return (Answer::Unknown, writes);
    };
    let Some(bank) = rows.banks.get(&before.bank) else {
        return (Answer::Unknown, writes);
    };
    let mut row = before.clone();
    let now = rows.now;
    // NotSent and Refused speak for one execution only, and only once: `sender` is taken off when it has spoken.
    let own = row.state == State::Sending && row.sender == Some(record.sender.0) && row.send_no == record.send_no;
    let exchange = exchange(record, before, now);
    let mut until = None;
    match &record.submitted {
        Submitted::Accepted { bank_ref } => has_order(rules, &mut row, bank_ref, bank, now, &mut writes),
        Submitted::Refused { .. } if own && row.unproven == 1 => {
            put_evidence(
                &mut row,
                Evidence::Refused,
                Some(exchange.id),
                exchange.id,
                now,
                bank,
                &mut writes,
            );
        }
        Submitted::NotSent(why) if own && row.evidence.is_none() => {
            until = Some(not_sent(rules, &mut row, bank, why, now, &mut writes));
        }
        Submitted::Refused { .. } | Submitted::NotSent(_) if own => doubts(&mut row, Some("refused_again".to_owned())),
        Submitted::Doubt { why } if own => doubts(&mut row, Some(why.clone())),
        Submitted::Refused { .. } | Submitted::NotSent(_) | Submitted::Doubt { .. } => {}
    }
    if own {
        row.sender = None;
        row.bank_said = Some(exchange.said.clone());
    }
    sent(record, bank, now, &mut writes);
    writes.exchanges.push(exchange);
    let row = settle_row(before, row, now, &mut writes);
    let stand = match until {
        Some(until) if row.state == State::Accepted && !known_unsent(&row) => Stand::NotSent { until },
        Some(_) | None if row.evidence.is_some() && row.state != State::Accepted => Stand::Closed,
        // The bank as it is now: what this very record found out counts for its own payout too.
        Some(_) | None => stand(rules, &row, writes.banks.last().unwrap_or(bank), now),
    };
    (Answer::Stands(row, stand), writes)
}

/// The send certainly did not happen: the only one goes back to `accepted`, a resend just no longer counts.
fn not_sent(
    rules: &Rules,
    row: &mut Payout,
    bank: &BankRow,
    why: &NotSent,
    now: Timestamp,
    writes: &mut Writes,
) -> Timestamp {
    let until = match why {
        NotSent::Late => later(now, LATE),
        NotSent::Unreachable => away(AwayBy::Unreachable, bank, now, writes),
        NotSent::ReadOnly => away(AwayBy::ReadOnly, bank, now, writes),
        NotSent::Configuration { code } => {
            misconfigured(code, bank, now, writes);
            later(now, PROBE_EVERY)
        }
    };
    row.unproven -= 1;
    if row.unproven == 0 {
        row.operating_date = None;
        row.send_before = None;
        row.not_found = 0;
        row.not_found_at = None;
        transition(rules, row, State::Accepted, now, writes);
        // Going to and fro does not make it younger: a bank that is away is seen.
        let due = row.process_after.unwrap_or(row.accepted_at).max(row.accepted_at);
        row.deadline_at = Some(later(due, rules.accepted));
    }
    until
}

/// The bytes of a send; one row per execution, however often it is recorded.
fn exchange(record: &Record, payout: &Payout, now: Timestamp) -> ExchangeRow {
    let said = match &record.submitted {
        Submitted::Accepted { .. } => "accepted".to_owned(),
        Submitted::Refused { code } => format!("refused {code}"),
        Submitted::NotSent(NotSent::Unreachable) => "not sent: unreachable".to_owned(),
        Submitted::NotSent(NotSent::Late) => "not sent: late".to_owned(),
        Submitted::NotSent(NotSent::ReadOnly) => "not sent: read-only".to_owned(),
        Submitted::NotSent(NotSent::Configuration { code }) => format!("not sent: configuration {code}"),
        Submitted::Doubt { why } => format!("doubt: {why}"),
    };
    let id: Uuid = record.sender.0;
    ExchangeRow {
        id,
        payout: payout.id,
        bank: payout.bank.clone(),
        question: Question::Submit,
        send_no: record.send_no,
        sent: record.exchange.sent.clone(),
        received: record.exchange.received.clone(),
        status: record.exchange.status,
        said,
        at: now,
    }
}
