//! Evidence: what is known of a payout, by our own question, a refusal or statements.

use jiff::Timestamp;
use uuid::Uuid;
use workflows::domain::{Attention, Evidence, State};

use super::{
    super::{
        command::{Answer, By, Finding},
        rows::{BankRow, EvidenceRow, ExchangeRow, PausedBy, Payout, Question, Rows, Rules, Writes},
    },
    judge::stand,
    later, raise,
    reach::asked as asked_bank,
    settle_row, transition,
};
use crate::bank::{Found, FoundDoubt};

/// Bytes of a pause's reason that another alarm still repeats.
const LONGEST_REASON: usize = 300;
/// Answers by which the bank has something under our key, however unclear.
const NOT_OURS: &str = "not our order";
const INCOMPLETE: &str = "our order without";
const UNKNOWN_WORD: &str = "unknown word";
/// The doubt of an order that was taken in from the bank's statement, until the bank says what became of it.
pub(super) const BEGIN_LOST: &str = "begin_lost";

/// Writes what a look found. Only what proves an outcome becomes evidence; all of it is kept.
pub(super) fn evidence(rules: &Rules, rows: &Rows, finding: &Finding) -> (Answer, Writes) {
    let mut writes = Writes::default();
    let Some(before) = rows.payouts.get(&finding.payout) else {
        return (Answer::Unknown, writes);
    };
    let Some(bank) = rows.banks.get(&before.bank) else {
        return (Answer::Unknown, writes);
    };
    let mut row = before.clone();
    let now = rows.now;
    match &finding.by {
        By::Inquiry {
            send_no,
            asked_at,
            found,
            exchange,
        } => {
            let said = said(found);
            row.bank_said = Some(said.clone());
            let is_news = has_something(found) && row.bank_word.as_ref() != Some(&said);
            if is_news {
                row.bank_word = Some(said.clone());
            }
            writes.exchanges.push(ExchangeRow {
                id: finding.id,
                payout: row.id,
                bank: row.bank.clone(),
                question: Question::Inquire,
                send_no: *send_no,
                sent: exchange.sent.clone(),
                received: exchange.received.clone(),
                status: exchange.status,
                said,
                at: now,
            });
            let asked = Asked {
                send_no: *send_no,
                at: *asked_at,
                id: finding.id,
            };
            learn(rules, &mut row, found, asked, now, bank, &mut writes);
            // What is clear contradicts by itself; what is not is news all the same to two people who said "not paid".
            if is_news && matches!(found, Found::Doubt(_)) {
                undecided(&mut row, now);
            }
            asked_bank(row.id, found, bank, now, &mut writes);
        }
        By::Claim => {
            if !row.state.is_open() {
                raise(&mut row, Attention::EvidenceAfterEnd, now);
            }
        }
        By::Statements {
            day,
            send_no,
            readings: [own, next],
        } => {
            // How a statement lists what was sent back is not known well enough to prove that it was not.
            let is_listed = row.sends_back.is_none();
            let same = is_listed && row.operating_date == Some(*day) && row.send_no == *send_no;
            if row.state == State::Sending && same && !is_known(&row) {
                put_evidence(&mut row, Evidence::Absent, None, finding.id, now, bank, &mut writes);
                if let Some(kept) = writes.evidence.last_mut() {
                    kept.document = Some(format!("reconciliations {own} and {next}"));
                }
            }
        }
    }
    let row = settle_row(before, row, now, &mut writes);
    let stand = stand(rules, &row, writes.banks.last().unwrap_or(bank), now);
    (Answer::Stands(row, stand), writes)
}

/// When and about which send a question was asked.
#[derive(Clone, Copy)]
struct Asked {
    send_no: u32,
    at: Timestamp,
    id: Uuid,
}

