//! The simulator's own tests: a signing company, orders sound and not, faults, and a restart from the journal.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use futures::StreamExt;
use serde_json::Value;

use super::{
    Bank, Chaos, Fault, FaultSource, Options, Outcome, Reply, RequestView, TABLE, life, page, query, register,
    signature::Fields,
};

struct Company {
    key: RsaKeyPair,
    folder: PathBuf,
}

impl Drop for Company {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

impl Company {
    fn new() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("key");
        let folder = std::env::temp_dir().join(format!("bank-sim-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).expect("folder");
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().expect("der");
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        std::fs::write(folder.join("company.pem"), pem).expect("pem");
        Self { key, folder }
    }

    fn bank(&self) -> Arc<Bank> {
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            journal: self.folder.join("journal.jsonl"),
            empresa: "GIRO".to_owned(),
            public_key: self.folder.join("company.pem"),
            webhook_url: None,
            clock_offset: 0,
            settle_after_ms: 50,
            dedupe: true,
            address_file: None,
            hidden_ms: 100,
            slow_ms: 10,
            late_ms: 10,
            receipt_ms: 0,
            unrest: None,
            legacy_answers: false,
            chaos: None,
            opening_balance: 1_000_000,
        };
        Bank::open(&options).expect("bank")
    }

    /// A signed order body, with some fields put in place of the sound ones.
    fn order(&self, clave: &str, monto: &str, other: &[(&str, &str)]) -> String {
        let fields: BTreeMap<String, String> = [
            ("institucionContraparte", "40072"),
            ("empresa", "GIRO"),
            ("claveRastreo", clave),
            ("institucionOperante", "90646"),
            ("monto", monto),
            ("tipoPago", "1"),
            ("tipoCuentaOrdenante", "40"),
            ("nombreOrdenante", "GIRO SA DE CV"),
            ("cuentaOrdenante", "646180110400000007"),
            ("rfcCurpOrdenante", "ND"),
            ("tipoCuentaBeneficiario", "40"),
            ("nombreBeneficiario", "Ricardo Sanchez"),
            ("cuentaBeneficiario", "072691004495711499"),
            ("rfcCurpBeneficiario", "ND"),
            ("conceptoPago", "Prueba"),
            ("referenciaNumerica", "5273144"),
        ]
        .into_iter()
        .chain(other.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.signed(&fields)
    }

    /// A body with its signature over the 34 positions of an order.
    fn signed(&self, fields: &[(&str, &str)]) -> String {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut fields: BTreeMap<String, String> = fields.collect();
        let cadena = Fields(fields.clone()).order_cadena();
        let mut firma = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), cadena.as_bytes(), &mut firma)
            .expect("sign");
        fields.insert("firma".to_owned(), STANDARD.encode(firma));
        serde_json::to_string(&fields).expect("body")
    }
}

async fn send(bank: &Arc<Bank>, body: String) -> RequestView {
    register::decide(Arc::clone(bank), register::Asked::Pay, body)
        .await
        .expect("decided");
    bank.book().requests(None).pop().expect("a request")
}

#[tokio::test]
async fn each_unsound_order_meets_its_code() {
    let company = Company::new();
    let bank = company.bank();
    for (clave, monto, other, code) in [
        ("A1", "1.00", ("empresa", "OTRA"), -6),
        ("A2", "1.00", ("claveRastreo", "A-2"), -34),
        ("A3", "1.00", ("claveRastreo", "A234567890123456789012345678901"), -26),
        ("A4", "1.005", ("iva", ""), -20),
        ("A5", "0.00", ("iva", ""), -20),
        ("A6", "1.00", ("tipoPago", "5"), -13),
        ("A7", "1.00", ("tipoCuentaBeneficiario", "4"), -11),
        ("A8", "1.00", ("cuentaBeneficiario", "07269100449571149"), -23),
        ("A9", "1.00", ("cuentaBeneficiario", "072691004495711490"), -21),
        ("B1", "1.00", ("cuentaBeneficiario", "012180000000000002"), -22),
        ("B2", "1.00", ("institucionContraparte", "12072"), -9),
        ("B3", "1.00", ("institucionContraparte", ""), -5),
        ("B4", "1.00", ("fechaOperacion", "20200102"), -16),
        ("B5", "1.00", ("referenciaNumerica", "0"), 0),
        ("B6", "1.00", ("conceptoPago", "Año"), 0),
        ("B7", "1.00", ("nombreBeneficiario", ""), 0),
        ("B8", "1.00", ("cuentaOrdenante", ""), -200),
        ("B9", "1.00", ("firma", ""), 0),
    ] {
        let request = match other.0 {
            "firma" => send(&bank, company.order(clave, monto, &[]).replace("1.00", "2.00")).await,
            _ => send(&bank, company.order(clave, monto, &[other])).await,
        };
        assert_eq!(
            (request.outcome, request.code),
            (Outcome::Refused, Some(code)),
            "{clave}"
        );
    }
    let same = [
        ("institucionContraparte", "90646"),
        ("cuentaBeneficiario", "646180110400000007"),
    ];
    assert_eq!(send(&bank, company.order("C1", "1.00", &same)).await.code, Some(-24));
    assert_eq!(send(&bank, "{".to_owned()).await.outcome, Outcome::Malformed);
    assert!(bank.book().orders().is_empty());
}

