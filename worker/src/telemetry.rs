//! Logs on stderr: for people on a terminal, JSON lines anywhere else; what is logged names no person.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

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
