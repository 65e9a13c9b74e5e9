//! Tests of the judgement: which answers prove something, and which prove nothing.

use jiff::civil::date;
use proptest::prelude::*;

use super::super::order::tests::order;
use super::*;

/// A record of [`order`] with `estado` and these changes; `null` takes a field out.
pub(in crate::bank::stp) fn record(estado: &str, changes: serde_json::Value) -> String {
    let mut record = serde_json::json!({
        "idEF": 9_349_827, "claveRastreo": "GIRO0123456789ABCDEFGHJKMNPQR", "empresa": "GIRO",
        "cuentaBeneficiario": "012180000000000002", "fechaOperacion": 20_260_402, "estado": estado,
        "nombreOrdenante": "ANOTHER NAME",
    });
    for (name, value) in changes.as_object().expect("changes") {
        record[name] = value.clone();
    }
    let monto = if record.get("monto").is_some() {
        ""
    } else {
        "\"monto\":1234567.05,"
    };
    let record = record.to_string();
    format!(
        "{{\"estado\":0,\"mensaje\":\"Datos consultados correctamente\",\"respuesta\":{{{monto}{}}}",
        &record[1..]
    )
}

fn read(body: &str) -> Found {
    read_order(200, body.as_bytes(), &order(), "GIRO")
}

pub(in crate::bank::stp) fn paid(came_back: bool) -> Found {
    Found::Paid {
        bank_ref: "9349827".into(),
        effective_on: date(2026, 4, 2),
        came_back,
    }
}

/// STP's answer when it finds nothing.
pub(in crate::bank::stp) const NOTHING: &str = "{\"estado\":6,\"mensaje\":\"No se encontraron datos relacionados\"}";

#[test]
fn every_class_of_state_is_found() {
    assert_eq!(read(&record("LQ", serde_json::json!({}))), paid(false));
    assert_eq!(read(&record("TLQ", serde_json::json!({}))), paid(false));
    assert_eq!(read(&record("D", serde_json::json!({}))), paid(true));
    assert_eq!(
        read(&record("CN", serde_json::json!({}))),
        Found::NotPaid { code: "stp:CN".into() }
    );
    let pending = Found::Pending {
        bank_ref: "9349827".into(),
        code: "stp:CR".into(),
    };
    assert_eq!(read(&record("CR", serde_json::json!({}))), pending);
    let unknown = |code: &str| Found::Doubt(FoundDoubt::UnknownWord { code: code.into() });
    assert_eq!(read(&record("ZZ", serde_json::json!({}))), unknown("stp:ZZ"));
    assert_eq!(read(&record("PEDRO PARAMO", serde_json::json!({}))), unknown("stp:?"));
}

#[test]
fn numbers_and_strings_say_the_same() {
    let text = serde_json::json!({
        "idEF": "9349827", "fechaOperacion": "20260402", "monto": "1234567.050"
    });
    assert_eq!(read(&record("LQ", text)), paid(false));
}

#[test]
fn an_order_that_is_not_ours_proves_nothing() {
    let cases = [
        (
            "tracking_key",
            serde_json::json!({"claveRastreo": "GIRO0123456789ABCDEFGHJKMNPQS"}),
        ),
        ("company", serde_json::json!({"empresa": "giro"})),
        ("amount", serde_json::json!({"monto": "1234567.06"})),
        ("amount", serde_json::json!({"monto": "1234567.051"})),
        ("amount", serde_json::json!({"monto": null})),
        (
            "account",
            serde_json::json!({"cuentaBeneficiario": "12180000000000002"}),
        ),
        ("operating_date", serde_json::json!({"fechaOperacion": 20_260_403})),
        ("operating_date", serde_json::json!({"fechaOperacion": null})),
    ];
    for (field, change) in cases {
        for estado in ["LQ", "CN", "D", "ZZ"] {
            let expected = Found::Doubt(FoundDoubt::Mismatch { fields: vec![field] });
            assert_eq!(read(&record(estado, change.clone())), expected, "{field}");
        }
    }
    let all = read("{\"estado\":0,\"respuesta\":{\"estado\":\"LQ\"}}");
    let fields = vec!["tracking_key", "company", "amount", "account", "operating_date"];
    assert_eq!(all, Found::Doubt(FoundDoubt::Mismatch { fields }));
}

