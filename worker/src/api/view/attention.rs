//! What a person should look at: one row for each cause, with what giro does about it and what people may do.

use activities::{
    ledger::{
        read,
        rows::{AwayBy, BankRow, Cause, PausedBy},
    },
    reconcile::{Apart, Differing},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::{
    domain::{Centavos, ReceivedAttention, ReceivedKind},
    sentences::{self, support},
};

use super::{Thing, form};
use crate::api::docs;

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attention {
    /// `attention`.
    pub object: Thing,
    /// Why a bank keeps payouts waiting, or why payouts should be looked at one by one.
    #[schema(value_type = form::ListedCause)]
    pub cause: String,
    /// The bank that it lies with; null where it lies with each payout.
    #[schema(example = "stp")]
    pub bank: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Payouts past their deadline for it, or that have this reason: of those that the caller may see.
    pub payouts: i64,
    /// Deposits or returns that have this reason: of those that the caller may see.
    #[serde(default)]
    pub arrivals: i64,
    /// Closed days that differ from the bank's statement.
    #[serde(default)]
    pub days: usize,
    /// Since when a person has been wanted for the first of them; null without one.
    pub oldest: Option<Timestamp>,
    /// What it means.
    pub what: String,
    /// What giro does by itself.
    pub next: String,
    /// What people may do.
    pub you_may: String,
    /// Who paused the bank and why; null for who does not operate, and where nobody did.
    pub pause_reason: Option<String>,
    /// The path of this API where the runbook says more.
    #[schema(example = "/docs/runbook/away")]
    pub doc: String,
    pub links: AttentionLinks,
}

/// Where what a cause is about is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttentionLinks {
    /// The list of payouts; null where it is about deposits or returns.
    #[schema(example = "/v1/payouts?attention=bank&bank=stp")]
    pub payouts: Option<String>,
    /// The list of deposits or returns.
    #[serde(default)]
    #[schema(example = "/v1/deposits?attention=any")]
    pub arrivals: Option<String>,
    /// The oldest closed day that differs.
    #[serde(default)]
    #[schema(example = "/v1/reconciliations/2027-01-18")]
    pub day: Option<String>,
}

/// Why an open payout waits for its bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    #[schema(example = "stp")]
    pub bank: String,
    #[schema(value_type = form::Cause)]
    pub cause: Cause,
    /// Since when.
    pub since: Timestamp,
    /// What it means.
    #[schema(example = "stp answers neither orders nor questions")]
    pub what: String,
    /// What giro does by itself.
    pub next: String,
    /// The path of this API where the runbook says more.
    #[schema(example = "/docs/runbook/away")]
    pub doc: String,
}

impl Waiting {
    /// Why a payout waits for `bank`, read at `now`.
    pub(in crate::api) fn of(cause: Cause, bank: &BankRow, now: Timestamp) -> Self {
        Self {
            bank: bank.name.clone(),
            cause,
            since: cause.since(bank).unwrap_or(now),
            what: what(cause, bank),
            next: next(cause).to_owned(),
            doc: docs::runbook(cause.word()),
        }
    }
}

impl Attention {
    /// All rows, the banks' first; `operates`: who may read why a bank is paused.
    pub(in crate::api) fn all(standing: &read::Standing, operates: bool, now: Timestamp) -> Vec<Self> {
        let banks = standing
            .banks
            .iter()
            .map(|covered| Self::of_bank(covered, operates, now));
        banks
            .chain(standing.payouts.iter().map(Self::of_payouts))
            .chain(standing.received.iter().map(Self::of_received))
            .collect()
    }

