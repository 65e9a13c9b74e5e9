//! What must be true in the end: nothing lost, nothing doubled, nothing silently stuck.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep};

use super::field::Field;
use crate::{
    books::{Books, Stands},
    sim::{Fault, OrderView},
};

/// So long after the last fault and the last request it may take.
pub(super) const DRAIN: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_millis(500);

/// How it ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// From the last fault and request until only what the bank never resolves is open.
    pub(super) drained: Duration,
    /// Attention that is left before the bank speaks, by reason.
    pub(super) attention: BTreeMap<String, u64>,
    /// Payouts that were open because the bank kept silent.
    pub(super) unresolved: usize,
    /// Payouts by state.
    pub(super) states: BTreeMap<String, i64>,
}

/// Waits until all has ended that can, and holds everything that was promised.
pub(super) async fn judge(field: &Field) -> Result<Ended> {
    let mut books = Books::connect(&field.database).await?;
    let start = Instant::now();
    let left = drain(field, &mut books, true).await?;
    let drained = start.elapsed();
    let mut attention: BTreeMap<String, u64> = BTreeMap::new();
    let orders = orders(field).await?;
    for stands in &left {
        let why = stands.attention.clone().unwrap_or_default();
        if !justified(stands, orders.get(&stands.key), &field.forged()) {
            let bank: Vec<_> = orders.get(&stands.key).into_iter().flatten().collect();
            let bank: Vec<_> = bank.iter().map(|order| (order.fault, &order.estado)).collect();
            field.violation(format!("{stands:?}: not justified by the bank, which has {bank:?}"));
        }
        *attention.entry(why).or_default() += 1;
    }
    compare(field, &mut books).await?;
    // What only the bank can resolve ends by itself once the bank speaks.
    let silent: Vec<&Stands> = left.iter().filter(|stands| !stands.ended).collect();
    for stands in &silent {
        field.bank.speak(&stands.key).await?;
    }
    if !silent.is_empty() {
        drain(field, &mut books, false).await?;
        compare(field, &mut books).await?;
    }
    if let Err(error) = field.load.holds(&mut books).await {
        field.violation(format!("callers: {error:#}"));
    }
    if let Err(error) = runs(field).await {
        field.violation(format!("{error:#}"));
    }
    Ok(Ended {
        drained,
        attention,
        unresolved: silent.len(),
        states: books.states().await?,
    })
}

/// Waits until nothing is open but what the bank keeps to itself, where that may be; answers what is open or wants a
/// person.
async fn drain(field: &Field, books: &mut Books, but_silent: bool) -> Result<Vec<Stands>> {
    let start = Instant::now();
    loop {
        let unquiet = books.unquiet().await?;
        let open: Vec<&Stands> = unquiet.iter().filter(|stands| !stands.ended).collect();
        let done = if open.is_empty() {
            true
        } else if but_silent && open.len() < 200 {
            let orders = orders(field).await?;
            let forged = field.forged();
            open.iter()
                .all(|stands| stands.attention.is_some() && justified(stands, orders.get(&stands.key), &forged))
        } else {
            false
        };
        let inbox = unworked(field, books).await?;
        if done && inbox.is_empty() {
            return Ok(unquiet);
        }
        if start.elapsed() > DRAIN {
            let (open, lines) = (open.len(), books.open().await?);
            let lines = lines.iter().chain(&inbox).map(|line| format!("\n    {line}"));
            field.violation(format!(
                "{open} payouts did not end, {} webhooks in the inbox:{}",
                inbox.len(),
                lines.collect::<String>()
            ));
            return Ok(unquiet);
        }
        sleep(SOON).await;
    }
}

/// Webhooks that nobody understood, but for those that nobody can: giro asks about a stranger's lie until the bank's own
/// answer is as clear.
async fn unworked(field: &Field, books: &mut Books) -> Result<Vec<String>> {
    let mut inbox = books.inbox().await?;
    let forged = field.forged();
    inbox.retain(|body| !forged.iter().any(|key| body.contains(key)));
    Ok(inbox)
}

async fn orders(field: &Field) -> Result<BTreeMap<String, Vec<OrderView>>> {
    let mut orders: BTreeMap<String, Vec<OrderView>> = BTreeMap::new();
    for order in field.bank.orders().await? {
        orders.entry(order.clave_rastreo.clone()).or_default().push(order);
    }
    Ok(orders)
}

/// Whether the bank's journal says why this payout is open, or why a person should look at it.
fn justified(stands: &Stands, orders: Option<&Vec<OrderView>>, forged: &BTreeSet<String>) -> bool {
    if stands.ended && stands.attention.as_deref() == Some("evidence_after_end") {
        return forged.contains(&stands.key);
    }
    let Some(order) = orders.and_then(|orders| orders.first()) else {
        return false;
    };
    match stands.attention.as_deref() {
        Some("return_expected") => stands.ended && order.estado == "D",
        Some("second_order") => stands.ended && order.fault == Fault::WrongFolio,
        Some(_) => !stands.ended && order.fault.needs_telling() && !order.spoken,
        None => false,
    }
}

/// Sums, and bank against books.
async fn compare(field: &Field, books: &mut Books) -> Result<()> {
    let sums = books.sums().await?;
    if !sums.are_even() {
        field.violation(format!("{sums:?}"));
    }
    let mut wrong = books.sent(&field.bank.requests().await?).await?;
    wrong.extend(books.against(&field.bank.orders().await?).await?);
    for wrong in wrong {
        field.violation(wrong);
    }
    Ok(())
}

/// Temporal: no run is open whose payout has ended, and none failed.
async fn runs(field: &Field) -> Result<()> {
    let count = async |status: &str| {
        let query = format!("ExecutionStatus = \"{status}\"");
        let counted = field.client.count_workflows(query, Default::default()).await;
        counted.map(|counted| counted.count()).context("Temporal counts")
    };
    let start = Instant::now();
    // A run hears of an end at its next look, and visibility is behind.
    loop {
        let open = count("Running").await?;
        if open == 0 {
            break;
        }
        if start.elapsed() > DRAIN / 2 {
            field.violation(format!("{open} runs are open, and no payout"));
            break;
        }
        sleep(SOON).await;
    }
    for status in ["Failed", "TimedOut"] {
        let many = count(status).await?;
        if many > 0 {
            field.violation(format!("{many} runs are {status}"));
        }
    }
    Ok(())
}

/// The claves that violations name.
pub(super) fn claves(violations: &[String]) -> BTreeSet<&str> {
    let words = violations
        .iter()
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()));
    words
        .filter(|word| word.starts_with("GIRO") && word.len() > 20)
        .collect()
}
