//! Decide: what one person says, with a document, and what follows once a second one says the same.

use jiff::{SignedDuration, Timestamp};
use workflows::domain::{
    AccountId, Attention, Evidence, Outcome, PayoutId, ReceivedAttention, ReceivedId, ReceivedState, State,
};

use super::{
    super::{
        command::{Answer, Decide, NotDecided, Subject},
        rows::{AccountStatus, Decision, EvidenceRow, Kind, Payout, Received, Rows, Rules, SUSPENSE, Writes},
    },
    judge::no_decision,
    later, lower, raise,
    received::{Leg, keep, pay, place, placed},
    sending::begun_once,
    settle_row,
};

/// A first person's word waits this long for a second one.
const FRESH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Keeps what a person says, and does it once two have said the same of the same standing.
pub(super) fn decide(rules: &Rules, rows: &Rows, decide: &Decide) -> (Answer, Writes) {
    let standing = match decide.subject {
        Subject::Payout(id) => rows.payouts.get(&id).map(stood),
        Subject::Received(id) => rows.received.get(&id).map(stood_of),
    };
    let Some(stood) = standing else {
        return (Answer::Unknown, Writes::default());
    };
    let said = Decision {
        id: decide.id,
        subject: decide.subject.uuid(),
        person: decide.person.clone(),
        key: decide.key.clone(),
        outcome: decide.outcome,
        account: decide.account,
        document: decide.document.clone(),
        stood,
        seconds: None,
        at: rows.now,
    };
    if let Some(known) = known(rows, &said) {
        let done = || {
            Answer::Decided(match decide.subject {
                Subject::Payout(id) => rows.payouts.get(&id).cloned(),
                Subject::Received(_) => None,
            })
        };
        return (answered(rows, known, &said, done), Writes::default());
    }
    if let Some(why) = refused(rules, rows, decide) {
        return (Answer::NotDecided(why), Writes::default());
    }
    let mut writes = Writes::default();
    let Some(first) = second(rows, &said) else {
        writes.decisions.push(said.clone());
        return (Answer::Awaits(said), writes);
    };
    writes.decisions.push(Decision {
        seconds: Some(first.id),
        ..said.clone()
    });
    let done = match decide.subject {
        Subject::Payout(id) => of_payout(rules, rows, id, [first, &said], &mut writes),
        Subject::Received(id) => of_received(rows, id, [first, &said], &mut writes),
    };
    // An account that must be there is not: the books are broken, and nothing is decided on them.
    done.map_or((Answer::Unknown, Writes::default()), |answer| (answer, writes))
}

/// How a payout stands, for people: what they look at when they say what became of it. Whatever the bank says to have of it,
/// and each new reason to look at it, makes it another standing.
fn stood(row: &Payout) -> String {
    let word = |told: Option<&str>| told.unwrap_or("none").to_owned();
    let evidence = if row.contradicted {
        "contradicted".to_owned()
    } else {
        word(row.evidence.map(Evidence::word))
    };
    let back = if row.came_back { " and that it came back" } else { "" };
    format!(
        "{}, sends {} ({}), evidence {evidence}, reference {}, the bank said {}{back}, told {}",
        row.state,
        row.send_no,
        row.unproven,
        word(row.bank_ref.as_deref()),
        word(row.bank_word.as_deref()),
        since(row.attention.map(Attention::word), row.attention_since)
    )
}

fn stood_of(row: &Received) -> String {
    let told = since(row.attention.map(ReceivedAttention::word), row.attention_since);
    format!("{}, told {told}", row.state)
}

/// A reason, and since when: raised again, it is another one.
fn since(reason: Option<&str>, at: Option<Timestamp>) -> String {
    match (reason, at) {
        (Some(reason), Some(at)) => format!("{reason} since {at}"),
        (Some(_), None) | (None, _) => "nothing".to_owned(),
    }
}

/// What this person's key said before.
fn known<'a>(rows: &'a Rows, said: &Decision) -> Option<&'a Decision> {
    let is_known = |before: &&Decision| (&before.person, &before.key) == (&said.person, &said.key);
    about(rows, said).find(is_known)
}

/// What people said of the same subject.
fn about<'a>(rows: &'a Rows, said: &Decision) -> impl DoubleEndedIterator<Item = &'a Decision> {
    let subject = said.subject;
    rows.decisions.iter().filter(move |before| before.subject == subject)
}

/// True when both say the same by the same document.
fn agree(one: &Decision, other: &Decision) -> bool {
    (one.outcome, one.account, &one.document) == (other.outcome, other.account, &other.document)
}

/// The answer that a repeated key has: it waits, or somebody else has said the same, and it is `done`.
pub(super) fn answered(rows: &Rows, known: &Decision, said: &Decision, done: impl FnOnce() -> Answer) -> Answer {
    if !agree(known, said) {
        return Answer::NotDecided(NotDecided::KeyReused);
    }
    if is_spent(rows, known) {
        return done();
    }
    let is_last = about(rows, known)
        .rev()
        .find(|other| other.person == known.person)
        .is_some_and(|last| last.id == known.id);
    if is_last && counts(rows, known, said) {
        Answer::Awaits(known.clone())
    } else {
        Answer::NotDecided(NotDecided::Stale)
    }
}

/// It has made another word count, or was made to: what two people said is done once.
fn is_spent(rows: &Rows, said: &Decision) -> bool {
    said.seconds.is_some() || about(rows, said).any(|other| other.seconds == Some(said.id))
}

