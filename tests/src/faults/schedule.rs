//! What befalls a giro, and when: a pure function of a seed, so that the same seed brings the same blows.

use std::{collections::BTreeMap, fmt, time::Duration};

use fastrand::Rng;

use super::proxy::Weather;
use crate::sim::{Fault, TABLE};

/// giro's programs, each twice, as in production.
pub const PROGRAMS: &[&str] = &["worker", "worker-2", "relay", "relay-2", "api", "api-2"];

/// How many blows of each kind there are, and over how long they are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The same seed, the same schedule.
    pub seed: u64,
    /// From the first blow to the last.
    pub lasts: Duration,
    /// SIGKILLs of giro's programs.
    pub kills: u32,
    /// Immediate stops of Postgres.
    pub postgres: u32,
    /// SIGKILLs of Temporal, one of which loses its database.
    pub temporal: u32,
    /// Everything that is not a kill: freezes, bad links, forged webhooks, raw signals, each so often.
    pub others: u32,
}

/// A link of giro to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they say what they are")]
pub enum To {
    Postgres,
    Temporal,
    Bank,
    /// The bank's way to giro.
    Webhooks,
}

/// A webhook that the bank never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgery {
    /// Settled, of a payout that is open.
    Settled,
    /// Cancelled, of a payout that is open.
    Cancelled,
    /// Captured, of one that has ended.
    Downgrade,
    /// Returned, of one that was not.
    Returned,
    /// Of a key that nobody knows.
    Unknown,
    /// Bytes that are no webhook.
    Garbage,
    /// By a path that is wrong.
    WrongPath,
}

/// What somebody does to a run by Temporal's own door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Poke {
    /// `look`, with a payload that means nothing.
    Junk,
    /// A signal that no run knows.
    Unknown,
    /// Cancel.
    Cancel,
    /// Terminate.
    Terminate,
}

/// One blow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL; started again after milliseconds.
    Kill(&'static str, u64),
    /// SIGSTOP, and SIGCONT after milliseconds.
    Freeze(&'static str, u64),
    /// Stopped at once, started again after milliseconds.
    Postgres(u64),
    /// SIGKILL, started again after milliseconds.
    Temporal(u64),
    /// SIGKILL, and its database is gone.
    TemporalLost,
    /// SIGKILL, started again after milliseconds.
    Bank(u64),
    /// Bad weather for milliseconds.
    Link(To, Weather, u64),
    /// A forged webhook.
    Forged(Forgery),
    /// A raw signal.
    Poked(Poke),
    /// The next payout meets this at the bank.
    Meets(Fault),
}

/// A blow and its moment, from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When.
    pub at: Duration,
    /// What.
    pub blow: Blow,
}

impl Blow {
    /// Its name in tables.
    pub fn name(&self) -> String {
        match self {
            Self::Kill(program, _) => format!("SIGKILL of {}", role(program)),
            Self::Freeze(_, ms) if *ms > 10_000 => "SIGSTOP beyond the fence, then SIGCONT".to_owned(),
            Self::Freeze(..) => "SIGSTOP, then SIGCONT".to_owned(),
            Self::Postgres(_) => "immediate stop of Postgres".to_owned(),
            Self::Temporal(_) => "SIGKILL of Temporal".to_owned(),
            Self::TemporalLost => "Temporal lost with its database".to_owned(),
            Self::Bank(_) => "SIGKILL of the bank".to_owned(),
            Self::Link(to, weather, _) => format!("link {to}: {weather}"),
            Self::Forged(forgery) => format!("forged webhook: {forgery:?}").to_lowercase(),
            Self::Poked(poke) => format!("raw signal: {poke:?}").to_lowercase(),
            Self::Meets(fault) => format!("a payout meets {}", fault.name()),
        }
    }

