//! `giro.toml` of a stack.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use dev::parts::free_port;

use super::Setup;
use crate::keys;

/// Where the programs of a measured stack answer `GET /metrics`.
#[derive(Clone, Copy, Debug)]
pub struct Scraped {
    pub api: u16,
    pub worker: u16,
    pub relay: u16,
    pub sdk: u16,
}

/// A port for each.
pub(super) fn scraped() -> Result<Scraped> {
    Ok(Scraped {
        api: free_port()?,
        worker: free_port()?,
        relay: free_port()?,
        sdk: free_port()?,
    })
}

/// `[metrics]` of `giro.toml`.
pub(super) fn metrics(scraped: Option<Scraped>) -> String {
    let Some(Scraped {
        api,
        worker,
        relay,
        sdk,
    }) = scraped
    else {
        return "[metrics]\napi = \"\"\nworker = \"\"\nrelay = \"\"\naudit = \"\"\nsdk = \"\"\n".to_owned();
    };
    [("api", api), ("worker", worker), ("relay", relay), ("sdk", sdk)]
        .iter()
        .fold("[metrics]\nbooks_seconds = 1\n".to_owned(), |text, (key, port)| {
            text + &format!("{key} = \"127.0.0.1:{port}\"\n")
        })
}

/// The text of `giro.toml`.
pub(super) fn settings(setup: &Setup, values: &[&str; 5], (api, webhooks): (u16, u16)) -> Result<String> {
    let [database, temporal, queue, bank, key] = values;
    let section = |name: &str| {
        setup
            .more
            .iter()
            .filter(|(of, _)| *of == name)
            .map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let mut text = String::new();
    write!(
        text,
        r#"environment = "development"
[database]
url = "{database}"
connections = 8
[temporal]
address = "{temporal}"
namespace = "default"
task_queue = "{queue}"
[api]
listen = "127.0.0.1:{api}"
{api_more}[webhooks]
listen = "127.0.0.1:{webhooks}"
secret = "test-secret"
{webhooks_more}[fee]
centavos = 500
{fee_more}[received]
pull_seconds = 1
[deadlines]
accepted_seconds = 5
sending_seconds = {sending}
sent_seconds = 30
[rules]
horizon_seconds = 2
question_gap_seconds = 1
[relay]
sweep_seconds = 1
[banxico]
portal = "{bank}/cep"
every_seconds = 1
[stp]
company = "GIRO"
orders_url = "{bank}/speiws/rest"
queries_url = "{bank}/efws/API"
key_file = "{key}"
key_passphrase = "{passphrase}"
refuses_repeated_keys = {dedupes}
{stp_more}"#,
        api_more = section("api"),
        webhooks_more = section("webhooks"),
        fee_more = section("fee"),
        stp_more = section("stp"),
        sending = setup.sending_seconds,
        dedupes = setup.dedupes,
        passphrase = keys::PASSPHRASE,
    )
    .context("settings")?;
    Ok(text)
}
