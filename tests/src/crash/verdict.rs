//! What must hold after all deaths: each payout ended as its outcome says, one key one payout, bank and books agree.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use super::{
    drive::{Subject, press},
    plan::{Outcome, Way, way},
    yard::Yard,
};
use crate::{
    books::{Books, Standing},
    sim::{Outcome as Taken, RequestView},
};

/// The longest way: a send whose process died, two not-founds, a resend that dies of somebody else's death, again.
const LONG: Duration = Duration::from_secs(180);
const SOON: Duration = Duration::from_millis(200);

/// Waits until every payout stands where it should, then holds every promise. Answers what is left to people.
pub(super) async fn all_right(yard: &Yard<'_>) -> Result<Vec<String>> {
    let mut books = Books::connect(&yard.stack.database).await?;
    let start = Instant::now();
    loop {
        let wrong = wrong(yard, &mut books).await?;
        if wrong.is_empty() {
            break;
        }
        ensure!(
            start.elapsed() < LONG,
            "not right after {LONG:?}:\n{}",
            wrong.join("\n")
        );
        sleep(SOON).await;
    }
    yard.stack.balanced().await?;
    let (orders, requests) = (yard.stack.bank.orders().await?, yard.stack.bank.requests().await?);
    let differ = books.against(&orders).await?;
    ensure!(differ.is_empty(), "bank and books differ:\n{}", differ.join("\n"));
    for subject in &yard.subjects {
        met(subject, &requests)?;
    }
    keys(yard, &mut books).await?;
    block_in_place(|| yard.stack.audited())?;
    let left = books.standings().await?.into_values().filter(|row| row.open);
    Ok(left.map(|row| row.line).collect())
}

/// What does not stand where it should, a line each.
async fn wrong(yard: &Yard<'_>, books: &mut Books) -> Result<Vec<String>> {
    let standings = books.standings().await?;
    let lines = yard.subjects.iter().filter_map(|subject| {
        let Some(row) = standings.get(&subject.tracking_key()) else {
            return Some(format!("{}: no payout", subject.cell));
        };
        (!is_right(subject, row)).then(|| format!("{}: {}", subject.cell, row.line))
    });
    Ok(lines.collect())
}

/// Ended as it must, with nothing for people; or left to people, with reason and said to be.
fn is_right(subject: &Subject, row: &Standing) -> bool {
    let outcome = subject.cell.outcome;
    // A lie that comes after the end is shown to people.
    let quiet = row.attention.is_none() || outcome == Outcome::WebhookLies;
    let ended = !row.open && row.state == outcome.end() && quiet;
    // A neighbour's death may have cut this one off between begin and record too.
    let doubt = outcome == Outcome::Refused && row.open && row.send_no >= 2 && row.attention.is_some();
    ended || doubt
}

/// The bank did to this payout what its outcome says, and took at most one order of it.
fn met(subject: &Subject, requests: &[RequestView]) -> Result<()> {
    let (cell, key) = (subject.cell, subject.tracking_key());
    let mut of = requests
        .iter()
        .filter(|request| request.clave_rastreo == key)
        .peekable();
    let Some(first) = of.peek() else {
        ensure!(!cell.outcome.is_sent(), "{cell}: the bank never heard of it");
        return Ok(());
    };
    ensure!(cell.outcome.is_sent(), "{cell}: the bank heard of it");
    let did = first.fault;
    ensure!(did == cell.outcome.fault(), "{cell}: the bank did {did:?}");
    let taken = of.filter(|request| request.outcome == Taken::Taken).count();
    let expected = usize::from(cell.outcome != Outcome::Refused);
    ensure!(taken == expected, "{cell}: {taken} orders taken");
    Ok(())
}

/// Each key has one payout, no two the same, and there are no others; asked again it is the same, and nothing is written.
async fn keys(yard: &Yard<'_>, books: &mut Books) -> Result<()> {
    let payouts: BTreeSet<_> = yard.subjects.iter().map(|subject| subject.payout).collect();
    let before = books.rows().await?;
    ensure!(payouts.len() == yard.subjects.len(), "one payout for two keys");
    ensure!(
        usize::try_from(before.payouts)? == payouts.len(),
        "{} keys, {before:?}",
        payouts.len()
    );
    let asked = yard
        .subjects
        .iter()
        .filter(|subject| way(subject.cell.point) != Way::Direct);
    stream::iter(asked)
        .map(Ok)
        .try_for_each_concurrent(8, |subject| async move {
            let reply = press(&yard.hands.steady, "/v1/payouts", &subject.key, &subject.body).await?;
            let same = reply.body["id"] == subject.payout.to_string();
            ensure!(
                reply.status == 200 && reply.replayed && same,
                "{} again: {reply:?}",
                subject.key
            );
            anyhow::Ok(())
        })
        .await?;
    let after = books.rows().await?;
    ensure!(after == before, "asking again wrote rows: {before:?}, then {after:?}");
    Ok(())
}
