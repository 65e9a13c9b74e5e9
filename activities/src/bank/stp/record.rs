//! STP's answers to questions, judged: what a record proves about an order, and which numbers are money.

use serde::Deserialize;
use serde_json::value::RawValue;
use workflows::domain::Centavos;

use super::codes::{self, StateClass};
use super::order::aaaammdd;
use super::received;
use crate::bank::receipt::{Receipt, at_banxico};
use crate::bank::text::{centavos, fold};
use crate::bank::{BalanceUnknown, Found, FoundDoubt, Order, ReceivedFound};

/// STP: the frame of an answer. The query services say `estado`; the legacy ones answer in the frame of a registration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    #[serde(default)]
    estado: Option<i64>,
    #[serde(borrow, default)]
    respuesta: Option<&'a RawValue>,
    /// STP documents the balance beside `estado` and not where; both places are read.
    #[serde(borrow, default)]
    saldo: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resultado: Option<&'a RawValue>,
    /// STP: some legacy answers come without their envelope.
    #[serde(borrow, default)]
    orden_pago: Option<&'a RawValue>,
}

/// STP: what a legacy query puts into `resultado`: one order, or a day's list that ends with a null.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Legacy<'a> {
    #[serde(default)]
    id: Option<i64>,
    #[serde(default)]
    descripcion_error: Option<String>,
    #[serde(borrow, default)]
    orden_pago: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) lst: Option<Vec<Option<&'a RawValue>>>,
}

/// The fields of a record that giro judges; `nombreOrdenante` is not one: STP overwrites it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow, default, rename = "idEF")]
    pub(super) id_ef: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) clave_rastreo: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) empresa: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) monto: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) cuenta_beneficiario: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) fecha_operacion: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) estado: Option<&'a RawValue>,
}

impl Record<'_> {
    /// STP: `idEF`, the folio, digits alone.
    pub(super) fn folio(&self) -> Option<String> {
        folio(self.id_ef)
    }
}

/// STP: `idEF`, the folio, digits alone.
pub(super) fn folio(id_ef: Option<&RawValue>) -> Option<String> {
    scalar(id_ef).filter(|id| (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()))
}

#[derive(Deserialize)]
struct Balance<'a> {
    #[serde(borrow, default)]
    saldo: Option<&'a RawValue>,
}

/// A JSON object as `T`. The check comes first because serde would read an array into a struct too.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let is_object = json.trim_ascii_start().first() == Some(&b'{');
    if is_object {
        serde_json::from_slice(json).ok()
    } else {
        None
    }
}

/// Doubt, with its reason in our words.
pub(super) fn no_answer(why: impl Into<String>) -> Found {
    Found::Doubt(FoundDoubt::NoAnswer { why: why.into() })
}

/// STP knows our order, and does not say what became of it.
fn incomplete(missing: &'static str) -> Found {
    Found::Doubt(FoundDoubt::Incomplete { missing })
}

/// The answer in its frame. STP: estado 0 has one, estado 6 with HTTP 400 is "nothing found", the rest says nothing.
fn frame(status: u16, body: &[u8]) -> Result<Option<Frame<'_>>, String> {
    let frame: Frame<'_> = object(body).ok_or_else(|| format!("http {status}, no frame"))?;
    match (status, frame.estado) {
        (200, Some(0)) if frame.resultado.is_none() => Ok(Some(frame)),
        (400, Some(6)) => Ok(None),
        (_, Some(estado)) => Err(format!("http {status}, estado {estado}")),
        (_, None) => Err(format!("http {status}, no frame")),
    }
}

/// The record in an answer about an order, in either format; `None` when STP says that it has none.
fn found(status: u16, body: &[u8]) -> Result<Option<&str>, String> {
    let outer: Frame<'_> = object(body).ok_or_else(|| format!("http {status}, no frame"))?;
    match (outer.estado, outer.resultado, outer.orden_pago) {
        (None, Some(inner), None) => {
            let is_none = |id, text: &str| id == -100 || id == 0 && text == "firma invalida no entity found for query";
            legacy(status, inner, |legacy| legacy.orden_pago.map(RawValue::get), is_none)
        }
        (None, None, Some(record)) if status == 200 => Ok(Some(record.get())),
        (Some(_), None, None) => Ok(frame(status, body)?.map(|frame| frame.respuesta.map_or("", RawValue::get))),
        _ => Err(format!("http {status}, no frame")),
    }
}

/// STP: legacy queries answer under HTTP 200. One about an order says "not found" by -100 or by a text that begins like a bad
/// signature: `is_none`, by the code and the text.
pub(super) fn legacy<'a, T>(
    status: u16,
    inner: &'a RawValue,
    what: impl FnOnce(Legacy<'a>) -> Option<T>,
    is_none: impl FnOnce(i64, &str) -> bool,
) -> Result<Option<T>, String> {
    let no_frame = || format!("http {status}, no frame");
    let legacy: Legacy<'a> = object(inner.get().as_bytes()).ok_or_else(no_frame)?;
    let text = fold(legacy.descripcion_error.as_deref().unwrap_or_default());
    match (status, legacy.id, what(legacy)) {
        (200, None | Some(0..), Some(found)) if text.is_empty() => Ok(Some(found)),
        (200, Some(id), None) if is_none(id, &text) => Ok(None),
        (_, Some(id), _) => Err(format!("http {status}, resultado {id}")),
        (_, None, _) => Err(no_frame()),
    }
}

