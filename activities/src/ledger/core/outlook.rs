//! What happens next to a payout, and what a person may do about it now: the core's own rules, told and not decided.

use jiff::Timestamp;
use workflows::{
    domain::{Evidence, Outcome, State},
    sentences::{filled, support::WhyNot},
};

use super::{
    super::rows::{AwayBy, BankRow, PausedBy, Payout, Rules},
    judge::{NoCancel, NoResend, Verdict, gate, known_unsent, no_cancel, no_decision, no_resend, verdict},
    later,
};

/// What is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The next step that giro takes by itself; `None`: nothing more will happen.
    pub next: Option<Next>,
    /// What people may ask for, and why not.
    pub may: Vec<May>,
}

/// A step, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Which.
    pub what: Step,
    /// Not before this; `None`: within a minute, or when somebody acts.
    pub at: Option<Timestamp>,
}

/// What giro does next by itself, or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hands the order to the bank.
    Send,
    /// Waits for the time that was asked for, and hands the order to the bank then.
    AwaitTime,
    /// Waits until the bank opens, and hands it the order then.
    AwaitOpening,
    /// Books it from one account of giro's own to another.
    Book,
    /// Hands the same order to the bank again.
    Resend,
    /// Asks the bank what it knows.
    Ask,
    /// Books it as paid.
    Post,
    /// Gives the money back.
    Release,
    /// Waits for people to resume the bank.
    AwaitBank,
    /// Waits for two people with a document.
    AwaitPeople,
}

impl Step {
    /// Every step.
    pub const ALL: &'static [Self] = &[
        Self::Send,
        Self::AwaitTime,
        Self::AwaitOpening,
        Self::Book,
        Self::Resend,
        Self::Ask,
        Self::Post,
        Self::Release,
        Self::AwaitBank,
        Self::AwaitPeople,
    ];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::AwaitTime => "await_time",
            Self::AwaitOpening => "await_opening",
            Self::Book => "book",
            Self::Resend => "resend",
            Self::Ask => "ask",
            Self::Post => "post",
            Self::Release => "release",
            Self::AwaitBank => "await_bank",
            Self::AwaitPeople => "await_people",
        }
    }

    /// The same for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Send => "giro hands the order to the bank",
            Self::AwaitTime => "giro waits for the time that was asked for, and hands the order to the bank then",
            Self::AwaitOpening => "the bank is closed: giro hands it the order when it opens",
            Self::Book => "giro books it from one account to the other",
            Self::Resend => "giro hands the same order to the bank again",
            Self::Ask => "giro asks the bank again, within a minute",
            Self::Post => "giro books it as paid",
            Self::Release => "giro gives the money back",
            Self::AwaitBank => "giro waits until people resume the bank",
            Self::AwaitPeople => "giro waits until two people decide with a document",
        }
    }
}

/// Something that a person may want, and whether it is allowed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct May {
    /// What.
    pub deed: Deed,
    /// Why it is not allowed now; `None`: it is.
    pub why_not: Option<String>,
}

/// What a person may want for a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Take it back.
    Cancel,
    /// Have the bank asked now.
    Retry,
    /// Have the same order handed to the bank again: giro does that by itself, or not at all.
    Resend,
    /// Say what became of it, with a document, as the first or the second of two people.
    Decide,
}

impl Deed {
    /// Every deed.
    pub const ALL: &'static [Self] = &[Self::Cancel, Self::Retry, Self::Resend, Self::Decide];

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Resend => "resend",
            Self::Decide => "decide",
        }
    }
}