    /// What is struck; blows on one part fall one after the other, those on others meanwhile.
    pub fn lane(&self) -> &'static str {
        match self {
            Self::Kill(program, _) | Self::Freeze(program, _) => program,
            Self::Postgres(_) => "postgres",
            Self::Temporal(_) | Self::TemporalLost => "temporal",
            Self::Bank(_) => "bank-sim",
            Self::Link(To::Postgres, ..) => "link postgres",
            Self::Link(To::Temporal, ..) => "link temporal",
            Self::Link(To::Bank, ..) => "link bank",
            Self::Link(To::Webhooks, ..) => "link webhooks",
            Self::Forged(_) => "forged",
            Self::Poked(_) => "poked",
            Self::Meets(_) => "meets",
        }
    }

    /// Whether what the bank says to a send may be lost by it.
    pub fn may_deafen(&self) -> bool {
        match self {
            Self::Kill(program, _) | Self::Freeze(program, _) => role(program) == "worker",
            Self::Postgres(_) | Self::Bank(_) | Self::Link(To::Postgres | To::Bank, ..) => true,
            Self::Temporal(_) | Self::TemporalLost | Self::Link(To::Temporal | To::Webhooks, ..) => false,
            Self::Forged(_) | Self::Poked(_) | Self::Meets(_) => false,
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Postgres => "to Postgres",
            Self::Temporal => "to Temporal",
            Self::Bank => "to the bank",
            Self::Webhooks => "from the bank",
        })
    }
}

/// What a program does; its name tells one of several apart.
fn role(program: &str) -> &str {
    program.trim_end_matches("-2")
}

/// All blows, the earliest first.
pub fn schedule(plan: &Plan) -> Vec<Planned> {
    let mut rng = Rng::with_seed(plan.seed);
    let mut blows = Vec::new();
    for _ in 0..plan.kills {
        blows.push(Blow::Kill(victim(&mut rng), away(&mut rng, 1_500)));
    }
    for _ in 0..plan.postgres {
        blows.push(Blow::Postgres(away(&mut rng, 1_000)));
    }
    for n in 0..plan.temporal {
        // One that has something to lose: the last is too late for that, and the first too early.
        let lost = n == plan.temporal / 2;
        let away = away(&mut rng, 4_000);
        blows.push(if lost { Blow::TemporalLost } else { Blow::Temporal(away) });
    }
    for n in 0..plan.others {
        others(&mut rng, n, &mut blows);
    }
    let last = u64::try_from(plan.lasts.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut planned: Vec<Planned> = blows
        .into_iter()
        .map(|blow| Planned {
            at: Duration::from_millis(rng.u64(0..last)),
            blow,
        })
        .collect();
    planned.sort_by_key(|planned| planned.at);
    planned
}

/// One of everything that is no kill.
fn others(rng: &mut Rng, n: u32, blows: &mut Vec<Blow>) {
    // Beyond the fence (10 s) and a bank call's start-to-close (20 s) now and then.
    let long = n % 4 == 3;
    let ms = if long {
        rng.u64(11_000..24_000)
    } else {
        rng.u64(300..4_000)
    };
    blows.push(Blow::Freeze(victim(rng), ms));
    let for_ms = rng.u64(500..4_000);
    let link = match n % 8 {
        0 => (To::Postgres, Weather::LostCommit(rng.u64(2..12))),
        1 => (To::Bank, Weather::HalfOpen),
        2 => (To::Temporal, Weather::HalfOpen),
        3 => (To::Postgres, Weather::HalfOpen),
        4 => (To::Postgres, Weather::Closed),
        5 => (To::Bank, Weather::Slow(rng.u64(50..2_000))),
        6 => (To::Temporal, Weather::Closed),
        _ => (To::Postgres, Weather::Slow(rng.u64(1..40))),
    };
    blows.push(Blow::Link(link.0, link.1, for_ms));
    blows.push(match n % 4 {
        0 => Blow::Bank(away(rng, 2_000)),
        1 => Blow::Link(To::Webhooks, Weather::Closed, for_ms * 2),
        2 => Blow::Link(To::Temporal, Weather::Slow(rng.u64(5..200)), for_ms * 2),
        _ => Blow::Link(To::Postgres, Weather::LostCommit(rng.u64(2..12)), for_ms * 2),
    });
    const FORGERIES: [Forgery; 7] = [
        Forgery::Settled,
        Forgery::Cancelled,
        Forgery::Downgrade,
        Forgery::Returned,
        Forgery::Unknown,
        Forgery::Garbage,
        Forgery::WrongPath,
    ];
    const POKES: [Poke; 4] = [Poke::Terminate, Poke::Cancel, Poke::Junk, Poke::Unknown];
    for forgery in FORGERIES {
        blows.push(Blow::Forged(forgery));
    }
    for poke in POKES {
        blows.push(Blow::Poked(poke));
    }
    // What chaos leaves out, because it needs people: one after the other.
    let alone: Vec<Fault> = TABLE
        .iter()
        .filter(|row| row.weight == 0)
        .map(|row| row.fault)
        .collect();
    let one = usize::try_from(n).unwrap_or(0) % alone.len().max(1);
    blows.extend(alone.get(one).map(|fault| Blow::Meets(*fault)));
}

/// Workers die most often: they hold what is being sent.
fn victim(rng: &mut Rng) -> &'static str {
    match rng.u8(0..12) {
        0..=2 => "worker",
        3..=5 => "worker-2",
        6 | 7 => "api",
        8 | 9 => "api-2",
        10 => "relay",
        _ => "relay-2",
    }
}

