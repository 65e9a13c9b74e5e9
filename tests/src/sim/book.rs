//! What the bank knows, rebuilt from the journal: orders, requests seen, armed faults, webhooks on their way.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    chaos::Chaos,
    control::Tally,
    faults::{Fault, FaultSource, QueryLie, Reply},
    incoming::IncomingView,
    journal::{Line, StateLine, WebhookLine, WebhookStep},
};

/// The first folio this bank gives out.
const FIRST_FOLIO: u64 = 3_000_001;

/// One order the bank took, with its present state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// When it was taken: the machine's clock, UTC.
    pub at: Timestamp,
    /// The folio (idEF).
    pub id: u64,
    /// The tracking key.
    pub clave_rastreo: String,
    /// The amount in centavos.
    pub monto: i64,
    /// The company.
    pub empresa: String,
    /// The ordering CLABE.
    pub cuenta_ordenante: String,
    /// The beneficiary's account.
    pub cuenta_beneficiario: String,
    /// The beneficiary's SPEI participant.
    pub institucion_contraparte: String,
    /// The operating date, AAAAMMDD.
    pub fecha_operacion: u32,
    /// C, LQ, CN, D, or what the control API forced.
    pub estado: String,
    /// Captured: the bank's clock, epoch milliseconds.
    pub ts_captura: i64,
    /// Settled: the bank's clock, epoch milliseconds.
    pub ts_liquidacion: Option<i64>,
    /// Returned: the bank's clock, epoch milliseconds.
    pub ts_devolucion: Option<i64>,
    /// When it leaves C: the machine's clock, UTC.
    pub settle_at: Timestamp,
    /// Queries do not find it, or lie about it, before this moment (machine's clock, UTC).
    pub hidden_until: Option<Timestamp>,
    /// The control API told its clave to speak.
    pub spoken: bool,
    /// The fault it was taken under.
    pub fault: Fault,
    /// Every field received, as text.
    pub fields: BTreeMap<String, String>,
    /// The request body as it came; in the journal only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl OrderView {
    /// The text of a received field, empty when absent.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub(super) fn face(&self, now: Timestamp) -> Face {
        if self.fault.hides_until_told() && !self.spoken {
            let silent = self.fault == Fault::Silent;
            return if silent { Face::Silent } else { Face::Hidden };
        }
        match self.hidden_until {
            Some(until) if now < until && !self.spoken => self.fault.query_lie().map_or(Face::Hidden, Face::Lied),
            Some(_) | None => Face::Seen,
        }
    }
}

/// What a query meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Seen,
    Hidden,
    Silent,
    Lied(QueryLie),
}

/// What became of a register request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An order was made.
    Taken,
    /// Answered with a refusal; `code` says which.
    Refused,
    /// Ended before anything was looked at.
    Dropped,
    /// The body is not a JSON object of texts and numbers.
    Malformed,
}

/// One register request the bank saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestView {
    /// When it was seen: the machine's clock, UTC.
    pub at: Timestamp,
    /// The tracking key, empty when it had none.
    pub clave_rastreo: String,
    /// The amount in centavos, when readable.
    pub monto: Option<i64>,
    /// What became of it.
    pub outcome: Outcome,
    /// How the answer travelled.
    pub reply: Reply,
    /// `resultado.id` of a refusal.
    pub code: Option<i64>,
    /// `descripcionError` of a refusal.
    pub text: Option<String>,
    /// The folio of the order made.
    pub folio: Option<u64>,
    /// The fault in force.
    pub fault: Fault,
    /// Where the fault came from.
    pub fault_source: Option<FaultSource>,
    /// The body as it came.
    pub body: String,
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    fault: Fault,
    /// Requests left; `None` for ever.
    times: Option<u32>,
}

/// The bank's memory. It changes by [`Book::apply`] only, live and at replay alike.
#[derive(Debug, Default)]
pub(super) struct Book {
    orders: Vec<OrderView>,
    orders_of: HashMap<String, Vec<usize>>,
    days: BTreeMap<u32, Vec<usize>>,
    incoming: Vec<IncomingView>,
    requests: Vec<RequestView>,
    requests_of: HashMap<String, Vec<usize>>,
    armed_for: HashMap<String, Armed>,
    armed: Option<Armed>,
    webhooks: BTreeMap<u64, WebhookLine>,
    webhooks_queued: u64,
    webhooks_lost: u64,
    webhooks_repeated: u64,
    /// Lines journaled by this process.
    pub(super) journaled: u64,
}

