//! The control API under `/control`: what tests ask the bank, and tell it to do.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError},
};

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, json};

use super::{
    Bank,
    book::{OrderView, RequestView},
    calendar::parse_date,
    cep::{Asked, Mood},
    chaos::Chaos,
    faults::Fault,
    journal::{FaultLine, Line, SpeakLine},
    life,
    unrest::Unrest,
    webhook,
};

/// The bank's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsView {
    /// Whether a repeated claveRastreo of one operating date is refused.
    pub dedupe: bool,
    /// Milliseconds from capture to settlement.
    pub settle_after_ms: u64,
    /// Milliseconds `not_found_for_a_while` hides an order.
    pub hidden_ms: u64,
    /// Milliseconds before the answer of `slow`.
    pub slow_ms: u64,
    /// Milliseconds before the webhook of `late_webhook`.
    pub late_ms: u64,
    /// Milliseconds from settlement until the record shows its receipt.
    pub receipt_ms: u64,
    /// Queries by clave are answered in the legacy format, whatever the format of the question.
    pub legacy_answers: bool,
    /// The seed of misfortune and how many claves of a hundred it meets; `None` means none.
    pub chaos: Option<Chaos>,
    /// Which webhooks are lost, repeated or late; `None` means none.
    pub unrest: Option<Unrest>,
    /// Where webhooks go; `None` means nowhere.
    pub webhook_url: Option<String>,
    /// Every register request that is well signed is refused with this code.
    pub refuse_all: Option<i64>,
    /// How Banxico's portal answers.
    pub portal: Mood,
    /// Opening balance in centavos.
    pub opening_balance: i64,
    /// Seconds the bank's clock is ahead of the machine's.
    pub clock_offset_seconds: i64,
}

/// A change of settings; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of SettingsView")]
pub struct SettingsChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legacy_answers: Option<bool>,
    /// `Some(None)` ends the chaos.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub chaos: Option<Option<Chaos>>,
    /// `Some(None)` ends the unrest.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub unrest: Option<Option<Unrest>>,
    /// `Some(None)` and an empty text mean nowhere.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub webhook_url: Option<Option<String>>,
    /// `Some(None)` ends the refusing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "code")]
    pub refuse_all: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal: Option<Mood>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening_balance: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Number(i64),
    Text(String),
}

/// Reads a refusal code, as a number or as text.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Ok(Some(match Option::<Code>::deserialize(deserializer)? {
        None => None,
        Some(Code::Number(code)) => Some(code),
        Some(Code::Text(text)) => Some(text.parse().map_err(D::Error::custom)?),
    }))
}

/// Tells a null that was sent from a field that was not.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Counts and sums of one operating date.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// The operating date, AAAAMMDD.
    pub date: u32,
    /// Orders of the date.
    pub count: u64,
    /// Their sum in centavos.
    pub sum: i64,
    /// The same for each state.
    pub states: BTreeMap<String, StateSum>,
}

/// Orders in one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSum {
    /// How many.
    pub count: u64,
    /// Their sum in centavos.
    pub sum: i64,
}

/// What the bank took, met and told, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Orders taken.
    pub orders: u64,
    /// Claves with more than one order: each a double payment.
    pub doubled: Vec<String>,
    /// Register requests by the fault that they met.
    pub met: BTreeMap<String, u64>,
    /// Webhooks that were queued.
    pub webhooks: u64,
    /// Webhooks that were lost on purpose.
    pub lost: u64,
    /// Webhooks that repeat another.
    pub repeated: u64,
}

/// A failed control request.
pub(super) struct Failure(StatusCode, String);

impl Failure {
    /// The request is wrong; `fix` names the field.
    pub(super) fn bad(fix: &str) -> Self {
        Self(StatusCode::BAD_REQUEST, fix.to_owned())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.1)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(why: anyhow::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, why.to_string())
    }
}

pub(super) type Answer<T = Value> = Result<Json<T>, Failure>;
type Shared = State<Arc<Bank>>;

fn done() -> Answer {
    Ok(Json(json!({"ok": true})))
}

#[derive(Deserialize)]
pub(super) struct Which {
    clave: Option<String>,
    date: Option<String>,
}

/// `GET /healthz`.
pub(super) async fn health(State(bank): Shared) -> Answer {
    Ok(Json(
        json!({"ok": true, "empresa": bank.empresa, "fechaOperacion": bank.today()}),
    ))
}

