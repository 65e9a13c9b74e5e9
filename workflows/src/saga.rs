//! The verbs of a payout's run, with every timeout and retry: `step`, `pivot`, `hear`, `finish`.
//!
//! Every wait and call is detached from the run's own cancellation: a Temporal cancel changes nothing. Futures here are
//! hot, so each loser of a race is cancelled by hand.

use std::time::Duration;

use futures::FutureExt;
use temporalio_common::{ActivityDefinition, Priority};
use temporalio_workflow::{
    ActivityOptions, CancellableFuture, RetryPolicy, WorkflowCancellationToken, WorkflowContext, WorkflowResult, select,
};

use crate::{
    attributes, bank_queue,
    contract::{Bank, Standing, Subject, Submit},
    domain::{Attention, End, PayoutId},
    payout::PayoutWorkflow,
    sentences::{self, filled, support::Next},
    verbs::{self, Looks, look, timer},
};

/// The bank's word usually comes within this; asking before is noise.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// A person was told: the timer only keeps the wait alive.
const A_DAY: Duration = Duration::from_secs(86_400);
/// Above the adapter's own total of 10 s, and the commits around it.
const BANK_CALL: Duration = Duration::from_secs(20);
/// A person waits for the answer to `retry`.
const ASK_ALL: Duration = Duration::from_secs(30);

/// Handed out before questions, which have the server's own middle priority.
const FIRST: u32 = 1;

impl Looks for PayoutWorkflow {
    fn has_looked(&self) -> bool {
        self.looked
    }

    fn forget(&mut self) {
        self.looked = false;
    }
}

/// A run of one payout.
pub(crate) struct Saga {
    pub(crate) ctx: WorkflowContext<PayoutWorkflow>,
    pub(crate) payout: PayoutId,
    pub(crate) bank: String,
}

impl Saga {
    /// Asks the bank's worker to send; what may have happened comes back as a value, because doubt is not an error.
    pub(crate) async fn pivot(&self) -> WorkflowResult<Submit> {
        let mut options = self.bank_call(BANK_CALL, format!("submit to {}", self.bank));
        // The bank's queue has a rate: a new order does not wait behind all questions about old ones.
        let mut priority = Priority::default();
        priority.priority_key = Some(FIRST);
        options.priority = Some(priority);
        Ok(self.ctx.execute_activity(Bank::submit, self.subject(), options).await?)
    }

    /// A step on the books: local and quick, else a regular activity that never gives up.
    pub(crate) async fn step<A: ActivityDefinition>(
        &self,
        marker: impl Fn() -> A,
        input: impl Fn() -> A::Input,
        summary: &str,
    ) -> WorkflowResult<A::Output> {
        verbs::step(&self.ctx, marker, input, summary).await
    }

    /// Returns when there is something to look at: a `look`, or the bank's answer to our question. Past the deadline it
    /// tells a person, and goes on asking.
    pub(crate) async fn hear(&self, standing: &Standing) -> WorkflowResult<()> {
        self.show(standing, Next::Waiting.sentence().en);
        let mut left = Duration::from_secs(standing.deadline_seconds);
        let first = FIRST_LOOK.min(left.max(Duration::from_secs(1)));
        if self.wait(first, "before asking").await {
            return Ok(());
        }
        left = left.saturating_sub(first);
        let mut standing = standing.clone();
        loop {
            let past = left.is_zero();
            if past {
                self.overdue(&standing);
            }
            let token = WorkflowCancellationToken::new();
            let mut asked = self
                .ctx
                .execute_activity(Bank::inquire, self.subject(), self.inquiry(token));
            let mut timer = self
                .ctx
                .timer(timer(if past { A_DAY } else { left }, "until a person is told"));
            let heard: Standing = loop {
                let mut looked = std::pin::pin!(look(&self.ctx).fuse());
                select! {
                    () = looked => { asked.cancel(); timer.cancel(); return Ok(()) }
                    heard = asked => { timer.cancel(); break heard? }
                    _ = timer => self.overdue(&standing),
                }
            };
            let told = heard.attention.is_some() && heard.attention != self.shown();
            self.show(&heard, Next::Answered.sentence().en);
            if !told {
                return Ok(());
            }
            left = Duration::from_secs(heard.deadline_seconds);
            standing = heard;
        }
    }

    /// The deadline is past: a person is told, unless they already know better.
    fn overdue(&self, standing: &Standing) {
        if standing.attention.is_none() {
            self.raise(Attention::Deadline, standing);
        }
    }

