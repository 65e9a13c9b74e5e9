//! Tests of the questions to STP: what is signed, which dates are asked, and what silence means.

use jiff::civil::date;
use tokio::net::TcpListener;

use super::super::client::tests::{Answer, SHORT, http, serve};
use super::super::key;
use super::super::order::tests::order;
use super::super::record::tests::{NOTHING, paid, record};
use super::super::sign::tests::demo_verifies;
use super::*;
use crate::bank::FoundDoubt;

#[test]
fn the_recorded_questions_give_their_signatures() {
    let order = sign::cadena(["TAMIZI", "CR1698096580", "E", "20231023"]).expect("a cadena");
    assert_eq!(order, "||TAMIZI|CR1698096580|E|20231023||");
    assert!(demo_verifies(
        &order,
        "iFPQsrznw187U3jav3pCFaKU7Qesb2HUaVTTwIWOeAmmi+ujPLaoqqvRuwJr/ORzbT6mWeDNcU+c745uzNoW3AC8dWp8DljHQSP9oN0bMEzVyLxLF5ju88Zt9XuHhbhrdax42C5YL0wectEm/3axX9eXPlc2YRyFIfKMjhUcomA="
    ));
    let balance = sign::cadena(["TAMIZI", "646180157000000004", ""]).expect("a cadena");
    assert_eq!(balance, "||TAMIZI|646180157000000004|||");
    assert!(demo_verifies(
        &balance,
        "PgdMEQW0WTA9MQkmwtOCyXBOLreYwMmAoKIOS8XazDWT2XWqFBYBX9eeWnynod0vcQzvbZvyjvRVb17VpXbdEwucg1sHnNVIjoG6WAvV0ewvHRO1sG+Ovvei/nrdN8cMRALvQcMzaeSP+kz+5ZGxqIh3XBfBYiZSLndMhE0HrSw="
    ));
}

#[test]
fn the_recorded_legacy_question_gives_its_signature() {
    let cadena = legacy_cadena("TAMIZI", Some("CR1564969083"), "20200420").expect("a cadena");
    assert_eq!(
        cadena,
        "|||TAMIZI|20200420||CR1564969083|90646||||||||||||||||||||||||||||||"
    );
    assert!(demo_verifies(
        &cadena,
        "pj3+C3iAwjXFsjBEeS0gSO0SMhV8T1PnmHEB4EmZHliKI/KY7TJ7DySj6JqkAVny1gddOiX8whBPutn/KpxR9kMf6FbNssRiy2ystppIKq7jcGZ0yEyCF8ZqWAMuEOWnF5sQ4Zb3tyAyMh0iEaaU/8nFf5yzs7UQiTgeinWWjvo="
    ));
}

#[test]
fn a_legacy_question_about_a_day_fills_two_positions() {
    let cadena = legacy_cadena("TAMIZI", None, "20200420").expect("a cadena");
    assert_eq!(cadena, "|||TAMIZI|20200420|||||||||||||||||||||||||||||||||");
    assert!(demo_verifies(
        &cadena,
        "MWqmcIak/f37rGEwPyV10GD7gL9SjNlSTY7/EJFq8zVO+EWbPUhz3eGUz/md3RwldosNSDBpWE3AtubbBMMp0FI/0vXmxkDaAnK2Oixvk9pCW1fIaPv/mufbvkPGqBUdveKjRl5fWwQjw0oTUtqj8kFSk8Ub6OLw2kRK4JDWrqw="
    ));
}

#[tokio::test]
async fn the_legacy_service_is_asked_in_its_own_words() {
    let value: serde_json::Value = serde_json::from_str(&record("LQ", serde_json::json!({}))).expect("JSON");
    let answer = serde_json::json!({"resultado": {"id": 0, "ordenPago": value["respuesta"]}}).to_string();
    let nothing = "{\"resultado\":{\"id\":0,\"descripcionError\":\"Firma invalida No entity found for query\"}}";
    let answers = vec![http("200 OK", nothing), http("200 OK", &answer)];
    let (found, _, asked) = ask_as(QueryFormat::Legacy, answers, date(2026, 4, 6)).await;
    assert_eq!(found, paid(false));
    assert!(
        asked[0].contains("\"institucionOperante\":\"90646\",\"fechaOperacion\":\"20260402\""),
        "{}",
        asked[0]
    );
    assert!(
        !asked[1].contains("fechaOperacion") && !asked[1].contains("tipoOrden"),
        "{}",
        asked[1]
    );
}

