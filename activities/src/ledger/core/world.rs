//! Everything outside the books of one payout: executions of `bank.submit`, requests on the wire, the bank's orders,
//! answers on their way.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{super::rows::Rules, fixtures::morning};

/// Seconds since the morning on which every story begins.
pub(super) type At = u32;

/// One execution of `bank.submit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Slot {
    Idle,
    /// It has begun, and has not heard whether that was committed.
    Asking {
        sender: u32,
        until: At,
    },
    /// It may send until its own fence.
    Begun {
        sender: u32,
        send_no: u32,
        until: At,
    },
    /// It waits for the bank's answer.
    Waiting {
        sender: u32,
        send_no: u32,
    },
    /// It knows what became of its send, and has not heard that this was written.
    Heard {
        sender: u32,
        send_no: u32,
        said: Said,
    },
}

/// What an execution heard of its send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Said {
    Accepted(u8),
    Refused,
    Misconfigured,
    ReadOnly,
    Unreachable,
    Late,
    TimedOut,
    Repeated,
}

/// A request between giro and the bank; `listener` is the execution that still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct OnWire {
    pub(super) sent: At,
    pub(super) listener: Option<u32>,
}

/// What became of an order that the bank took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fate {
    Pending,
    Paid,
    CameBack,
    Dead,
}

/// An order at the bank, on one of its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Taken {
    pub(super) fate: Fate,
    pub(super) day: u8,
}

/// What the bank says of the payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Seen {
    Paid(u8),
    CameBack(u8),
    NotPaid,
    Pending(u8),
    NotFound,
    NoAnswer,
    Mismatch,
    UnknownWord,
}

/// An answer that is not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reply {
    pub(super) seen: Seen,
    pub(super) send_no: u32,
    pub(super) asked: At,
}

/// Everything outside the books of one payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) slots: [Slot; 2],
    pub(super) wire: [Option<OnWire>; 3],
    pub(super) orders: [Option<Taken>; 2],
    pub(super) replies: [Option<Reply>; 2],
}

/// What the bank and the world may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The bank refuses a second order under one key on one operating date.
    pub(super) dedupes: bool,
    /// The bank contradicts itself: it pays what it refused, takes two orders, revives the dead.
    pub(super) lies: bool,
    /// Begins that succeed, at most.
    pub(super) begins: u32,
    /// Answers that are under way at once, at most.
    pub(super) late: usize,
}

pub(super) const QUIET: World = World {
    slots: [Slot::Idle; 2],
    wire: [None; 3],
    orders: [None; 2],
    replies: [None; 2],
};

/// The bank's day of an instant: 0 until the first 18:00, then one more each day.
pub(super) fn day(now: At) -> u8 {
    u8::try_from((now + 17 * 3_600) / 86_400).unwrap_or(u8::MAX)
}

pub(super) fn instant(at: At) -> Timestamp {
    morning() + SignedDuration::from_secs(i64::from(at))
}

pub(super) fn at(now: Timestamp) -> At {
    u32::try_from(now.duration_since(morning()).as_secs()).unwrap_or_default()
}

/// Puts `what` into the first free place; false when there is none.
pub(super) fn put<T>(places: &mut [Option<T>], what: T) -> bool {
    places
        .iter_mut()
        .find(|place| place.is_none())
        .is_some_and(|place| place.replace(what).is_none())
}

impl World {
    /// True when a request on the wire may still be taken.
    pub(super) fn in_flight(&self, now: At, rules: &Rules) -> bool {
        let margin = seconds(rules.margin);
        self.wire.iter().flatten().any(|request| now <= request.sent + margin)
    }

    /// True when an execution may still put an order on the wire.
    pub(super) fn able(&self, now: At) -> bool {
        self.slots
            .iter()
            .any(|slot| matches!(slot, Slot::Begun { until, .. } if now <= *until))
    }

    /// Orders that are paid or still may be.
    pub(super) fn alive(&self) -> usize {
        self.orders
            .iter()
            .flatten()
            .filter(|order| order.fate != Fate::Dead)
            .count()
    }

    /// Orders whose money left.
    pub(super) fn paid(&self) -> usize {
        let left = |order: &&Taken| matches!(order.fate, Fate::Paid | Fate::CameBack);
        self.orders.iter().flatten().filter(left).count()
    }

    /// Nobody is at work, and nothing is under way or undecided.
    pub(super) fn is_quiet(&self) -> bool {
        self.slots == [Slot::Idle; 2]
            && self.wire == [None; 3]
            && self.replies == [None; 2]
            && self.orders.iter().flatten().all(|order| order.fate != Fate::Pending)
    }

    /// What the bank says when it tells the truth.
    pub(super) fn truth(&self) -> Seen {
        for (folio, order) in (1..).zip(self.orders.iter().flatten()) {
            match order.fate {
                Fate::Pending => return Seen::Pending(folio),
                Fate::Paid => return Seen::Paid(folio),
                Fate::CameBack => return Seen::CameBack(folio),
                Fate::Dead => {}
            }
        }
        if self.orders[0].is_some() {
            Seen::NotPaid
        } else {
            Seen::NotFound
        }
    }

    /// True when two people with a document can know that it was not paid and will not be.
    pub(super) fn provably_unpaid(&self, now: At, rules: &Rules) -> bool {
        let asking = self.slots.iter().any(|slot| matches!(slot, Slot::Asking { .. }));
        self.alive() == 0 && !self.in_flight(now, rules) && !self.able(now) && !asking
    }

    /// Forgets what can never happen: a request that the bank would have dealt with by now.
    pub(super) fn expire(&mut self, now: At, rules: &Rules) {
        let margin = seconds(rules.margin);
        for place in &mut self.wire {
            if place.is_some_and(|request| now > request.sent + margin) {
                *place = None;
            }
        }
    }
}

pub(super) fn uuid(n: u32) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

pub(super) fn seconds(duration: SignedDuration) -> At {
    u32::try_from(duration.as_secs()).unwrap_or_default()
}
