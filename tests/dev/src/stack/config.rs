//! The generated config file, and the addresses in it.

use std::path::Path;

/// Who listens where.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) database_url: String,
    pub(super) temporal: String,
    pub(super) temporal_ui: String,
    pub(super) api: u16,
    pub(super) webhooks: u16,
    pub(super) bank_sim: u16,
    pub(super) metrics: [u16; 4],
}

impl Addresses {
    pub(super) fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.api)
    }

    pub(super) fn bank_sim(&self) -> String {
        format!("http://127.0.0.1:{}", self.bank_sim)
    }

    pub(super) fn webhook(&self) -> String {
        format!("http://127.0.0.1:{}/webhooks/stp/dev-secret/status", self.webhooks)
    }

    /// Who answers `GET /metrics` where, by the keys of `[metrics]`.
    pub(super) fn metrics(&self) -> [(&'static str, u16); 4] {
        let [api, worker, relay, sdk] = self.metrics;
        [("api", api), ("worker", worker), ("relay", relay), ("sdk", sdk)]
    }

    /// The text of `giro.toml`: deadlines short enough to watch.
    pub(super) fn config(&self, key_file: &Path) -> String {
        let [url, temporal, ui] = [&self.database_url, &self.temporal, &self.temporal_ui].map(|text| quoted(text));
        let metrics = self
            .metrics()
            .map(|(key, port)| format!("{key} = \"127.0.0.1:{port}\""))
            .join("\n");
        let (key_file, bank, api, webhooks) = (
            quoted(&key_file.to_string_lossy()),
            self.bank_sim(),
            self.api,
            self.webhooks,
        );
        format!(
            r#"# Written anew by `cargo dev` at each start.
environment = "development"

[database]
url = {url}

[temporal]
address = {temporal}
namespace = "default"
task_queue = "giro"

[api]
listen = "127.0.0.1:{api}"
ui = {ui}

[webhooks]
listen = "127.0.0.1:{webhooks}"
secret = "dev-secret"

[fee]
centavos = 500

[deadlines]
accepted_seconds = 20
sending_seconds = 12
sent_seconds = 60

# Above the simulator's longest hiding place; a start on the books of an earlier one waits this long before it sends.
[rules]
horizon_seconds = 8

[banxico]
portal = "{bank}/cep"
every_seconds = 2

[stp]
company = "GIRO"
account = "646180157000000004"
orders_url = "{bank}/speiws/rest"
queries_url = "{bank}/efws/API"
key_file = {key_file}
key_passphrase = "giro-dev"

[metrics]
{metrics}
books_seconds = 2
"#
        )
    }
}

// A TOML basic string.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
