//! The ledger's sums, read from Postgres, and the comparison of its payouts with the bank's own journal.

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::{Connection, PgConnection, Row};

use crate::sim::{Control, IncomingView, OrderView, Outcome, RequestView};

/// Sums over all accounts, in centavos, and payouts by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Debits - credits over all accounts.
    pub difference: i64,
    /// Movements against the accounts' own totals.
    pub drift: i64,
    /// Held over all accounts.
    pub held: i64,
    /// Held - the open payouts.
    pub held_drift: i64,
    /// Payouts that have not ended.
    pub open: i64,
    /// Payouts whose events have a gap.
    pub gaps: i64,
    /// Customers who hold or spent more than they had.
    pub overdrawn: i64,
}

impl Sums {
    /// Whether every sum is what it must be at every moment.
    pub fn are_even(&self) -> bool {
        let never = [self.difference, self.drift, self.held_drift, self.gaps, self.overdrawn];
        never.iter().all(|sum| *sum == 0)
    }
}

/// Where one payout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Its tracking key.
    pub key: String,
    /// Its state.
    pub state: String,
    /// giro has heard a refusal that speaks for all it was given to send: before it nothing had left, and nothing was begun
    /// until it was heard.
    pub is_proven: bool,
    /// It has ended.
    pub ended: bool,
    /// Why a person should look.
    pub attention: Option<String>,
}

impl Stands {
    /// Whether it stays open because the bank refused it and giro cannot prove that: what it sent first was lost, or the
    /// refusal of that was, and refusals of repeats speak for themselves only. Until closed statements are read or two
    /// people decide, people are told.
    pub async fn is_refused_unheard(&self, bank: &Control) -> Result<bool> {
        if self.ended || self.attention.is_none() || self.is_proven || !bank.orders_of(&self.key).await?.is_empty() {
            return Ok(false);
        }
        let requests = bank.requests_of(&self.key).await?;
        Ok(!requests.is_empty() && requests.iter().all(|request| request.outcome == Outcome::Refused))
    }
}

/// STP: -1, this key was already used.
const REPEATED: i64 = -1;

/// How many payouts are how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Have not ended.
    pub open: i64,
    /// Have ended.
    pub ended: i64,
    /// Are being sent: somebody has the right to and has not said what became of it.
    pub under_way: i64,
}

/// Where a payout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: String,
    /// It has not ended.
    pub open: bool,
    /// Why a person should look, if one should.
    pub attention: Option<String>,
    /// How often it was begun to be sent.
    pub send_no: i32,
    /// All of that and what the bank said, for people.
    pub line: String,
}

/// How many rows there are of what a request makes; a replay makes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Payouts.
    pub payouts: i64,
    /// Keys that have their answer.
    pub requests: i64,
    /// Movements.
    pub movements: i64,
    /// Events.
    pub events: i64,
}

/// A connection that only reads.
#[derive(Debug)]
pub struct Books {
    connection: PgConnection,
}

impl Books {
    /// Connects to the books of one stack.
    pub async fn connect(url: &str) -> Result<Self> {
        Ok(Self {
            connection: PgConnection::connect(url).await?,
        })
    }

    /// All sums, in one snapshot.
    pub async fn sums(&mut self) -> Result<Sums> {
        let row = sqlx::query(
            r#"select
                 (select sum(debits) - sum(credits) from account)::bigint as difference,
                 ((select sum(debits) + sum(credits) from account)
                    - (select coalesce(2 * sum(amount), 0) from movement))::bigint as drift,
                 (select sum(held) from account)::bigint as held,
                 ((select sum(held) from account)
                    - (select coalesce(sum(amount + fee + iva), 0) from payout where ended_at is null))::bigint as held_drift,
                 (select count(*) from payout where ended_at is null) as open,
                 (select count(*) from payout p
                    where p.event_seq <> (select count(*) from outbox o where o.subject = p.id)) as gaps,
                 (select count(*) from account where code = 2101 and debits + held > credits) as overdrawn"#,
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Sums {
            difference: row.get("difference"),
            drift: row.get("drift"),
            held: row.get("held"),
            held_drift: row.get("held_drift"),
            open: row.get("open"),
            gaps: row.get("gaps"),
            overdrawn: row.get("overdrawn"),
        })
    }

