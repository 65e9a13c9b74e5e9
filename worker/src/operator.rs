//! The commands of an operator: prepare the books, pause and resume a bank, list its stray orders, make and revoke keys, set the clock of a test.

pub mod audit;
mod close;
pub mod finance;
pub mod keys;

use activities::ledger::{
    self, MIGRATIONS, Resumed,
    rows::PausedBy,
    strays::{self, Named},
};
use anyhow::Context;
use comfy_table::Table;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection, migrate::MigrateDatabase};
use workflows::domain::PayoutId;

use crate::config::{Config, Environment};

/// Makes the database when it is missing, and brings its schema up to date.
pub async fn migrate(config: &Config) -> anyhow::Result<String> {
    let url = config.database.url.expose_secret();
    if !sqlx::Postgres::database_exists(url)
        .await
        .context("database.url: the server does not answer")?
    {
        sqlx::Postgres::create_database(url)
            .await
            .context("database.url: the database cannot be made")?;
    }
    let mut connection = PgConnection::connect(url).await?;
    MIGRATIONS
        .run(&mut connection)
        .await
        .context("the schema cannot be brought up to date")?;
    ledger::set_environment(&mut connection, config.environment == Environment::Production).await.context(
        "production refuses a clock that is ahead: run `giro clock --offset 0` with environment = \"development\" first",
    )?;
    Ok(format!(
        "the schema is at version {}",
        MIGRATIONS.iter().map(|step| step.version).max().unwrap_or_default()
    ))
}

/// Moves the time of the books; a test's tool, refused in production.
pub async fn clock(config: &Config, offset_seconds: i64) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(config.database.url.expose_secret()).await?;
    ledger::set_clock(&mut connection, offset_seconds)
        .await
        .context("the clock was not set (production refuses one that is ahead)")?;
    Ok(format!("giro_now() is {offset_seconds} s ahead of the system"))
}

/// Stops sending through a bank. Asking and ending go on.
pub async fn pause(config: &Config, bank: &str, reason: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(config.database.url.expose_secret()).await?;
    let done = ledger::pause(&mut connection, bank, reason).await?;
    anyhow::ensure!(done, "no bank is called {bank:?}: `GET /v1/banks` lists them");
    Ok(format!(
        "{bank} is paused: nothing is sent; resume it with `giro bank resume {bank} --reason …`"
    ))
}

/// Allows sending through a bank again, by lifting the pause that began at `since`. Without it, a pause by people or by
/// configuration is lifted as it stands; an alarm must be named, so that a command repeated never lifts a newer one.
pub async fn resume(config: &Config, bank: &str, since: Option<Timestamp>, reason: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(config.database.url.expose_secret()).await?;
    let mut resumed = ledger::resume(&mut connection, bank, since, reason).await?;
    if let (Resumed::Other(stands), None) = (&resumed, since)
        && !stands.paused_by.is_some_and(PausedBy::is_alarm)
    {
        let stands = stands.paused_at;
        resumed = ledger::resume(&mut connection, bank, stands, reason).await?;
    }
    match resumed {
        Resumed::Done => Ok(format!("{bank} is resumed")),
        Resumed::Unknown => anyhow::bail!("no bank is called {bank:?}: `GET /v1/banks` lists them"),
        Resumed::Other(row) => {
            let by = row.paused_by.map_or("somebody", PausedBy::word);
            let since = row.paused_at.map(|at| at.to_string()).unwrap_or_default();
            let why = row.pause_reason.unwrap_or_default();
            anyhow::bail!(
                "another pause stands, by {by} since {since}: {why}. Nothing was done; once its cause is mended: `giro bank resume {bank} --since {since} --reason …`"
            )
        }
    }
}

/// The orders that a bank has under our name and the books could not explain.
pub async fn strays(config: &Config, bank: &str) -> anyhow::Result<String> {
    let mut connection = PgConnection::connect(config.database.url.expose_secret()).await?;
    let rows = strays::list(&mut connection, bank).await?;
    if rows.is_empty() {
        return Ok(format!("{bank} has no order that the books could not explain"));
    }
    let mut table = Table::new();
    table.set_header([
        "tracking key",
        "bank's reference",
        "operating date",
        "MXN",
        "CLABE",
        "bank says",
        "why",
        "first seen (UTC)",
        "waits, and may be the same payment",
    ]);
    let text = |value: Option<String>| value.unwrap_or_else(|| "does not read".to_owned());
    for Named { stray: row, alike } in rows {
        table.add_row([
            row.tracking_key,
            row.bank_ref,
            text(row.operating_date.map(|date| date.to_string())),
            text(row.amount.map(|amount| amount.decimal())),
            text(row.clabe_last4.map(|last4| format!("****{last4}"))),
            row.said,
            row.reason,
            row.first_seen.strftime("%Y-%m-%d %H:%M").to_string(),
            alike.iter().map(PayoutId::to_string).collect::<Vec<_>>().join("\n"),
        ]);
    }
    Ok(table.to_string())
}
