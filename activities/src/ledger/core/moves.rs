//! What can happen to one payout: every move, when it is possible, and its line in a story.

use std::fmt;

use workflows::domain::State;

use super::{
    super::rows::{Payout, Rules},
    world::{At, Fate, Limits, Seen, Slot, World, at, day},
};

/// One thing that happens. Numbers are places in the arrays of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Time goes on; how far, whoever moves knows.
    Tick,
    Begin {
        slot: u8,
        heard: bool,
    },
    BeginAgain {
        slot: u8,
    },
    Send {
        slot: u8,
    },
    NoConnection {
        slot: u8,
    },
    TimeOut {
        slot: u8,
    },
    Die {
        slot: u8,
    },
    Record {
        slot: u8,
        heard: bool,
    },
    Take {
        request: u8,
    },
    Repeated {
        request: u8,
    },
    Refuse {
        request: u8,
    },
    Misconfigured {
        request: u8,
    },
    ReadOnly {
        request: u8,
    },
    Lose {
        request: u8,
    },
    Decide {
        order: u8,
        fate: Fate,
    },
    Ask {
        seen: Seen,
        late: bool,
    },
    Answer {
        reply: u8,
    },
    Claim,
    Cancel,
    Apply,
    Statements,
    People {
        paid: bool,
    },
    /// A bank that lies takes an order that it was never sent, or refused.
    Conjure,
}

impl Move {
    /// The same move by the other execution.
    pub(super) const fn swapped(mut self) -> Self {
        if let Self::Begin { slot, .. }
        | Self::BeginAgain { slot }
        | Self::Send { slot }
        | Self::NoConnection { slot }
        | Self::TimeOut { slot }
        | Self::Die { slot }
        | Self::Record { slot, .. } = &mut self
        {
            *slot = 1 - *slot;
        }
        self
    }
}

impl World {
    /// Every move that is possible now, except that time goes on.
    pub(super) fn moves(&self, row: &Payout, now: At, limits: &Limits, rules: &Rules, out: &mut Vec<Move>) {
        for (slot, pc) in (0_u8..).zip(&self.slots) {
            self.moves_of(slot, pc, row, limits, out);
        }
        for (request, place) in (0_u8..).zip(&self.wire) {
            let Some(on_wire) = place else { continue };
            out.push(Move::Lose { request });
            let repeated = limits.dedupes && self.orders.iter().flatten().any(|order| order.day == day(now));
            let room = self.orders.iter().any(Option::is_none);
            if repeated {
                out.push(Move::Repeated { request });
            }
            if room && (!repeated || limits.lies) {
                out.push(Move::Take { request });
            }
            if on_wire.listener.is_some() {
                out.push(Move::Refuse { request });
                out.push(Move::Misconfigured { request });
                out.push(Move::ReadOnly { request });
            }
        }
        for (order, taken) in (0_u8..).zip(self.orders.iter().flatten()) {
            let fates: &[Fate] = match taken.fate {
                Fate::Pending => &[Fate::Paid, Fate::Dead],
                Fate::Paid => &[Fate::CameBack],
                Fate::Dead if limits.lies => &[Fate::Paid],
                Fate::CameBack | Fate::Dead => &[],
            };
            out.extend(fates.iter().map(|fate| Move::Decide { order, fate: *fate }));
        }
        self.questions(limits, out);
        out.extend([Move::Claim, Move::Cancel, Move::Apply]);
        if limits.lies && row.send_no > 0 && self.orders[1].is_none() {
            out.push(Move::Conjure);
        }
        // Closed statements, of which people have the paper too: the payout's day and the next one are over.
        if row.send_before.is_none_or(|fence| day(now) < day(at(fence)) + 2) {
            return;
        }
        if self.paid() > 0 {
            out.push(Move::People { paid: true });
        }
        if self.provably_unpaid(now, rules) {
            out.push(Move::People { paid: false });
            if matches!(row.state, State::Sending | State::Sent) {
                out.push(Move::Statements);
            }
        }
    }