/// What an answer says of the order: found only when company, amount, account and operating date are the row's.
pub(super) fn read_order(status: u16, body: &[u8], order: &Order, company: &str) -> Found {
    let raw = match found(status, body) {
        Ok(Some(raw)) => raw,
        Ok(None) => return Found::NotFound,
        Err(why) => return no_answer(why),
    };
    let Some(record) = object::<Record<'_>>(raw.as_bytes()) else {
        return no_answer("no record");
    };
    let date = aaaammdd(order.operating_date);
    let amount = scalar(record.monto).and_then(|text| centavos(&text));
    let is = |field: Option<&RawValue>, ours: &str| scalar(field).as_deref() == Some(ours);
    let fields: Vec<&'static str> = [
        ("tracking_key", is(record.clave_rastreo, order.tracking_key.as_str())),
        ("company", is(record.empresa, company)),
        ("amount", amount == Some(order.amount)),
        (
            "account",
            order.account().is_empty() || is(record.cuenta_beneficiario, order.account()),
        ),
        ("operating_date", is(record.fecha_operacion, &date)),
    ]
    .into_iter()
    .filter_map(|(name, same)| (!same).then_some(name))
    .collect();
    if !fields.is_empty() {
        return Found::Doubt(FoundDoubt::Mismatch { fields });
    }
    let Some(word) = scalar(record.estado) else {
        return incomplete("estado");
    };
    let code = codes::state_code(&word);
    // A folio is STP's only name for the order in a dispute: an end without it waits for a better answer.
    let bank_ref = record.folio();
    let effective_on = order.operating_date;
    match (codes::state(&word), bank_ref) {
        (StateClass::Paid, Some(bank_ref)) => Found::Paid {
            bank_ref,
            effective_on,
            came_back: false,
        },
        (StateClass::CameBack, Some(bank_ref)) => Found::Paid {
            bank_ref,
            effective_on,
            came_back: true,
        },
        (StateClass::Pending, Some(bank_ref)) => Found::Pending { bank_ref, code },
        (StateClass::NotPaid, Some(_)) => Found::NotPaid { code },
        (StateClass::Unknown, Some(_) | None) => Found::Doubt(FoundDoubt::UnknownWord { code }),
        (StateClass::Paid | StateClass::CameBack | StateClass::Pending | StateClass::NotPaid, None) => {
            incomplete("idEF")
        }
    }
}

/// STP: the fields of a record that tell of its receipt; they come once the beneficiary's bank has confirmed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Confirmed<'a> {
    #[serde(borrow, default, rename = "urlCEP")]
    url_cep: Option<&'a RawValue>,
    #[serde(borrow, default)]
    nombre_cep: Option<&'a RawValue>,
}

/// The receipt in an answer about the order under `key`, when it has one.
pub(in crate::bank) fn read_receipt(status: u16, body: &[u8], key: &str) -> Option<Receipt> {
    let raw = found(status, body).ok().flatten()?;
    let record = object::<Record<'_>>(raw.as_bytes())?;
    let is_ours = scalar(record.clave_rastreo).as_deref() == Some(key);
    confirmed(raw).filter(|_| is_ours)
}

/// The receipt in a record, when it has one.
pub(super) fn confirmed(record: &str) -> Option<Receipt> {
    let record = object::<Confirmed<'_>>(record.as_bytes())?;
    let is_name = |name: &String| (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let url = scalar(record.url_cep).and_then(|url| at_banxico(&url));
    let name = scalar(record.nombre_cep).filter(is_name);
    (url.is_some() || name.is_some()).then_some(Receipt { url, name })
}

/// What an answer says of an order that came to us under `key`.
pub(super) fn read_received(status: u16, body: &[u8], key: &str, company: &str) -> ReceivedFound {
    let no_answer = |why: String| ReceivedFound::NoAnswer { why };
    let raw = match found(status, body) {
        Ok(Some(raw)) => raw,
        Ok(None) => return ReceivedFound::NotFound,
        Err(why) => return no_answer(why),
    };
    let record = serde_json::from_str::<&RawValue>(raw).ok();
    match record.map(|record| received::entry(record, company)) {
        Some(entry) if entry.tracking_key == key => ReceivedFound::Entry(Box::new(entry)),
        Some(_) => no_answer("an answer about another order".to_owned()),
        None => no_answer("no record".to_owned()),
    }
}

/// The balance in an answer.
pub(super) fn read_balance(status: u16, body: &[u8]) -> Result<Centavos, BalanceUnknown> {
    let unknown = |why: &str| BalanceUnknown { why: why.to_owned() };
    let frame = match frame(status, body) {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err(unknown("no such account")),
        Err(why) => return Err(BalanceUnknown { why }),
    };
    let inner = frame
        .respuesta
        .and_then(|raw| object::<Balance<'_>>(raw.get().as_bytes()));
    let saldo = inner.and_then(|balance| balance.saldo).or(frame.saldo);
    scalar(saldo)
        .and_then(|text| centavos(&text))
        .ok_or_else(|| unknown("no balance"))
}

/// The text of a JSON string or the digits of a JSON number as they stand; never through a float.
pub(super) fn scalar(raw: Option<&RawValue>) -> Option<String> {
    let text = raw?.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests;
