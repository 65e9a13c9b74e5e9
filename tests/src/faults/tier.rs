//! The sizes of a run, and what runs beside it.

use clap::ValueEnum;

/// How much a run tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Every crash point with every bank outcome, 2,000 payouts with 50 kills, 10,000 sequences of the core: at most 20
    /// minutes on two slow cores.
    Ci,
    /// 30,000 payouts, 1,000 kills of giro, 100 of Postgres, 50 of Temporal: an hour or two.
    Long,
}

/// What a tier puts in place of the usual numbers.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "they are the options of the program")]
pub struct Size {
    pub payouts: u32,
    pub rate: u32,
    pub kills: u32,
    pub postgres_kills: u32,
    pub temporal_kills: u32,
    pub others: u32,
}

/// Something that cargo runs besides, and the words without which it did not happen.
#[derive(Clone, Copy, Debug)]
pub struct Besides {
    /// For people.
    pub name: &'static str,
    /// Arguments of cargo.
    pub arguments: &'static [&'static str],
    /// Variables.
    pub variables: &'static [(&'static str, &'static str)],
    /// A line of its output that says that it was done.
    pub says: &'static str,
}

/// A test that nobody has, or that was filtered out, passes too: so its own words are asked for.
const CI: [Besides; 2] = [
    Besides {
        name: "every crash point with every bank outcome",
        arguments: &[
            "test",
            "--workspace",
            "--test",
            "it",
            "--",
            "--ignored",
            "--nocapture",
            "--exact",
            "crash::every_crash_point_is_died_at_with_every_outcome",
        ],
        variables: &[],
        says: "test result: ok. 1 passed",
    },
    Besides {
        name: "10,000 sequences of 512 operations, and the whole small scope",
        // By the million: optimised, and asserting all the same.
        arguments: &[
            "test",
            "--config=profile.dev.package.activities.opt-level=2",
            "--config=profile.dev.package.workflows.opt-level=2",
            "-p=activities",
            "--lib",
            "--",
            "core::",
            "--nocapture",
        ],
        variables: &[
            ("GIRO_SEQUENCES", "10000"),
            ("GIRO_OPS", "512"),
            ("GIRO_EXPLORE", "full"),
        ],
        says: "sequences of 512 operations",
    },
];

impl Tier {
    /// Its numbers.
    pub const fn size(self) -> Size {
        match self {
            Self::Ci => Size {
                payouts: 2_000,
                rate: 8,
                kills: 50,
                postgres_kills: 5,
                temporal_kills: 4,
                others: 16,
            },
            Self::Long => Size {
                payouts: 30_000,
                rate: 10,
                kills: 1_000,
                postgres_kills: 100,
                temporal_kills: 50,
                others: 200,
            },
        }
    }

    /// What runs before it.
    pub const fn besides(self) -> &'static [Besides] {
        match self {
            Self::Ci => &CI,
            Self::Long => &[],
        }
    }
}