    fn moves_of(&self, slot: u8, pc: &Slot, row: &Payout, limits: &Limits, out: &mut Vec<Move>) {
        match pc {
            Slot::Idle => {
                let first = slot == 0 || self.slots[0] != Slot::Idle;
                if first && row.state.is_open() && row.send_no < limits.begins {
                    out.push(Move::Begin { slot, heard: true });
                    out.push(Move::Begin { slot, heard: false });
                }
                return;
            }
            Slot::Asking { .. } => out.push(Move::BeginAgain { slot }),
            Slot::Begun { .. } => {
                if self.wire.iter().any(Option::is_none) {
                    out.push(Move::Send { slot });
                }
                out.push(Move::NoConnection { slot });
            }
            Slot::Waiting { .. } => out.push(Move::TimeOut { slot }),
            Slot::Heard { .. } => {
                out.push(Move::Record { slot, heard: true });
                out.push(Move::Record { slot, heard: false });
            }
        }
        out.push(Move::Die { slot });
    }

    /// What the bank may answer: the truth, nothing, a word that nobody knows; and an order may surface as late as it likes.
    fn questions(&self, limits: &Limits, out: &mut Vec<Move>) {
        let room = self.replies.iter().flatten().count() < limits.late;
        let mut ask = |seen| {
            out.push(Move::Ask { seen, late: false });
            if room {
                out.push(Move::Ask { seen, late: true });
            }
        };
        ask(self.truth());
        if self.orders[0].is_some() {
            ask(Seen::NotFound);
        }
        let odd = [Seen::UnknownWord, Seen::Mismatch, Seen::NoAnswer];
        if limits.lies {
            out.extend(odd.map(|seen| Move::Ask { seen, late: false }));
        } else if self.orders[0].is_some() {
            out.push(Move::Ask {
                seen: Seen::UnknownWord,
                late: false,
            });
        }
        for reply in (0_u8..)
            .zip(&self.replies)
            .filter(|(_, place)| place.is_some())
            .map(|(reply, _)| reply)
        {
            out.push(Move::Answer { reply });
        }
    }
}

/// A line of a story.
impl fmt::Display for Move {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |slot: &u8| if *slot == 0 { "A" } else { "B" };
        let unheard = |heard: &bool| if *heard { "" } else { "; the answer is lost" };
        match self {
            Self::Tick => write!(out, "time goes on"),
            Self::Begin { slot, heard } => write!(out, "{} begins{}", who(slot), unheard(heard)),
            Self::BeginAgain { slot } => write!(out, "{} asks again to begin", who(slot)),
            Self::Send { slot } => write!(out, "{} checks its fence and sends", who(slot)),
            Self::NoConnection { slot } => write!(out, "{} gets no connection", who(slot)),
            Self::TimeOut { slot } => write!(out, "{} waits no longer", who(slot)),
            Self::Die { slot } => write!(out, "{} dies", who(slot)),
            Self::Record { slot, heard } => write!(out, "{} records{}", who(slot), unheard(heard)),
            Self::Take { request } => write!(out, "the bank takes request {request}"),
            Self::Repeated { request } => write!(out, "the bank says that request {request} repeats a key"),
            Self::Refuse { request } => write!(out, "the bank refuses request {request}"),
            Self::Misconfigured { request } => write!(out, "the bank refuses our signature on request {request}"),
            Self::ReadOnly { request } => write!(out, "the bank only reads, request {request} is not taken"),
            Self::Lose { request } => write!(out, "request {request} is lost"),
            Self::Decide { order, fate } => write!(out, "order {order} at the bank is now {fate:?}"),
            Self::Ask { seen, late: false } => write!(out, "the bank is asked, and says {seen:?}"),
            Self::Ask { seen, late: true } => write!(out, "the bank is asked, and {seen:?} is on its way"),
            Self::Answer { reply } => write!(out, "answer {reply} arrives and is written"),
            Self::Claim => write!(out, "a webhook contradicts the books"),
            Self::Cancel => write!(out, "the caller cancels"),
            Self::Apply => write!(out, "the run applies"),
            Self::Statements => write!(out, "the closed statements do not have it"),
            Self::People { paid } => write!(
                out,
                "two people say that it was {}paid",
                if *paid { "" } else { "not " }
            ),
            Self::Conjure => write!(out, "the bank has an order that it never took"),
        }
    }
}