/// It is of this very standing, and not old.
fn counts(rows: &Rows, before: &Decision, said: &Decision) -> bool {
    before.stood == said.stood && rows.now <= later(before.at, FRESH)
}

/// Two people have said something of it that counts.
pub(super) fn was_done(rows: &Rows, said: &Decision) -> bool {
    about(rows, said).any(|other| other.seconds.is_some())
}

/// Another person's last word, when it is the same, of the same standing, not old, and has not counted before.
pub(super) fn second<'a>(rows: &'a Rows, said: &Decision) -> Option<&'a Decision> {
    let mut heard = vec![said.person.as_str()];
    about(rows, said).rev().find(|before| {
        let is_last = !heard.contains(&before.person.as_str());
        heard.push(&before.person);
        is_last && agree(before, said) && counts(rows, before, said) && !is_spent(rows, before)
    })
}

/// Why it decides nothing, whoever says it.
fn refused(rules: &Rules, rows: &Rows, decide: &Decide) -> Option<NotDecided> {
    match decide.subject {
        Subject::Payout(id) => rows
            .payouts
            .get(&id)
            .and_then(|row| no_decision(rules, row, decide.outcome, rows.now)),
        Subject::Received(id) => rows.received.get(&id).and_then(|row| match decide.outcome {
            Outcome::Apply if row.state == ReceivedState::Suspended => not_payable(rows, decide.account),
            // What differs has its place; what stands apart is understood once it has one.
            Outcome::Understood if row.attention == Some(ReceivedAttention::Differs) => None,
            Outcome::Apply | Outcome::Understood | Outcome::Paid | Outcome::NotPaid | Outcome::Correct => {
                Some(NotDecided::NotNeeded)
            }
        }),
    }
}

fn not_payable(rows: &Rows, account: Option<AccountId>) -> Option<NotDecided> {
    match account.and_then(|id| rows.customer(id)).map(|row| row.status) {
        Some(AccountStatus::Open) => None,
        Some(AccountStatus::Frozen | AccountStatus::Closed) => Some(NotDecided::AccountNotOpen),
        None => Some(NotDecided::AccountUnknown),
    }
}

/// Two people outrank what stands on an open row; of one that has ended they take off what was told.
fn of_payout(
    rules: &Rules,
    rows: &Rows,
    id: PayoutId,
    [first, second]: [&Decision; 2],
    writes: &mut Writes,
) -> Option<Answer> {
    let before = rows.payouts.get(&id)?;
    let mut row = before.clone();
    let kind = match second.outcome {
        Outcome::Paid => Evidence::TwoPeoplePaid,
        Outcome::NotPaid => Evidence::TwoPeopleNotPaid,
        Outcome::Understood => {
            (row.attention, row.attention_since) = (None, None);
            return Some(Answer::Decided(Some(settle_row(before, row, rows.now, writes))));
        }
        Outcome::Apply | Outcome::Correct => return None,
    };
    let people = vec![first.person.clone(), second.person.clone()];
    writes.evidence.push(EvidenceRow {
        id: second.id,
        payout: row.id,
        kind,
        state: row.state,
        exchange: None,
        decided_by: Some(people.clone()),
        document: Some(second.document.clone()),
        at: rows.now,
    });
    row.evidence = Some(kind);
    row.contradicted = false;
    row.decided_by = Some(people);
    row.document = Some(second.document.clone());
    row.effective_on = row.effective_on.or(row.operating_date);
    if row.attention == Some(Attention::Contradiction) {
        (row.attention, row.attention_since) = (None, None);
    }
    if row.state == State::Accepted && kind == Evidence::TwoPeoplePaid {
        // The bank paid what the books never sent, and people know why.
        lower(&mut row, Attention::EvidenceBeforeSend);
        lower(&mut row, Attention::Mismatch);
        let date = row.effective_on;
        begun_once(rules, &mut row, second.id, date, rows.now, writes);
    } else if row.state == State::Accepted {
        raise(&mut row, Attention::EvidenceBeforeSend, rows.now);
    }
    if kind == Evidence::TwoPeoplePaid && row.came_back {
        // It left, and its return is still to be looked for.
        raise(&mut row, Attention::ReturnExpected, rows.now);
    }
    Some(Answer::Decided(Some(settle_row(before, row, rows.now, writes))))
}

/// Gives what stands in suspense to a customer, or takes off what was told of a record that has its place.
fn of_received(rows: &Rows, id: ReceivedId, [first, second]: [&Decision; 2], writes: &mut Writes) -> Option<Answer> {
    let before = rows.received.get(&id)?;
    let mut row = before.clone();
    (row.attention, row.attention_since) = (None, None);
    let Some(account) = second.account else {
        keep(before, row, rows.now, writes);
        return Some(Answer::Decided(None));
    };
    let leg = Leg {
        kind: Kind::Cure,
        from: SUSPENSE,
        to: account,
        amount: before.amount,
    };
    let mut moved = std::mem::take(writes);
    pay(rows, &[leg], before.id.uuid(), before.operating_date, &mut moved)?;
    let people = format!("{} and {}", first.person, second.person);
    for movement in &mut moved.movements {
        movement.actor = Some(people.clone());
        movement.reason = Some(second.document.clone());
    }
    row.decided_by = Some(people);
    row.decided_why = Some(second.document.clone());
    place(&mut row, ReceivedState::Applied, Some(account), rows.now);
    *writes = placed(before, row, rows.now, moved).1;
    Some(Answer::Decided(None))
}
