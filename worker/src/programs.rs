//! The long-running programs: each one drains on SIGTERM and exits non-zero only when it cannot do its work.

mod relay;
mod worker;

use std::{net::SocketAddr, sync::Arc};

use activities::{
    ledger::{self, Ends, Ledger},
    meters::Program,
};
use anyhow::Context;
use futures::future::OptionFuture;
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, sync::watch};
use tracing::info;

use crate::{
    api::{self, Api, Door},
    config::{Config, Environment},
    scrape,
    starter::Starter,
};

pub use relay::relay;
pub use worker::{Queues, worker};

/// Which listener `giro api` serves alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// Callers and people.
    Requests,
    /// Banks.
    Webhooks,
}

/// Serves callers and banks, each on a listener of its own, until SIGTERM; a request that has begun is answered.
pub async fn api(config: Config, only: Option<Only>) -> anyhow::Result<()> {
    let institutions = Arc::new(config.catalogue()?);
    let ledger = open_ledger(&config).await?;
    let ends = Ends::listen(ledger.pool().clone());
    scrape::serve(Program::Api, "metrics.api", config.metrics.api, ledger.pool()).await?;
    let door = Door::new(ledger.pool().clone(), &config);
    let requests = match only {
        Some(Only::Webhooks) => None,
        Some(Only::Requests) | None => {
            door.check(&config).await?;
            Some(bind("api.listen", config.api.listen).await?)
        }
    };
    let webhooks = match (only, &config.webhooks.secret) {
        (Some(Only::Requests), _) => None,
        (Some(Only::Webhooks), None) => anyhow::bail!("webhooks.secret: without it there are no webhooks to serve"),
        (None, None) => {
            info!("no webhooks: webhooks.secret is not set");
            None
        }
        (Some(Only::Webhooks) | None, Some(_)) => Some(bind("webhooks.listen", config.webhooks.listen).await?),
    };
    let starter = Starter::new(config.temporal.clone(), institutions.clone());
    let stop = stop_signal();
    let api = Arc::new(Api {
        ledger,
        ends,
        door,
        starter,
        fees: config.fee.fees().context("[fee]")?,
        config: Arc::new(config),
        institutions,
    });
    let requests = OptionFuture::from(requests.map(|at| api::serve(api.clone(), at, stopped(stop.clone()))));
    let webhooks = OptionFuture::from(webhooks.map(|at| api::serve_webhooks(api.clone(), at, stopped(stop.clone()))));
    tokio::join!(requests, webhooks);
    Ok(())
}

async fn bind(key: &'static str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{key}: {address} cannot be bound"))?;
    info!(listener = key, address = %listener.local_addr()?, "api listens");
    Ok(listener)
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

/// Resolves at SIGTERM or SIGINT.
pub(crate) async fn stop() {
    stopped(stop_signal()).await;
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
