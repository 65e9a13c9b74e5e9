//! Word that payouts have ended, passed between processes by Postgres: a hint to look at the row, never the answer.
//!
//! The writer tells after COMMIT, outside the transaction: a notice in it would queue all commits behind one lock. A
//! notice that is lost costs a waiter seconds, for it looks by itself too.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::{
        Semaphore,
        broadcast::{self, error::RecvError},
    },
    time::Instant,
};
use tracing::debug;
use workflows::domain::PayoutId;

use super::{StoreError, heard};

const CHANNEL: &str = "giro_ended";
/// Ids in one notice: Postgres takes 8000 bytes.
const AT_ONCE: usize = 200;
/// Notices that a slow waiter may fall behind; beyond, it just looks.
const BEHIND: usize = 1024;
/// A waiter looks this often without any notice.
const LOOK: Duration = Duration::from_secs(2);
/// Who waits at once at the most: they must not take every place of the API from those who pay.
const WAITERS: usize = 256;
/// Before listening again after a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells every process that payouts have ended. A failure is no failure of theirs.
pub(super) async fn tell(pool: PgPool, ended: Vec<PayoutId>) {
    for some in ended.chunks(AT_ONCE) {
        let ids: Vec<String> = some.iter().map(|id| id.uuid().simple().to_string()).collect();
        let told = sqlx::query!("select pg_notify($1, $2)", CHANNEL, ids.join(","));
        if let Err(error) = heard(told.execute(&pool)).await {
            debug!(%error, "nobody was told of an end: who waits looks by itself");
        }
    }
}

/// What a waiter is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// This one has ended.
    Ended(PayoutId),
    /// Something may have been missed: look.
    Look,
}

/// One listener of a process, for all who wait.
#[derive(Clone, Debug)]
pub struct Ends {
    pool: PgPool,
    told: broadcast::Sender<Told>,
    places: Arc<Semaphore>,
}

impl Ends {
    /// Listens for as long as the process lives; the database may come and go.
    pub fn listen(pool: PgPool) -> Self {
        let (told, _) = broadcast::channel(BEHIND);
        let places = Arc::new(Semaphore::new(WAITERS));
        let ends = Self { pool, told, places };
        tokio::spawn(hear(ends.pool.clone(), ends.told.clone()));
        ends
    }

    /// Returns once the row of the payout has ended, or after `patience`; an unknown payout is not waited for, nor does
    /// anybody wait once many do.
    pub async fn wait(&self, payout: PayoutId, patience: Duration) -> Result<(), StoreError> {
        let Ok(_place) = self.places.try_acquire() else {
            return Ok(());
        };
        // Before the row is read: what ends in between is heard.
        let mut told = self.told.subscribe();
        let until = Instant::now() + patience;
        while is_open(&self.pool, payout).await? && Instant::now() < until {
            let look = until.min(Instant::now() + LOOK);
            let _in_time = tokio::time::timeout_at(look, about(&mut told, payout)).await;
        }
        Ok(())
    }
}

/// Resolves when there is a reason to look at the payout.
async fn about(told: &mut broadcast::Receiver<Told>, payout: PayoutId) {
    loop {
        match told.recv().await {
            Ok(Told::Ended(other)) if other != payout => {}
            Ok(Told::Ended(_) | Told::Look) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Passes notices on; after each gap everybody looks.
async fn hear(pool: PgPool, told: broadcast::Sender<Told>) {
    loop {
        if let Err(error) = listen(&pool, &told).await {
            debug!(%error, "not listening: who waits looks by itself");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen(pool: &PgPool, told: &broadcast::Sender<Told>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // Nobody waits: an error of sending, and no loss.
        let _nobody = match listener.try_recv().await? {
            None => told.send(Told::Look).map(drop),
            Some(notice) => notice
                .payload()
                .split(',')
                .filter_map(|id| uuid::Uuid::try_parse(id).ok())
                .try_for_each(|id| told.send(Told::Ended(PayoutId::new(id))).map(drop)),
        };
    }
}

/// True while a payout that exists has not ended.
async fn is_open(pool: &PgPool, payout: PayoutId) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select exists (select from payout where id = $1 and ended_at is null) as "open!""#,
        payout.uuid()
    );
    Ok(found.fetch_one(pool).await?)
}
