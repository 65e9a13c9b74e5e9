//! The configuration: compiled-in defaults, then a file, then the environment; checked before a port is bound.

pub(crate) mod check;
mod network;
mod whole;

use std::{
    collections::HashMap,
    env,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use activities::{bank::stp::StpConfig, ledger::rows::Rules};
use anyhow::{Context, anyhow};
use config::{ConfigError, File, FileFormat};
use jiff::{SignedDuration, civil::Date};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error};
use workflows::domain::{BankCalendar, Centavos, Fees, Institutions, NotLater, Price};

use self::{
    network::{Network, networks},
    whole::whole,
};

const DEFAULTS: &str = include_str!("../giro.toml");
/// Names the config file when no argument does.
const FILE_VARIABLE: &str = "GIRO_CONFIG";
/// Variables that set a key begin so; other `GIRO_` variables are none of ours.
const PREFIX: &str = "GIRO";

/// Everything that is configured; the keys are explained in `giro.toml`. `Debug` shows no secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What kind of place this is.
    pub environment: Environment,
    /// The books.
    pub database: Database,
    /// The driver.
    pub temporal: Temporal,
    /// The REST API.
    pub api: Api,
    /// What banks tell us.
    pub webhooks: Webhooks,
    /// What giro charges.
    pub fee: Fee,
    /// Money that comes in.
    pub received: Incoming,
    /// When a person is told.
    pub deadlines: Deadlines,
    /// What the core counts with.
    pub rules: RuleSeconds,
    /// The catalogue of SPEI participants.
    pub institutions: Catalogue,
    /// The bank's days.
    pub calendar: Holidays,
    /// The sweeper.
    pub relay: Relay,
    /// Banxico's portal of receipts.
    pub banxico: Banxico,
    /// Where Prometheus scrapes.
    pub metrics: Metrics,
    /// STP, for the process that has its credentials.
    #[serde(default)]
    pub stp: Option<StpConfig>,
}

/// What kind of place this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Environment {
    /// For trying things out.
    Development,
    /// Real money.
    Production,
}

impl TryFrom<String> for Environment {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        match word.as_str() {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("write \"development\" or \"production\""),
        }
    }
}

/// The books.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://...`; it may hold a password.
    pub url: SecretString,
    /// Connections of one process.
    #[serde(deserialize_with = "whole")]
    pub connections: u32,
}

/// The driver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporal {
    /// `host:port`, or a http(s) address.
    pub address: String,
    /// The namespace of all runs.
    pub namespace: String,
    /// The queue of workflows.
    pub task_queue: String,
}

/// The REST API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where it listens; a loopback address until there is a key.
    pub listen: SocketAddr,
    /// Whom requests act for while no key was ever made.
    pub caller: String,
    /// Base address of the Temporal UI; empty is none.
    #[serde(default)]
    ui: Option<String>,
    /// Largest body of a request.
    #[serde(deserialize_with = "whole")]
    pub body_limit_bytes: usize,
    /// Connections, and requests under way, of each listener.
    #[serde(deserialize_with = "whole")]
    pub connections: usize,
    /// From connect to the whole head of the first request.
    #[serde(deserialize_with = "whole")]
    pub header_seconds: u32,
    /// From one answer to the whole head of the next request.
    #[serde(deserialize_with = "whole")]
    pub idle_seconds: u32,
    /// Largest head of a request.
    #[serde(deserialize_with = "whole")]
    pub header_limit_bytes: usize,
    /// The caller that runs started directly act for; without it they are refused.
    #[serde(default)]
    pub direct_start_caller: Option<String>,
}

/// What banks tell us.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The secret part of the path; without it there are no webhooks, and nothing listens.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// Basic authentication, when the bank has agreed to it.
    #[serde(default)]
    pub basic_user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub basic_password: Option<SecretString>,
    /// Who may call; nobody named is anybody.
    #[serde(deserialize_with = "networks")]
    allow: Vec<Network>,
    /// Largest body.
    #[serde(deserialize_with = "whole")]
    pub body_limit_bytes: usize,
    /// From one address.
    #[serde(deserialize_with = "whole")]
    pub per_second: u32,
}

