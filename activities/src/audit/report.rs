//! What the auditor says: one line per invariant, with counts, time and the rows that break it.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

macro_rules! invariants {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $says:literal;)+) => {
        /// What must hold in the books, at the bank and in Temporal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $(#[doc = $says] $name,)+
        }

        impl Invariant {
            /// Every one, in the order of the report.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in reports and metrics.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What it says.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)+ }
            }
        }
    };
}

invariants! {
    Balance = "balance", "debits equal credits over all accounts, and both equal the movements";
    Totals = "totals", "an account's totals are the sum of its movements";
    Closed = "closed", "a closed day's sums are as they were when it was closed";
    Held = "held", "what is held is what the open payouts hold";
    Overdrawn = "overdrawn", "no customer has spent or set aside more than came in";
    Chain = "chain", "every chain of blocks verifies from its first block";
    Blocks = "blocks", "every movement stands in exactly one block";
    Legs = "legs", "a settled payout has its legs and no others, an unsettled one has none";
    Received = "received", "money that came in was placed once, where its record says, and a return is its payout's";
    Evidence = "evidence", "every end stands on evidence that allows it, and no evidence is left aside";
    Bytes = "bytes", "evidence says what the bank's bytes say, about this very order";
    Keys = "keys", "a tracking key is derived from its payout";
    Events = "events", "events are gapless, follow legal edges, and the last is the state";
    Requests = "requests", "a payout is what its request asked for, and each has the other";
    Strays = "strays", "no row speaks of a payout or an account that is not there";
    Driven = "driven", "every open payout has a deadline, and attention once it is past";
    Runs = "runs", "an open payout has a run, or was started again when it was due";
    Orders = "orders", "the bank has one order per payout, equal and as ended as the payout, and no other";
    Sums = "sums", "what the bank paid on a day is what the settlement account gave on it";
    Inbox = "inbox", "every webhook was understood, set apart, or is being looked at";
    Sessions = "sessions", "no session holds a transaction open without working";
}

impl Serialize for Invariant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// A row that breaks an invariant. Ids, amounts and dates; nothing of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The row, by its id as people write it.
    pub row: String,
    /// What is wrong with it.
    pub what: String,
}

/// One invariant's line.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The invariant.
    pub invariant: Invariant,
    /// Rows that were held against it.
    pub checked: u64,
    /// Rows that break it.
    pub broken: u64,
    /// The first of those.
    pub rows: Vec<Broken>,
    /// Why it was not checked, or not all of it.
    pub unchecked: Option<String>,
    /// Milliseconds that its checks took, without reading.
    pub milliseconds: u128,
}

/// What one audit found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When the books were read, by their own clock.
    pub at: Timestamp,
    /// Blocks and payouts that changed before were checked by an earlier audit; `None`: everything was checked.
    pub since: Option<Timestamp>,
    /// One per invariant.
    pub lines: Vec<Line>,
    /// Centavos by which accounts, movements and holds disagree.
    pub imbalance: u64,
    /// Orders and payouts that the other side does not have, or has otherwise.
    pub unmatched: u64,
    /// Milliseconds from the first read to the last check.
    pub milliseconds: u128,
}

impl Report {
    /// Invariants that are broken.
    pub fn broken(&self) -> Vec<Invariant> {
        self.lines
            .iter()
            .filter(|line| line.broken > 0)
            .map(|line| line.invariant)
            .collect()
    }

    /// Invariants that should have been checked and could not.
    pub fn unread(&self) -> Vec<Invariant> {
        self.lines
            .iter()
            .filter(|line| line.unchecked.as_deref().is_some_and(|why| !why.starts_with(LEFT_OUT)))
            .map(|line| line.invariant)
            .collect()
    }

    /// True when everything was checked that an audit of its kind checks: an audit from its cursor leaves strays to the
    /// full one.
    pub fn is_whole(&self) -> bool {
        let is_later = |line: &Line| line.invariant == Invariant::Strays && self.since.is_some();
        self.lines.iter().all(|line| line.unchecked.is_none() || is_later(line))
    }
}

/// Begins the reason of what is left unchecked on purpose.
pub(super) const LEFT_OUT: &str = "left out";