    fn of_bank(covered: &read::Covered, operates: bool, now: Timestamp) -> Self {
        let read::Covered {
            bank,
            cause,
            count,
            oldest,
        } = covered;
        let Waiting {
            bank: name,
            since,
            what,
            next,
            doc,
            ..
        } = Waiting::of(*cause, bank, now);
        let reason = bank.pause_reason.clone().filter(|_| operates);
        Self {
            object: Thing::Attention,
            cause: cause.word().to_owned(),
            since,
            payouts: *count,
            arrivals: 0,
            days: 0,
            oldest: *oldest,
            what,
            next,
            you_may: you_may(*cause, &name),
            pause_reason: reason.filter(|_| matches!(cause, Cause::Paused(_))),
            doc,
            links: AttentionLinks {
                payouts: Some(format!("/v1/payouts?attention=bank&bank={name}")),
                arrivals: None,
                day: None,
            },
            bank: Some(name),
        }
    }

    fn of_payouts(single: &read::Single) -> Self {
        let read::Single { reason, count, oldest } = *single;
        Self {
            object: Thing::Attention,
            cause: reason.word().to_owned(),
            bank: None,
            since: oldest,
            payouts: count,
            arrivals: 0,
            days: 0,
            oldest: Some(oldest),
            what: sentences::attention(reason).to_owned(),
            next: "giro goes on asking; each payout says what comes next".to_owned(),
            you_may: format!("look at each: giroctl payouts list --attention {reason}"),
            pause_reason: None,
            doc: docs::runbook(reason.word()),
            links: AttentionLinks {
                payouts: Some(format!("/v1/payouts?attention={reason}")),
                arrivals: None,
                day: None,
            },
        }
    }

    /// Closed days of a bank that differ; `None`: there are none.
    pub(in crate::api) fn of_days(differing: &Differing) -> Option<Self> {
        let (bank, first) = (&differing.bank, differing.days.first()?);
        Some(Self {
            object: Thing::Attention,
            cause: docs::DAY_DIFFERS.to_owned(),
            bank: Some(bank.clone()),
            since: differing.since,
            payouts: 0,
            arrivals: 0,
            days: differing.days.len(),
            oldest: Some(differing.since),
            what: format!("{bank}'s statement of a day and the books are not equal"),
            next: "giro reads each such day again every hour for 20 banking days, and proves no order's absence by it"
                .to_owned(),
            you_may: format!("look at what it names: giroctl banks day {first}"),
            pause_reason: None,
            doc: docs::runbook(docs::DAY_DIFFERS),
            links: AttentionLinks {
                payouts: None,
                arrivals: None,
                day: Some(format!("/v1/reconciliations/{first}")),
            },
        })
    }

    /// A bank that has not what the books have.
    pub(in crate::api) fn of_balance(apart: &Apart) -> Self {
        let by = Centavos::new(apart.apart.saturating_abs());
        let than = if apart.apart > 0 { "more" } else { "less" };
        Self {
            object: Thing::Attention,
            cause: docs::BALANCE_DIFFERS.to_owned(),
            bank: Some(apart.bank.clone()),
            since: apart.since,
            payouts: 0,
            arrivals: 0,
            days: 0,
            oldest: Some(apart.since),
            what: format!("{} has {by} {than} than the settlement account", apart.bank),
            next: "giro asks for the balance every five minutes, and says what it is apart by".to_owned(),
            you_may: "look at both: giroctl banks running; closed days that differ may name it".to_owned(),
            pause_reason: None,
            doc: docs::runbook(docs::BALANCE_DIFFERS),
            links: AttentionLinks {
                payouts: None,
                arrivals: None,
                day: None,
            },
        }
    }

