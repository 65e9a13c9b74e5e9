//! Callers that press on and forget nothing: each key and body is on disk before the request leaves, and what gets no
//! answer is asked again with the same key and body. In the end every key has one payout, and asking again makes none.

mod journal;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    books::Books,
    client::{Giro, Reply, request, text},
    sim::Fault,
};
use journal::{Journal, Note, Told};

/// Requests under way at once.
const AT_ONCE: usize = 16;
/// Between two tries of one request.
const PAUSE: Duration = Duration::from_millis(200);
/// An outage may last this long; Postgres that goes down every few seconds is one.
const PATIENCE: Duration = Duration::from_secs(300);
/// By turns the bank settles, loses its answer, loses its webhook, answers late, refuses, and repeats its webhook.
const CENTS: &[i64] = &[0, 90, 0, 93, 91, 94, 0, 88];
/// Each tenth caller hangs up after so long, whatever became of its request, and asks again.
const HASTY: usize = 10;
const HASTE: Duration = Duration::from_millis(8);
const PAYOUTS: &str = "/v1/payouts";
const TRANSFERS: &str = "/v1/transfers";
/// A transfer at a time is made so many seconds after it is asked for.
const LATER: i64 = 10;
/// Of so many payouts one is taken back, one is asked about, one is asked for again, one key gets another body, and beside two
/// of them a transfer is asked for, at once and at a time.
pub(crate) const TURN: usize = 20;

/// What callers met so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Payouts that were asked for and answered.
    pub answered: AtomicUsize,
    /// Tries that got no answer: a connection that was cut or refused, or an answer that says to come back.
    pub unanswered: AtomicUsize,
    /// Payouts that were there when their first answer came: an earlier try was lost after its COMMIT.
    pub done_before: AtomicUsize,
    /// Payouts that were taken back in time.
    pub cancelled: AtomicUsize,
    /// Too late to take back.
    pub too_late: AtomicUsize,
    /// Questions about a payout that were answered, now or later.
    pub retried: AtomicUsize,
    /// Transfers between two accounts that were answered.
    pub transfers: AtomicUsize,
    /// Keys that were asked again at once, with the same body or another.
    pub again: AtomicUsize,
    /// From a request's first try to its answer, at most; in seconds.
    pub longest: AtomicU64,
}

/// Callers of some accounts, against all APIs of one giro by turns.
#[derive(Debug)]
pub struct Load {
    apis: Vec<Giro>,
    accounts: Vec<String>,
    journal: Journal,
    /// The cents of amounts, by turns.
    cents: &'static [i64],
    /// The cents of the next amounts, before those.
    next: Mutex<VecDeque<i64>>,
    /// They take back, ask about, and ask for again what they asked for.
    busy: bool,
    /// What callers met.
    pub counts: Counts,
}

fn count(number: &AtomicUsize) {
    number.fetch_add(1, Ordering::Relaxed);
}

impl Load {
    /// Begins a journal at `path`.
    pub fn new(apis: &[Giro], accounts: Vec<String>, path: &Path) -> Result<Self> {
        ensure!(
            !apis.is_empty() && !accounts.is_empty(),
            "a load needs an API and an account"
        );
        Ok(Self {
            apis: apis.to_vec(),
            accounts,
            journal: Journal::begin(path)?,
            cents: CENTS,
            next: Mutex::default(),
            busy: false,
            counts: Counts::default(),
        })
    }

    /// The same, with amounts that choose no fate, and callers that do more than ask for payouts.
    pub fn busy(self) -> Self {
        Self {
            cents: &[0],
            busy: true,
            ..self
        }
    }

    /// Payouts that were asked for and answered.
    pub fn answered(&self) -> usize {
        self.counts.answered.load(Ordering::Relaxed)
    }

    /// Tries that got no answer.
    pub fn unanswered(&self) -> usize {
        self.counts.unanswered.load(Ordering::Relaxed)
    }

    /// Payouts that were there when their first answer came.
    pub fn done_before(&self) -> usize {
        self.counts.done_before.load(Ordering::Relaxed)
    }