/// One for people; JSON is for programs.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since {
            None => writeln!(out, "audit of everything, as of {}", self.at)?,
            Some(since) => writeln!(out, "audit of what changed since {since}, as of {}", self.at)?,
        }
        for line in &self.lines {
            let verdict = match (line.broken, &line.unchecked) {
                (0, None) => "ok",
                (0, Some(_)) => "-",
                _ => "BROKEN",
            };
            let Line {
                invariant,
                checked,
                milliseconds,
                ..
            } = line;
            writeln!(
                out,
                "{verdict:<7} {invariant:<10} {checked:>9} checked {milliseconds:>6} ms  {}",
                invariant.says()
            )?;
            if let Some(why) = &line.unchecked {
                writeln!(out, "          not checked: {why}")?;
            }
            for Broken { row, what } in &line.rows {
                writeln!(out, "          {row}: {what}")?;
            }
            let told = u64::try_from(line.rows.len()).unwrap_or(u64::MAX);
            if line.broken > told {
                writeln!(out, "          and {} more", line.broken - told)?;
            }
        }
        let broken = self.broken().len();
        let verdict = if broken == 0 {
            "the books hold".to_owned()
        } else {
            format!("{broken} broken")
        };
        write!(
            out,
            "{verdict}: imbalance {} centavos, {} unmatched, {} ms",
            self.imbalance, self.unmatched, self.milliseconds
        )
    }
}

#[derive(Clone, Debug, Default)]
struct Counted {
    checked: u64,
    broken: u64,
    rows: Vec<Broken>,
    unchecked: Option<String>,
    took: Duration,
}

/// Counts while the checks run; each lane has its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counted: BTreeMap<Invariant, Counted>,
    named: usize,
    imbalance: u64,
}

impl Tally {
    /// Names at most `named` rows of each invariant.
    pub(super) fn new(named: usize) -> Self {
        Self {
            named,
            ..Self::default()
        }
    }

    /// `rows` more rows were held against it.
    pub(super) fn checked(&mut self, invariant: Invariant, rows: usize) {
        self.counted.entry(invariant).or_default().checked += u64::try_from(rows).unwrap_or(u64::MAX);
    }

    /// A row breaks it.
    pub(super) fn broke(&mut self, invariant: Invariant, row: impl fmt::Display, what: impl Into<String>) {
        let named = self.named;
        let counted = self.counted.entry(invariant).or_default();
        counted.broken += 1;
        if counted.rows.len() < named {
            counted.rows.push(Broken {
                row: row.to_string(),
                what: what.into(),
            });
        }
    }

    /// Centavos that disagree.
    pub(super) fn off_by(&mut self, centavos: u64) {
        self.imbalance = self.imbalance.saturating_add(centavos);
    }

    /// It was not checked.
    pub(super) fn unchecked(&mut self, invariant: Invariant, why: impl Into<String>) {
        self.counted.entry(invariant).or_default().unchecked = Some(why.into());
    }

    /// One row against one invariant, timed; the check answers what is wrong, row and words.
    pub(super) fn hold<W: IntoIterator<Item = (String, String)>>(
        &mut self,
        invariant: Invariant,
        rows: usize,
        check: impl FnOnce() -> W,
    ) {
        let began = Instant::now();
        for (row, what) in check() {
            self.broke(invariant, row, what);
        }
        self.checked(invariant, rows);
        self.counted.entry(invariant).or_default().took += began.elapsed();
    }

    /// Time that a check took.
    pub(super) fn took(&mut self, invariant: Invariant, time: Duration) {
        self.counted.entry(invariant).or_default().took += time;
    }

    /// Takes in what another lane counted.
    pub(super) fn add(&mut self, other: Self) {
        self.off_by(other.imbalance);
        for (invariant, counted) in other.counted {
            let room = self.named;
            let mine = self.counted.entry(invariant).or_default();
            mine.checked += counted.checked;
            mine.broken += counted.broken;
            mine.took += counted.took;
            mine.rows.extend(counted.rows);
            mine.rows.truncate(room);
            mine.unchecked = mine.unchecked.take().or(counted.unchecked);
        }
    }

    /// The report.
    pub(super) fn report(mut self, at: Timestamp, since: Option<Timestamp>, took: Duration) -> Report {
        let unmatched = self.counted.get(&Invariant::Orders).map_or(0, |orders| orders.broken);
        let lines = Invariant::ALL.iter().map(|invariant| {
            let counted = self.counted.remove(invariant).unwrap_or_default();
            Line {
                invariant: *invariant,
                checked: counted.checked,
                broken: counted.broken,
                rows: counted.rows,
                unchecked: counted.unchecked,
                milliseconds: counted.took.as_millis(),
            }
        });
        Report {
            at,
            since,
            lines: lines.collect(),
            imbalance: self.imbalance,
            unmatched,
            milliseconds: took.as_millis(),
        }
    }
}
