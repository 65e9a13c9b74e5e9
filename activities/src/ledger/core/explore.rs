//! Small scope, whole: every interleaving of one payout, breadth first, through the real `decide`.
//!
//! **What is explored.** Two executions of `bank.submit` at work at any time, each of which may die between any two
//! of its steps, any number of times; begin and record whose COMMIT answer is lost, and which are said again then or
//! much later; a send that is checked by its own fence, waits, gives up; requests that are taken, taken unanswered,
//! lost, refused (also when an earlier one was taken), refused for our signature or while the bank only reads, or
//! refused as a repeat by a bank that dedupes; an order that is paid, ended, paid and sent back; questions at any time,
//! as a webhook, a person's `retry` or the run asks them, any number, answered truly, with an order not yet visible
//! (for as long as the bank likes), a word that nobody knows, another's amount, or not at all; an answer that is
//! written any time later; webhooks that lie; cancel and apply at any time; closed statements and two people who tell
//! the truth.
//!
//! **Bounds.** One payout; `begins` sends; `late` answers under way at once; a clock of ticks ([`Clock`]), where fence,
//! margin, horizon and question gap are one tick and half the guard two, that runs over the guard and the roll, and then
//! once to a day on which the statements are closed. `GIRO_EXPLORE=full` takes wider bounds. Rows are put together and
//! taken apart by `state.rs`: what cannot decide anything later is left out of a state.
//!
//! **What holds.** In every state and at every step, `invariants.rs`. And from every state in which all is quiet, asking,
//! statements, two people, cancel and apply lead to an end that is true.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt::Write as _,
    hash::{BuildHasherDefault, Hasher},
    time::Instant,
};

use workflows::domain::{Evidence, State};

use super::{
    invariants::{self, Holds},
    moves::Move,
    state::{Bench, Clock, Key},
    world::{Limits, Seen, at, day},
};

/// How far an exploration goes.
#[derive(Clone, Copy, Debug)]
struct Scope {
    limits: Limits,
    clock: Clock,
}

/// What an exploration saw.
#[derive(Debug, Default)]
struct Report {
    states: usize,
    transitions: usize,
    depth: u16,
    ends: BTreeMap<State, usize>,
}

/// A hash of states that costs little in a debug build.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.unsigned_abs() as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

/// Every state that was reached, each with the one before it.
struct Search {
    bench: Bench,
    scope: Scope,
    seen: HashSet<Key, BuildHasherDefault<Mix>>,
    steps: Vec<(u32, Move)>,
    next: VecDeque<(Key, u32, u16)>,
    report: Report,
}

impl Search {
    fn new(scope: Scope) -> Self {
        let bench = Bench::new(scope.limits, scope.clock);
        let start = bench.key();
        Self {
            bench,
            scope,
            seen: HashSet::from_iter([start]),
            steps: vec![(0, Move::Tick)],
            next: VecDeque::from([(start, 0, 0)]),
            report: Report::default(),
        }
    }

    /// Explores everything; a violation is the shortest story that leads to it.
    fn run(mut self) -> Result<Report, String> {
        let mut moves = Vec::new();
        while let Some((key, id, depth)) = self.next.pop_front() {
            self.report.depth = depth;
            self.bench.load(&key);
            possible(&self.bench, self.scope, &mut moves);
            for &step in &moves {
                self.report.transitions += 1;
                let after = match self.make(&key, step) {
                    Ok(after) => after,
                    Err(broken) => return Err(self.story(id, Some(step), &broken)),
                };
                if !self.seen.insert(after) {
                    continue;
                }
                let new = u32::try_from(self.steps.len()).expect("fewer than 4 thousand million states");
                self.steps.push((id, step));
                self.next.push_back((after, new, depth + 1));
                if let Err(broken) = self.visit(&after) {
                    return Err(self.story(new, None, &broken));
                }
            }
        }
        self.report.states = self.seen.len();
        Ok(self.report)
    }

    /// One move out of a state.
    fn make(&mut self, from: &Key, step: Move) -> Result<Key, String> {
        self.bench.load(from);
        make(&mut self.bench, self.scope, step)?;
        Ok(self.bench.key())
    }

    /// What holds in a new state.
    fn visit(&mut self, key: &Key) -> Holds {
        *self.report.ends.entry(key.state()).or_default() += 1;
        self.bench.load(key);
        if self.bench.key() != *key {
            return Err("a state that is put into books does not read back".to_owned());
        }
        let Bench { books, case, .. } = &self.bench;
        let row = self.bench.row();
        invariants::row(row)?;
        invariants::promise(&books.rules, books.rows.now, row, &case.world)?;
        invariants::told(&books.rules, &books.rows, row)?;
        if row.state.is_open() && case.world.is_quiet() {
            ends(&mut self.bench)?;
        }
        Ok(())
    }