/// What giro charges.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// For one payout.
    #[serde(deserialize_with = "whole")]
    pub centavos: i64,
    /// IVA on it: 1600 = 16 %.
    #[serde(deserialize_with = "whole")]
    pub iva_basis_points: u16,
    /// It goes back, with its IVA, when the payout is returned.
    pub refunded_on_return: bool,
    /// Other prices, each from an operating date on, in the order of time.
    pub changes: Vec<FeeChange>,
}

/// A price from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeChange {
    /// The first operating date that it holds on.
    pub from: Date,
    /// For one payout.
    #[serde(deserialize_with = "whole")]
    pub centavos: i64,
    /// IVA on it: 1600 = 16 %.
    #[serde(deserialize_with = "whole")]
    pub iva_basis_points: u16,
}

/// Money that comes in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// Between two looks at the bank's list.
    #[serde(deserialize_with = "whole")]
    pub pull_seconds: u32,
}

/// When a person is told.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// In `accepted`.
    #[serde(deserialize_with = "whole")]
    pub accepted_seconds: u32,
    /// In `sending`.
    #[serde(deserialize_with = "whole")]
    pub sending_seconds: u32,
    /// In `sent`.
    #[serde(deserialize_with = "whole")]
    pub sent_seconds: u32,
}

/// What the core counts with.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSeconds {
    /// An order may surface at the bank until `send_before` + this.
    #[serde(deserialize_with = "whole")]
    pub horizon_seconds: u32,
    /// Two not-founds count when this far apart.
    #[serde(deserialize_with = "whole")]
    pub question_gap_seconds: u32,
    /// A sender may send until begin + this.
    #[serde(deserialize_with = "whole")]
    pub fence_seconds: u32,
    /// `send_before` + this: a request on the wire has been dealt with.
    #[serde(deserialize_with = "whole")]
    pub margin_seconds: u32,
}

/// The catalogue of SPEI participants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Instead of the compiled-in one.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The counterparts of a bank's demo can be paid.
    pub demo: bool,
}

/// The bank's days.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holidays {
    /// Instead of the compiled-in table.
    #[serde(default)]
    pub file: Option<PathBuf>,
}

/// The sweeper.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Between two looks.
    #[serde(deserialize_with = "whole")]
    pub sweep_seconds: u32,
}

/// Banxico's portal of receipts (CEP).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banxico {
    /// The address that `valida.do` is added to.
    pub portal: String,
    /// Between two questions, of all giro together.
    #[serde(deserialize_with = "whole")]
    pub every_seconds: u32,
}

/// Where Prometheus scrapes each program; `None` measures nothing.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// `giro api`.
    #[serde(deserialize_with = "address")]
    pub api: Option<SocketAddr>,
    /// `giro worker`.
    #[serde(deserialize_with = "address")]
    pub worker: Option<SocketAddr>,
    /// `giro relay`.
    #[serde(deserialize_with = "address")]
    pub relay: Option<SocketAddr>,
    /// `giro audit --every`.
    #[serde(deserialize_with = "address")]
    pub audit: Option<SocketAddr>,
    /// Temporal's SDK in `giro worker`.
    #[serde(deserialize_with = "address")]
    pub sdk: Option<SocketAddr>,
    /// Between two reads of the books by the relay.
    #[serde(deserialize_with = "whole")]
    pub books_seconds: u32,
}

/// An address and port; empty is none.
fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| D::Error::custom("write an address such as 127.0.0.1:9464, or \"\" for none");
    text.parse().map(Some).map_err(wrong)
}