/// `GET /control/orders?clave=`.
pub(super) async fn orders(State(bank): Shared, Query(which): Query<Which>) -> Answer<Vec<OrderView>> {
    let orders = bank.read(|book| match &which.clave {
        Some(clave) => book.orders_of(clave).cloned().collect(),
        None => book.orders().to_vec(),
    });
    Ok(Json(orders.await?))
}

/// `GET /control/requests?clave=`.
pub(super) async fn requests(State(bank): Shared, Query(which): Query<Which>) -> Answer<Vec<RequestView>> {
    Ok(Json(bank.read(|book| book.requests(which.clave.as_deref())).await?))
}

/// `GET /control/tally`.
pub(super) async fn tally(State(bank): Shared) -> Answer<Tally> {
    Ok(Json(bank.read(|book| book.tally()).await?))
}

/// `GET /control/questions`: when each question came, oldest first.
pub(super) async fn questions(State(bank): Shared) -> Answer<Vec<Timestamp>> {
    let questions = bank.questions.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Json(questions.clone()))
}

/// `GET /control/statement?date=AAAAMMDD`; without a date, the current operating date.
pub(super) async fn statement(State(bank): Shared, Query(which): Query<Which>) -> Answer<Statement> {
    let date = match which.date.as_deref() {
        None => bank.today(),
        Some(text) => {
            parse_date(text).ok_or_else(|| Failure(StatusCode::BAD_REQUEST, "date is not AAAAMMDD".to_owned()))?
        }
    };
    let mut statement = Statement {
        date,
        count: 0,
        sum: 0,
        states: BTreeMap::new(),
    };
    bank.read(|book| {
        for order in book.orders_on(date) {
            let state = statement.states.entry(order.estado.clone()).or_default();
            state.count += 1;
            state.sum += order.monto;
            statement.count += 1;
            statement.sum += order.monto;
        }
    })
    .await?;
    Ok(Json(statement))
}

/// An order that the bank has from somewhere, of its present operating date.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// The tracking key.
    pub clave: String,
    /// The company.
    pub empresa: String,
    /// Centavos.
    pub monto: i64,
    /// The beneficiary's account.
    pub cuenta_beneficiario: String,
    /// Its state; it stays so.
    pub estado: String,
}

impl Planted {
    /// Of the usual company, for the usual beneficiary.
    pub fn ours(key: &str, centavos: i64, state: &str) -> Self {
        Self {
            clave: key.to_owned(),
            empresa: "GIRO".to_owned(),
            monto: centavos,
            cuenta_beneficiario: crate::client::BENEFICIARY.to_owned(),
            estado: state.to_owned(),
        }
    }
}

/// `POST /control/orders`: an order that nobody registered here, for the keys that are taken already.
pub(super) async fn plant(State(bank): Shared, Json(planted): Json<Planted>) -> Answer<OrderView> {
    let at = Timestamp::now();
    let (today, captured) = (bank.today(), bank.now().as_millisecond());
    let order = bank
        .commit(|book| {
            let order = OrderView {
                at,
                id: book.next_folio(),
                clave_rastreo: planted.clave,
                monto: planted.monto,
                empresa: planted.empresa,
                cuenta_ordenante: String::new(),
                cuenta_beneficiario: planted.cuenta_beneficiario.clone(),
                institucion_contraparte: String::new(),
                fecha_operacion: today,
                estado: planted.estado,
                ts_captura: captured,
                ts_liquidacion: None,
                ts_devolucion: None,
                settle_at: at,
                hidden_until: None,
                spoken: false,
                fault: Fault::Normal,
                fields: BTreeMap::from([("cuentaBeneficiario".to_owned(), planted.cuenta_beneficiario)]),
                body: None,
            };
            (vec![Line::Order(Box::new(order.clone()))], order)
        })
        .await?;
    Ok(Json(order))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arm {
    pub(super) clave: Option<String>,
    pub(super) fault: Option<Fault>,
    pub(super) times: Option<u32>,
}

/// `PUT /control/fault`.
pub(super) async fn fault(State(bank): Shared, Json(arm): Json<Arm>) -> Answer {
    let Arm { clave, fault, times } = arm;
    let line = FaultLine {
        at: Timestamp::now(),
        clave,
        fault,
        times,
    };
    bank.commit(|_| (vec![Line::Fault(line)], ())).await?;
    done()
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) clave: String,
}

