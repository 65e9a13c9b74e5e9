//! STP's REST API as a bank of giro: register an order, ask for it, read its webhook, the day's statement, the balance.

mod client;
mod codes;
mod key;
mod order;
mod query;
mod reasons;
mod received;
mod record;
mod reread;
mod sign;
mod statement;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

use aws_lc_rs::rsa::KeyPair;
use bytes::Bytes;
use jiff::civil::Date;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use workflows::domain::{Centavos, Clabe};

use self::client::{Client, LIMITS, Limits, Sent};
use self::codes::Verdict;
use self::order::{Fields, Place};
use self::query::{Addresses, Asker};
use super::text::centavos;
use super::{
    BalanceUnknown, Capabilities, Direction, Exchange, Fence, Found, NotSent, Order, Pace, ReceivedEntry,
    ReceivedFound, StatementLine, StatementPage, StatementUnknown, Submitted, What,
};

pub(in crate::bank) use order::STP_INSTITUTION as INSTITUTION;
pub use query::QueryFormat;
pub(in crate::bank) use reasons::reason;
pub(in crate::bank) use record::read_receipt as receipt;
pub use webhook::parse_webhook;

/// The name of STP in rows, queues and search attributes.
pub const NAME: &str = "stp";
/// STP: -1 key already used, -2 duplicate order, as `register` words them in a doubt.
pub(super) const REPEATS: &[&str] = &["stp:-1", "stp:-2"];

/// How to reach STP and who we are there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StpConfig {
    /// STP: `empresa`, the alias that STP gave us, 1 to 15 characters, case-sensitive.
    pub company: String,
    /// Base of the order service, such as `https://prod.stpmex.com/speiws/rest`.
    pub orders_url: String,
    /// Base of the query service, such as `https://prod.stpmex.com/efws/API`.
    pub queries_url: String,
    /// Which services are asked about orders, `v2` or `legacy`; answers are read in either format. Default: `v2`.
    #[serde(default)]
    pub query_format: QueryFormat,
    /// PEM file of the signing key: RSA of 2048 bits or more in passphrase-protected PKCS#8.
    pub key_file: PathBuf,
    /// Passphrase of `key_file`.
    pub key_passphrase: SecretString,
    /// The company's account at STP, a CLABE, whose balance the settlement account must have. Default: not asked.
    #[serde(default)]
    pub account: Option<String>,
    /// STP refuses a key that it has seen on the same operating day (its answer -1). Default: true.
    #[serde(default = "yes")]
    pub refuses_repeated_keys: bool,
    /// State the operating date in each order, so that STP refuses one that comes after the roll. Default: true.
    #[serde(default = "yes")]
    pub pin_operating_date: bool,
    /// Calls in a second, orders and questions together, that this process makes at most. Default: 100.
    #[serde(default = "hundred")]
    pub per_second: u32,
    /// STP: `latitud` of where orders are made, decimal degrees, at most 30 characters. Default: not sent.
    #[serde(default)]
    pub latitude: Option<String>,
    /// STP: `longitud`, as `latitude`. Default: not sent.
    #[serde(default)]
    pub longitude: Option<String>,
}

fn hundred() -> u32 {
    100
}

fn yes() -> bool {
    true
}

/// Why STP cannot be used as configured; each names the field and the fix.
#[derive(Debug, thiserror::Error)]
pub enum StpError {
    /// A field holds something that STP does not take.
    #[error("bank.stp {field}: {fix}")]
    Field {
        /// The field of [`StpConfig`].
        field: &'static str,
        /// What to do.
        fix: &'static str,
    },
    /// The key file cannot be read.
    #[error("bank.stp key_file {}: {source}: name a file that giro may read", file.display())]
    KeyFile {
        /// The configured file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file holds no usable key.
    #[error("bank.stp key_file {}: {fix}", file.display())]
    Key {
        /// The configured file.
        file: PathBuf,
        /// What to do.
        fix: &'static str,
    },
}

/// STP, ready to be asked.
pub struct Stp {
    company: String,
    latitude: Option<String>,
    longitude: Option<String>,
    pin_operating_date: bool,
    refuses_repeated_keys: bool,
    account: Option<Clabe>,
    key: KeyPair,
    pace: Arc<Pace>,
    orders: Client,
    /// What sends deposits back.
    returns: Client,
    queries: Asker,
}

/// Only the company: the key stays out, the addresses are in the configuration.
impl fmt::Debug for Stp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stp")
            .field("company", &self.company)
            .finish_non_exhaustive()
    }
}

