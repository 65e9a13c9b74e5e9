//! Status webhooks ("cambio de estado"), sent again until somebody answers 2xx, up to twenty times.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::{
    Bank,
    book::{Book, OrderView},
    control::SettingsView,
    faults::Fault,
    journal::{Line, StateLine, WebhookLine, WebhookStep},
};

const ATTEMPTS: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A webhook that comes out of order comes this much after the one it belongs before.
const AFTER: u64 = 1_000;

/// The webhooks a change of state brings under the order's fault and the settings' unrest.
pub(super) fn of_change(
    book: &Book,
    order: &OrderView,
    change: &StateLine,
    settings: &SettingsView,
) -> Vec<WebhookLine> {
    let quiet = order.fault == Fault::LostWebhook || (order.fault.hides_until_told() && !order.spoken);
    if quiet {
        return Vec::new();
    }
    let estado = change.estado.as_str();
    // Estados with the wait of each, in the order in which they are queued.
    let told: Vec<(&str, u64)> = match (order.fault, estado) {
        (Fault::WebhookCnLie, "LQ") => vec![("CN", 0)],
        (Fault::WebhookOutOfOrder, "LQ") => Vec::new(),
        (Fault::WebhookOutOfOrder, "D") => vec![("D", 0), ("LQ", AFTER)],
        (Fault::RepeatedWebhook, _) => vec![(estado, 0); 5],
        (Fault::WebhookStorm, _) => vec![(estado, 0); 20],
        (Fault::LateWebhook, _) => vec![(estado, settings.late_ms)],
        _ => vec![(estado, 0)],
    };
    let told = told
        .into_iter()
        .flat_map(|(estado, wait)| copies(settings, order, estado, wait));
    let webhook = |(number, (estado, copy)): (u64, (&str, Telling))| {
        let settled = match estado {
            "LQ" | "TLQ" => order.ts_liquidacion.unwrap_or(change.ts),
            "CN" => 0,
            _ => order.ts_liquidacion.unwrap_or(0),
        };
        let cause = if estado == "D" { super::query::RETURN_CAUSE } else { "" };
        let body = body(order.id, &order.empresa, &order.clave_rastreo, estado, cause, settled);
        WebhookLine {
            step: copy.step,
            wait_ms: copy.wait_ms,
            repeats: copy.repeats,
            ..queued(number, change.at, body)
        }
    };
    (book.next_webhook()..).zip(told).map(webhook).collect()
}

/// What unrest makes of one webhook.
struct Telling {
    step: WebhookStep,
    wait_ms: u64,
    repeats: bool,
}

fn copies<'a>(settings: &SettingsView, order: &OrderView, estado: &'a str, wait: u64) -> Vec<(&'a str, Telling)> {
    let of = |unrest: super::Unrest| unrest.of(&order.clave_rastreo, estado);
    let waits = settings.unrest.map_or_else(|| vec![0], of);
    if waits.is_empty() {
        let step = WebhookStep::Lost;
        return vec![(
            estado,
            Telling {
                step,
                wait_ms: 0,
                repeats: false,
            },
        )];
    }
    let copy = |(n, more): (usize, u64)| Telling {
        step: WebhookStep::Queued,
        wait_ms: wait + more,
        repeats: n > 0,
    };
    waits
        .into_iter()
        .enumerate()
        .map(|numbered| (estado, copy(numbered)))
        .collect()
}

/// A webhook in the newer format; `settled` is epoch milliseconds, 0 for none.
pub(super) fn body(folio: u64, empresa: &str, clave: &str, estado: &str, cause: &str, settled: i64) -> String {
    json!({
        "id": folio,
        "empresa": empresa,
        "claveRastreo": clave,
        "estado": estado,
        "causaDevolucion": cause,
        "tsLiquidacion": settled.to_string(),
    })
    .to_string()
}

/// The journal line of a webhook that is to be sent.
pub(super) fn queued(number: u64, at: Timestamp, body: String) -> WebhookLine {
    WebhookLine {
        at,
        number,
        step: WebhookStep::Queued,
        attempts: 0,
        wait_ms: 0,
        repeats: false,
        deposit: false,
        body,
    }
}

/// The same of money that came.
pub(super) fn of_deposit(number: u64, at: Timestamp, body: String) -> WebhookLine {
    WebhookLine {
        deposit: true,
        ..queued(number, at, body)
    }
}

/// Where a webhook goes: those about money that came have an address of their own beside that of the others.
fn address(status: String, line: &WebhookLine) -> String {
    match status.strip_suffix("/status") {
        Some(base) if line.deposit => format!("{base}/deposit"),
        Some(_) | None => status,
    }
}

/// Sends one webhook until it is answered 2xx or given up.
pub(super) async fn deliver(bank: Arc<Bank>, line: WebhookLine) {
    tokio::time::sleep(Duration::from_millis(line.wait_ms)).await;
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0;
    let mut step = WebhookStep::GaveUp;
    while attempts < ATTEMPTS {
        let Some(url) = bank.settings().webhook_url else {
            break;
        };
        attempts += 1;
        let request = bank
            .http
            .post(address(url, &line))
            .header(CONTENT_TYPE, "application/json");
        match request.body(line.body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => {
                // Read to its end, so that the connection serves the next webhook.
                let _ = answer.bytes().await;
                step = WebhookStep::Delivered;
                break;
            }
            Ok(answer) => tracing::debug!(status = %answer.status(), "webhook not taken"),
            Err(why) => tracing::debug!(%why, "webhook not delivered"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    let ended = WebhookLine {
        at: Timestamp::now(),
        step,
        attempts,
        ..line
    };
    if let Err(why) = bank.commit(|_| (vec![Line::Webhook(ended)], ())).await {
        tracing::error!(%why, "end of a webhook not journaled");
    }
}
