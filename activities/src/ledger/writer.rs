//! The one writer of a process: it drains what queued while the last commit ran, decides in order, commits, answers.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use sqlx::{Acquire, PgConnection, PgPool};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};
use uuid::Uuid;
use workflows::domain::{PayoutId, ReceivedId};

use super::{
    LedgerError,
    chain::Chain,
    command::{Answer, Command},
    core::{balanced, decide},
    ends, heard,
    moments::{Moment, pass},
    rows::{Event, Rules, Writes},
    store::{self, StoreError},
};
use crate::meters;

/// Commands in one block at the most; larger blocks gain nothing.
const BLOCK: usize = 500;
/// Commands that wait at the most; beyond, callers wait for a place.
pub(super) const QUEUE: usize = 4 * BLOCK;
/// Tries of a block whose failure is nobody's fault, before its callers are told to come back later.
const TRIES: u32 = 6;
/// No try begins later than this after the first: each may take as long as a connection or a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// A place in the queue is waited for this long.
const PLACE: Duration = Duration::from_secs(3);
/// An answer is waited for this long: whoever asked is told to come back, and is not served if their block has not begun.
const ANSWER: Duration = Duration::from_secs(10);

/// A command, and where its answer goes.
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Answer, LedgerError>>,
}

/// Sends a command to the writer and awaits its answer, neither of them for ever.
pub(super) async fn ask(queue: &mpsc::Sender<Job>, command: Command) -> Result<Answer, LedgerError> {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        queue.send_timeout(Job { command, reply }, PLACE).await.ok()?;
        tokio::time::timeout(ANSWER, answer).await.ok()?.ok()
    };
    asked.await.unwrap_or_else(|| {
        meters::later(1);
        Err(LedgerError::Later)
    })
}

/// Runs until every handle of the ledger is gone.
pub(super) async fn run(pool: PgPool, rules: Rules, mut queue: mpsc::Receiver<Job>) {
    let chain = Chain::new();
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        if waiting.is_empty() && queue.recv_many(&mut waiting, BLOCK).await == 0 {
            return;
        }
        while waiting.len() < BLOCK {
            match queue.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
        let (block, next) = one_row_once(std::mem::take(&mut waiting));
        waiting = next;
        meters::waiting(waiting.len() + queue.len());
        settle(&pool, &rules, chain, block).await;
    }
}

/// A block holds each payout, each received record and each correction once, so that every row moves along one legal edge per commit; the
/// rest waits its turn.
fn one_row_once(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut seen: BTreeSet<Uuid> = BTreeSet::new();
    jobs.into_iter().partition(|job| {
        let payout = job.command.payout().map(PayoutId::uuid);
        let received = job.command.received().map(ReceivedId::uuid);
        let rows: Vec<Uuid> = payout
            .into_iter()
            .chain(received)
            .chain(job.command.decides())
            .collect();
        let is_free = rows.iter().all(|row| !seen.contains(row));
        // Who waits keeps its rows for itself: what comes later about them waits too.
        seen.extend(rows);
        is_free
    })
}

/// Decides and commits a block; a command that alone breaks a check is set aside, the others go on.
async fn settle(pool: &PgPool, rules: &Rules, chain: Chain, block: Vec<Job>) {
    let mut halves = vec![block];
    while let Some(mut block) = halves.pop() {
        // A caller that went away before its block began is not served: it cannot learn the answer.
        block.retain(|job| !job.reply.is_closed());
        if block.is_empty() {
            continue;
        }
        match persist(pool, rules, chain, &block).await {
            Ok(answers) => {
                let ended: Vec<PayoutId> = answers.iter().filter_map(ended).collect();
                if !ended.is_empty() {
                    tokio::spawn(ends::tell(pool.clone(), ended));
                }
                for (job, answer) in block.into_iter().zip(answers) {
                    let _gone = job.reply.send(Ok(answer));
                }
            }
            Err(Trouble::Row(why)) if block.len() == 1 => {
                meters::set_aside();
                for job in block {
                    error!(payout = ?job.command.payout(), received = ?job.command.received(), why, "set aside: this command alone breaks a check");
                    let _gone = job.reply.send(Err(LedgerError::SetAside));
                }
            }
            Err(Trouble::Row(_)) => {
                let second = block.split_off(block.len() / 2);
                halves.push(second);
                halves.push(block);
            }
            Err(Trouble::Away(why)) => {
                warn!(
                    commands = block.len(),
                    why, "the books are away: callers come back later"
                );
                meters::later(block.len());
                for job in block {
                    let _gone = job.reply.send(Err(LedgerError::Later));
                }
            }
        }
    }
}

/// The payout that an answer says has ended, now or before.
fn ended(answer: &Answer) -> Option<PayoutId> {
    match answer {
        Answer::Ended(payout, _) | Answer::Cancelled(payout) => Some(payout.id),
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Accepted { .. } | Answer::Refused { .. } => None,
        Answer::KeyConflict { .. }
        | Answer::TooLate(_)
        | Answer::CatchingUp(_)
        | Answer::Stands(..)
        | Answer::Open(_)
        | Answer::Unknown => None,
        Answer::Received { .. } | Answer::Placed(_) | Answer::Waits { .. } | Answer::NotCured { .. } => None,
        Answer::Decided(_) | Answer::Awaits(_) | Answer::NotDecided(_) => None,
    }
}

