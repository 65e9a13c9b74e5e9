//! `PUT ordenPago/registra`, and `retornaOrden` for what is sent back: checks an order as STP does, takes or refuses it, and
//! lets the armed fault decide how the answer travels.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use axum::{
    extract::{ConnectInfo, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Bank, SettingsView,
    book::{Book, Face, OrderView, Outcome, RequestView},
    calendar::parse_date,
    clabe,
    faults::{Fault, Reply},
    incoming::IncomingView,
    journal::Line,
    life,
    reply::{self, Ending},
    signature::{Fields, centavos, decimal},
    wire::Wire,
};

/// STP's own SPEI participant code, that of every company it serves.
const OPERANTE: &str = "90646";

/// Of `retornaOrden`: no such deposit.
const NO_ORDER: &str = "No se encontro la orden";

/// Folios that no order has.
const OTHER: u64 = 4_000_000;

/// The longest a register answer waits for its webhook to be delivered first.
const WEBHOOK_FIRST: Duration = Duration::from_secs(8);

/// `resultado.id` and `descripcionError`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal(i64, String);

/// A sound order: amount in centavos, operating date AAAAMMDD.
#[derive(Clone, Copy, Debug)]
struct Sound {
    monto: i64,
    fecha: u32,
}

/// What is asked of the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `registra`.
    Pay,
    /// `retornaOrden`: money that came goes back.
    SendBack,
}

impl Asked {
    /// The field that holds the order's own key.
    fn key(self) -> &'static str {
        match self {
            Self::Pay => "claveRastreo",
            Self::SendBack => "claveRastreoDevolucion",
        }
    }
}

/// The handler of `registra`.
pub(super) async fn register(
    State(bank): State<Arc<Bank>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    body: String,
) -> Response {
    take(bank, wire, Asked::Pay, body).await
}

/// The handler of `retornaOrden`.
pub(super) async fn send_back(
    State(bank): State<Arc<Bank>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    body: String,
) -> Response {
    take(bank, wire, Asked::SendBack, body).await
}