impl Book {
    /// Takes one fact in.
    pub(super) fn apply(&mut self, line: Line) {
        match line {
            Line::Order(order) => {
                let index = self.orders.len();
                self.orders_of
                    .entry(order.clave_rastreo.clone())
                    .or_default()
                    .push(index);
                self.days.entry(order.fecha_operacion).or_default().push(index);
                self.orders.push(OrderView { body: None, ..*order });
            }
            Line::Incoming(incoming) => {
                let is_same = |row: &&mut IncomingView| {
                    (row.fecha_operacion, &row.institucion_contraparte, &row.clave_rastreo)
                        == (
                            incoming.fecha_operacion,
                            &incoming.institucion_contraparte,
                            &incoming.clave_rastreo,
                        )
                };
                match self.incoming.iter_mut().find(is_same) {
                    Some(row) => {
                        *row = IncomingView {
                            id: row.id,
                            ..*incoming
                        }
                    }
                    None => self.incoming.push(*incoming),
                }
            }
            Line::State(change) => self.change(&change),
            Line::Request(request) => {
                self.spend(&request);
                let index = self.requests.len();
                self.requests_of
                    .entry(request.clave_rastreo.clone())
                    .or_default()
                    .push(index);
                self.requests.push(*request);
            }
            Line::Webhook(webhook) => {
                self.webhooks_queued = self.webhooks_queued.max(webhook.number);
                match webhook.step {
                    WebhookStep::Queued => {
                        self.webhooks_repeated += u64::from(webhook.repeats);
                        self.webhooks.insert(webhook.number, webhook)
                    }
                    WebhookStep::Lost => {
                        self.webhooks_lost += 1;
                        None
                    }
                    WebhookStep::Delivered | WebhookStep::GaveUp => self.webhooks.remove(&webhook.number),
                };
            }
            Line::Fault(line) => {
                let armed = line.fault.map(|fault| Armed {
                    fault,
                    times: line.times,
                });
                match (line.clave, armed) {
                    (None, armed) => self.armed = armed,
                    (Some(clave), Some(armed)) => drop(self.armed_for.insert(clave, armed)),
                    (Some(clave), None) => drop(self.armed_for.remove(&clave)),
                }
            }
            Line::Speak(line) => {
                for index in self.orders_of.get(&line.clave).into_iter().flatten() {
                    if let Some(order) = self.orders.get_mut(*index) {
                        order.spoken = true;
                    }
                }
            }
        }
    }

    fn change(&mut self, change: &StateLine) {
        let index = place(change.folio);
        let Some(order) = index.and_then(|index| self.orders.get_mut(index)) else {
            return;
        };
        match change.estado.as_str() {
            "LQ" | "TLQ" => order.ts_liquidacion = Some(change.ts),
            "D" | "RE" | "TD" => order.ts_devolucion = Some(change.ts),
            _ => {}
        }
        order.estado.clone_from(&change.estado);
    }

    fn spend(&mut self, request: &RequestView) {
        let armed = match request.fault_source {
            Some(FaultSource::Clave) => self.armed_for.get_mut(&request.clave_rastreo),
            Some(FaultSource::Default) => self.armed.as_mut(),
            Some(FaultSource::Cents | FaultSource::Chaos) | None => None,
        };
        if let Some(times) = armed.and_then(|armed| armed.times.as_mut()) {
            *times = times.saturating_sub(1);
        }
    }

