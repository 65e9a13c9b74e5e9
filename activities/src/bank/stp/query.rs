//! Questions to STP: what it knows of an order (query v2, or the legacy one) and how much money is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rsa::KeyPair;
use jiff::civil::Date;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use workflows::domain::{Centavos, Clabe};

use super::client::{Limits, asked_pause};
use super::order::{STP_INSTITUTION, aaaammdd};
use super::record::{no_answer, read_balance, read_order, read_received};
use super::{received, sign, statement};
use crate::{
    bank::{BalanceUnknown, Direction, Exchange, Found, Order, Pace, ReceivedFound, StatementUnknown},
    web,
};

/// Two questions about one order end within this, so that the activity that asks can record the answer.
const BOTH_QUESTIONS: Duration = Duration::from_secs(15);

/// Which of STP's services is asked about orders, one by one and day by day. Answers are read in either format, whichever was
/// asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryFormat {
    /// STP: `consultaOrden` and `V2/conciliacion` under `queries_url`.
    #[default]
    V2,
    /// STP: `ordenPago/consOrdEnvRastreo` and `ordenPago/consOrdenesFech` under `orders_url`. It has no question about one order
    /// that came to us: its day's list is read instead.
    Legacy,
}

/// Asks STP's query services.
pub(super) struct Asker {
    http: reqwest::Client,
    format: QueryFormat,
    at: Addresses,
    limits: Limits,
    /// Told when the bank says that it is too much.
    pace: Arc<Pace>,
}

/// Where the services are.
pub(super) struct Addresses {
    /// One order that we sent.
    pub(super) orders: Url,
    /// One order that came to us.
    pub(super) received: Url,
    /// The balance.
    pub(super) balance: Url,
    /// The orders of a day.
    pub(super) statement: Url,
}

/// No usable answer, in our words, and what came of it.
pub(super) struct NoAnswer {
    pub(super) why: String,
    pub(super) exchange: Exchange,
}

/// STP query v2, of an order that we sent or that came to us.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderQuestion<'a> {
    empresa: &'a str,
    clave_rastreo: &'a str,
    tipo_orden: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fecha_operacion: Option<&'a str>,
    firma: &'a str,
}

/// STP's legacy query of an order that we sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LegacyQuestion<'a> {
    empresa: &'a str,
    clave_rastreo: &'a str,
    institucion_operante: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fecha_operacion: Option<&'a str>,
    firma: &'a str,
}

/// STP's legacy query of the orders of a day; `estado` says which way, and is not signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LegacyDay<'a> {
    empresa: &'a str,
    estado: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fecha_operacion: Option<&'a str>,
    firma: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BalanceQuestion<'a> {
    empresa: &'a str,
    cuenta_ordenante: &'a str,
    firma: &'a str,
}

