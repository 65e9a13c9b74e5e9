//! What a run of the generators made happen: a generator that never made it proves nothing.

use std::collections::BTreeSet;

use workflows::domain::{Attention, End, Evidence, ReceivedAttention, ReceivedState, Refusal, State};

use super::super::{
    command::{Answer, Command, NotCured, NotDecided, Stand},
    rows::{PausedBy, Rows, Writes},
};
use crate::bank::{NotSent, Submitted};

/// Pairs of a kind and a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage(BTreeSet<(&'static str, &'static str, &'static str)>);

impl Coverage {
    /// Notes what one command did.
    pub(super) fn note(&mut self, before: &Rows, command: &Command, answer: &Answer, writes: &Writes) {
        self.0.insert(answered(answer));
        for after in &writes.payouts {
            let from = before.payouts.get(&after.id);
            let moved = from.is_none_or(|from| from.event_seq != after.event_seq);
            if moved {
                let from = from.map_or("none", |from| from.state.word());
                self.0.insert(("edge", from, after.state.word()));
            }
            if let Some(attention) = after.attention {
                self.0.insert(("attention", attention.word(), ""));
            }
        }
        for after in &writes.received {
            let from = before.received.get(&after.id).map_or("none", |from| from.state.word());
            if from != after.state.word() {
                self.0.insert(("record", from, after.state.word()));
            }
            if let Some(attention) = after.attention {
                self.0.insert(("arrival", attention.word(), ""));
            }
        }
        for row in &writes.evidence {
            self.0.insert(("evidence", row.kind.word(), ""));
        }
        for bank in &writes.banks {
            if let Some(by) = bank.paused_by {
                self.0.insert(("paused", by.word(), ""));
            }
        }
        if let Command::Record(record) = command
            && let Submitted::NotSent(why) = &record.submitted
        {
            self.0.insert(("not sent", not_sent(why), ""));
        }
    }

    /// Takes in what another run made happen.
    pub(super) fn merge(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What must happen and has not.
    pub(super) fn missing(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        due().into_iter().filter(|what| !self.0.contains(what)).collect()
    }
}

fn answered(answer: &Answer) -> (&'static str, &'static str, &'static str) {
    let again = |replayed: &bool| if *replayed { "again" } else { "" };
    match answer {
        Answer::Opened { replayed, .. } => ("answer", "opened", again(replayed)),
        Answer::ClabeTaken => ("answer", "clabe taken", ""),
        Answer::Accepted { replayed, .. } => ("answer", "accepted", again(replayed)),
        Answer::Refused {
            refusal,
            replayed: false,
        } => ("refused", refusal.word(), ""),
        Answer::Refused {
            refusal,
            replayed: true,
        } => ("refused", refusal.word(), "again"),
        Answer::KeyConflict { payout: Some(_) } => ("answer", "key conflict", "with a payout"),
        Answer::KeyConflict { payout: None } => ("answer", "key conflict", ""),
        Answer::Cancelled(_) => ("answer", "cancelled", ""),
        Answer::TooLate(_) => ("answer", "too late", ""),
        Answer::CatchingUp(_) => ("answer", "catching up", ""),
        Answer::Stands(_, stand) => ("stands", stood(stand), ""),
        Answer::Ended(_, end) => ("ended", end.word(), ""),
        Answer::Open(_) => ("answer", "open", ""),
        Answer::Unknown => ("answer", "unknown", ""),
        Answer::Received { is_new, .. } => ("answer", "received", if *is_new { "" } else { "again" }),
        Answer::Placed(row) => ("placed", row.kind.word(), row.state.word()),
        Answer::Waits { .. } => ("answer", "waits", ""),
        Answer::NotCured { why, .. } => ("not cured", not_cured(why), ""),
        Answer::Decided(_) => ("answer", "decided", ""),
        Answer::Awaits(_) => ("answer", "awaits", ""),
        Answer::NotDecided(why) => ("not decided", not_decided(why), ""),
    }
}

fn not_cured(why: &NotCured) -> &'static str {
    match why {
        NotCured::NotSetApart => "not set apart",
        NotCured::AccountUnknown => "account unknown",
        NotCured::AccountNotOpen => "account not open",
        NotCured::KeyShared => "key shared",
        NotCured::MayBeBack => "may be back",
    }
}

