//! One SPEI payout: the beneficiary is paid once, or the customer has the money back.

use temporalio_workflow::{
    SyncWorkflowContext, WaitConditionOptions, WorkflowCancellationToken, WorkflowContext, WorkflowResult, workflow,
    workflow_methods,
};

use crate::{
    BANKS, GIRO,
    contract::{Accept, Applied, Asked, Bank, Ledger, Submit},
    domain::{Attention, FieldCode, FieldError, PayoutId},
    outcome::Outcome,
    saga::Saga,
    sentences::support::Next,
    transfer::book,
    wire::{AcceptedStart, Anything, DirectStart, Start},
};

/// The run of a payout. The payout's row decides; the run only says what is asked next.
#[workflow]
#[derive(Default)]
pub struct PayoutWorkflow {
    /// Somebody said that there is something to look at.
    pub(crate) looked: bool,
    /// The attention that the search attribute shows.
    pub(crate) shown: Option<Attention>,
    /// Which payout, once known; `retry` needs it.
    running: Option<(PayoutId, String)>,
}

/// The order of money. Every call is safe to repeat: the payout's row decides.
async fn pay(run: &Saga) -> WorkflowResult<Outcome> {
    loop {
        match run.pivot().await? {
            Submit::Sent { standing } | Submit::Doubt { standing } => run.hear(&standing).await?,
            Submit::NotSent {
                wait_seconds,
                standing,
                waits_for,
            } => {
                run.closed_for(&standing, wait_seconds, waits_for).await;
                continue;
            }
            Submit::Closed { .. } => {}
            Submit::Unknown => return Ok(Outcome::unknown(run.payout)),
        }
        match run.step(|| Ledger::apply, || run.subject(), "post or release").await? {
            Applied::Ended { end, standing } => {
                run.ended(end, &standing);
                return Ok(Outcome::of(end, &standing));
            }
            Applied::Open { standing } => run.hear(&standing).await?,
            Applied::Unknown => return Ok(Outcome::unknown(run.payout)),
        }
    }
}

#[workflow_methods]
impl PayoutWorkflow {
    /// Runs a payout that was accepted, or accepts the request that it was started with.
    #[run(name = "payout")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, start: Start) -> WorkflowResult<Outcome> {
        let start = match start {
            Start::Accepted(start) => match ours(ctx, start) {
                Ok(start) => start,
                Err(refused) => return Ok(*refused),
            },
            Start::Malformed(errors) => return Ok(Outcome::malformed(None, errors)),
            Start::Direct(start) => match accept(ctx, *start).await? {
                Ok(start) => start,
                Err(refused) => return Ok(*refused),
            },
        };
        ctx.state_mut(|state| state.running = Some((start.payout, start.bank.clone())));
        let outcome = if start.bank == GIRO {
            book(ctx, start.payout).await
        } else {
            pay(&Saga {
                ctx: ctx.clone(),
                payout: start.payout,
                bank: start.bank,
            })
            .await
        };
        let detached = WaitConditionOptions::builder()
            .cancellation_token(WorkflowCancellationToken::new())
            .build();
        let _all_answered = ctx
            .wait_condition_with_options(|_| ctx.all_handlers_finished(), detached)
            .await;
        outcome
    }

    /// There may be something to look at. Carries no fact: whatever comes with it is ignored.
    #[signal(name = "look")]
    pub fn look(&mut self, _: &mut SyncWorkflowContext<Self>, _: Anything) {
        self.looked = true;
    }

    /// A person wants to know now: asks the bank once, says what it found, and lets the run go on by its own rules.
    #[update(name = "retry")]
    pub async fn retry(
        ctx: &mut WorkflowContext<Self>,
        _: Anything,
    ) -> Result<Asked, Box<dyn std::error::Error + Send + Sync>> {
        let Some((payout, bank)) = ctx.state(|state| state.running.clone()) else {
            return Ok(Asked {
                standing: None,
                next: Next::Accepting.sentence().en.to_owned(),
                resends: false,
            });
        };
        if bank == GIRO {
            ctx.state_mut(|state| state.looked = true);
            return Ok(Asked {
                standing: None,
                next: Next::NoBank.sentence().en.to_owned(),
                resends: false,
            });
        }
        let run = Saga {
            ctx: ctx.clone(),
            payout,
            bank,
        };
        let asked = ctx.execute_activity(Bank::ask, run.subject(), run.ask()).await;
        ctx.state_mut(|state| state.looked = true);
        Ok(asked.unwrap_or_else(|_| Asked {
            standing: None,
            next: Next::NoAnswer.sentence().en.to_owned(),
            resends: false,
        }))
    }
}

/// A start whose run is the payout's own, at a bank that giro has.
fn ours(ctx: &WorkflowContext<PayoutWorkflow>, start: AcceptedStart) -> Result<AcceptedStart, Box<Outcome>> {
    let error = if ctx.workflow_id() != start.payout.workflow_id() {
        FieldError::new(
            "/payout",
            FieldCode::WorkflowId,
            "start it under the workflow id payout-<payout>",
        )
    } else if start.bank != GIRO && !BANKS.contains(&start.bank.as_str()) {
        FieldError::new("/bank", FieldCode::UnknownBank, "name a bank that giro pays through")
    } else {
        return Ok(start);
    };
    Err(Box::new(Outcome::malformed(Some(start.payout), vec![error])))
}

/// Holds the money of a request that started its run itself; the run's id must be the payout's.
async fn accept(
    ctx: &WorkflowContext<PayoutWorkflow>,
    start: DirectStart,
) -> WorkflowResult<Result<AcceptedStart, Box<Outcome>>> {
    let payout = start.payout;
    if ctx.workflow_id() != payout.workflow_id() {
        let error = FieldError::new(
            "/payout",
            FieldCode::WorkflowId,
            "start it under the workflow id payout-<payout>",
        );
        return Ok(Err(Box::new(Outcome::malformed(Some(payout), vec![error]))));
    }
    let run = Saga {
        ctx: ctx.clone(),
        payout,
        bank: String::new(),
    };
    let accepted = run.step(|| Ledger::accept, || start.clone(), "accept and hold").await?;
    Ok(match accepted {
        Accept::Accepted { standing, institution } => {
            run.describe(&standing, institution);
            Ok(AcceptedStart {
                payout,
                bank: standing.bank,
            })
        }
        Accept::Refused { refusal } => Err(Box::new(Outcome::refused(payout, refusal))),
        Accept::Malformed { errors } => Err(Box::new(Outcome::malformed(Some(payout), errors))),
    })
}
