//! STP's records of received orders, read: from the conciliation (`tipoOrden` R), or asked for by their key.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use workflows::domain::{Centavos, InstitutionCode, LARGEST_ORDER, ReceivedKind};

use super::codes::{self, ReceivedClass};
use super::record::{folio, object, scalar};
use crate::bank::text::centavos;
use crate::bank::{Incoming, ReceivedEntry, ReceivedLine};
use crate::ledger::core::hex;

/// Characters of a stored text; SPEI allows 210 for a concept.
const LONGEST: usize = 210;
/// Bytes of a stored record; one of STP's has about a thousand.
const MOST_BYTES: usize = 16 * 1024;
/// SPEI: a code of a participant has five digits, a payment type two, a reference seven.
const MOST_INSTITUTION: u32 = 99_999;
const MOST_PAYMENT_TYPE: u16 = 99;
const MOST_REFERENCE: u32 = 9_999_999;

/// The fields of a received record that giro books.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow, default, rename = "idEF")]
    id_ef: Option<&'a RawValue>,
    #[serde(borrow, default)]
    clave_rastreo: Option<&'a RawValue>,
    #[serde(borrow, default)]
    clave_rastreo_devolucion: Option<&'a RawValue>,
    #[serde(borrow, default)]
    empresa: Option<&'a RawValue>,
    #[serde(borrow, default)]
    estado: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fecha_operacion: Option<&'a RawValue>,
    #[serde(borrow, default)]
    institucion_contraparte: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tipo_pago: Option<&'a RawValue>,
    #[serde(borrow, default)]
    monto: Option<&'a RawValue>,
    /// STP: `montoIntereses` of a late return; the old services say `montoInteres`.
    #[serde(borrow, default)]
    monto_intereses: Option<&'a RawValue>,
    #[serde(borrow, default)]
    monto_interes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    causa_devolucion: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cuenta_beneficiario: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cuenta_ordenante: Option<&'a RawValue>,
    #[serde(borrow, default)]
    nombre_ordenante: Option<&'a RawValue>,
    #[serde(borrow, default)]
    concepto_pago: Option<&'a RawValue>,
    #[serde(borrow, default)]
    referencia_numerica: Option<&'a RawValue>,
}

/// One record. What does not read is unclear, and holds up no other: anybody may send money under an odd key.
pub(super) fn entry(raw: &RawValue, company: &str) -> ReceivedEntry {
    let unclear = |why: &str| Incoming::Unclear { why: why.to_owned() };
    let Some(record) = object::<Record<'_>>(raw.get().as_bytes()) else {
        return nameless(raw, None, unclear("it is no record"));
    };
    let folio = folio(record.id_ef);
    let Some(tracking_key) = key(record.clave_rastreo) else {
        return nameless(raw, folio, unclear("its claveRastreo does not read"));
    };
    let word = scalar(record.estado).unwrap_or_default();
    let says = match codes::received(&word) {
        ReceivedClass::Here if scalar(record.empresa).as_deref() != Some(company) => unclear("another company"),
        ReceivedClass::Here => match line(&record, raw, &tracking_key, folio.as_deref()) {
            Ok(line) => Incoming::Here(Box::new(line)),
            Err(field) => unclear(&format!("its {field} does not read")),
        },
        ReceivedClass::Pending => Incoming::Pending {
            code: codes::state_code(&word),
        },
        ReceivedClass::Unknown => unclear(&format!("{} is no word of a received order", codes::state_code(&word))),
    };
    ReceivedEntry {
        sender: number(record.institucion_contraparte),
        tracking_key,
        bank_ref: folio,
        says,
    }
}

/// A record that can only be told from others by its bytes.
fn nameless(raw: &RawValue, bank_ref: Option<String>, says: Incoming) -> ReceivedEntry {
    let digest = Sha256::digest(raw.get().as_bytes());
    ReceivedEntry {
        sender: None,
        tracking_key: format!("?{}", hex(&digest[..8])),
        bank_ref,
        says,
    }
}

