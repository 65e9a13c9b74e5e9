//! The pure core: every rule of money, from locked rows and a command to an answer and rows to write, without I/O.
//!
//! | file | commands |
//! | --- | --- |
//! | `requests` | open, accept, cancel: the only ones that can be refused |
//! | `sending` | begin, adopt, record: who may send, what was sent and forgotten, what became of it |
//! | `proof` | evidence: what is known |
//! | `ending` | apply: the end that follows |
//! | `booking` | book: money that goes from one account of giro's own to another |
//! | `received` | receive, deposit, return: money that came in |
//! | `decided` | cure, send back: what people decide about what stands apart |
//! | `people` | decide: what takes two people, with a document |
//! | `correcting` | correct: money that two people move between accounts of the books |
//! | `judge` | none: what a row allows, which all of them ask |
//! | `reach` | none: whether the bank answers, which record and evidence write on its row |
//! | `outlook` | none: the same, told to people |

mod booking;
mod correcting;
mod decided;
mod ending;
mod judge;
pub mod outlook;
mod people;
mod proof;
mod reach;
mod received;
mod requests;
mod sending;

#[cfg(test)]
mod case;
#[cfg(test)]
mod comings;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod explore;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod invariants;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod purse;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod state;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod world;

use jiff::{Timestamp, civil::Date};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use workflows::domain::{AccountId, Attention, Centavos, State};

pub(crate) use booking::NOT_OPEN;
pub(crate) use decided::send_back_hash;
pub use judge::stand;

use super::{
    command::{Answer, Command},
    rows::{Event, Kind, Movement, Payout, Rows, Rules, Writes},
};

/// Decides one command. Repeating it on the rows that it wrote answers the same and writes nothing that moves money.
pub fn decide(rules: &Rules, rows: &Rows, command: &Command) -> (Answer, Writes) {
    match command {
        Command::Open(open) => requests::open(rows, open),
        Command::Accept(accept) => requests::accept(rules, rows, accept),
        Command::Cancel(payout, by) => requests::cancel(rules, rows, *payout, by),
        Command::Begin(begin) => sending::begin(rules, rows, begin),
        Command::Adopt(adopt) => sending::adopt(rules, rows, adopt),
        Command::Record(record) => sending::record(rules, rows, record),
        Command::Evidence(finding) => proof::evidence(rules, rows, finding),
        Command::Apply(payout) => ending::apply(rules, rows, *payout),
        Command::Book(payout) => booking::book(rules, rows, *payout),
        Command::Receive(receive) => received::receive(rows, receive),
        Command::Deposit(id) => received::deposit(rows, *id),
        Command::Return(back) => received::give_back(rules, rows, back),
        Command::Cure(cure) => decided::cure(rows, cure),
        Command::SendBack(back) => decided::send_back(rules, rows, back),
        Command::Decide(decide) => people::decide(rules, rows, decide),
        Command::Correct(correct) => correcting::correct(rows, correct),
    }
}

/// True when what a command writes keeps debits equal to credits, and every account within its own bounds.
///
/// Checked before anything is written, in production too.
pub fn balanced(before: &Rows, writes: &Writes) -> bool {
    let mut debits = 0_i128;
    let mut credits = 0_i128;
    for after in &writes.accounts {
        let (was_debits, was_credits) = before
            .accounts
            .get(&after.id)
            .map_or((0, 0), |row| (row.debits.get(), row.credits.get()));
        debits += i128::from(after.debits.get()) - i128::from(was_debits);
        credits += i128::from(after.credits.get()) - i128::from(was_credits);
    }
    let moved: i128 = writes.movements.iter().map(|row| i128::from(row.amount.get())).sum();
    debits == moved && credits == moved
}

/// Puts a payout into a state: one event, a new deadline, and the end's date when it is one.
fn transition(rules: &Rules, row: &mut Payout, state: State, now: Timestamp, writes: &mut Writes) {
    // Sending again does not make it younger: a bank that never takes it, or never finds it, is seen.
    let again = row.state == state;
    row.state = state;
    row.event_seq += 1;
    row.deadline_at = match state {
        State::Sending if again => row.deadline_at,
        State::Accepted => Some(later(now, rules.accepted)),
        State::Sending => Some(later(now, rules.sending)),
        State::Sent => Some(later(now, rules.sent)),
        State::Settled | State::Failed | State::Cancelled | State::Returned => None,
    };
    if state == State::Returned {
        // It ended before, and what ended it stands; the return that was expected has come.
        lower(row, Attention::ReturnExpected);
    } else if !state.is_open() {
        row.ended_at = Some(now);
        row.sender = None;
        row.doubt = None;
        if !matches!(row.attention, Some(Attention::ReturnExpected | Attention::SecondOrder)) {
            row.attention = None;
            row.attention_since = None;
        }
    }
    row.changed_at = now;
    writes.events.push(Event::Payout(Box::new(row.clone())));
}

/// How much a reason matters: a graver one is never covered by a lesser.
const fn weight(attention: Attention) -> u8 {
    match attention {
        Attention::Deadline => 0,
        Attention::UnknownWord => 1,
        Attention::Mismatch => 2,
        Attention::EvidenceAfterEnd => 3,
        Attention::ReturnExpected => 4,
        Attention::ReturnSetApart => 5,
        Attention::EvidenceBeforeSend => 6,
        Attention::Contradiction => 7,
        Attention::SecondOrder => 8,
        Attention::PaidAfterRelease => 9,
    }
}

/// Tells a person.
fn raise(row: &mut Payout, attention: Attention, now: Timestamp) {
    if row.attention.is_none_or(|before| weight(before) < weight(attention)) {
        row.attention = Some(attention);
        row.attention_since = Some(now);
    }
}

/// Takes back what a person was told, when it is this.
fn lower(row: &mut Payout, attention: Attention) {
    if row.attention == Some(attention) {
        (row.attention, row.attention_since) = (None, None);
    }
}

/// Writes the payout when the command changed it.
fn settle_row(before: &Payout, mut after: Payout, now: Timestamp, writes: &mut Writes) -> Payout {
    if after != *before {
        after.version = before.version + 1;
        after.changed_at = now;
        writes.payouts.push(after.clone());
    }
    after
}

/// One movement of `subject`; its id allows it once.
fn movement(
    subject: Uuid,
    kind: Kind,
    legs: (AccountId, AccountId),
    amount: Centavos,
    on: Date,
    now: Timestamp,
) -> Movement {
    let (debit_account, credit_account) = legs;
    Movement {
        id: kind.id(subject),
        subject,
        kind,
        debit_account,
        credit_account,
        amount,
        effective_on: on,
        hash: logical_hash(legs, amount, kind),
        actor: None,
        reason: None,
        created_at: now,
    }
}

/// What a movement says, whatever its id: SHA-256 of accounts (debit, credit), amount, currency and kind, in hex.
pub fn logical_hash((debit, credit): (AccountId, AccountId), amount: Centavos, kind: Kind) -> String {
    let currency = Centavos::CURRENCY.code();
    let logical = format!("{debit}|{credit}|{}|{currency}|{}", amount.get(), kind.word());
    hex(&Sha256::digest(logical.as_bytes()))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `at` + `by`; a time past the calendar's end stays at `at`.
fn later(at: Timestamp, by: jiff::SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}
