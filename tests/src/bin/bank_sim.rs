//! The program `bank-sim`: runs the bank simulator until it is told to end, or speaks to one that runs.

use std::{io::Write as _, process::ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use tests::sim::{Chaos, Control, Fault, Incoming, Options, SettingsChange, markdown};
use tracing_subscriber::EnvFilter;

/// A bank that speaks STP's wire format, for tests and the dev stack. Never part of a release image.
#[derive(Parser)]
#[command(
    name = "bank-sim",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Option<Options>,
}

#[derive(Subcommand)]
enum Command {
    /// Tell a running simulator what to do, or ask what it holds; answers JSON.
    Ctl(Ctl),
    /// Print what each cents of an amount does, as a table.
    Faults,
}

/// SPEI's type of a return that comes on a later day.
const LATE_RETURN: u32 = 17;

#[derive(Args)]
struct Ctl {
    /// Address of the running simulator.
    #[arg(long, env = "GIRO_BANK_SIM", default_value = "http://127.0.0.1:7024", global = true)]
    url: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The orders it took.
    Orders {
        /// Only those of this claveRastreo.
        #[arg(long)]
        clave: Option<String>,
    },
    /// The register requests it saw.
    Requests {
        /// Only those of this claveRastreo.
        #[arg(long)]
        clave: Option<String>,
    },
    /// Arm a fault; `normal` makes an honest bank.
    Arm {
        /// Its name; `bank-sim faults` lists them.
        fault: Fault,
        /// For this claveRastreo; without it, for whoever comes next.
        #[arg(long)]
        clave: Option<String>,
        /// For so many requests.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        times: u32,
    },
    /// Take back what was armed.
    Disarm {
        /// For this claveRastreo; without it, for whoever comes next.
        #[arg(long)]
        clave: Option<String>,
    },
    /// End the silence, hiding or lying of a claveRastreo.
    Speak {
        /// The claveRastreo.
        clave: String,
    },
    /// Settle an order now (LQ).
    Settle {
        /// The claveRastreo.
        clave: String,
    },
    /// Cancel an order (CN).
    Cancel {
        /// The claveRastreo.
        clave: String,
    },
    /// Return an order (D).
    Return {
        /// The claveRastreo.
        clave: String,
    },
    /// Let somebody send money to the company: a deposit, or what comes back days later under a key of its own.
    Receive(Receive),
    /// The money that others sent.
    Incoming,
    /// Send a status webhook now, true or not.
    Webhook {
        /// The claveRastreo, even one that nobody registered.
        clave: String,
        /// The state it claims.
        #[arg(default_value = "LQ")]
        estado: String,
    },
    /// Show the settings, after changing those that are given.
    Settings(Change),
}

#[derive(Args)]
struct Receive {
    /// Centavos, interest included.
    monto: i64,
    /// Whose account it is for.
    cuenta_beneficiario: String,
    /// The sender's key; a new one when absent.
    #[arg(long)]
    clave: Option<String>,
    /// The key of the order that comes back; its type is 17 unless said otherwise.
    #[arg(long, value_name = "CLAVE")]
    devolucion: Option<String>,
    /// SPEI's payment type.
    #[arg(long)]
    tipo_pago: Option<u32>,
    /// Of a return: why.
    #[arg(long)]
    causa: Option<u32>,
    /// Centavos of interest in it.
    #[arg(long)]
    intereses: Option<i64>,
    /// Send no webhook.
    #[arg(long)]
    silent: bool,
}

