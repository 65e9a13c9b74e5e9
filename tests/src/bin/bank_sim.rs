//! The program `bank-sim`: runs the bank simulator until it is told to end.

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// A bank that speaks STP's wire format, for tests and the dev stack. Never part of a release image.
#[derive(Parser)]
#[command(name = "bank-sim")]
struct Arguments {
    #[command(flatten)]
    options: tests::sim::Options,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    tests::sim::serve(Arguments::parse().options).await
}
