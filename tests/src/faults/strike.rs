//! How each blow falls.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::{
    task::block_in_place,
    time::{Instant, sleep, sleep_until},
};

use super::{
    doors,
    field::Field,
    proxy::Weather,
    schedule::{Blow, Planned},
};

/// The blows on one part, one after the other, each not before its moment.
pub(super) async fn lane(field: Arc<Field>, blows: Vec<Planned>, start: Instant) -> Result<()> {
    for Planned { at, blow } in blows {
        sleep_until(start + at).await;
        let name = blow.name();
        if strike(&field, blow).await.with_context(|| name.clone())? {
            field.count(name);
        }
    }
    Ok(())
}

/// One blow; false where there was nothing to strike.
async fn strike(field: &Field, blow: Blow) -> Result<bool> {
    match blow {
        Blow::Kill(program, away) => kill(field, program, away).await?,
        Blow::Bank(away) => kill(field, "bank-sim", away).await?,
        Blow::Freeze(program, ms) => {
            field.stack.lock().await.signal(program, Signal::STOP);
            sleep(Duration::from_millis(ms)).await;
            field.stack.lock().await.signal(program, Signal::CONT);
        }
        Blow::Postgres(away) => {
            let mut server = field.postgres.lock().await;
            block_in_place(|| server.stop_immediate());
            sleep(Duration::from_millis(away)).await;
            block_in_place(|| server.restart())?;
        }
        Blow::Temporal(away) => {
            let mut server = field.temporal.lock().await;
            block_in_place(|| server.kill());
            sleep(Duration::from_millis(away)).await;
            block_in_place(|| server.restart())?;
        }
        Blow::TemporalLost => {
            let mut server = field.temporal.lock().await;
            block_in_place(|| {
                server.kill();
                server.delete_database()
            })?;
            block_in_place(|| server.restart())?;
        }
        Blow::Link(to, weather, ms) => {
            let link = field.links.to(to);
            link.turn(weather);
            sleep(Duration::from_millis(ms)).await;
            link.turn(Weather::Calm);
        }
        Blow::Forged(forgery) => return doors::forge(field, forgery).await,
        Blow::Poked(poke) => return doors::poke(field, poke).await,
        Blow::Meets(fault) => field.load.meets(fault),
    }
    Ok(true)
}

async fn kill(field: &Field, program: &'static str, away: u64) -> Result<()> {
    let mut stack = field.stack.lock().await;
    block_in_place(|| stack.kill(program));
    drop(stack);
    sleep(Duration::from_millis(away)).await;
    field.stack.lock().await.run(program)
}
