//! What every run does alike: a step on the books, a wait that somebody may cut short.
//!
//! Every wait and call is detached from the run's own cancellation: a Temporal cancel changes nothing. Futures here are
//! hot, so each loser of a race is cancelled by hand.

use std::time::Duration;

use futures::FutureExt;
use temporalio_common::ActivityDefinition;
use temporalio_workflow::{
    ActivityOptions, CancellableFuture, LocalActivityOptions, RetryPolicy, TimerOptions, WaitConditionOptions,
    WorkflowCancellationToken, WorkflowContext, WorkflowResult, select,
};

/// A ledger step that takes longer is tried again as a regular activity, which leaves the run free to hear.
const LEDGER_LOCAL: Duration = Duration::from_secs(5);
const LEDGER_CALL: Duration = Duration::from_secs(10);

/// A run that can be told to look.
pub(crate) trait Looks {
    /// Somebody said that there is something to look at.
    fn has_looked(&self) -> bool;

    /// It was looked at.
    fn forget(&mut self);
}

/// A step on the books: local and quick, else a regular activity that never gives up.
pub(crate) async fn step<W, A: ActivityDefinition>(
    ctx: &WorkflowContext<W>,
    marker: impl Fn() -> A,
    input: impl Fn() -> A::Input,
    summary: &str,
) -> WorkflowResult<A::Output> {
    let local = LocalActivityOptions::builder()
        .start_to_close_timeout(LEDGER_LOCAL)
        .schedule_to_close_timeout(LEDGER_LOCAL)
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_millis(200))
                .maximum_attempts(5)
                .build(),
        )
        .timer_backoff_threshold(Duration::from_secs(1))
        .cancellation_token(WorkflowCancellationToken::new())
        .summary(summary.to_owned())
        .build();
    if let Ok(done) = ctx.execute_local_activity(marker(), input(), local).await {
        return Ok(done);
    }
    let remote = ActivityOptions::with_start_to_close_timeout(LEDGER_CALL)
        .cancellation_token(WorkflowCancellationToken::new())
        .retry_policy(RetryPolicy::builder().maximum_interval(Duration::from_secs(30)).build())
        .summary(summary.to_owned())
        .build();
    Ok(ctx.execute_activity(marker(), input(), remote).await?)
}

/// True when someone said `look` before the timer fired.
pub(crate) async fn wait<W: Looks>(ctx: &WorkflowContext<W>, duration: Duration, why: &str) -> bool {
    let mut timer = ctx.timer(timer(duration, why));
    let mut looked = std::pin::pin!(look(ctx).fuse());
    select! {
        () = looked => { timer.cancel(); true }
        _ = timer => false,
    }
}

/// Resolves when someone says `look`, and takes it.
pub(crate) async fn look<W: Looks>(ctx: &WorkflowContext<W>) {
    let detached = WaitConditionOptions::builder()
        .cancellation_token(WorkflowCancellationToken::new())
        .build();
    let _never_cancelled = ctx.wait_condition_with_options(W::has_looked, detached).await;
    ctx.state_mut(W::forget);
}

/// A timer that nothing but its own run cancels.
pub(crate) fn timer(duration: Duration, why: &str) -> TimerOptions {
    TimerOptions::builder(duration)
        .cancellation_token(WorkflowCancellationToken::new())
        .summary(why.to_owned())
        .build()
}
