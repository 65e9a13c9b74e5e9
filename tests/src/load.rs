//! Callers that press on and forget nothing: each key and body is on disk before the request leaves, and what gets no
//! answer is asked again with the same key and body. In the end every key has one payout, and asking again makes none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    books::Books,
    client::{Giro, Reply, request, text},
};

/// Requests under way at once.
const AT_ONCE: usize = 16;
/// Between two tries of one request.
const PAUSE: Duration = Duration::from_millis(200);
/// An outage may last this long.
const PATIENCE: Duration = Duration::from_secs(120);
/// By turns the bank settles, loses its answer, loses its webhook, answers late, refuses, and repeats its webhook.
const CENTS: [i64; 8] = [0, 90, 0, 93, 91, 94, 0, 88];
/// Each tenth caller hangs up after so long, whatever became of its request, and asks again.
const HASTY: usize = 10;
const HASTE: Duration = Duration::from_millis(8);

/// What is on disk, one JSON line each, in the order it happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
enum Note {
    /// Written before the request leaves.
    Asks { key: String, body: Value },
    /// Neither yes nor no: asked again.
    Unanswered { key: String, why: String },
    /// The answer.
    Answered { key: String, status: u16, payout: String },
}

/// Callers of one account, against all APIs of one giro by turns.
#[derive(Debug)]
pub struct Load {
    apis: Vec<Giro>,
    account: String,
    path: PathBuf,
    journal: Mutex<File>,
    answered: AtomicUsize,
    unanswered: AtomicUsize,
    done_before: AtomicUsize,
}

impl Load {
    /// Begins a journal at `path`.
    pub fn new(apis: &[Giro], account: &str, path: &Path) -> Result<Self> {
        ensure!(!apis.is_empty(), "a load needs an API");
        let journal = OpenOptions::new().append(true).create_new(true).open(path);
        Ok(Self {
            apis: apis.to_vec(),
            account: account.to_owned(),
            path: path.to_owned(),
            journal: Mutex::new(journal.with_context(|| path.display().to_string())?),
            answered: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            done_before: AtomicUsize::new(0),
        })
    }

    /// Requests that have their answer.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Tries that got none: a connection that was cut or refused, or an answer that says to come back.
    pub fn unanswered(&self) -> usize {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// Requests that had been done when their first answer came: an earlier try was lost after its COMMIT.
    pub fn done_before(&self) -> usize {
        self.done_before.load(Ordering::Relaxed)
    }

    /// Asks for these payouts, sixteen at once, until each has its answer. An answer that is not a payout is an error.
    pub async fn ask(&self, which: Range<usize>) -> Result<()> {
        stream::iter(which)
            .map(|n| self.one(n))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn one(&self, n: usize) -> Result<()> {
        let key = format!("load-{n}");
        let amount = 10_000 + 100 * i64::try_from(n)? + CENTS[n % CENTS.len()];
        let body = request(&self.account, amount);
        self.note(&Note::Asks {
            key: key.clone(),
            body: body.clone(),
        })?;
        let start = Instant::now();
        let mut patience = if n % HASTY == HASTY - 1 { HASTE } else { PATIENCE };
        for api in self.apis.iter().cycle().skip(n % self.apis.len()) {
            let why = match timeout(patience, api.post("/v1/payouts", &key, &body)).await {
                Ok(Ok(reply)) if !is_later(reply.status) => return self.answer(key, &reply),
                Ok(Ok(reply)) => format!("status {}", reply.status),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "hung up".to_owned(),
            };
            patience = PATIENCE;
            ensure!(start.elapsed() < PATIENCE, "{key} never got an answer: {why}");
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            self.note(&Note::Unanswered { key: key.clone(), why })?;
            sleep(PAUSE).await;
        }
        bail!("{key}: no API to ask")
    }

    fn answer(&self, key: String, reply: &Reply) -> Result<()> {
        let status = reply.status;
        ensure!(matches!(status, 200 | 201), "{key}: {reply:?}");
        let payout = text(&reply.body, "/id")?;
        self.note(&Note::Answered { key, status, payout })?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.done_before
            .fetch_add(usize::from(status == 200), Ordering::Relaxed);
        Ok(())
    }

    /// On disk when it returns.
    fn note(&self, note: &Note) -> Result<()> {
        let mut line = serde_json::to_vec(note)?;
        line.push(b'\n');
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.write_all(&line)?;
        Ok(journal.sync_data()?)
    }

    /// Every key of the journal: the body that went with it, and each payout it was ever answered with.
    fn told(&self) -> Result<BTreeMap<String, (Value, BTreeSet<String>)>> {
        let mut told: BTreeMap<String, (Value, BTreeSet<String>)> = BTreeMap::new();
        for line in BufReader::new(File::open(&self.path)?).lines() {
            match serde_json::from_str(&line?)? {
                Note::Asks { key, body } => told.entry(key).or_default().0 = body,
                Note::Answered { key, payout, .. } => {
                    told.entry(key).or_default().1.insert(payout);
                }
                Note::Unanswered { .. } => {}
            }
        }
        Ok(told)
    }

    /// Holds callers' promise over all that was ever asked: each key has one payout, no two the same, and there are no
    /// others; each key asked once more, at every API, gives that payout and writes no row.
    pub async fn holds(&self, books: &mut Books) -> Result<()> {
        let told = self.told()?;
        let before = books.rows().await?;
        let mut all = BTreeSet::new();
        for (key, (_, payouts)) in &told {
            ensure!(payouts.len() == 1, "{key} was answered with {payouts:?}");
            all.extend(payouts);
        }
        ensure!(all.len() == told.len(), "{} payouts for {} keys", all.len(), told.len());
        ensure!(
            usize::try_from(before.payouts)? == told.len(),
            "{} keys, {before:?}",
            told.len()
        );
        for api in &self.apis {
            stream::iter(&told)
                .map(Ok)
                .try_for_each_concurrent(AT_ONCE, |(key, (body, payouts))| async move {
                    let reply = api.post("/v1/payouts", key, body).await?;
                    let same = text(&reply.body, "/id").is_ok_and(|id| payouts.contains(&id));
                    ensure!(reply.status == 200 && reply.replayed && same, "{key} again: {reply:?}");
                    Ok(())
                })
                .await?;
        }
        let after = books.rows().await?;
        ensure!(after == before, "asking again wrote rows: {before:?}, then {after:?}");
        Ok(())
    }
}

/// giro may or may not have done it, or has not: the same key may be asked again.
pub(crate) fn is_later(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 429)
}