    /// Waits until it is worth another try, or someone says `look`.
    pub(crate) async fn closed_for(&self, standing: &Standing, wait_seconds: u64, waits_for: Option<String>) {
        let soon = || filled(Next::NotSent.sentence().en, &[("seconds", &wait_seconds)]);
        self.show(standing, &waits_for.unwrap_or_else(soon));
        self.wait(Duration::from_secs(wait_seconds.max(1)), "until the bank may be tried")
            .await;
    }

    /// Shows where the payout stands; attention becomes a search attribute only when it changes.
    pub(crate) fn show(&self, standing: &Standing, next: &str) {
        match standing.attention {
            Some(attention) => self.raise(attention, standing),
            None if self.shown().is_some() && standing.deadline_seconds > 0 => {
                self.ctx.state_mut(|state| state.shown = None);
                self.ctx
                    .upsert_search_attributes([attributes::NO_ATTENTION.value_set(Vec::new())]);
            }
            None => {}
        }
        self.ctx
            .set_current_details(sentences::details(standing, self.shown(), next));
    }

    /// Says at start what a run started by the API says from its first event on.
    pub(crate) fn describe(&self, standing: &Standing, institution: u32) {
        self.ctx.upsert_search_attributes([
            attributes::BANK.value_set(standing.bank.clone()),
            attributes::INSTITUTION.value_set(institution.to_string()),
            attributes::AMOUNT_CENTS.value_set(standing.amount.get()),
            attributes::TRACKING_KEY.value_set(standing.tracking_key.to_string()),
        ]);
    }

    /// The last words of a run, in one upsert.
    pub(crate) fn ended(&self, end: End, standing: &Standing) {
        let outcome = attributes::OUTCOME.value_set(end.word().to_owned());
        match (self.shown(), standing.attention) {
            (Some(_), None) => {
                self.ctx.state_mut(|state| state.shown = None);
                self.ctx
                    .upsert_search_attributes([outcome, attributes::NO_ATTENTION.value_set(Vec::new())]);
            }
            (_, Some(attention)) => {
                self.ctx.state_mut(|state| state.shown = Some(attention));
                self.ctx
                    .upsert_search_attributes([outcome, attributes::ATTENTION.value_set(attention.word().to_owned())]);
            }
            (None, None) => self.ctx.upsert_search_attributes([outcome]),
        }
        self.ctx
            .set_current_details(sentences::details(standing, self.shown(), Next::Ended.sentence().en));
    }

    fn raise(&self, attention: Attention, standing: &Standing) {
        if self.shown() != Some(attention) {
            self.ctx.state_mut(|state| state.shown = Some(attention));
            self.ctx
                .upsert_search_attributes([attributes::ATTENTION.value_set(attention.word().to_owned())]);
            self.ctx.set_current_details(sentences::details(
                standing,
                Some(attention),
                Next::Asking.sentence().en,
            ));
        }
    }

    fn shown(&self) -> Option<Attention> {
        self.ctx.state(|state| state.shown)
    }

    /// True when someone said `look` before the timer fired.
    async fn wait(&self, duration: Duration, why: &str) -> bool {
        verbs::wait(&self.ctx, duration, why).await
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject {
            payout: self.payout,
            shown: self.shown(),
        }
    }

    fn inquiry(&self, token: WorkflowCancellationToken) -> ActivityOptions {
        let mut options = self.bank_call(BANK_CALL, format!("ask {}", self.bank));
        options.cancellation_token = Some(token);
        options
    }

    /// One question because a person wants to know.
    pub(crate) fn ask(&self) -> ActivityOptions {
        let mut options = self.bank_call(BANK_CALL, format!("ask {} now", self.bank));
        options.retry_policy = Some(RetryPolicy::builder().maximum_attempts(2).build());
        options.close_timeouts = temporalio_workflow::ActivityCloseTimeouts::ScheduleToClose(ASK_ALL);
        options
    }

    fn bank_call(&self, limit: Duration, summary: String) -> ActivityOptions {
        ActivityOptions::with_start_to_close_timeout(limit)
            .task_queue(bank_queue(self.ctx.task_queue(), &self.bank))
            .cancellation_token(WorkflowCancellationToken::new())
            .retry_policy(
                RetryPolicy::builder()
                    .initial_interval(Duration::from_secs(2))
                    .maximum_interval(Duration::from_secs(60))
                    .build(),
            )
            .summary(summary)
            .build()
    }
}
