//! Tests of the statement: what is signed, which answers are a page, and what a line says.

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};
use workflows::domain::Centavos;

use super::super::key;
use super::super::order::tests::order;
use super::super::record::tests::{NOTHING, record};
use super::super::sign::tests::demo_verifies;
use super::*;

/// A page of what we sent, as the company that it is of.
fn told(status: u16, body: &[u8], company: &str) -> Result<StatementPage<StatementLine>, StatementUnknown> {
    read(status, body, |raw| line(raw, company))
}

/// The record of [`order`] with these changes, as `datos` has it: its amount's digits as STP writes them.
fn row(estado: &str, changes: Value) -> String {
    let framed = record(estado, changes);
    let inner = framed.split_once("\"respuesta\":").expect("a frame").1;
    inner[..inner.len() - 1].to_owned()
}

fn page(rows: &[String], total: u32) -> String {
    let rows = rows.join(",");
    format!("{{\"estado\":0,\"mensaje\":\"Datos consultados correctamente\",\"datos\":[{rows}],\"total\":{total}}}")
}

fn lines(body: &str) -> Vec<StatementLine> {
    told(200, body.as_bytes(), "GIRO").expect("a page").lines
}

/// How a line differs from [`order`].
fn differs(line: &StatementLine) -> Vec<&'static str> {
    let order = order();
    let (key, date) = (order.tracking_key.as_str(), order.operating_date);
    line.differs(key, order.amount, order.account(), Some(date))
}

#[test]
fn the_recorded_question_gives_its_signature() {
    // The recording asks for received orders ("R"); the positions are the same.
    let cadena = sign::cadena(["TAMIZI", "R", "20231106"]).expect("a cadena");
    assert_eq!(cadena, "||TAMIZI|R|20231106||");
    assert!(demo_verifies(
        &cadena,
        "ul4LIFvxiANuh+rPjoQ6oUB1bpkJ6bWtLUheHxL+Zs1adDSQXO2mSsnAsAEDRZ7zno7D+GVuV98VP6w+7ebyZxC8IcQWL+57eTiRDj4c24O4fkqd9jnM+8Ba9FtsYSSVyP9YDUhWuxe1hpgWxqqzm9F/Pvro40vcyC7S3meknOQ="
    ));
    let (pair, _) = key::tests::protected("x");
    let asked = |date| -> Value {
        let body = question("GIRO", Direction::Sent, date, 3, &pair).expect("a question");
        serde_json::from_slice(&body).expect("JSON")
    };
    let firma = |date| sign::firma(&pair, &format!("||GIRO|E|{date}||")).expect("signed");
    assert_eq!(
        asked(Some("20260402")),
        json!({"empresa": "GIRO", "tipoOrden": "E", "fechaOperacion": "20260402", "page": 3, "firma": firma("20260402")})
    );
    assert_eq!(
        asked(None),
        json!({"empresa": "GIRO", "tipoOrden": "E", "page": 3, "firma": firma("")})
    );
}

#[test]
fn a_line_says_what_an_answer_to_a_question_would() {
    let code = |code: &str| code.to_owned();
    for (estado, says) in [
        (
            "LQ",
            Said::Paid {
                came_back: false,
                code: code("stp:LQ"),
            },
        ),
        (
            "TLQ",
            Said::Paid {
                came_back: false,
                code: code("stp:TLQ"),
            },
        ),
        (
            "D",
            Said::Paid {
                came_back: true,
                code: code("stp:D"),
            },
        ),
        ("CN", Said::NotPaid { code: code("stp:CN") }),
        ("CR", Said::Pending { code: code("stp:CR") }),
        ("ZZ", Said::Unknown { code: code("stp:ZZ") }),
        ("PEDRO PARAMO", Said::Unknown { code: code("stp:?") }),
    ] {
        let lines = lines(&page(&[row(estado, json!({}))], 1));
        let order = order();
        let expected = StatementLine {
            tracking_key: order.tracking_key.to_string(),
            bank_ref: Some("9349827".into()),
            amount: Some(order.amount),
            clabe: Clabe::new(order.account()).ok(),
            of_our_company: true,
            operating_date: Some(date(2026, 4, 2)),
            says,
            receipt: None,
        };
        assert_eq!(lines, vec![expected]);
        assert_eq!(differs(&lines[0]), Vec::<&str>::new());
    }
}

