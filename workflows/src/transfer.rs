//! Money that stays: from one account of giro's own to another, in one block, at once or at its time.

use std::time::Duration;

use temporalio_workflow::{SyncWorkflowContext, WorkflowContext, WorkflowResult, workflow, workflow_methods};

use crate::{
    attributes,
    contract::{Booked, Ledger, Standing, Subject},
    domain::{FieldCode, FieldError, PayoutId},
    outcome::Outcome,
    sentences::{self, support::Next},
    verbs::{self, Looks},
    wire::{Anything, Transfer, TransferStart},
};

/// The run of a transfer. The row decides; the run only waits for its time.
#[workflow]
#[derive(Default)]
pub struct TransferWorkflow {
    looked: bool,
}

impl Looks for TransferWorkflow {
    fn has_looked(&self) -> bool {
        self.looked
    }

    fn forget(&mut self) {
        self.looked = false;
    }
}

/// The order of money, of a transfer and of a payout whose CLABE is a customer's of giro's own. No bank is asked, so that
/// nothing is in doubt.
pub(crate) async fn book<W: Looks>(ctx: &WorkflowContext<W>, payout: PayoutId) -> WorkflowResult<Outcome> {
    let subject = || Subject { payout, shown: None };
    loop {
        match verbs::step(ctx, || Ledger::book, subject, "move the money, once it is time").await? {
            Booked::Waits {
                wait_seconds,
                standing,
                waits_for,
            } => {
                show(ctx, &standing, &waits_for);
                verbs::wait(ctx, Duration::from_secs(wait_seconds.max(1)), "until its time").await;
            }
            Booked::Ended { end, standing } => {
                ctx.upsert_search_attributes([attributes::OUTCOME.value_set(end.word().to_owned())]);
                show(ctx, &standing, Next::Ended.sentence().en);
                return Ok(Outcome::of(end, &standing));
            }
            Booked::Unknown => return Ok(Outcome::unknown(payout)),
        }
    }
}

fn show<W>(ctx: &WorkflowContext<W>, standing: &Standing, next: &str) {
    ctx.set_current_details(sentences::details(standing, None, next));
}

#[workflow_methods]
impl TransferWorkflow {
    /// Runs until the money has moved, or stays for good.
    #[run(name = "transfer")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, start: TransferStart) -> WorkflowResult<Outcome> {
        match start {
            TransferStart::Of(Transfer { transfer }) if ctx.workflow_id() == transfer.workflow_id() => {
                book(ctx, transfer.payout()).await
            }
            TransferStart::Of(Transfer { transfer }) => {
                let mend = "start it under the workflow id transfer-<transfer>";
                let error = FieldError::new("/transfer", FieldCode::WorkflowId, mend);
                Ok(Outcome::malformed(Some(transfer.payout()), vec![error]))
            }
            TransferStart::Malformed(errors) => Ok(Outcome::malformed(None, errors)),
        }
    }

    /// There may be something to look at. Carries no fact: whatever comes with it is ignored.
    #[signal(name = "look")]
    pub fn look(&mut self, _: &mut SyncWorkflowContext<Self>, _: Anything) {
        self.looked = true;
    }
}
