//! `giro finance`: what finance takes away (the trial balance, the general ledger, what is in flight), and the day close.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use comfy_table::{CellAlignment, Table};
use futures::StreamExt;
use jiff::civil::Date;
use secrecy::ExposeSecret;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use workflows::domain::Centavos;

use super::{audit::Outcome, close::Close, keys::Output};
use crate::config::Config;

/// What to take away.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Finance {
    /// Every account of the chart at the end of an operating date; exits 1 when debits and credits differ.
    TrialBalance {
        /// The operating date, such as 2026-11-30.
        #[arg(long, value_name = "DATE")]
        until: Date,
        /// For people or for programs; amounts of JSON are centavos.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// The general ledger of some operating dates as CSV on standard output: two lines a movement, amounts in centavos.
    Ledger {
        /// The first operating date.
        #[arg(long, value_name = "DATE")]
        from: Date,
        /// The last one.
        #[arg(long, value_name = "DATE")]
        to: Date,
    },
    /// What is held and has not ended, as CSV on standard output.
    InFlight,
    /// Close an operating date for good: what is booked for it later counts for the next one. Needs the owner of the schema.
    Close {
        /// The operating date, over and the next one to be closed.
        #[arg(long, value_name = "DATE")]
        date: Date,
        /// Who closes it.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Close it although a bank's statement of it differs or was not read, and why.
        #[arg(long, value_name = "REASON")]
        anyway: Option<String>,
    },
}

/// One account of the chart, in centavos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    code: i16,
    account_name: String,
    /// The side that it grows on: `debit` or `credit`.
    normal: String,
    debits: i64,
    credits: i64,
    /// On its normal side.
    balance: i64,
}

/// What there is to say, and what is wrong; CSV goes to standard output as it comes, and leaves nothing to say.
pub async fn run(config: &Config, finance: &Finance) -> anyhow::Result<Option<Outcome>> {
    let mut connection = PgConnection::connect(config.database.url.expose_secret())
        .await
        .context("database.url: the server does not answer")?;
    match finance {
        Finance::TrialBalance { until, output } => trial_balance(&mut connection, *until, *output).await.map(Some),
        Finance::Ledger { from, to } => {
            anyhow::ensure!(from <= to, "--from: write a day that is not after --to");
            let lines = format!(
                "select * from finance.ledger where operating_date between '{from}' and '{to}'
                 order by operating_date, movement, leg"
            );
            csv(&mut connection, &lines).await.map(|()| None)
        }
        Finance::Close { date, by, anyway } => {
            let calendar = config.bank_calendar()?;
            let close = Close {
                date: *date,
                by,
                anyway: anyway.as_deref(),
            };
            close.run(&mut connection, &calendar).await.map(Some)
        }
        Finance::InFlight => csv(&mut connection, "select * from finance.in_flight order by payout")
            .await
            .map(|()| None),
    }
}

async fn trial_balance(connection: &mut PgConnection, until: Date, output: Output) -> anyhow::Result<Outcome> {
    let lines = sqlx::query_as!(
        Line,
        r#"select code as "code!", account_name as "account_name!", normal as "normal!", debits as "debits!",
                  credits as "credits!", balance as "balance!"
           from finance.trial_balance(($1::text)::date)"#,
        until.to_string()
    )
    .fetch_all(&mut *connection)
    .await?;
    let sum = |side: fn(&Line) -> i64| lines.iter().map(|line| i128::from(side(line))).sum::<i128>();
    let (debits, credits) = (sum(|line| line.debits), sum(|line| line.credits));
    let apart = debits - credits;
    // Of all days: an account whose own totals are not its movements' is in no sum of legs.
    let drift = sqlx::query_scalar!(
        r#"select count(*) as "many!" from finance.accounts a
           left join (select account, sum(debit) as debits, sum(credit) as credits from finance.ledger group by account) l using (account)
           where a.debits <> coalesce(l.debits, 0) or a.credits <> coalesce(l.credits, 0)"#
    )
    .fetch_one(connection)
    .await?;
    let said = match output {
        Output::Json => serde_json::to_string_pretty(&lines)?,
        Output::Table => format!("{}\ndebits - credits: {apart}", table(&lines, until)),
    };
    let wrong = match (apart, drift) {
        (0, 0) => None,
        (0, many) => Some(format!(
            "{many} accounts have totals that are not their movements': `giro audit --full` names them"
        )),
        (apart, _) => Some(format!(
            "debits and credits differ by {apart} centavos: `giro audit --full` says where"
        )),
    };
    Ok(Outcome { said, wrong })
}

fn table(lines: &[Line], until: Date) -> Table {
    let money = |centavos: i64| Centavos::new(centavos).to_string();
    let mut table = Table::new();
    table.set_header([
        "code",
        &format!("account, until {until}"),
        "debits",
        "credits",
        "balance",
        "",
    ]);
    for line in lines {
        table.add_row([
            line.code.to_string(),
            line.account_name.clone(),
            money(line.debits),
            money(line.credits),
            money(line.balance),
            line.normal.clone(),
        ]);
    }
    for column in table.column_iter_mut().skip(2).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Rows as Postgres writes them, with a header, as they come: a year of them takes no memory here.
async fn csv(connection: &mut PgConnection, rows: &str) -> anyhow::Result<()> {
    let statement = format!("copy ({rows}) to stdout with (format csv, header)");
    let mut lines = connection.copy_out_raw(&statement).await?;
    let mut out = std::io::stdout().lock();
    while let Some(chunk) = lines.next().await {
        match out.write_all(&chunk?) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(out.flush()?)
}