/// The line that a record is, or the field that does not read.
fn line(
    record: &Record<'_>,
    raw: &RawValue,
    key_of: &str,
    bank_ref: Option<&str>,
) -> Result<ReceivedLine, &'static str> {
    let payment_type = number(record.tipo_pago)
        .filter(|kind| *kind <= MOST_PAYMENT_TYPE)
        .ok_or("tipoPago")?;
    let sender = number(record.institucion_contraparte).filter(|code| *code <= MOST_INSTITUTION);
    let kind = ReceivedKind::of(payment_type);
    if raw.get().len() > MOST_BYTES {
        return Err("length");
    }
    Ok(ReceivedLine {
        operating_date: date(record.fecha_operacion).ok_or("fechaOperacion")?,
        sender: InstitutionCode::new(sender.ok_or("institucionContraparte")?),
        tracking_key: key_of.to_owned(),
        payment_type,
        amount: amount(record.monto).ok_or("monto")?,
        interest: match record.monto_intereses.or(record.monto_interes) {
            Some(raw) if scalar(Some(raw)).is_none_or(|text| !text.is_empty()) => scalar(Some(raw))
                .and_then(|text| centavos(&text))
                .ok_or("montoIntereses")?,
            Some(_) | None => Centavos::ZERO,
        },
        account: text(record.cuenta_beneficiario),
        of_key: match kind {
            // Nobody pays us under a key of ours: it is our own order, listed the wrong way round.
            ReceivedKind::Deposit if is_ours(key_of) => return Err("tipoPago beside a key of ours"),
            ReceivedKind::Deposit => None,
            ReceivedKind::Return => Some(original(record, payment_type, key_of)?),
        },
        cause: number::<u8>(record.causa_devolucion)
            .filter(|_| kind == ReceivedKind::Return)
            .map(|cause| format!("stp:cause_{cause}")),
        sender_account: text(record.cuenta_ordenante),
        sender_name: text(record.nombre_ordenante),
        concept: text(record.concepto_pago),
        reference: number(record.referencia_numerica).filter(|number| *number <= MOST_REFERENCE),
        bank_ref: bank_ref.map(str::to_owned),
        record: raw.get().to_owned(),
    })
}

