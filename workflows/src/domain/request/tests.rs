//! Requests that read, and a table of those that must not.

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;

use super::{super::FieldCode, *};

const TODAY: Date = date(2026, 4, 1);

fn good() -> Value {
    json!({
        "account": "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f",
        "amount": 123_450,
        "currency": "MXN",
        "beneficiary": {"clabe": "012180004643051249", "name": "José Núñez", "tax_id": "GODE561231GR8"},
        "concept": "Pago 1",
        "reference": 7,
    })
}

fn decoded(json: &str) -> Result<Order, Vec<FieldError>> {
    let institutions = Institutions::builtin().expect("the shipped catalogue reads");
    PayoutRequest::from_json(json.as_bytes())?.parse(&institutions, TODAY)
}

fn order(json: &str) -> Order {
    decoded(json).expect("a good request")
}

/// Each error as `pointer code`.
fn wrong(json: &str) -> Vec<String> {
    let errors = decoded(json).expect_err("a bad request");
    errors
        .iter()
        .map(|error| format!("{} {}", error.pointer, error.code))
        .collect()
}

/// The good request with the value at `pointer` replaced by JSON text.
fn with(pointer: &str, value: &str) -> String {
    let mut request = good();
    *request.pointer_mut(pointer).expect("a field") = json!("@@");
    request.to_string().replace("\"@@\"", value)
}

#[test]
fn a_good_request_becomes_an_order() {
    let order = order(&good().to_string());
    assert_eq!(order.amount, Centavos::new(123_450));
    assert_eq!(order.institution, InstitutionCode::new(40_012));
    assert_eq!(
        (order.name.as_str(), order.tax_id.as_str()),
        ("Jose Nunez", "GODE561231GR8")
    );
    let shown = format!(
        "{order:?} {:?}",
        PayoutRequest::from_json(good().to_string().as_bytes())
    );
    assert!(
        !shown.contains("Jos") && !shown.contains("01218") && shown.contains("****1249"),
        "{shown}"
    );
}

#[test]
fn the_hash_never_changes() {
    // Hashes live in the books beside idempotency keys: another form would refuse every repeat.
    let hex: String = order(&good().to_string())
        .hash("billing")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, "239a79559f22a59d6fd30fd490f35f13e798482bef038d38f6f3da7a75ff9d83");
}

#[test]
fn how_a_request_is_written_does_not_matter() {
    let first = order(&good().to_string());
    let same = r#" {"reference":"7", "concept" : " Pago  1","currency":"MXN","amount":"123450",
        "beneficiary":{"taxId":"gode561231gr8","name":"Jose\u0301 Nu\u0301n\u0303ez","clabe":"012180004643051249"},
        "account":"acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f"}"#;
    assert_eq!(order(same).hash("billing"), first.hash("billing"));
    assert_ne!(first.hash("billing"), first.hash("payroll"));
    let absent: Vec<_> = ["null", "\"\"", "\"ND\""]
        .iter()
        .map(|id| order(&with("/beneficiary/tax_id", id)).hash("billing"))
        .collect();
    assert!(absent.windows(2).all(|pair| pair[0] == pair[1]));
    for (pointer, value) in [
        ("/account", "\"acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e00\""),
        ("/amount", "123451"),
        ("/beneficiary/clabe", "\"002180032240946700\""),
        ("/beneficiary/name", "\"Jose\""),
        ("/beneficiary/tax_id", "null"),
        ("/concept", "\"Pago 2\""),
        ("/reference", "8"),
    ] {
        assert_ne!(
            order(&with(pointer, value)).hash("billing"),
            first.hash("billing"),
            "{pointer}"
        );
    }
}

