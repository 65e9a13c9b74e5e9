//! What banks tell us: stored before it is understood, understood by asking the bank, done when the books know.

use std::{net::IpAddr, panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt, StreamExt, stream};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use temporalio_client::{Client, WorkflowSignalOptions, errors::WorkflowInteractionError};
use tracing::{error, info, warn};
use uuid::Uuid;
use workflows::{
    PayoutWorkflow,
    domain::{PayoutId, ReceivedId, State},
    wire::Anything,
};

use crate::{
    bank::{Claim, Found, Hint, Notice},
    crash::{self, Point},
    ledger::{
        StoreError,
        command::{By, Finding, Stand},
        heard,
        rows::Payout,
    },
    meters,
    receive::{Asked, Puller},
    steps::{BankSteps, Looked},
};

/// Rows worked on at once.
const AT_ONCE: usize = 16;
/// Looks without a clear answer, some seconds, until a person is told of a claim against an end.
const UNCLEAR: i32 = 3;
/// Looks, some two days, after which the bank is not asked about such a claim any more.
const NEVER: i32 = 330;
/// Between two looks at an empty inbox.
const IDLE: Duration = Duration::from_millis(200);

/// One webhook as it came.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// The address of the socket that it came by.
    pub remote: IpAddr,
    /// Why it is set apart at once; what is odd is kept for people, and nobody works on it.
    pub odd: Option<&'static str>,
}

/// Stores what a bank sent; a repeat of the same body is the same row.
pub async fn receive(pool: &PgPool, bank: &str, delivery: Delivery<'_>) -> Result<(), StoreError> {
    let hash = Sha256::digest(delivery.body);
    let stored = sqlx::query!(
        r#"insert into inbox (bank, body, body_hash, remote, note, received_at, next_at, done_at)
           values ($1, $2, $3, $4, $5, giro_now(), giro_now(), case when $5::text is not null then giro_now() end)
           on conflict (bank, body_hash) do nothing"#,
        bank,
        delivery.body,
        hash.as_slice(),
        delivery.remote.to_string(),
        delivery.odd
    )
    .execute(pool);
    heard(stored).await.map(drop)
}