    /// The fault the next register request of this clave and amount (centavos) meets.
    pub(super) fn fault_for(
        &self,
        clave: &str,
        monto: Option<i64>,
        chaos: Option<Chaos>,
    ) -> (Fault, Option<FaultSource>) {
        let live = |armed: &Armed| armed.times != Some(0);
        if let Some(armed) = self.armed_for.get(clave).filter(|armed| live(armed)) {
            return (armed.fault, Some(FaultSource::Clave));
        }
        if let Some(armed) = self.armed.as_ref().filter(|armed| live(armed)) {
            return (armed.fault, Some(FaultSource::Default));
        }
        let first = !self.requests_of.contains_key(clave);
        let meets = |fault: Fault| fault != Fault::Normal && (first || fault == Fault::Refused);
        let cents = monto.map(Fault::of_amount).unwrap_or_default();
        let drawn = chaos.map(|chaos| chaos.fault_of(clave)).unwrap_or_default();
        if meets(cents) {
            (cents, Some(FaultSource::Cents))
        } else if cents == Fault::Normal && meets(drawn) {
            (drawn, Some(FaultSource::Chaos))
        } else {
            (Fault::Normal, None)
        }
    }

    /// The faults armed now, by clave (`None`: whoever comes next), with the requests left (`None`: for ever).
    pub(super) fn armed(&self) -> Vec<(Option<&str>, Fault, Option<u32>)> {
        let of_claves = self
            .armed_for
            .iter()
            .map(|(clave, armed)| (Some(clave.as_str()), armed));
        let all = of_claves.chain(self.armed.iter().map(|armed| (None, armed)));
        let live = all.filter(|(_, armed)| armed.times != Some(0));
        let mut list: Vec<_> = live.map(|(clave, armed)| (clave, armed.fault, armed.times)).collect();
        list.sort();
        list
    }

    /// The folio of the next order.
    pub(super) fn next_folio(&self) -> u64 {
        FIRST_FOLIO.saturating_add(self.orders.len().try_into().unwrap_or(u64::MAX))
    }

    /// The number of the next webhook.
    pub(super) fn next_webhook(&self) -> u64 {
        self.webhooks_queued + 1
    }

    /// The order of a folio.
    pub(super) fn order(&self, folio: u64) -> Option<&OrderView> {
        place(folio).and_then(|index| self.orders.get(index))
    }

    /// Every order, oldest first.
    pub(super) fn orders(&self) -> &[OrderView] {
        &self.orders
    }

    /// Money that came, oldest first.
    pub(super) fn incoming(&self) -> &[IncomingView] {
        &self.incoming
    }

    /// The orders of a clave, oldest first.
    pub(super) fn orders_of(&self, clave: &str) -> impl Iterator<Item = &OrderView> {
        let places = self.orders_of.get(clave).into_iter().flatten();
        places.filter_map(|index| self.orders.get(*index))
    }

    /// The orders of an operating date (AAAAMMDD), oldest first.
    pub(super) fn orders_on(&self, date: u32) -> impl Iterator<Item = &OrderView> {
        let places = self.days.get(&date).into_iter().flatten();
        places.filter_map(|index| self.orders.get(*index))
    }

    /// Every register request seen, oldest first; of one clave when given.
    pub(super) fn requests(&self, clave: Option<&str>) -> Vec<RequestView> {
        let Some(clave) = clave else {
            return self.requests.clone();
        };
        let places = self.requests_of.get(clave).into_iter().flatten();
        places.filter_map(|index| self.requests.get(*index).cloned()).collect()
    }

    /// Everything in numbers.
    pub(super) fn tally(&self) -> Tally {
        let mut met = BTreeMap::new();
        for request in &self.requests {
            *met.entry(request.fault.name()).or_default() += 1;
        }
        let doubled = self.orders_of.iter().filter(|(_, orders)| orders.len() > 1);
        Tally {
            orders: self.orders.len().try_into().unwrap_or(u64::MAX),
            doubled: doubled.map(|(clave, _)| clave.clone()).collect(),
            met,
            webhooks: self.webhooks_queued,
            lost: self.webhooks_lost,
            repeated: self.webhooks_repeated,
        }
    }

    /// The webhooks still on their way.
    pub(super) fn webhooks(&self) -> impl Iterator<Item = &WebhookLine> {
        self.webhooks.values()
    }
}

fn place(folio: u64) -> Option<usize> {
    folio.checked_sub(FIRST_FOLIO)?.try_into().ok()
}
