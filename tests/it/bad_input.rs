//! Bad input: whatever comes is answered in time and in kind, writes nothing, keeps the key free, and leaves no trace of
//! a person in the log.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use sqlx::{Connection, PgConnection, Row};
use tests::{
    books::Books,
    client::{BENEFICIARY, request, text},
    stack::{PATIENCE, Setup, Stack},
};

use crate::raw::{Said, dribble, say};

/// Stands in every text that tries to be more than a text, and must stand in no log.
const MARK: &str = "INJECTED";
/// A person of these stories.
const PERSON: &str = "Zacarias Quiroga";
const LIMIT: usize = 65_536;

/// How a case is sent.
enum Sent {
    /// This body, under sound headers.
    Body(Vec<u8>),
    /// A request with these headers, `{KEY}` being the case's own key, and this body; its length is added.
    Headers(String, Vec<u8>),
    /// These bytes, and nothing else.
    Bytes(Vec<u8>),
}

struct Case {
    name: String,
    sent: Sent,
    /// What it may be answered with; 0 is a connection closed unanswered.
    statuses: &'static [u16],
}

fn case(name: impl Into<String>, sent: Sent, statuses: &'static [u16]) -> Case {
    Case {
        name: name.into(),
        sent,
        statuses,
    }
}

/// A request as JSON text, with raw JSON in some places.
fn json(account: &str, changes: &[(&str, &str)]) -> String {
    let account = format!("{account:?}");
    let (clabe, name) = (format!("{BENEFICIARY:?}"), format!("{PERSON:?}"));
    let mut fields = vec![
        ("account", account.as_str()),
        ("amount", "100"),
        ("currency", "\"MXN\""),
        ("clabe", &clabe),
        ("name", &name),
        ("tax_id", "null"),
        ("concept", "\"renta\""),
        ("reference", "7"),
        ("more", ""),
        ("inner", ""),
    ];
    for (name, value) in changes {
        let field = fields.iter_mut().find(|(field, _)| field == name);
        field.expect("a field of the request").1 = value;
    }
    let of = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| *field == name)
            .map_or("", |(_, value)| value)
    };
    format!(
        r#"{{"account":{},"amount":{},"currency":{},"beneficiary":{{"clabe":{},"name":{},"tax_id":{}{}}},"concept":{},"reference":{}{}}}"#,
        of("account"),
        of("amount"),
        of("currency"),
        of("clabe"),
        of("name"),
        of("tax_id"),
        of("inner"),
        of("concept"),
        of("reference"),
        of("more"),
    )
}

const SOUND: &str = "idempotency-key: {KEY}\r\ncontent-type: application/json\r\n";

