//! Every part killed with two hundred payouts in flight, and more being asked for: every payout ends, unless its first
//! refusal was lost, of which people are told; every key has one payout, the sums are zero, the bank's journal equals the
//! books, and no other part of giro had to be started again. APIs and the bank are killed in `attack.rs`.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    books::{Books, Progress},
    load::Load,
    stack::{PATIENCE, Setup, Stack, at_work},
};
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, sleep},
};

/// In flight before the first blow; each blow falls while `MORE` are being asked for.
const MANY: usize = 180;
const MORE: usize = 20;
/// So few open payouts are waiting, and no work.
const FEW: i64 = 30;
/// Of the sends that a blow cuts off the bank refuses one in eight: so many refusals may be lost, of some thirty.
const UNHEARD: i64 = 8;
/// The longest tail: a run that is started anew, then a bank that is asked again a minute apart.
const LONG: Duration = Duration::from_secs(180);
/// Look again.
const SOON: Duration = Duration::from_millis(50);

/// A stack, its callers, and those of them that ask while the blow falls.
struct Story {
    stack: Stack,
    load: Arc<Load>,
    asked: usize,
    at_work: SemaphorePermit<'static>,
}

impl Story {
    /// Two hundred payouts that are accepted and on their way.
    async fn begin(name: &str, setup: Setup) -> Result<Self> {
        let at_work = at_work().await?;
        let setup = Setup {
            settle_ms: 5_000,
            ..setup
        };
        let stack = Stack::with(name, setup).await?;
        let account = stack.giro.account(1, 100_000_000).await?;
        let load = Arc::new(Load::new(&stack.apis, vec![account], &stack.file("load.journal"))?);
        load.ask(0..MANY).await?;
        Ok(Self {
            stack,
            load,
            asked: MANY,
            at_work,
        })
    }

    /// Waits until so many have ended, and many have not; before the first blow some are just being sent.
    async fn midway(&self, ended: i64) -> Result<()> {
        let under_way = if self.asked == MANY { 3 } else { 0 };
        let now = progress(&self.stack, |now| now.ended >= ended && now.under_way >= under_way).await?;
        ensure!(now.open >= 50, "too late: {now:?}");
        Ok(())
    }

    /// The blow: callers ask on while `strike` kills and brings back, and are all answered in the end.
    async fn blow(&mut self, strike: impl AsyncFnOnce(&mut Stack, &Pressing) -> Result<()>) -> Result<()> {
        let (load, more) = (Arc::clone(&self.load), self.asked..self.asked + MORE);
        self.asked = more.end;
        let pressing = Pressing {
            before: (load.answered(), load.unanswered()),
            load: Arc::clone(&load),
        };
        let asking = tokio::spawn(async move { load.ask(more).await });
        pressing
            .until("a request is answered", || pressing.answered() > 0)
            .await?;
        strike(&mut self.stack, &pressing).await?;
        asking.await?
    }

    /// Every payout ends, and every promise holds.
    async fn end(self) -> Result<()> {
        progress(&self.stack, |now| now.open <= FEW).await?;
        let Self {
            stack,
            load,
            asked,
            at_work,
        } = self;
        drop(at_work);
        stack.all_ended_but_refused(LONG, UNHEARD).await?;
        ensure!(load.answered() == asked, "{} of {asked} were answered", load.answered());
        eprintln!(
            "  {asked} asked, {} tries without an answer, {} of them done",
            load.unanswered(),
            load.done_before()
        );
        load.holds(&mut Books::connect(&stack.database).await?).await?;
        stack.audited()
    }
}

/// Waits until this holds of the payouts, and answers how far they are.
async fn progress(stack: &Stack, holds: impl Fn(&Progress) -> bool) -> Result<Progress> {
    let mut books = Books::connect(&stack.database).await?;
    let start = Instant::now();
    loop {
        let now = books.progress().await?;
        if holds(&now) {
            return Ok(now);
        }
        ensure!(start.elapsed() < LONG, "{now:?}");
        sleep(SOON).await;
    }
}

/// Callers that ask while a blow falls.
struct Pressing {
    load: Arc<Load>,
    before: (usize, usize),
}

