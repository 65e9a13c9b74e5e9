//! Banxico's portal of receipts (CEP), as a person's browser meets it: a form, a page, and a download of the session's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{RawQuery, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, COOKIE, SET_COOKIE, USER_AGENT},
    },
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Bank, book::OrderView, calendar, query::confirmed, signature::decimal};

/// How the portal is to be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// It answers.
    #[default]
    Serves,
    /// It says that it was asked too often.
    TooMany,
    /// It is down.
    Fails,
}

/// A question that the portal got.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// When: the machine's clock, UTC.
    pub at: Timestamp,
    /// Its claveRastreo.
    pub clave: String,
    /// Its day, dd-mm-yyyy.
    pub fecha: String,
}

/// Since it was started: what it was asked, and what each session may download.
#[derive(Default)]
pub(super) struct Portal {
    asked: Mutex<Vec<Asked>>,
    sessions: Mutex<HashMap<String, OrderView>>,
}

impl Portal {
    /// Every question, the oldest first.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The fields of a form.
struct Form(HashMap<String, String>);

impl Form {
    fn read(body: &str) -> Self {
        let form = Url::parse(&format!("http://portal/?{body}"));
        Self(
            form.map(|form| form.query_pairs().into_owned().collect())
                .unwrap_or_default(),
        )
    }

    fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// `POST /cep/valida.do`.
pub(super) async fn validate(State(bank): State<Arc<Bank>>, headers: HeaderMap, body: String) -> Response {
    let form = Form::read(&body);
    let asked = Asked {
        at: Timestamp::now(),
        clave: form.field("criterio").to_owned(),
        fecha: form.field("fecha").to_owned(),
    };
    bank.portal
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked);
    let is_browser = headers
        .get(USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    if !is_browser {
        return StatusCode::FORBIDDEN.into_response();
    }
    match bank.settings().portal {
        Mood::Serves => {}
        Mood::TooMany => {
            return html(&error(
                "La imagen de seguridad no fue ingresada correctamente. Favor de validar.",
            ));
        }
        Mood::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
    let found: Option<OrderView> = {
        let book = bank.book();
        let order = book
            .orders_of(form.field("criterio"))
            .find(|order| is_asked(&bank, order, &form));
        order.cloned()
    };
    let Some(order) = found else {
        return html(NOT_FOUND);
    };
    if order.cuenta_beneficiario != form.field("cuenta") || decimal(order.monto) != form.field("monto") {
        return html(&error(
            "[BE] No se encontró ningún pago con la información proporcionada. Verifique e intente nuevamente.",
        ));
    }
    if !is_confirmed(&bank, &order) {
        return html(&status(&order));
    }
    let session = Uuid::new_v4().simple().to_string();
    let cookie = format!("JSESSIONID={session}; path=/; HttpOnly");
    let mut sessions = bank.portal.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    sessions.insert(session, order);
    drop(sessions);
    ([(SET_COOKIE, cookie)], html(OFFERED)).into_response()
}

/// `GET /cep/descarga.do?formato=XML`.
pub(super) async fn download(State(bank): State<Arc<Bank>>, query: RawQuery, headers: HeaderMap) -> Response {
    let cookies = headers
        .get(COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let session = cookies.split("; ").find_map(|pair| pair.strip_prefix("JSESSIONID="));
    let order = session.and_then(|session| {
        let mut sessions = bank.portal.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(session)
    });
    match (order, query.0.as_deref()) {
        (Some(order), Some("formato=XML")) => {
            ([(CONTENT_TYPE, "application/xml")], receipt(&bank, &order)).into_response()
        }
        // Its session is over, or was none.
        (Some(_) | None, _) => html(LIMIT),
    }
}

/// Banxico asks by the calendar day, whatever the operating date.
fn is_asked(bank: &Bank, order: &OrderView, form: &Form) -> bool {
    let day = bank.calendar.local(order.ts_captura).strftime("%d-%m-%Y").to_string();
    form.field("tipoCriterio") == "T"
        && form.field("tipoConsulta") == "1"
        && form.field("receptorParticipante") == "0"
        && form.field("emisor") == "90646"
        && form.field("receptor") == order.institucion_contraparte
        && form.field("fecha") == day
}

fn is_confirmed(bank: &Bank, order: &OrderView) -> bool {
    let after = i64::try_from(bank.settings().receipt_ms).unwrap_or(i64::MAX);
    let confirmed_at = order.ts_liquidacion.map(|at| at.saturating_add(after));
    order.estado == "LQ" && confirmed_at.is_some_and(|at| at <= bank.now().as_millisecond())
}

fn html(body: &str) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=UTF-8")], body.to_owned()).into_response()
}

fn error(words: &str) -> String {
    format!(
        "\r\n<div class=\"bg-banxico title-bar\">\r\n    Error\r\n</div>\r\n<div id=\"#error_div\"><p>\r\n    {words}\r\n</p></div>\r\n"
    )
}

const NOT_FOUND: &str = "\n<meta charset=\"utf-8\" /> \n<div class=\"title-bar\">Informaci&oacute;n del estado del pago</div>\n\
     <!-- <strong>Operación no encontrada.</strong> --><strong>Lo sentimos, por el momento no es posible generar el CEP. \
     Operación no encontrada. El SPEI no ha recibido una orden de pago que cumpla con el criterio de búsqueda especificado.\
     </strong>\n";

const OFFERED: &str = "\n<div class=\"title-bar\">Descargar CEP</div>\n<h2>Gracias por utilizar el servicio de descarga de CEP</h2>\n\
     <a href=\"descarga.do?formato=PDF\" class=\"boton\">PDF</a>\n<a href=\"descarga.do?formato=XML\" class=\"boton\">XML</a>\n";

const LIMIT: &str = "<!DOCTYPE html>\n<html lang=\"es\"><body><h1>Lo sentimos, pero ha excedido el n&uacute;mero m&aacute;ximo de \
     consultas en este portal. Favor de intentar nuevamente m&aacute;s tarde.</h1></body></html>\n";

/// The table of a payment without a receipt, with the explanations below it.
fn status(order: &OrderView) -> String {
    let state = match &*order.estado {
        "LQ" => "Liquidado",
        "CN" => "Cancelado",
        "D" => "Devuelto",
        _ => "En proceso",
    };
    format!(
        "\n<meta charset=\"utf-8\" />\n<strong>Lo sentimos, por el momento no es posible generar el CEP. Con la información \
         proporcionada se identificó el siguiente pago:</strong><br><br><table><tbody><tr><td>Clave de Rastreo</td><td>{}</td></tr>\
         <tr><td>Estado del pago en Banxico</td><td>{state}</td></tr><tr><td>Monto</td><td>{}</td></tr></tbody></table>\
         <h4>No encontrado</h4><p>El SPEI&reg; no ha recibido una orden de pago.</p>\n",
        order.clave_rastreo,
        decimal(order.monto)
    )
}

fn receipt(bank: &Bank, order: &OrderView) -> String {
    let credited = bank.calendar.local(order.ts_liquidacion.unwrap_or(order.ts_captura));
    let operated = calendar::as_date(order.fecha_operacion);
    let name = confirmed(order, order.field("nombreBeneficiario").to_owned());
    let (account, amount) = (&order.cuenta_beneficiario, decimal(order.monto));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<SPEI_Tercero FechaOperacion=\"{operated}\" Hora=\"{}\" ClaveSPEI=\"{}\" \
         sello=\"simulated\" numeroCertificado=\"00000100000100014853\" cadenaCDA=\"||1|{}|{}|{}|NA\" claveRastreo=\"{}\">\r\n    \
         <Beneficiario BancoReceptor=\"X\" Nombre=\"{name}\" TipoCuenta=\"40\" Cuenta=\"{account}\" RFC=\"ND\" Concepto=\"{}\" \
         IVA=\"0.00\" MontoPago=\"{amount}\"/>\r\n    <Ordenante BancoEmisor=\"STP\" Nombre=\"{}\" TipoCuenta=\"40\" \
         Cuenta=\"{}\" RFC=\"ND\"/>\r\n</SPEI_Tercero>",
        credited.strftime("%H:%M:%S"),
        order.institucion_contraparte,
        operated.strftime("%d%m%Y"),
        credited.strftime("%d%m%Y"),
        credited.strftime("%H%M%S"),
        order.clave_rastreo,
        order.field("conceptoPago"),
        order.field("nombreOrdenante"),
        order.cuenta_ordenante,
    )
}
