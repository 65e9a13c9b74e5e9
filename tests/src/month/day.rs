//! One day of the month: what is asked for, what comes in, what meets misfortune, and its evening.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use jiff::civil::{Date, Time, time};
use serde_json::{Value, json};
use tokio::{
    net::TcpSocket,
    time::{Duration, Instant, sleep},
};
use uuid::Uuid;
use workflows::domain::Centavos;

use super::{Asked, CHARGE, MEXICO_CITY, Month, OPENING};
use crate::{
    client::{clabe, is, request, text},
    sim::{Fault, Incoming, Planted},
    stack::PATIENCE,
};

/// What one payout of a day meets, in turn: the cents that choose it at the bank, and how it ends.
const MEETS: [(i64, &str); 8] = [
    (94, "failed"),
    (93, "settled"),
    (96, "returned"),
    (90, "settled"),
    (95, "failed"),
    (67, "returned"),
    (88, "settled"),
    (76, "settled"),
];
/// The day that the bank does not answer at all.
const OUTAGE: u16 = 9;
/// An order that never arrives, and is not sent again.
const LOST: u16 = 3;
/// An order that the bank has and nobody sent.
const STRAY: u16 = 12;
/// What a record says is told otherwise.
const OTHERWISE: u16 = 15;
/// A key that is used on this day, and again on the next.
const KEY_AGAIN: u16 = 4;
/// A deposit for nobody that is sent back, and one that is applied.
const SENT_BACK: u16 = 6;
const APPLIED: u16 = 7;
/// When a day begins.
const MORNING: Time = time(11, 0, 0, 0);
/// An account that nobody has.
const NOBODY: u32 = 999;
/// Between two looks at something.
const LOOK: Duration = Duration::from_millis(100);

impl Month {
    /// Lives through the `n`th day.
    pub(super) async fn day(&mut self, n: u16) -> Result<()> {
        if n == OUTAGE {
            self.stack.kill("bank-sim");
            let port = TcpSocket::new_v4()?;
            port.set_reuseaddr(true)?;
            port.bind(([127, 0, 0, 1], self.stack.ports["bank-sim"]).into())?;
            self.away = Some(port);
            self.books_at(n, MORNING)?;
            let held = self.stack.giro.pay(&self.accounts[0], 70_045).await?;
            self.tally[0] -= 70_045 + CHARGE;
            let noticed = |payout: &Value| {
                payout["bank_said"]
                    .as_str()
                    .is_some_and(|said| said.starts_with("not sent"))
            };
            self.stack.giro.wait(&held, PATIENCE, noticed).await?;
            self.waiting.push((n + 1, held));
            (self.told)(&format!("{}  the bank does not answer all day", self.date(n)));
            return Ok(());
        }
        self.begins(n, MORNING).await?;
        let due = self.due(n).await?;
        let settled = self.pays(n).await?;
        let came = self.comes(n).await?;
        self.stays(n).await?;
        self.misfortune(n).await?;
        let back = self.comes_back(n).await?;
        let read = self.evening(n).await?;
        (self.told)(&format!(
            "{}  {settled:>3} settled, {due} at last, {came} came in, {back} came back late; {read}",
            self.date(n)
        ));
        Ok(())
    }

    /// Sets the clocks. Where the bank was away it is there again, and is sent nothing before its own clock is right.
    pub(super) async fn begins(&mut self, n: u16, time: Time) -> Result<()> {
        let Some(port) = self.away.take() else {
            return self.at(n, time).await;
        };
        let pause = ["bank", "pause", "stp", "--reason", "it comes back"];
        self.stack.giro_command(&pause)?;
        drop(port);
        self.stack.run("bank-sim")?;
        self.stack.ready().await?;
        self.opens_with(2 * OPENING).await?;
        self.at(n, time).await?;
        let resume = ["bank", "resume", "stp", "--reason", "it is back"];
        self.stack.giro_command(&resume).map(drop)
    }

