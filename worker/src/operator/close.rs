//! The day close: an operating date gets no movement any more, and its sums are kept.

use activities::crash::{self, Point};
use anyhow::Context;
use jiff::{Timestamp, civil::Date};
use sqlx::{Connection, PgConnection};
use workflows::domain::{BankCalendar, Centavos};

use super::audit::Outcome;

/// A wish to close a day.
pub(super) struct Close<'a> {
    pub(super) date: Date,
    pub(super) by: &'a str,
    pub(super) anyway: Option<&'a str>,
}

impl Close<'_> {
    /// Closes it, or says why not. Asked again, it says what it came to; whoever died midway asks again.
    pub(super) async fn run(&self, connection: &mut PgConnection, calendar: &BankCalendar) -> anyhow::Result<Outcome> {
        let date = self.date.to_string();
        for (name, text) in [("--by", Some(self.by)), ("--anyway", self.anyway)] {
            let is_line = text.is_none_or(|text| {
                (1..=200).contains(&text.trim().chars().count()) && !text.contains(char::is_control)
            });
            anyhow::ensure!(is_line, "{name}: write one line of 1 to 200 characters");
        }
        // It is done when it is on disk, and nobody waits for it longer than for a lock of the books.
        for setting in ["set synchronous_commit = on", "set lock_timeout = '5s'"] {
            sqlx::query(setting).execute(&mut *connection).await?;
        }
        // A day that was no holiday yet when the one before it was closed is still the next one to be closed.
        let is_next = sqlx::query_scalar!(
            r#"select coalesce(max(next_date) = ($1::text)::date, false) as "next!" from day_close"#,
            date
        )
        .fetch_one(&mut *connection)
        .await?;
        anyhow::ensure!(
            is_next || calendar.is_banking_day(self.date)?,
            "--date: {date} is no banking day: nothing counts for it"
        );
        let known = sqlx::query_scalar!(
            r#"select count(*) as "many!" from day_close where operating_date = ($1::text)::date"#,
            date
        )
        .fetch_one(&mut *connection)
        .await?;
        if known == 0 {
            self.is_over(connection, calendar).await?;
            self.is_settled(connection).await?;
            self.close(connection, calendar).await?;
        }
        crash::at(Point::CloseBeforeBalances, &*date);
        // From here on nothing of it changes: its sums may be read at leisure.
        sqlx::query!(
            r#"insert into day_balance (operating_date, code, debits, credits)
               select ($1::text)::date, code, debits, credits from finance.trial_balance(($1::text)::date)
               on conflict do nothing"#,
            date
        )
        .execute(&mut *connection)
        .await?;
        self.came_to(connection, known > 0).await
    }

    /// Its day has rolled, by the books' time.
    async fn is_over(&self, connection: &mut PgConnection, calendar: &BankCalendar) -> anyhow::Result<()> {
        let now = sqlx::query_scalar!(r#"select (extract(epoch from giro_now()) * 1000000)::bigint as "now!""#)
            .fetch_one(connection)
            .await?;
        let today = calendar.operating_date(Timestamp::from_microsecond(now)?)?.date();
        anyhow::ensure!(
            self.date < today,
            "--date: {} is not over: the running day is {today}",
            self.date
        );
        Ok(())
    }

    /// Every bank's statement of it was read and agrees, or people have understood why not.
    async fn is_settled(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        if self.anyway.is_some() {
            return Ok(());
        }
        let banks = sqlx::query!(
            r#"select b.name, n.differences as "differences?", n.understood_at is not null as "is_understood!"
               from bank b left join newest_day n on n.bank = b.name and n.operating_date = ($1::text)::date order by 1"#,
            self.date.to_string()
        )
        .fetch_all(connection)
        .await?;
        for bank in banks {
            let (date, name) = (self.date, bank.name);
            match bank.differences {
                None => anyhow::bail!(
                    "{date} was not held against {name}'s statement yet: `giroctl banks day {date}`, or --anyway with a reason"
                ),
                Some(many) if many > 0 && !bank.is_understood => anyhow::bail!(
                    "{date} differs from {name}'s statement in {many}: `giroctl banks day {date}` names them; mend them, say \
                     `giroctl banks understood`, or --anyway with a reason"
                ),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Once every block under way is written: the day, and what was under way.
    async fn close(&self, connection: &mut PgConnection, calendar: &BankCalendar) -> anyhow::Result<()> {
        let (date, next) = (self.date.to_string(), calendar.next_banking_day(self.date)?.to_string());
        let mut transaction = connection.begin().await?;
        sqlx::query!(r#"select pg_advisory_xact_lock(hashtext('giro day close'))::text as "locked?""#)
            .fetch_one(&mut *transaction)
            .await?;
        sqlx::query!(
            r#"insert into day_close (operating_date, next_date, closed_at, person, reason)
               values (($1::text)::date, ($2::text)::date, giro_now(), $3, $4)"#,
            date,
            next,
            self.by.trim(),
            self.anyway.map(str::trim)
        )
        .execute(&mut *transaction)
        .await
        .with_context(|| format!("{date} was not closed"))?;
        sqlx::query!(
            r#"insert into day_in_flight (operating_date, kind, subject, state, bank, sent_on, amount)
               select ($1::text)::date, 'payout', id, state, bank, operating_date, amount from payout
               where ended_at is null and operating_date <= ($1::text)::date
               union all
               select ($1::text)::date, 'received', id, state, bank, operating_date, amount from received
               where deadline_at is not null and operating_date <= ($1::text)::date"#,
            date
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    async fn came_to(&self, connection: &mut PgConnection, is_known: bool) -> anyhow::Result<Outcome> {
        let date = self.date.to_string();
        let day = sqlx::query!(
            r#"select c.next_date::text as "next!", c.person, c.reason,
                      (select count(*) from day_in_flight f where f.operating_date = c.operating_date) as "many!",
                      (select coalesce(sum(amount), 0)::bigint from day_in_flight f
                       where f.operating_date = c.operating_date) as "sum!",
                      (select coalesce(sum(debits - credits), 0)::bigint from day_balance b
                       where b.operating_date = c.operating_date) as "apart!"
               from day_close c where c.operating_date = ($1::text)::date"#,
            date
        )
        .fetch_one(connection)
        .await?;
        let when = if is_known { "was closed before" } else { "is closed" };
        let why = day
            .reason
            .map(|reason| format!(", although: {reason}"))
            .unwrap_or_default();
        let said = format!(
            "{date} {when} by {}{why}. What is booked for it from now on counts for {}.\nUnder way when it was closed: {}, of {} \
             (finance.in_flight_at_close).\nIts balances: finance.closed_balances, or `giro finance trial-balance --until {date}`.",
            day.person,
            day.next,
            day.many,
            Centavos::new(day.sum)
        );
        let wrong = (day.apart != 0).then(|| {
            format!(
                "debits and credits differ by {} centavos: `giro audit --full` says where",
                day.apart
            )
        });
        Ok(Outcome { said, wrong })
    }
}
