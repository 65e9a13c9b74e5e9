//! What the company asks the bank: one order, the orders of a day, the balance.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    Bank,
    book::{Face, OrderView},
    calendar::{Calendar, parse_date},
    faults::{Fault, QueryLie},
    incoming::IncomingView,
    reply,
    signature::{Fields, decimal},
};

/// Why this bank's beneficiaries send money back: the account does not exist.
pub(super) const RETURN_CAUSE: &str = "1";

const FOUND: &str = "Datos consultados correctamente";

/// Records in one page of a conciliation.
const PAGE: usize = 500;

/// Received records get folios far from those of sent orders.
const RECEIVED: u64 = 50_000_000;

/// One record of an answer; `monto` carries its exact decimal digits as a JSON number.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "idEF")]
    id_ef: u64,
    monto: Box<RawValue>,
    fecha_operacion: u32,
    ts_captura: i64,
    ts_liquidacion: Option<i64>,
    referencia_numerica: u64,
    tipo_pago: u32,
    medio_entrega: u32,
    tipo_cuenta_beneficiario: Option<u32>,
    tipo_cuenta_ordenante: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monto_intereses: Option<Box<RawValue>>,
    #[serde(flatten)]
    texts: BTreeMap<&'static str, Option<String>>,
}

/// Why a query is not answered.
struct Refusal(StatusCode, u32, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"estado": self.1, "mensaje": self.2}))).into_response()
    }
}

const BAD: Refusal = Refusal(StatusCode::BAD_REQUEST, 2, "Peticion incorrecta");
const BAD_SIGNATURE: Refusal = Refusal(StatusCode::BAD_REQUEST, 2, "Firma invalida");
const NOTHING: Refusal = Refusal(StatusCode::BAD_REQUEST, 6, "No se encontraron datos relacionados");
const NOT_PAST: Refusal = Refusal(
    StatusCode::BAD_REQUEST,
    8,
    "La fecha de operacion debe ser anterior a la fecha de operacion actual",
);
const UNAVAILABLE: Refusal = Refusal(StatusCode::SERVICE_UNAVAILABLE, 1, "Servicio no disponible");

/// Reads a signed question of the registered company.
fn asked(bank: &Bank, body: &str, cadena: impl Fn(&Fields) -> String) -> Result<Fields, Refusal> {
    bank.count_question();
    let fields = Fields::parse(body).map_err(|_| BAD)?;
    if fields.get("empresa") != bank.empresa {
        return Err(BAD);
    }
    if !bank.key.signed(&cadena(&fields), fields.get("firma")) {
        return Err(BAD_SIGNATURE);
    }
    Ok(fields)
}

/// The operating date a question is about, and whether it is the current one.
fn date(bank: &Bank, fields: &Fields) -> Result<(u32, bool), Refusal> {
    let today = bank.today();
    let text = fields.get("fechaOperacion");
    if text.is_empty() {
        return Ok((today, true));
    }
    match parse_date(text) {
        Some(date) if date < today => Ok((date, false)),
        Some(_) => Err(NOT_PAST),
        None => Err(BAD),
    }
}

fn sent(fields: &Fields) -> Result<bool, Refusal> {
    match fields.get("tipoOrden") {
        "E" => Ok(true),
        "R" => Ok(false),
        _ => Err(BAD),
    }
}

fn unavailable(why: &anyhow::Error) -> Refusal {
    tracing::error!(%why, "query not answered");
    UNAVAILABLE
}

/// The two formats of a question by clave and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `consultaOrden`: `estado`, `mensaje`, `respuesta`.
    V2,
    /// `consOrdEnvRastreo`: `resultado` with `ordenPago`, or with `id` and `descripcionError`, always under HTTP 200.
    Legacy,
}

/// `POST consultaOrden`.
pub(super) async fn order(State(bank): State<Arc<Bank>>, body: String) -> Response {
    told(&bank, find(&bank, &body, Format::V2).await, Format::V2)
}

/// `POST ordenPago/consOrdEnvRastreo`, the legacy question; sent orders only.
pub(super) async fn legacy_order(State(bank): State<Arc<Bank>>, body: String) -> Response {
    told(&bank, find(&bank, &body, Format::Legacy).await, Format::Legacy)
}