    fn of_received(told: &read::Told) -> Self {
        let (reason, many) = (told.reason, many(told.kind));
        let cause = format!("{}_{reason}", told.kind);
        let waits = match reason {
            ReceivedAttention::Deadline => "giro goes on placing it; a return waits for its payout",
            ReceivedAttention::AccountUnknown
            | ReceivedAttention::AccountNotOpen
            | ReceivedAttention::PayoutUnknown
            | ReceivedAttention::PayoutNotPaid
            | ReceivedAttention::SecondReturn
            | ReceivedAttention::TooMuch
            | ReceivedAttention::BackAgain
            | ReceivedAttention::SendBackFailed
            | ReceivedAttention::Differs => "nothing: it is kept where it is until people decide",
        };
        Self {
            object: Thing::Attention,
            bank: None,
            since: told.since,
            payouts: 0,
            arrivals: told.count,
            days: 0,
            oldest: Some(told.since),
            what: support::received_attention(reason).en.to_owned(),
            next: waits.to_owned(),
            you_may: format!("look at each: giroctl {many} list --attention"),
            pause_reason: None,
            doc: docs::runbook(&cause),
            links: AttentionLinks {
                payouts: None,
                arrivals: Some(format!("/v1/{many}?attention=any")),
                day: None,
            },
            cause,
        }
    }
}

const fn many(kind: ReceivedKind) -> &'static str {
    match kind {
        ReceivedKind::Deposit => "deposits",
        ReceivedKind::Return => "returns",
    }
}

fn what(cause: Cause, bank: &BankRow) -> String {
    let does = match cause {
        Cause::Paused(PausedBy::People) => "was paused by people: nothing is sent, and asking goes on",
        Cause::Paused(PausedBy::Configuration) => "refuses everything of giro's: key, signature, company or network",
        Cause::Paused(PausedBy::PaidAfterRelease) => "paid what had been given back: an alarm paused it",
        Cause::Paused(PausedBy::SecondOrder) => "took an order twice: an alarm paused it",
        Cause::Paused(PausedBy::StrayOrder) => "has an order that the books cannot explain: an alarm paused it",
        Cause::Away => match bank.away_by {
            Some(AwayBy::ReadOnly) => "answers questions only, and takes no orders",
            Some(AwayBy::Unreachable) => "cannot be reached",
            Some(AwayBy::Silent) | None => "answers neither orders nor questions",
        },
        Cause::CatchingUp => "is sent nothing while the books are held against its orders: they may have lost commits",
        Cause::Recovering => "is back, and has not been asked about all that waited",
    };
    format!("{} {does}", bank.name)
}

const fn next(cause: Cause) -> &'static str {
    match cause {
        Cause::Paused(PausedBy::People | PausedBy::PaidAfterRelease | PausedBy::SecondOrder | PausedBy::StrayOrder) => {
            "giro waits until people resume it, then sends what waits in waves"
        }
        Cause::Paused(PausedBy::Configuration) => {
            "giro tries one order a minute; the first that gets through ends it, and the rest follow in waves"
        }
        Cause::Away => {
            "giro goes on asking and tries one order at a time; an answer ends it, and the rest follow in waves"
        }
        Cause::CatchingUp => {
            "giro reads the bank's statements until all that was sent must be in them, then sends what waits"
        }
        Cause::Recovering => "giro asks and sends in waves, within the bank's rate; this empties by itself",
    }
}

fn you_may(cause: Cause, bank: &str) -> String {
    match cause {
        Cause::Paused(PausedBy::People) => {
            format!("resume it, once its reason is gone: giroctl banks resume {bank} --reason \"...\"")
        }
        Cause::Paused(PausedBy::Configuration) => {
            "mend the key, its passphrase, the company's alias or the registered network".to_owned()
        }
        Cause::Paused(PausedBy::PaidAfterRelease | PausedBy::SecondOrder) => {
            "find the cause with the bank; do not resume it before".to_owned()
        }
        Cause::Paused(PausedBy::StrayOrder) => {
            format!("find the owner of each: giro bank strays {bank}; do not resume it before")
        }
        Cause::CatchingUp => {
            "wait some minutes; if it lasts, see in the worker's log why the statement does not read".to_owned()
        }
        Cause::Away => format!("ask {bank} when it is back; nothing has to be clicked when it is"),
        Cause::Recovering => "wait; what is still open after half an hour stands in the list by itself".to_owned(),
    }
}