#[test]
fn only_estado_6_with_http_400_is_not_found() {
    let read = |status, body: &str| read_order(status, body.as_bytes(), &order(), "GIRO");
    assert_eq!(read(400, NOTHING), Found::NotFound);
    for (status, body) in [
        (200, NOTHING),
        (500, NOTHING),
        (400, "{\"estado\":2}"),
        (400, "{\"estado\":8}"),
        (200, "{\"estado\":0}"),
        (200, "{\"estado\":0,\"respuesta\":null}"),
        (200, "{\"estado\":0,\"respuesta\":[]}"),
        (200, "{\"estado\":\"0\"}"),
        (200, "[0,{\"estado\":\"LQ\"}]"),
        (503, "<html>"),
        (200, ""),
        (500, &record("LQ", serde_json::json!({}))),
    ] {
        let found = read(status, body);
        assert!(
            matches!(found, Found::Doubt(FoundDoubt::NoAnswer { .. })),
            "{status} {body}: {found:?}"
        );
    }
}

#[test]
fn an_order_of_ours_without_folio_or_state_is_known_and_proves_nothing() {
    let incomplete = |missing| Found::Doubt(FoundDoubt::Incomplete { missing });
    for estado in ["LQ", "CN", "D", "C"] {
        assert_eq!(
            read(&record(estado, serde_json::json!({"idEF": null}))),
            incomplete("idEF")
        );
    }
    assert_eq!(
        read(&record("LQ", serde_json::json!({"estado": null}))),
        incomplete("estado")
    );
    let other = record("LQ", serde_json::json!({"estado": null, "empresa": "OTRA"}));
    assert_eq!(
        read(&other),
        Found::Doubt(FoundDoubt::Mismatch {
            fields: vec!["company"]
        })
    );
}

/// The same record as the legacy services tell it.
fn legacy(record: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(record).expect("JSON");
    serde_json::json!({"resultado": {"id": 0, "descripcionError": null, "ordenPago": value["respuesta"]}}).to_string()
}

#[test]
fn a_legacy_record_is_held_against_the_row_as_any_other() {
    assert_eq!(read(&legacy(&record("LQ", serde_json::json!({})))), paid(false));
    assert_eq!(read(&legacy(&record("D", serde_json::json!({})))), paid(true));
    for (field, change) in [
        ("tracking_key", serde_json::json!({"claveRastreo": "SOMEBODYELSE1"})),
        ("company", serde_json::json!({"empresa": "OTRA"})),
        ("amount", serde_json::json!({"monto": 1_234_567.06})),
        (
            "account",
            serde_json::json!({"cuentaBeneficiario": "072691004495711499"}),
        ),
        ("operating_date", serde_json::json!({"fechaOperacion": 20_260_401})),
    ] {
        let expected = Found::Doubt(FoundDoubt::Mismatch { fields: vec![field] });
        assert_eq!(read(&legacy(&record("CN", change))), expected, "{field}");
    }
}

#[test]
fn a_legacy_answer_without_its_envelope_is_read() {
    let value: serde_json::Value = serde_json::from_str(&record("LQ", serde_json::json!({}))).expect("JSON");
    let bare = serde_json::json!({"ordenPago": value["respuesta"]}).to_string();
    assert_eq!(read(&bare), paid(false));
    assert_eq!(
        read_order(500, bare.as_bytes(), &order(), "GIRO"),
        no_answer("http 500, no frame")
    );
}

#[test]
fn legacy_not_found_is_a_closed_list() {
    let answer =
        |id: i64, text: &str| serde_json::json!({"resultado": {"id": id, "descripcionError": text}}).to_string();
    for body in [
        answer(0, "Firma invalida No entity found for query"),
        answer(0, "Firma inválida No entity found for query."),
        answer(-100, "No se encontraron ordenes"),
    ] {
        assert_eq!(read(&body), Found::NotFound, "{body}");
        assert!(
            matches!(read_order(500, body.as_bytes(), &order(), "GIRO"), Found::Doubt(_)),
            "{body}"
        );
    }
    let sound = record("LQ", serde_json::json!({}));
    for body in [
        answer(0, "Firma invalida Firma Invalida"),
        answer(0, "No entity found for query"),
        answer(0, ""),
        answer(-1, "Firma invalida No entity found for query"),
        answer(100, ""),
        "{\"resultado\":{\"id\":0,\"ordenPago\":null}}".into(),
        "{\"resultado\":{\"id\":0,\"ordenPago\":[]}}".into(),
        "{\"resultado\":{}}".into(),
        "{\"resultado\":null}".into(),
        "{\"resultado\":[]}".into(),
        "{\"ordenPago\":null}".into(),
        legacy(&sound).replace("\"id\":0", "\"id\":-1"),
        legacy(&sound).replace("null", "\"Firma invalida Firma Invalida\""),
        // Two frames at once say nothing.
        sound.replacen('{', "{\"resultado\":{\"id\":-100},", 1),
        sound.replacen('{', "{\"ordenPago\":{},", 1),
        "{\"estado\":6,\"resultado\":{\"id\":-100}}".into(),
    ] {
        let found = read(&body);
        assert!(
            matches!(found, Found::Doubt(FoundDoubt::NoAnswer { .. })),
            "{body}: {found:?}"
        );
    }
}