/// `POST /control/speak`.
pub(super) async fn speak(State(bank): Shared, Json(named): Json<Named>) -> Answer {
    let clave = named.clave;
    known(&bank, &clave)?;
    bank.commit(|_| {
        (
            vec![Line::Speak(SpeakLine {
                at: Timestamp::now(),
                clave,
            })],
            (),
        )
    })
    .await?;
    done()
}

/// The folio of the first order of a clave.
fn known(bank: &Bank, clave: &str) -> Result<u64, Failure> {
    let folio = bank.book().orders_of(clave).next().map(|order| order.id);
    folio.ok_or_else(|| {
        Failure(
            StatusCode::NOT_FOUND,
            format!("no order of clave {clave}: GET /control/orders has those that it took"),
        )
    })
}

/// `GET /control/portal`: what Banxico's portal was asked since it was started.
pub(super) async fn portal(State(bank): Shared) -> Answer<Vec<Asked>> {
    Ok(Json(bank.portal.asked()))
}

/// `GET /control/settings`.
pub(super) async fn settings(State(bank): Shared) -> Answer<SettingsView> {
    Ok(Json(bank.settings()))
}

/// `PUT /control/settings`.
pub(super) async fn change_settings(State(bank): Shared, Json(change): Json<SettingsChange>) -> Answer<SettingsView> {
    let mut settings = bank.settings.lock().unwrap_or_else(PoisonError::into_inner);
    let now = settings.clone();
    *settings = SettingsView {
        dedupe: change.dedupe.unwrap_or(now.dedupe),
        settle_after_ms: change.settle_after_ms.unwrap_or(now.settle_after_ms),
        hidden_ms: change.hidden_ms.unwrap_or(now.hidden_ms),
        slow_ms: change.slow_ms.unwrap_or(now.slow_ms),
        late_ms: change.late_ms.unwrap_or(now.late_ms),
        receipt_ms: change.receipt_ms.unwrap_or(now.receipt_ms),
        legacy_answers: change.legacy_answers.unwrap_or(now.legacy_answers),
        chaos: change.chaos.unwrap_or(now.chaos),
        unrest: change.unrest.unwrap_or(now.unrest),
        webhook_url: match change.webhook_url {
            Some(url) => url.filter(|url| !url.is_empty()),
            None => now.webhook_url,
        },
        refuse_all: change.refuse_all.unwrap_or(now.refuse_all),
        portal: change.portal.unwrap_or(now.portal),
        opening_balance: change.opening_balance.unwrap_or(now.opening_balance),
        clock_offset_seconds: now.clock_offset_seconds,
    };
    Ok(Json(settings.clone()))
}

#[derive(Deserialize)]
pub(super) struct Clock {
    offset_seconds: i64,
}

/// `PUT /control/clock`.
pub(super) async fn clock(State(bank): Shared, Json(clock): Json<Clock>) -> Answer {
    let mut settings = bank.settings.lock().unwrap_or_else(PoisonError::into_inner);
    settings.clock_offset_seconds = clock.offset_seconds;
    drop(settings);
    Ok(Json(json!({"ok": true, "fechaOperacion": bank.today()})))
}

#[derive(Deserialize)]
pub(super) struct NewState {
    pub(super) clave: String,
    pub(super) estado: String,
}

/// `POST /control/webhook`: any status webhook, now, even of a clave nobody registered (folio 0).
pub(super) async fn webhook(State(bank): Shared, Json(new): Json<NewState>) -> Answer {
    let at = Timestamp::now();
    let ts = bank.now().as_millisecond();
    let line = bank
        .commit(|book| {
            let folio = book.orders_of(&new.clave).next().map_or(0, |order| order.id);
            let settled = if new.estado == "LQ" { ts } else { 0 };
            let body = webhook::body(folio, &bank.empresa, &new.clave, &new.estado, "", settled);
            let line = webhook::queued(book.next_webhook(), at, body);
            (vec![Line::Webhook(line.clone())], line)
        })
        .await?;
    tokio::spawn(webhook::deliver(bank, line));
    done()
}

/// `POST /control/state`: forces the state of the clave's first order, with the webhook such a change brings.
pub(super) async fn state(State(bank): Shared, Json(new): Json<NewState>) -> Answer {
    let folio = known(&bank, &new.clave)?;
    life::change(&bank, folio, None, &new.estado).await?;
    done()
}
