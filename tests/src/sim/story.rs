//! The simulator's own tests: a signing company, orders sound and not, faults, and a restart from the journal.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Bank, Fault, Options, Outcome, Reply, RequestView, life, register, signature::Fields};

struct Company {
    key: RsaKeyPair,
    folder: PathBuf,
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
            opening_balance: 1_000_000,
        };
        Bank::open(&options).expect("bank")
    }

    /// A signed order body, with some fields put in place of the sound ones.
    fn order(&self, clave: &str, monto: &str, other: &[(&str, &str)]) -> String {
        let mut fields: BTreeMap<String, String> = [
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
    register::decide(Arc::clone(bank), body).await.expect("decided");
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
