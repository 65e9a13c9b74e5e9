//! Tests of the adapter as a whole: what each end of a send says, and what a configuration is told.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::client::tests::{Answer as Line, SHORT, http, listener};
use super::key::tests::{file, protected};
use super::order::tests::order;
use super::*;

fn config(base: &str) -> (StpConfig, KeyPair) {
    let (pair, pem) = protected("open sesame");
    let config = StpConfig {
        company: "GIRO".into(),
        orders_url: format!("{base}/speiws/rest/"),
        queries_url: format!("{base}/efws/API"),
        query_format: QueryFormat::V2,
        account: None,
        key_file: file(&pem),
        key_passphrase: SecretString::from("open sesame"),
        refuses_repeated_keys: true,
        pin_operating_date: true,
        per_second: 1_000,
        latitude: None,
        longitude: None,
    };
    (config, pair)
}

pub(super) fn stp(base: &str) -> (Stp, KeyPair) {
    let (config, pair) = config(base);
    let file = config.key_file.clone();
    let stp = Stp::with_limits(config, SHORT).expect("STP");
    std::fs::remove_file(file).expect("gone");
    (stp, pair)
}

async fn submit(answer: Line, fence: Fence) -> (Submitted, Exchange, Vec<u8>) {
    let (base, read) = listener(answer).await;
    let (submitted, exchange) = stp(&base).0.submit(&order(), fence).await;
    (submitted, exchange, read.await.expect("read"))
}

fn doubt(why: &str) -> Submitted {
    Submitted::Doubt { why: why.into() }
}

#[tokio::test]
async fn an_accepted_order_was_signed_as_it_was_sent() {
    let (base, read) = listener(http(
        "200 OK",
        "{\"resultado\":{\"id\":9349827,\"descripcionError\":null}}",
    ))
    .await;
    let (stp, pair) = stp(&base);
    let (submitted, exchange) = stp.submit(&order(), Fence::default()).await;
    assert_eq!(
        submitted,
        Submitted::Accepted {
            bank_ref: "9349827".into()
        }
    );
    let read = read.await.expect("read");
    assert!(read.starts_with(b"PUT /speiws/rest/ordenPago/registra HTTP/1.1\r\n"));
    assert!(read.ends_with(&exchange.sent), "the exchange is what was sent");
    assert_eq!(exchange.status, Some(200));
    assert_eq!(
        exchange.received,
        b"{\"resultado\":{\"id\":9349827,\"descripcionError\":null}}"
    );
    let sent: HashMap<String, Box<RawValue>> = serde_json::from_slice(&exchange.sent).expect("JSON");
    let firma = STANDARD.decode(sent["firma"].get().trim_matches('"')).expect("Base64");
    let cadena = Fields::new(&order(), "GIRO", true)
        .and_then(|fields| fields.cadena())
        .expect("a cadena");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec());
    assert!(public.verify(cadena.as_bytes(), &firma).is_ok());
}

#[tokio::test]
async fn nothing_left_means_not_sent() {
    let (submitted, exchange, read) = submit(http("200 OK", "{}"), Fence::now(Duration::ZERO)).await;
    assert_eq!(
        (submitted, exchange),
        (Submitted::NotSent(NotSent::Late), Exchange::default())
    );
    assert_eq!(read, b"");
    let (base, read) = listener(Line::Silence).await;
    read.abort();
    let _ = read.await;
    let (submitted, exchange) = stp(&base).0.submit(&order(), Fence::default()).await;
    assert_eq!(
        (submitted, exchange),
        (Submitted::NotSent(NotSent::Unreachable), Exchange::default())
    );
}

#[tokio::test]
async fn anything_lost_after_the_first_byte_is_doubt() {
    let (submitted, exchange, read) = submit(Line::Bytes(Vec::new()), Fence::default()).await;
    assert_eq!(submitted, doubt("cut before the answer"));
    assert!(!exchange.sent.is_empty() && read.ends_with(&exchange.sent));
    assert_eq!(submit(Line::Silence, Fence::default()).await.0, doubt("timeout"));
    let flood = http("200 OK", &"x".repeat(SHORT.reply + 1));
    let (submitted, exchange, _) = submit(flood, Fence::default()).await;
    assert_eq!(
        (submitted, exchange.received.len()),
        (doubt("reply too large"), SHORT.reply)
    );
}

#[tokio::test]
async fn a_page_of_the_proxy_is_configuration() {
    let page = http("403 Forbidden", "<html><body>403 Forbidden</body></html>");
    let (submitted, exchange, _) = submit(page, Fence::default()).await;
    assert_eq!(
        submitted,
        Submitted::NotSent(NotSent::Configuration {
            code: "stp:http_403".into()
        })
    );
    assert_eq!(exchange.status, Some(403));
}