impl Stp {
    /// Checks the configuration and opens the key; connects to nothing.
    pub fn new(config: StpConfig) -> Result<Self, StpError> {
        Self::with_limits(config, LIMITS)
    }

    fn with_limits(config: StpConfig, limits: Limits) -> Result<Self, StpError> {
        let company = config.company;
        if !(1..=15).contains(&company.chars().count()) || sign::cadena([company.as_str()]).is_none() {
            let fix = "set it to the alias that STP gave you, 1 to 15 characters";
            return Err(StpError::Field { field: "company", fix });
        }
        let place = |field, value: Option<String>| match value {
            Some(text) if text.is_empty() || text.len() > 30 || !text.bytes().all(is_of_a_degree) => {
                let fix = "set it to decimal degrees such as 19.4326, at most 30 characters, or leave it out";
                Err(StpError::Field { field, fix })
            }
            value => Ok(value),
        };
        let url = |field, base: &str, path| address(base, path).map_err(|fix| StpError::Field { field, fix });
        let order_url = url("orders_url", &config.orders_url, "ordenPago/registra")?;
        if order_url.scheme() == "http" && !order_url.host_str().is_some_and(is_this_machine) {
            tracing::warn!(
                bank = NAME,
                "orders travel unencrypted: set bank.stp orders_url to an https address"
            );
        }
        let pace = Arc::new(Pace::new(NAME, config.per_second));
        let orders = Client::new(&order_url, limits, Arc::clone(&pace)).map_err(|fix| StpError::Field {
            field: "orders_url",
            fix,
        })?;
        let return_url = url("orders_url", &config.orders_url, "ordenPago/retornaOrden")?;
        let returns = orders.at(return_url.path());
        let question_url = match config.query_format {
            QueryFormat::V2 => url("queries_url", &config.queries_url, "consultaOrden")?,
            QueryFormat::Legacy => url("orders_url", &config.orders_url, "ordenPago/consOrdEnvRastreo")?,
        };
        let day_url = match config.query_format {
            QueryFormat::V2 => url("queries_url", &config.queries_url, "V2/conciliacion")?,
            QueryFormat::Legacy => url("orders_url", &config.orders_url, "ordenPago/consOrdenesFech")?,
        };
        let addresses = Addresses {
            orders: question_url,
            received: url("queries_url", &config.queries_url, "consultaOrden")?,
            balance: url("queries_url", &config.queries_url, "consultaSaldoCuenta")?,
            statement: day_url,
        };
        let asker = Asker::new(addresses, config.query_format, limits, Arc::clone(&pace));
        let queries = asker.map_err(|fix| StpError::Field {
            field: "queries_url",
            fix,
        })?;
        let account = config.account.map(|text| Clabe::new(&text)).transpose();
        let account = account.map_err(|_| StpError::Field {
            field: "account",
            fix: "set it to the CLABE of the company's account at STP, 18 digits with their check digit, or leave it out",
        })?;
        Ok(Self {
            account,
            latitude: place("latitude", config.latitude)?,
            longitude: place("longitude", config.longitude)?,
            pin_operating_date: config.pin_operating_date,
            refuses_repeated_keys: config.refuses_repeated_keys,
            key: key::load(&config.key_file, &config.key_passphrase)?,
            company,
            pace,
            orders,
            returns,
            queries,
        })
    }