    /// What waited for today, or for the bank to be back: each is woken as its own timer would, and settles.
    pub(super) async fn due(&mut self, n: u16) -> Result<usize> {
        let (due, later) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(day, _)| *day <= n);
        self.waiting = later;
        let due: Vec<(u16, String)> = due;
        for (_, id) in &due {
            let start = Instant::now();
            // Its timer runs by Temporal's clock, which nobody moves.
            while self.stack.giro.payout(id).await?["state"] != "settled" {
                ensure!(start.elapsed() < PATIENCE, "{}", self.stack.giro.payout(id).await?);
                self.stack.giro.retry(id).await?;
                sleep(LOOK * 5).await;
            }
        }
        Ok(due.len())
    }

    /// The usual payouts, and one that meets something.
    async fn pays(&mut self, n: u16) -> Result<usize> {
        let (cents, end) = MEETS[usize::from(n) % MEETS.len()];
        let usual =
            (0..self.options.payouts).map(|k| (100_045 + 10_000 * i64::from(k) + 100 * i64::from(n), "settled"));
        let wanted: Vec<(i64, &'static str)> = usual.chain([(50_000 + 100 * i64::from(n) + cents, end)]).collect();
        let stack = &self.stack;
        let account = self.accounts[0].as_str();
        let asked = try_join_all(wanted.into_iter().map(|(amount, end)| async move {
            let id = stack.giro.pay(account, amount).await?;
            let ended = stack.giro.wait(&id, PATIENCE, is(end)).await?;
            anyhow::Ok((ended, id, amount))
        }))
        .await?;
        for (ended, _, amount) in &asked {
            self.tally[0] -= match ended["state"].as_str() {
                Some("settled") => amount + CHARGE,
                // It came back whole; the fee stays.
                Some("returned") => CHARGE,
                _ => 0,
            };
        }
        let before = self.settled.len();
        let settled = asked.into_iter().filter(|(ended, ..)| ended["state"] == "settled");
        self.settled.extend(settled.map(|(_, id, amount)| Asked {
            id,
            amount: Centavos::new(amount),
            on: n,
            is_back: false,
        }));
        Ok(self.settled.len() - before)
    }

    /// Deposits to the customers; now and then for nobody.
    async fn comes(&mut self, n: u16) -> Result<usize> {
        let mut all = vec![deposit(1, 20_000 + i64::from(n)), deposit(2, 30_000 + i64::from(n))];
        if n == KEY_AGAIN || n == KEY_AGAIN + 1 {
            all.push(Incoming {
                clave: "MESCLAVE1".to_owned(),
                ..deposit(1, 11_100 + i64::from(n))
            });
        }
        if n.is_multiple_of(5) {
            // A webhook that is lost: giro finds it in the list.
            all.push(Incoming {
                webhook: false,
                ..deposit(2, 40_000 + i64::from(n))
            });
        }
        for sent in &all {
            let key = self.stack.bank.receive(sent).await?.clave_rastreo;
            let of = usize::from(sent.cuenta_beneficiario == clabe(2));
            let came = self.came(&key, "applied", n).await?;
            ensure!(came["account"] == json!(self.accounts[of]), "{came}");
            self.tally[of] += sent.monto;
        }
        if n == SENT_BACK || n == APPLIED {
            let key = self.stack.bank.receive(&deposit(NOBODY, 55_500)).await?.clave_rastreo;
            let id = text(&self.came(&key, "unapplied", n).await?, "/id")?;
            let (path, body, end) = match n {
                SENT_BACK => ("send-back", json!({"reason": "nobody knows it"}), "sent_back"),
                _ => (
                    "apply",
                    json!({"reason": "the sender mistyped", "account": self.accounts[0]}),
                    "applied",
                ),
            };
            let reply = self
                .stack
                .giro
                .post(&format!("/v1/deposits/{id}/{path}"), &fresh(), &body)
                .await?;
            ensure!(reply.status == 200, "{reply:?}");
            self.came(&key, end, n).await?;
            self.tally[0] += if n == APPLIED { 55_500 } else { 0 };
        }
        Ok(all.len())
    }

    /// The deposit under a key that came today, once it is in a state.
    async fn came(&self, key: &str, state: &str, n: u16) -> Result<Value> {
        let start = Instant::now();
        let path = format!("/v1/deposits?tracking_key={key}&state={state}");
        let today = self
            .stack
            .bank
            .incoming()
            .await?
            .last()
            .map(|came| came.fecha_operacion.to_string());
        loop {
            let found = self.stack.giro.get(&path).await?.body;
            let all = found["data"].as_array().into_iter().flatten();
            let of_today = |row: &&Value| row["operating_date"].as_str().map(|date| date.replace('-', "")) == today;
            if let Some(row) = all.clone().find(of_today) {
                return Ok(row.clone());
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "no {state} deposit under {key} on day {n}: {found}"
            );
            sleep(LOOK).await;
        }
    }

    /// A transfer, a payout between two customers, and one for a later day.
    async fn stays(&mut self, n: u16) -> Result<()> {
        let [from, to] = &self.accounts;
        let transfer = json!({
            "account": from, "to_account": to, "amount": 1_000 + n, "currency": "MXN", "concept": "Renta",
        });
        let moved = self.stack.giro.post("/v1/transfers", &fresh(), &transfer).await?;
        let mut own = request(to, 2_000 + i64::from(n));
        own["beneficiary"]["clabe"] = json!(clabe(1));
        let booked = self.stack.giro.post("/v1/payouts", &fresh(), &own).await?;
        for reply in [moved, booked] {
            ensure!(reply.status == 201 && reply.body["state"] == "settled", "{reply:?}");
        }
        let (one, other) = (1_000 + i64::from(n), 2_000 + i64::from(n));
        self.tally[0] += other - one;
        self.tally[1] += one - other - CHARGE;
        let later = n + 3;
        if n % 4 == 1 && later < self.options.days && later != OUTAGE {
            let at = MEXICO_CITY.to_timestamp(self.date(later).to_datetime(time(10, 0, 0, 0)))?;
            let mut body = request(from, 60_045);
            body["process_after"] = json!(at);
            let held = self.stack.giro.post("/v1/payouts", &fresh(), &body).await?;
            ensure!(held.body["next"]["step"] == "await_time", "{held:?}");
            self.tally[0] -= 60_045 + CHARGE;
            self.waiting.push((later, text(&held.body, "/id")?));
        }
        Ok(())
    }

    /// What is planted, and what goes wrong.
    async fn misfortune(&mut self, n: u16) -> Result<()> {
        if n == LOST {
            self.stack.bank.fault(None, Some(Fault::DropBefore), Some(1)).await?;
            let id = self.stack.giro.pay(&self.accounts[0], 80_045).await?;
            let in_doubt = |payout: &Value| payout["state"] == "sending" && payout["doubt"].is_string();
            self.stack.giro.wait(&id, PATIENCE, in_doubt).await?;
            self.lost = Some(id);
        }
        if n == STRAY {
            let order = Planted::ours("MESNADIE1", 77_700, "LQ");
            let planted = self.stack.bank.plant(&order).await?;
            self.plant(planted.fecha_operacion, &order.clave)?;
            self.apart -= order.monto;
        }
        if n == OTHERWISE {
            let key = self.stack.bank.receive(&deposit(1, 12_300)).await?.clave_rastreo;
            self.came(&key, "applied", n).await?;
            self.tally[0] += 12_300;
            let again = Incoming {
                clave: key.clone(),
                ..deposit(1, 45_600)
            };
            let told = self.stack.bank.receive(&again).await?;
            self.plant(told.fecha_operacion, &key)?;
            // The bank has the second amount in place of the first.
            self.apart += again.monto - 12_300;
        }
        Ok(())
    }

    fn plant(&mut self, date: u32, what: &str) -> Result<()> {
        let date = Date::strptime("%Y%m%d", date.to_string())?;
        self.planted.entry(date).or_default().push(what.to_owned());
        Ok(())
    }

    /// A payout of three days ago or more comes back, whole or in part.
    async fn comes_back(&mut self, n: u16) -> Result<usize> {
        let old = |asked: &&mut Asked| !asked.is_back && asked.on + 3 <= n;
        if n % 3 != 2 {
            return Ok(0);
        }
        let Some(asked) = self.settled.iter_mut().find(old) else {
            return Ok(0);
        };
        let key = self.stack.key(&asked.id).await?;
        let whole = asked.amount.get();
        let back = Incoming {
            monto: if n.is_multiple_of(2) { whole } else { whole / 2 },
            devolucion: Some(key),
            tipo_pago: 17,
            causa: Some(3),
            ..Incoming::default()
        };
        self.stack.bank.receive(&back).await?;
        let returned = self.stack.giro.wait(&asked.id, PATIENCE, is("returned")).await?;
        ensure!(returned["returned"]["amount"] == back.monto, "{returned}");
        asked.is_back = true;
        self.tally[0] += back.monto;
        Ok(1)
    }

    /// Before the roll a payout is asked for that goes out after it; then the day that has closed is read.
    async fn evening(&mut self, n: u16) -> Result<String> {
        self.at(n, time(17, 53, 0, 0)).await?;
        let id = self.stack.giro.pay(&self.accounts[0], 90_045).await?;
        self.tally[0] -= 90_045 + CHARGE;
        let waits = |payout: &Value| payout["next"]["step"] == "await_opening";
        self.stack.giro.wait(&id, PATIENCE, waits).await?;
        self.at(n, time(18, 10, 30, 0)).await?;
        self.waiting.push((n, id));
        self.due(n).await?;
        let read = self.reconcile().await?;
        self.resume().await?;
        self.close(self.date(n))?;
        Ok(match read.days.last() {
            None => "no day has closed".to_owned(),
            Some(day) => format!("agreed {} of {} on {}", day.agreed, day.orders, day.operating_date),
        })
    }
}

fn deposit(n: u32, centavos: i64) -> Incoming {
    Incoming {
        monto: centavos,
        cuenta_beneficiario: clabe(n),
        ..Incoming::default()
    }
}

/// An idempotency key that nobody has used.
fn fresh() -> String {
    Uuid::now_v7().to_string()
}
