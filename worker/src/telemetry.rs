//! Logs on stderr, for people on a terminal, JSON lines anywhere else, and the metrics of Temporal's SDK; neither
//! names a person.

use std::{
    collections::HashMap,
    io::{self, IsTerminal},
    net::SocketAddr,
    sync::Arc,
};

use anyhow::Context;
use temporalio_common::telemetry::{
    HistogramBucketOverrides, PrometheusExporterOptions, TelemetryOptions,
    metrics::{
        ACTIVITY_SCHED_TO_START_LATENCY_HISTOGRAM_NAME, CoreMeter, TemporalMeter,
        WORKFLOW_TASK_SCHED_TO_START_LATENCY_HISTOGRAM_NAME,
    },
    start_prometheus_metric_exporter, telemetry_init,
};
use tracing_subscriber::{EnvFilter, fmt};

use crate::scrape::taken;

/// What is heard when `RUST_LOG` does not say.
const DEFAULT: &str = "info,sqlx=warn,sqlx_core=warn,hyper=warn,h2=warn,tonic=warn,tower=warn,temporalio_client=warn,\
                       temporalio_common=warn,temporalio_sdk=warn,temporalio_sdk_core=warn,temporalio_workflow=warn";

/// Starts logging. A second call changes nothing; a `RUST_LOG` that does not read is reported and left aside.
pub fn init() {
    let asked = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let parsed = asked.map(|text| EnvFilter::builder().parse(text));
    let (filter, fault) = match parsed {
        None => (EnvFilter::new(DEFAULT), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(DEFAULT), Some(error)),
    };
    let logs = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).with_current_span(false).try_init()
    };
    if let (Ok(()), Some(error)) = (started, fault) {
        tracing::warn!(%error, "RUST_LOG does not read: logging by default");
    }
}

/// Seconds that a task may wait for a worker: alerts ask for 200 ms, 1 s and 5 s, which the SDK's own buckets do not tell.
const WAITS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 300.0,
];

/// Serves the metrics of Temporal's SDK on `address`; the SDK has its own registry and listener. Names are as its
/// alerting guide has them: `_total`, units, seconds. The meter is for the client, whose requests count too.
pub fn sdk(address: Option<SocketAddr>) -> anyhow::Result<(TelemetryOptions, Option<TemporalMeter>)> {
    let Some(address) = address else {
        return Ok((TelemetryOptions::default(), None));
    };
    let waits = [
        WORKFLOW_TASK_SCHED_TO_START_LATENCY_HISTOGRAM_NAME,
        ACTIVITY_SCHED_TO_START_LATENCY_HISTOGRAM_NAME,
    ];
    let overrides: HashMap<String, Vec<f64>> = waits.iter().map(|name| ((*name).to_owned(), WAITS.to_vec())).collect();
    let options = PrometheusExporterOptions::builder()
        .socket_addr(address)
        .counters_total_suffix(true)
        .unit_suffix(true)
        .use_seconds_for_durations(true)
        .histogram_bucket_overrides(HistogramBucketOverrides { overrides })
        .build();
    let served = start_prometheus_metric_exporter(options).with_context(|| taken("metrics.sdk", address))?;
    tracing::info!(address = %served.bound_addr, "metrics of Temporal's SDK: GET /metrics");
    let meter: Arc<dyn CoreMeter> = served.meter;
    let options = TelemetryOptions::builder().metrics(meter).build();
    let client = telemetry_init(options.clone())?.get_temporal_metric_meter();
    Ok((options, client))
}
