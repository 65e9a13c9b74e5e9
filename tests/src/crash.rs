//! Every crash point of giro against every bank outcome: a payout is driven to the place, the process dies there of
//! SIGABRT, comes back, and in the end every key has one payout, every payout its end, and bank and books agree.
//!
//! All of it happens on one stack. Processes die in the order of a plan; each death is aimed at one payout, or at the one
//! request that a victim serves, so that each pair of a point and an outcome has a death of its own.

mod aim;
mod drive;
mod plan;
mod report;
mod verdict;
mod yard;

use anyhow::{Result, ensure};

pub use activities::crash::Point;
pub use plan::{Cell, Deed, Outcome, beside, matrix, once};
pub use report::Report;

use yard::Yard;

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Deaths so far.
    pub deaths: usize,
    /// Deaths in all.
    pub of: usize,
    /// What happens now.
    pub now: String,
}

/// Who is told how far a run is.
pub type Listener<'a> = &'a (dyn Fn(&Progress) + Sync);

/// Every one of these points against every one of these outcomes that can reach it. `name` is the stack's.
pub async fn run(name: &str, points: &[Point], outcomes: &[Outcome], progress: Listener<'_>) -> Result<Report> {
    run_cells(name, &matrix(points, outcomes), progress).await
}

/// These deaths; an error says which never came, which payout is wrong, or which promise broke.
pub async fn run_cells(name: &str, cells: &[Cell], progress: Listener<'_>) -> Result<Report> {
    ensure!(!cells.is_empty(), "no outcome reaches these points");
    let mut yard = Yard::open(name, cells, progress).await?;
    yard.kill_all().await?;
    yard.verdict().await
}