    /// What STP can do, as configured.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            refuses_repeated_keys: self.refuses_repeated_keys,
        }
    }

    /// The turns at STP.
    pub(in crate::bank) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Registers the order once. The exchange is empty when no byte left.
    pub async fn submit(&self, order: &Order, fence: Fence) -> (Submitted, Exchange) {
        let body = match self.signed(order) {
            Ok(body) => body,
            Err(unsent) => return (unsent, Exchange::default()),
        };
        let client = match &order.what {
            What::Pay(_) => &self.orders,
            What::SendBack(_) => &self.returns,
        };
        match client.put(&order.tracking_key, Bytes::from(body.clone()), fence).await {
            Sent::Nothing(why) => (Submitted::NotSent(why), Exchange::default()),
            Sent::Lost {
                why,
                status,
                body: received,
            } => (
                Submitted::Doubt { why: why.to_owned() },
                Exchange {
                    sent: body,
                    received,
                    status,
                },
            ),
            Sent::Reply { status, body: received } => (
                judge(status, &received, order),
                Exchange {
                    sent: body,
                    received,
                    status: Some(status),
                },
            ),
        }
    }

    /// The body of the order with its signature; what cannot be said or signed was certainly not sent.
    fn signed(&self, order: &Order) -> Result<Vec<u8>, Submitted> {
        let unsendable = |why: order::Unsendable| Submitted::Refused {
            code: why.code().to_owned(),
        };
        let unsigned = || {
            Submitted::NotSent(NotSent::Configuration {
                code: "giro:signature".to_owned(),
            })
        };
        let fields = Fields::new(order, &self.company, self.pin_operating_date).map_err(unsendable)?;
        let cadena = fields.cadena().map_err(unsendable)?;
        let firma = sign::firma(&self.key, &cadena).map_err(|_| unsigned())?;
        let place = match &order.what {
            What::Pay(_) => Place {
                latitude: self.latitude.as_deref(),
                longitude: self.longitude.as_deref(),
            },
            What::SendBack(_) => Place::default(),
        };
        fields.body(&firma, place).map_err(|_| unsigned())
    }

    /// What STP knows of the order; `today` is the operating date now.
    pub async fn inquire(&self, order: &Order, today: Date) -> (Found, Exchange) {
        self.queries.order(order, today, &self.company, &self.key).await
    }

    /// A page, from 0, of the orders that STP has of operating date `date`; `today` is the operating date now.
    pub async fn statement(
        &self,
        date: Date,
        today: Date,
        page: u32,
    ) -> Result<StatementPage<StatementLine>, StatementUnknown> {
        if page > 0 && !self.queries.has_pages() {
            return Ok(StatementPage::default());
        }
        let (status, body) = self.page(Direction::Sent, date, today, page).await?;
        statement::read(status, &body, |raw| statement::line(raw, &self.company))
    }

    /// A page, from 0, of the orders that came to us on operating date `date`; `today` is the operating date now.
    pub async fn received(
        &self,
        date: Date,
        today: Date,
        page: u32,
    ) -> Result<StatementPage<ReceivedEntry>, StatementUnknown> {
        if page > 0 && !self.queries.has_pages() {
            return Ok(StatementPage::default());
        }
        let (status, body) = self.page(Direction::Received, date, today, page).await?;
        statement::read(status, &body, |raw| Some(received::entry(raw, &self.company)))
    }

    async fn page(
        &self,
        direction: Direction,
        date: Date,
        today: Date,
        page: u32,
    ) -> Result<(u16, Vec<u8>), StatementUnknown> {
        let days = (date, today);
        self.queries
            .statement(direction, days, page, &self.company, &self.key)
            .await
    }

    /// What STP knows of an order that came to us under a key; `date` for a past operating date.
    pub async fn inquire_received(&self, tracking_key: &str, date: Option<Date>) -> ReceivedFound {
        self.queries
            .received(tracking_key, date, &self.company, &self.key)
            .await
    }

    /// The company's account at STP, where one is configured.
    pub(in crate::bank) const fn account(&self) -> Option<&Clabe> {
        self.account.as_ref()
    }

    /// The money in `account` at STP, in centavos.
    pub(in crate::bank) async fn balance(&self, account: &Clabe) -> Result<Centavos, BalanceUnknown> {
        self.queries.balance(account, &self.company, &self.key).await
    }
}

