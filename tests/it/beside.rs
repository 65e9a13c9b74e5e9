//! Money that comes in, or stays: whoever books it dies before, in and after each commit, and it is booked once.

use std::{fs, os::unix::process::ExitStatusExt, path::PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    client::{Giro, Reply, clabe, is, text},
    crash::{Deed, Point, beside},
    sim::Incoming,
    stack::{PATIENCE, Stack},
};
use tokio::time::{Duration, Instant, sleep};

use crate::people::{People, known_unsent, with_people};

/// The API that nobody kills.
const STEADY: &str = "api-2";
/// SIGABRT.
const ABORTED: i32 = 6;
/// What each customer starts with.
const OPENING: i64 = 10_000_000;

/// Where the books are corrected.
const CORRECTIONS: &str = "/v1/corrections";

/// A stack on which one process after the other dies.
struct Yard {
    stack: Stack,
    /// By the API that is killed, and by the one that is not.
    victim: People,
    steady: People,
    accounts: [String; 2],
    /// What each account must have.
    tally: [i64; 2],
    log: PathBuf,
    /// How many have died.
    deaths: usize,
}

/// What a death is about: where it is seen, and when it is as it must be.
struct Due {
    path: String,
    state: &'static str,
    /// The request that the victim was serving, asked again elsewhere.
    again: Option<(String, Value)>,
}

fn paid() -> Value {
    json!({ "outcome": "paid", "document": "statement of today" })
}

fn deposit(to: u32, centavos: i64) -> Incoming {
    Incoming {
        monto: centavos,
        cuenta_beneficiario: clabe(to),
        ..Incoming::default()
    }
}

impl Yard {
    async fn open() -> Result<Self> {
        let programs: &[&str] = &["worker", "api", STEADY, "relay"];
        let (stack, victim, account) = with_people("beside", programs).await?;
        let steady = Giro::new(&format!("http://127.0.0.1:{}", stack.ports[STEADY]))?;
        let steady = victim.at(&steady);
        let other = steady.payer.account(2, 0).await?;
        Ok(Self {
            log: stack.file("crash.log"),
            stack,
            victim,
            steady,
            accounts: [account, other],
            tally: [OPENING, 0],
            deaths: 0,
        })
    }

    /// Brings a program back, to die at a point or not.
    fn restart(&mut self, program: &'static str, at: &str) -> Result<()> {
        self.stack.kill(program);
        let log = self.log.display().to_string();
        self.stack
            .run_with(program, &[("GIRO_CRASH", at), ("GIRO_CRASH_LOG", &log)])
    }

    /// The record that came under a key, once it is in a state.
    async fn came(&self, list: &str, key: &str, state: &str) -> Result<String> {
        let path = format!("{list}?tracking_key={key}");
        let found = self.until(&path, |found| found["data"][0]["state"] == state).await?;
        text(&found, "/data/0/id")
    }

