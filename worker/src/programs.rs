//! The long-running programs: each one drains on SIGTERM and exits non-zero only when it cannot do its work.

mod relay;
mod worker;

use std::sync::Arc;

use activities::ledger::{self, Ends, Ledger};
use anyhow::Context;
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, sync::watch};
use tracing::info;

use crate::{
    api::{self, Api},
    config::{Config, Environment},
    starter::Starter,
};

pub use relay::relay;
pub use worker::{Queues, worker};

/// Serves REST until SIGTERM; a request that has begun is answered.
pub async fn api(config: Config) -> anyhow::Result<()> {
    let institutions = Arc::new(config.catalogue()?);
    let ledger = open_ledger(&config).await?;
    let ends = Ends::listen(ledger.pool().clone());
    let starter = Starter::new(config.temporal.clone(), institutions.clone());
    let address = config.api.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("api.listen: {address} cannot be bound"))?;
    info!(address = %listener.local_addr()?, "api listens");
    let stop = stop_signal();
    api::serve(
        Arc::new(Api {
            ledger,
            ends,
            starter,
            config: Arc::new(config),
            institutions,
        }),
        listener,
        stopped(stop),
    )
    .await?;
    Ok(())
}

/// The books, checked: production tells the database's time.
async fn open_ledger(config: &Config) -> anyhow::Result<Ledger> {
    let calendar = config.bank_calendar()?;
    let pool = ledger::pool(config.database.url.expose_secret(), config.database.connections)
        .context("database.url does not read")?;
    let ahead = ledger::clock_ahead(&pool)
        .await
        .context("the database does not answer, or was not migrated: run `giro migrate`")?;
    if config.environment == Environment::Production && ahead != 0 {
        anyhow::bail!("the database's clock is {ahead} s ahead, which production refuses: run `giro clock --offset 0`");
    }
    Ok(Ledger::start(pool, config.rules(calendar)))
}

/// Turns true once, at SIGTERM or SIGINT.
fn stop_signal() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            return;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        info!("draining");
        sender.send_replace(true);
        // Kept, so that receivers see the value and not a closed channel.
        sender.closed().await;
    });
    receiver
}

/// Resolves at the stop signal.
async fn stopped(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