#[test]
fn bad_values_are_named() {
    let long = format!("\"{}\"", "a".repeat(257));
    for (pointer, value, code) in [
        ("/account", "null", "required"),
        ("/account", "7", "wrong_type"),
        ("/account", "\"po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f\"", "invalid_id"),
        ("/account", "\"acc_../../etc/passwd\"", "invalid_id"),
        ("/amount", "null", "required"),
        ("/amount", "0", "out_of_range"),
        ("/amount", "-1", "out_of_range"),
        ("/amount", "\"-1\"", "out_of_range"),
        ("/amount", "0.001", "not_an_integer"),
        ("/amount", "12.5", "not_an_integer"),
        ("/amount", "1e2", "not_an_integer"),
        ("/amount", "100.0", "not_an_integer"),
        ("/amount", "-0", "not_an_integer"),
        ("/amount", "0.30000000000000004", "not_an_integer"),
        ("/amount", "1e309", "not_an_integer"),
        ("/amount", "\"1e2\"", "not_an_integer"),
        ("/amount", "\"1,000.00\"", "not_an_integer"),
        ("/amount", "\"007\"", "not_an_integer"),
        ("/amount", "\"+7\"", "not_an_integer"),
        ("/amount", "\" 7\"", "not_an_integer"),
        ("/amount", "\"-\"", "not_an_integer"),
        ("/amount", "\"NaN\"", "not_an_integer"),
        ("/amount", "\"１２\"", "not_an_integer"),
        ("/amount", "9223372036854775808", "out_of_range"),
        ("/amount", "\"9223372036854775808\"", "out_of_range"),
        ("/amount", "100000000000000", "out_of_range"),
        ("/amount", "99999999999999999999999", "not_an_integer"),
        ("/amount", "true", "wrong_type"),
        ("/amount", "[1]", "wrong_type"),
        ("/amount", "{}", "wrong_type"),
        ("/currency", "\"USD\"", "unsupported_currency"),
        ("/currency", "\"mxn\"", "unsupported_currency"),
        ("/currency", "null", "required"),
        ("/beneficiary", "null", "required"),
        ("/beneficiary", "\"Jose\"", "wrong_type"),
        ("/beneficiary", "[]", "wrong_type"),
        ("/beneficiary/clabe", "12180004643051249", "wrong_type"),
        ("/beneficiary/clabe", "\"01218000464305124\"", "length"),
        ("/beneficiary/clabe", "\"0121800046430512491\"", "length"),
        ("/beneficiary/clabe", "\"5512345678\"", "length"),
        (
            "/beneficiary/clabe",
            "\"０１２１８０００４６４３０５１２４９\"",
            "digits",
        ),
        ("/beneficiary/clabe", "\"072691004495711490\"", "check_digit"),
        ("/beneficiary/clabe", "\"4111111111111111\"", "card_number"),
        ("/beneficiary/clabe", "\"032180000118359719\"", "unknown_institution"),
        ("/beneficiary/clabe", "\"846180000400000001\"", "not_payable"),
        ("/beneficiary/name", "\"\"", "required"),
        ("/beneficiary/name", "\"  \"", "required"),
        ("/beneficiary/name", "\"J\u{43e}se\"", "character"),
        ("/beneficiary/name", "\"Jose\\u202e\"", "character"),
        ("/beneficiary/name", "\"Jose\\u0000\"", "character"),
        ("/beneficiary/name", "\"Robert'); DROP TABLE payouts;--\"", "character"),
        ("/beneficiary/tax_id", "\"XX\"", "tax_id"),
        ("/concept", "\"a|b\"", "character"),
        ("/concept", "\"a\\r\\nb\"", "character"),
        ("/concept", "\"\u{1f600}\"", "character"),
        ("/concept", "\"4111 1111 1111 1111\"", "card_number"),
        ("/concept", "\"0123456789012345678901234567890123456789\"", "too_long"),
        ("/concept", &long, "too_long"),
        ("/reference", "0", "out_of_range"),
        ("/reference", "10000000", "out_of_range"),
        ("/reference", "-1", "out_of_range"),
        ("/reference", "\"1|2\"", "not_an_integer"),
    ] {
        assert_eq!(
            wrong(&with(pointer, value)),
            [format!("{pointer} {code}")],
            "{pointer} {value}"
        );
    }
}

#[test]
fn bad_documents_are_named() {
    let good = good().to_string();
    let after_brace = |start: &str| good.replacen('{', start, 1);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (json, expected) in [
        ("", " invalid_json"),
        ("[]", " wrong_type"),
        ("\"Jose\"", " wrong_type"),
        ("{\"amount\":}", " invalid_json"),
        (&format!("{good}x"), " invalid_json"),
        (&format!("{good}{good}"), " invalid_json"),
        (&format!("\u{feff}{good}"), " invalid_json"),
        (&deep, " wrong_type"),
        (&after_brace("{\"tenant_id\":1,"), "/tenant_id unknown_field"),
        (&after_brace("{\"Jose Perez\":1,"), " unknown_field"),
        (&after_brace("{\"amount\":1,"), "/amount duplicate_field"),
        (&after_brace(&format!("{{\"note\":{deep},")), "/note unknown_field"),
        (&with("/concept", &deep), "/concept wrong_type"),
        (
            &good.replace("\"name\"", "\"clabe\""),
            "/beneficiary/clabe duplicate_field",
        ),
        (
            &good.replace("\"name\"", "\"taxId\""),
            "/beneficiary/tax_id duplicate_field",
        ),
        (
            &good.replace("\"name\"", "\"email\""),
            "/beneficiary/email unknown_field",
        ),
    ] {
        assert_eq!(wrong(json), [expected], "{:.80}", json);
    }
    for bytes in [b"\xff\xfe{\0}\0".as_slice(), b"{\"concept\":\"\xff\"}"] {
        assert_eq!(
            PayoutRequest::from_json(bytes).expect_err("no UTF-8")[0].code,
            FieldCode::NotUtf8
        );
    }
}

