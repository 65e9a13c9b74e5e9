//! giro's REST API, as a caller uses it.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

/// A caller of one API.
#[derive(Clone, Debug)]
pub struct Giro {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// An answer: status, whether the key was replayed, body.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Idempotent-Replayed: true`.
    pub replayed: bool,
    /// Seconds that `Retry-After` says.
    pub retry_after: Option<u32>,
    /// The body; null when it is no JSON.
    pub body: Value,
}

/// A CLABE at BBVA that the simulator takes.
pub const BENEFICIARY: &str = "012180004643051249";

impl Giro {
    /// `base`: `http://HOST:PORT`.
    pub fn new(base: &str) -> Result<Self> {
        Self::from(base, None)
    }

    /// The same, calling from another address of this machine: `127.1.2.3` is one.
    pub fn calling_from(&self, address: IpAddr) -> Result<Self> {
        Self::from(&self.base, Some(address))
    }

    fn from(base: &str, address: Option<IpAddr>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(40))
            .local_address(address)
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            key: None,
        })
    }

    /// Where it is: `http://HOST:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same, with a key.
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// POSTs JSON under an idempotency key.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Reply> {
        let request = self
            .request(Method::POST, path)
            .header("Idempotency-Key", key)
            .json(body);
        read(request.send().await.with_context(|| format!("POST {path}"))?).await
    }

    /// GETs JSON.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        read(
            self.request(Method::GET, path)
                .send()
                .await
                .with_context(|| format!("GET {path}"))?,
        )
        .await
    }

    /// Opens an account with an opening credit, or none, and answers its id. `n` tells its CLABE at STP.
    pub async fn account(&self, n: u32, centavos: i64) -> Result<String> {
        let credit = (centavos > 0).then(|| json!({"amount": centavos, "reason": "opening balance"}));
        let body = json!({
            "clabe": clabe(n), "holder_name": format!("Cliente {n}"), "opening_credit": credit,
        });
        let reply = self.post("/v1/accounts", &format!("account-{n}"), &body).await?;
        ensure!(reply.status == 201 || reply.status == 200, "account: {reply:?}");
        text(&reply.body, "/id")
    }

    /// Asks for a payout of `centavos` and answers its id.
    pub async fn pay(&self, account: &str, centavos: i64) -> Result<String> {
        let reply = self
            .post("/v1/payouts", &Uuid::now_v7().to_string(), &request(account, centavos))
            .await?;
        ensure!(reply.status == 201, "payout: {reply:?}");
        text(&reply.body, "/id")
    }

    /// A payout as it stands.
    pub async fn payout(&self, id: &str) -> Result<Value> {
        let reply = self.get(&format!("/v1/payouts/{id}")).await?;
        ensure!(reply.status == 200, "payout: {reply:?}");
        Ok(reply.body)
    }

    /// The payout once `until` holds of it, or what it was when patience ended.
    pub async fn wait(&self, id: &str, patience: Duration, until: impl Fn(&Value) -> bool) -> Result<Value> {
        let start = tokio::time::Instant::now();
        loop {
            let payout = self.payout(id).await?;
            if until(&payout) {
                return Ok(payout);
            }
            ensure!(start.elapsed() < patience, "after {patience:?} it is still {payout}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks the bank about a payout now.
    pub async fn retry(&self, id: &str) -> Result<Reply> {
        self.post(
            &format!("/v1/payouts/{id}/retry"),
            &Uuid::now_v7().to_string(),
            &json!({}),
        )
        .await
    }

    /// The same, again and again until the answer came in time (200): on a busy machine giro may say `asked`.
    pub async fn answered(&self, id: &str, patience: Duration) -> Result<Reply> {
        let start = tokio::time::Instant::now();
        loop {
            let reply = self.retry(id).await?;
            if reply.status == 200 {
                return Ok(reply);
            }
            ensure!(
                reply.status == 202 && start.elapsed() < patience,
                "no answer: {reply:?}"
            );
        }
    }
}

async fn read(response: reqwest::Response) -> Result<Reply> {
    let status = response.status().as_u16();
    let replayed = response
        .headers()
        .get("idempotent-replayed")
        .is_some_and(|value| value == "true");
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.json().await.unwrap_or(Value::Null);
    Ok(Reply {
        status,
        replayed,
        retry_after,
        body,
    })
}

/// A sound request for a payout.
pub fn request(account: &str, centavos: i64) -> Value {
    json!({
        "account": account, "amount": centavos, "currency": "MXN",
        "beneficiary": {"clabe": BENEFICIARY, "name": "Maria Beltran Soto"},
        "concept": "Pago de prueba", "reference": 1_234_567,
    })
}

/// The text at a JSON pointer.
pub fn text(body: &Value, pointer: &str) -> Result<String> {
    body.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("{pointer} in {body}"))
}

/// True when the payout's state is `state`.
pub fn is(state: &'static str) -> impl Fn(&Value) -> bool {
    move |payout| payout["state"] == state
}

/// The `n`th CLABE of the company at STP, with its check digit.
pub fn clabe(n: u32) -> String {
    let body = format!("64618011{n:09}");
    let sum: u32 = body
        .chars()
        .filter_map(|digit| digit.to_digit(10))
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(digit, weight)| digit * weight % 10)
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}