    /// The next payout meets this at the bank.
    pub fn meets(&self, fault: Fault) {
        let cents = fault.row().map_or(0, |row| row.cents);
        self.next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(cents);
    }

    /// Asks for these payouts, sixteen at once, until each has its answer. An answer that is not a payout is an error.
    pub async fn ask(&self, which: Range<usize>) -> Result<()> {
        stream::iter(which)
            .map(|n| self.one(n))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Asks for the `n`th payout until it is answered, and does with it what its turn says.
    pub async fn one(&self, n: usize) -> Result<()> {
        let key = format!("load-{n}");
        let chosen = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let cents = chosen.unwrap_or(self.cents[n % self.cents.len()]);
        let amount = 10_000 + 100 * i64::try_from(n % 10_000)? + cents;
        let body = request(&self.accounts[n % self.accounts.len()], amount);
        let reply = self.insist(n, &key, PAYOUTS, &body).await?;
        ensure!(matches!(reply.status, 200 | 201), "{key}: {reply:?}");
        let id = text(&reply.body, "/id")?;
        count(&self.counts.answered);
        if reply.status == 200 {
            count(&self.counts.done_before);
        }
        if self.busy {
            self.more(n, &key, &id, &body).await
        } else {
            Ok(())
        }
    }

    /// What callers do besides.
    async fn more(&self, n: usize, key: &str, id: &str, body: &Value) -> Result<()> {
        match n % TURN {
            3 => {
                let (key, path) = (format!("cancel-{n}"), format!("{PAYOUTS}/{id}/cancel"));
                let reply = self.insist(n, &key, &path, &json!({})).await?;
                ensure!(matches!(reply.status, 200 | 409), "{key}: {reply:?}");
                let cancelled = reply.status == 200;
                count(if cancelled {
                    &self.counts.cancelled
                } else {
                    &self.counts.too_late
                });
            }
            5 => self.transfer(n, None).await?,
            11 => {
                let at = Timestamp::from_second(Timestamp::now().as_second() + LATER)?;
                self.transfer(n, Some(at)).await?;
            }
            9 => {
                let (key, path) = (format!("retry-{n}"), format!("{PAYOUTS}/{id}/retry"));
                let reply = self.insist(n, &key, &path, &json!({})).await?;
                ensure!(matches!(reply.status, 200 | 202), "{key}: {reply:?}");
                count(&self.counts.retried);
            }
            14 => {
                let reply = self.insist(n + 1, key, PAYOUTS, body).await?;
                let same = text(&reply.body, "/id").is_ok_and(|again| again == id);
                ensure!(reply.status == 200 && reply.replayed && same, "{key} again: {reply:?}");
                count(&self.counts.again);
            }
            17 => {
                let mut other = body.clone();
                other["amount"] = json!(1);
                let reply = self.press(n, key, PAYOUTS, &other).await?;
                ensure!(reply.status == 422, "{key} with another body: {reply:?}");
                count(&self.counts.again);
            }
            _ => {}
        }
        Ok(())
    }

    /// From one account to the next, where there are two.
    async fn transfer(&self, n: usize, at: Option<Timestamp>) -> Result<()> {
        if self.accounts.len() < 2 {
            return Ok(());
        }
        let [from, to] = [n, n + 1].map(|n| &self.accounts[n % self.accounts.len()]);
        let mut body = json!({
            "account": from, "to_account": to, "amount": 100 + n, "currency": "MXN", "concept": "Prueba",
        });
        if let Some(at) = at {
            body["process_after"] = json!(at);
        }
        let key = format!("transfer-{n}");
        let reply = self.insist(n, &key, TRANSFERS, &body).await?;
        ensure!(matches!(reply.status, 200 | 201), "{key}: {reply:?}");
        count(&self.counts.transfers);
        Ok(())
    }

    /// Asks until there is an answer; question and answer are on disk.
    async fn insist(&self, n: usize, key: &str, path: &str, body: &Value) -> Result<Reply> {
        self.journal.note(&Note::Asks {
            key: key.to_owned(),
            path: path.to_owned(),
            body: body.clone(),
        })?;
        let reply = self.press(n, key, path, body).await?;
        self.journal.note(&Note::Answered {
            key: key.to_owned(),
            status: reply.status,
            payout: text(&reply.body, "/id").ok(),
        })?;
        Ok(reply)
    }

    async fn press(&self, n: usize, key: &str, path: &str, body: &Value) -> Result<Reply> {
        let start = Instant::now();
        let mut patience = if n % HASTY == HASTY - 1 { HASTE } else { PATIENCE };
        for api in self.apis.iter().cycle().skip(n % self.apis.len()) {
            let why = match timeout(patience, api.post(path, key, body)).await {
                Ok(Ok(reply)) if !is_later(reply.status) => {
                    self.counts
                        .longest
                        .fetch_max(start.elapsed().as_secs(), Ordering::Relaxed);
                    return Ok(reply);
                }
                Ok(Ok(reply)) => format!("status {}", reply.status),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "hung up".to_owned(),
            };
            patience = PATIENCE;
            ensure!(start.elapsed() < PATIENCE, "{key} never got an answer: {why}");
            count(&self.counts.unanswered);
            let key = key.to_owned();
            self.journal.note(&Note::Unanswered { key, why })?;
            sleep(PAUSE).await;
        }
        bail!("{key}: no API to ask")
    }

    /// Holds callers' promise over all that was ever asked: each key has one payout, no two the same, and there are no
    /// others; each key asked once more, at every API, gives that payout and writes no row; what was taken back stays so.
    pub async fn holds(&self, books: &mut Books) -> Result<()> {
        let told = self.journal.told()?;
        let of_payouts = |(_, told): &(&String, &Told)| [PAYOUTS, TRANSFERS].contains(&told.path.as_str());
        let asked: BTreeMap<&String, &Told> = told.iter().filter(of_payouts).collect();
        let others: BTreeMap<&String, &Told> = told.iter().filter(|told| !of_payouts(told)).collect();
        let (before, open) = (books.rows().await?, books.progress().await?);
        let mut all = BTreeSet::new();
        for (key, Told { payouts, .. }) in &asked {
            ensure!(payouts.len() == 1, "{key} was answered with {payouts:?}");
            all.extend(payouts);
        }
        ensure!(
            all.len() == asked.len(),
            "{} payouts for {} keys",
            all.len(),
            asked.len()
        );
        ensure!(
            usize::try_from(before.payouts)? == asked.len(),
            "{} keys, {before:?}",
            asked.len()
        );
        for api in &self.apis {
            stream::iter(&asked)
                .map(Ok)
                .try_for_each_concurrent(AT_ONCE, |(key, told)| async move {
                    let reply = api.post(&told.path, key, &told.body).await?;
                    let same = text(&reply.body, "/id").is_ok_and(|id| told.payouts.contains(&id));
                    ensure!(reply.status == 200 && reply.replayed && same, "{key} again: {reply:?}");
                    Ok(())
                })
                .await?;
        }
        for (key, told) in others.iter().filter(|(_, told)| told.path.ends_with("/cancel")) {
            let reply = self.apis[0].post(&told.path, key, &told.body).await?;
            let same = told.statuses.iter().all(|status| *status == reply.status);
            ensure!(same, "{key}: answered {:?}, and now {reply:?}", told.statuses);
        }
        let (after, still) = (books.rows().await?, books.progress().await?);
        // One that was left to the bank may end by itself meanwhile: that writes, and no request did.
        let same = match still == open {
            true => after == before,
            false => (after.payouts, after.requests) == (before.payouts, before.requests),
        };
        ensure!(same, "asking again wrote rows: {before:?}, then {after:?}");
        Ok(())
    }
}

/// giro may or may not have done it, or has not: the same key may be asked again.
pub(crate) fn is_later(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 429)
}