#[tokio::test]
async fn a_restart_with_the_same_journal_loses_nothing() {
    let company = Company::new();
    let bank = company.bank();
    let taken = send(&bank, company.order("K1", "120.00", &[])).await;
    assert_eq!((taken.outcome, taken.reply), (Outcome::Taken, Reply::Answered));
    let again = send(&bank, company.order("K1", "120.00", &[])).await;
    assert_eq!(again.code, Some(-1));
    let today = bank.today();
    let text = format!("La clave de rastreo K1 para la fecha {today} de la institucion 90646 ya fue utilizada");
    assert_eq!(again.text, Some(text));
    let lost = send(&bank, company.order("K2", "5.90", &[])).await;
    assert_eq!((lost.outcome, lost.reply), (Outcome::Taken, Reply::Lost));
    let dropped = send(&bank, company.order("K3", "5.87", &[])).await;
    assert_eq!((dropped.outcome, dropped.reply), (Outcome::Dropped, Reply::Lost));
    let body = company.order("K4", "5.96", &[]);
    let returned = send(&bank, body.clone()).await;
    assert_eq!(returned.fault, Fault::Returned);
    drop(bank);

    // What a kill in the middle of a write leaves behind.
    let path = company.folder.join("journal.jsonl");
    let mut bytes = std::fs::read(&path).expect("journal");
    let text = String::from_utf8(bytes.clone()).expect("text");
    assert!(
        text.lines()
            .any(|line| line.contains(r#""kind":"order""#) && line.contains(r#""monto":12000"#))
    );
    bytes.extend_from_slice(br#"{"kind":"order","at":"20"#);
    std::fs::write(&path, bytes).expect("torn tail");

    let bank = company.bank();
    assert_eq!(bank.book().orders().len(), 3);
    assert_eq!(bank.book().requests(None).len(), 5);
    assert_eq!(bank.book().requests(Some("K4"))[0].body, body);
    assert_eq!(send(&bank, company.order("K1", "120.00", &[])).await.code, Some(-1));
    // By cents only the first request meets the fault, also across a restart.
    assert_eq!(
        send(&bank, company.order("K3", "5.87", &[])).await.outcome,
        Outcome::Taken
    );
    life::resume(&bank);
    for _ in 0..300 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let book = bank.book();
        let states: Vec<&str> = book.orders().iter().map(|o| o.estado.as_str()).collect();
        if states == ["LQ", "LQ", "D", "LQ"] {
            return;
        }
    }
    let orders = bank.book().orders().to_vec();
    assert!(orders.is_empty(), "still open: {orders:?}");
}

#[tokio::test]
async fn without_dedupe_a_resend_is_a_second_payment() {
    let company = Company::new();
    let bank = company.bank();
    bank.settings.lock().expect("settings").dedupe = false;
    for expected in [Reply::Lost, Reply::Answered] {
        let request = send(&bank, company.order("D1", "7.90", &[])).await;
        assert_eq!((request.outcome, request.reply), (Outcome::Taken, expected));
    }
    assert_eq!(bank.book().orders_of("D1").count(), 2);
}

#[tokio::test]
async fn a_refused_resend_says_nothing_of_the_first() {
    let company = Company::new();
    let bank = company.bank();
    let body = company.order("R1", "7.83", &[]);
    let first = send(&bank, body.clone()).await;
    assert_eq!((first.outcome, first.reply), (Outcome::Taken, Reply::Lost));
    for _ in 0..2 {
        let later = send(&bank, body.clone()).await;
        assert_eq!((later.outcome, later.code), (Outcome::Refused, Some(-200)));
        assert_eq!(later.reply, Reply::Answered);
    }
}

#[tokio::test]
async fn what_ends_before_the_bank_looks_leaves_no_order_and_the_next_request_is_taken() {
    let company = Company::new();
    let bank = company.bank();
    for (number, row) in TABLE.iter().filter(|row| row.fault.takes_nothing()).enumerate() {
        let clave = format!("N{number}");
        let body = company.order(&clave, &format!("5.{}", row.cents), &[]);
        let first = send(&bank, body.clone()).await;
        assert_eq!((first.outcome, first.reply), (Outcome::Dropped, row.fault.reply()));
        assert_eq!(bank.book().orders_of(&clave).count(), 0);
        assert_eq!(send(&bank, body).await.outcome, Outcome::Taken);
    }
}

#[tokio::test]
async fn chaos_is_the_same_after_a_restart_and_spares_a_resend() {
    let company = Company::new();
    let chaos = Chaos { seed: 5, percent: 100 };
    let bank = company.bank();
    bank.settings.lock().expect("settings").chaos = Some(chaos);
    let clave = (0..)
        .map(|n| format!("X{n}"))
        .find(|clave| chaos.fault_of(clave) == Fault::AcceptThenDrop);
    let clave = clave.expect("one of them");
    let first = send(&bank, company.order(&clave, "5.00", &[])).await;
    assert_eq!(first.fault, Fault::AcceptThenDrop);
    assert_eq!(first.fault_source, Some(FaultSource::Chaos));
    drop(bank);
    let bank = company.bank();
    bank.settings.lock().expect("settings").chaos = Some(chaos);
    let again = send(&bank, company.order(&clave, "5.00", &[])).await;
    assert_eq!((again.fault, again.code), (Fault::Normal, Some(-1)));
    let cents_first = send(&bank, company.order("X", "5.94", &[])).await;
    assert_eq!(cents_first.fault, Fault::Refused);
}

/// The body of an answer, as far as it came.
async fn read(response: Response) -> (StatusCode, Vec<u8>) {
    let status = response.status();
    let mut body = response.into_body().into_data_stream();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.next().await {
        bytes.extend_from_slice(&chunk);
    }
    (status, bytes)
}

#[tokio::test]
async fn queries_answer_in_both_formats_and_lie_while_told_to() {
    let company = Company::new();
    let bank = company.bank();
    send(&bank, company.order("Q1", "5.00", &[])).await;
    let legacy = |clave: &str| {
        company.signed(&[
            ("empresa", "GIRO"),
            ("claveRastreo", clave),
            ("institucionOperante", "90646"),
        ])
    };
    let (status, found) = read(query::legacy_order(State(Arc::clone(&bank)), legacy("Q1")).await).await;
    let found: Value = serde_json::from_slice(&found).expect("JSON");
    assert_eq!(
        (status, &found["resultado"]["ordenPago"]["claveRastreo"]),
        (StatusCode::OK, &"Q1".into())
    );
    let (status, nothing) = read(query::legacy_order(State(Arc::clone(&bank)), legacy("Q2")).await).await;
    let text = "Firma invalida No entity found for query";
    assert_eq!(status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&nothing).contains(text));
    let (_, forged) = read(query::legacy_order(State(Arc::clone(&bank)), legacy("Q1").replace("Q1", "Q2")).await).await;
    assert!(String::from_utf8_lossy(&forged).contains("Firma invalida Firma Invalida"));

    bank.settings.lock().expect("settings").hidden_ms = 600_000;
    for (number, row) in TABLE.iter().filter(|row| row.fault.query_lie().is_some()).enumerate() {
        let clave = format!("L{number}");
        send(&bank, company.order(&clave, &format!("5.{}", row.cents), &[])).await;
        let (_, lie) = read(query::legacy_order(State(Arc::clone(&bank)), legacy(&clave)).await).await;
        let lie: Option<Value> = serde_json::from_slice(&lie).ok();
        let told = lie
            .as_ref()
            .is_some_and(|lie| lie["resultado"]["ordenPago"]["claveRastreo"] == clave.as_str());
        assert!(!told, "{}: {lie:?}", row.fault.name());
    }
}

#[tokio::test]
async fn the_page_shows_what_is_there_and_its_forms_do_what_they_say() {
    let company = Company::new();
    let bank = company.bank();
    let act = async |action: &str, form: &str| {
        let response = page::act(State(Arc::clone(&bank)), Path(action.to_owned()), form.to_owned()).await;
        let there = response.headers()["location"].to_str().expect("text").to_owned();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        there
    };
    assert!(
        act("arm", "fault=cancelled&clave=P1&times=")
            .await
            .starts_with("/?said=")
    );
    let armed = send(&bank, company.order("P1", "5.00", &[("conceptoPago", "<b>x")])).await;
    assert_eq!(armed.fault, Fault::Cancelled);
    assert!(act("state", "clave=P1&estado=LQ").await.contains("said="));
    assert_eq!(bank.book().orders()[0].estado, "LQ");
    for (action, form) in [
        ("arm", "fault=nosuch"),
        ("arm", "fault=hang&times=x"),
        ("speak", "clave=nobody"),
        ("chaos", "chaos=x"),
        ("refuse", "code=x"),
        ("state", "estado=%3Cb%3E&clave=nobody"),
        ("nosuch", ""),
        ("arm", "other=1"),
    ] {
        let there = act(action, form).await;
        assert!(there.starts_with("/?wrong="), "{action} {form}: {there}");
    }
    act("chaos", "chaos=7%3A30").await;
    act("refuse", "code=-20").await;
    act("legacy", "legacy=true").await;
    let settings = bank.settings();
    assert_eq!(settings.chaos, Some(Chaos { seed: 7, percent: 30 }));
    assert_eq!((settings.refuse_all, settings.legacy_answers), (Some(-20), true));
    act("chaos", "").await;
    act("refuse", "").await;
    assert_eq!((bank.settings().chaos, bank.settings().refuse_all), (None, None));
    let uri = "/?wrong=%3Cscript%3E".parse().expect("a URI");
    let said = Query::try_from_uri(&uri).expect("a query");
    let (status, shown) = read(page::show(State(Arc::clone(&bank)), said).await.ok().expect("a page")).await;
    let shown = String::from_utf8(shown).expect("text");
    assert_eq!(status, StatusCode::OK);
    assert!(
        shown.contains("P1") && shown.contains("class=\"state LQ\"") && !shown.contains("<script>"),
        "{shown}"
    );
}