/// What the bank's answer changes.
fn learn(
    rules: &Rules,
    row: &mut Payout,
    found: &Found,
    asked: Asked,
    now: Timestamp,
    bank: &BankRow,
    writes: &mut Writes,
) {
    match found {
        Found::Paid {
            bank_ref,
            effective_on,
            came_back,
        } => {
            second_order(row, bank_ref, bank, now, writes);
            if row.state.is_open() {
                row.bank_ref = Some(bank_ref.clone());
                row.effective_on = Some(*effective_on);
            }
            put_evidence(row, Evidence::Paid, Some(asked.id), asked.id, now, bank, writes);
            // Of one that was returned it is the old news.
            if *came_back && row.state != State::Returned {
                row.came_back = true;
                raise(row, Attention::ReturnExpected, now);
            }
        }
        Found::NotPaid { .. } => put_evidence(row, Evidence::NotPaid, Some(asked.id), asked.id, now, bank, writes),
        Found::Pending { bank_ref, .. } => has_order(rules, row, bank_ref, bank, now, writes),
        Found::NotFound => {
            let surfaced = row
                .send_before
                .is_some_and(|fence| asked.at > later(fence, rules.horizon));
            let apart = row
                .not_found_at
                .is_none_or(|last| asked.at >= later(last, rules.question_gap));
            if row.state == State::Sending && asked.send_no == row.send_no && surfaced && apart {
                row.not_found += 1;
                row.not_found_at = Some(asked.at);
            }
            if row.state.is_open() {
                doubts(row, Some("not_found".to_owned()));
            }
        }
        Found::Doubt(doubt) => {
            match doubt {
                FoundDoubt::NoAnswer { .. } => {}
                FoundDoubt::Mismatch { .. } => {
                    raise(row, Attention::Mismatch, now);
                    known(row);
                }
                // Nobody is told of an open one before its deadline: the next answer is usually whole.
                FoundDoubt::Incomplete { .. } => {
                    if row.state == State::Accepted {
                        raise(row, Attention::EvidenceBeforeSend, now);
                    }
                    known(row);
                }
                // The record is ours in every field: the bank has the order, whatever its word means.
                FoundDoubt::UnknownWord { .. } => {
                    let unsent = row.state == State::Accepted;
                    raise(
                        row,
                        if unsent {
                            Attention::EvidenceBeforeSend
                        } else {
                            Attention::UnknownWord
                        },
                        now,
                    );
                    known(row);
                }
            }
            if row.state.is_open() {
                doubts(row, row.bank_said.clone());
            }
        }
    }
}

/// True when the bank has said that it has something by our key, however unclear: no statement is proof against that.
fn is_known(row: &Payout) -> bool {
    let told = matches!(row.attention, Some(Attention::Mismatch | Attention::UnknownWord));
    told || row.bank_ref.is_some()
        || row.doubt.as_deref() == Some(BEGIN_LOST)
        || row.bank_said.as_deref().is_some_and(is_unclear)
        || row.bank_word.as_deref().is_some_and(is_unclear)
}

/// True where what the bank has of it, or how many, is unclear: whatever else proves an end, people may say otherwise.
pub(super) fn is_disputed(row: &Payout) -> bool {
    let told = match row.attention {
        None | Some(Attention::Deadline | Attention::ReturnExpected | Attention::ReturnSetApart) => false,
        Some(
            Attention::Mismatch
            | Attention::UnknownWord
            | Attention::Contradiction
            | Attention::EvidenceBeforeSend
            | Attention::PaidAfterRelease
            | Attention::EvidenceAfterEnd
            | Attention::SecondOrder,
        ) => true,
    };
    told || row.contradicted || row.bank_word.as_deref().is_some_and(is_unclear)
}

/// The bank has something by our key, whatever it says of it.
fn has_something(found: &Found) -> bool {
    match found {
        Found::Paid { .. } | Found::NotPaid { .. } | Found::Pending { .. } => true,
        Found::Doubt(FoundDoubt::Mismatch { .. } | FoundDoubt::Incomplete { .. } | FoundDoubt::UnknownWord { .. }) => {
            true
        }
        Found::NotFound | Found::Doubt(FoundDoubt::NoAnswer { .. }) => false,
    }
}

/// An answer by which the bank has something under our key that is not clear.
fn is_unclear(said: &str) -> bool {
    [NOT_OURS, INCOMPLETE, UNKNOWN_WORD]
        .iter()
        .any(|words| said.starts_with(words))
}

/// Says what is in doubt. That the bank had an order whose begin was lost is not forgotten for a later silence.
pub(super) fn doubts(row: &mut Payout, why: Option<String>) {
    if row.doubt.as_deref() != Some(BEGIN_LOST) {
        row.doubt = why;
    }
}

/// The bank knows something by our key: what it did not find before counts no longer, and nothing is sent on top of it.
fn known(row: &mut Payout) {
    row.not_found = 0;
    row.not_found_at = None;
}

/// The bank's answer in our words.
fn said(found: &Found) -> String {
    match found {
        Found::Paid { came_back: false, .. } => "paid".to_owned(),
        Found::Paid { came_back: true, .. } => "paid, and came back".to_owned(),
        Found::NotPaid { code } => format!("not paid {code}"),
        Found::Pending { code, .. } => format!("pending {code}"),
        Found::NotFound => "not found".to_owned(),
        Found::Doubt(FoundDoubt::NoAnswer { why }) => format!("no answer: {why}"),
        Found::Doubt(FoundDoubt::Mismatch { fields }) => format!("{NOT_OURS}: {}", fields.join(", ")),
        Found::Doubt(FoundDoubt::Incomplete { missing }) => format!("{INCOMPLETE} {missing}"),
        Found::Doubt(FoundDoubt::UnknownWord { code }) => format!("{UNKNOWN_WORD} {code}"),
    }
}

