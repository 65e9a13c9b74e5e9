//! Random sequences of many payouts on few accounts, against a naive oracle of balances and fates.
//!
//! The oracle (`purse.rs`) knows only what was asked and answered; the invariants are those of `invariants.rs`; the
//! banks are those of `world.rs`, one in four of which lies, so that every word of attention is reached. 1,000
//! sequences of 256 operations by default; `GIRO_SEQUENCES=10000 GIRO_OPS=512` for more; `GIRO_SEED` for one of them.
//! A failure prints its seed and the shortest story that was found.

use std::{
    fmt::Write as _,
    num::NonZero,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    coverage::Coverage,
    moves::Move,
    purse::{Op, Run},
    world::{Fate, Limits, Seen, World, at},
};

/// Payouts of one sequence, at most.
const PAYOUTS: u64 = 20;
const ACCOUNTS: u64 = 5;
/// The oracle compares every account after every operation; the books are summed up from scratch after this many.
const SUM_UP: usize = 32;

/// SplitMix64: small, seeded, the same everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count.max(1)
    }

    /// One of several, each as often as its weight says.
    fn pick<T: Copy>(&mut self, from: &[(u32, T)]) -> Option<T> {
        let total: u64 = from.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut at = self.below(total);
        from.iter().find_map(|(weight, what)| {
            let weight = u64::from(*weight);
            let here = at < weight;
            at = at.saturating_sub(weight);
            here.then_some(*what)
        })
    }
}

/// How often a move is chosen among those that are possible.
const fn weight(step: &Move) -> u32 {
    match step {
        Move::Tick => 0,
        Move::Begin { heard: true, .. } | Move::BeginAgain { .. } | Move::Statements => 6,
        Move::Send { .. } | Move::Take { .. } | Move::Repeated { .. } | Move::Record { heard: true, .. } => 8,
        Move::Lose { .. }
        | Move::Ask {
            seen: Seen::Paid(_) | Seen::NotPaid | Seen::NotFound,
            ..
        } => 3,
        Move::Answer { .. } | Move::Apply | Move::Decide { fate: Fate::Paid, .. } => 4,
        Move::TimeOut { .. } | Move::Refuse { .. } | Move::People { .. } | Move::Record { .. } => 2,
        Move::Decide { .. } | Move::Ask { .. } | Move::Begin { .. } | Move::NoConnection { .. } | Move::Die { .. } => 1,
        Move::Misconfigured { .. } | Move::ReadOnly { .. } | Move::Claim | Move::Cancel | Move::Conjure => 1,
    }
}

/// The bank of a seed.
const fn limits(seed: u64) -> Limits {
    Limits {
        dedupes: seed & 1 == 0,
        lies: seed & 6 == 0,
        begins: 8,
        late: 2,
    }
}

/// What happens next.
fn op(run: &Run, payouts: u64, rng: &mut Rng) -> Op {
    let account = u8::try_from(rng.below(ACCOUNTS)).unwrap_or_default();
    let centavos = i64::try_from(rng.below(40_000)).unwrap_or_default() + 1;
    let asked = run.asked();
    let before = 1 + u32::try_from(rng.below(u64::from(asked))).unwrap_or_default();
    let fresh = u64::from(asked) < 2 * PAYOUTS && (run.cases.len() as u64) < payouts;
    let odd = [
        Op::Replay { n: before },
        Op::OtherBody { n: before },
        Op::SameAccount { account },
        Op::UnknownAccount,
        Op::UnknownPayout,
        Op::Open { account, other: false },
        Op::Open { account, other: true },
        Op::ClabeTaken { account },
        Op::Freeze { account },
        Op::Thaw { account },
        Op::Pause,
        Op::Resume,
        Op::Resume,
        Op::Announce {
            minutes: 1 + u32::try_from(rng.below(30)).unwrap_or_default(),
        },
        Op::CallOff,
        Op::CallOff,
    ];
    let n = usize::try_from(rng.below(run.comings.count() as u64)).unwrap_or_default();
    // Mostly what can be decided on.
    let apart = run.comings.apart(n).filter(|_| rng.below(4) > 0).unwrap_or(n);
    let somebody = (rng.below(8) > 0).then_some(account);
    let back = Op::Back {
        case: (rng.below(8) > 0 && !run.cases.is_empty())
            .then(|| usize::try_from(rng.below(run.cases.len() as u64)).unwrap_or_default()),
        tenths: i64::try_from(rng.below(11)).unwrap_or_default() + 1,
    };
    let comings = [
        Op::Deposit {
            account: somebody,
            centavos,
        },
        back,
        Op::ComeAgain {
            n,
            otherwise: rng.below(4) == 0,
        },
        Op::Cure {
            n: apart,
            account: somebody,
        },
        Op::SendBack { n: apart },
        Op::Resolve {
            n: run.comings.suspended(n).filter(|_| rng.below(4) > 0).unwrap_or(n),
            account: somebody,
        },
        Op::Understand { n },
    ];
    let later = if rng.below(4) == 0 { 40 } else { 0 };
    let other = u8::try_from(rng.below(ACCOUNTS)).unwrap_or_default();
    let booked = usize::try_from(rng.below(run.booked() as u64)).unwrap_or_default();
    match rng.below(32) {
        30 if u64::from(asked) < 2 * PAYOUTS => Op::Transfer {
            account,
            other,
            centavos,
            later,
        },
        30 | 31 => Op::Book {
            n: booked,
            cancel: rng.below(6) == 0,
        },
        24..30 => comings[usize::try_from(rng.below(7)).unwrap_or_default()],
        0..2 if fresh => Op::Accept {
            account,
            centavos,
            later,
        },
        0..3 => odd[usize::try_from(rng.below(odd.len() as u64)).unwrap_or_default()],
        3..6 => {
            let passes = [(6, 1), (4, 11), (4, 31), (3, 131), (1, 5 * 3_600), (2, 20 * 3_600)];
            Op::Pass(rng.pick(&passes).unwrap_or(1))
        }
        _ => {
            let case = usize::try_from(rng.below(run.cases.len() as u64)).unwrap_or_default();
            let Some((row, world)) = run.case(case) else {
                return Op::Accept {
                    account,
                    centavos,
                    later,
                };
            };
            let mut moves = Vec::new();
            World::moves(
                world,
                row,
                at(run.books.rows.now),
                &run.limits,
                &run.books.rules,
                &mut moves,
            );
            let weighted: Vec<(u32, Move)> = moves.into_iter().map(|step| (weight(&step), step)).collect();
            rng.pick(&weighted).map_or(Op::Pass(1), |step| Op::Do { case, step })
        }
    }
}

