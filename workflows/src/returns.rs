//! One return: what came back of a payout is with its payer again, once its payout is settled.

use temporalio_workflow::{SyncWorkflowContext, WorkflowContext, WorkflowResult, workflow, workflow_methods};

use crate::{
    arrival::{ArrivalOutcome, Keeps, Looked, Run},
    contract::{Ledger, Placed},
    domain::ReceivedState,
    verbs,
    wire::{Anything, ArrivalStart},
};

/// The run of a return. The rows decide; the run only says what is asked next.
#[workflow]
#[derive(Default)]
pub struct ReturnWorkflow {
    kept: Looked,
}

impl Keeps for ReturnWorkflow {
    fn kept(&self) -> &Looked {
        &self.kept
    }

    fn kept_mut(&mut self) -> &mut Looked {
        &mut self.kept
    }
}

/// The order of money.
async fn give_back(run: &Run<ReturnWorkflow>) -> WorkflowResult<ArrivalOutcome> {
    let mut looks = 0;
    loop {
        let placed = verbs::step(&run.ctx, || Ledger::give_back, || run.arrival, "reverse what came back").await?;
        match placed {
            Placed::Waits { standing } => {
                run.wait_for_posting(&standing, looks).await;
                looks += 1;
            }
            Placed::Placed { standing } => match standing.state {
                ReceivedState::Unapplied => run.wait_for_people(&standing).await,
                ReceivedState::Received
                | ReceivedState::Applied
                | ReceivedState::Returning
                | ReceivedState::SentBack
                | ReceivedState::Suspended => return Ok(run.ended(&standing)),
            },
            Placed::Unknown => return Ok(ArrivalOutcome::unknown(run.arrival.received)),
        }
    }
}

#[workflow_methods]
impl ReturnWorkflow {
    /// Runs until what came back has its place.
    #[run(name = "return")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, start: ArrivalStart) -> WorkflowResult<ArrivalOutcome> {
        match start {
            ArrivalStart::Of(arrival) => {
                let ctx = ctx.clone();
                give_back(&Run { ctx, arrival }).await
            }
            ArrivalStart::Malformed(errors) => Ok(ArrivalOutcome::malformed(errors)),
        }
    }

    /// There may be something to look at. Carries no fact: whatever comes with it is ignored.
    #[signal(name = "look")]
    pub fn look(&mut self, _: &mut SyncWorkflowContext<Self>, _: Anything) {
        self.kept.look();
    }
}
