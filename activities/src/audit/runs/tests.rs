//! Open payouts and their runs, case by case.

use super::*;

#[test]
fn an_open_payout_runs_or_is_not_due() {
    let now: Timestamp = "2026-11-24T17:00:00Z".parse().expect("a time");
    let ago = |seconds| Some(now - SignedDuration::from_secs(seconds));
    let clocks = Clocks {
        books: now,
        machine: now,
    };
    let grace = SignedDuration::from_secs(120);
    let cases = [
        (Run::Running, ago(900), None, 0),
        (Run::None, ago(60), None, 0),
        (Run::None, ago(900), ago(60), 0),
        (Run::None, ago(900), None, 1),
        (Run::None, ago(900), ago(900), 1),
        (Run::None, None, None, 1),
        (Run::Ended(Status::Terminated, ago(60)), ago(900), None, 0),
        (Run::Ended(Status::Terminated, ago(900)), ago(900), None, 1),
        (Run::Ended(Status::Terminated, ago(900)), ago(900), ago(1), 0),
        (Run::Ended(Status::Completed, ago(900)), ago(60), None, 0),
        (Run::Ended(Status::Failed, None), ago(900), ago(900), 1),
    ];
    for (number, (run, deadline_at, swept_at, broken)) in cases.into_iter().enumerate() {
        let id = Uuid::from_u128(7);
        let open = [Open {
            id,
            deadline_at,
            swept_at,
        }];
        let mut tally = Tally::new(9);
        compare(&open, &BTreeMap::from([(id, run)]), clocks, grace, &mut tally);
        let report = tally.report(now, None, std::time::Duration::ZERO);
        let found: u64 = report.lines.iter().map(|line| line.broken).sum();
        assert_eq!(found, broken, "case {number}");
        // One that was not asked for, because it was accepted meanwhile, is under way.
        let mut tally = Tally::new(9);
        compare(&open, &BTreeMap::new(), clocks, grace, &mut tally);
        assert!(tally.report(now, None, std::time::Duration::ZERO).broken().is_empty());
    }
}