impl Asker {
    /// An asker of these services; the error says what is wrong with this machine.
    pub(super) fn new(
        at: Addresses,
        format: QueryFormat,
        limits: Limits,
        pace: Arc<Pace>,
    ) -> Result<Self, &'static str> {
        let http = reqwest::Client::builder()
            .connect_timeout(limits.connect)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|_| "this machine has no certificate authorities: install its ca-certificates package")?;
        Ok(Self {
            http,
            format,
            at,
            limits,
            pace,
        })
    }

    /// What STP knows of the order; `today` is the operating date now.
    ///
    /// STP: the date of the current day must be left out (after 18:00 it lies in the future, estado 8). A past day's
    /// order is asked for by its date, and when that finds nothing, once more without.
    pub(super) async fn order(&self, order: &Order, today: Date, company: &str, key: &KeyPair) -> (Found, Exchange) {
        let until = Instant::now() + BOTH_QUESTIONS;
        let mut all = Exchange::default();
        if order.operating_date < today {
            let (found, exchange) = self
                .order_of(order, Some(order.operating_date), company, key, until)
                .await;
            all = exchange;
            if found != Found::NotFound {
                return (found, all);
            }
        }
        let (found, exchange) = self.order_of(order, None, company, key, until).await;
        (found, joined(all, exchange))
    }

    async fn order_of(
        &self,
        order: &Order,
        date: Option<Date>,
        company: &str,
        key: &KeyPair,
        until: Instant,
    ) -> (Found, Exchange) {
        let date = date.map(aaaammdd);
        let clave = order.tracking_key.as_str();
        let body = match self.format {
            QueryFormat::V2 => question(company, clave, Direction::Sent, date.as_deref(), key),
            QueryFormat::Legacy => legacy_question(company, clave, date.as_deref(), key),
        };
        let left = until.saturating_duration_since(Instant::now()).min(self.limits.total);
        let asked = match body {
            Some(body) => self.ask(&self.at.orders, body, left, self.limits.reply).await,
            None => Err(NoAnswer {
                why: "the question could not be signed".into(),
                exchange: Exchange::default(),
            }),
        };
        match asked {
            Ok((status, exchange)) => (read_order(status, &exchange.received, order, company), exchange),
            Err(NoAnswer { why, exchange }) => (no_answer(why), exchange),
        }
    }

    /// True where a day is told in pages; else it is one answer, and page 0 is all of it.
    pub(super) fn has_pages(&self) -> bool {
        match self.format {
            QueryFormat::V2 => true,
            QueryFormat::Legacy => false,
        }
    }

    /// The money in `account` at STP.
    pub(super) async fn balance(
        &self,
        account: &Clabe,
        company: &str,
        key: &KeyPair,
    ) -> Result<Centavos, BalanceUnknown> {
        let cuenta = account.as_str();
        let body = sign::cadena([company, cuenta, ""])
            .and_then(|cadena| sign::firma(key, &cadena).ok())
            .and_then(|firma| {
                serde_json::to_vec(&BalanceQuestion {
                    empresa: company,
                    cuenta_ordenante: cuenta,
                    firma: &firma,
                })
                .ok()
            })
            .ok_or_else(|| BalanceUnknown {
                why: "the question could not be signed".into(),
            })?;
        let asked = self
            .ask(&self.at.balance, body, self.limits.total, self.limits.reply)
            .await;
        let (status, exchange) = asked.map_err(|NoAnswer { why, .. }| BalanceUnknown { why })?;
        read_balance(status, &exchange.received)
    }

    /// What STP knows of an order that came to us; `date` for a past day. STP: the running day's must be left out.
    pub(super) async fn received(
        &self,
        clave: &str,
        date: Option<Date>,
        company: &str,
        key: &KeyPair,
    ) -> ReceivedFound {
        let date = date.map(aaaammdd);
        let (url, body, cap) = match self.format {
            QueryFormat::V2 => (
                &self.at.received,
                question(company, clave, Direction::Received, date.as_deref(), key),
                self.limits.reply,
            ),
            QueryFormat::Legacy => (
                &self.at.statement,
                legacy_day(company, Direction::Received, date.as_deref(), key),
                statement::MOST_BYTES_OF_A_DAY,
            ),
        };
        let Some(body) = body else {
            let why = "the question could not be signed".to_owned();
            return ReceivedFound::NoAnswer { why };
        };
        let asked = self.ask(url, body, self.limits.total, cap).await;
        match asked {
            Ok((status, exchange)) if self.format == QueryFormat::Legacy => {
                received_on_its_day(status, &exchange.received, clave, company)
            }
            Ok((status, exchange)) => read_received(status, &exchange.received, clave, company),
            Err(NoAnswer { why, .. }) => ReceivedFound::NoAnswer { why },
        }
    }

    /// The bytes of a page of the orders of a day, that we sent or that came to us; `days` are that day and today.
    pub(super) async fn statement(
        &self,
        direction: Direction,
        days: (Date, Date),
        page: u32,
        company: &str,
        key: &KeyPair,
    ) -> Result<(u16, Vec<u8>), StatementUnknown> {
        let (date, today) = days;
        let unknown = |why: String| StatementUnknown { why };
        if date > today {
            return Err(unknown("the day has not begun".into()));
        }
        let told = (date < today).then(|| aaaammdd(date));
        let (body, cap) = match self.format {
            QueryFormat::V2 => (
                statement::question(company, direction, told.as_deref(), page, key),
                statement::MOST_BYTES,
            ),
            QueryFormat::Legacy => (
                legacy_day(company, direction, told.as_deref(), key),
                statement::MOST_BYTES_OF_A_DAY,
            ),
        };
        let body = body.ok_or_else(|| unknown("the question could not be signed".into()))?;
        let asked = self.ask(&self.at.statement, body, self.limits.page, cap).await;
        let (status, exchange) = asked.map_err(|NoAnswer { why, .. }| unknown(why))?;
        Ok((status, exchange.received))
    }

    /// One question: the status with the exchange, the whole within `limit`, the answer cut at `cap` bytes.
    async fn ask(&self, url: &Url, body: Vec<u8>, limit: Duration, cap: usize) -> Result<(u16, Exchange), NoAnswer> {
        let mut exchange = Exchange {
            sent: body.clone(),
            ..Exchange::default()
        };
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .timeout(limit);
        let mut response = match request.body(body).send().await {
            Ok(response) => response,
            Err(error) => {
                return Err(NoAnswer {
                    why: web::why(&error).into(),
                    exchange,
                });
            }
        };
        let status = response.status().as_u16();
        exchange.status = Some(status);
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            self.pace.throttled(asked_pause(response.headers()));
        }
        match web::take(&mut response, &mut exchange.received, cap).await {
            Ok(()) => Ok((status, exchange)),
            Err(why) => Err(NoAnswer {
                why: why.into(),
                exchange,
            }),
        }
    }
}