#[test]
fn a_line_differs_by_the_names_of_its_fields() {
    for (field, change) in [
        ("tracking_key", json!({"claveRastreo": "gar/0-1"})),
        ("company", json!({"empresa": "giro"})),
        ("company", json!({"empresa": null})),
        ("amount", json!({"monto": "1234567.06"})),
        ("amount", json!({"monto": null})),
        ("account", json!({"cuentaBeneficiario": "5512345678"})),
        ("operating_date", json!({"fechaOperacion": 20_260_403})),
        ("operating_date", json!({"fechaOperacion": "ayer"})),
    ] {
        let lines = lines(&page(&[row("LQ", change)], 1));
        assert_eq!(differs(&lines[0]), vec![field]);
    }
    let all = lines("{\"estado\":0,\"datos\":[{\"claveRastreo\":\"X\"}],\"total\":1}");
    let fields = vec!["tracking_key", "company", "amount", "account", "operating_date"];
    assert_eq!(differs(&all[0]), fields);
    let (key, clabe) = (order().tracking_key.to_string(), order().account().to_owned());
    let any_date = |line: &StatementLine| line.differs(&key, order().amount, &clabe, None);
    assert_eq!(any_date(&all[0]), fields, "no date at all");
    let other = lines(&page(&[row("LQ", json!({"fechaOperacion": 20_260_403}))], 1));
    assert_eq!(any_date(&other[0]), Vec::<&str>::new());
    let unsaid = Said::Unknown { code: "stp:?".into() };
    assert_eq!((&all[0].bank_ref, &all[0].says), (&None, &unsaid));
}

#[test]
fn numbers_and_strings_say_the_same_and_a_card_is_not_kept() {
    let text = json!({"idEF": "9349827", "fechaOperacion": "20260402", "monto": "1234567.050"});
    assert_eq!(
        lines(&page(&[row("LQ", text)], 1)),
        lines(&page(&[row("LQ", json!({}))], 1))
    );
    let card = json!({"cuentaBeneficiario": "4111111111111111"});
    let kept = lines(&page(&[row("LQ", card)], 1));
    assert_eq!(kept[0].clabe, None);
    assert!(!format!("{kept:?}").contains("4111"), "{kept:?}");
    let shown = format!("{:?}", lines(&page(&[row("LQ", json!({}))], 1)));
    assert!(!shown.contains("012180000000000002"), "{shown}");
}

#[test]
fn both_places_of_the_list_are_read() {
    let rows = [row("LQ", json!({})), row("CN", json!({"idEF": 1, "monto": "0.01"}))];
    let beside = page(&rows, 700);
    let inside = format!(
        "{{\"estado\":0,\"respuesta\":{{\"datos\":[{}],\"total\":700}}}}",
        rows.join(",")
    );
    let read = |body: &str| told(200, body.as_bytes(), "GIRO").expect("a page");
    assert_eq!(read(&beside), read(&inside));
    assert_eq!((read(&beside).lines.len(), read(&beside).total), (2, 700));
    assert_eq!(read(&beside).lines[1].amount, Some(Centavos::new(1)));
}

