//! What is true at every moment, looked at while the blows fall; and the two people whom giro needs: one who starts a
//! program that ended, and one who resumes a bank that a misprint has paused.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::time::{sleep, timeout};

use super::field::Field;
use crate::books::Books;

/// How often that was done.
pub(super) const LOOKS: &str = "looks at the books under fire";
/// Between two looks at the books.
const LOOK: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);
/// What each program says once it serves.
const SERVES: [&str; 3] = ["api listens", "worker polls", "relay sweeps"];

/// Looks at the sums, and at the bank's orders, until it is dropped.
pub(super) async fn look_on(field: Arc<Field>) {
    loop {
        // Postgres or the bank is away just now: looked at again.
        if timeout(PATIENCE, look(&field)).await.is_ok_and(|looked| looked.is_ok()) {
            field.count(LOOKS);
        }
        sleep(LOOK).await;
    }
}

async fn look(field: &Field) -> Result<()> {
    let sums = Books::connect(&field.database).await?.sums().await?;
    if !sums.are_even() {
        field.violation(format!("under fire: {sums:?}"));
    }
    for key in field.bank.tally().await?.doubled {
        field.violation(format!("{key} has more than one order at the bank"));
    }
    Ok(())
}

/// Starts again whatever ended by itself. A start that found Postgres or Temporal away may end; what served may not.
pub(super) async fn keep_running(field: Arc<Field>) {
    loop {
        sleep(Duration::from_secs(1)).await;
        let Ok(ended) = field.stack.lock().await.revive() else {
            continue;
        };
        for (program, said) in ended {
            field.count("starts that found Postgres or Temporal away");
            if SERVES.iter().any(|words| said.contains(words)) {
                let last: Vec<&str> = said.lines().rev().take(5).collect();
                field.violation(format!("{program} served, and ended by itself: {last:?}"));
            }
        }
    }
}

/// Resumes the bank when it was paused by what only people decide.
pub(super) async fn resume(field: Arc<Field>) {
    loop {
        sleep(Duration::from_secs(2)).await;
        let pause = async { Books::connect(&field.database).await?.pause().await };
        let Ok(Ok(Some((by, since)))) = timeout(PATIENCE, pause).await else {
            continue;
        };
        // A stray order may be the bank's own misprint in its statement: each is held against its journal at the end.
        if by == "paid_after_release" {
            field.violation("the bank paid what had been given back".to_owned());
        }
        let operator = field.stack.lock().await.operator();
        // Beside the blows: it may wait for books that are away.
        let done = tokio::task::spawn_blocking(move || {
            let resume = [
                "bank",
                "resume",
                "stp",
                "--since",
                &since,
                "--reason",
                "the cause is mended",
            ];
            operator.run(&resume, &[])
        });
        let done = done.await;
        if done.is_ok_and(|done| done.is_ok()) {
            field.count(format!("times a person resumed the bank: {by}"));
        }
    }
}
