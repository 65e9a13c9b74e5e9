//! What must be true in the end: nothing lost, nothing doubled, nothing silently stuck.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use super::{comings, field::Field, schedule::Planned};
use crate::{
    books::{Books, Stands},
    sim::Fault,
};

/// So long after the last fault and the last request it may take; then it is a violation, and waited for as long again.
pub(super) const DRAIN: Duration = Duration::from_secs(600);
/// Thousands that are late are waited for: books and bank are compared when they stand still.
const LONGEST: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(500);
/// So many open payouts are work, and no riddle.
const MANY: usize = 100;

/// How it ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// From the last fault and request until only what the bank never resolves is open.
    pub(super) drained: Duration,
    /// Attention that is left before the bank speaks, by reason.
    pub(super) attention: BTreeMap<String, u64>,
    /// Payouts that were open because the bank kept silent.
    pub(super) unresolved: usize,
    /// Of them those that stay open, because the bank refused them and the first refusal was lost.
    pub(super) refused: usize,
    /// Payouts by state.
    pub(super) states: BTreeMap<String, i64>,
}

/// Waits until all has ended that can, and holds everything that was promised, after these blows.
pub(super) async fn judge(field: &Field, blows: &[Planned]) -> Result<Ended> {
    let mut books = Books::connect(&field.database).await?;
    let start = Instant::now();
    let left = drain(field, &mut books).await?;
    let drained = start.elapsed();
    let mut attention: BTreeMap<String, u64> = BTreeMap::new();
    for stands in &left {
        let why = stands.attention.clone().unwrap_or_default();
        *attention.entry(why).or_default() += 1;
    }
    compare(field, &mut books).await?;
    let open: Vec<&Stands> = left.iter().filter(|stands| !stands.ended).collect();
    // What only the bank can resolve ends by itself once the bank speaks. It has nothing to say of what never came.
    for stands in &open {
        if !field.bank.orders_of(&stands.key).await?.is_empty() {
            field.bank.speak(&stands.key).await?;
        }
    }
    let unresolved = open.len();
    let left = drain(field, &mut books).await?;
    let refused = left.iter().filter(|stands| !stands.ended).count();
    let deafening = blows.iter().filter(|planned| planned.blow.may_deafen()).count();
    if refused > deafening {
        field.violation(format!(
            "{refused} refusals were not heard, by {deafening} blows that may lose one"
        ));
    }
    compare(field, &mut books).await?;
    if let Err(error) = field.load.holds(&mut books).await {
        field.violation(format!("callers: {error:#}"));
    }
    if let Err(error) = audit(field).await {
        field.violation(format!("the auditor: {error:#}"));
    }
    if let Err(error) = runs(field, &mut books).await {
        field.violation(format!("{error:#}"));
    }
    Ok(Ended {
        drained,
        attention,
        unresolved,
        refused,
        states: books.states().await?,
    })
}

/// Waits until nothing is open, and nothing wants a person, but what the bank's journal justifies; answers that.
async fn drain(field: &Field, books: &mut Books) -> Result<Vec<Stands>> {
    let (start, mut last_many) = (Instant::now(), Instant::now());
    let mut told = false;
    loop {
        let (unquiet, unplaced) = (books.unquiet().await?, books.unplaced().await?);
        let (mut inbox, mut unjustified) = (Vec::new(), Vec::new());
        // While there are many, most are only on their way.
        let many = unquiet.iter().filter(|stands| !stands.ended).count() >= MANY;
        if !many {
            inbox = unworked(field, books, &unquiet).await?;
            for stands in &unquiet {
                if !justified(field, stands).await? {
                    unjustified.push(format!("\n    {stands:?}"));
                }
            }
        }
        if !many && unjustified.is_empty() && inbox.is_empty() && unplaced == 0 {
            return Ok(unquiet);
        }
        field.waits_for(format!(
            "{} payouts ({}), {unplaced} records and {} webhooks ({})",
            if many { unquiet.len() } else { unjustified.len() },
            unjustified.first().map_or("many", |stands| stands.trim()),
            inbox.len(),
            inbox.first().map_or("none", String::as_str)
        ));
        if many {
            last_many = Instant::now();
        }
        if start.elapsed() > DRAIN && !told {
            told = true;
            let (left, seconds) = (unquiet.len(), DRAIN.as_secs());
            field.violation(format!("{left} payouts are under way {seconds} s after the last fault"));
        }
        if last_many.elapsed() > DRAIN || start.elapsed() > LONGEST {
            let lines: Vec<String> = books.open().await?.into_iter().chain(inbox).collect();
            field.violation(format!(
                "{} payouts are open or want a person, and nothing at the bank says why, and {unplaced} records have no place:{}\n  open, and unread webhooks:\n    {}",
                unjustified.len(),
                unjustified.concat(),
                lines.join("\n    ")
            ));
            return Ok(unquiet);
        }
        sleep(SOON).await;
    }
}

