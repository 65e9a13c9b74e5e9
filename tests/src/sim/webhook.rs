//! Status webhooks ("cambio de estado"), sent again until somebody answers 2xx, up to twenty times.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::{
    Bank,
    book::{Book, OrderView},
    faults::Fault,
    journal::{Line, StateLine, WebhookLine, WebhookStep},
};

const ATTEMPTS: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The webhooks a change of state brings under the order's fault.
pub(super) fn of_change(book: &Book, order: &OrderView, change: &StateLine) -> Vec<WebhookLine> {
    let quiet = order.fault == Fault::LostWebhook || (order.fault.hides_until_told() && !order.spoken);
    let copies = match (quiet, order.fault) {
        (true, _) => 0,
        (false, Fault::RepeatedWebhook) => 5,
        (false, _) => 1,
    };
    let lie = order.fault == Fault::WebhookCnLie && change.estado == "LQ";
    let estado = if lie { "CN" } else { change.estado.as_str() };
    let settled = match estado {
        "LQ" | "TLQ" => change.ts,
        "CN" => 0,
        _ => order.ts_liquidacion.unwrap_or(0),
    };
    let cause = if estado == "D" { super::query::RETURN_CAUSE } else { "" };
    let body = body(order.id, &order.empresa, &order.clave_rastreo, estado, cause, settled);
    (0..copies)
        .map(|copy| queued(book.next_webhook() + copy, change.at, body.clone()))
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
        body,
    }
}

/// Sends one webhook until it is answered 2xx or given up.
pub(super) async fn deliver(bank: Arc<Bank>, line: WebhookLine) {
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0;
    let mut step = WebhookStep::GaveUp;
    while attempts < ATTEMPTS {
        let Some(url) = bank.settings().webhook_url else {
            break;
        };
        attempts += 1;
        let request = bank.http.post(url).header(CONTENT_TYPE, "application/json");
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
