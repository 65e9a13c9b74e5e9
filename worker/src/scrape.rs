//! `GET /metrics`, on a listener of its own: what this process counted, as Prometheus reads it.

use std::{net::SocketAddr, time::Duration};

use activities::meters::Program;
use anyhow::Context;
use axum::{
    Router,
    http::{StatusCode, header},
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tracing::{error, info};

use crate::meters;

/// From a commit on this machine to a bank that takes all its time.
const SECONDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Up to a full block.
const COMMANDS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
/// Samples of histograms wait in memory until then, when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);
const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

/// Counts from now on, and serves the counts on `address` until the process ends. Without one, nothing is counted.
///
/// `key` names the address in the configuration, for the error when it cannot be bound.
pub async fn serve(program: Program, key: &str, address: Option<SocketAddr>, pool: &PgPool) -> anyhow::Result<()> {
    let Some(address) = address else {
        info!("{key} is empty: nothing is measured");
        return Ok(());
    };
    let listener = TcpListener::bind(address).await.with_context(|| taken(key, address))?;
    let counts = PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_commands".to_owned()), &COMMANDS)?
        .install_recorder()?;
    meters::describe(program);
    info!(address = %listener.local_addr()?, "metrics: GET /metrics");
    tokio::spawn(upkeep(counts.clone()));
    let pool = pool.clone();
    let shown = move || {
        let (counts, pool) = (counts.clone(), pool.clone());
        async move {
            meters::connections(&pool);
            (TEXT, counts.render())
        }
    };
    let routes = Router::new()
        .route("/metrics", get(shown))
        .fallback(|| async { (StatusCode::NOT_FOUND, "GET /metrics is all there is here\n") });
    tokio::spawn(async move {
        if let Err(failure) = axum::serve(listener, routes).await {
            error!(%failure, "metrics are no longer served");
        }
    });
    Ok(())
}

/// Why an address cannot be bound, and what to do.
pub(crate) fn taken(key: &str, address: SocketAddr) -> String {
    format!("{key}: {address} cannot be bound: write another address, or \"\" to measure nothing")
}

async fn upkeep(counts: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        counts.run_upkeep();
    }
}
