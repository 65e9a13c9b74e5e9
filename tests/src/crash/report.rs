//! What a run of crash points shows.

use std::{collections::BTreeMap, fmt, time::Duration};

use activities::crash::Point;

use super::plan::{Cell, Outcome, matrix, of_payouts};

/// What was tried, how often, and what came of it. There is one only when every promise held.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every death, in its order.
    pub deaths: Vec<Cell>,
    /// How often each point was passed, by those that died and those that did not.
    pub passed: BTreeMap<Point, usize>,
    /// Payouts that were asked for, each under a key of its own.
    pub payouts: usize,
    /// Payouts that passed their point unseen; each had another one instead.
    pub missed: usize,
    /// Payouts that only people can end, with why; each is a refused resend.
    pub left: Vec<String>,
    /// How long the deaths took, and how long until the last payout had ended.
    pub took: (Duration, Duration),
}

impl Report {
    /// Points that were passed, of all that there are.
    pub fn coverage(&self) -> (usize, usize) {
        let passed = of_payouts().filter(|point| self.passed.contains_key(point));
        (passed.count(), of_payouts().count())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:24}", "")?;
        for outcome in Outcome::ALL {
            write!(out, "{outcome:>12}")?;
        }
        writeln!(out, "{:>10}", "passed")?;
        for &point in of_payouts() {
            write!(out, "{point:24}")?;
            for outcome in Outcome::ALL {
                let cell = Cell { point, outcome };
                let deaths = self.deaths.iter().filter(|death| **death == cell).count();
                // A dash cannot be; a dot was not asked for.
                let mark = match (deaths, matrix(&[point], &[outcome]).is_empty()) {
                    (0, true) => "-".to_owned(),
                    (0, false) => ".".to_owned(),
                    (deaths, _) => deaths.to_string(),
                };
                write!(out, "{mark:>12}")?;
            }
            writeln!(out, "{:>10}", self.passed.get(&point).copied().unwrap_or_default())?;
        }
        let (passed, all) = self.coverage();
        let (dying, ending) = self.took;
        writeln!(
            out,
            "{} deaths in {} s; points passed {passed}/{all}; {} payouts ({} passed unseen and had another instead), \
             all right {} s after the last death",
            self.deaths.len(),
            dying.as_secs(),
            self.payouts,
            self.missed,
            ending.as_secs(),
        )?;
        writeln!(out, "left to people, each a refused resend: {}", self.left.len())?;
        self.left.iter().try_for_each(|line| writeln!(out, "  {line}"))
    }
}