#[test]
fn all_errors_come_together() {
    assert_eq!(
        wrong(r#"{"amount":0,"beneficiary":{"clabe":"1"},"reference":1.5}"#),
        [
            "/account required",
            "/amount out_of_range",
            "/currency required",
            "/beneficiary/clabe length",
            "/beneficiary/name required",
            "/concept required",
            "/reference not_an_integer",
        ]
    );
}

#[test]
fn the_derived_decoder_is_as_strict() {
    // A direct workflow start decodes without from_json.
    let good = good().to_string();
    let same = serde_json::from_str::<PayoutRequest>(&good).expect("reads");
    assert_eq!(serde_json::to_string(&same).expect("writes").len(), good.len());
    assert!(serde_json::from_str::<PayoutRequest>(&good.replacen('{', "{\"x\":1,", 1)).is_err());
    assert!(serde_json::from_str::<PayoutRequest>(&good.replacen('{', "{\"amount\":1,", 1)).is_err());
}

fn account(json: &str) -> Result<OpenAccount, Vec<FieldError>> {
    AccountRequest::from_json(json.as_bytes())?.parse()
}

#[test]
fn accounts() {
    let plain = account(r#"{"clabe":"646180110400000007","holder_name":"GIRO SA de CV"}"#).expect("good");
    assert_eq!((plain.opening.clone(), plain.tax_id.is_unknown()), (None, true));
    let opened = account(
        r#"{"clabe":"646180110400000007","holderName":"GIRO SA de CV","taxId":"ND",
            "openingCredit":{"amount":"5000","reason":"Depósito  inicial"}}"#,
    )
    .expect("good");
    assert_eq!(
        opened.opening,
        Some((Centavos::new(5_000), "Deposito inicial".to_owned()))
    );
    assert_ne!(opened.hash("ops"), plain.hash("ops"));
    assert!(!format!("{opened:?}").contains("inicial"));
    let hex: String = opened.hash("ops").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "d22620f49bb26b3a9a0e21fcc82a20a610f8389bcfb33badd6f5cec17ce54d56");
    let errors = account(r#"{"clabe":"1","opening_credit":{"amount":0}}"#).expect_err("bad");
    let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/clabe",
            "/holder_name",
            "/opening_credit/amount",
            "/opening_credit/reason"
        ]
    );
    assert_eq!(
        account(r#"{"opening_credit":{"state":1}}"#).expect_err("bad")[0].pointer,
        "/opening_credit/state"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic_and_nothing_is_echoed(name in "\\PC{0,50}", clabe in "[0-9]{10,20}", amount in "\\PC{0,10}") {
        let mut request = good();
        request["beneficiary"] = json!({"name": name, "clabe": clabe});
        request["amount"] = json!(amount);
        for error in decoded(&request.to_string()).err().into_iter().flatten() {
            prop_assert!(!error.message.contains(&clabe));
            prop_assert!(name.chars().count() < 8 || !error.message.contains(&name));
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = (PayoutRequest::from_json(&bytes), AccountRequest::from_json(&bytes));
    }

    #[test]
    fn requests_with_other_values_hash_apart(one in 1..10_i64, other in 1..10_i64, text in "[a-z]{1,9}") {
        let hash = |amount: i64, concept: &str| {
            let mut request = good();
            request["amount"] = json!(amount);
            request["concept"] = json!(concept);
            order(&request.to_string()).hash("billing")
        };
        prop_assert_eq!(hash(one, &text) == hash(other, &text), one == other);
        prop_assert_ne!(hash(one, &text), hash(one, &format!("{text} 2")));
    }
}