/// Works the inbox of one bank until `stop` resolves. A row is leased for a while, so that a dead worker's rows come back.
///
/// It waits while the books are held against the bank's orders: what the bank says of a payout whose send was lost must
/// find that send taken in.
pub async fn work(steps: BankSteps, client: Client, puller: Puller, stop: impl Future<Output = ()>) {
    let reader = Reader { steps, client, puller };
    let steps = &reader.steps;
    let mut stop = std::pin::pin!(stop);
    loop {
        let claimed = match steps.caught_up().seen() {
            Some(_) => heard(claim(steps)).await,
            None => Ok(Vec::new()),
        };
        let worked = match claimed {
            Ok(rows) => {
                let count = rows.len();
                stream::iter(rows)
                    .for_each_concurrent(AT_ONCE, |row| reader.settle(row))
                    .await;
                count
            }
            Err(error) => {
                warn!(%error, "the inbox cannot be read");
                0
            }
        };
        let pause = if worked == 0 { IDLE } else { Duration::ZERO };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A row that is due.
struct Due {
    id: i64,
    body: Vec<u8>,
    tries: i32,
}

/// Who reads them: with the bank's credentials, and a way to wake runs.
struct Reader {
    steps: BankSteps,
    client: Client,
    puller: Puller,
}

/// What a row is about.
#[derive(Clone, Copy)]
enum About {
    Nothing,
    Payout(PayoutId),
    Received(ReceivedId),
}

impl From<PayoutId> for About {
    fn from(payout: PayoutId) -> Self {
        Self::Payout(payout)
    }
}

/// What becomes of a row.
enum Fate {
    /// Understood; nothing more will come of it.
    Done(&'static str, About),
    /// Looked at again in a while.
    Again(&'static str, About),
}

/// Takes due rows for this worker.
async fn claim(steps: &BankSteps) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query_as!(
        Due,
        r#"update inbox set tries = tries + 1, next_at = giro_now() + interval '30 seconds'
           where id in (
               select id from inbox where bank = $1 and done_at is null and next_at <= giro_now()
               order by next_at limit $2 for update skip locked)
           returning id, body, tries"#,
        steps.bank().name(),
        i64::try_from(2 * AT_ONCE).unwrap_or(32)
    )
    .fetch_all(steps.ledger().pool())
    .await?;
    Ok(rows)
}

impl Reader {
    /// Works one row and writes what became of it.
    async fn settle(&self, row: Due) {
        let (note, about, again) = match unbroken(row.id, self.understand(&row)).await {
            Fate::Done(note, about) => (note, about, None),
            // Quick at first: the bank may just not have decided. Never given up.
            Fate::Again(note, about) => (note, about, Some(1_i64 << row.tries.clamp(0, 9))),
        };
        let steps = &self.steps;
        meters::looked(steps.bank().name(), note);
        let (payout, received) = match about {
            About::Nothing => (None, None),
            About::Payout(payout) => (Some(payout), None),
            About::Received(received) => (None, Some(received)),
        };
        let marked = sqlx::query!(
            r#"update inbox set note = $2, payout = $3, received = $5,
                   done_at = case when $4::bigint is null then giro_now() end,
                   next_at = giro_now() + coalesce($4::bigint, 0) * interval '1 second'
               where id = $1"#,
            row.id,
            note,
            payout.map(PayoutId::uuid),
            again,
            received.map(ReceivedId::uuid)
        )
        .execute(steps.ledger().pool());
        let written = heard(marked).await;
        if let Some(payout) = payout {
            crash::at(Point::InboxAfterDone, &payout);
        }
        if let Err(error) = written {
            warn!(row = row.id, %error, "an inbox row was worked but not marked; it will be worked again");
        }
    }

    /// What a row is about, and what comes of it.
    async fn understand(&self, row: &Due) -> Fate {
        match self.steps.bank().parse_webhook(&row.body) {
            Some(Hint::Order(notice)) => {
                // What came back may be listed already: whatever becomes of the order, giro looks.
                if notice.claim == Claim::CameBack {
                    let _looked = self.puller.ask(notice.tracking_key.as_str(), None).await;
                }
                understand(&self.steps, &self.client, row, &notice).await
            }
            Some(Hint::Received {
                tracking_key,
                operating_date,
            }) => {
                match self.puller.ask(&tracking_key, operating_date).await {
                    Ok(Asked::TakenIn(received)) => Fate::Done("taken in", About::Received(received)),
                    // Anybody can claim: what the bank never confirms is given up.
                    Ok(Asked::NotYet | Asked::NoAnswer) if row.tries >= NEVER => {
                        Fate::Done("never confirmed", About::Nothing)
                    }
                    Ok(Asked::NotYet) => Fate::Again("not there", About::Nothing),
                    Ok(Asked::NoAnswer) => Fate::Again("not asked", About::Nothing),
                    Err(error) => {
                        warn!(row = row.id, %error, "what came could not be taken in; tried again");
                        Fate::Again("not taken in", About::Nothing)
                    }
                }
            }
            None => {
                warn!(row = row.id, "a webhook that does not read is kept apart");
                Fate::Done("unreadable", About::Nothing)
            }
        }
    }
}

/// What breaks its reader is a bug, and kept for its mending; the others go on.
async fn unbroken(row: i64, understanding: impl Future<Output = Fate>) -> Fate {
    AssertUnwindSafe(understanding)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            error!(row, "a webhook breaks what reads it: looked at again later");
            Fate::Again("broken", About::Nothing)
        })
}

/// Matches a row to its payout, asks the bank, and wakes the run. A webhook itself proves nothing.
async fn understand(steps: &BankSteps, client: &Client, row: &Due, notice: &Notice) -> Fate {
    crash::at(Point::InboxAfterClaim, &notice.tracking_key);
    let payout = match steps.ledger().payout_by_key(notice.tracking_key.as_str()).await {
        Ok(Some(payout)) => payout,
        Ok(None) => return Fate::Again("unmatched", About::Nothing),
        Err(_) => return Fate::Again("books away", About::Nothing),
    };
    let id = payout.id;
    if agrees(&payout, notice) {
        return Fate::Done("agrees", id.into());
    }
    let before = match steps.read(id).await {
        Ok(Some(before)) => before,
        Ok(None) | Err(_) => return Fate::Again("books away", id.into()),
    };
    let after = match steps.ask_bank(&before).await {
        Ok(after) => after,
        Err(_) => return Fate::Again("not asked", id.into()),
    };
    info!(payout = %id, workflow = id.workflow_id(), said = after.payout.bank_said, "asked after a webhook");
    if !payout.state.is_open() {
        return after_end(steps, &after, notice.claim, row.tries).await;
    }
    match after.stand {
        Stand::Closed => {
            crash::at(Point::InboxBeforeSignal, &id);
            match look(client, id).await {
                Ok(()) => {
                    crash::at(Point::InboxAfterSignal, &id);
                    Fate::Done("evidence", id.into())
                }
                Err(error) => {
                    warn!(payout = %id, %error, "the run was not woken; tried again");
                    Fate::Again("not signalled", id.into())
                }
            }
        }
        Stand::Go | Stand::NotSent { .. } | Stand::Sent | Stand::Doubt | Stand::Resend => {
            Fate::Again("undecided", id.into())
        }
    }
}

/// A webhook that contradicts an end. Where the bank's own answer denies it, nothing comes of it: anybody can claim. Where
/// the bank says nothing clear for seconds a person is told, and it is asked about until its answer is clear.
async fn after_end(steps: &BankSteps, after: &Looked, claim: Claim, tries: i32) -> Fate {
    let id = after.payout.id;
    let clear = match &after.found {
        Some(Found::Paid { came_back, .. }) => *came_back || claim != Claim::CameBack,
        Some(Found::NotPaid { .. }) => true,
        Some(Found::Pending { .. } | Found::NotFound | Found::Doubt(_)) | None => false,
    };
    if clear {
        return Fate::Done("asked after the end", id.into());
    }
    if tries >= UNCLEAR {
        let finding = Finding {
            payout: id,
            id: Uuid::new_v4(),
            by: By::Claim,
        };
        if steps.ledger().evidence(finding).await.is_err() {
            return Fate::Again("books away", id.into());
        }
    }
    if tries >= NEVER {
        return Fate::Done("never confirmed", id.into());
    }
    Fate::Again("contradicts the end", id.into())
}

/// A claim that says what the books already say needs no question.
fn agrees(payout: &Payout, notice: &Notice) -> bool {
    match (payout.state, notice.claim) {
        (State::Settled | State::Returned, Claim::Paid) => true,
        // Where the bank has said otherwise since, it is asked once more.
        (State::Failed | State::Cancelled, Claim::NotPaid) => !payout.paid_after_end,
        (State::Returned, Claim::CameBack) => true,
        (_, Claim::Paid | Claim::NotPaid | Claim::CameBack | Claim::Other) => false,
    }
}

/// Wakes a payout's run. A run that is not there needs none: the sweeper starts it, and it reads the row.
pub async fn look(client: &Client, payout: PayoutId) -> Result<(), WorkflowInteractionError> {
    wake(client, payout.workflow_id()).await
}

/// Wakes the run with this id. All that look are told so by the same signal.
pub async fn wake(client: &Client, run: String) -> Result<(), WorkflowInteractionError> {
    let run = client.get_workflow_handle::<PayoutWorkflow>(run);
    match run
        .signal(PayoutWorkflow::look, Anything, WorkflowSignalOptions::default())
        .await
    {
        Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_breaks_its_reader_is_kept_and_the_reader_goes_on() {
        let broken = async {
            let nothing: Option<Fate> = std::hint::black_box(None);
            nothing.expect("a bug")
        };
        assert!(matches!(
            unbroken(1, broken).await,
            Fate::Again("broken", About::Nothing)
        ));
        let sound = async { Fate::Done("agrees", About::Nothing) };
        assert!(matches!(unbroken(2, sound).await, Fate::Done("agrees", About::Nothing)));
    }
}
