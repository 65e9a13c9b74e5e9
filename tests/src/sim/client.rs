//! The tests' hand on the bank: a small client of its control API.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    book::{OrderView, RequestView},
    cep::Asked,
    control::{Planted, SettingsChange, SettingsView, Statement, Tally},
    faults::Fault,
    incoming::{Incoming, IncomingView},
};

/// Speaks to the control API of one running bank.
#[derive(Clone, Debug)]
pub struct Control {
    base: Url,
    http: reqwest::Client,
}

impl Control {
    /// A client of the bank at `base`, for example `http://127.0.0.1:4001`.
    pub fn new(base: &str) -> Result<Self> {
        let base = Url::parse(base).with_context(|| format!("bank address {base}"))?;
        Ok(Self {
            base,
            http: reqwest::Client::new(),
        })
    }

    /// Every order the bank took, oldest first.
    pub async fn orders(&self) -> Result<Vec<OrderView>> {
        self.call(Method::GET, "/control/orders", &[], None).await
    }

    /// The orders of a clave, oldest first; two of one date are a double payment.
    pub async fn orders_of(&self, clave: &str) -> Result<Vec<OrderView>> {
        self.call(Method::GET, "/control/orders", &[("clave", clave)], None)
            .await
    }

    /// Gives the bank an order that nobody registered.
    pub async fn plant(&self, order: &Planted) -> Result<OrderView> {
        let body = serde_json::to_value(order)?;
        self.call(Method::POST, "/control/orders", &[], Some(body)).await
    }

    /// Somebody sends money to the company.
    pub async fn receive(&self, incoming: &Incoming) -> Result<IncomingView> {
        let body = serde_json::to_value(incoming)?;
        self.call(Method::POST, "/control/incoming", &[], Some(body)).await
    }

    /// What Banxico's portal was asked, the oldest first.
    pub async fn portal(&self) -> Result<Vec<Asked>> {
        self.call(Method::GET, "/control/portal", &[], None).await
    }

    /// All money that others sent, oldest first; same-day returns of orders are not among it.
    pub async fn incoming(&self) -> Result<Vec<IncomingView>> {
        self.call(Method::GET, "/control/incoming", &[], None).await
    }

    /// Every register request the bank saw, oldest first.
    pub async fn requests(&self) -> Result<Vec<RequestView>> {
        self.call(Method::GET, "/control/requests", &[], None).await
    }

    /// Every register request of a clave, oldest first.
    pub async fn requests_of(&self, clave: &str) -> Result<Vec<RequestView>> {
        self.call(Method::GET, "/control/requests", &[("clave", clave)], None)
            .await
    }

    /// When each question came since the bank was started, oldest first, on the machine's own clock.
    pub async fn questions(&self) -> Result<Vec<Timestamp>> {
        self.call(Method::GET, "/control/questions", &[], None).await
    }

    /// Arms a fault for a clave (`None`: whoever comes next), a number of times (`None`: for ever); no fault disarms.
    pub async fn fault(&self, clave: Option<&str>, fault: Option<Fault>, times: Option<u32>) -> Result<()> {
        let body = json!({"clave": clave, "fault": fault, "times": times});
        self.tell(Method::PUT, "/control/fault", body).await
    }

    /// Ends the silence or hiding of a clave.
    pub async fn speak(&self, clave: &str) -> Result<()> {
        self.tell(Method::POST, "/control/speak", json!({"clave": clave})).await
    }

    /// Changes settings and returns all of them.
    pub async fn settings(&self, change: &SettingsChange) -> Result<SettingsView> {
        let body = serde_json::to_value(change)?;
        self.call(Method::PUT, "/control/settings", &[], Some(body)).await
    }

    /// All settings.
    pub async fn current_settings(&self) -> Result<SettingsView> {
        self.call(Method::GET, "/control/settings", &[], None).await
    }

    /// Sends a status webhook now, true or not.
    pub async fn webhook(&self, clave: &str, estado: &str) -> Result<()> {
        let body = json!({"clave": clave, "estado": estado});
        self.tell(Method::POST, "/control/webhook", body).await
    }

    /// Forces the state of the clave's first order.
    pub async fn state(&self, clave: &str, estado: &str) -> Result<()> {
        let body = json!({"clave": clave, "estado": estado});
        self.tell(Method::POST, "/control/state", body).await
    }

    /// Sets the bank's clock, in seconds ahead of the machine's.
    pub async fn clock(&self, offset_seconds: i64) -> Result<()> {
        let body = json!({"offset_seconds": offset_seconds});
        self.tell(Method::PUT, "/control/clock", body).await
    }

    /// What the bank took, met and told, in numbers.
    pub async fn tally(&self) -> Result<Tally> {
        self.call(Method::GET, "/control/tally", &[], None).await
    }

    /// Counts and sums (centavos) of an operating date, AAAAMMDD.
    pub async fn statement(&self, date: u32) -> Result<Statement> {
        let date = date.to_string();
        self.call(Method::GET, "/control/statement", &[("date", &date)], None)
            .await
    }

    async fn tell(&self, method: Method, path: &str, body: Value) -> Result<()> {
        self.call::<Value>(method, path, &[], Some(body)).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<T> {
        let mut url = self.base.join(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url.clone());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("no bank-sim answers at {}: start one, or name its address", self.base))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("read {url}"))?;
        if !status.is_success() {
            let told = serde_json::from_str::<Value>(&text).ok();
            let told = told.as_ref().and_then(|told| told["error"].as_str()).unwrap_or(&text);
            bail!("bank-sim refuses ({status}): {told}");
        }
        serde_json::from_str(&text).with_context(|| format!("answer of {url}"))
    }
}