    /// How far the payouts are.
    pub async fn progress(&mut self) -> Result<Progress> {
        let row = sqlx::query(
            r#"select count(*) filter (where ended_at is null) as open, count(ended_at) as ended,
                      count(*) filter (where state = 'sending' and sender is not null) as under_way from payout"#,
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Progress {
            open: row.get("open"),
            ended: row.get("ended"),
            under_way: row.get("under_way"),
        })
    }

    /// Where the payouts stand that have not ended, a line each, twenty at most.
    pub async fn open(&mut self) -> Result<Vec<String>> {
        let rows = sqlx::query(
            r#"select concat_ws(' ', tracking_key, state, 'send', send_no, 'unproven', unproven, 'not found', not_found,
                                evidence, doubt, bank_said, attention) as line
               from payout where ended_at is null order by id limit 20"#,
        )
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.iter().map(|row| row.get("line")).collect())
    }

    /// Every payout that is open or wants a person.
    pub async fn unquiet(&mut self) -> Result<Vec<Stands>> {
        let rows = sqlx::query(
            r#"select tracking_key, state, ended_at is not null as ended, reason,
                      exists (select from exchange heard
                              where heard.payout = p.id and question = 'submit' and said like 'refused%'
                                and send_no = 1 + (select count(*) from exchange before
                                                   where before.payout = p.id and before.question = 'submit'
                                                     and before.send_no < heard.send_no and before.said like 'not sent%')
                                and send_no = (select count(*) from outbox
                                               where outbox.subject = p.id and type = 'payout.sending'
                                                 and created_at <= heard.at)) as is_proven
               from payout p left join payout_attention a on a.payout = p.id
               where ended_at is null or reason is not null order by id"#,
        )
        .fetch_all(&mut self.connection)
        .await?;
        let stands = |row: &sqlx::postgres::PgRow| Stands {
            key: row.get("tracking_key"),
            state: row.get("state"),
            is_proven: row.get("is_proven"),
            ended: row.get("ended"),
            attention: row.get("reason"),
        };
        Ok(rows.iter().map(stands).collect())
    }

    /// Records of money that came in and has no place yet.
    pub async fn unplaced(&mut self) -> Result<i64> {
        let waits = sqlx::query_scalar("select count(*) from received where state = 'received'");
        Ok(waits.fetch_one(&mut self.connection).await?)
    }

    /// Deposits that are set apart for people.
    pub async fn apart(&mut self) -> Result<i64> {
        let apart = sqlx::query_scalar("select count(*) from received where state = 'unapplied'");
        Ok(apart.fetch_one(&mut self.connection).await?)
    }

    /// The oldest settled payouts through a bank that nobody is told of: tracking key and amount.
    pub async fn settled(&mut self, at_most: i64) -> Result<Vec<(String, i64)>> {
        let rows = sqlx::query(
            r#"select tracking_key, amount from payout
               where state = 'settled' and to_account is null and attention is null order by id limit $1"#,
        )
        .bind(at_most)
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows
            .iter()
            .map(|row| (row.get("tracking_key"), row.get("amount")))
            .collect())
    }

    /// What differs between what came in at the bank and in the books: each record has one row of the same amount, which went to
    /// the customer whom it names, set apart when it names nobody, or given back when it is a return. Empty when they are
    /// equal.
    pub async fn came(&mut self, incoming: &[IncomingView], nobody: &str) -> Result<Vec<String>> {
        let rows = sqlx::query(
            r#"select r.tracking_key, r.amount, r.state, a.clabe,
                      exists (select from payout p where p.tracking_key = r.tracking_key) as is_own
               from received r left join account a on a.id = r.account"#,
        );
        let rows = rows.fetch_all(&mut self.connection).await?;
        let mut by_key: BTreeMap<String, Vec<&sqlx::postgres::PgRow>> = BTreeMap::new();
        for row in &rows {
            by_key.entry(row.get("tracking_key")).or_default().push(row);
        }
        let mut wrong = Vec::new();
        for view in incoming {
            let key = &view.clave_rastreo;
            let found = by_key.remove(key).unwrap_or_default();
            let [row] = found.as_slice() else {
                wrong.push(format!("{key}: {} records for what came once", found.len()));
                continue;
            };
            let (amount, state): (i64, String) = (row.get("amount"), row.get("state"));
            let clabe: Option<String> = row.get("clabe");
            let is_placed = match (
                view.clave_rastreo_devolucion.is_some(),
                view.cuenta_beneficiario == nobody,
            ) {
                (true, _) => state == "applied",
                (false, true) => state == "unapplied",
                (false, false) => state == "applied" && clabe.as_ref() == Some(&view.cuenta_beneficiario),
            };
            if amount != view.monto || !is_placed {
                wrong.push(format!("{key}: {state}, {amount} of {}", view.monto));
            }
        }
        // What came back the same day is under the order's own key.
        let others = by_key
            .iter()
            .filter(|(_, rows)| !rows.iter().all(|row| row.get("is_own")));
        wrong.extend(others.map(|(key, _)| format!("{key}: it never came")));
        Ok(wrong)
    }

    /// How many payouts stand in each state.
    pub async fn states(&mut self) -> Result<BTreeMap<String, i64>> {
        let rows = sqlx::query("select state, count(*) as many from payout group by state")
            .fetch_all(&mut self.connection)
            .await?;
        Ok(rows.iter().map(|row| (row.get("state"), row.get("many"))).collect())
    }

    /// Orders of the bank that giro could not explain: tracking key, and why.
    pub async fn strays(&mut self) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query("select tracking_key, reason from stray_order order by tracking_key")
            .fetch_all(&mut self.connection)
            .await?;
        Ok(rows
            .iter()
            .map(|row| (row.get("tracking_key"), row.get("reason")))
            .collect())
    }

    /// Why the bank is not sent to, by giro's own decision, and since when; `None` while it is.
    pub async fn pause(&mut self) -> Result<Option<(String, String)>> {
        let row = sqlx::query("select paused_by, to_jsonb(paused_at) #>> '{}' as since from bank")
            .fetch_one(&mut self.connection)
            .await?;
        let by: Option<String> = row.get("paused_by");
        Ok(by.zip(row.get("since")))
    }

    /// Seconds that the time of the books is ahead of the system's.
    pub async fn ahead(&mut self) -> Result<i64> {
        let ahead = sqlx::query_scalar("select extract(epoch from ahead)::bigint from clock");
        Ok(ahead.fetch_one(&mut self.connection).await?)
    }

    /// Webhooks that are still worked on: how far each is, and its body.
    pub async fn inbox(&mut self) -> Result<Vec<String>> {
        let rows = sqlx::query(
            r#"select body, coalesce(note, 'unread') || ', ' || tries || ' looks, next in '
                      || round(extract(epoch from next_at - giro_now())) || ' s: ' as far
               from inbox where done_at is null order by id"#,
        )
        .fetch_all(&mut self.connection)
        .await?;
        let text = |row: &sqlx::postgres::PgRow| {
            let far: String = row.get("far");
            far + &String::from_utf8_lossy(&row.get::<Vec<u8>, _>("body"))
        };
        Ok(rows.iter().map(text).collect())
    }

    /// Where every payout stands, by tracking key.
    pub async fn standings(&mut self) -> Result<BTreeMap<String, Standing>> {
        let rows = sqlx::query(
            r#"select p.tracking_key, p.state, p.ended_at is null as open, a.reason, p.send_no,
                      concat_ws(' ', p.tracking_key, p.state, 'send', p.send_no, 'unproven', p.unproven, p.evidence,
                                p.doubt, p.bank_said, a.reason) as line
               from payout p left join payout_attention a on a.payout = p.id"#,
        )
        .fetch_all(&mut self.connection)
        .await?;
        let standing = |row: &sqlx::postgres::PgRow| Standing {
            state: row.get("state"),
            open: row.get("open"),
            attention: row.get("reason"),
            send_no: row.get("send_no"),
            line: row.get("line"),
        };
        Ok(rows
            .iter()
            .map(|row| (row.get("tracking_key"), standing(row)))
            .collect())
    }

    /// Rows of what a request makes. A send is none: giro repeats it by itself while a payout is open.
    pub async fn rows(&mut self) -> Result<Rows> {
        let row = sqlx::query(
            r#"select (select count(*) from payout) as payouts, (select count(*) from request) as requests,
                      (select count(*) from movement) as movements,
                      (select count(*) from outbox where type <> 'payout.sending') as events"#,
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Rows {
            payouts: row.get("payouts"),
            requests: row.get("requests"),
            movements: row.get("movements"),
            events: row.get("events"),
        })
    }

    /// What was sent but not begun, or again without need: the bank saw at most one request for each begin of a payout, all
    /// of them alike, and none behind an order of which it never said that it does not know it. Empty when so.
    pub async fn sent(&mut self, requests: &[RequestView]) -> Result<Vec<String>> {
        let rows = sqlx::query("select tracking_key, send_no from payout")
            .fetch_all(&mut self.connection)
            .await?;
        let begun: BTreeMap<String, i32> = rows
            .iter()
            .map(|row| (row.get("tracking_key"), row.get("send_no")))
            .collect();
        let mut by_key: BTreeMap<&str, Vec<&RequestView>> = BTreeMap::new();
        for request in requests {
            by_key.entry(&request.clave_rastreo).or_default().push(request);
        }
        let mut wrong = Vec::new();
        for (key, requests) in by_key {
            let begun = begun.get(key).copied().unwrap_or_default();
            if !usize::try_from(begun).is_ok_and(|begun| requests.len() <= begun) {
                wrong.push(format!(
                    "{key}: {} requests at the bank, begun {begun} times",
                    requests.len()
                ));
            }
            if requests.iter().any(|request| request.body != requests[0].body) {
                wrong.push(format!("{key}: not every request is the same order"));
            }
            // A bank that refuses repeats hides that giro should not have sent: it is held to its first order here.
            let first = requests.iter().find(|request| request.folio.is_some());
            if let Some(first) = first.filter(|first| !first.fault.is_not_found()) {
                let after = requests.iter().filter(|request| request.at > first.at);
                if after.clone().any(|request| request.code == Some(REPEATED)) {
                    wrong.push(format!(
                        "{key}: sent again, though the bank had it and never denied that"
                    ));
                }
            }
        }
        Ok(wrong)
    }

    /// What differs between the books and the bank's journal: every settled payout is one settled order of the same
    /// amount and account, every other payout none; every order is a payout's. Empty when they are equal.
    pub async fn against(&mut self, orders: &[OrderView]) -> Result<Vec<String>> {
        // What is booked between two accounts of giro's own is no order of any bank's: its key must not be there.
        let through_banks = "select tracking_key, state, amount, clabe, operating_date::text as date from payout
                             where to_account is null";
        let rows = sqlx::query(through_banks).fetch_all(&mut self.connection).await?;
        let mut by_key: BTreeMap<&str, Vec<&OrderView>> = BTreeMap::new();
        for order in orders {
            by_key.entry(&order.clave_rastreo).or_default().push(order);
        }
        let mut wrong = Vec::new();
        for row in rows {
            let (key, state): (String, String) = (row.get("tracking_key"), row.get("state"));
            let (amount, clabe): (i64, String) = (row.get("amount"), row.get("clabe"));
            let date: Option<String> = row.get("date");
            let orders = by_key.remove(key.as_str()).unwrap_or_default();
            if orders.len() > 1 {
                wrong.push(format!("{key}: {} orders for one payout", orders.len()));
            }
            let paid = orders
                .iter()
                .filter(|order| matches!(order.estado.as_str(), "LQ" | "D"))
                .count();
            let dead = orders.iter().filter(|order| order.estado == "CN").count();
            match state.as_str() {
                // On its way: the bank may have it or not, once at the most.
                "accepted" | "sending" | "sent" if orders.len() <= 1 => {}
                "settled" | "returned" if paid == 1 => {}
                "failed" | "cancelled" if dead == orders.len() => {}
                _ => wrong.push(format!(
                    "{key}: {state} in the books, {paid} paid of {} at the bank",
                    orders.len()
                )),
            }
            for order in orders {
                let same_day =
                    date.as_deref().map(|date| date.replace('-', "")) == Some(order.fecha_operacion.to_string());
                // What sends a deposit back names no account.
                let same_account = clabe.is_empty() || order.cuenta_beneficiario == clabe;
                if order.monto != amount || !same_account || !same_day {
                    wrong.push(format!("{key}: amount, account or date differ"));
                }
            }
        }
        wrong.extend(
            by_key
                .keys()
                .map(|key| format!("{key}: the bank has it, the books do not")),
        );
        Ok(wrong)
    }
}