impl Config {
    /// Reads the defaults, then `path` (or the file that `GIRO_CONFIG` names), then `GIRO__SECTION__KEY` variables.
    ///
    /// The error names the place and the key, and never a value of a secret.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let named = env::var_os(FILE_VARIABLE)
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        let variables = env::vars_os().filter_map(|(key, value)| {
            let key = key.into_string().ok().filter(|key| key.starts_with("GIRO__"))?;
            Some(
                value
                    .into_string()
                    .map(|value| (key.clone(), value))
                    .map_err(|_| anyhow!("{key} is not UTF-8")),
            )
        });
        Self::read(path.or(named.as_deref()), variables.collect::<anyhow::Result<_>>()?)
    }

    fn read(file: Option<&Path>, variables: HashMap<String, String>) -> anyhow::Result<Self> {
        let mut layers = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            // Read here, so that the error names the file as it was given; `config` would also try other endings.
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("config file {}: name a file that giro may read", file.display()))?;
            let layer = config::Config::builder().add_source(File::from_str(&text, FileFormat::Toml));
            let layer = layer
                .build()
                .map_err(|error| anyhow!("config file {}: {}", file.display(), safe(&error)))?;
            layers = layers.add_source(layer);
        }
        let environment = config::Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__");
        let whole = layers.add_source(environment.source(Some(variables))).build();
        let read = whole.and_then(config::Config::try_deserialize::<Self>);
        read.map_err(|error| match file {
            Some(file) => anyhow!(
                "configuration ({}, then GIRO__* variables): {}",
                file.display(),
                safe(&error)
            ),
            None => anyhow!("configuration (defaults, then GIRO__* variables): {}", safe(&error)),
        })
    }

    /// Everything that is wrong with the values, one sentence each, before a port is bound.
    pub fn check(&self) -> Result<(), Vec<String>> {
        check::check(self)
    }

    /// What the ledger's core decides with.
    pub fn rules(&self, calendar: BankCalendar) -> Rules {
        let seconds = |count: u32| SignedDuration::from_secs(i64::from(count));
        Rules {
            accepted: seconds(self.deadlines.accepted_seconds),
            sending: seconds(self.deadlines.sending_seconds),
            sent: seconds(self.deadlines.sent_seconds),
            fence: seconds(self.rules.fence_seconds),
            horizon: seconds(self.rules.horizon_seconds),
            question_gap: seconds(self.rules.question_gap_seconds),
            margin: seconds(self.rules.margin_seconds),
            refunds_fee: self.fee.refunded_on_return,
            calendar,
        }
    }

    /// The bank's days: the configured table, or the compiled-in one.
    pub fn bank_calendar(&self) -> anyhow::Result<BankCalendar> {
        let Some(file) = &self.calendar.file else {
            return Ok(BankCalendar::builtin()?);
        };
        let text = std::fs::read_to_string(file).with_context(|| format!("calendar.file {}", file.display()))?;
        BankCalendar::parse(&text).with_context(|| format!("calendar.file {}", file.display()))
    }

    /// The catalogue: the configured one, or the compiled-in one.
    pub fn catalogue(&self) -> anyhow::Result<Institutions> {
        let institutions = match &self.institutions.file {
            None => Institutions::builtin()?,
            Some(file) => {
                let named = || format!("institutions.file {}", file.display());
                Institutions::parse(&std::fs::read_to_string(file).with_context(named)?).with_context(named)?
            }
        };
        Ok(if self.institutions.demo {
            institutions.with_demo()
        } else {
            institutions
        })
    }
}

impl Api {
    /// Base address of the Temporal UI, without a slash at its end.
    pub fn ui(&self) -> Option<&str> {
        self.ui
            .as_deref()
            .map(|ui| ui.trim_end_matches('/'))
            .filter(|ui| !ui.is_empty())
    }
}

impl Webhooks {
    /// True for an address that may call.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(address))
    }
}

impl Fee {
    /// What a payout costs, by operating date. Errors: the changes are not in the order of time, which `check` refuses.
    pub fn fees(&self) -> Result<Fees, NotLater> {
        let price = |centavos, iva_basis_points| Price {
            fee: Centavos::new(centavos),
            iva_basis_points,
        };
        let changes = self.changes.iter();
        let changes = changes.map(|change| (change.from, price(change.centavos, change.iva_basis_points)));
        Fees::new(price(self.centavos, self.iva_basis_points), changes.collect())
    }
}

/// The error without the lines of the file that a parser quotes: a secret may stand on them.
fn safe(error: &ConfigError) -> String {
    let text = error.to_string();
    let quoted = |line: &str| {
        line.trim_start()
            .trim_start_matches(|digit: char| digit.is_ascii_digit())
            .trim_start()
            .starts_with('|')
    };
    text.lines()
        .filter(|line| !quoted(line))
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests;
