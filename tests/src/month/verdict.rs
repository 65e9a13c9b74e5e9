//! The end of a month: every closed day against its statement, the trial balance, and the bank's journal.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context, Result, ensure};
use jiff::{
    ToSpan,
    civil::{Date, time},
};
use serde_json::Value;
use sqlx::{Connection, PgConnection, Row};
use workflows::domain::{BankCalendar, Centavos};

use super::Month;

/// Days after the last one until every statement that proves something is closed.
const AFTER: u16 = 5;

/// What a month came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each closed day, as its newest reading has it.
    pub days: Vec<Closed>,
    /// Each account of the chart: code, what it is, debits and credits in centavos.
    pub trial: Vec<(i16, String, i64, i64)>,
    /// Payouts by state.
    pub states: BTreeMap<String, i64>,
    /// What was planted, and named on its day.
    pub named: usize,
}

/// One closed day.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The bank's day.
    pub date: Date,
    /// Orders on its statement, and those of them that the books have alike.
    pub orders: (i64, i64),
    /// What the bank says it paid, in centavos.
    pub paid: i64,
    /// Records of what came in, and their sum in centavos.
    pub received: (i64, i64),
    /// What differs, as it is named.
    pub differs: Vec<String>,
}

impl Month {
    /// Waits for what only later statements prove, and holds every day against them.
    pub(super) async fn judge(mut self) -> Result<Report> {
        let last = self.options.days;
        for n in last..last + AFTER {
            self.begins(n, time(12, 0, 0, 0)).await?;
            self.due(n).await?;
            self.reconcile().await?;
            self.resume().await?;
        }
        let mut books = self.books().await?;
        let sums = books.sums().await?;
        ensure!(sums.open == 0, "still open: {:#?}", books.open().await?);
        ensure!(sums.are_even(), "{sums:?}");
        // What was read while something was open is read again, and is over.
        self.at(last + AFTER, time(12, 0, 0, 0)).await?;
        self.reconcile().await?;
        if let Some(lost) = &self.lost {
            let proven = self.stack.giro.payout(lost).await?;
            ensure!(
                proven["state"] == "failed" && proven["evidence"] == "absent",
                "{proven}"
            );
        }
        for (account, due) in self.accounts.iter().zip(self.tally) {
            let has = self.stack.giro.get(&format!("/v1/accounts/{account}")).await?.body;
            ensure!(has["balances"]["available"] == due, "{account} must have {due}: {has}");
        }
        self.audited()?;
        let calendar = BankCalendar::builtin()?;
        let mut days = Vec::new();
        let mut date = self.options.from;
        while date < self.date(last) {
            if calendar.is_banking_day(date)? {
                let found = self.stack.giro.get(&format!("/v1/reconciliations/{date}")).await?.body;
                let day = found["data"].as_array().and_then(|all| all.first());
                days.push(self.closed(date, day.with_context(|| format!("{date} was never read: {found}"))?)?);
            }
            date = date.saturating_add(1.day());
        }
        let told = self.stack.giro.get("/v1/attention").await?.body;
        let causes = told["data"].as_array().into_iter().flatten();
        let differing = causes.filter(|cause| cause["cause"] == "day_differs");
        let many: u64 = differing.filter_map(|cause| cause["days"].as_u64()).sum();
        ensure!(
            usize::try_from(many)? == self.planted.len(),
            "people are told of {many} days: {told}"
        );
        let running = self.stack.giro.get("/v1/reconciliations/running").await?.body;
        ensure!(
            running["data"][0]["balance"]["apart"] == self.apart,
            "the bank must have {} more than the books: {running}",
            self.apart
        );
        let orders = self.stack.bank.orders().await?;
        let strange = books.against(&orders).await?;
        let planted: Vec<&String> = self.planted.values().flatten().collect();
        let unplanted = strange
            .iter()
            .filter(|line| !planted.iter().any(|key| line.starts_with(key.as_str())));
        let unplanted: Vec<&String> = unplanted.collect();
        ensure!(unplanted.is_empty(), "books and journal differ: {unplanted:#?}");
        let trial = self.trial().await?;
        let (debits, credits) = trial.iter().fold((0, 0), |sums, row| (sums.0 + row.2, sums.1 + row.3));
        ensure!(debits == credits, "the trial balance is off: {debits} and {credits}");
        Ok(Report {
            days,
            trial,
            states: books.states().await?,
            named: planted.len(),
        })
    }