fn not_decided(why: &NotDecided) -> &'static str {
    match why {
        NotDecided::NotNeeded => "not needed",
        NotDecided::NotSent => "not sent",
        NotDecided::Ended => "ended",
        NotDecided::StillOpen => "still open",
        NotDecided::KeyReused => "key reused",
        NotDecided::Stale => "stale",
        NotDecided::AccountUnknown => "account unknown",
        NotDecided::AccountNotOpen => "account not open",
        NotDecided::Shortfall => "shortfall",
        NotDecided::Booked => "booked",
    }
}

fn stood(stand: &Stand) -> &'static str {
    match stand {
        Stand::Go => "go",
        Stand::NotSent { .. } => "not sent",
        Stand::Sent => "sent",
        Stand::Doubt => "doubt",
        Stand::Resend => "resend",
        Stand::Closed => "closed",
    }
}

fn not_sent(why: &NotSent) -> &'static str {
    match why {
        NotSent::Unreachable => "unreachable",
        NotSent::Late => "late",
        NotSent::ReadOnly => "read-only",
        NotSent::Configuration { .. } => "configuration",
    }
}

/// Everything that exists. `deadline` is no command's: the clock alone raises it.
fn due() -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let edges = State::EDGES.iter();
    let mut due: BTreeSet<_> = edges.map(|(from, to)| ("edge", from.word(), to.word())).collect();
    due.insert(("edge", "none", State::Accepted.word()));
    due.insert(("edge", "none", State::Settled.word()));
    due.extend(Evidence::ALL.iter().map(|kind| ("evidence", kind.word(), "")));
    let told = Attention::ALL.iter().filter(|reason| **reason != Attention::Deadline);
    due.extend(told.map(|reason| ("attention", reason.word(), "")));
    // People, and what holds the books against the bank's orders, pause a bank by a row of their own, not by a command.
    let by_command = |by: &&PausedBy| !matches!(by, PausedBy::People | PausedBy::StrayOrder);
    let paused = PausedBy::ALL.iter().filter(by_command);
    due.extend(paused.map(|by| ("paused", by.word(), "")));
    due.extend(
        Refusal::ALL
            .iter()
            .flat_map(|why| ["", "again"].map(|again| ("refused", why.word(), again))),
    );
    due.extend(["go", "not sent", "sent", "doubt", "resend", "closed"].map(|stand| ("stands", stand, "")));
    due.extend(["unreachable", "late", "read-only", "configuration"].map(|why| ("not sent", why, "")));
    due.extend([End::Settled, End::Failed, End::Cancelled].map(|end| ("ended", end.word(), "")));
    due.extend(["clabe taken", "cancelled", "too late", "open", "unknown"].map(|word| ("answer", word, "")));
    due.extend(
        ["opened", "accepted"]
            .iter()
            .flat_map(|word| ["", "again"].map(|again| ("answer", *word, again))),
    );
    due.extend(["", "again"].map(|again| ("answer", "received", again)));
    due.insert(("answer", "waits", ""));
    due.extend(["decided", "awaits"].map(|word| ("answer", word, "")));
    let never = ["not needed", "still open", "account unknown", "account not open"];
    due.extend(never.map(|why| ("not decided", why, "")));
    due.extend(
        ["applied", "unapplied"]
            .iter()
            .flat_map(|state| ["deposit", "return"].map(|kind| ("placed", kind, *state))),
    );
    due.insert(("placed", "return", "suspended"));
    due.insert(("record", "none", ReceivedState::Received.word()));
    due.extend(
        ReceivedState::EDGES
            .iter()
            .map(|(from, to)| ("record", from.word(), to.word())),
    );
    due.extend(["not set apart", "account unknown", "account not open"].map(|why| ("not cured", why, "")));
    let told = ReceivedAttention::ALL
        .iter()
        .filter(|why| **why != ReceivedAttention::Deadline);
    due.extend(told.map(|why| ("arrival", why.word(), "")));
    due.extend(["", "with a payout"].map(|with| ("answer", "key conflict", with)));
    due
}
