//! Open payouts against Temporal. Runs are asked before the books are read: a run that had ended by then left an end.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use temporalio_client::{Client, WorkflowExecutionStatus as Status, errors::WorkflowInteractionError};
use uuid::Uuid;
use workflows::{PayoutWorkflow, domain::PayoutId};

use super::report::{Invariant, Tally};

/// Questions to Temporal at once.
const AT_ONCE: usize = 16;

/// What Temporal knows of a payout's latest run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// It runs.
    Running,
    /// It ended so, then.
    Ended(Status, Option<Timestamp>),
    /// There is none.
    None,
}

/// Asks for the latest run of each payout; the error is the first that says nothing.
pub(super) async fn ask(client: &Client, payouts: &[(Uuid, String)]) -> Result<BTreeMap<Uuid, Run>, String> {
    let asked = stream::iter(payouts.iter().cloned()).map(|(payout, run)| async move {
        let run = client.get_workflow_handle::<PayoutWorkflow>(run);
        match run.describe(Default::default()).await {
            Ok(described) if described.status() == Status::Running => Ok((payout, Run::Running)),
            Ok(described) => {
                let closed = described.close_time().and_then(|at| Timestamp::try_from(at).ok());
                Ok((payout, Run::Ended(described.status(), closed)))
            }
            Err(WorkflowInteractionError::NotFound(_)) => Ok((payout, Run::None)),
            Err(error) => Err(format!("Temporal does not answer: {error}")),
        }
    });
    let answers: Vec<Result<(Uuid, Run), String>> = asked.buffer_unordered(AT_ONCE).collect().await;
    answers.into_iter().collect()
}

/// An open payout, as the books have it after its run was asked for.
pub(super) struct Open {
    pub(super) id: Uuid,
    pub(super) deadline_at: Option<Timestamp>,
    pub(super) swept_at: Option<Timestamp>,
}

/// Two clocks: a test may move that of the books.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    pub(super) books: Timestamp,
    pub(super) machine: Timestamp,
}

/// Each open payout runs, or is not due yet, or was started again when it was.
///
/// What happened within `grace` is under way: deadlines and sweeps by the books' clock, ends of runs by this machine's.
pub(super) fn compare(
    open: &[Open],
    runs: &BTreeMap<Uuid, Run>,
    clocks: Clocks,
    grace: SignedDuration,
    tally: &mut Tally,
) {
    let before = Clocks {
        books: clocks.books.checked_sub(grace).unwrap_or(clocks.books),
        machine: clocks.machine.checked_sub(grace).unwrap_or(clocks.machine),
    };
    let rows: Vec<(&Open, Run)> = open.iter().filter_map(|row| Some((row, *runs.get(&row.id)?))).collect();
    tally.hold(Invariant::Runs, rows.len(), || {
        rows.into_iter().filter_map(|(row, run)| {
            let what = stuck(row, run, before)?;
            Some((PayoutId::new(row.id).to_string(), what))
        })
    });
}

fn stuck(row: &Open, run: Run, before: Clocks) -> Option<String> {
    let overdue = row.deadline_at.is_none_or(|at| at < before.books) && row.swept_at.is_none_or(|at| at < before.books);
    match run {
        Run::Running => None,
        Run::Ended(_, Some(at)) if at >= before.machine => None,
        Run::Ended(status, _) => overdue.then(|| format!("is open and due, and its run is {status:?}")),
        Run::None => overdue.then(|| "is open and due, and nobody started its run".to_owned()),
    }
}

#[cfg(test)]
mod tests;