/// Half of them come back at once.
fn away(rng: &mut Rng, at_most: u64) -> u64 {
    if rng.bool() { 0 } else { rng.u64(0..at_most) }
}

/// How many blows of each name.
pub fn summary(planned: &[Planned]) -> BTreeMap<String, u64> {
    let mut summary = BTreeMap::new();
    for planned in planned {
        *summary.entry(planned.blow.name()).or_default() += 1;
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        seed: 7,
        lasts: Duration::from_secs(100),
        kills: 50,
        postgres: 5,
        temporal: 3,
        others: 8,
    };

    #[test]
    fn the_same_seed_brings_the_same_blows_and_another_brings_others() {
        assert_eq!(schedule(&PLAN), schedule(&PLAN));
        assert_ne!(schedule(&PLAN), schedule(&Plan { seed: 8, ..PLAN }));
    }

    /// Frozen: a seed that once showed a bug must show it again.
    #[test]
    fn the_draw_never_changes() {
        let first: Vec<(u128, Blow)> = schedule(&PLAN)
            .iter()
            .take(3)
            .map(|planned| (planned.at.as_millis(), planned.blow))
            .collect();
        let drawn = [
            (915, Blow::Poked(Poke::Junk)),
            (2_046, Blow::Kill("api-2", 118)),
            (2_827, Blow::Forged(Forgery::Garbage)),
        ];
        assert_eq!(first, drawn);
    }

    #[test]
    fn every_kind_of_blow_falls_as_often_as_planned_and_in_time() {
        let all = schedule(&PLAN);
        assert!(all.windows(2).all(|two| two[0].at <= two[1].at));
        assert!(all.iter().all(|planned| planned.at < PLAN.lasts));
        let count = |is: fn(&Blow) -> bool| all.iter().filter(|planned| is(&planned.blow)).count();
        assert_eq!(count(|blow| matches!(blow, Blow::Kill(..))), 50);
        assert_eq!(count(|blow| matches!(blow, Blow::Postgres(_))), 5);
        assert_eq!(count(|blow| matches!(blow, Blow::Temporal(_))), 2);
        assert_eq!(count(|blow| matches!(blow, Blow::TemporalLost)), 1);
        for program in PROGRAMS {
            let dies = |planned: &Planned| matches!(planned.blow, Blow::Kill(name, _) if name == *program);
            assert!(all.iter().any(dies), "nobody kills {program}");
        }
        let links = |to: To| {
            all.iter()
                .any(|planned| matches!(planned.blow, Blow::Link(of, ..) if of == to))
        };
        assert!(
            [To::Postgres, To::Temporal, To::Bank, To::Webhooks]
                .into_iter()
                .all(links)
        );
    }
}