#[derive(Args)]
struct Change {
    /// Milliseconds from capture to settlement.
    #[arg(long)]
    settle_after_ms: Option<u64>,
    /// Whether a repeated claveRastreo is refused.
    #[arg(long)]
    dedupe: Option<bool>,
    /// Whether queries are answered in the legacy format.
    #[arg(long)]
    legacy_answers: Option<bool>,
    /// Misfortune from a seed.
    #[arg(long, value_name = "SEED[:PERCENT]", conflicts_with = "no_chaos")]
    chaos: Option<Chaos>,
    /// End the chaos.
    #[arg(long)]
    no_chaos: bool,
    /// Refuse every order with this code.
    #[arg(
        long,
        value_name = "CODE",
        allow_hyphen_values = true,
        conflicts_with = "no_refuse_all"
    )]
    refuse_all: Option<i64>,
    /// Judge orders again.
    #[arg(long)]
    no_refuse_all: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _written = writeln!(std::io::stderr(), "bank-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    match (arguments.command, arguments.options) {
        (Some(Command::Ctl(ctl)), _) => control(ctl).await,
        (Some(Command::Faults), _) => {
            say(
                "| cents | fault | what the bank does | what it takes giro | chaos |\n| --- | --- | --- | --- | --- |\n",
            )?;
            say(&markdown())
        }
        (None, Some(options)) => {
            let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                .init();
            tests::sim::serve(options).await
        }
        (None, None) => anyhow::bail!("name --journal and --public-key to run a bank, or say `bank-sim ctl --help`"),
    }
}

async fn control(ctl: Ctl) -> Result<()> {
    let bank = Control::new(&ctl.url).context("--url is an address such as http://127.0.0.1:7024")?;
    match ctl.what {
        What::Orders { clave: Some(clave) } => show(&bank.orders_of(&clave).await?),
        What::Orders { clave: None } => show(&bank.orders().await?),
        What::Requests { clave: Some(clave) } => show(&bank.requests_of(&clave).await?),
        What::Requests { clave: None } => show(&bank.requests().await?),
        What::Arm { fault, clave, times } => {
            bank.fault(clave.as_deref(), Some(fault), Some(times)).await?;
            say("armed\n")
        }
        What::Disarm { clave } => {
            bank.fault(clave.as_deref(), None, None).await?;
            say("disarmed\n")
        }
        What::Speak { clave } => {
            bank.speak(&clave).await?;
            say("it speaks\n")
        }
        What::Settle { clave } => state(&bank, &clave, "LQ").await,
        What::Cancel { clave } => state(&bank, &clave, "CN").await,
        What::Return { clave } => state(&bank, &clave, "D").await,
        What::Receive(money) => {
            let usual = Incoming::default();
            let late = money.devolucion.as_ref().map(|_| LATE_RETURN);
            let sent = Incoming {
                clave: money.clave.unwrap_or_default(),
                tipo_pago: money.tipo_pago.or(late).unwrap_or(usual.tipo_pago),
                devolucion: money.devolucion,
                monto: money.monto,
                intereses: money.intereses,
                cuenta_beneficiario: money.cuenta_beneficiario,
                causa: money.causa,
                webhook: !money.silent,
                ..usual
            };
            show(&bank.receive(&sent).await?)
        }
        What::Incoming => show(&bank.incoming().await?),
        What::Webhook { clave, estado } => {
            let to = bank.current_settings().await?.webhook_url;
            ensure!(
                to.is_some(),
                "this bank has no address for webhooks: start it with --webhook-url"
            );
            bank.webhook(&clave, &estado).await?;
            say("on its way\n")
        }
        What::Settings(change) => {
            let change = SettingsChange {
                settle_after_ms: change.settle_after_ms,
                dedupe: change.dedupe,
                legacy_answers: change.legacy_answers,
                chaos: change.chaos.map(Some).or(change.no_chaos.then_some(None)),
                refuse_all: change.refuse_all.map(Some).or(change.no_refuse_all.then_some(None)),
                ..SettingsChange::default()
            };
            show(&bank.settings(&change).await?)
        }
    }
}

async fn state(bank: &Control, clave: &str, estado: &str) -> Result<()> {
    bank.state(clave, estado).await?;
    say(&format!("{clave} is {estado}\n"))
}

fn show(value: &impl Serialize) -> Result<()> {
    say(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("write to stdout")
}