/// One sequence; what it made happen, or its story.
fn sequence(seed: u64, count: usize) -> Result<Coverage, String> {
    let mut rng = Rng(seed);
    let limits = limits(rng.next());
    let mut run = Run::new(limits);
    // One payout far, or many side by side.
    let payouts = 1 + rng.below(PAYOUTS);
    let mut ops = Vec::new();
    for step in 1..=count {
        let op = op(&run, payouts, &mut rng);
        ops.push(op);
        let sums = |run: &Run| {
            if step % SUM_UP == 0 || step == count {
                run.sum_up()
            } else {
                Ok(())
            }
        };
        if let Err(broken) = run.make(op).and_then(|()| sums(&run)) {
            return Err(story(seed, limits, ops, &broken));
        }
    }
    Ok(run.books.coverage.take().unwrap_or_default())
}

/// What a list of operations breaks; those that are not possible any more are left out.
fn replay(limits: Limits, ops: &[Op]) -> Option<String> {
    let mut run = Run::new(limits);
    let broken = ops
        .iter()
        .find_map(|op| if run.possible(*op) { run.make(*op).err() } else { None });
    broken.or_else(|| run.sum_up().err())
}

/// The story of a failure, with as many operations left out as still leave it one.
fn story(seed: u64, limits: Limits, mut ops: Vec<Op>, broken: &str) -> String {
    let count = ops.len();
    let mut size = count / 2;
    while size > 0 {
        let mut from = 0;
        while from < ops.len() {
            let mut fewer = ops.clone();
            fewer.drain(from..(from + size).min(ops.len()));
            if replay(limits, &fewer).is_some() {
                ops = fewer;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    let broken = replay(limits, &ops).unwrap_or_else(|| broken.to_owned());
    let mut story = format!("{broken}\n{limits:?}\nagain with GIRO_SEED={seed} GIRO_SEQUENCES=1 GIRO_OPS={count}\n");
    for op in ops {
        let _ = writeln!(story, "  {op}");
    }
    story
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn random_sequences_of_many_payouts_agree_with_a_naive_oracle() {
    let (seed, sequences) = (number("GIRO_SEED", 20_261_124), number("GIRO_SEQUENCES", 1_000));
    let ops = usize::try_from(number("GIRO_OPS", 256)).expect("a count");
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let outcome: Mutex<Result<Coverage, String>> = Mutex::new(Ok(Coverage::default()));
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= sequences {
                return;
            }
            let result = sequence(seed.wrapping_add(n), ops);
            let mut outcome = outcome.lock().expect("nobody panics here");
            match (&mut *outcome, result) {
                (Ok(all), Ok(seen)) => all.merge(&seen),
                (Ok(_), Err(story)) => {
                    *outcome = Err(story);
                    next.store(sequences, Ordering::Relaxed);
                }
                (Err(_), _) => {}
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut told = Instant::now();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(20));
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                eprintln!("{} of {sequences} sequences", done.load(Ordering::Relaxed));
            }
        }
    });
    let coverage = match outcome.into_inner().expect("nobody panics here") {
        Ok(coverage) => coverage,
        Err(story) => panic!("{story}"),
    };
    let millis = began.elapsed().as_millis();
    println!(
        "{sequences} sequences of {ops} operations from seed {seed}: {millis} ms, {} kinds seen",
        coverage.len()
    );
    if sequences >= 1_000 {
        assert!(coverage.missing().is_empty(), "never made: {:?}", coverage.missing());
    }
}
