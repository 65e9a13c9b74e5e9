//! Layers, strictness and secrecy of the configuration.

use std::{collections::HashMap, io::Write, path::PathBuf};

use super::*;

/// As the launcher writes it.
const LAUNCHER: &str = r#"
environment = "development"
[database]
url = "postgres://giro:hunter2@127.0.0.1:55432/giro"
[temporal]
address = "http://127.0.0.1:7233"
namespace = "default"
task_queue = "giro"
[api]
listen = "127.0.0.1:8080"
ui = ""
[webhooks]
listen = "127.0.0.1:8081"
secret = "dev-secret"
[fee]
centavos = 500
[deadlines]
accepted_seconds = 20
sending_seconds = 12
sent_seconds = 60
[stp]
company = "GIRO"
orders_url = "http://127.0.0.1:7024/speiws/rest"
queries_url = "http://127.0.0.1:7024/efws/API"
key_file = "/tmp/stp-key.pem"
key_passphrase = "giro-dev"
"#;

struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn file(text: &str) -> Temporary {
    let path = env::temp_dir().join(format!("giro-config-{}.toml", uuid::Uuid::now_v7().simple()));
    let mut file = std::fs::File::create_new(&path).expect("a temporary file");
    file.write_all(text.as_bytes()).expect("a temporary file");
    Temporary(path)
}

fn read(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
    let file = file(text);
    let variables = variables
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    Config::read(Some(&file.0), variables)
}

fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    read(text, variables).expect("reads").check().expect_err("is refused")
}

#[test]
fn the_defaults_stand_alone() {
    let config = Config::read(None, HashMap::new()).expect("reads");
    assert_eq!(config.check(), Ok(()));
    assert_eq!(charged(&config, "2026-12-31"), Some((Centavos::ZERO, Centavos::ZERO)));
    assert!(config.stp.is_none() && config.webhooks.secret.is_none() && config.api.direct_start_caller.is_none());
    assert!(config.catalogue().is_ok());
    let rules = config.rules(config.bank_calendar().expect("compiled in"));
    assert_eq!(rules.horizon, SignedDuration::from_secs(120));
}

#[test]
fn the_file_of_the_launcher_is_taken() {
    let config = read(LAUNCHER, &[]).expect("reads");
    assert_eq!(config.check(), Ok(()));
    assert_eq!(
        charged(&config, "2026-12-31"),
        Some((Centavos::new(500), Centavos::new(80)))
    );
    assert_eq!(config.deadlines.sending_seconds, 12);
    assert_eq!(config.api.ui(), None, "an empty address is none");
    assert!(config.stp.is_some_and(|stp| stp.refuses_repeated_keys));
}

#[test]
fn the_environment_has_the_last_word_and_keeps_text_as_it_is() {
    let variables = [
        ("GIRO__DATABASE__CONNECTIONS", "4"),
        ("GIRO__API__UI", "http://ui.local/"),
        ("GIRO__STP__KEY_PASSPHRASE", "007"),
        ("GIRO__INSTITUTIONS__DEMO", "true"),
        ("GIRO_API", "http://127.0.0.1:1"),
    ];
    let config = read(LAUNCHER, &variables).expect("reads");
    assert_eq!(
        (config.database.connections, config.api.ui()),
        (4, Some("http://ui.local"))
    );
    assert!(config.institutions.demo);
    let passphrase = config.stp.expect("configured").key_passphrase;
    assert_eq!(secrecy::ExposeSecret::expose_secret(&passphrase), "007");
}

#[test]
fn who_may_call_is_a_list_or_words_with_commas() {
    let allows = |text: &str, variables: &[(&str, &str)], address: &str| {
        let config = read(text, variables).expect("reads");
        config.webhooks.allows(address.parse().expect("an address"))
    };
    assert!(allows("", &[], "203.0.113.9"), "nobody named is anybody");
    let list = "[webhooks]\nallow = [\"192.0.2.7\", \"198.51.100.0/24\"]";
    assert!(allows(list, &[], "198.51.100.9") && !allows(list, &[], "203.0.113.9"));
    let variable = [("GIRO__WEBHOOKS__ALLOW", "192.0.2.7, 198.51.100.0/24")];
    assert!(allows("", &variable, "192.0.2.7") && !allows("", &variable, "192.0.2.8"));
}

/// Fee and IVA of a payout that is accepted for an operating date.
fn charged(config: &Config, on: &str) -> Option<(Centavos, Centavos)> {
    let fees = config.fee.fees().expect("in order");
    fees.charge(on.parse().expect("a day"))
}

#[test]
fn a_price_changes_on_its_day() {
    let text = "[fee]\ncentavos = 500\nchanges = [{ from = \"2027-01-01\", centavos = 600, iva_basis_points = 800 }]";
    let config = read(text, &[]).expect("reads");
    assert_eq!(
        charged(&config, "2026-12-31"),
        Some((Centavos::new(500), Centavos::new(80)))
    );
    assert_eq!(
        charged(&config, "2027-01-01"),
        Some((Centavos::new(600), Centavos::new(48)))
    );
    let twice = text.replace(
        " }]",
        " }, { from = \"2027-01-01\", centavos = -1, iva_basis_points = 0 }]",
    );
    let told = format!("{:?}", faults(&twice, &[]));
    for key in [
        "fee.changes[1].centavos",
        "fee.changes: write them in the order of time",
    ] {
        assert!(told.contains(key), "{key} in {told}");
    }
}

