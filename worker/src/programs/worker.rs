//! `giro worker`: runs of payouts with their ledger steps, and the calls to each bank, each on its own queue.

use std::{sync::Arc, time::Duration};

use activities::{
    bank::{Bank, stp::Stp},
    banxico::Portal,
    catch_up, inbox,
    meters::{self, Program},
    receive::{Arrivals, Puller},
    steps::{BankSteps, BanxicoSteps, DirectStarts, LedgerSteps},
};
use anyhow::Context;
use futures::future::try_join_all;
use temporalio_sdk::{
    Worker, WorkerOptions,
    runtime::{Runtime, RuntimeOptions},
};
use tokio::{sync::watch, task::JoinHandle};
use tracing::info;
use workflows::{
    DepositWorkflow, PayoutWorkflow, ReceiptsWorkflow, ReconciliationWorkflow, ReturnWorkflow, TransferWorkflow,
    bank_queue, banxico_queue,
};

use super::{open_ledger, stop_signal, stopped};
use crate::{config::Config, schedule, scrape, starter, telemetry};

/// A killed worker delays each of its runs by this; lower costs replays when a worker is merely slow.
const STICKY: Duration = Duration::from_secs(2);
/// Above a bank call; a pod's termination grace must be above this.
const GRACE: Duration = Duration::from_secs(25);

/// Which queues a worker polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Queues {
    /// All of them: the queue of runs, the bank's, and Banxico's.
    All,
    /// Runs and ledger steps; needs no credentials of a bank.
    Runs,
    /// Calls to STP and its inbox; needs STP's credentials.
    Stp,
    /// Questions to Banxico's portal of receipts; needs no credentials.
    Banxico,
}

/// Polls until SIGTERM, then lets what has begun finish.
pub async fn worker(config: Config, queues: Queues) -> anyhow::Result<()> {
    let ledger = open_ledger(&config).await?;
    scrape::serve(Program::Worker, "metrics.worker", config.metrics.worker, ledger.pool()).await?;
    let (measured, meter) = telemetry::sdk(config.metrics.sdk)?;
    let options = RuntimeOptions::builder().telemetry_options(measured).build();
    let runtime = Runtime::from_current_tokio(options.map_err(anyhow::Error::msg)?)?;
    let client = starter::connect_metered(&config.temporal, meter).await?;
    let stop = stop_signal();
    let mut workers = Vec::new();
    if matches!(queues, Queues::All | Queues::Runs) {
        let steps = LedgerSteps::new(ledger.clone(), direct_starts(&config)?);
        let options = WorkerOptions::new(config.temporal.task_queue.clone())
            .register_workflow::<PayoutWorkflow>()?
            .register_workflow::<ReconciliationWorkflow>()?
            .register_workflow::<ReceiptsWorkflow>()?
            .register_workflow::<DepositWorkflow>()?
            .register_workflow::<ReturnWorkflow>()?
            .register_workflow::<TransferWorkflow>()?
            .register_activities(steps)
            .sticky_queue_schedule_to_start_timeout(STICKY)
            .graceful_shutdown_period(GRACE)
            .build();
        workers.push(Worker::new(&runtime, client.clone(), options).map_err(|error| anyhow::anyhow!("{error}"))?);
    }
    let mut beside = Vec::new();
    if matches!(queues, Queues::All | Queues::Runs) {
        let keeping = schedule::keep(
            client.clone(),
            config.temporal.task_queue.clone(),
            stopped(stop.clone()),
        );
        beside.push(("the schedule", tokio::spawn(keeping)));
    }
    let (drained, is_drained) = watch::channel(false);
    if matches!(queues, Queues::All | Queues::Banxico) {
        let portal = Portal::new(&config.banxico.portal)
            .map_err(anyhow::Error::msg)
            .context("banxico.portal")?;
        let steps = BanxicoSteps::new(ledger.clone(), portal, config.banxico.every_seconds);
        let options = WorkerOptions::new(banxico_queue(&config.temporal.task_queue))
            .register_activities(steps)
            .graceful_shutdown_period(GRACE)
            .build();
        workers.push(Worker::new(&runtime, client.clone(), options).map_err(|error| anyhow::anyhow!("{error}"))?);
    }
    if matches!(queues, Queues::All | Queues::Stp) {
        let stp = config
            .stp
            .clone()
            .context("[stp] is missing: a worker of this bank needs its credentials")?;
        let bank = Bank::Stp(Stp::new(stp)?);
        ledger
            .register_bank(&bank)
            .await
            .context("the bank's row cannot be written")?;
        meters::bank(bank.name());
        // For all workers of this bank together; the pace in each is for what is no activity, and is exact.
        let per_second = f64::from(config.stp.as_ref().map_or(1, |stp| stp.per_second));
        let queue = config.temporal.task_queue.clone();
        let arrivals = Arrivals::new(client.clone(), queue, Arc::new(config.catalogue()?));
        let steps = BankSteps::new(ledger.clone(), bank, arrivals);
        let options = WorkerOptions::new(bank_queue(&config.temporal.task_queue, steps.bank().name()))
            .register_activities(steps.clone())
            .max_task_queue_activities_per_second(per_second)
            .graceful_shutdown_period(GRACE)
            .build();
        workers.push(Worker::new(&runtime, client.clone(), options).map_err(|error| anyhow::anyhow!("{error}"))?);
        // For as long as anything may be sent: what is missed meanwhile is said, but for the last second before the end.
        let catching_up = catch_up::keep(steps.clone(), client.clone(), stopped(is_drained));
        beside.push(("the catch-up", tokio::spawn(catching_up)));
        let puller = Puller::new(steps.clone());
        let every = Duration::from_secs(u64::from(config.received.pull_seconds));
        beside.push((
            "the puller",
            tokio::spawn(puller.clone().keep(every, stopped(stop.clone()))),
        ));
        let inbox = inbox::work(steps, client.clone(), puller, stopped(stop.clone()));
        beside.push(("the inbox", tokio::spawn(inbox)));
    }
    info!(queue = config.temporal.task_queue, ?queues, "worker polls");
    run(workers, beside, stop, drained).await
}

