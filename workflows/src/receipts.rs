//! Questions to Banxico's portal of receipts, one after the other: a run of it is started where somebody wants one asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityCloseTimeouts, ActivityOptions, RetryPolicy, WorkflowContext, WorkflowResult, workflow, workflow_methods,
};

use crate::{
    banxico_queue,
    contract::{Banxico, Turn},
    verbs::timer,
    wire::Anything,
};

/// Both pages of one question, and the books.
const ONE_QUESTION: Duration = Duration::from_secs(60);
/// Where nobody polls the queue for so long, the run ends; another is started while something is due.
const ALL_ATTEMPTS: Duration = Duration::from_secs(600);
/// Turns in one run: its history stays short, and what is left is another's.
const TURNS: u32 = 100;

/// The id of a deployment's run, by its queue of workflows: there is one at a time.
pub fn id(queue: &str) -> String {
    format!("{queue}-receipts")
}

/// A run of it. It keeps nothing: what is asked, and what was answered, stands in the books.
#[workflow]
#[derive(Default)]
pub struct ReceiptsWorkflow;

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// Questions that were asked.
    pub asked: u32,
    /// Nothing was due any more, or soon. Else it ended after its turns, or because nobody took one, and another goes on while
    /// something is due.
    pub is_done: bool,
}

#[workflow_methods]
impl ReceiptsWorkflow {
    /// Question after question, at the portal's pace.
    #[run(name = "receipts")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _: Anything) -> WorkflowResult<Receipts> {
        let mut done = Receipts::default();
        for _ in 0..TURNS {
            let limits = ActivityCloseTimeouts::ScheduleAndStartToClose {
                schedule_to_close: ALL_ATTEMPTS,
                start_to_close: ONE_QUESTION,
            };
            let options = ActivityOptions::with_close_timeouts(limits)
                .task_queue(banxico_queue(ctx.task_queue()))
                .retry_policy(
                    RetryPolicy::builder()
                        .initial_interval(Duration::from_secs(2))
                        .maximum_interval(Duration::from_secs(60))
                        .build(),
                )
                .summary("the next question to Banxico".to_owned())
                .build();
            let wait_seconds = match ctx.execute_activity(Banxico::look_up, (), options).await {
                Ok(Turn::Asked { wait_seconds, .. }) => {
                    done.asked += 1;
                    wait_seconds
                }
                Ok(Turn::Wait { wait_seconds }) => wait_seconds,
                Ok(Turn::Nothing) => {
                    done.is_done = true;
                    break;
                }
                Err(_) => break,
            };
            let pace = timer(Duration::from_secs(wait_seconds), "until Banxico may be asked");
            let _fired = ctx.timer(pace).await;
        }
        Ok(done)
    }
}
