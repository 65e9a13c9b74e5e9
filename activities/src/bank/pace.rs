//! The bank's rate: every call of this process waits its turn here, before anything is begun.
//!
//! Turns are evenly spaced and never come in bursts, because banks count within a second. A limiter of the usual kind
//! does not fit: this one slows down when the bank says 429, and lets orders and questions take turns while both wait.

use std::{
    sync::{Mutex as Cell, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout},
};

use crate::meters;

/// A turn that does not come within this is given up: the call is put off, and its activity tried again.
const PATIENCE: Duration = Duration::from_secs(3);
/// What sleeping is late by; made up for, so that the rate is met.
const GRAIN: Duration = Duration::from_millis(2);
/// The longest pause that a bank may ask for, and the slowest that giro becomes by itself.
const LONGEST: Duration = Duration::from_secs(60);
const SLOWEST: Duration = Duration::from_secs(10);
/// Answers 429 of calls that were under way together are one sign.
const ONE_SIGN: Duration = Duration::from_secs(1);
/// Each turn takes this part of the distance to the full rate back: half of it after some thirty.
const RECOVERY: u32 = 50;

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Hands over an order.
    Order,
    /// Asks something.
    Question,
}

/// The turn did not come in time. Nothing was begun or asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its turn at the bank did not come in time")]
pub struct NoTurn;

/// The turns at one bank.
#[derive(Debug)]
pub struct Pace {
    bank: &'static str,
    /// Between two calls at the full rate.
    full: Duration,
    /// At most one order and one question stand at the door, so that each kind gets half when both wait.
    orders: Mutex<()>,
    questions: Mutex<()>,
    door: Mutex<()>,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the next call may leave.
    next: Instant,
    /// Between two calls now.
    every: Duration,
    /// When the bank last said that it is too much.
    slowed: Option<Instant>,
}

impl Pace {
    /// At most so many calls in a second; 0 counts as 1.
    pub fn new(bank: &'static str, per_second: u32) -> Self {
        let full = Duration::from_secs(1) / per_second.max(1);
        Self {
            bank,
            full,
            orders: Mutex::default(),
            questions: Mutex::default(),
            door: Mutex::default(),
            state: Cell::new(State {
                next: Instant::now(),
                every: full,
                slowed: None,
            }),
        }
    }

    /// Waits until `calls` calls may leave, for seconds at most.
    pub async fn turn(&self, call: Call, calls: u32) -> Result<(), NoTurn> {
        let line = match call {
            Call::Order => &self.orders,
            Call::Question => &self.questions,
        };
        let turn = async {
            let _first = line.lock().await;
            let _alone = self.door.lock().await;
            while let Some(at) = self.take(calls) {
                sleep_until(at).await;
            }
        };
        timeout(PATIENCE, turn).await.map_err(|_| {
            meters::no_turn(self.bank);
            NoTurn
        })
    }

    /// Takes the next turn when it is there; else says when to look again.
    fn take(&self, calls: u32) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.next > now {
            return Some(state.next);
        }
        let due = state.next.max(now.checked_sub(GRAIN).unwrap_or(now));
        state.next = due + state.every * calls;
        state.every = state
            .every
            .saturating_sub((state.every - self.full) / RECOVERY)
            .max(self.full);
        meters::pace(self.bank, state.every);
        None
    }

    /// The bank said that it is too much: half the rate from now on, and nothing at all for as long as it asked.
    pub fn throttled(&self, pause: Option<Duration>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let pause = pause.unwrap_or(state.every).min(LONGEST);
        state.next = state.next.max(now + pause);
        if state.slowed.is_none_or(|at| now.duration_since(at) >= ONE_SIGN) {
            state.slowed = Some(now);
            state.every = (state.every * 2).min(SLOWEST.max(self.full));
            meters::throttled(self.bank, state.every);
            tracing::warn!(bank = self.bank, every = ?state.every, ?pause, "the bank says 429: giro slows down");
        }
    }
}

/// `Retry-After`: seconds, or a time.
pub(super) fn pause(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(jiff::Timestamp::now().duration_until(at)).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;

    use super::*;

    const RATE: u32 = 50;

    /// When each of so many calls, asked for at once, got its turn.
    async fn turns(pace: &Arc<Pace>, call: Call, count: usize) -> Vec<Instant> {
        let wish = || async {
            let turn = pace.turn(call, 1).await;
            turn.map(|()| Instant::now())
        };
        let mut all: Vec<Instant> = join_all((0..count).map(|_| wish()))
            .await
            .into_iter()
            .flatten()
            .collect();
        all.sort();
        all
    }

    #[tokio::test]
    async fn calls_leave_one_by_one_and_never_faster_than_agreed() {
        let pace = Arc::new(Pace::new("test", RATE));
        let all = turns(&pace, Call::Order, 40).await;
        assert_eq!(all.len(), 40);
        let took = all[39] - all[0];
        assert!(took >= pace.full * 38, "39 pauses took {took:?}");
        // Two at the most within one pause: what waits idle is not saved up.
        tokio::time::sleep(pace.full * 10).await;
        let all = turns(&pace, Call::Order, 5).await;
        assert!(all[4] - all[0] >= pace.full * 3, "{all:?}");
    }

    #[tokio::test]
    async fn orders_and_questions_take_turns_while_both_wait() {
        let pace = Arc::new(Pace::new("test", RATE));
        let questions = tokio::spawn({
            let pace = Arc::clone(&pace);
            async move { turns(&pace, Call::Question, 100).await }
        });
        tokio::time::sleep(pace.full * 5).await;
        let start = Instant::now();
        let orders = turns(&pace, Call::Order, 20).await;
        assert_eq!(orders.len(), 20);
        let last = orders[19] - start;
        let questions = questions.await.expect("ended");
        let beside = questions.iter().filter(|at| **at > start && **at < orders[19]).count();
        assert!(
            (15..=25).contains(&beside),
            "20 orders went out beside {beside} questions, within {last:?}"
        );
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_is_given_up() {
        let pace = Pace::new("test", RATE);
        pace.throttled(Some(LONGEST * 10));
        let start = Instant::now();
        assert_eq!(pace.turn(Call::Question, 1).await, Err(NoTurn));
        assert!(start.elapsed() >= PATIENCE);
        let state = *pace.state.lock().expect("sound");
        assert!(state.next <= start + LONGEST, "a bank may not stop giro for ever");
    }

    #[tokio::test]
    async fn too_much_halves_the_rate_once_and_it_comes_back_slowly() {
        let pace = Arc::new(Pace::new("test", 1_000));
        for _ in 0..10 {
            pace.throttled(None);
        }
        let every = || pace.state.lock().expect("sound").every;
        assert_eq!(
            every(),
            pace.full * 2,
            "calls that were under way together are one sign"
        );
        turns(&pace, Call::Question, 20).await;
        assert!(every() > pace.full + pace.full / 2, "not at once: {:?}", every());
        turns(&pace, Call::Question, 400).await;
        assert!(every() < pace.full + pace.full / 100, "{:?}", every());
    }

    #[test]
    fn a_pause_is_in_seconds_or_a_time() {
        assert_eq!(pause(" 2 "), Some(Duration::from_secs(2)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:37 GMT"), None, "it is over");
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30);
        let soon = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&soon);
        let pause_of_soon = pause(&soon.expect("prints")).expect("reads");
        assert!((28..=30).contains(&pause_of_soon.as_secs()), "{pause_of_soon:?}");
        for wrong in ["", "soon", "-1", "1.5"] {
            assert_eq!(pause(wrong), None, "{wrong:?}");
        }
    }
}