/// Webhooks that nobody understood, but for those that nobody can: of what is open itself, and lies of strangers, about
/// which giro asks until the bank's own answer is as clear.
async fn unworked(field: &Field, books: &mut Books, unquiet: &[Stands]) -> Result<Vec<String>> {
    let mut inbox = books.inbox().await?;
    let forged = field.forged();
    let open = unquiet.iter().filter(|stands| !stands.ended).map(|stands| &stands.key);
    let known: BTreeSet<&String> = forged.iter().chain(open).collect();
    inbox.retain(|body| !known.iter().any(|key| body.contains(*key)));
    Ok(inbox)
}

/// Whether the bank's journal says why this payout is open, or why a person should look at it.
async fn justified(field: &Field, stands: &Stands) -> Result<bool> {
    let orders = field.bank.orders_of(&stands.key).await?;
    let order = orders.first();
    Ok(match (stands.ended, stands.attention.as_deref()) {
        (_, None) => false,
        (true, Some("evidence_after_end")) => field.forged().contains(&stands.key),
        (true, Some("second_order")) => order.is_some_and(|order| order.fault == Fault::WrongFolio),
        (true, Some(_)) => false,
        (false, Some(_)) => match order {
            Some(order) => order.fault.needs_telling() && !order.spoken,
            None => stands.is_refused_unheard(&field.bank).await?,
        },
    })
}

/// Sums, and bank against books.
async fn compare(field: &Field, books: &mut Books) -> Result<()> {
    let sums = books.sums().await?;
    if !sums.are_even() {
        field.violation(format!("{sums:?}"));
    }
    let mut wrong = books.sent(&field.bank.requests().await?).await?;
    wrong.extend(books.against(&field.bank.orders().await?).await?);
    wrong.extend(books.came(&field.bank.incoming().await?, &comings::nobody()).await?);
    for (key, why) in books.strays().await? {
        if !is_misprint(field, &key, &why).await? {
            wrong.push(format!("giro cannot explain the bank's order {key}: {why}"));
        }
    }
    for wrong in wrong {
        field.violation(wrong);
    }
    Ok(())
}

/// Whether the bank has the one order, and its statement told another amount of it.
async fn is_misprint(field: &Field, key: &str, why: &str) -> Result<bool> {
    let orders = field.bank.orders_of(key).await?;
    Ok(matches!(orders.as_slice(), [order] if order.fault == Fault::WrongEcho)
        && why.contains("differs")
        && why.contains("amount"))
}

/// `giro audit`, of everything.
async fn audit(field: &Field) -> Result<()> {
    let stack = field.stack.lock().await;
    block_in_place(|| stack.giro_command(&["audit", "--full"]))?;
    field.count("audits of the books at the end");
    Ok(())
}

/// Temporal: no run is open whose payout has ended, and none failed.
async fn runs(field: &Field, books: &mut Books) -> Result<()> {
    let count = async |query: &str| {
        let counted = field.client.count_workflows(query, Default::default()).await;
        counted.map(|counted| counted.count()).context("Temporal counts")
    };
    // A run hears of an end at its next look, and visibility is behind.
    for kind in ["payout", "transfer", "deposit", "return"] {
        let start = Instant::now();
        loop {
            let open = count(&format!("ExecutionStatus = \"Running\" and WorkflowType = \"{kind}\"")).await?;
            // One that was left to the bank may have ended by itself since. What is set apart waits for people, with a run or,
            // once Temporal was lost, without.
            let left = match kind {
                "payout" => usize::try_from(books.progress().await?.open)?,
                "deposit" => open.min(usize::try_from(books.apart().await?)?),
                _ => 0,
            };
            if open == left {
                break;
            }
            if start.elapsed() > DRAIN / 2 {
                field.violation(format!("{open} runs of {kind} are open, and {left} have not ended"));
                break;
            }
            sleep(SOON).await;
        }
    }
    for status in ["Failed", "TimedOut"] {
        let many = count(&format!("ExecutionStatus = \"{status}\"")).await?;
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