    /// The auditor finds nothing but what was planted.
    fn audited(&self) -> Result<()> {
        let Err(found) = self.stack.audit(&["--days", "0"]) else {
            return Ok(());
        };
        anyhow::bail!("{found:#}")
    }

    /// One day as it was read last: it agrees in every line and sum but for what was planted, which is named.
    fn closed(&self, date: Date, day: &Value) -> Result<Closed> {
        let number = |field: &str| day[field].as_i64().with_context(|| format!("{field} of {day}"));
        let named = day["named"].as_array().into_iter().flatten();
        let differs: Vec<String> = named
            .map(|what| {
                format!(
                    "{}: {}",
                    what["subject"].as_str().unwrap_or_default(),
                    what["what"].as_str().unwrap_or_default()
                )
            })
            .collect();
        let planted = self.planted.get(&date).map_or(&[][..], Vec::as_slice);
        ensure!(number("open")? == 0, "{date} has something open: {day}");
        if planted.is_empty() {
            ensure!(day["agrees"] == true, "{date} differs: {day}");
            ensure!(number("paid_by_bank")? == number("paid_by_books")?, "{date}: {day}");
            ensure!(
                number("received_by_bank")? == number("received_by_books")?,
                "{date}: {day}"
            );
        }
        for key in planted {
            ensure!(
                differs.iter().any(|what| what.contains(key)),
                "{date} does not name {key}: {day}"
            );
        }
        // Each is a line and, with the others, one sum of the day.
        let lines = planted.len() + usize::from(!planted.is_empty());
        ensure!(differs.len() == lines, "{date} differs in more than was planted: {day}");
        Ok(Closed {
            date,
            orders: (number("orders")?, number("agreed")?),
            paid: number("paid_by_bank")?,
            received: (number("received")?, number("received_by_bank")?),
            differs,
        })
    }

    /// Debits and credits by the chart of accounts, as finance reads them, from the movements alone.
    async fn trial(&self) -> Result<Vec<(i16, String, i64, i64)>> {
        let mut books = PgConnection::connect(&self.stack.database).await?;
        let rows = sqlx::query("select code, account_name, debits, credits from finance.trial_balance('9999-12-31')")
            .fetch_all(&mut books)
            .await?;
        Ok(rows
            .iter()
            .map(|row| {
                (
                    row.get("code"),
                    row.get("account_name"),
                    row.get("debits"),
                    row.get("credits"),
                )
            })
            .collect())
    }
}

/// Two tables: the days, and the trial balance.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let money = |centavos: i64| Centavos::new(centavos).to_string();
        writeln!(
            out,
            "  day         orders  agreed           paid  came in           received  differs"
        )?;
        for day in &self.days {
            let (orders, agreed) = day.orders;
            let (came, received) = day.received;
            let differs = if day.differs.is_empty() {
                "-".to_owned()
            } else {
                day.differs.join("; ")
            };
            let (date, paid, received) = (day.date, money(day.paid), money(received));
            writeln!(
                out,
                "  {date}  {orders:>6}  {agreed:>6}  {paid:>13}  {came:>7}  {received:>17}  {differs}"
            )?;
        }
        writeln!(
            out,
            "\n  account                          debits            credits   credits - debits"
        )?;
        for (code, name, debits, credits) in &self.trial {
            let balance = money(credits - debits);
            let (debits, credits) = (money(*debits), money(*credits));
            writeln!(out, "  {code} {name:<20}  {debits:>17}  {credits:>17}  {balance:>17}")?;
        }
        let (debits, credits) = self
            .trial
            .iter()
            .fold((0, 0), |sums, row| (sums.0 + row.2, sums.1 + row.3));
        writeln!(
            out,
            "  in all                     {:>17}  {:>17}  {:>17}",
            money(debits),
            money(credits),
            money(credits - debits)
        )?;
        let states: Vec<String> = self
            .states
            .iter()
            .map(|(state, many)| format!("{many} {state}"))
            .collect();
        write!(
            out,
            "\n  payouts: {}; planted and named: {}",
            states.join(", "),
            self.named
        )
    }
}