/// The bank has an order under our key: it answers a send, whichever, or our question.
pub(super) fn has_order(
    rules: &Rules,
    row: &mut Payout,
    bank_ref: &str,
    bank: &BankRow,
    now: Timestamp,
    writes: &mut Writes,
) {
    second_order(row, bank_ref, bank, now, writes);
    match row.state {
        State::Sending => {
            // A proof that nothing was taken, and an order: nobody but people can say which is right. A send that was
            // taken and cancelled before its answer came is no riddle while no other may have reached the bank.
            let riddle = match row.evidence {
                Some(Evidence::Refused | Evidence::Absent) => true,
                // They said so of what had no reference of the bank's: that it has it is news.
                Some(Evidence::TwoPeopleNotPaid) => true,
                Some(Evidence::NotPaid) => row.unproven > 1,
                Some(Evidence::Paid | Evidence::TwoPeoplePaid) | None => false,
            };
            if riddle {
                row.contradicted = true;
                raise(row, Attention::Contradiction, now);
            }
            row.bank_ref = Some(bank_ref.to_owned());
            row.not_found = 0;
            row.sender = None;
            row.doubt = None;
            transition(rules, row, State::Sent, now, writes);
        }
        State::Sent => row.bank_ref = row.bank_ref.take().or_else(|| Some(bank_ref.to_owned())),
        State::Accepted => {
            let is_news = row.bank_ref.is_none();
            row.bank_ref = Some(bank_ref.to_owned());
            raise(row, Attention::EvidenceBeforeSend, now);
            if is_news {
                undecided(row, now);
            }
        }
        State::Failed | State::Cancelled => raise(row, Attention::EvidenceAfterEnd, now),
        State::Settled | State::Returned => {}
    }
}

/// The bank has what two people did not know of when they said that it was not paid: nothing is given back by that any more.
pub(super) fn undecided(row: &mut Payout, now: Timestamp) {
    if row.state.is_open() && row.evidence == Some(Evidence::TwoPeopleNotPaid) {
        row.contradicted = true;
        raise(row, Attention::Contradiction, now);
    }
}

/// Another folio than the one we know: the bank took two orders. It is paused, and a person is told.
fn second_order(row: &mut Payout, bank_ref: &str, bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    if row.bank_ref.as_deref().is_none_or(|known| known == bank_ref) {
        return;
    }
    raise(row, Attention::SecondOrder, now);
    undecided(row, now);
    pause(
        PausedBy::SecondOrder,
        format!("it has two orders of {}", row.id),
        bank,
        now,
        writes,
    );
}

/// Pauses the bank until people resume it. A pause that stands is said in the reason, and is over with this one; who
/// knows only the earlier one cannot resume.
fn pause(by: PausedBy, reason: String, bank: &BankRow, now: Timestamp, writes: &mut Writes) {
    let row = writes.banks.pop().unwrap_or_else(|| bank.clone());
    let reason = match row.paused_by.zip(row.pause_reason.clone()) {
        Some((_, said)) if said.contains(&reason) => {
            writes.banks.extend((row != *bank).then_some(row));
            return;
        }
        Some((word, said)) if said.len() < LONGEST_REASON => format!("{reason}; before, {}: {said}", word.word()),
        Some((word, _)) => format!("{reason}; before, {}", word.word()),
        None => reason,
    };
    writes.banks.push(BankRow {
        paused_by: Some(by),
        pause_reason: Some(reason),
        paused_at: Some(now),
        ..row
    });
}

/// Keeps a piece of evidence, and lets it stand on the row where it may.
pub(super) fn put_evidence(
    row: &mut Payout,
    kind: Evidence,
    exchange: Option<Uuid>,
    id: Uuid,
    now: Timestamp,
    bank: &BankRow,
    writes: &mut Writes,
) {
    writes.evidence.push(EvidenceRow {
        id,
        payout: row.id,
        kind,
        state: row.state,
        exchange,
        decided_by: None,
        document: None,
        at: now,
    });
    match row.state {
        State::Accepted => {
            raise(row, Attention::EvidenceBeforeSend, now);
            match row.evidence {
                None => row.evidence = Some(kind),
                Some(first) if first.says_paid() == kind.says_paid() => {}
                Some(_) => {
                    row.contradicted = true;
                    raise(row, Attention::Contradiction, now);
                }
            }
        }
        State::Sending | State::Sent => match row.evidence {
            None => row.evidence = Some(kind),
            // What the bank had ends only by its own word: that one stands in place of a refusal or an absence.
            Some(Evidence::Refused | Evidence::Absent) if row.state == State::Sent && kind == Evidence::NotPaid => {
                row.evidence = Some(kind);
            }
            Some(first) if first.says_paid() == kind.says_paid() => {}
            Some(_) => {
                row.contradicted = true;
                raise(row, Attention::Contradiction, now);
            }
        },
        State::Failed | State::Cancelled if kind.says_paid() => {
            row.paid_after_end = true;
            raise(row, Attention::PaidAfterRelease, now);
            let reason = format!("{} was paid after its money was released", row.id);
            pause(PausedBy::PaidAfterRelease, reason, bank, now, writes);
        }
        State::Settled | State::Returned if !kind.says_paid() => raise(row, Attention::EvidenceAfterEnd, now),
        State::Failed | State::Cancelled => row.paid_after_end = false,
        State::Settled | State::Returned => {}
    }
}
