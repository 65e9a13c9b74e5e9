//! The Temporal Schedule that starts the reconciliation: made where it is missing, also after Temporal has
//! lost its database. People may pause it there, or trigger it; what it is stays as it was made until it is deleted.

use std::time::Duration;

use temporalio_client::{
    Client,
    schedules::{CreateScheduleOptions, ScheduleAction, ScheduleError, ScheduleOverlapPolicy, ScheduleSpec},
    tonic::Code,
};
use tracing::{info, warn};
use workflows::{ReconciliationWorkflow, wire::Anything};

/// Every five minutes, and soon after 18:10, when a day has closed and the guard around that is over.
const TIMES: &str = "2-59/5 * * * *";
const TIME_ZONE: &str = "America/Mexico_City";
/// Between two looks whether it is there.
const EVERY: Duration = Duration::from_secs(300);

/// The schedule of a deployment, by its queue of workflows; its runs are called so too, with their time.
pub fn id(queue: &str) -> String {
    format!("{queue}-reconciliation")
}

/// Makes it where it is missing, until `stop` resolves.
pub(crate) async fn keep(client: Client, queue: String, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        match make(&client, &queue).await {
            Ok(true) => info!(schedule = id(&queue), "the bank's days are reconciled by schedule"),
            Ok(false) => {}
            Err(error) => warn!(%error, schedule = id(&queue), "not made: tried again"),
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// True when it was made now.
async fn make(client: &Client, queue: &str) -> Result<bool, ScheduleError> {
    let spec = ScheduleSpec::builder()
        .cron_strings(vec![TIMES.to_owned()])
        .timezone_name(TIME_ZONE)
        .build();
    let action = ScheduleAction::start_workflow(ReconciliationWorkflow::run, Anything, queue, id(queue));
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(spec)
        .overlap_policy(ScheduleOverlapPolicy::Skip)
        .build();
    match client.create_schedule(id(queue), options).await {
        Ok(_) => Ok(true),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
