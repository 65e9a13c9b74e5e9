//! STP's statement of a day (v2 `conciliacion`, or the legacy list): the question, and its answer read line by line.

use aws_lc_rs::rsa::KeyPair;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use workflows::domain::Clabe;

use super::codes::{self, StateClass};
use super::record::{Record, confirmed, legacy, object, scalar};
use super::sign;
use crate::bank::text::centavos;
use crate::bank::{Direction, Said, StatementLine, StatementPage, StatementUnknown};

/// A page of a thousand records of STP's has less than one of these.
pub(super) const MOST_BYTES: usize = 8 * 1024 * 1024;
/// The legacy list of a day is one answer: some sixty thousand records.
pub(super) const MOST_BYTES_OF_A_DAY: usize = 64 * 1024 * 1024;

/// STP conciliation v2. Pages count from 0 and are not signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    empresa: &'a str,
    tipo_orden: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fecha_operacion: Option<&'a str>,
    page: u32,
    firma: &'a str,
}

/// STP: the frame of a conciliation, by one source inside `respuesta`, by another beside `estado`; both are read.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(default)]
    estado: Option<i64>,
    #[serde(borrow, default)]
    respuesta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    datos: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    total: Option<u32>,
    #[serde(borrow, default)]
    resultado: Option<&'a RawValue>,
    /// STP: some legacy answers come without their envelope.
    #[serde(borrow, default)]
    lst: Option<Vec<Option<&'a RawValue>>>,
}

/// STP: `tipoOrden` "E" are the orders that we sent, "R" those that came to us.
pub(super) const fn order_type(direction: Direction) -> &'static str {
    match direction {
        Direction::Sent => "E",
        Direction::Received => "R",
    }
}

/// The body of a question; `fecha_operacion` is left out for the running day. `None` when it cannot be signed.
pub(super) fn question(
    empresa: &str,
    direction: Direction,
    fecha_operacion: Option<&str>,
    page: u32,
    key: &KeyPair,
) -> Option<Vec<u8>> {
    let tipo_orden = order_type(direction);
    let cadena = sign::cadena([empresa, tipo_orden, fecha_operacion.unwrap_or_default()])?;
    let firma = &sign::firma(key, &cadena).ok()?;
    serde_json::to_vec(&Question {
        empresa,
        tipo_orden,
        fecha_operacion,
        page,
        firma,
    })
    .ok()
}

/// The page in an answer, each record read by `line`. STP: estado 6 with HTTP 400 is "nothing found"; whatever is not a whole page is no statement.
pub(super) fn read<T>(
    status: u16,
    body: &[u8],
    line: impl Fn(&RawValue) -> Option<T>,
) -> Result<StatementPage<T>, StatementUnknown> {
    let unknown = |why: String| StatementUnknown { why };
    let frame: Frame<'_> = object(body).ok_or_else(|| unknown(format!("http {status}, no frame")))?;
    match (frame.estado, frame.resultado, frame.lst) {
        (None, Some(inner), None) => {
            // An empty day proves what is not there: only words that say so of a day are one.
            let is_none = |id, text: &str| id == -100 && text.starts_with("no se encontr");
            let list = legacy(status, inner, |legacy| legacy.lst, is_none).map_err(unknown)?;
            return list.map_or_else(|| Ok(StatementPage::default()), |list| whole(list, line));
        }
        (None, None, Some(list)) if status == 200 => return whole(list, line),
        (Some(_) | None, None, None) => {}
        _ => return Err(unknown(format!("http {status}, no frame"))),
    }
    match (status, frame.estado) {
        (200, Some(0)) => {}
        (400, Some(6)) => return Ok(StatementPage::default()),
        (_, Some(estado)) => return Err(unknown(format!("http {status}, estado {estado}"))),
        (_, None) => return Err(unknown(format!("http {status}, no frame"))),
    }
    let inner: Option<Frame<'_>> = frame.respuesta.and_then(|raw| object(raw.get().as_bytes()));
    let (datos, total) = match (inner, frame.datos) {
        (None, Some(datos)) => (Some(datos), frame.total),
        (Some(inner), None) => (inner.datos, inner.total.or(frame.total)),
        (None, None) | (Some(_), Some(_)) => (None, None),
    };
    let (Some(datos), Some(total)) = (datos, total) else {
        return Err(unknown("no datos or no total".into()));
    };
    let lines: Option<Vec<T>> = datos.into_iter().map(line).collect();
    let lines = lines.ok_or_else(|| unknown("a line without claveRastreo".into()))?;
    Ok(StatementPage { lines, total })
}

/// STP: the list ends with a null. One that does not is cut, and no statement.
fn whole<T>(
    mut list: Vec<Option<&RawValue>>,
    line: impl Fn(&RawValue) -> Option<T>,
) -> Result<StatementPage<T>, StatementUnknown> {
    let unknown = |why: &str| StatementUnknown { why: why.to_owned() };
    let (Some(None), true) = (list.pop(), list.iter().all(Option::is_some)) else {
        return Err(unknown("a list that does not end with null, and there alone"));
    };
    let lines: Option<Vec<T>> = list.into_iter().flatten().map(line).collect();
    let lines = lines.ok_or_else(|| unknown("a line without claveRastreo"))?;
    let total = u32::try_from(lines.len()).map_err(|_| unknown("too many lines"))?;
    Ok(StatementPage { lines, total })
}

/// One record of what we sent; `None` when it names no order at all.
pub(super) fn line(raw: &RawValue, company: &str) -> Option<StatementLine> {
    let record: Record<'_> = object(raw.get().as_bytes())?;
    let tracking_key = scalar(record.clave_rastreo).filter(|key| (1..=64).contains(&key.chars().count()))?;
    let word = scalar(record.estado).unwrap_or_default();
    let code = codes::state_code(&word);
    Some(StatementLine {
        tracking_key,
        bank_ref: record.folio(),
        amount: scalar(record.monto).and_then(|text| centavos(&text)),
        clabe: scalar(record.cuenta_beneficiario).and_then(|text| Clabe::new(&text).ok()),
        of_our_company: scalar(record.empresa).as_deref() == Some(company),
        operating_date: scalar(record.fecha_operacion).and_then(|text| Date::strptime("%Y%m%d", &text).ok()),
        says: match codes::state(&word) {
            StateClass::Paid => Said::Paid { came_back: false, code },
            StateClass::CameBack => Said::Paid { came_back: true, code },
            StateClass::NotPaid => Said::NotPaid { code },
            StateClass::Pending => Said::Pending { code },
            StateClass::Unknown => Said::Unknown { code },
        },
        receipt: confirmed(raw.get()),
    })
}

#[cfg(test)]
mod tests;
