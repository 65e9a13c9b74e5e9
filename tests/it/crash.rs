//! Every crash point once, the bank's outcomes by turns; `cargo faults` has the whole matrix.

use anyhow::{Result, ensure};
use tests::{
    crash::{self, Point},
    stack::at_work,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_crash_point_is_died_at_once() -> Result<()> {
    let _place = at_work().await?;
    let cells = crash::once();
    let report = crash::run_cells("crash", &cells, &|_| {}).await?;
    eprintln!("{report}");
    ensure!(report.deaths.len() == cells.len(), "{} deaths", report.deaths.len());
    let (passed, all) = report.coverage();
    ensure!(passed == all, "points passed: {passed}/{all}");
    Ok(())
}

/// More than three hundred deaths in minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; cargo faults runs it"]
async fn every_crash_point_is_died_at_with_every_outcome() -> Result<()> {
    let say = |now: &crash::Progress| eprintln!("  {}/{} {}", now.deaths, now.of, now.now);
    let report = crash::run("crash_matrix", Point::ALL, &crash::Outcome::ALL, &say).await?;
    eprintln!("{report}");
    let (passed, all) = report.coverage();
    ensure!(passed == all, "points passed: {passed}/{all}");
    Ok(())
}