fn bytes(key: &str, sent: &Sent) -> Vec<u8> {
    let with = |headers: &str, body: &[u8]| {
        let head = format!(
            "POST /v1/payouts HTTP/1.1\r\nhost: giro\r\nconnection: close\r\n{}content-length: {}\r\n\r\n",
            headers.replace("{KEY}", key),
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    match sent {
        Sent::Body(body) => with(SOUND, body),
        Sent::Headers(headers, body) => with(headers, body),
        Sent::Bytes(bytes) => bytes.clone(),
    }
}

/// Bodies that are no request, whatever their fields say.
fn bodies(account: &str) -> Vec<Case> {
    let sound = json(account, &[]);
    let body = |name: &str, body: Vec<u8>, statuses| case(name, Sent::Body(body), statuses);
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let utf16: Vec<u8> = sound.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut broken = json(account, &[("name", "\"Jos~\"")]).into_bytes();
    let place = broken.iter().position(|byte| *byte == b'~').unwrap_or_default();
    broken[place] = 0xff;
    let mut nul = broken.clone();
    nul[place] = 0;
    let twice = sound.replacen('{', "{\"amount\":1,", 1);
    let twice_inside = sound.replacen("\"clabe\"", "\"name\":\"Otra\",\"clabe\"", 1);
    let twice_spelled = sound.replacen("\"tax_id\"", "\"taxId\":null,\"tax_id\"", 1);
    vec![
        body("nothing", Vec::new(), &[400]),
        body("64 KiB and one", vec![b' '; LIMIT + 1], &[413]),
        body("a list of lists", nested.clone().into_bytes(), &[400, 422]),
        body(
            "a field of lists",
            json(account, &[("amount", &nested)]).into_bytes(),
            &[400, 422],
        ),
        body(
            "an unknown field of lists",
            json(account, &[("more", &format!(",\"x\":{nested}"))]).into_bytes(),
            &[400, 422],
        ),
        body("a field twice", twice.into_bytes(), &[422]),
        body("a field twice, inside", twice_inside.into_bytes(), &[422]),
        body("a field twice, in both spellings", twice_spelled.into_bytes(), &[422]),
        body("more after it", format!("{sound} {sound}").into_bytes(), &[400]),
        body("a letter after it", format!("{sound}x").into_bytes(), &[400]),
        body("half of it", sound.as_bytes()[..sound.len() / 2].to_vec(), &[400]),
        body("a byte order mark", format!("\u{feff}{sound}").into_bytes(), &[400]),
        body("UTF-16", utf16, &[400]),
        body("no UTF-8", broken, &[400]),
        body("a raw NUL", nul, &[400]),
        body("a list", b"[]".to_vec(), &[422]),
        body("null", b"null".to_vec(), &[422]),
        body("a text", b"\"pay\"".to_vec(), &[422]),
        body("an empty object", b"{}".to_vec(), &[422]),
        body("a form", b"account=1&amount=100".to_vec(), &[400]),
        body(
            "XML",
            b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>".to_vec(),
            &[400],
        ),
    ]
}

/// Headers that say the wrong thing.
fn headers(account: &str) -> Vec<Case> {
    let sound = || json(account, &[]).into_bytes();
    let headers = |name: &str, text: String, statuses| case(name, Sent::Headers(text, sound()), statuses);
    let kind = |kind: &str| format!("idempotency-key: {{KEY}}\r\n{kind}");
    let key = |key: &str| format!("content-type: application/json\r\n{key}");
    // gzip of a mebibyte of spaces would be small; no coding is taken, so that its bytes do not matter.
    let zipped = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec();
    let gzip = kind("content-type: application/json\r\ncontent-encoding: gzip\r\n");
    vec![
        headers("no content type", kind(""), &[415]),
        headers("text", kind("content-type: text/plain\r\n"), &[415]),
        headers(
            "a form",
            kind("content-type: application/x-www-form-urlencoded\r\n"),
            &[415],
        ),
        headers(
            "JSON by another name",
            kind("content-type: application/json-seq\r\n"),
            &[415],
        ),
        case("gzip", Sent::Headers(gzip, zipped), &[415]),
        headers("no key", key(""), &[400]),
        headers("an empty key", key("idempotency-key:\r\n"), &[400]),
        headers(
            "a long key",
            key(&format!("idempotency-key: {}\r\n", "k".repeat(256))),
            &[400],
        ),
        headers("a key with a space", key("idempotency-key: a b\r\n"), &[400]),
        headers("a key with a tab", key("idempotency-key: a\tb\r\n"), &[400]),
        headers("a key with a NUL", key("idempotency-key: a\0b\r\n"), &[400]),
        headers(
            "a key with ESC",
            key("idempotency-key: a\u{1b}[31mINJECTED\r\n"),
            &[400],
        ),
        headers("a key that is not ASCII", key("idempotency-key: clave-ñ\r\n"), &[400]),
        headers(
            "two keys",
            key("idempotency-key: {KEY}\r\nidempotency-key: {KEY}\r\n"),
            &[400],
        ),
        headers(
            "a folded header",
            key("idempotency-key: {KEY}\r\nx-a: b\r\n c\r\n"),
            &[400],
        ),
        headers(
            "a header without a name",
            key("idempotency-key: {KEY}\r\n: b\r\n"),
            &[400],
        ),
        headers("a space before the colon", key("idempotency-key : {KEY}\r\n"), &[400]),
        headers(
            "16 KiB of headers",
            kind(&format!(
                "content-type: application/json\r\nx-a: {}\r\n",
                "a".repeat(16_384)
            )),
            &[431],
        ),
        headers(
            "100 headers",
            kind(&format!(
                "content-type: application/json\r\n{}",
                "x-a: b\r\n".repeat(100)
            )),
            &[431],
        ),
    ]
}

/// Texts that are more, or less, than they look.
fn texts(account: &str) -> Vec<Case> {
    let wrong = [
        ("nothing", ""),
        ("spaces", "   "),
        ("NUL", "Ana\\u0000INJECTED"),
        ("half a surrogate", "Ana \\ud800"),
        ("right to left", "Ana \\u202eINJECTED"),
        ("zero width", "Ana\\u200bINJECTED"),
        ("a soft hyphen", "Ana\\u00adINJECTED"),
        ("a mark on nothing", "\\u0301INJECTED"),
        ("emoji", "Ana 😀"),
        ("Cyrillic that looks Latin", "\\u0410na INJECTED"),
        ("a pipe", "Ana|INJECTED"),
        ("two pipes", "||INJECTED||"),
        ("CR LF", "Ana\\r\\nINJECTED"),
        ("LF", "Ana\\nINJECTED"),
        ("a line separator", "Ana\\u2028INJECTED"),
        ("ANSI", "\\u001b[31mINJECTED"),
        ("JSON for the log", "\\\",\\\"level\\\":\\\"INJECTED\\\",\\\"a\\\":\\\""),
        ("a template", "${jndi:ldap://INJECTED}"),
        ("another template", "{{INJECTED}}"),
        ("HTML", "<script>INJECTED</script>"),
        ("SQL", "'; drop table payout; -- INJECTED"),
        ("40 characters", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("a card", "4111 1111 1111 1111"),
        ("a lira of characters", "\\ud83c\\udffb"),
    ];
    let long = format!("\"{}\"", "a".repeat(60_000));
    let mut cases = Vec::new();
    for field in ["name", "concept"] {
        for (name, text) in wrong {
            let body = json(account, &[(field, &format!("\"{text}\""))]).into_bytes();
            // A text of half a surrogate is no text: JSON itself refuses it.
            let statuses: &[u16] = if name == "half a surrogate" {
                &[400, 422]
            } else {
                &[422]
            };
            cases.push(case(format!("{field}: {name}"), Sent::Body(body), statuses));
        }
        for (name, raw) in [
            ("a number", "7"),
            ("true", "true"),
            ("a list", "[\"Ana\"]"),
            ("60,000 characters", &long),
        ] {
            let body = json(account, &[(field, raw)]).into_bytes();
            cases.push(case(format!("{field}: {name}"), Sent::Body(body), &[422]));
        }
    }
    cases
}

/// Values that are none, field by field, as JSON text between semicolons.
const VALUES: [(&str, &str); 6] = [
    (
        "amount",
        r#"0; -0; -1; 0.001; 0.30000000000000004; 1.0; 1e2; 1E2; 1e309; -1e309; 9223372036854775807; 9223372036854775808;
           -9223372036854775809; 99999999999999999999999999; "9223372036854775808"; null; true; ""; "1,000.00"; "1e2";
           "007"; "+5"; " 5"; "0x10"; "NaN"; "Infinity"; "１００"; "١٠٠"; "1_000"; {}; [100]; "5|INJECTED""#,
    ),
    (
        "clabe",
        r#""01218000464305124"; "0121800046430512490"; "012180004643051248"; "01218000464305124O"; "０12180004643051249";
           "012 180 00464305124 9"; " 012180004643051249"; "999180004643051244"; "000000000000000000"; "4152313324567890"; "4111111111111111";
           "378282246310005"; "5512345678"; "+525512345678"; 12180004643051249; null; ""; "012180004643051249|INJECTED";
           "012180004643051249\u0000""#,
    ),
    ("currency", r#""USD"; "mxn"; "MXN "; 484; null; "MXN|INJECTED""#),
    (
        "reference",
        r#"0; -1; 10000000; "10000000"; 1.5; 1e3; "abc"; null; "7\r\nINJECTED"; "７""#,
    ),
    (
        "tax_id",
        r#""X"; "TOAA800101AB\u0000"; "TOAA800101AB1X"; "TOAA80010"; "TOAA801301AB1"; "TOAA|00101AB1"; "ＴOAA800101AB1";
           "😀😀😀😀😀😀😀😀😀😀😀😀"; 7; "TOAA800101HDFRRN0""#,
    ),
    (
        "account",
        r#""acc_1"; ""; null; 7; "po_00000000000000000000000000000000"; "../../etc/passwd"; "acc_' or '1'='1";
           "acc_0000000000000000000000000000000\u0000"; "ACC_INJECTED""#,
    ),
];
/// What is no JSON number.
const NUMBERS: &str = "NaN; Infinity; 007; +5; .5; 5.; 0x10; 1_000; １００";
/// Fields that a request does not have.
const FIELDS: &str = "state; caller; tenant_id; fee; id; tracking_key; __proto__; INJECTED\\r\\nx";
/// Paths that name nothing.
const PATHS: &str = "/v1/payouts/../../etc/passwd; /v1/payouts/..%2f..%2fetc%2fpasswd; /v1/payouts/%2e%2e; \
    /v1/payouts/po_%00; /v1/payouts/po_%0d%0aINJECTED; /v1/payouts/'%20or%201=1--INJECTED; /v1/payouts/%ff%fe; \
    /v1/payouts/po_1; /v1/payouts/PO_00000000000000000000000000000000; /v1/accounts/acc_..%2fpo_1; \
    /v1/accounts//movements; //v1/banks; /v1/banks/; /V1/banks; /v1/banks%00; /.env; /INJECTED; \
    /webhooks/stp/test-secret/status";

fn each(list: &str) -> impl Iterator<Item = &str> {
    list.split(';').map(str::trim)
}

fn values(account: &str) -> Vec<Case> {
    let with = |name: String, place: &str, raw: &str, statuses| {
        case(name, Sent::Body(json(account, &[(place, raw)]).into_bytes()), statuses)
    };
    let values = VALUES
        .iter()
        .flat_map(|(field, raws)| each(raws).map(move |raw| (*field, raw)));
    let mut cases: Vec<Case> = values
        .map(|(field, raw)| with(format!("{field}: {raw}"), field, raw, &[422]))
        .collect();
    cases.extend(each(NUMBERS).map(|raw| with(format!("amount: {raw}"), "amount", raw, &[400])));
    for place in ["more", "inner"] {
        let unknown = |field| {
            with(
                format!("unknown field {field}"),
                place,
                &format!(",\"{field}\":\"settled\""),
                &[422],
            )
        };
        cases.extend(each(FIELDS).map(unknown));
    }
    cases
}

/// HTTP itself, bent.
fn protocol() -> Vec<Case> {
    let raw = |name: &str, text: &str, statuses| case(name, Sent::Bytes(text.as_bytes().to_vec()), statuses);
    let post = |more: &str, rest: &str| {
        format!(
            "POST /v1/payouts HTTP/1.1\r\nhost: giro\r\nidempotency-key: smuggled\r\ncontent-type: application/json\r\n{more}\r\n{rest}"
        )
    };
    let method = |name: &str, path: &str| format!("{name} {path} HTTP/1.1\r\nhost: giro\r\nconnection: close\r\n\r\n");
    let inner = "GET /v1/banks HTTP/1.1\r\nhost: giro\r\nconnection: close\r\n\r\n";
    let mut cases = vec![
        raw("100 MB declared", &post("content-length: 104857600\r\n", "{"), &[413]),
        raw(
            "a length past u64",
            &post("content-length: 99999999999999999999\r\n", ""),
            &[400],
        ),
        raw("a length below zero", &post("content-length: -1\r\n", ""), &[400]),
        raw("a length with a plus", &post("content-length: +2\r\n", "{}"), &[400]),
        raw(
            "two lengths",
            &post("content-length: 2\r\ncontent-length: 3\r\n", "{}x"),
            &[400],
        ),
        raw(
            "length, then chunks",
            &post(
                "content-length: 6\r\ntransfer-encoding: chunked\r\n",
                &format!("0\r\n\r\n{inner}"),
            ),
            &[400],
        ),
        raw(
            "chunks, then length",
            &post(
                "transfer-encoding: chunked\r\ncontent-length: 6\r\n",
                &format!("0\r\n\r\n{inner}"),
            ),
            &[400],
        ),
        raw(
            "a coding that is none",
            &post("transfer-encoding: xchunked\r\n", &format!("0\r\n\r\n{inner}")),
            &[400],
        ),
        raw(
            "chunks that are coded",
            &post("transfer-encoding: chunked, gzip\r\n", &format!("0\r\n\r\n{inner}")),
            &[400],
        ),
        raw(
            "a chunk of no size",
            &post("transfer-encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
            &[400],
        ),
        raw(
            "chunks in HTTP/1.0",
            &post("transfer-encoding: chunked\r\n", "0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
            &[400],
        ),
        raw("no HTTP", "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n", &[400]),
        raw("HTTP/9", "GET / HTTP/9.9\r\n\r\n", &[400]),
        raw(
            "a path of 20 KiB",
            &method("GET", &format!("/{}", "a".repeat(20_000))),
            &[414, 431],
        ),
        raw("a path with a NUL", &method("GET", "/v1/payouts/po_\0"), &[400]),
        raw("OPTIONS", &method("OPTIONS", "/v1/payouts"), &[405]),
        raw("OPTIONS *", &method("OPTIONS", "*"), &[400, 404, 405]),
        raw("TRACE", &method("TRACE", "/v1/payouts"), &[405]),
        raw("CONNECT", &method("CONNECT", "bank:443"), &[400, 404, 405]),
        raw("a method of its own", &method("INJECTED", "/v1/payouts"), &[405]),
        raw(
            "method override",
            &method("GET", "/v1/payouts/po_00000000000000000000000000000000/cancel").replacen(
                "\r\n",
                "\r\nx-http-method-override: POST\r\n",
                1,
            ),
            &[405],
        ),
        raw(
            "method override by query",
            &method(
                "GET",
                "/v1/payouts/po_00000000000000000000000000000000/cancel?_method=POST",
            ),
            &[405],
        ),
        raw(
            "HTTP/2 that ends at once",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense",
            &[0],
        ),
    ];
    for method_name in ["PUT", "PATCH", "DELETE"] {
        cases.push(raw(method_name, &method(method_name, "/v1/payouts"), &[405]));
    }
    cases.extend(each(PATHS).map(|path| raw(path, &method("GET", path), &[404])));
    cases
}

/// Rows of every table, and what is held.
async fn everything(books: &mut PgConnection) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query(
        r#"select table_name::text as name,
                  (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I', table_name), false, true, '')))[1]::text::bigint as n
           from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'
           union all select 'held', sum(held)::bigint from account
           order by 1"#,
    )
    .fetch_all(books)
    .await?;
    Ok(rows.iter().map(|row| (row.get("name"), row.get("n"))).collect())
}

async fn api_alone(name: &str) -> Result<Stack> {
    Stack::with(
        name,
        Setup {
            programs: &["api"],
            ..Setup::default()
        },
    )
    .await
}

/// What each case must leave: an answer in kind, no row, a free key.
async fn holds(stack: &Stack, books: &mut PgConnection, account: &str, n: usize, case: &Case) -> Result<()> {
    let key = format!("case-{n}");
    let before = everything(books).await?;
    let said = say(stack.ports["api"], &bytes(&key, &case.sent)).await?;
    ensure!(case.statuses.contains(&said.status), "answered {said:?}");
    ensure!(said.answers() <= 1, "two answers on one connection: {said:?}");
    // What the library refuses before there is a request has no body.
    let is_mute = said.body().is_empty()
        && (matches!(said.status, 0 | 414 | 431) || matches!(case.sent, Sent::Headers(..) | Sent::Bytes(_)));
    if !is_mute {
        said.is_a_problem()?;
    }
    for private in [PERSON, BENEFICIARY, MARK] {
        ensure!(!said.text.contains(private), "{private} is repeated: {said:?}");
    }
    ensure!(everything(books).await? == before, "something was written");
    let sound = say(
        stack.ports["api"],
        &bytes(&key, &Sent::Body(json(account, &[]).into_bytes())),
    )
    .await?;
    ensure!(sound.status == 201, "the key is not free: {sound:?}");
    Ok(())
}

#[tokio::test]
async fn whatever_is_malformed_writes_nothing_and_keeps_the_key_free() -> Result<()> {
    let stack = api_alone("bad_bodies").await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let cases = [
        bodies(&account),
        headers(&account),
        texts(&account),
        values(&account),
        protocol(),
    ];
    let mut wrong = Vec::new();
    for (n, case) in cases.into_iter().flatten().enumerate() {
        if let Err(error) = holds(&stack, &mut books, &account, n, &case).await {
            wrong.push(format!("{}: {error:#}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    let log = stack.log("api");
    for private in [
        PERSON,
        "Zacarias",
        BENEFICIARY,
        MARK,
        "test-secret",
        "passwd",
        "415231332456",
        "411111111111",
    ] {
        assert!(!log.contains(private), "{private} is in the log");
    }
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
    let sums = Books::connect(&stack.database).await?.sums().await?;
    assert_eq!((sums.held_drift, sums.difference, sums.drift, sums.gaps), (0, 0, 0, 0));
    Ok(())
}

/// A mistyped digit never reaches another person: the check digit finds every one.
#[tokio::test]
async fn every_single_digit_typo_of_a_clabe_is_refused() -> Result<()> {
    let stack = api_alone("typos").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let before = everything(&mut books).await?;
    let mut typos = 0;
    for place in 0..BENEFICIARY.len() {
        for digit in "0123456789".chars() {
            let mut clabe: Vec<char> = BENEFICIARY.chars().collect();
            if clabe[place] == digit {
                continue;
            }
            clabe[place] = digit;
            let mut body = request(&account, 100);
            body["beneficiary"]["clabe"] = clabe.iter().collect::<String>().into();
            let reply = stack.giro.post("/v1/payouts", "typo", &body).await?;
            assert_eq!(reply.status, 422, "{clabe:?}: {reply:?}");
            typos += 1;
        }
    }
    assert_eq!(typos, 18 * 9);
    assert_eq!(everything(&mut books).await?, before);
    let sound = stack.giro.post("/v1/payouts", "typo", &request(&account, 100)).await?;
    assert_eq!(sound.status, 201);
    Ok(())
}

/// The same name in two normal forms is one request; whatever a text means to a database or a log, it is a text.
#[tokio::test]
async fn a_text_is_a_text_however_it_is_written() -> Result<()> {
    let stack = api_alone("texts").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let named = |name: &str| {
        let mut body = request(&account, 100);
        body["beneficiary"]["name"] = name.into();
        body
    };
    let composed = stack
        .giro
        .post("/v1/payouts", "forms", &named("Jos\u{e9} Nu\u{f1}ez"))
        .await?;
    let decomposed = stack
        .giro
        .post("/v1/payouts", "forms", &named("Jose\u{301} Nun\u{303}ez"))
        .await?;
    assert_eq!((composed.status, decomposed.status), (201, 200), "{decomposed:?}");
    assert_eq!(composed.body["id"], decomposed.body["id"]);
    let other = stack.giro.post("/v1/payouts", "forms", &named("Jose Munoz")).await?;
    assert_eq!(other.status, 422, "{other:?}");
    // Every character of it is allowed, and a query that was built of texts would break on it.
    let inert = stack
        .giro
        .post("/v1/payouts", "inert", &named("O'Brien') or ('1' -- /#"))
        .await?;
    assert_eq!(inert.status, 201, "{inert:?}");
    let shown = stack.giro.payout(&text(&inert.body, "/id")?).await?;
    assert_eq!(shown["state"], "accepted");
    let mut books = PgConnection::connect(&stack.database).await?;
    let kept: i64 = sqlx::query_scalar("select count(*) from payout where beneficiary_name = $1")
        .bind("O'Brien') or ('1' -- /#")
        .fetch_one(&mut books)
        .await?;
    assert_eq!(kept, 1);
    assert!(!stack.log("api").contains("O'Brien"));
    Ok(())
}

/// A limit of a page, an id after which to go on: read strictly, and never as SQL.
#[tokio::test]
async fn a_query_is_read_strictly() -> Result<()> {
    let stack = api_alone("queries").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    const QUERIES: &str = "limit=0; limit=201; limit=-1; limit=1.5; limit=1e1; limit=%EF%BC%91; limit=; after=1; \
        after='--; after=%00; page=2; limit=5&unknown=INJECTED; limit=%ff";
    for query in each(QUERIES) {
        let reply = stack
            .giro
            .get(&format!("/v1/accounts/{account}/movements?{query}"))
            .await?;
        assert_eq!(reply.status, 422, "{query}: {reply:?}");
        assert!(!reply.body.to_string().contains(MARK), "{reply:?}");
    }
    Ok(())
}

/// Whoever sends slowly, or without end, is ended: in bounded time, and while others are served.
#[tokio::test]
async fn a_slow_sender_is_ended_and_disturbs_nobody() -> Result<()> {
    let stack = api_alone("slow").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let before = everything(&mut books).await?;
    let port = stack.ports["api"];
    let head = |length: &str| {
        format!(
            "POST /v1/payouts HTTP/1.1\r\nhost: giro\r\nidempotency-key: slow\r\ncontent-type: application/json\r\n{length}\r\n"
        )
    };
    let second = Duration::from_secs(1);
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    let begin = Instant::now();
    let headers = (0..50).map(|_| {
        dribble(
            port,
            b"POST /v1/payouts HTTP/1.1\r\nhost: giro\r\n",
            b"x-a: b\r\n".to_vec(),
            second,
        )
    });
    let preface = dribble(port, b"PRI * HTT", Vec::new(), second);
    let silent = say(port, b"");
    let (declared, chunked) = (head("content-length: 100\r\n"), head("transfer-encoding: chunked\r\n"));
    let body = dribble(port, declared.as_bytes(), b" ".to_vec(), second);
    let slow_chunks = dribble(port, chunked.as_bytes(), b"1\r\n \r\n".to_vec(), second);
    let endless = dribble(port, chunked.as_bytes(), chunk.into_bytes(), Duration::from_millis(1));
    let meanwhile = async {
        let reply = stack.giro.get(&format!("/v1/accounts/{account}")).await?;
        ensure!(reply.status == 200, "{reply:?}");
        anyhow::Ok(begin.elapsed())
    };
    let (headers, preface, silent, body, slow_chunks, endless, others) = tokio::try_join!(
        try_join_all(headers),
        preface,
        silent,
        body,
        slow_chunks,
        endless,
        meanwhile
    )?;
    let is_mute = |said: &Said| said.text.is_empty();
    assert!(
        headers.iter().all(is_mute) && is_mute(&preface) && is_mute(&silent),
        "{headers:?} {preface:?} {silent:?}"
    );
    for said in [body, slow_chunks] {
        assert_eq!(said.status, 408, "{said:?}");
        said.is_a_problem()?;
    }
    // An answer to somebody who still sends may be lost with the connection.
    assert!(matches!(endless.status, 413 | 0), "{endless:?}");
    assert!(others < PATIENCE, "others waited {others:?}");
    assert_eq!(everything(&mut books).await?, before);
    let sound = stack.giro.post("/v1/payouts", "slow", &request(&account, 100)).await?;
    assert_eq!(sound.status, 201, "the key is free: {sound:?}");
    Ok(())
}

/// A process that is asked by too many at once stays small: memory is bounded by its limits, not by who sends.
#[tokio::test]
async fn a_flood_of_large_bodies_leaves_memory_bounded() -> Result<()> {
    let stack = api_alone("flood").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let resident = || -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pid("api").context("runs")?))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    let before = resident()?;
    let mut huge = b"POST /v1/payouts HTTP/1.1\r\nhost: giro\r\nidempotency-key: flood\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..64 {
        huge.extend_from_slice(b"10000\r\n");
        huge.extend_from_slice(&[b' '; 0x10000]);
        huge.extend_from_slice(b"\r\n");
    }
    try_join_all((0..64).map(|_| say(stack.ports["api"], &huge))).await?;
    let grown = resident()?.saturating_sub(before);
    assert!(grown < 128 * 1024, "256 MB were sent, and {grown} kB were kept");
    let sound = stack.giro.post("/v1/payouts", "flood", &request(&account, 100)).await?;
    assert_eq!(sound.status, 201, "{sound:?}");
    Ok(())
}