/// What a question found.
enum Finding {
    /// The record, and whether its order answers in the legacy format only.
    Record(Box<Record>, bool),
    Lie(QueryLie, Box<Record>),
}

fn told(bank: &Bank, found: Result<Finding, Refusal>, asked: Format) -> Response {
    let legacy = asked == Format::Legacy || bank.settings().legacy_answers;
    match found {
        Ok(Finding::Lie(lie, record)) => lied(lie, *record),
        Ok(Finding::Record(record, only_legacy)) if legacy || only_legacy => {
            Json(json!({"resultado": {"id": 0, "descripcionError": null, "ordenPago": record}})).into_response()
        }
        Ok(Finding::Record(respuesta, _)) => Json(Answer {
            estado: 0,
            mensaje: FOUND,
            respuesta,
        })
        .into_response(),
        Err(refusal) if legacy && refusal.1 != UNAVAILABLE.1 => {
            let text = match refusal.1 {
                6 => "Firma invalida No entity found for query",
                _ if refusal.2 == BAD_SIGNATURE.2 => "Firma invalida Firma Invalida",
                _ => refusal.2,
            };
            Json(json!({"resultado": {"id": 0, "descripcionError": text}})).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// An answer that proves nothing, made from the true record.
fn lied(lie: QueryLie, record: Record) -> Response {
    let frame = |respuesta: Value| Json(json!({"estado": 0, "mensaje": FOUND, "respuesta": respuesta}));
    let record = serde_json::to_value(&record).unwrap_or_default();
    match lie {
        QueryLie::Garbage => reply::garbage(),
        QueryLie::Truncated => reply::truncated(&frame(record).0),
        QueryLie::Error500 => reply::page(500),
        QueryLie::Empty => frame(json!([])).into_response(),
        QueryLie::TwoRecords => {
            let mut other = record.clone();
            other["estado"] = "CN".into();
            other["idEF"] = RECEIVED.into();
            frame(json!([other, record])).into_response()
        }
        QueryLie::ForeignRecord => {
            let mut other = record;
            for (name, value) in [
                ("claveRastreo", json!("SOMEBODYELSE1")),
                ("cuentaBeneficiario", json!("072691004495711499")),
                ("empresa", json!("OTRA")),
                ("monto", json!(1)),
                ("idEF", json!(RECEIVED)),
                ("estado", json!("CN")),
            ] {
                other[name] = value;
            }
            frame(other).into_response()
        }
    }
}

async fn find(bank: &Bank, body: &str, format: Format) -> Result<Finding, Refusal> {
    let (fields, sent) = match format {
        Format::V2 => {
            let fields = asked(bank, body, |fields| {
                fields.query_cadena(&["empresa", "claveRastreo", "tipoOrden", "fechaOperacion"])
            })?;
            let sent = sent(&fields)?;
            (fields, sent)
        }
        // The same 34 positions as an order, of which a question fills four.
        Format::Legacy => (asked(bank, body, Fields::order_cadena)?, true),
    };
    let clave = fields.get("claveRastreo");
    let (date, _) = date(bank, &fields)?;
    let now = Timestamp::now();
    if !sent {
        let came = bank.read(|book| {
            let mut all = book.incoming().iter();
            all.find(|came| came.clave_rastreo == clave && came.fecha_operacion == date)
                .cloned()
        });
        if let Some(came) = came.await.map_err(|why| unavailable(&why))? {
            let record = Box::new(incoming_record(&came).map_err(|why| unavailable(&why))?);
            return Ok(Finding::Record(record, false));
        }
    }
    let found = bank
        .read(|book| {
            let mut orders = book.orders_of(clave).peekable();
            let silent = orders.peek().is_some_and(|order| order.face(now) == Face::Silent);
            let mut told = orders.filter(|order| matches!(order.face(now), Face::Seen | Face::Lied(_)));
            let order = told.find(|order| day(&bank.calendar, order, sent) == Some(date));
            (silent, order.cloned())
        })
        .await
        .map_err(|why| unavailable(&why))?;
    match found {
        (true, _) => Err(UNAVAILABLE),
        (false, None) => Err(NOTHING),
        (false, Some(order)) => {
            let record = Box::new(record(bank, &order, date, sent).map_err(|why| unavailable(&why))?);
            Ok(match order.face(now) {
                Face::Lied(lie) => Finding::Lie(lie, record),
                Face::Seen | Face::Hidden | Face::Silent => Finding::Record(record, order.fault == Fault::LegacyRecord),
            })
        }
    }
}

#[derive(Serialize)]
struct Answer {
    estado: u32,
    mensaje: &'static str,
    respuesta: Box<Record>,
}

#[derive(Serialize)]
struct Conciliation {
    estado: u32,
    mensaje: &'static str,
    datos: Vec<Record>,
    total: usize,
}

/// `POST V2/conciliacion`. An order that is hidden, silent or lied about is missing from the running day, and keeps a past day from being told at all.
pub(super) async fn conciliation(State(bank): State<Arc<Bank>>, body: String) -> Response {
    page(&bank, &body).await.unwrap_or_else(Refusal::into_response)
}

/// `POST ordenPago/consOrdenesFech`, the legacy list of a day: one answer, which ends with a null.
pub(super) async fn legacy_day(State(bank): State<Arc<Bank>>, body: String) -> Response {
    match whole_day(&bank, &body).await {
        Ok(list) => Json(json!({"resultado": {"lst": list}})).into_response(),
        Err(refusal) if refusal.1 == NOTHING.1 => {
            Json(json!({"resultado": {"id": -100, "descripcionError": "No se encontraron ordenes"}})).into_response()
        }
        Err(refusal) if refusal.2 == BAD_SIGNATURE.2 => {
            Json(json!({"resultado": {"id": 0, "descripcionError": "Firma invalida Firma Invalida"}})).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn whole_day(bank: &Bank, body: &str) -> Result<Vec<Option<Record>>, Refusal> {
    let fields = asked(bank, body, |fields| {
        let (company, date) = (fields.get("empresa"), fields.get("fechaOperacion"));
        format!("|||{company}|{date}{}", "|".repeat(33))
    })?;
    let sent = match fields.get("estado") {
        "E" => true,
        "R" => false,
        _ => return Err(BAD),
    };
    let (all, _) = records(bank, date(bank, &fields)?, sent).await?;
    Ok(all.into_iter().map(Some).chain([None]).collect())
}

async fn page(bank: &Bank, body: &str) -> Result<Response, Refusal> {
    let fields = asked(bank, body, |fields| {
        fields.query_cadena(&["empresa", "tipoOrden", "fechaOperacion"])
    })?;
    let sent = sent(&fields)?;
    let day = date(bank, &fields)?;
    let page: usize = match fields.get("page") {
        "" => 0,
        text => text.parse().map_err(|_| BAD)?,
    };
    let (all, total) = records(bank, day, sent).await?;
    let datos = all.into_iter().skip(page.saturating_mul(PAGE)).take(PAGE).collect();
    Ok(Json(Conciliation {
        estado: 0,
        mensaje: FOUND,
        datos,
        total,
    })
    .into_response())
}

/// Every record of a day that the bank tells, and how many; none is a refusal.
async fn records(bank: &Bank, (date, running): (u32, bool), sent: bool) -> Result<(Vec<Record>, usize), Refusal> {
    let now = Timestamp::now();
    let (total, hidden, orders, came) = bank
        .read(|book| {
            let came = book
                .incoming()
                .iter()
                .filter(|came| !sent && came.fecha_operacion == date);
            let came: Vec<IncomingView> = came.cloned().collect();
            let of_day = |order: &&OrderView| day(&bank.calendar, order, sent) == Some(date);
            let all: Vec<&OrderView> = if sent {
                book.orders_on(date).collect()
            } else {
                book.orders().iter().filter(of_day).collect()
            };
            let seen = |order: &&&OrderView| order.face(now) == Face::Seen;
            let total = all.iter().filter(seen).count();
            let orders: Vec<OrderView> = all.iter().filter(seen).map(|order| (*order).clone()).collect();
            (total, all.len() - total, orders, came)
        })
        .await
        .map_err(|why| unavailable(&why))?;
    // A closed statement that omits an order it will show later would be proof of a falsehood.
    if hidden > 0 && !running {
        return Err(UNAVAILABLE);
    }
    let total = total + came.len();
    if total == 0 {
        return Err(NOTHING);
    }
    let of_orders = orders.iter().map(|order| record(bank, order, date, sent));
    let all = of_orders.chain(came.iter().map(incoming_record));
    let all: Result<Vec<Record>> = all.collect();
    Ok((all.map_err(|why| unavailable(&why))?, total))
}

/// `POST consultaSaldoCuenta`.
pub(super) async fn balance(State(bank): State<Arc<Bank>>, body: String) -> Response {
    sum(&bank, &body).await.unwrap_or_else(Refusal::into_response)
}

async fn sum(bank: &Bank, body: &str) -> Result<Response, Refusal> {
    asked(bank, body, |fields| {
        fields.query_cadena(&["empresa", "cuentaOrdenante", "fecha"])
    })?;
    let opening = bank.settings().opening_balance;
    let (gone, pending) = bank
        .read(|book| {
            let sum = |estado: &str| {
                let orders = book.orders().iter().filter(|order| order.estado == estado);
                orders.map(|order| order.monto).sum::<i64>()
            };
            let came = book.incoming().iter().filter(|came| came.is_here());
            let came: i64 = came.map(|came| came.monto).sum();
            (sum("LQ") + sum("TLQ") - came, sum("C"))
        })
        .await
        .map_err(|why| unavailable(&why))?;
    Ok(Json(json!({
        "estado": 0,
        "mensaje": FOUND,
        "saldo": decimal(opening - gone),
        "cargosPendientes": decimal(pending),
    }))
    .into_response())
}

/// The operating date (AAAAMMDD) of the sent order, or of the return received for it.
fn day(calendar: &Calendar, order: &OrderView, sent: bool) -> Option<u32> {
    if sent {
        return Some(order.fecha_operacion);
    }
    let returned = order.ts_devolucion.filter(|_| order.estado == "D")?;
    let returned = Timestamp::from_millisecond(returned).ok()?;
    Some(calendar.operating_date(returned))
}

/// The record of money that came.
fn incoming_record(came: &IncomingView) -> Result<Record> {
    let texts = BTreeMap::from([
        ("claveRastreo", Some(came.clave_rastreo.clone())),
        ("claveRastreoDevolucion", came.clave_rastreo_devolucion.clone()),
        ("conceptoPago", Some(came.concepto_pago.clone())),
        ("empresa", Some(came.empresa.clone())),
        ("institucionContraparte", Some(came.institucion_contraparte.clone())),
        ("institucionOperante", Some("90646".to_owned())),
        ("causaDevolucion", came.causa_devolucion.map(|cause| cause.to_string())),
        ("estado", Some(came.estado.clone())),
        ("cuentaOrdenante", Some(came.cuenta_ordenante.clone())),
        ("nombreOrdenante", Some(came.nombre_ordenante.clone())),
        ("rfcCurpOrdenante", Some("ND".to_owned())),
        ("cuentaBeneficiario", Some(came.cuenta_beneficiario.clone())),
        ("nombreBeneficiario", Some("ND".to_owned())),
        ("rfcCurpBeneficiario", Some("ND".to_owned())),
    ]);
    let interest = came
        .monto_intereses
        .map(|interest| RawValue::from_string(decimal(interest)));
    Ok(Record {
        id_ef: came.id,
        monto: RawValue::from_string(decimal(came.monto))?,
        fecha_operacion: came.fecha_operacion,
        ts_captura: came.ts_liquidacion,
        ts_liquidacion: Some(came.ts_liquidacion),
        referencia_numerica: came.referencia_numerica,
        tipo_pago: came.tipo_pago,
        medio_entrega: 1,
        tipo_cuenta_beneficiario: Some(40),
        tipo_cuenta_ordenante: Some(40),
        monto_intereses: interest.transpose()?,
        texts,
    })
}

/// Whose account the beneficiary's bank says it is: in capitals, as banks write it; somebody else's where the concept asks for
/// that.
pub(super) fn confirmed(order: &OrderView, name: String) -> String {
    match order.field("conceptoPago") {
        "CEP de otro" => "PEDRO PARAMO RULFO".to_owned(),
        _ => name.to_uppercase(),
    }
}

/// The record of a sent order, or of the return (type 0) received for it.
fn record(bank: &Bank, order: &OrderView, date: u32, sent: bool) -> Result<Record> {
    let lie = i64::from(order.fault == Fault::WrongEcho && !order.spoken);
    let field = |name: &str| Some(order.field(name).to_owned());
    let number = |name: &str| order.field(name).parse::<u32>().ok();
    let after = i64::try_from(bank.settings().receipt_ms).unwrap_or(i64::MAX);
    let now = bank.now().as_millisecond();
    let confirmed_at = order.ts_liquidacion.map(|at| at.saturating_add(after));
    let cep = confirmed_at.filter(|at| sent && *at <= now).map(|_| {
        format!(
            "https://www.banxico.org.mx/cep/go?i=90646&s=bank-sim&d={}",
            order.clave_rastreo
        )
    });
    let returned = order.estado == "D";
    let mut texts = BTreeMap::from([
        ("claveRastreo", Some(order.clave_rastreo.clone())),
        (
            "claveRastreoDevolucion",
            field("claveRastreoDevolucion").filter(|key| !key.is_empty()),
        ),
        ("conceptoPago", field("conceptoPago")),
        ("empresa", Some(order.empresa.clone())),
        ("institucionContraparte", Some(order.institucion_contraparte.clone())),
        ("institucionOperante", field("institucionOperante")),
        ("causaDevolucion", returned.then(|| RETURN_CAUSE.to_owned())),
        ("estado", Some(order.estado.clone())),
        (
            "nombreCep",
            cep.as_ref()
                .and_then(|_| field("nombreBeneficiario"))
                .map(|name| confirmed(order, name)),
        ),
        ("rfcCep", cep.as_ref().and_then(|_| field("rfcCurpBeneficiario"))),
        ("sello", None),
        ("urlCEP", cep),
    ]);
    // A return comes from the beneficiary to the ordering account: the two change places.
    let (ordering, receiving) = if sent {
        ("Ordenante", "Beneficiario")
    } else {
        texts.insert("estado", Some("LQ".to_owned()));
        ("Beneficiario", "Ordenante")
    };
    texts.extend([
        ("cuentaOrdenante", field(&format!("cuenta{ordering}"))),
        ("nombreOrdenante", field(&format!("nombre{ordering}"))),
        ("rfcCurpOrdenante", field(&format!("rfcCurp{ordering}"))),
        ("cuentaBeneficiario", field(&format!("cuenta{receiving}"))),
        ("nombreBeneficiario", field(&format!("nombre{receiving}"))),
        ("rfcCurpBeneficiario", field(&format!("rfcCurp{receiving}"))),
    ]);
    let returned_at = order.ts_devolucion.unwrap_or(order.ts_captura);
    Ok(Record {
        id_ef: if sent { order.id } else { order.id + RECEIVED },
        monto: RawValue::from_string(decimal(order.monto + lie))?,
        fecha_operacion: date,
        ts_captura: if sent { order.ts_captura } else { returned_at },
        ts_liquidacion: if sent { order.ts_liquidacion } else { Some(returned_at) },
        referencia_numerica: order.field("referenciaNumerica").parse().unwrap_or(0),
        tipo_pago: if sent { number("tipoPago").unwrap_or(1) } else { 0 },
        medio_entrega: if sent { number("medioEntrega").unwrap_or(3) } else { 1 },
        tipo_cuenta_beneficiario: number(&format!("tipoCuenta{receiving}")),
        tipo_cuenta_ordenante: number(&format!("tipoCuenta{ordering}")),
        monto_intereses: None,
        texts,
    })
}