/// Each worker on a thread of its own: workflow code and decoding of one worker share one thread. The first part that
/// ends unasked ends the process: a queue that nobody polls must be seen. Says when the last worker is `drained`.
async fn run(
    workers: Vec<Worker>,
    beside: Vec<(&'static str, JoinHandle<()>)>,
    stop: watch::Receiver<bool>,
    drained: watch::Sender<bool>,
) -> anyhow::Result<()> {
    let mut polling = Vec::new();
    for mut worker in workers {
        let shutdown = worker.shutdown_handle();
        let handle = tokio::runtime::Handle::current();
        let (done, finished) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("giro-worker".to_owned())
            .spawn(move || {
                let _gone = done.send(handle.block_on(async move { worker.run().await }));
            })?;
        let (told, asked) = (stop.clone(), stop.clone());
        tokio::spawn(async move {
            stopped(told).await;
            shutdown();
        });
        polling.push(async move {
            let ended = finished.await.context("a worker thread died")?;
            ended.map_err(|error| anyhow::anyhow!("{error}"))?;
            is_asked(&asked)
        });
    }
    let polling = async {
        try_join_all(polling).await?;
        drained.send_replace(true);
        Ok(())
    };
    let asked = &stop;
    let beside = beside.into_iter().map(|(name, task)| async move {
        task.await.with_context(|| format!("{name} died"))?;
        is_asked(asked)
    });
    tokio::try_join!(polling, try_join_all(beside)).map(drop)
}

/// An end is a failure unless the process was told to stop.
fn is_asked(stop: &watch::Receiver<bool>) -> anyhow::Result<()> {
    anyhow::ensure!(*stop.borrow(), "a part of the worker ended unasked");
    Ok(())
}

/// What a run with its own request needs; `None` unless configuration names the caller it acts for.
fn direct_starts(config: &Config) -> anyhow::Result<Option<DirectStarts>> {
    let Some(caller) = config.api.direct_start_caller.clone() else {
        return Ok(None);
    };
    Ok(Some(DirectStarts {
        caller,
        bank: activities::bank::stp::NAME.to_owned(),
        fees: config.fee.fees().context("[fee]")?,
        institutions: Arc::new(config.catalogue()?),
    }))
}