/// The key of the order that a return brings back. SPEI: a same-day return of what was not credited comes under our own
/// key; any other under a key of its own, with ours beside it. One that names neither cannot be booked yet.
fn original(record: &Record<'_>, payment_type: u16, key_of: &str) -> Result<String, &'static str> {
    if payment_type == 0 || is_ours(key_of) {
        return Ok(key_of.to_owned());
    }
    key(record.clave_rastreo_devolucion).ok_or("claveRastreoDevolucion")
}

/// A key as giro makes them.
fn is_ours(key: &str) -> bool {
    key.len() == 29
        && key.starts_with("GIRO")
        && key
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// STP: inbound keys have `/`, `-`, small letters and whatever else a sender's bank lets through.
fn key(raw: Option<&RawValue>) -> Option<String> {
    let text = scalar(raw)?;
    let text = text.trim();
    is_key(text).then(|| text.to_owned())
}

/// What any bank may have taken for a key.
pub(super) fn is_key(text: &str) -> bool {
    (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Centavos above 0, within what SPEI carries.
fn amount(raw: Option<&RawValue>) -> Option<Centavos> {
    let amount = scalar(raw).and_then(|text| centavos(&text))?;
    (1..=LARGEST_ORDER.get()).contains(&amount.get()).then_some(amount)
}

/// STP: AAAAMMDD, of this millennium.
fn date(raw: Option<&RawValue>) -> Option<Date> {
    let text = scalar(raw).filter(|text| text.len() == 8 && text.starts_with('2'))?;
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| Date::strptime("%Y%m%d", &text).ok()).flatten()
}

/// Digits, in a number or in a text.
fn number<T: std::str::FromStr>(raw: Option<&RawValue>) -> Option<T> {
    let text = scalar(raw).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

/// A text of a person, without what no page could show; STP: ordering data may be the literal "null".
fn text(raw: Option<&RawValue>) -> Option<String> {
    let plain: String = scalar(raw)?
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST)
        .collect();
    let plain = plain.trim();
    (!plain.is_empty() && plain != "null").then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use workflows::domain::ReceivedKind;

    use super::*;

    fn record(changes: &[(&str, Value)]) -> String {
        let mut record = json!({
            "idEF": 53_000_001, "claveRastreo": "NU39/0-1", "claveRastreoDevolucion": null, "empresa": "GIRO",
            "estado": "LQ", "fechaOperacion": 20_261_201, "institucionContraparte": "40012", "tipoPago": 1,
            "monto": 12.3, "cuentaBeneficiario": "646180110400000007", "cuentaOrdenante": "012180004643051249",
            "nombreOrdenante": "null", "conceptoPago": "Renta\u{0}\n", "referenciaNumerica": 7,
        });
        for (name, value) in changes {
            record[*name] = value.clone();
        }
        record.to_string()
    }

    fn read(record: &str) -> ReceivedEntry {
        entry(&RawValue::from_string(record.to_owned()).expect("JSON"), "GIRO")
    }

    fn here(changes: &[(&str, Value)]) -> ReceivedLine {
        let Incoming::Here(line) = read(&record(changes)).says else {
            panic!("not here: {changes:?}");
        };
        *line
    }

    #[test]
    fn a_deposit_reads() {
        let line = here(&[]);
        assert_eq!(
            (line.amount, line.sender.get(), line.payment_type),
            (Centavos::new(1_230), 40_012, 1)
        );
        assert_eq!(
            (line.tracking_key.as_str(), line.of_key, line.cause),
            ("NU39/0-1", None, None)
        );
        assert_eq!((line.sender_name, line.concept.as_deref()), (None, Some("Renta")));
        for word in ["TLQ", "CCO", "CXO", "CCE"] {
            here(&[("estado", json!(word))]);
        }
    }

    #[test]
    fn a_return_names_its_order_by_its_own_rule() {
        let ours = "GIRO0123456789ABCDEFGHJKMNPQR";
        let same_day = here(&[
            ("tipoPago", json!(0)),
            ("claveRastreo", json!(ours)),
            ("causaDevolucion", json!("1")),
        ]);
        assert_eq!(
            (same_day.of_key.as_deref(), same_day.cause.as_deref()),
            (Some(ours), Some("stp:cause_1"))
        );
        for payment_type in [16, 17, 18, 23, 24] {
            let line = here(&[
                ("tipoPago", json!(payment_type)),
                ("claveRastreo", json!("BBVA77")),
                ("claveRastreoDevolucion", json!(ours)),
                ("montoIntereses", json!("0.30")),
            ]);
            assert_eq!(ReceivedKind::of(line.payment_type), ReceivedKind::Return);
            assert_eq!(
                (line.of_key.as_deref(), line.tracking_key.as_str()),
                (Some(ours), "BBVA77")
            );
            assert_eq!(line.interest, Centavos::new(30));
        }
    }

    #[test]
    fn what_is_not_certain_is_not_here() {
        for (field, value) in [
            ("estado", json!("R")),
            ("estado", json!("CCR")),
            ("estado", json!("D")),
            ("estado", json!("ZZ")),
            ("empresa", json!("OTRA")),
            ("monto", json!(0)),
            ("monto", json!(-1)),
            ("monto", json!("1.234")),
            ("tipoPago", json!(null)),
            ("claveRastreo", json!("GIRO0123456789ABCDEFGHJKMNPQR")),
            ("tipoPago", json!("x")),
            ("fechaOperacion", json!("2026")),
            ("institucionContraparte", json!("")),
            ("montoIntereses", json!("x")),
            ("montoInteres", json!("x")),
            ("monto", json!("1000000000000.00")),
            ("institucionContraparte", json!(4_000_000_000_u32)),
            ("tipoPago", json!(40_000)),
            ("fechaOperacion", json!("00001231")),
            ("fechaOperacion", json!(-20_261_201)),
        ] {
            let read = read(&record(&[(field, value.clone())]));
            assert!(!matches!(read.says, Incoming::Here(_)), "{field} {value}");
        }
        for key in [
            json!(null),
            json!(""),
            json!("x".repeat(65)),
            json!("\u{0}"),
            json!(["a"]),
        ] {
            let read = read(&record(&[("claveRastreo", key.clone())]));
            assert!(matches!(read.says, Incoming::Unclear { .. }), "{key}");
            assert!(
                read.tracking_key.starts_with('?') && read.bank_ref.is_some(),
                "{read:?}"
            );
        }
        assert!(matches!(read("[]").says, Incoming::Unclear { .. }));
        assert_ne!(read("[]").tracking_key, read("{}").tracking_key);
    }

    #[test]
    fn an_odd_key_is_a_key() {
        for (told, key) in [(" HSBC 12 ", "HSBC 12"), ("Ñandú/7", "Ñandú/7")] {
            assert_eq!(here(&[("claveRastreo", json!(told))]).tracking_key, key);
        }
    }

    #[test]
    fn a_return_that_names_no_order_is_not_booked() {
        let late = |devolucion: Value| {
            let changes = [
                ("tipoPago", json!(17)),
                ("claveRastreo", json!("BBVA77")),
                ("claveRastreoDevolucion", devolucion),
            ];
            read(&record(&changes)).says
        };
        for nothing in [json!(null), json!(""), json!("\n")] {
            assert!(matches!(late(nothing.clone()), Incoming::Unclear { .. }), "{nothing}");
        }
        assert!(matches!(late(json!(" GIRO1 ")), Incoming::Here(line) if line.of_key.as_deref() == Some("GIRO1")));
    }

    proptest! {
        #[test]
        fn anything_reads_or_not_and_nothing_breaks(json in "\\PC{0,200}") {
            if let Ok(raw) = RawValue::from_string(json) {
                let _whatever = entry(&raw, "GIRO");
            }
        }
    }
}