#[test]
fn a_wrong_key_or_value_is_named_with_its_place() {
    for (text, variables, words) in [
        ("[fee]\ncents = 1", &[][..], &["cents", ".toml"][..]),
        ("[fee]\ncentavos = 5.7", &[], &["fee.centavos", "whole number"]),
        ("[fee]\ncentavos = true", &[], &["fee.centavos"]),
        (
            "[fee]\niva_basis_points = 70000",
            &[],
            &["fee.iva_basis_points", "out of range"],
        ),
        (
            "[deadlines]\nsent_seconds = -1",
            &[],
            &["deadlines.sent_seconds", "out of range"],
        ),
        ("environment = \"staging\"", &[], &["environment", "development"]),
        ("[api]\nlisten = \"localhost\"", &[], &["api.listen"]),
        (
            "[webhooks]\nallow = [\"bank\"]",
            &[],
            &["webhooks.allow", "192.0.2.0/24"],
        ),
        ("", &[("GIRO__FEE__CENTAVOS", "yes")], &["fee.centavos"]),
        ("", &[("GIRO__FEE__CENTS", "1")], &["cents"]),
        ("[fee", &[], &[".toml", "line 1"]),
    ] {
        let error = read(text, variables).expect_err("is refused").to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?} in {error}");
    }
    let error = Config::read(Some(Path::new("/no/such.toml")), HashMap::new()).expect_err("is refused");
    assert!(error.to_string().contains("/no/such.toml"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", read(LAUNCHER, &[]).expect("reads"));
    for secret in ["hunter2", "dev-secret", "giro-dev"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let error = read("[stp]\nkey_passphrase = \"hunter2\n", &[]).expect_err("is refused");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn every_fault_is_told_at_once() {
    let text = "[database]\nurl = \"mysql://x\"\n[fee]\niva_basis_points = 10001\n[deadlines]\nsent_seconds = 0\n\
                [rules]\nfence_seconds = 9\nmargin_seconds = 9\n[temporal]\naddress = \"nowhere\"\n\
                [api]\nui = \"javascript:x\"\ncaller = \"\"\nconnections = 1\nheader_seconds = 0\nheader_limit_bytes = 10\n\
                [webhooks]\nlisten = \"127.0.0.1:8080\"\nsecret = \"a/b\"\nbasic_user = \"a:b\"\nbody_limit_bytes = 1\nper_second = 0\n\
                [relay]\nsweep_seconds = 21";
    let faults = faults(text, &[]);
    for key in [
        "relay.sweep_seconds",
        "database.url",
        "fee.iva_basis_points",
        "deadlines.sent_seconds",
        "rules.fence_seconds",
        "rules.margin_seconds",
        "temporal.address",
        "api.ui",
        "api.caller",
        "api.connections",
        "api.header_seconds",
        "api.header_limit_bytes",
        "webhooks.listen",
        "webhooks.secret",
        "webhooks.basic_user",
        "webhooks.basic_password",
        "webhooks.body_limit_bytes",
        "webhooks.per_second",
    ] {
        assert!(
            faults.iter().any(|fault| fault.starts_with(key)),
            "{key} in {faults:#?}"
        );
    }
}

#[test]
fn production_refuses_what_is_for_trying_things_out() {
    let faults = faults(
        LAUNCHER,
        &[
            ("GIRO__ENVIRONMENT", "production"),
            ("GIRO__INSTITUTIONS__DEMO", "true"),
            ("GIRO__RULES__HORIZON_SECONDS", "10"),
            ("GIRO__WEBHOOKS__BASIC_USER", "stp"),
            ("GIRO__WEBHOOKS__BASIC_PASSWORD", "short"),
        ],
    );
    for key in [
        "webhooks.secret",
        "webhooks.basic_password",
        "institutions.demo",
        "rules.horizon_seconds",
        "stp.orders_url",
        "stp.queries_url",
    ] {
        assert!(
            faults.iter().any(|fault| fault.starts_with(key)),
            "{key} in {faults:#?}"
        );
    }
}

#[test]
fn metrics_have_an_address_each_or_none() {
    let config = read("[metrics]\napi = \"\"", &[("GIRO__METRICS__SDK", "0.0.0.0:9100")]).expect("reads");
    assert_eq!(config.check(), Ok(()));
    assert!(config.metrics.api.is_none() && config.metrics.relay.is_some());
    let error = read("[metrics]\nrelay = \"9466\"", &[])
        .expect_err("is refused")
        .to_string();
    assert!(
        error.contains("metrics.relay") && error.contains("127.0.0.1:9464"),
        "{error}"
    );
    let text = "[metrics]\napi = \"127.0.0.1:8080\"\nsdk = \"127.0.0.1:9465\"\nbooks_seconds = 0";
    let faults = faults(text, &[]);
    for key in [
        "metrics.api: api.listen",
        "metrics.sdk: metrics.worker",
        "metrics.books_seconds",
    ] {
        assert!(
            faults.iter().any(|fault| fault.starts_with(key)),
            "{key} in {faults:#?}"
        );
    }
}