#[test]
fn answers_are_judged_by_code_and_text() {
    let configuration = |code: &str| Submitted::NotSent(NotSent::Configuration { code: code.into() });
    for (status, body, expected) in [
        (
            200,
            "{\"resultado\":{\"id\":-11,\"descripcionError\":\"x\"}}",
            Submitted::Refused { code: "stp:-11".into() },
        ),
        (
            200,
            "{\"resultado\":{\"id\":-30}}",
            Submitted::NotSent(NotSent::ReadOnly),
        ),
        (200, "{\"resultado\":{\"id\":-6}}", configuration("stp:-6")),
        (
            200,
            "{\"resultado\":{\"id\":0,\"descripcionError\":\"Error validando la firma\"}}",
            configuration("stp:0"),
        ),
        (
            200,
            "{\"resultado\":{\"id\":-1,\"descripcionError\":\"La clave de rastreo X\"}}",
            doubt("stp:-1"),
        ),
        (
            200,
            "{\"resultado\":{\"id\":0,\"descripcionError\":\"Otros\"}}",
            doubt("stp:0"),
        ),
        (403, "{\"resultado\":{\"id\":-6}}", doubt("http 403")),
        (500, "{\"resultado\":{\"id\":-20}}", doubt("http 500")),
        (201, "{\"resultado\":{\"id\":9349827}}", doubt("http 201")),
    ] {
        assert_eq!(judge(status, body.as_bytes(), &order()), expected, "{status} {body}");
    }
    for body in [
        "",
        "{}",
        "null",
        "<html>",
        "{\"resultado\":null}",
        "{\"resultado\":[9349827]}",
        "[{\"id\":9349827}]",
        "[[-20]]",
        "{\"resultado\":{}}",
        "{\"resultado\":{\"id\":null}}",
        "{\"resultado\":{\"id\":\"9349827\"}}",
        "{\"resultado\":{\"id\":9349827.5}}",
        "{\"resultado\":{\"id\":9.3e6}}",
        "{\"resultado\":{\"id\":99999999999999999999}}",
        "{\"resultado\":{\"id\":9349827,\"id\":-20}}",
        "{\"resultado\":{\"id\":-20,\"descripcionError\":7}}",
        "{\"resultado\":{\"id\":9349827}} trailing",
    ] {
        assert_eq!(
            judge(200, body.as_bytes(), &order()),
            doubt("an answer without resultado.id"),
            "{body}"
        );
    }
}

#[test]
fn an_answer_that_names_another_order_is_doubt() {
    let answer = |id: i64, more: &str| format!("{{\"resultado\":{{\"id\":{id}{more}}}}}");
    let other = doubt("an answer about another order");
    let key = ",\"claveRastreo\":\"GIRO0123456789ABCDEFGHJKMNPQR\"";
    for id in [9_349_827, -20, 0] {
        for more in [
            ",\"claveRastreo\":\"SOMEBODYELSE1\"",
            ",\"claveRastreo\":7",
            ",\"monto\":1.00",
            ",\"monto\":\"?\"",
            &format!("{key},\"monto\":1234567.06"),
        ] {
            assert_eq!(judge(200, answer(id, more).as_bytes(), &order()), other, "{id} {more}");
        }
    }
    let ours = answer(-20, &format!("{key},\"monto\":1234567.050"));
    let refused = Submitted::Refused { code: "stp:-20".into() };
    assert_eq!(judge(200, ours.as_bytes(), &order()), refused);
}

