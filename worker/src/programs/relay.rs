//! `giro relay`: starts what nobody drives any more, and exports what stands in the books. Events wait in the outbox
//! for their publisher.

use std::{sync::Arc, time::Duration};

use activities::{
    banxico, figures,
    ledger::{Ledger, StoreError, closures, read, rows::Payout},
    meters::Program,
    sweep,
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use sqlx::PgPool;
use tracing::{info, warn};
use uuid::Uuid;
use workflows::domain::State;

use super::{open_ledger, stop_signal, stopped};
use crate::{
    config::Config,
    meters, scrape,
    starter::{Driven, Reason, Starter},
};

/// Overdue payouts that are looked at in a second. Where more wait, most have runs that wait too: looking after each of
/// them all the time would take from Temporal what they need.
const A_SECOND: i64 = 10;
/// In one sweep at the most.
const AT_ONCE: i64 = 200;
/// Starts under way at once.
const STARTS: usize = 16;

/// Sweeps until SIGTERM. A sweep is cut off then: Temporal may be away for long, and what it left is swept again.
pub async fn relay(config: Config) -> anyhow::Result<()> {
    let ledger = open_ledger(&config).await?;
    scrape::serve(Program::Relay, "metrics.relay", config.metrics.relay, ledger.pool()).await?;
    if config.metrics.relay.is_some() {
        let every = Duration::from_secs(u64::from(config.metrics.books_seconds));
        tokio::spawn(export(ledger.pool().clone(), every));
    }
    let starter = Starter::new(config.temporal.clone(), Arc::new(config.catalogue()?));
    let every = Duration::from_secs(u64::from(config.relay.sweep_seconds));
    let at_once = AT_ONCE.min(A_SECOND * i64::from(config.relay.sweep_seconds));
    info!(every_seconds = every.as_secs(), at_once, "relay sweeps");
    let sweeping = async {
        loop {
            if !sweep(&ledger, &starter, at_once).await {
                tokio::time::sleep(every).await;
            }
        }
    };
    tokio::select! {
        () = stopped(stop_signal()) => Ok(()),
        () = sweeping => Ok(()),
    }
}

/// Starts the runs of what is overdue; true when more may have none, as after a loss of Temporal's database.
async fn sweep(ledger: &Ledger, starter: &Starter, at_once: i64) -> bool {
    let due = async {
        let back = sweep::back_banks(ledger.pool()).await?;
        Ok::<_, StoreError>((sweep::overdue(ledger.pool(), at_once).await?, back))
    };
    let (overdue, back) = match due.await {
        Ok(due) => due,
        Err(error) => {
            meters::unswept();
            warn!(%error, "the books cannot be swept");
            return false;
        }
    };
    arrive(ledger, starter, at_once).await;
    await_their_time(ledger, starter, (at_once / 4).max(1)).await;
    let asleep = wake(ledger, starter, at_once).await;
    let driven: Vec<Option<Driven>> = stream::iter(&overdue)
        .map(|payout| drive(starter, payout, back.contains(&payout.bank)))
        .buffer_unordered(STARTS)
        .collect()
        .await;
    look_up(ledger, starter).await;
    let more =
        i64::try_from(overdue.len()).is_ok_and(|count| count == at_once) && driven.contains(&Some(Driven::Started));
    more || asleep
}

/// Gives a run to who waits for its time and has none.
async fn await_their_time(ledger: &Ledger, starter: &Starter, at_once: i64) {
    match sweep::waiting(ledger.pool(), at_once).await {
        Ok(waiting) => {
            let starting = stream::iter(&waiting).for_each_concurrent(STARTS, |payout| async move {
                if let Err(error) = starter.begin(payout, Reason::Overdue).await {
                    warn!(payout = %payout.id, error = format!("{error:#}"), "waits for its time, and Temporal does not start it");
                }
            });
            starting.await;
        }
        Err(error) => {
            meters::unswept();
            warn!(%error, "what waits for its time cannot be swept");
        }
    }
}

/// Has Banxico asked for the receipts that are due.
async fn look_up(ledger: &Ledger, starter: &Starter) {
    match banxico::is_due(ledger.pool()).await {
        Ok(true) => {
            if let Err(error) = starter.receipts().await {
                warn!(
                    error = format!("{error:#}"),
                    "receipts are to be looked up, and Temporal does not start it"
                );
            }
        }
        Ok(false) => {}
        Err(error) => {
            meters::unswept();
            warn!(%error, "what is to be looked up at Banxico cannot be swept");
        }
    }
}

/// Has those try again that wait for the end of a closure which was called off; true when more wait.
async fn wake(ledger: &Ledger, starter: &Starter, at_once: i64) -> bool {
    let waking = async {
        let (now, mut more) = (ledger.now().await?, false);
        for bank in read::banks(ledger.pool()).await? {
            // Nothing sleeps for longer than a closure may last.
            if let Some(at) = bank.called_off_at.filter(|at| *at + closures::LONGEST > now) {
                closures::draw_in(ledger.pool(), ledger.rules(), &bank, now).await?;
                more |= wake_at(ledger, starter, &bank.name, at, at_once).await?;
            }
        }
        Ok::<_, StoreError>(more)
    };
    waking.await.unwrap_or_else(|error| {
        meters::unswept();
        warn!(%error, "what waits for a bank cannot be swept");
        false
    })
}

/// The same of one bank, of which a closure was called off at that time.
async fn wake_at(
    ledger: &Ledger,
    starter: &Starter,
    bank: &str,
    called_off_at: Timestamp,
    at_once: i64,
) -> Result<bool, StoreError> {
    let asleep = closures::asleep(ledger.pool(), bank, at_once).await?;
    let told: Vec<Option<Uuid>> = stream::iter(&asleep)
        .map(|payout| look(starter, payout))
        .buffer_unordered(STARTS)
        .collect()
        .await;
    let told: Vec<Uuid> = told.into_iter().flatten().collect();
    if told.is_empty() {
        return Ok(false);
    }
    closures::woken(ledger.pool(), &told, called_off_at).await?;
    info!(bank, payouts = told.len(), "a closure was called off: woken");
    Ok(i64::try_from(asleep.len()).is_ok_and(|count| count == at_once))
}

/// Has the run of a payout look, and gives it one where it has none; `None`: it was not told.
async fn look(starter: &Starter, payout: &Payout) -> Option<Uuid> {
    if let Err(error) = starter.begin(payout, Reason::Overdue).await {
        warn!(payout = %payout.id, error = format!("{error:#}"), "may be sent again, and Temporal does not start it");
        return None;
    }
    starter.look(payout).await.then(|| payout.id.uuid())
}

/// Starts the runs of money that came in and has no place yet.
async fn arrive(ledger: &Ledger, starter: &Starter, at_once: i64) {
    let overdue = match sweep::overdue_received(ledger.pool(), at_once).await {
        Ok(overdue) => overdue,
        Err(error) => {
            meters::unswept();
            warn!(%error, "money that came in cannot be swept");
            return;
        }
    };
    let starting = stream::iter(&overdue).for_each_concurrent(STARTS, |received| async move {
        match starter.arrive(received).await {
            Ok(()) => {
                // A run that is there may sleep: of books that were restored, or mended since it looked.
                starter.look_at(received).await;
                info!(received = %received.id, workflow = received.workflow_id(), "not placed in time: driven");
            }
            Err(error) => warn!(received = %received.id, error = format!("{error:#}"), "not placed in time, and Temporal does not start it"),
        }
    });
    starting.await;
}

/// Gives an overdue payout a run, where it has none; `None`: Temporal does not say.
async fn drive(starter: &Starter, payout: &Payout, bank_is_back: bool) -> Option<Driven> {
    match starter.begin(payout, Reason::Overdue).await {
        Ok(driven) => {
            // Its run may still sleep out the pause of a bank that has come back.
            if bank_is_back && payout.state == State::Accepted {
                starter.look(payout).await;
            }
            info!(payout = %payout.id, workflow = payout.workflow_id(), state = %payout.state, ?driven, "past its deadline: driven");
            Some(driven)
        }
        Err(error) => {
            warn!(payout = %payout.id, error = format!("{error:#}"), "past its deadline, and Temporal does not start it");
            None
        }
    }
}

/// Exports what stands in the books, apart from the sweeps: those wait for Temporal.
async fn export(pool: PgPool, every: Duration) {
    loop {
        if let Err(error) = figures::export(&pool).await {
            warn!(%error, "the figures of the books cannot be read");
        }
        tokio::time::sleep(every).await;
    }
}
