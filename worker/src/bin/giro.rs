//! giro: durable SPEI payouts. One binary; its roles are subcommands.

// An operator's commands answer on standard output.
#![allow(clippy::print_stdout)]

use std::{path::PathBuf, time::Duration};

use activities::crash;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use worker::{
    config::Config,
    operator::{self, audit, finance, keys},
    programs, telemetry,
};

/// A person's command has its answer by then, locks and a slow server included, or has none.
const ANSWER: Duration = Duration::from_secs(20);

/// Durable SPEI payouts: the beneficiary is paid once, or the customer has the money back.
#[derive(Parser)]
#[command(name = "giro", version, max_term_width = 100)]
struct Giro {
    /// Configuration file; what it leaves out keeps the documented default, and GIRO__SECTION__KEY overrides both.
    #[arg(long, global = true, env = "GIRO_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Run payouts: their workflow, their ledger steps, and the calls to banks.
    Worker {
        /// Which queues to poll; a bank's queue needs its credentials.
        #[arg(long, value_enum, default_value = "all")]
        queues: programs::Queues,
    },
    /// Serve the REST API, and the banks' webhooks on a listener of their own.
    Api {
        /// Serve one of the two listeners only.
        #[arg(long, value_enum)]
        only: Option<programs::Only>,
    },
    /// Start again what nobody drives any more.
    Relay,
    /// Hold the books against themselves, the bank's statements and Temporal, and name every row that does not hold.
    Audit(audit::Audit),
    /// What finance takes away (trial balance, general ledger, what is in flight), and the day close.
    #[command(subcommand)]
    Finance(finance::Finance),
    /// Make the database when it is missing, and bring its schema up to date.
    Migrate,
    /// Pause or resume sending through a bank; list what it has and the books have not.
    #[command(subcommand)]
    Bank(BankCommand),
    /// Make, list and revoke the keys of callers.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Move the time of the books; production refuses it.
    Clock {
        /// Seconds that giro_now() is ahead of the system.
        #[arg(long, allow_negative_numbers = true)]
        offset: i64,
    },
    /// Check the configuration and say what is wrong with it.
    Check,
}

#[derive(Subcommand)]
enum BankCommand {
    /// Send nothing more; asking and ending go on.
    Pause(BankArgs),
    /// Send again: ends the pause that stands, with every backoff and attention of the bank.
    Resume {
        #[command(flatten)]
        bank: BankArgs,
        /// Which pause, by its `paused_at`: an alarm (paid_after_release, second_order, stray_order) ends only so.
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
    },
    /// List the orders that a bank has under our name and the books could not explain.
    Strays {
        /// The bank, as `GET /v1/banks` names it.
        name: String,
    },
}

#[derive(Args)]
struct BankArgs {
    /// The bank, as `GET /v1/banks` names it.
    name: String,
    /// Why, for whoever reads it later.
    #[arg(long)]
    reason: String,
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Make a key; standard output is the key alone, once. Several keys of one caller may live at once: to change one,
    /// make the new, hand it out, watch `last used` of the old, revoke it.
    Create(keys::Create),
    /// Show every key, without its secret.
    List {
        /// For people or for programs.
        #[arg(long, value_enum, default_value = "table")]
        output: keys::Output,
    },
    /// End a key for good.
    Revoke {
        /// The id that `giro key list` shows.
        id: String,
    },
}

fn main() -> anyhow::Result<()> {
    let giro = Giro::parse();
    telemetry::init();
    crash::arm().map_err(anyhow::Error::msg)?;
    let config = Config::load(giro.config.as_deref())?;
    if let Err(wrong) = config.check() {
        anyhow::bail!("the configuration does not hold:\n  {}", wrong.join("\n  "));
    }
    let has_file = giro.config.is_some();
    let done: anyhow::Result<()> = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let said = match giro.role {
                Role::Worker { queues } => return programs::worker(config, queues).await,
                Role::Api { only } => return programs::api(config, only).await,
                Role::Relay => return programs::relay(config).await,
                Role::Audit(audit) => return audited(config, audit).await,
                Role::Finance(finance) => return finance::run(&config, &finance).await?.map_or(Ok(()), told),
                Role::Migrate => operator::migrate(&config).await?,
                Role::Bank(BankCommand::Pause(bank)) => {
                    answered(operator::pause(&config, &bank.name, &bank.reason)).await?
                }
                Role::Bank(BankCommand::Resume { bank, since }) => {
                    answered(operator::resume(&config, &bank.name, since, &bank.reason)).await?
                }
                Role::Bank(BankCommand::Strays { name }) => answered(operator::strays(&config, &name)).await?,
                Role::Key(KeyCommand::Create(key)) => answered(keys::create(&config, key)).await?,
                Role::Key(KeyCommand::List { output }) => answered(keys::list(&config, output)).await?,
                Role::Key(KeyCommand::Revoke { id }) => answered(keys::revoke(&config, &id)).await?,
                Role::Clock { offset } => answered(operator::clock(&config, offset)).await?,
                Role::Check => "the configuration holds".to_owned(),
            };
            println!("{said}");
            Ok(())
        });
    if has_file {
        return done;
    }
    done.context("without --config FILE or GIRO_CONFIG: the defaults of worker/giro.toml, and GIRO__* variables")
}

/// What a person asked of the books, unless a connection that died in silence keeps the answer.
async fn answered(asked: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<String> {
    tokio::time::timeout(ANSWER, asked).await.unwrap_or_else(|_| {
        Err(anyhow::anyhow!(
            "the database has not answered for {} s. It may have been done: look, before you ask again",
            ANSWER.as_secs()
        ))
    })
}

/// Prints what an audit found; an error when something does not hold.
async fn audited(config: Config, audit: audit::Audit) -> anyhow::Result<()> {
    if let Some(every) = audit.every {
        return audit::forever(config, audit, every).await;
    }
    told(audit::once(&config, &audit).await?)
}

/// Prints an outcome; an error when something is wrong.
fn told(audit::Outcome { said, wrong }: audit::Outcome) -> anyhow::Result<()> {
    println!("{said}");
    match wrong {
        None => Ok(()),
        Some(wrong) => anyhow::bail!("{wrong}"),
    }
}