/// The body of a question in query v2; `None` when it cannot be signed.
fn question(
    empresa: &str,
    clave_rastreo: &str,
    direction: Direction,
    fecha_operacion: Option<&str>,
    key: &KeyPair,
) -> Option<Vec<u8>> {
    let tipo_orden = statement::order_type(direction);
    let cadena = sign::cadena([empresa, clave_rastreo, tipo_orden, fecha_operacion.unwrap_or_default()])?;
    let firma = &sign::firma(key, &cadena).ok()?;
    serde_json::to_vec(&OrderQuestion {
        empresa,
        clave_rastreo,
        tipo_orden,
        fecha_operacion,
        firma,
    })
    .ok()
}

/// The body of a legacy question; `None` when it cannot be signed.
fn legacy_question(
    empresa: &str,
    clave_rastreo: &str,
    fecha_operacion: Option<&str>,
    key: &KeyPair,
) -> Option<Vec<u8>> {
    let cadena = legacy_cadena(empresa, Some(clave_rastreo), fecha_operacion.unwrap_or_default())?;
    let firma = &sign::firma(key, &cadena).ok()?;
    serde_json::to_vec(&LegacyQuestion {
        empresa,
        clave_rastreo,
        institucion_operante: STP_INSTITUTION,
        fecha_operacion,
        firma,
    })
    .ok()
}

/// The body of a legacy question about a day; `None` when it cannot be signed.
fn legacy_day(empresa: &str, direction: Direction, fecha_operacion: Option<&str>, key: &KeyPair) -> Option<Vec<u8>> {
    let cadena = legacy_cadena(empresa, None, fecha_operacion.unwrap_or_default())?;
    let firma = &sign::firma(key, &cadena).ok()?;
    serde_json::to_vec(&LegacyDay {
        empresa,
        estado: statement::order_type(direction),
        fecha_operacion,
        firma,
    })
    .ok()
}

/// STP: the 34 positions of an order, of which a legacy question fills four, or two when it is about a day.
fn legacy_cadena(empresa: &str, clave: Option<&str>, fecha: &str) -> Option<String> {
    let mut values = [""; 34];
    [values[1], values[2]] = [empresa, fecha];
    if let Some(clave) = clave {
        [values[4], values[5]] = [clave, STP_INSTITUTION];
    }
    sign::cadena(values)
}

/// The order that came to us under a key, in its day's list.
fn received_on_its_day(status: u16, body: &[u8], clave: &str, company: &str) -> ReceivedFound {
    match statement::read(status, body, |raw| Some(received::entry(raw, company))) {
        Ok(page) => page
            .lines
            .into_iter()
            .find(|entry| entry.tracking_key == clave)
            .map_or(ReceivedFound::NotFound, |entry| ReceivedFound::Entry(Box::new(entry))),
        Err(StatementUnknown { why }) => ReceivedFound::NoAnswer { why },
    }
}

/// Both exchanges of a question that was asked twice, one per line.
fn joined(first: Exchange, second: Exchange) -> Exchange {
    if first == Exchange::default() {
        return second;
    }
    Exchange {
        sent: [first.sent, second.sent].join(&b'\n'),
        received: [first.received, second.received].join(&b'\n'),
        status: second.status,
    }
}

#[cfg(test)]
mod tests;
