//! STP's webhooks, "cambio de estado" of an order and "sendAbono" of money that came, read tolerantly: unsigned hints
//! that make giro ask.

use jiff::civil::Date;
use serde_json::{Map, Value};
use workflows::domain::TrackingKey;

use super::codes::{self, StateClass};
use super::received::is_key;
use crate::bank::text::fold;
use crate::bank::{Claim, Hint, Notice};

/// Reads any of the formats seen; `None` when no tracking key is in it (the old format has none). Never panics.
///
/// STP sends the key as `claveRastreo`, or an id of ours as `folioOrigen`; the state as a code (`LQ`), as an English
/// word (`Success`), or as a Spanish word in several spellings. What names an ordering institution and no state is
/// about money that came. The caller caps the body.
pub fn parse_webhook(body: &[u8]) -> Option<Hint> {
    let event: Map<String, Value> = serde_json::from_slice(body).ok()?;
    if is_there(&event, "institucionOrdenante") && !is_there(&event, "estado") {
        return came(&event);
    }
    let tracking_key = ["claveRastreo", "folioOrigen"]
        .into_iter()
        .find_map(|name| key(text(&event, name)?))?;
    let claim = text(&event, "estado").map_or(Claim::Other, claim);
    Some(Hint::Order(Notice { tracking_key, claim }))
}

/// STP: `sendAbono`. The key is whatever the sender's bank took for one.
fn came(event: &Map<String, Value>) -> Option<Hint> {
    let date = match value(event, "fechaOperacion") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    Some(Hint::Received {
        tracking_key: text(event, "claveRastreo").filter(|key| is_key(key))?.to_owned(),
        operating_date: date.and_then(|text| Date::strptime("%Y%m%d", text).ok()),
    })
}

fn is_there(event: &Map<String, Value>, name: &str) -> bool {
    value(event, name).is_some_and(|value| !value.is_null())
}

/// The text under `name`, whatever its capitals: the old format writes `Estado`.
fn text<'a>(event: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let mut same = event.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    same.find_map(|(_, value)| value.as_str().map(str::trim))
}

/// What stands under `name`, whatever its capitals.
fn value<'a>(event: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut same = event.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    same.next().map(|(_, value)| value)
}

/// STP: a key is 1 to 30 of `[A-Za-z0-9]`; anything else cannot be ours, and may be free text.
fn key(text: &str) -> Option<TrackingKey> {
    let plain = (1..=30).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| TrackingKey::from_stored(text))
}

/// What a state word claims: by its code, else by its first letters, accents and case off.
fn claim(word: &str) -> Claim {
    match codes::state(&word.to_ascii_uppercase()) {
        StateClass::Paid => Claim::Paid,
        StateClass::CameBack => Claim::CameBack,
        StateClass::NotPaid => Claim::NotPaid,
        StateClass::Pending => Claim::Other,
        StateClass::Unknown => {
            let word = fold(word);
            let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| word.starts_with(beginning));
            if starts(&["liq", "succ", "exit"]) {
                Claim::Paid
            } else if starts(&["dev", "ret"]) {
                Claim::CameBack
            } else if starts(&["can", "rech"]) {
                Claim::NotPaid
            } else {
                Claim::Other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "GIRO0123456789ABCDEFGHJKMNPQR";

    fn notice(claim: Claim) -> Option<Hint> {
        Some(Hint::Order(Notice {
            tracking_key: TrackingKey::from_stored(KEY),
            claim,
        }))
    }

    #[test]
    fn money_that_came_is_a_hint_by_its_key() {
        let hint = |tracking_key: &str, operating_date| {
            let tracking_key = tracking_key.to_owned();
            Some(Hint::Received {
                tracking_key,
                operating_date,
            })
        };
        let day = Some(jiff::civil::date(2026, 12, 1));
        for (body, expected) in [
            (
                r#"{"claveRastreo": "NU39/0-1", "fechaOperacion": 20261201, "institucionOrdenante": "40012", "monto": "1.00"}"#,
                hint("NU39/0-1", day),
            ),
            (
                r#"{"ClaveRastreo": "a", "FechaOperacion": "20261201", "InstitucionOrdenante": 40012}"#,
                hint("a", day),
            ),
            (
                r#"{"claveRastreo": "a", "fechaOperacion": "soon", "institucionOrdenante": 40012}"#,
                hint("a", None),
            ),
            (
                r#"{"claveRastreo": " a b ", "institucionOrdenante": 40012}"#,
                hint("a b", None),
            ),
            (r#"{"claveRastreo": "a\nb", "institucionOrdenante": 40012}"#, None),
            (r#"{"institucionOrdenante": 40012}"#, None),
        ] {
            assert_eq!(parse_webhook(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn every_spelling_makes_its_claim() {
        for (words, claim) in [
            (
                "LQ|TLQ|lq|LIQUIDACION|Liquidada|liquidación|Success|SUCCESS",
                Claim::Paid,
            ),
            (
                "CN|TCL|CANCELACION|Cancelado|Cancel|cancelación|Rechazada",
                Claim::NotPaid,
            ),
            ("D|TD|RE|DEVOLUCION|Devuelta|Devolución|Retornada", Claim::CameBack),
            ("C|L|A|XX||Otra cosa", Claim::Other),
        ] {
            for word in words.split('|') {
                let newer = format!(
                    "{{\"id\":2456305,\"empresa\":\"GIRO\",\"folioOrigen\":\"\",\"claveRastreo\":\"{KEY}\",\
                     \"estado\":\"{word}\",\"causaDevolucion\":\"\",\"tsLiquidacion\":\"1634919027297\"}}"
                );
                assert_eq!(parse_webhook(newer.as_bytes()), notice(claim), "{word}");
                let older =
                    format!("{{\"Id\":1,\"ClaveRastreo\":\" {KEY} \",\"Estado\":\"{word}\",\"Detalle\":\"0\"}}");
                assert_eq!(parse_webhook(older.as_bytes()), notice(claim), "{word}");
            }
        }
    }

    #[test]
    fn the_key_may_stand_in_the_folio() {
        let body = format!("{{\"id\":1,\"folioOrigen\":\"{KEY}\",\"estado\":\"LQ\"}}");
        assert_eq!(parse_webhook(body.as_bytes()), notice(Claim::Paid));
        let body = format!("{{\"claveRastreo\":null,\"folioOrigen\":\"{KEY}\",\"estado\":7}}");
        assert_eq!(parse_webhook(body.as_bytes()), notice(Claim::Other));
    }

    #[test]
    fn without_a_key_there_is_nothing_to_ask() {
        for body in [
            "{\"id\":2456305,\"Estado\":\"LIQUIDACION\",\"Detalle\":\"0\"}",
            "{\"claveRastreo\":\"JUAN PEREZ\",\"estado\":\"LQ\"}",
            "{\"claveRastreo\":\"\",\"estado\":\"LQ\"}",
            "{\"claveRastreo\":\"0123456789012345678901234567890\"}",
            "[]",
            "\"LQ\"",
            "",
            "{",
        ] {
            assert_eq!(parse_webhook(body.as_bytes()), None, "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse_webhook(deep.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body: Vec<u8>) {
            prop_assert_eq!(parse_webhook(&body), None);
        }

        #[test]
        fn arbitrary_texts_never_panic(clave: String, estado: String) {
            let body = serde_json::json!({"claveRastreo": clave, "estado": estado}).to_string();
            let _ = parse_webhook(body.as_bytes());
        }
    }
}
