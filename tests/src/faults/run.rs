//! A whole run: a giro, its callers, the blows, the verdict.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    Report, comings,
    field::Field,
    schedule::{Plan, Planned, schedule},
    strike, verdict, watch,
};
use crate::sim::{Chaos, Unrest};

/// Requests of callers under way at once.
const AT_ONCE: usize = 64;

/// What befalls which giro.
#[derive(Clone, Debug)]
pub struct Options {
    /// The stack's name.
    pub name: &'static str,
    /// Payouts that callers ask for.
    pub payouts: usize,
    /// In a second.
    pub rate: u32,
    /// The blows; they last as long as the callers ask.
    pub plan: Plan,
    /// Of a hundred payouts so many meet a fault at the bank.
    pub bank_faults: u8,
    /// Of a hundred webhooks so many are lost.
    pub lost: u8,
    /// And so many of the others repeated.
    pub repeated: u8,
}

/// How far a run is, now and then.
pub type Progress<'a> = &'a (dyn Fn(&Now) + Sync);

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// Payouts that were answered.
    pub answered: usize,
    /// Payouts that callers ask for.
    pub of: usize,
    /// Tries without an answer.
    pub unanswered: usize,
    /// Things that must never be, as they were found.
    pub violations: Vec<String>,
    /// Callers are done, and all blows have fallen.
    pub draining: bool,
    /// What has not ended then, and nothing justifies; empty before.
    pub waits: String,
}

/// Starts a giro, lets everything befall it, and answers what came of it.
pub async fn run(options: &Options, progress: Progress<'_>) -> Result<Report> {
    let blows = schedule(&options.plan);
    let seed = options.plan.seed;
    let mut bank = Vec::new();
    if options.bank_faults > 0 {
        let percent = options.bank_faults;
        bank.push(format!("--chaos={}", Chaos { seed, percent }));
    }
    let (lost, repeated) = (options.lost, options.repeated);
    if lost + repeated > 0 {
        bank.push(format!("--unrest={}", Unrest { seed, lost, repeated }));
    }
    let field = Field::start(options.name, 4, bank).await?;
    let mut watchers = JoinSet::new();
    watchers.spawn(watch::look_on(Arc::clone(&field)));
    watchers.spawn(watch::keep_running(Arc::clone(&field)));
    watchers.spawn(watch::resume(Arc::clone(&field)));
    let start = Instant::now();
    let told = tell(&field, options.payouts, progress);
    let fought = async {
        let asking = ask(&field, options);
        let (asked, struck) = tokio::join!(asking, strike_all(&field, &blows, start));
        let asking_took = asked?;
        struck?;
        let under_fire = start.elapsed();
        field.finish();
        let ended = verdict::judge(&field, &blows).await?;
        anyhow::Ok((asking_took, under_fire, ended))
    };
    let (asking_took, under_fire, ended) = tokio::select! {
        () = told => anyhow::bail!("telling never ends"),
        fought = fought => fought?,
    };
    watchers.shutdown().await;
    Report::of(
        &field,
        options,
        &blows,
        (asking_took, under_fire, start.elapsed()),
        ended,
    )
    .await
}

/// Callers ask at their rate; answers how long it took until the last was answered.
async fn ask(field: &Arc<Field>, options: &Options) -> Result<Duration> {
    let start = Instant::now();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut ticks = interval(Duration::from_secs(1) / options.rate.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asking = JoinSet::new();
    for n in 0..options.payouts {
        ticks.tick().await;
        let (place, giro) = (Arc::clone(&places).acquire_owned().await?, Arc::clone(field));
        asking.spawn(async move {
            let _place = place;
            giro.load.one(n).await?;
            comings::come(&giro, n).await
        });
        while let Some(done) = asking.try_join_next() {
            note(field, done?);
        }
    }
    while let Some(done) = asking.join_next().await {
        note(field, done?);
    }
    ensure!(field.load.answered() > 0, "nobody was answered");
    Ok(start.elapsed())
}

/// A caller that got no answer, or a wrong one.
fn note(field: &Field, done: Result<()>) {
    if let Err(error) = done {
        field.violation(format!("a caller: {error:#}"));
    }
}

/// Each lane strikes its part, until all blows have fallen.
async fn strike_all(field: &Arc<Field>, blows: &[Planned], start: Instant) -> Result<()> {
    let mut lanes: BTreeMap<&str, Vec<Planned>> = BTreeMap::new();
    for planned in blows {
        lanes.entry(planned.blow.lane()).or_default().push(*planned);
    }
    let lanes = lanes
        .into_values()
        .map(|blows| strike::lane(Arc::clone(field), blows, start));
    try_join_all(lanes).await.map(drop)
}

async fn tell(field: &Field, of: usize, progress: Progress<'_>) {
    loop {
        progress(&Now {
            answered: field.load.answered(),
            of,
            unanswered: field.load.unanswered(),
            violations: field.violations(),
            draining: field.is_finished(),
            waits: field.waits(),
        });
        sleep(Duration::from_millis(500)).await;
    }
}
