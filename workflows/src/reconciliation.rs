//! The banks' days, closed and running, held against the books: a Temporal Schedule starts it, and each run does what is due.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityCloseTimeouts, ActivityOptions, RetryPolicy, WorkflowContext, WorkflowResult, workflow, workflow_methods,
};

use crate::{
    BANKS, bank_queue,
    contract::{Bank, Reconciled},
    wire::Anything,
};

/// Statements of twenty busy days, page by page, under the bank's rate limit.
const ONE_READING: Duration = Duration::from_secs(600);
/// A long one holds up the next runs, which find what it leaves due.
const ALL_READINGS: Duration = Duration::from_secs(1_500);
/// A worker that died is missed this soon.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// A run of it. It keeps nothing: what was read stands in the books.
#[workflow]
#[derive(Default)]
pub struct ReconciliationWorkflow;

/// What became of one bank's closed days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reconciliation")]
pub enum Reconciliation {
    /// All that was due was read.
    Read(Reconciled),
    /// The bank, or the books, were away: what is due is read by the next run.
    Left {
        /// The bank.
        bank: String,
    },
}

#[workflow_methods]
impl ReconciliationWorkflow {
    /// Bank after bank; what one leaves holds up no other.
    #[run(name = "reconciliation")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _: Anything) -> WorkflowResult<Vec<Reconciliation>> {
        let mut all = Vec::new();
        for bank in BANKS {
            let limits = ActivityCloseTimeouts::ScheduleAndStartToClose {
                schedule_to_close: ALL_READINGS,
                start_to_close: ONE_READING,
            };
            let options = ActivityOptions::with_close_timeouts(limits)
                .heartbeat_timeout(SIGN_OF_LIFE)
                .task_queue(bank_queue(ctx.task_queue(), bank))
                .retry_policy(
                    RetryPolicy::builder()
                        .initial_interval(Duration::from_secs(2))
                        .maximum_interval(Duration::from_secs(120))
                        .build(),
                )
                .summary(format!("days of {bank}"))
                .build();
            let read = ctx.execute_activity(Bank::reconcile, (), options).await;
            all.push(match read {
                Ok(read) => Reconciliation::Read(read),
                Err(_) => Reconciliation::Left {
                    bank: (*bank).to_owned(),
                },
            });
        }
        Ok(all)
    }
}