/// An order of a past day is asked for by its date, and when that finds nothing once more without.
pub(in crate::bank) fn calls_to_ask(order: &Order, today: Date) -> u32 {
    if order.operating_date < today { 2 } else { 1 }
}

fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn is_of_a_degree(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+')
}

/// `path` under `base`, or what to do about `base`.
fn address(base: &str, path: &str) -> Result<Url, &'static str> {
    let base =
        Url::parse(base).map_err(|_| "set it to an https address such as https://prod.stpmex.com/speiws/rest")?;
    if !matches!(base.scheme(), "https" | "http") {
        return Err("set it to an https address (http is for a simulator)");
    }
    if !base.username().is_empty() || base.password().is_some() || base.query().is_some() || base.fragment().is_some() {
        return Err("leave user, password, query and fragment out of it");
    }
    let joined = format!("{}/{path}", base.as_str().trim_end_matches('/'));
    Url::parse(&joined).map_err(|_| "set it to an https address with a path")
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    resultado: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resultado<'a> {
    id: i64,
    #[serde(default)]
    descripcion_error: Option<String>,
    /// STP: a documented answer names no order. One that does must name ours.
    #[serde(borrow, default)]
    clave_rastreo: Option<&'a RawValue>,
    #[serde(borrow, default)]
    monto: Option<&'a RawValue>,
}

impl Resultado<'_> {
    fn is_of(&self, order: &Order) -> bool {
        let key = |raw| {
            let stated = record::scalar(Some(raw));
            let is_deposits = match &order.what {
                What::Pay(_) => false,
                // It is the deposit that `retornaOrden` calls by this name.
                What::SendBack(deposit) => stated.as_deref() == Some(deposit.tracking_key.as_str()),
            };
            is_deposits || stated.as_deref() == Some(order.tracking_key.as_str())
        };
        let amount = |raw| record::scalar(Some(raw)).and_then(|text| centavos(&text)) == Some(order.amount);
        self.clave_rastreo.is_none_or(key) && self.monto.is_none_or(amount)
    }
}

/// What a whole answer to a register order means.
fn judge(status: u16, body: &[u8], order: &Order) -> Submitted {
    let doubt = |why: String| Submitted::Doubt { why };
    // STP: off the registered network a proxy in front of it answers 403 with a page of its own.
    if status == 403 && body.trim_ascii_start().first() == Some(&b'<') {
        return Submitted::NotSent(NotSent::Configuration {
            code: "stp:http_403".to_owned(),
        });
    }
    if status != 200 {
        return doubt(format!("http {status}"));
    }
    let answer = record::object(body).and_then(|Answer { resultado }| record::object(resultado.get().as_bytes()));
    let Some(resultado): Option<Resultado<'_>> = answer else {
        return doubt("an answer without resultado.id".to_owned());
    };
    if !resultado.is_of(order) {
        return doubt("an answer about another order".to_owned());
    }
    let Resultado {
        id, descripcion_error, ..
    } = resultado;
    let code = codes::code(id);
    let text = descripcion_error.as_deref().unwrap_or_default();
    let verdict = match &order.what {
        What::Pay(_) => codes::register(id, text),
        What::SendBack(_) => codes::send_back(id, text),
    };
    match verdict {
        Verdict::Accepted => Submitted::Accepted {
            bank_ref: id.to_string(),
        },
        Verdict::Refused => Submitted::Refused { code },
        Verdict::ReadOnly => Submitted::NotSent(NotSent::ReadOnly),
        Verdict::Configuration => Submitted::NotSent(NotSent::Configuration { code }),
        Verdict::Doubt => doubt(code),
    }
}

/// A bank that is nowhere, for tests that read what it once said.
#[cfg(test)]
pub(crate) fn nowhere() -> Stp {
    tests::stp("http://127.0.0.1:9").0
}

#[cfg(test)]
mod tests;
