//! `giro key`: makes, lists and revokes the keys of callers, on the database only.

use activities::{
    keys::{self, Listed, NewKey, Revoked, Scope},
    ledger::core::hex,
};
use anyhow::Context;
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use comfy_table::Table;
use jiff::{Span, SpanRelativeTo, Timestamp};
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};

use workflows::GIRO;

use crate::config::{Config, check::is_name};

/// What a new key is made of, as an operator writes it.
#[derive(Clone, Debug, clap::Args)]
pub struct Create {
    /// Whom requests with the key act for; a caller owns its payouts, accounts and idempotency keys.
    #[arg(long)]
    caller: String,
    /// What people call the key, such as "payments production".
    #[arg(long)]
    name: String,
    /// What the key allows: read (look at its own), pay (ask for payouts and accounts; implies read), operate (see and
    /// unstick every caller's payouts; implies read), admin (pause and resume banks; implies operate, not pay).
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<Scope>,
    /// How long it lives, such as 90d or 12h; without it, until it is revoked.
    #[arg(long, value_parser = seconds)]
    expires: Option<i64>,
    /// Who makes it, for whoever asks later.
    #[arg(long, env = "USER", hide_env_values = true, default_value = "unknown")]
    by: String,
}

/// How a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Makes a key and answers its text, which nobody can read again; what people should know goes to stderr.
pub async fn create(config: &Config, asked: Create) -> anyhow::Result<String> {
    anyhow::ensure!(
        is_name(&asked.caller),
        "--caller: write 1 to 64 letters, digits, dots, dashes or underscores"
    );
    anyhow::ensure!(
        asked.caller != GIRO,
        "--caller: {GIRO} is giro itself, which sends deposits back; write another name"
    );
    for (flag, text) in [("--name", &asked.name), ("--by", &asked.by)] {
        let is_line = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        anyhow::ensure!(is_line, "{flag}: write one line of 1 to 100 characters");
    }
    let (mut id, mut secret) = ([0; 6], [0; 32]);
    rand::fill(&mut id)
        .and_then(|()| rand::fill(&mut secret))
        .ok()
        .context("no random numbers")?;
    let (id, secret) = (hex(&id), hex(&secret));
    let mut scopes = asked.scopes;
    scopes.sort_unstable();
    scopes.dedup();
    let key = NewKey {
        id,
        caller: asked.caller,
        label: asked.name,
        secret_sha256: digest(&SHA256, secret.as_bytes()).as_ref().try_into()?,
        scopes,
        created_by: asked.by,
        seconds: asked.expires,
    };
    keys::create(&mut connect(config).await?, &key)
        .await
        .context("the key was not made: `giro key` needs the owner of the schema, as `giro migrate` does")?;
    let words: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
    eprintln!(
        "key {} for {}: {}. It is shown once, on standard output; send it as `Authorization: Bearer giro_...`. \
         `giro api` takes it within 3 seconds, and from the first key on refuses every request without one.",
        key.id,
        key.caller,
        words.join(", ")
    );
    Ok(format!("giro_{}_{secret}", key.id))
}

/// Every key that ever was, without its secret.
pub async fn list(config: &Config, output: Output) -> anyhow::Result<String> {
    let rows = keys::list(&mut connect(config).await?).await?;
    Ok(match output {
        Output::Json => serde_json::to_string_pretty(&rows)?,
        Output::Table if rows.is_empty() => {
            "no key was ever made: requests on loopback need none; make one with `giro key create`".to_owned()
        }
        Output::Table => table(&rows),
    })
}

fn table(rows: &[Listed]) -> String {
    let mut table = Table::new();
    table.set_header([
        "id",
        "caller",
        "name",
        "scopes",
        "state",
        "made (UTC)",
        "by",
        "ends",
        "last used",
    ]);
    for row in rows {
        let scopes: Vec<&str> = row.scopes.iter().map(|scope| scope.word()).collect();
        let ends = row.revoked_at.or(row.expires_at);
        table.add_row([
            row.id.clone(),
            row.caller.clone(),
            row.label.clone(),
            scopes.join(","),
            row.state.clone(),
            minute(Some(row.created_at), ""),
            row.created_by.clone(),
            minute(ends, "never"),
            minute(row.last_used_at, "never"),
        ]);
    }
    table.to_string()
}

fn minute(at: Option<Timestamp>, none: &str) -> String {
    at.map_or_else(|| none.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

/// Ends a key for good; to do it twice is no fault.
pub async fn revoke(config: &Config, id: &str) -> anyhow::Result<String> {
    // What was written may be a whole key: it is not repeated.
    match keys::revoke(&mut connect(config).await?, id).await? {
        Revoked::Now => Ok(format!(
            "{id} is revoked: requests with it are refused within 3 seconds"
        )),
        Revoked::Before => Ok(format!("{id} was revoked before")),
        Revoked::Unknown => anyhow::bail!("there is no such key: write the 12 digits that `giro key list` shows as id"),
    }
}

async fn connect(config: &Config) -> anyhow::Result<PgConnection> {
    PgConnection::connect(config.database.url.expose_secret())
        .await
        .context("database.url: the database does not answer")
}

/// Seconds of a span such as 90d; a day is 24 hours.
fn seconds(text: &str) -> Result<i64, String> {
    const LONGEST: i64 = 10 * 366 * 24 * 3600;
    let wrong = || "write a time such as 90d or 12h, of one minute or more and ten years at most".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let seconds = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?
        .as_secs();
    (60..=LONGEST).contains(&seconds).then_some(seconds).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_written_in_days_or_hours() {
        assert_eq!(seconds("90d"), Ok(90 * 24 * 3600));
        assert_eq!(seconds("12h"), Ok(12 * 3600));
        for text in ["", "90", "-1d", "0d", "30s", "1 month", "11y", "99999d", "soon"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