async fn take(bank: Arc<Bank>, wire: Wire, asked: Asked, body: String) -> Response {
    // A task of its own: a sender who hangs up must not stop the bank half way.
    let ending = match tokio::spawn(decide(bank, asked, body)).await {
        Ok(Ok(Some(ending))) => ending,
        Ok(Ok(None)) => return StatusCode::BAD_REQUEST.into_response(),
        Ok(Err(why)) => {
            tracing::error!(%why, "order not journaled");
            wire.cut();
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Err(why) => {
            tracing::error!(%why, "register task failed");
            wire.cut();
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    reply::send(ending, &wire).await
}

pub(super) async fn decide(bank: Arc<Bank>, asked: Asked, body: String) -> Result<Option<Ending>> {
    let at = Timestamp::now();
    let settings = bank.settings();
    let parsed = Fields::parse(&body).ok();
    let well_formed = parsed.is_some();
    let fields = parsed.unwrap_or_default();
    let key = fields.get(asked.key()).to_owned();
    let (checked, fields) = match asked {
        Asked::Pay => (check(&bank, &fields), fields),
        Asked::SendBack => match going_back(&bank, &fields) {
            Ok((sound, order)) => (Ok(sound), order),
            Err(refusal) => (Err(refusal), fields),
        },
    };
    let captured = bank.now().as_millisecond();
    let request = bank
        .commit(|book| {
            let clave = key.as_str();
            let (fault, fault_source) = book.fault_for(clave, centavos(fields.get("monto")), settings.chaos);
            let mut request = RequestView {
                at,
                clave_rastreo: clave.to_owned(),
                monto: centavos(fields.get("monto")),
                outcome: Outcome::Malformed,
                reply: Reply::Answered,
                code: None,
                text: None,
                folio: None,
                fault,
                fault_source,
                body,
            };
            let mut lines = Vec::new();
            if fault.takes_nothing() {
                request.outcome = Outcome::Dropped;
                request.reply = fault.reply();
            } else if well_formed {
                match checked.and_then(|sound| judge(book, &settings, fault, (asked, clave), sound)) {
                    Ok(sound) => {
                        let order = order(book, &settings, &request, fields, sound, captured);
                        request.outcome = Outcome::Taken;
                        request.folio = Some(order.id);
                        request.reply = fault.reply();
                        lines.push(Line::Order(Box::new(order)));
                    }
                    Err(Refusal(code, text)) => {
                        request.outcome = Outcome::Refused;
                        // An order that exists already answers through the same bad wire.
                        request.reply = if code == -1 { fault.reply() } else { Reply::Answered };
                        request.code = Some(code);
                        request.text = Some(text);
                    }
                }
                let mut known = book.orders_of(&request.clave_rastreo);
                if known.any(|order| order.face(at) == Face::Silent) {
                    request.reply = Reply::Lost;
                }
            }
            lines.push(Line::Request(Box::new(request.clone())));
            (lines, request)
        })
        .await?;
    if request.outcome == Outcome::Malformed {
        return Ok(None);
    }
    if let Some(folio) = request.folio {
        if request.reply == Reply::AfterWebhook {
            for delivery in life::change(&bank, folio, Some("C"), "LQ").await? {
                let _ = tokio::time::timeout(WEBHOOK_FIRST, delivery).await;
            }
        }
        life::start(&bank, folio);
    }
    let answer = answer(&request);
    Ok(Some(Ending {
        reply: request.reply,
        answer,
        slow_ms: settings.slow_ms,
    }))
}

fn answer(request: &RequestView) -> Value {
    if request.reply == Reply::Error0 {
        let text = "No se recibio respuesta del servicio";
        return json!({"resultado": {"id": 0, "descripcionError": text}});
    }
    if request.reply == Reply::Foreign {
        return json!({"resultado": {
            "id": -20,
            "descripcionError": "El monto es invalido",
            "claveRastreo": "SOMEBODYELSE1",
            "monto": 1.00,
        }});
    }
    match (request.folio, request.code) {
        (Some(folio), _) if request.reply == Reply::OtherFolio => json!({"resultado": {"id": folio + OTHER}}),
        (Some(folio), _) => json!({"resultado": {"id": folio}}),
        (None, code) => json!({"resultado": {
            "id": code.unwrap_or(0),
            "descripcionError": request.text.as_deref().unwrap_or(""),
        }}),
    }
}

/// What the bank's memory, settings and faults say about a sound order.
fn judge(
    book: &Book,
    settings: &SettingsView,
    fault: Fault,
    (asked, clave): (Asked, &str),
    sound: Sound,
) -> Result<Sound, Refusal> {
    if let Some(code) = settings.refuse_all {
        return refuse(code, "Rechazado por el simulador");
    }
    match (fault.refusal(), asked) {
        (Some((code, text)), Asked::Pay) => return refuse(code, text),
        (Some(_), Asked::SendBack) => return refuse(-1, NO_ORDER),
        (None, _) => {}
    }
    if book.orders_of(clave).any(|order| order.fault == Fault::RefuseResend) {
        return refuse(-200, "Rechazado por PLD");
    }
    let mut same_day = book.orders_of(clave).filter(|o| o.fecha_operacion == sound.fecha);
    if settings.dedupe && same_day.next().is_some() {
        let fecha = sound.fecha;
        return refuse(
            -1,
            &format!("La clave de rastreo {clave} para la fecha {fecha} de la institucion {OPERANTE} ya fue utilizada"),
        );
    }
    Ok(sound)
}

fn order(
    book: &Book,
    settings: &SettingsView,
    request: &RequestView,
    fields: Fields,
    sound: Sound,
    captured: i64,
) -> OrderView {
    let (at, fault) = (request.at, request.fault);
    let later = |ms: u64| {
        let wait = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        at.checked_add(wait).unwrap_or(at)
    };
    OrderView {
        at,
        id: book.next_folio(),
        clave_rastreo: request.clave_rastreo.clone(),
        monto: sound.monto,
        empresa: fields.get("empresa").to_owned(),
        cuenta_ordenante: fields.get("cuentaOrdenante").to_owned(),
        cuenta_beneficiario: fields.get("cuentaBeneficiario").to_owned(),
        institucion_contraparte: fields.get("institucionContraparte").to_owned(),
        fecha_operacion: sound.fecha,
        estado: "C".to_owned(),
        ts_captura: captured,
        ts_liquidacion: None,
        ts_devolucion: None,
        settle_at: later(settings.settle_after_ms),
        hidden_until: fault.hides_for_a_while().then(|| later(settings.hidden_ms)),
        spoken: false,
        fault,
        fields: fields.0,
        body: Some(request.body.clone()),
    }
}

fn refuse<T>(code: i64, text: &str) -> Result<T, Refusal> {
    Err(Refusal(code, text.to_owned()))
}

/// What the order alone, the company's key and the calendar say.
fn check(bank: &Bank, fields: &Fields) -> Result<Sound, Refusal> {
    let missing = |name: &&&str| fields.get(name).is_empty();
    if fields.get("institucionContraparte").is_empty() {
        return refuse(-5, "La institucion contraparte es obligatoria");
    }
    let mandatory = [
        "empresa",
        "claveRastreo",
        "institucionOperante",
        "monto",
        "tipoPago",
        "tipoCuentaOrdenante",
        "nombreOrdenante",
        "rfcCurpOrdenante",
        "tipoCuentaBeneficiario",
        "nombreBeneficiario",
        "cuentaBeneficiario",
        "rfcCurpBeneficiario",
        "conceptoPago",
        "referenciaNumerica",
        "firma",
    ];
    if let Some(name) = mandatory.iter().find(missing) {
        return refuse(0, &format!("El campo {name} es obligatorio"));
    }
    let empresa = fields.get("empresa");
    if empresa != bank.empresa {
        return refuse(-6, &format!("La empresa {empresa} es invalida"));
    }
    let Some(monto) = centavos(fields.get("monto")).filter(|monto| *monto > 0) else {
        return refuse(-20, "El monto es invalido");
    };
    if !bank.key.signed(&fields.order_cadena(), fields.get("firma")) {
        return refuse(0, "Error validando la firma");
    }
    if fields.get("institucionOperante") != OPERANTE {
        return refuse(-6, "La institucion operante es invalida");
    }
    check_text(fields)?;
    check_accounts(fields)?;
    let fecha = bank.today();
    let asked = fields.get("fechaOperacion");
    if !asked.is_empty() && parse_date(asked) != Some(fecha) {
        return refuse(-16, &format!("La fecha de operacion {asked} es invalida"));
    }
    Ok(Sound { monto, fecha })
}

/// The same of what is sent back, and the order that it makes: the deposit is found by its day, key and amount. A second one
/// of the same deposit is taken too: nobody says that STP would refuse it.
fn going_back(bank: &Bank, fields: &Fields) -> Result<(Sound, Fields), Refusal> {
    let mandatory = [
        "fechaOperacion",
        "institucionOperante",
        "claveRastreo",
        "claveRastreoDevolucion",
        "empresa",
        "monto",
        "digitoIdentificadorBeneficiario",
        "medioEntrega",
        "firma",
    ];
    if let Some(name) = mandatory.iter().find(|name| fields.get(name).is_empty()) {
        return refuse(0, &format!("El campo {name} es obligatorio"));
    }
    let cadena = fields.query_cadena(&[
        "fechaOperacion",
        "institucionOperante",
        "claveRastreo",
        "monto",
        "digitoIdentificadorBeneficiario",
        "claveRastreoDevolucion",
        "medioEntrega",
    ]);
    if !bank.key.signed(&cadena, fields.get("firma")) {
        return refuse(0, "Error validando la firma");
    }
    if fields.get("empresa") != bank.empresa || fields.get("institucionOperante") != OPERANTE {
        return refuse(-6, "La empresa o la institucion operante es invalida");
    }
    let (date, monto) = (parse_date(fields.get("fechaOperacion")), centavos(fields.get("monto")));
    let is_it = |came: &&IncomingView| {
        came.is_here()
            && came.clave_rastreo == fields.get("claveRastreo")
            && Some(came.fecha_operacion) == date
            && Some(came.monto) == monto
    };
    let Some(came) = bank.book().incoming().iter().find(is_it).cloned() else {
        return refuse(-1, NO_ORDER);
    };
    let order = [
        ("empresa", came.empresa),
        ("monto", decimal(came.monto)),
        ("cuentaOrdenante", came.cuenta_beneficiario),
        ("cuentaBeneficiario", came.cuenta_ordenante),
        ("institucionContraparte", came.institucion_contraparte),
        ("institucionOperante", OPERANTE.to_owned()),
        ("nombreBeneficiario", came.nombre_ordenante),
        ("conceptoPago", came.concepto_pago),
        ("referenciaNumerica", came.referencia_numerica.to_string()),
        ("tipoPago", "17".to_owned()),
        ("claveRastreoDevolucion", came.clave_rastreo),
    ];
    let sound = Sound {
        monto: came.monto,
        fecha: bank.today(),
    };
    Ok((sound, Fields(order.map(|(name, text)| (name.to_owned(), text)).into())))
}

fn check_text(fields: &Fields) -> Result<(), Refusal> {
    let clave = fields.get("claveRastreo");
    if clave.len() > 30 {
        return refuse(-26, "La clave de rastreo es invalida");
    }
    if !clave.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return refuse(-34, "La clave de rastreo solo admite a-z A-Z 0-9");
    }
    let tipo = fields.get("tipoPago");
    if tipo != "1" {
        return refuse(-13, &format!("El tipo de pago {tipo} es invalido"));
    }
    for (name, longest) in [
        ("empresa", 15),
        ("folioOrigen", 50),
        ("nombreOrdenante", 40),
        ("rfcCurpOrdenante", 18),
        ("nombreBeneficiario", 40),
        ("rfcCurpBeneficiario", 18),
        ("conceptoPago", 40),
    ] {
        let text = fields.get(name);
        let plain = text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'|');
        if text.len() > longest || !plain {
            return refuse(0, &format!("El campo {name} es invalido"));
        }
    }
    let referencia = fields.get("referenciaNumerica");
    let number = clabe::is_digits(referencia)
        .then(|| referencia.parse::<u64>().ok())
        .flatten();
    if !number.is_some_and(|number| (1..=9_999_999).contains(&number)) {
        return refuse(0, "El campo referenciaNumerica es invalido");
    }
    Ok(())
}

fn check_accounts(fields: &Fields) -> Result<(), Refusal> {
    let institution = fields.get("institucionContraparte");
    if !clabe::is_institution(institution) {
        return refuse(-9, &format!("La institucion {institution} es invalida"));
    }
    let tipo = fields.get("tipoCuentaOrdenante");
    if tipo != "40" {
        return refuse(-11, &format!("El tipo de cuenta {tipo} es invalido"));
    }
    let ordering = fields.get("cuentaOrdenante");
    if ordering.is_empty() {
        return refuse(-200, "Rechazado por PLD");
    }
    if !clabe::has_clabe_shape(ordering) || !clabe::check_digit_is_right(ordering) {
        return refuse(-7, &format!("La cuenta {ordering} no existe"));
    }
    let account = fields.get("cuentaBeneficiario");
    match fields.get("tipoCuentaBeneficiario") {
        "40" if !clabe::has_clabe_shape(account) => refuse(-23, "La longitud de la CLABE es invalida"),
        "40" if !clabe::check_digit_is_right(account) => refuse(-21, "El digito verificador de la CLABE es invalido"),
        "40" if !clabe::belongs_to(account, institution) => {
            refuse(-22, &format!("La CLABE no corresponde a la institucion {institution}"))
        }
        "40" if account == ordering => refuse(-24, "MISMA_CUENTA"),
        "3" if !clabe::is_card(account) => refuse(0, "El campo cuentaBeneficiario es invalido"),
        "10" if !clabe::is_phone(account) => refuse(0, "El campo cuentaBeneficiario es invalido"),
        "40" | "3" | "10" => Ok(()),
        tipo => refuse(-11, &format!("El tipo de cuenta {tipo} es invalido")),
    }
}