    async fn until(&self, path: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let start = Instant::now();
        loop {
            let found = self.steady.ana.get(path).await?.body;
            if is(&found) {
                return Ok(found);
            }
            ensure!(start.elapsed() < PATIENCE, "{path}: {found}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Money for nobody, that stands apart.
    async fn apart(&self, centavos: i64) -> Result<String> {
        let sent = self.stack.bank.receive(&deposit(9, centavos)).await?;
        self.came("/v1/deposits", &sent.clave_rastreo, "unapplied").await
    }

    /// Money that comes back of this order.
    async fn back(&self, of: &str, centavos: i64) -> Result<String> {
        let back = Incoming {
            devolucion: Some(of.to_owned()),
            tipo_pago: 17,
            causa: Some(3),
            ..deposit(1, centavos)
        };
        Ok(self.stack.bank.receive(&back).await?.clave_rastreo)
    }

    /// One death: what leads to it, the death, and what must have come of it.
    async fn dies(&mut self, point: Point, deed: Deed) -> Result<()> {
        let n = i64::try_from(self.deaths)? + 1;
        let amount = 1_000 + n;
        let key = format!("beside-{n}");
        let (program, payer) = match deed {
            Deed::Cure | Deed::SendBack | Deed::Decide | Deed::DecideUnsent | Deed::Correct => {
                ("api", self.steady.payer.clone())
            }
            Deed::Book | Deed::Receive | Deed::Deposit | Deed::Return => ("worker", self.steady.payer.clone()),
        };
        // What must be there before.
        let before = match deed {
            Deed::Book | Deed::Receive | Deed::Deposit => String::new(),
            Deed::Return => {
                let id = payer.pay(&self.accounts[0], amount).await?;
                payer.wait(&id, PATIENCE, is("settled")).await?;
                id
            }
            Deed::Cure | Deed::SendBack => self.apart(amount).await?,
            Deed::Correct => {
                self.first_word(CORRECTIONS, &key, &self.correction(amount)).await?;
                String::new()
            }
            Deed::Decide => {
                let sent = self.back(&format!("GIRONOBODYS{n}"), amount).await?;
                let id = self.came("/v1/returns", &sent, "suspended").await?;
                self.first_word(&format!("/v1/returns/{id}/decide"), &key, &self.word())
                    .await?;
                id
            }
            Deed::DecideUnsent => {
                let id = self.paid_unsent(&payer, amount).await?;
                self.first_word(&format!("/v1/payouts/{id}/decide"), &key, &paid())
                    .await?;
                id
            }
        };
        self.restart(program, point.word())?;
        let start = Instant::now();
        while program == "api" && !matches!(self.victim.payer.get("/healthz").await, Ok(reply) if reply.status == 200) {
            ensure!(start.elapsed() < PATIENCE, "the API does not come up");
            sleep(Duration::from_millis(20)).await;
        }
        let due = self.does(deed, before, amount, &key).await?;
        self.died(program, point).await?;
        self.restart(program, "")?;
        if let Some((path, body)) = &due.again {
            let again = self.pressed(path, &key, body).await?;
            ensure!(again.status == 200, "{point}: {again:?}");
        }
        let is_due = |found: &Value| found["state"] == due.state || found["data"][0]["state"] == due.state;
        self.until(&due.path, is_due).await.with_context(|| point.to_string())?;
        self.deaths += 1;
        Ok(())
    }

    /// What makes the victim pass its point.
    async fn does(&mut self, deed: Deed, before: String, amount: i64, key: &str) -> Result<Due> {
        Ok(match deed {
            Deed::Book => {
                let now = self.steady.ana.get("/readyz").await?.body;
                let now: jiff::Timestamp = text(&now, "/now")?.parse()?;
                let body = json!({
                    "account": self.accounts[0], "to_account": self.accounts[1], "amount": amount, "currency": "MXN",
                    "concept": "Renta", "process_after": (now + jiff::SignedDuration::from_secs(3)).to_string(),
                });
                let made = self.steady.payer.post("/v1/transfers", key, &body).await?;
                self.tally[0] -= amount;
                self.tally[1] += amount;
                let path = format!("/v1/transfers/{}", text(&made.body, "/id")?);
                Due {
                    path,
                    state: "settled",
                    again: None,
                }
            }
            Deed::Receive | Deed::Deposit => {
                let sent = self.stack.bank.receive(&deposit(1, amount)).await?;
                self.tally[0] += amount;
                let path = format!("/v1/deposits?tracking_key={}", sent.clave_rastreo);
                Due {
                    path,
                    state: "applied",
                    again: None,
                }
            }
            Deed::Return => {
                let payout = self.steady.payer.payout(&before).await?;
                self.back(&text(&payout, "/tracking_key")?, amount).await?;
                // Fee and IVA stay with giro.
                self.tally[0] -= 580;
                Due {
                    path: format!("/v1/payouts/{before}"),
                    state: "returned",
                    again: None,
                }
            }
            Deed::Cure => {
                let (path, shown) = (format!("/v1/deposits/{before}/apply"), format!("/v1/deposits/{before}"));
                let body = json!({ "account": self.accounts[0], "reason": "it is theirs" });
                let _cut_off = self.victim.ana.post(&path, key, &body).await;
                self.tally[0] += amount;
                Due {
                    path: shown,
                    state: "applied",
                    again: Some((path, body)),
                }
            }
            Deed::SendBack => {
                let (path, shown) = (
                    format!("/v1/deposits/{before}/send-back"),
                    format!("/v1/deposits/{before}"),
                );
                let body = json!({ "reason": "nobody knows it" });
                let _cut_off = self.victim.ana.post(&path, key, &body).await;
                Due {
                    path: shown,
                    state: "sent_back",
                    again: Some((path, body)),
                }
            }
            Deed::Decide => {
                let (path, shown) = (format!("/v1/returns/{before}/decide"), format!("/v1/returns/{before}"));
                let _cut_off = self.victim.luis.post(&path, key, &self.word()).await;
                self.tally[0] += amount;
                Due {
                    path: shown,
                    state: "applied",
                    again: Some((path, self.word())),
                }
            }
            Deed::Correct => {
                let body = self.correction(amount);
                let _cut_off = self.victim.luis.post(CORRECTIONS, key, &body).await;
                self.tally[0] += amount;
                Due {
                    path: format!("{CORRECTIONS}?limit=1"),
                    state: "booked",
                    again: Some((CORRECTIONS.to_owned(), body)),
                }
            }
            Deed::DecideUnsent => {
                let (path, shown) = (format!("/v1/payouts/{before}/decide"), format!("/v1/payouts/{before}"));
                let _cut_off = self.victim.luis.post(&path, key, &paid()).await;
                self.tally[0] -= amount + 580;
                Due {
                    path: shown,
                    state: "settled",
                    again: Some((path, paid())),
                }
            }
        })
    }

    fn word(&self) -> Value {
        json!({ "outcome": "apply", "document": "letter 9", "account": self.accounts[0] })
    }

    /// What the books owe the customer by a letter of its own.
    fn correction(&self, amount: i64) -> Value {
        json!({
            "debit_account": "5101", "credit_account": self.accounts[0], "amount": amount, "currency": "MXN",
            "document": format!("letter {amount}"),
        })
    }

    async fn first_word(&self, path: &str, key: &str, word: &Value) -> Result<()> {
        let said = self.steady.ana.post(path, key, word).await?;
        ensure!(said.status == 202, "{said:?}");
        Ok(())
    }

    /// A payout that the bank paid before giro sent it.
    async fn paid_unsent(&self, payer: &Giro, amount: i64) -> Result<String> {
        let (id, _) = known_unsent(&self.stack, payer, (&self.accounts[0], amount), "LQ").await?;
        let is_told = |payout: &Value| payout["attention"]["reason"] == "evidence_before_send";
        payer.wait(&id, PATIENCE, is_told).await?;
        self.stack
            .giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
        Ok(id)
    }

    /// The same request of the same person, until it is answered.
    async fn pressed(&self, path: &str, key: &str, body: &Value) -> Result<Reply> {
        let by = if path.ends_with("/decide") || path == CORRECTIONS {
            &self.steady.luis
        } else {
            &self.steady.ana
        };
        let start = Instant::now();
        loop {
            match by.post(path, key, body).await {
                Ok(reply) if reply.status < 500 => return Ok(reply),
                other => ensure!(start.elapsed() < PATIENCE, "{path}: {other:?}"),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the victim has died there, of SIGABRT.
    async fn died(&mut self, program: &'static str, point: Point) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some((status, tail)) = self.stack.take_ended(program) {
                let log = fs::read_to_string(&self.log)?;
                let last = log.lines().rfind(|line| line.ends_with("died")).unwrap_or_default();
                let is_there = last.starts_with(&format!("{point} ")) && status.signal() == Some(ABORTED);
                ensure!(
                    is_there,
                    "{program} ended with {status} at {last:?}, not at {point}\n{tail}"
                );
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "{program} never passes {point}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Twenty-seven deaths, one after the other: of the worker that books by itself, and of the API that serves people.
#[tokio::test]
async fn whoever_books_what_comes_or_stays_dies_at_every_moment_and_it_is_booked_once() -> Result<()> {
    let mut yard = Yard::open().await?;
    for point in Point::ALL {
        let unsent = (beside(*point) == Some(Deed::Decide)).then_some(Deed::DecideUnsent);
        for deed in beside(*point).into_iter().chain(unsent) {
            yard.dies(*point, deed)
                .await
                .with_context(|| format!("{point}, {deed:?}"))?;
        }
    }
    ensure!(yard.deaths == 27, "{} deaths", yard.deaths);
    for (account, due) in yard.accounts.iter().zip(yard.tally) {
        let has = yard.steady.payer.get(&format!("/v1/accounts/{account}")).await?.body;
        ensure!(has["balances"]["available"] == due, "{account} must have {due}: {has}");
    }
    // Each deposit that went back went once.
    let mut back: Vec<String> = Vec::new();
    for order in yard.stack.bank.orders().await? {
        back.extend(
            Some(order.field("claveRastreoDevolucion"))
                .filter(|key| !key.is_empty())
                .map(str::to_owned),
        );
    }
    let many = back.len();
    back.sort();
    back.dedup();
    ensure!(
        back.len() == 3 && many == 3,
        "{many} orders send {} deposits back",
        back.len()
    );
    yard.stack.balanced().await?;
    yard.stack.audited()
}