    /// The way to a state, told step by step.
    fn story(&mut self, mut id: u32, last: Option<Move>, broken: &str) -> String {
        let mut path: Vec<Move> = last.into_iter().collect();
        while id > 0 {
            let (before, step) = self.steps[id as usize];
            path.push(step);
            id = before;
        }
        path.reverse();
        let mut story = format!("{broken}\n{:?}\n", self.scope);
        let mut bench = Bench::new(self.scope.limits, self.scope.clock);
        let mut swapped = false;
        for step in path {
            let key = bench.key();
            swapped ^= bench.swaps();
            bench.load(&key);
            let outcome = make(&mut bench, self.scope, step).err().unwrap_or_default();
            let minutes = at(bench.books.rows.now) / 60;
            let clock = format!("{:02}:{:02}", (11 + minutes / 60) % 24, minutes % 60);
            let row = bench.row();
            let step = if swapped { step.swapped() } else { step };
            let proof = row.evidence.map_or("-", Evidence::word);
            let _ = writeln!(
                story,
                "  {clock} {:<44} {} #{} unproven {} not found {} evidence {proof} {outcome}",
                step.to_string(),
                row.state,
                row.send_no,
                row.unproven,
                row.not_found
            );
        }
        story
    }
}

/// Every move out of the state that the bench is in.
fn possible(bench: &Bench, scope: Scope, moves: &mut Vec<Move>) {
    moves.clear();
    let now = at(bench.books.rows.now);
    if !scope.clock.is_over(now) {
        moves.push(Move::Tick);
    }
    bench
        .case
        .world
        .moves(bench.row(), now, &scope.limits, &bench.books.rules, moves);
}

fn make(bench: &mut Bench, scope: Scope, step: Move) -> Holds {
    if step == Move::Tick {
        let now = at(bench.books.rows.now);
        bench.tick(scope.clock.next(now).unwrap_or(now));
        return Ok(());
    }
    bench.case.make(&mut bench.books, step).map(drop)
}

/// Nobody is at work and the bank has decided: what giro and people do by themselves leads to the end that is true.
fn ends(bench: &mut Bench) -> Holds {
    let due = if bench.case.world.paid() > 0 {
        State::Settled
    } else {
        State::Failed
    };
    let late = at(bench.books.rows.now).max(4 * 86_400);
    bench.tick(late);
    let seen = bench.case.world.truth();
    let mut steps = vec![Move::Ask { seen, late: false }, Move::Apply];
    let sent_long_ago = bench
        .row()
        .send_before
        .is_some_and(|fence| day(at(fence)) + 2 <= day(late));
    if seen == Seen::NotFound && sent_long_ago {
        steps.extend([Move::Statements, Move::Apply]);
    }
    steps.extend([
        Move::Cancel,
        Move::People {
            paid: due == State::Settled,
        },
        Move::Apply,
        Move::Cancel,
    ]);
    for step in steps {
        bench.case.make(&mut bench.books, step)?;
        let state = bench.row().state;
        if !state.is_open() {
            let right = state == due || (state == State::Cancelled && due == State::Failed);
            return if right {
                Ok(())
            } else {
                Err(format!("it ends as {state}, and {due} is true"))
            };
        }
    }
    Err(format!("nothing ends it: {:?}", bench.row()))
}

/// Explores a scope, prints what it saw, and fails with the shortest story.
fn explored(name: &str, limits: Limits, before: u32) -> Report {
    let scope = Scope {
        limits,
        clock: Clock { before },
    };
    let began = Instant::now();
    match Search::new(scope).run() {
        Ok(report) => {
            println!(
                "explored {name}: {} states, {} transitions, {} steps deep, {} ms; {:?}",
                report.states,
                report.transitions,
                report.depth,
                began.elapsed().as_millis(),
                report.ends
            );
            for state in [
                State::Accepted,
                State::Sending,
                State::Sent,
                State::Settled,
                State::Failed,
                State::Cancelled,
            ] {
                assert!(report.ends.contains_key(&state), "{name} never came to {state}");
            }
            report
        }
        Err(story) => panic!("{name}: {story}"),
    }
}

/// True when the wide bounds are asked for.
fn full() -> bool {
    std::env::var("GIRO_EXPLORE").is_ok_and(|scope| scope == "full")
}

#[test]
fn no_interleaving_at_a_bank_that_refuses_repeats_breaks_a_rule() {
    let (begins, late, before) = if full() { (2, 1, 7) } else { (2, 0, 7) };
    explored(
        "a bank that refuses repeats",
        Limits {
            dedupes: true,
            lies: false,
            begins,
            late,
        },
        before,
    );
}

/// Answers that are under way while everything else goes on, and are written at any later time.
#[test]
fn no_answer_that_is_written_late_breaks_a_rule() {
    let (begins, late, before) = if full() { (1, 2, 4) } else { (1, 1, 3) };
    explored(
        "answers that are late",
        Limits {
            dedupes: true,
            lies: false,
            begins,
            late,
        },
        before,
    );
}

#[test]
fn no_interleaving_at_a_bank_that_takes_repeats_breaks_a_rule() {
    let (begins, late, before) = if full() { (2, 1, 7) } else { (2, 0, 7) };
    explored(
        "a bank that takes repeats",
        Limits {
            dedupes: false,
            lies: false,
            begins,
            late,
        },
        before,
    );
}
