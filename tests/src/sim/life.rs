//! The life of an order after capture: timers that settle, cancel or return it, and the webhooks each change brings.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use super::{
    Bank,
    book::OrderView,
    faults::Fault,
    journal::{Line, StateLine, WebhookStep},
    webhook,
};

/// Starts again whatever was under way when the last process ended.
pub(super) fn resume(bank: &Arc<Bank>) {
    let (folios, webhooks) = {
        let book = bank.book();
        let open = book.orders().iter().filter(|order| next_step(order).is_some());
        let folios: Vec<u64> = open.map(|order| order.id).collect();
        (folios, book.webhooks().cloned().collect::<Vec<_>>())
    };
    for folio in folios {
        start(bank, folio);
    }
    for line in webhooks {
        drop(tokio::spawn(webhook::deliver(Arc::clone(bank), line)));
    }
}

/// Starts the timers of an order.
pub(super) fn start(bank: &Arc<Bank>, folio: u64) {
    let bank = Arc::clone(bank);
    tokio::spawn(async move {
        loop {
            let step = bank.book().order(folio).and_then(next_step);
            let Some((from, to, when)) = step else {
                return;
            };
            let wait = when.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
            tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
            if let Err(why) = change(&bank, folio, Some(from), to).await {
                tracing::error!(%why, folio, "order stays as it is");
                return;
            }
        }
    });
}

/// The next change of an order by itself: from, to, when (machine's clock, UTC).
fn next_step(order: &OrderView) -> Option<(&'static str, &'static str, Timestamp)> {
    match (order.estado.as_str(), order.fault) {
        ("C", Fault::Cancelled) => Some(("C", "CN", order.settle_at)),
        ("C", _) => Some(("C", "LQ", order.settle_at)),
        ("LQ", fault) if fault.comes_back() => {
            let second = SignedDuration::from_secs(1);
            Some(("LQ", "D", order.settle_at.checked_add(second).ok()?))
        }
        _ => None,
    }
}

/// Changes the state of an order (only out of `from`, when given) and sends its webhooks, whose deliveries it returns.
pub(super) async fn change(bank: &Arc<Bank>, folio: u64, from: Option<&str>, to: &str) -> Result<Vec<JoinHandle<()>>> {
    let at = Timestamp::now();
    let ts = bank.now().as_millisecond();
    let settings = bank.settings();
    let listening = settings.webhook_url.is_some();
    let queued = bank
        .commit(|book| {
            let Some(order) = book.order(folio) else {
                return (Vec::new(), Vec::new());
            };
            if from.is_some_and(|from| from != order.estado) {
                return (Vec::new(), Vec::new());
            }
            let state = StateLine {
                at,
                folio,
                estado: to.to_owned(),
                ts,
            };
            let webhooks = if listening {
                webhook::of_change(book, order, &state, &settings)
            } else {
                Vec::new()
            };
            let lines = webhooks.iter().cloned().map(Line::Webhook);
            (std::iter::once(Line::State(state)).chain(lines).collect(), webhooks)
        })
        .await?;
    let deliver = |line| tokio::spawn(webhook::deliver(Arc::clone(bank), line));
    let sent = queued.into_iter().filter(|line| line.step == WebhookStep::Queued);
    Ok(sent.map(deliver).collect())
}