async fn ask(answers: Vec<Answer>, today: Date) -> (Found, Exchange, Vec<String>) {
    ask_as(QueryFormat::V2, answers, today).await
}

/// An asker of two answers, one after the other; and what was asked, in order.
async fn ask_as(format: QueryFormat, answers: Vec<Answer>, today: Date) -> (Found, Exchange, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}/efws/API", listener.local_addr().expect("an address"));
    let served = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            asked.push(String::from_utf8(serve(&listener, answer).await).expect("text"));
        }
        asked
    });
    let url = |path: &str| Url::parse(&format!("{base}/{path}")).expect("a URL");
    let addresses = Addresses {
        orders: url("consultaOrden"),
        received: url("consultaOrden"),
        balance: url("consultaSaldoCuenta"),
        statement: url("V2/conciliacion"),
    };
    let pace = std::sync::Arc::new(Pace::new("stp", 1_000));
    let asker = Asker::new(addresses, format, SHORT, pace).expect("an asker");
    let (pair, _) = key::tests::protected("x");
    let (found, exchange) = asker.order(&order(), today, "GIRO", &pair).await;
    (found, exchange, served.await.expect("served"))
}

#[tokio::test]
async fn the_current_day_is_asked_without_a_date() {
    let answer = record("LQ", serde_json::json!({}));
    let (found, exchange, asked) = ask(vec![http("200 OK", &answer)], date(2026, 4, 2)).await;
    assert_eq!(found, paid(false));
    assert_eq!((exchange.status, exchange.received), (Some(200), answer.into_bytes()));
    assert!(
        asked[0].starts_with("POST /efws/API/consultaOrden HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(!asked[0].contains("fechaOperacion"), "{}", asked[0]);
    assert!(asked[0].ends_with(&String::from_utf8_lossy(&exchange.sent).into_owned()));
}

#[tokio::test]
async fn a_past_day_is_asked_by_its_date_and_then_without() {
    let nothing = || http("400 Bad Request", NOTHING);
    let (found, exchange, asked) = ask(vec![nothing(), nothing()], date(2026, 4, 6)).await;
    assert_eq!(found, Found::NotFound);
    assert!(asked[0].contains("\"fechaOperacion\":\"20260402\""), "{}", asked[0]);
    assert!(!asked[1].contains("fechaOperacion"), "{}", asked[1]);
    assert_eq!(exchange.received, format!("{NOTHING}\n{NOTHING}").into_bytes());
    assert_eq!(exchange.sent.iter().filter(|byte| **byte == b'\n').count(), 1);
    let (found, _, _) = ask(vec![nothing(), http("503 Busy", "<html>")], date(2026, 4, 6)).await;
    assert!(matches!(found, Found::Doubt(FoundDoubt::NoAnswer { .. })), "{found:?}");
    let by_date = http("200 OK", &record("LQ", serde_json::json!({})));
    assert_eq!(ask(vec![by_date], date(2026, 4, 6)).await.0, paid(false));
}

#[tokio::test]
async fn silence_and_floods_are_no_answer() {
    let why = |why: &str| Found::Doubt(FoundDoubt::NoAnswer { why: why.into() });
    let (found, exchange, _) = ask(vec![Answer::Silence], date(2026, 4, 2)).await;
    assert_eq!((found, exchange.status), (why("timeout"), None));
    let flood = http("200 OK", &"x".repeat(SHORT.reply + 1));
    let (found, exchange, _) = ask(vec![flood], date(2026, 4, 2)).await;
    assert_eq!((found, exchange.received.len()), (why("answer too large"), SHORT.reply));
    let away = http("302 Found", "");
    assert_eq!(ask(vec![away], date(2026, 4, 2)).await.0, why("http 302, no frame"));
}
