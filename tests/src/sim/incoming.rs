//! Money that others send to the company: deposits, and returns that come under a key of their own.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Bank,
    calendar::parse_date,
    control::{Answer, Failure},
    journal::Line,
    signature::decimal,
    webhook,
};

/// Received records get folios far from those of sent orders, and from those of their returns.
const FIRST_FOLIO: u64 = 80_000_001;

/// One record of money that came, with its present state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingView {
    /// When it came: the machine's clock, UTC.
    pub at: Timestamp,
    /// The folio (idEF).
    pub id: u64,
    /// The key that its sender gave it.
    pub clave_rastreo: String,
    /// Of a return: the key of the order that comes back.
    pub clave_rastreo_devolucion: Option<String>,
    /// The amount in centavos, interest included.
    pub monto: i64,
    /// Of a late return: the interest in it, in centavos.
    pub monto_intereses: Option<i64>,
    /// The company.
    pub empresa: String,
    /// Who sent it.
    pub institucion_contraparte: String,
    /// SPEI's payment type.
    pub tipo_pago: u32,
    /// Of a return: why.
    pub causa_devolucion: Option<u32>,
    /// Whose account it is for.
    pub cuenta_beneficiario: String,
    /// The account that it was sent from.
    pub cuenta_ordenante: String,
    /// Who sent it.
    pub nombre_ordenante: String,
    /// What it is for.
    pub concepto_pago: String,
    /// Its reference.
    pub referencia_numerica: u64,
    /// The operating date, AAAAMMDD.
    pub fecha_operacion: u32,
    /// R, LQ, CCO, or whatever was said.
    pub estado: String,
    /// The bank's clock, epoch milliseconds.
    pub ts_liquidacion: i64,
}

impl IncomingView {
    /// True when its money is in the company's account.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.estado.as_str(), "LQ" | "TLQ" | "CXO" | "CCE" | "CCO")
    }

    /// STP: `sendAbono`, in the newer format.
    fn webhook(&self) -> String {
        json!({
            "id": self.id,
            "fechaOperacion": self.fecha_operacion,
            "institucionOrdenante": self.institucion_contraparte,
            "institucionBeneficiaria": "90646",
            "claveRastreo": self.clave_rastreo,
            "monto": decimal(self.monto),
            "nombreOrdenante": self.nombre_ordenante,
            "tipoCuentaOrdenante": 40,
            "cuentaOrdenante": self.cuenta_ordenante,
            "rfcCurpOrdenante": "ND",
            "nombreBeneficiario": "ND",
            "tipoCuentaBeneficiario": 40,
            "cuentaBeneficiario": self.cuenta_beneficiario,
            "rfcCurpBeneficiario": "ND",
            "conceptoPago": self.concepto_pago,
            "referenciaNumerica": self.referencia_numerica,
            "empresa": self.empresa,
            "tipoPago": self.tipo_pago,
            "tsLiquidacion": self.ts_liquidacion.to_string(),
        })
        .to_string()
    }
}

/// Money that somebody sends; what is absent is usual.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Incoming {
    /// The key; a new one when empty.
    pub clave: String,
    /// Of a return: the key of the order that comes back.
    pub devolucion: Option<String>,
    /// Centavos, interest included.
    pub monto: i64,
    /// Centavos of interest in it.
    pub intereses: Option<i64>,
    /// Whose account it is for.
    pub cuenta_beneficiario: String,
    /// Who sends it.
    pub institucion: String,
    /// The account that it is sent from.
    pub cuenta_ordenante: String,
    /// SPEI's payment type.
    pub tipo_pago: u32,
    /// Of a return: why.
    pub causa: Option<u32>,
    /// Its state.
    pub estado: String,
    /// The operating date, AAAAMMDD; the present one when absent.
    pub fecha: Option<String>,
    /// Whether the company is told.
    pub webhook: bool,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            clave: String::new(),
            devolucion: None,
            monto: 100_000,
            intereses: None,
            cuenta_beneficiario: String::new(),
            institucion: "40012".to_owned(),
            cuenta_ordenante: "012180004643051249".to_owned(),
            tipo_pago: 1,
            causa: None,
            estado: "LQ".to_owned(),
            fecha: None,
            webhook: true,
        }
    }
}

/// `POST /control/incoming`: money comes. A key that this institution used on the same day changes that record's state.
pub(super) async fn receive(State(bank): State<Arc<Bank>>, Json(sent): Json<Incoming>) -> Answer<IncomingView> {
    let at = Timestamp::now();
    let ts = bank.now().as_millisecond();
    let date = match sent.fecha.as_deref().map(parse_date) {
        None => bank.today(),
        Some(Some(date)) => date,
        Some(None) => return Err(Failure::bad("fecha is not AAAAMMDD")),
    };
    if sent.monto <= 0 {
        return Err(Failure::bad("monto: write centavos above 0"));
    }
    let tells = sent.webhook && bank.settings().webhook_url.is_some();
    let (view, webhook) = bank
        .commit(|book| {
            let id = FIRST_FOLIO + u64::try_from(book.incoming().len()).unwrap_or_default();
            let clave = if sent.clave.is_empty() {
                // As others' keys: no two alike, at whatever bank that is simulated.
                format!("SIM{id}X{}", at.as_microsecond())
            } else {
                sent.clave
            };
            let view = IncomingView {
                at,
                id,
                clave_rastreo: clave,
                clave_rastreo_devolucion: sent.devolucion,
                monto: sent.monto,
                monto_intereses: sent.intereses,
                empresa: bank.empresa.clone(),
                institucion_contraparte: sent.institucion,
                tipo_pago: sent.tipo_pago,
                causa_devolucion: sent.causa,
                cuenta_beneficiario: sent.cuenta_beneficiario,
                cuenta_ordenante: sent.cuenta_ordenante,
                nombre_ordenante: "MARIA BELTRAN SOTO".to_owned(),
                concepto_pago: "Renta".to_owned(),
                referencia_numerica: 1_234_567,
                fecha_operacion: date,
                estado: sent.estado,
                ts_liquidacion: ts,
            };
            let webhook = tells.then(|| webhook::of_deposit(book.next_webhook(), at, view.webhook()));
            let lines =
                std::iter::once(Line::Incoming(Box::new(view.clone()))).chain(webhook.clone().map(Line::Webhook));
            (lines.collect(), (view, webhook))
        })
        .await?;
    if let Some(line) = webhook {
        tokio::spawn(webhook::deliver(bank, line));
    }
    Ok(Json(view))
}

/// `GET /control/incoming`: every record of money that came, oldest first.
pub(super) async fn all(State(bank): State<Arc<Bank>>) -> Answer<Vec<IncomingView>> {
    Ok(Json(bank.read(|book| book.incoming().to_vec()).await?))
}
