//! One deposit: the customer that it is for has it, or it stands apart until people decide.

use temporalio_workflow::{SyncWorkflowContext, WorkflowContext, WorkflowResult, workflow, workflow_methods};

use crate::{
    arrival::{ArrivalOutcome, Keeps, Looked, Run},
    contract::{Ledger, Placed},
    domain::ReceivedState,
    verbs,
    wire::{Anything, ArrivalStart},
};

/// The run of a deposit. The record's row decides; the run only says what is asked next.
#[workflow]
#[derive(Default)]
pub struct DepositWorkflow {
    kept: Looked,
}

impl Keeps for DepositWorkflow {
    fn kept(&self) -> &Looked {
        &self.kept
    }

    fn kept_mut(&mut self) -> &mut Looked {
        &mut self.kept
    }
}

/// The order of money.
async fn place(run: &Run<DepositWorkflow>) -> WorkflowResult<ArrivalOutcome> {
    let mut looks = 0;
    loop {
        let placed = verbs::step(&run.ctx, || Ledger::deposit, || run.arrival, "credit, or set apart").await?;
        match placed {
            Placed::Placed { standing } => match standing.state {
                ReceivedState::Unapplied => run.wait_for_people(&standing).await,
                ReceivedState::Returning => {
                    run.wait_for_sending_back(&standing, looks).await;
                    looks += 1;
                }
                ReceivedState::Received
                | ReceivedState::Applied
                | ReceivedState::SentBack
                | ReceivedState::Suspended => return Ok(run.ended(&standing)),
            },
            Placed::Waits { standing } => run.wait_for_people(&standing).await,
            Placed::Unknown => return Ok(ArrivalOutcome::unknown(run.arrival.received)),
        }
    }
}

#[workflow_methods]
impl DepositWorkflow {
    /// Runs until the deposit has its place.
    #[run(name = "deposit")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, start: ArrivalStart) -> WorkflowResult<ArrivalOutcome> {
        match start {
            ArrivalStart::Of(arrival) => {
                let ctx = ctx.clone();
                place(&Run { ctx, arrival }).await
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