#[test]
fn only_estado_6_with_http_400_is_an_empty_day() {
    assert_eq!(told(400, NOTHING.as_bytes(), "GIRO"), Ok(StatementPage::default()));
    let sound = page(&[row("LQ", json!({}))], 1);
    for (status, body) in [
        (200, NOTHING),
        (500, NOTHING),
        (400, "{\"estado\":2}"),
        (400, "{\"estado\":8}"),
        (400, sound.as_str()),
        (500, sound.as_str()),
        (200, "{\"estado\":0}"),
        (200, "{\"estado\":0,\"datos\":null,\"total\":0}"),
        (200, "{\"estado\":0,\"datos\":[]}"),
        (200, "{\"estado\":0,\"datos\":[],\"total\":-1}"),
        (200, "{\"estado\":0,\"datos\":{},\"total\":1}"),
        (200, "{\"estado\":0,\"datos\":[null],\"total\":1}"),
        (200, "{\"estado\":0,\"datos\":[{}],\"total\":1}"),
        (200, "{\"estado\":0,\"datos\":[{\"claveRastreo\":\"\"}],\"total\":1}"),
        (
            200,
            "{\"estado\":0,\"datos\":[],\"total\":0,\"respuesta\":{\"datos\":[],\"total\":0}}",
        ),
        (200, "[0]"),
        (200, ""),
        (200, &sound[..sound.len() - 1]),
        (503, "<html>"),
    ] {
        let read = told(status, body.as_bytes(), "GIRO");
        assert!(read.is_err(), "{status} {body}: {read:?}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_read_without_panic(status: u16, body: Vec<u8>) {
        prop_assert!(told(status, &body, "GIRO").is_err());
    }
}

/// STP: the legacy list ends with a null; one that was cut has none there.
#[test]
fn a_legacy_list_is_whole_when_it_ends_with_null() {
    let (one, two) = (row("LQ", json!({})), row("CN", json!({"claveRastreo": "OTHER1"})));
    let list = |rows: &str| format!("{{\"resultado\":{{\"lst\":[{rows}]}}}}");
    let whole = lines(&list(&format!("{one},{two},null")));
    assert_eq!(whole.len(), 2);
    assert!(differs(&whole[0]).is_empty() && matches!(whole[0].says, Said::Paid { .. }));
    assert!(lines(&list("null")).is_empty());
    assert_eq!(
        lines(&format!("{{\"lst\":[{one},null]}}")).len(),
        1,
        "without its envelope"
    );
    let nothing = "{\"resultado\":{\"id\":-100,\"descripcionError\":\"No se encontraron órdenes\"}}";
    assert!(lines(nothing).is_empty());
    for wrong in [
        list(&one),
        list(&format!("{one},null,{two}")),
        list(&format!("null,{one},null")),
        list(""),
        list("{},null"),
        format!("{{\"estado\":0,\"lst\":[{one},null]}}"),
        "{\"resultado\":{\"id\":0,\"descripcionError\":\"Firma invalida Firma Invalida\"}}".to_owned(),
        "{\"resultado\":{\"id\":0,\"descripcionError\":\"Firma invalida No entity found for query\"}}".to_owned(),
        "{\"resultado\":{\"id\":-100,\"descripcionError\":\"x\"}}".to_owned(),
        "{\"resultado\":{\"id\":0}}".to_owned(),
        "{\"resultado\":[null]}".to_owned(),
    ] {
        assert!(told(200, wrong.as_bytes(), "GIRO").is_err(), "{wrong}");
    }
    assert!(told(500, list("null").as_bytes(), "GIRO").is_err());
}

#[test]
fn a_line_shows_its_receipt_once_it_is_confirmed() {
    let url = "https://www.banxico.org.mx/cep/go?i=90646&s=20190617&d=abc";
    let shown = |change| lines(&page(&[row("LQ", change)], 1))[0].receipt.clone();
    let receipt = shown(json!({"urlCEP": url, "nombreCep": "JOSE NUNEZ"})).expect("it is confirmed");
    assert_eq!(
        (receipt.url.as_deref(), receipt.name.as_deref()),
        (Some(url), Some("JOSE NUNEZ"))
    );
    for none in [
        json!({}),
        json!({"urlCEP": null, "nombreCep": ""}),
        json!({"urlCEP": "https://evil.example/cep"}),
        json!({"nombreCep": "JOSE\u{0}"}),
    ] {
        assert_eq!(shown(none.clone()), None, "{none}");
    }
}