#[test]
fn two_records_for_one_key_prove_nothing() {
    let value: serde_json::Value = serde_json::from_str(&record("LQ", serde_json::json!({}))).expect("JSON");
    let one = &value["respuesta"];
    for body in [
        serde_json::json!({"estado": 0, "respuesta": [one]}),
        serde_json::json!({"estado": 0, "respuesta": [one, one]}),
        serde_json::json!({"estado": 0, "datos": [one], "total": 1}),
        serde_json::json!({"resultado": {"id": 0, "ordenPago": [one, one]}}),
    ] {
        assert_eq!(read(&body.to_string()), no_answer("no record"), "{body}");
    }
}

#[test]
fn a_balance_is_exact() {
    let read = |body: &str| read_balance(200, body.as_bytes());
    let body = "{\"estado\":0,\"respuesta\":{\"saldo\":1.234567005E8,\"cargosPendientes\":0.0}}";
    assert_eq!(read(body), Ok(Centavos::new(12_345_670_050)));
    assert_eq!(
        read("{\"estado\":0,\"saldo\":\"10.50\",\"cargosPendientes\":\"0.00\"}"),
        Ok(Centavos::new(1_050))
    );
    assert!(read("{\"estado\":0,\"respuesta\":{\"saldo\":-1.00}}").is_err());
    assert!(read("{\"estado\":0,\"respuesta\":{}}").is_err());
    assert!(read_balance(400, NOTHING.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn any_answer_is_read_without_panic(status: u16, body: Vec<u8>) {
        let found = read_order(status, &body, &order(), "GIRO");
        let no_answer = matches!(found, Found::Doubt(FoundDoubt::NoAnswer { .. }));
        prop_assert!(no_answer, "{found:?}");
    }
}

#[test]
fn a_receipt_is_of_its_own_order_and_at_banxico() {
    let key = "GIRO0123456789ABCDEFGHJKMNPQR";
    let answer = |more: &str, estado: i64| {
        format!(r#"{{"estado":{estado},"respuesta":{{"claveRastreo":"{key}","estado":"LQ"{more}}}}}"#)
    };
    let read = |body: &str, key: &str| read_receipt(200, body.as_bytes(), key);
    let url = "https://www.banxico.org.mx/cep/go?i=90646";
    let whole = answer(&format!(r#","urlCEP":"{url}","nombreCep":"JOSE NUNEZ""#), 0);
    let receipt = read(&whole, key).expect("a receipt");
    assert_eq!(
        (receipt.url.as_deref(), receipt.name.as_deref()),
        (Some(url), Some("JOSE NUNEZ"))
    );
    assert_eq!(read(&whole, "GIRO1"), None, "another order's");
    let elsewhere = read(
        &answer(r#","urlCEP":"https://evil.example/cep","nombreCep":"JOSE""#, 0),
        key,
    );
    assert_eq!(elsewhere.expect("a name").url, None);
    for none in [
        answer("", 0),
        answer(r#","urlCEP":null,"nombreCep":"""#, 0),
        answer(&format!(r#","urlCEP":"{url}""#), 5),
        "no frame".to_owned(),
    ] {
        assert_eq!(read(&none, key), None, "{none}");
    }
    let legacy = format!(r#"{{"resultado":{{"ordenPago":{{"claveRastreo":"{key}","urlCEP":"{url}"}}}}}}"#);
    assert!(read(&legacy, key).is_some(), "the older format has it too");
}