impl Pressing {
    fn answered(&self) -> usize {
        self.load.answered() - self.before.0
    }

    fn unanswered(&self) -> usize {
        self.load.unanswered() - self.before.1
    }

    async fn until(&self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !holds() {
            ensure!(start.elapsed() < PATIENCE, "never: {what}");
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// All of them have their payout, whatever is away.
    async fn all_answered(&self) -> Result<()> {
        self.until("every request is answered", || self.answered() == MORE)
            .await?;
        Ok(())
    }
}

/// Two of everything, as in production.
const TWICE: &[&str] = &["worker", "worker-2", "relay", "relay-2", "api", "api-2"];
const ONCE: &[&str] = &["worker", "relay", "api"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_with_two_hundred_payouts_in_flight() -> Result<()> {
    let setup = Setup {
        programs: TWICE,
        ..Setup::default()
    };
    let mut story = Story::begin("kill_worker", setup).await?;
    story.midway(1).await?;
    story
        .blow(async |stack, _| {
            progress(stack, |now| now.under_way >= 2).await?;
            stack.kill("worker");
            stack.kill("worker-2");
            let cut = progress(stack, |_| true).await?.under_way;
            ensure!(cut > 0, "no send was cut off");
            stack.balanced().await?;
            stack.run("worker")?;
            stack.run("worker-2")
        })
        .await?;
    story.midway(30).await?;
    story
        .blow(async |stack, _| {
            stack.kill("worker");
            stack.run("worker")
        })
        .await?;
    story.end().await
}

/// The APIs reach no Temporal here: only relays start runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_killed_with_two_hundred_payouts_in_flight() -> Result<()> {
    let setup = Setup {
        programs: TWICE,
        variables: &[
            ("api", "GIRO__TEMPORAL__ADDRESS", "127.0.0.1:9"),
            ("api-2", "GIRO__TEMPORAL__ADDRESS", "127.0.0.1:9"),
        ],
        ..Setup::default()
    };
    let mut story = Story::begin("kill_relay", setup).await?;
    story.midway(0).await?;
    story
        .blow(async |stack, _| {
            stack.kill("relay");
            stack.kill("relay-2");
            stack.run("relay")?;
            stack.run("relay-2")
        })
        .await?;
    story.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_stopped_at_once_with_two_hundred_payouts_in_flight() -> Result<()> {
    let setup = Setup {
        programs: ONCE,
        own_postgres: true,
        ..Setup::default()
    };
    let mut story = Story::begin("kill_postgres", setup).await?;
    for ended in [1, 30] {
        story.midway(ended).await?;
        story
            .blow(async |stack, pressing| {
                let postgres = stack.postgres.as_mut().expect("its own Postgres");
                postgres.stop_immediate();
                pressing
                    .until("a request sees it", || {
                        pressing.unanswered() > 0 || pressing.answered() == MORE
                    })
                    .await?;
                Ok(postgres.restart()?)
            })
            .await?;
    }
    ensure!(story.load.unanswered() > 0, "no request met the outage");
    story.end().await
}

/// First it comes back with its database after longer than its clients try again by themselves, then without: payouts
/// are accepted meanwhile, and open ones are started again from Postgres.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporal_killed_and_then_lost_whole_with_two_hundred_payouts_in_flight() -> Result<()> {
    let setup = Setup {
        programs: ONCE,
        sending_seconds: 5,
        own_temporal: true,
        ..Setup::default()
    };
    let mut story = Story::begin("kill_temporal", setup).await?;
    story.midway(1).await?;
    story
        .blow(async |stack, pressing| {
            stack.server.as_mut().expect("its own Temporal").kill();
            pressing.all_answered().await?;
            stack.logged("relay", "Temporal does not start it").await?;
            Ok(stack.server.as_mut().expect("its own Temporal").restart()?)
        })
        .await?;
    story.midway(30).await?;
    story
        .blow(async |stack, pressing| {
            let server = stack.server.as_mut().expect("its own Temporal");
            server.kill();
            server.delete_database()?;
            pressing.all_answered().await?;
            Ok(server.restart()?)
        })
        .await?;
    story.end().await
}
