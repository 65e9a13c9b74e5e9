//! What callers, people and Temporal do to bring one payout to its point; they press on until they are answered.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use temporalio_client::{Client, WorkflowIdReusePolicy, WorkflowStartOptions};
use tokio::time::{Instant, sleep};
use workflows::{
    PayoutWorkflow,
    domain::{PayoutId, PayoutRequest, TrackingKey},
    wire::{AcceptedStart, DirectStart, Start},
};

use super::plan::{Cell, Way, way};
use crate::{
    client::{Giro, Reply, request, text},
    load::is_later,
    stack::PATIENCE,
};

const SOON: Duration = Duration::from_millis(50);

/// One death that is to be, and its payout.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) cell: Cell,
    /// The caller's key.
    pub(super) key: String,
    pub(super) body: Value,
    pub(super) payout: PayoutId,
}

impl Subject {
    /// What is asked for in the `n`th place; the amount tells the bank what to do.
    pub(super) fn body(cell: Cell, n: usize, account: &str) -> Result<Value> {
        let cents = cell.outcome.fault().row().map_or(0, |row| row.cents);
        Ok(request(account, 10_000 + 100 * i64::try_from(n)? + cents))
    }

    /// Its death, as `GIRO_CRASH` takes it.
    pub(super) fn aim(&self) -> String {
        format!("{}@{}", self.cell.point, self.tracking_key())
    }

    /// What aims and logs call it.
    pub(super) fn tracking_key(&self) -> String {
        TrackingKey::derive(self.payout).to_string()
    }
}

/// What drives payouts from outside; each may be used while a victim is away.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) temporal: Client,
    pub(super) queue: String,
    /// The API that dies, and the one that does not.
    pub(super) victim: Giro,
    pub(super) steady: Giro,
}

impl Hands {
    /// Asks for a payout where nothing dies; nobody starts its run.
    pub(super) async fn prepare(&self, cell: Cell, n: usize, account: &str) -> Result<Subject> {
        let (key, body) = (format!("crash-{n}"), Subject::body(cell, n, account)?);
        let payout = match way(cell.point) {
            // It is its own key.
            Way::Direct => PayoutId::new(uuid::Uuid::now_v7()),
            Way::Open
            | Way::Create
            | Way::Run
            | Way::Sweep
            | Way::Cancel
            | Way::Retry
            | Way::Pause
            | Way::Beside(_) => {
                let reply = press(&self.steady, "/v1/payouts", &key, &body).await?;
                ensure!(matches!(reply.status, 200 | 201), "{cell}: {reply:?}");
                text(&reply.body, "/id")?.parse()?
            }
        };
        Ok(Subject {
            cell,
            key,
            body,
            payout,
        })
    }

    /// Lets a prepared payout go to its point.
    pub(super) async fn release(self, subject: Subject) -> Result<()> {
        let cell = subject.cell;
        let id = subject.payout.to_string();
        match way(cell.point) {
            Way::Open | Way::Create | Way::Sweep | Way::Pause | Way::Beside(_) => return Ok(()),
            Way::Run => self.start(&subject, self.accepted(&subject)).await?,
            Way::Direct => {
                let start = DirectStart {
                    payout: subject.payout,
                    request: PayoutRequest::from_json(&serde_json::to_vec(&subject.body)?)
                        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?,
                };
                self.start(&subject, Start::Direct(Box::new(start))).await?;
            }
            Way::Cancel => {
                if cell.outcome.is_sent() {
                    self.start(&subject, self.accepted(&subject)).await?;
                    self.seen(&id, |payout| payout["state"] != "accepted").await?;
                }
                let path = format!("/v1/payouts/{id}/cancel");
                let reply = press(&self.victim, &path, &format!("{}-cancel", subject.key), &json!({})).await?;
                let expected = if cell.outcome.is_sent() { 409 } else { 200 };
                ensure!(reply.status == expected, "{cell}: {reply:?}");
            }
            Way::Retry => {
                self.start(&subject, self.accepted(&subject)).await?;
                self.seen(&id, |payout| {
                    payout["state"] == "sent" || payout["doubt"].is_string() || payout["ended_at"].is_string()
                })
                .await?;
                let path = format!("/v1/payouts/{id}/retry");
                let reply = press(&self.victim, &path, &format!("{}-retry", subject.key), &json!({})).await?;
                // What has ended meanwhile has missed its point, and is replaced.
                ensure!(matches!(reply.status, 200 | 202 | 409), "{cell}: {reply:?}");
            }
        }
        Ok(())
    }

    fn accepted(&self, subject: &Subject) -> Start {
        Start::Accepted(AcceptedStart {
            payout: subject.payout,
            bank: "stp".to_owned(),
        })
    }

    async fn start(&self, subject: &Subject, start: Start) -> Result<()> {
        let options = WorkflowStartOptions::new(self.queue.clone(), format!("payout-{}", subject.payout))
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicateFailedOnly)
            .build();
        let started = self.temporal.start_workflow(PayoutWorkflow::run, start, options).await;
        started.map(drop).with_context(|| format!("{}: its run", subject.cell))
    }

    /// Waits until this holds of a payout.
    async fn seen(&self, id: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
        self.steady.wait(id, PATIENCE, holds).await.map(drop)
    }
}

/// Posts until there is an answer: the same key and body, however often the other side dies.
pub(super) async fn press(giro: &Giro, path: &str, key: &str, body: &Value) -> Result<Reply> {
    let start = Instant::now();
    loop {
        let why = match giro.post(path, key, body).await {
            Ok(reply) if !is_later(reply.status) => return Ok(reply),
            Ok(reply) => format!("status {}", reply.status),
            Err(error) => format!("{error:#}"),
        };
        ensure!(
            start.elapsed() < PATIENCE,
            "POST {path} {key} never got an answer: {why}"
        );
        sleep(SOON).await;
    }
}
