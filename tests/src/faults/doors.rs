//! Blows by doors that strangers reach: webhooks that the bank never sent, and signals straight to runs.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use temporalio_client::{UntypedSignal, UntypedWorkflow};
use temporalio_common::{data_converters::RawValue, protos::temporal::api::common::v1::Payload};
use tokio::time::{sleep, timeout};

use super::{
    field::Field,
    schedule::{Forgery, Poke},
};

/// Tries of a door that is away just now.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a webhook that lies; true once it was answered.
pub(super) async fn forge(field: &Field, forgery: Forgery) -> Result<bool> {
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    for _ in 0..TRIES {
        let (of_ended, estado) = match forgery {
            Forgery::Settled => (false, "LQ"),
            Forgery::Cancelled | Forgery::WrongPath => (false, "CN"),
            Forgery::Downgrade => (true, "C"),
            Forgery::Returned => (false, "D"),
            Forgery::Unknown | Forgery::Garbage => (true, "LQ"),
        };
        let known = some_payout(field, of_ended).await;
        let key = match (forgery, known) {
            (Forgery::Unknown | Forgery::Garbage, _) => Some("GIRO0000000000000000000000000".to_owned()),
            (_, known) => known.ok().flatten().map(|(_, key)| key),
        };
        let secret = if forgery == Forgery::WrongPath {
            "guessed"
        } else {
            "test-secret"
        };
        let url = format!("http://127.0.0.1:{}/webhooks/stp/{secret}/status", field.webhooks);
        if let Some(key) = key {
            if forgery != Forgery::WrongPath {
                field.forges(&key);
            }
            let body = if forgery == Forgery::Garbage {
                "{\"claveRastreo\":".to_owned()
            } else {
                json!({
                    "id": 1, "empresa": "GIRO", "claveRastreo": key, "estado": estado,
                    "causaDevolucion": "", "tsLiquidacion": "1",
                })
                .to_string()
            };
            let request = http.post(url).header("Content-Type", "application/json").body(body);
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                if forgery == Forgery::WrongPath && status < 400 {
                    field.violation(format!("a webhook by a wrong path was answered {status}"));
                }
                if status < 500 {
                    return Ok(true);
                }
            }
        }
        sleep(PAUSE).await;
    }
    Ok(false)
}

/// Does something to the run of an open payout; true once Temporal took it.
pub(super) async fn poke(field: &Field, poke: Poke) -> Result<bool> {
    for _ in 0..TRIES {
        if let Ok(Some((payout, _))) = some_payout(field, false).await
            && timeout(PATIENCE, once(field, poke, &payout))
                .await
                .is_ok_and(|took| took.is_ok())
        {
            return Ok(true);
        }
        sleep(PAUSE).await;
    }
    Ok(false)
}

async fn once(field: &Field, poke: Poke, payout: &str) -> Result<()> {
    let run = field
        .client
        .get_workflow_handle::<UntypedWorkflow>(format!("payout-{payout}"));
    let junk = Payload {
        data: b"\xff{settled: true".to_vec(),
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        ..Payload::default()
    };
    match poke {
        Poke::Junk => {
            let junk = RawValue::new(vec![junk.clone(), junk]);
            run.signal(UntypedSignal::new("look"), junk, Default::default()).await?;
        }
        Poke::Unknown => {
            let junk = RawValue::new(vec![junk]);
            run.signal(UntypedSignal::new("settle"), junk, Default::default())
                .await?;
        }
        Poke::Cancel => run.cancel(Default::default()).await?,
        Poke::Terminate => run.terminate(Default::default()).await?,
    }
    Ok(())
}

/// Id and tracking key of some payout.
async fn some_payout(field: &Field, ended: bool) -> Result<Option<(String, String)>> {
    let mut books = PgConnection::connect(&field.database).await?;
    let one = "select 'po_' || replace(id::text, '-', ''), tracking_key from payout
               where (ended_at is not null) = $1 order by random() limit 1";
    let found = sqlx::query_as(one).bind(ended).fetch_optional(&mut books).await?;
    books.close().await?;
    Ok(found)
}