#[test]
fn only_a_page_under_403_is_the_proxys() {
    for body in [
        "",
        "Forbidden",
        "{\"resultado\":{\"id\":9349827}}",
        "{\"resul",
        "\u{1f}\u{8b}",
    ] {
        assert_eq!(judge(403, body.as_bytes(), &order()), doubt("http 403"), "{body}");
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_said_never_connects() {
    let mut shifted = order();
    shifted.tracking_key = workflows::domain::TrackingKey::from_stored("A|B");
    let (submitted, exchange) = stp("http://127.0.0.1:9").0.submit(&shifted, Fence::default()).await;
    assert_eq!(
        (submitted, exchange),
        (
            Submitted::Refused {
                code: "giro:text".into()
            },
            Exchange::default()
        )
    );
}

#[test]
fn a_wrong_field_is_named_with_its_fix() {
    let wrong = |change: fn(&mut StpConfig)| {
        let (mut config, _) = config("http://127.0.0.1:9");
        let file = config.key_file.clone();
        change(&mut config);
        let error = Stp::new(config).expect_err("refused").to_string();
        std::fs::remove_file(file).expect("gone");
        error
    };
    for (field, error) in [
        ("company", wrong(|config| config.company = String::new())),
        ("company", wrong(|config| config.company = "A|B".into())),
        ("company", wrong(|config| config.company = "ABCDEFGHIJKLMNOP".into())),
        (
            "orders_url",
            wrong(|config| config.orders_url = "prod.stpmex.com".into()),
        ),
        (
            "orders_url",
            wrong(|config| config.orders_url = "ftp://prod.stpmex.com".into()),
        ),
        (
            "queries_url",
            wrong(|config| config.queries_url = "https://u:p@prod.stpmex.com".into()),
        ),
        (
            "queries_url",
            wrong(|config| config.queries_url = "https://prod.stpmex.com/?a=1".into()),
        ),
        ("latitude", wrong(|config| config.latitude = Some("north".into()))),
        ("longitude", wrong(|config| config.longitude = Some(String::new()))),
        ("key_file", wrong(|config| config.key_file = "/nowhere.pem".into())),
        (
            "key_passphrase",
            wrong(|config| config.key_passphrase = SecretString::from("hunter2")),
        ),
    ] {
        assert!(
            error.starts_with("bank.stp ") && error.contains(field),
            "{field}: {error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn https_addresses_are_ready_without_a_network() {
    stp("https://prod.stpmex.com");
}

#[test]
fn configuration_has_its_defaults_and_no_other_fields() {
    let text = |more: &str| {
        format!(
            "{{\"company\":\"GIRO\",\"orders_url\":\"http://a\",\"queries_url\":\"http://b\",\
             \"key_file\":\"k\",\"key_passphrase\":\"hunter2\"{more}}}"
        )
    };
    let config: StpConfig = serde_json::from_str(&text("")).expect("a configuration");
    assert!(config.refuses_repeated_keys && config.pin_operating_date);
    assert_eq!((config.latitude.clone(), config.longitude.clone()), (None, None));
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(serde_json::from_str::<StpConfig>(&text(",\"retries\":3")).is_err());
    let (stp, _) = stp("http://127.0.0.1:9");
    assert_eq!(format!("{stp:?}"), "Stp { company: \"GIRO\", .. }");
    assert!(stp.capabilities().refuses_repeated_keys);
}

proptest! {
    #[test]
    fn no_answer_but_a_whole_one_is_more_than_doubt(status: u16, body: Vec<u8>) {
        let page = status == 403 && body.trim_ascii_start().starts_with(b"<");
        let doubtful = matches!(judge(status, &body, &order()), Submitted::Doubt { .. });
        prop_assert!(doubtful || page);
    }

    #[test]
    fn free_text_never_leaves(text: String, id in -250_i64..20) {
        let body = serde_json::json!({"resultado": {"id": id, "descripcionError": text}}).to_string();
        let said = match judge(200, body.as_bytes(), &order()) {
            Submitted::Accepted { bank_ref } => format!("stp:{bank_ref}"),
            Submitted::Refused { code } | Submitted::NotSent(NotSent::Configuration { code }) => code,
            Submitted::Doubt { why } => why,
            Submitted::NotSent(NotSent::ReadOnly) => "stp:-30".to_owned(),
            Submitted::NotSent(NotSent::Late | NotSent::Unreachable) => String::new(),
        };
        prop_assert_eq!(said, format!("stp:{id}"));
    }
}

/// A label's values live as long as the process: a bank that makes words up must not make labels up.
#[test]
fn whatever_stp_answers_the_labels_are_few() {
    let mut codes = std::collections::BTreeSet::new();
    for id in -3_000..3_000 {
        for status in [200, 201, 403, 404, 418, 500, 503] {
            let body = format!(r#"{{"resultado":{{"id":{id},"descripcionError":"texto {id}"}}}}"#);
            let submitted = judge(status, body.as_bytes(), &order());
            codes.insert(crate::meters::submit_labels(&submitted).1.to_owned());
        }
    }
    codes.extend((0..100).map(|n| {
        let why = format!("a new word {n}");
        crate::meters::submit_labels(&Submitted::Doubt { why }).1.to_owned()
    }));
    assert!(codes.len() < 40, "{codes:?}");
    assert!(
        ["stp:-20", "stp:-1", "http 5xx", "other"]
            .iter()
            .all(|code| codes.contains(*code)),
        "{codes:?}"
    );
}