/// Why a block could not be written.
enum Trouble {
    /// Some row of it breaks a check.
    Row(String),
    /// Nobody's fault: connection, deadlock, timeout, a race that a second look settles.
    Away(String),
}

/// Writes a block, again and again while the failure is nobody's fault. A lost COMMIT answer is such a failure:
/// the second run finds its own rows and answers from them.
async fn persist(pool: &PgPool, rules: &Rules, chain: Chain, block: &[Job]) -> Result<Vec<Answer>, Trouble> {
    let began = Instant::now();
    let mut wait = Duration::from_millis(20);
    let mut last = String::new();
    for tried in 0..TRIES {
        if began.elapsed() > PATIENCE {
            break;
        }
        let attempted = heard(attempt(pool, rules, chain, block)).await;
        match attempted.inspect_err(|error| meters::try_failed(classify(error).word())) {
            Ok((answers, events)) => {
                meters::committed(block.len(), began.elapsed(), &events);
                return Ok(answers);
            }
            Err(error) => match classify(&error) {
                Fault::Row => return Err(Trouble::Row(error.to_string())),
                Fault::Taken if tried + 1 == TRIES => return Err(Trouble::Row(error.to_string())),
                Fault::Taken | Fault::Away => last = error.to_string(),
            },
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(1));
    }
    Err(Trouble::Away(last))
}

/// One transaction: lock, decide in arrival order, write, commit.
async fn attempt(
    pool: &PgPool,
    rules: &Rules,
    chain: Chain,
    block: &[Job],
) -> Result<(Vec<Answer>, Vec<Event>), StoreError> {
    let mut connection = pool.acquire().await?;
    let mut transaction = Acquire::begin(&mut *connection).await?;
    let decided = decide_block(&mut transaction, rules, chain, block).await?;
    let commands = || block.iter().map(|job| &job.command);
    pass(Moment::BeforeCommit, commands());
    transaction.commit().await?;
    pass(Moment::AfterCommit, commands());
    Ok(decided)
}

/// Decides a block on locked rows and writes what it decided, sealed. Answers with the transitions, for whoever counts
/// them.
async fn decide_block(
    connection: &mut PgConnection,
    rules: &Rules,
    chain: Chain,
    block: &[Job],
) -> Result<(Vec<Answer>, Vec<Event>), StoreError> {
    let commands: Vec<&Command> = block.iter().map(|job| &job.command).collect();
    let before = store::lock(&mut *connection, &commands).await?;
    let mut rows = before.clone();
    let mut all = Writes::default();
    let mut answers = Vec::with_capacity(commands.len());
    for command in commands {
        let (answer, writes) = decide(rules, &rows, command);
        if !balanced(&rows, &writes) {
            return Err(StoreError::Disagree("debits and credits differ".to_owned()));
        }
        rows.absorb(&writes);
        all.append(writes);
        answers.push(answer);
    }
    pass(Moment::BeforeWrites, block.iter().map(|job| &job.command));
    store::write(connection, &before, &all).await?;
    chain.seal(connection, &all.movements, before.now).await?;
    Ok((answers, all.events))
}

/// Whose fault a failure is.
enum Fault {
    /// A row's.
    Row,
    /// A key is taken, by another writer or an earlier run of ours: run again and look.
    Taken,
    /// Nobody's: the connection, a deadlock, a lock that somebody holds.
    Away,
}

impl Fault {
    /// The word in metrics.
    const fn word(&self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Taken => "taken",
            Self::Away => "away",
        }
    }
}

/// Integrity and data errors are a row's fault; a unique violation is a race until it has repeated itself.
fn classify(error: &StoreError) -> Fault {
    match error {
        StoreError::Disagree(_) => Fault::Row,
        StoreError::Database(sqlx::Error::Database(database)) => match database.code().as_deref() {
            Some("23505") => Fault::Taken,
            Some(code) if code.starts_with("23") || code.starts_with("22") || code == "P0001" => Fault::Row,
            Some(_) | None => Fault::Away,
        },
        StoreError::Database(_) => Fault::Away,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_keeps_nobody_waiting() {
        let (queue, mut jobs) = mpsc::channel(1);
        let command = || Command::Apply(PayoutId::new(Uuid::now_v7()));
        let first = tokio::spawn({
            let (queue, command) = (queue.clone(), command());
            async move { ask(&queue, command).await }
        });
        while queue.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&queue, command()).await, Err(LedgerError::Later), "no place");
        let job = jobs.recv().await.expect("the first");
        assert_eq!(job.reply.send(Ok(Answer::Unknown)), Ok(()));
        assert_eq!(
            first.await.expect("ends"),
            Ok(Answer::Unknown),
            "who has a place is served"
        );
        let late = tokio::spawn({
            let (queue, command) = (queue.clone(), command());
            async move { ask(&queue, command).await }
        });
        let unanswered = jobs.recv().await.expect("the third");
        assert_eq!(late.await.expect("ends"), Err(LedgerError::Later), "no answer");
        assert!(unanswered.reply.is_closed(), "and it is not served any more");
    }
}