/// What is to come for a payout, `bank` being the one that pays it.
pub fn outlook(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> Outlook {
    let retry = (!row.state.is_open()).then(|| "it has ended".to_owned());
    Outlook {
        next: next(rules, row, bank, now),
        may: vec![
            May {
                deed: Deed::Cancel,
                why_not: no_cancel(row).map(|why| why_no_cancel(why).to_owned()),
            },
            May {
                deed: Deed::Retry,
                why_not: retry,
            },
            May {
                deed: Deed::Resend,
                why_not: why_no_resend(rules, row, bank, now),
            },
            May {
                deed: Deed::Decide,
                why_not: why_no_decision(rules, row, now).map(str::to_owned),
            },
        ],
    }
}

/// The next step that giro takes by itself.
fn next(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> Option<Next> {
    if !row.state.is_open() {
        return None;
    }
    let step = |what, at| Some(Next { what, at });
    match verdict(rules, row, now) {
        Some(Verdict::Post) => return step(Step::Post, None),
        Some(Verdict::Release) => return step(Step::Release, None),
        None => {}
    }
    if row.contradicted {
        return step(Step::AwaitPeople, None);
    }
    match (row.state, row.evidence) {
        (State::Accepted, Some(_)) => step(Step::AwaitPeople, None),
        (State::Accepted, None) if known_unsent(row) => step(Step::Ask, None),
        (State::Accepted, None) => waits_to_send(rules, row, bank, now),
        (State::Sent, Some(Evidence::Refused | Evidence::Absent)) => step(Step::Ask, None),
        // Proven unpaid, and given back once no sender can be at work: not yet at the very instant.
        (State::Sending | State::Sent, Some(_)) => step(
            Step::Release,
            row.send_before
                .map(|fence| later(fence, rules.margin))
                .filter(|at| *at >= now),
        ),
        (State::Sending, None) if no_resend(rules, row, bank, now).is_none() && gate(rules, bank, now).is_ok() => {
            step(Step::Resend, None)
        }
        (State::Sending | State::Sent, None) => step(Step::Ask, None),
        (State::Settled | State::Failed | State::Cancelled | State::Returned, _) => None,
    }
}

/// When an unsent order goes out.
fn waits_to_send(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> Option<Next> {
    let asked = row.waits_until(now);
    if row.to_account.is_some() {
        return Some(Next {
            what: Step::Book,
            at: asked,
        });
    }
    if asked.is_some() {
        return Some(Next {
            what: Step::AwaitTime,
            at: asked,
        });
    }
    if let Some(until) = closed_until(rules, bank, now) {
        return Some(Next {
            what: Step::AwaitOpening,
            at: Some(until),
        });
    }
    let at = match gate(rules, bank, now) {
        Ok(_) => None,
        Err(shut) => match bank.paused_by {
            Some(PausedBy::People | PausedBy::PaidAfterRelease | PausedBy::SecondOrder | PausedBy::StrayOrder) => {
                return Some(Next {
                    what: Step::AwaitBank,
                    at: None,
                });
            }
            Some(PausedBy::Configuration) | None => Some(shut.until),
        },
    };
    Some(Next { what: Step::Send, at })
}

/// Until when the bank's calendar, a closure that it announced, or its own word that it only reads, keeps it closed;
/// `None`: it is open, or shut by people or a fault.
pub fn closed_until(rules: &Rules, bank: &BankRow, now: Timestamp) -> Option<Timestamp> {
    let shut = gate(rules, bank, now).err()?;
    let only_reads = bank.paused_by.is_none() && bank.away_by == Some(AwayBy::ReadOnly);
    (shut.is_foreseen || only_reads).then_some(shut.until)
}

fn why_no_cancel(why: NoCancel) -> &'static str {
    match why {
        NoCancel::MayBeAtBank => "the order may be at the bank: only its answer, or two people, end it",
        NoCancel::Ended => "it has ended",
        NoCancel::NotUnderstood => "the bank knows something of it: people must understand that first",
    }
}

/// Why no two people can say what became of it, or that it is understood; `None`: they can.
fn why_no_decision(rules: &Rules, row: &Payout, now: Timestamp) -> Option<&'static str> {
    if row.state.is_open() {
        // Whether it was paid or not: whoever may say the one may say the other, but of what was never sent.
        no_decision(rules, row, Outcome::NotPaid, now).map(|_| "nobody needs to look at it: giro ends it by itself")
    } else {
        no_decision(rules, row, Outcome::Understood, now).map(|_| "it has ended, and nothing is to be understood")
    }
}

/// Why the same order does not go out again now; `None`: it does.
pub fn why_no_resend(rules: &Rules, row: &Payout, bank: &BankRow, now: Timestamp) -> Option<String> {
    let why = match no_resend(rules, row, bank, now) {
        None => {
            return gate(rules, bank, now)
                .err()
                .map(|_| "the bank is not sent to now".to_owned());
        }
        Some(why) => why,
    };
    Some(match why {
        NoResend::NotInDoubt => "it is not in doubt".to_owned(),
        NoResend::Proven => "the outcome is proven".to_owned(),
        NoResend::TakesRepeats => WhyNot::BankTakesRepeats.sentence().en.to_owned(),
        NoResend::SendsBack => WhyNot::SendsBack.sentence().en.to_owned(),
        NoResend::OtherDay => WhyNot::DayIsOver.sentence().en.to_owned(),
        NoResend::TooEarly => filled(
            WhyNot::TooEarly.sentence().en,
            &[("times", &row.not_found), ("seconds", &rules.horizon.as_secs())],
        ),
    })
}
