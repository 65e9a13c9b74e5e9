//! `giro relay`: starts what nobody drives any more, and exports what stands in the books. Events wait in the outbox
//! for their publisher.

use std::{sync::Arc, time::Duration};

use activities::{figures, meters::Program, sweep};
use sqlx::PgPool;
use tracing::{info, warn};

use super::{open_ledger, stop_signal, stopped};
use crate::{
    config::Config,
    meters, scrape,
    starter::{Reason, Starter},
};

/// Payouts looked at in one sweep.
const AT_ONCE: i64 = 200;

/// Sweeps until SIGTERM.
pub async fn relay(config: Config) -> anyhow::Result<()> {
    let ledger = open_ledger(&config).await?;
    scrape::serve(Program::Relay, "metrics.relay", config.metrics.relay, ledger.pool()).await?;
    if config.metrics.relay.is_some() {
        let every = Duration::from_secs(u64::from(config.metrics.books_seconds));
        tokio::spawn(export(ledger.pool().clone(), every));
    }
    let starter = Starter::new(config.temporal.clone(), Arc::new(config.catalogue()?));
    let every = Duration::from_secs(u64::from(config.relay.sweep_seconds));
    let mut stop = std::pin::pin!(stopped(stop_signal()));
    info!(every_seconds = every.as_secs(), "relay sweeps");
    loop {
        let full = match sweep::overdue(ledger.pool(), AT_ONCE).await {
            Ok(overdue) => {
                for payout in &overdue {
                    match starter.begin(payout, Reason::Overdue).await {
                        Ok(()) => {
                            info!(payout = %payout.id, workflow = payout.id.workflow_id(), state = %payout.state, "past its deadline: driven")
                        }
                        Err(error) => {
                            warn!(payout = %payout.id, error = format!("{error:#}"), "past its deadline, and Temporal does not start it");
                        }
                    }
                }
                i64::try_from(overdue.len()).is_ok_and(|count| count == AT_ONCE)
            }
            Err(error) => {
                meters::unswept();
                warn!(%error, "the books cannot be swept");
                false
            }
        };
        let pause = if full { Duration::ZERO } else { every };
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep(pause) => {}
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
