//! The REST API: parses requests into domain types, sends commands to the ledger, and shows rows; it decides nothing.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `payouts`, `accounts`, `banks` | what callers and people ask for |
//! | `webhooks` | what banks tell us |
//! | `health` | whether this process lives, and whether it can accept |
//! | `show` | rows as JSON |
//! | `told` | what the payer of a payout may be told |
//! | `problem` | every answer that is not what was asked for (RFC 9457) |
//! | `docs` | what each problem means, for people |
//! | `caller` | who asks, and what they may do |
//! | `extract`, `idempotency` | bodies, ids, pages and keys, checked once |
//! | `trace` | an id, a span and a limit in time for each request |

mod accounts;
mod banks;
mod caller;
mod docs;
mod extract;
mod health;
mod idempotency;
mod payouts;
mod problem;
mod show;
mod told;
mod trace;
mod webhooks;

use std::{future::Future, io, sync::Arc, time::Duration};

use activities::ledger::{Ledger, read};
use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::{net::TcpListener, sync::Notify};
use workflows::domain::{Institutions, OperatingDate, PayoutId};

use self::{
    caller::Caller,
    problem::{Code, Problem},
};
use crate::{config::Config, starter::Starter};

/// How long requests may go on after the stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What every handler may use.
pub struct Api {
    /// The books.
    pub ledger: Ledger,
    /// What starts and wakes runs, after the books have the payout.
    pub starter: Starter,
    /// The configuration, checked.
    pub config: Arc<Config>,
    /// Who can be paid.
    pub institutions: Arc<Institutions>,
}

/// A handler's answer.
type Answered<T> = Result<T, Problem>;

/// Every route of the API.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/payouts", post(payouts::create))
        .route("/v1/payouts/{id}", get(payouts::show))
        .route("/v1/payouts/{id}/cancel", post(payouts::cancel))
        .route("/v1/payouts/{id}/retry", post(payouts::retry))
        .route("/v1/accounts", post(accounts::open))
        .route("/v1/accounts/{id}", get(accounts::show))
        .route("/v1/accounts/{id}/movements", get(accounts::movements))
        .route("/v1/banks", get(banks::list))
        .route("/docs/problems", get(docs::problems))
        .route("/docs/problems/{code}", get(docs::one))
        .route("/webhooks/stp/{secret}/status", post(webhooks::stp))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(|| async { Problem::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::from(Code::MethodNotAllowed) })
        .layer(from_fn(trace::request))
        .with_state(api)
}

/// Serves until `stop` resolves, then takes no more and lets what runs end, for ten seconds at most.
pub async fn serve(
    api: Arc<Api>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stopped = Arc::new(Notify::new());
    let stopping = Arc::clone(&stopped);
    let heard = async move {
        stop.await;
        stopping.notify_one();
    };
    let patience = async {
        stopped.notified().await;
        tokio::time::sleep(DRAIN).await;
    };
    let listener = listener.tap_io(|stream| {
        // A connection without it is slower, not wrong.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, router(api)).with_graceful_shutdown(heard);
    tokio::select! {
        ended = async { serving.await } => ended,
        () = patience => {
            tracing::warn!("requests were still open ten seconds after the stop: left");
            Ok(())
        }
    }
}

impl Api {
    /// The bank's day of an order that would be sent now.
    async fn operating_date(&self) -> Answered<OperatingDate> {
        let now = self.ledger.now().await?;
        self.ledger.rules().calendar.operating_date(now).map_err(|error| {
            tracing::error!(%error, "the bank's calendar has no day for now");
            Problem::from(Code::Internal)
        })
    }

    /// A payout that this caller sees, as JSON shows it; any other does not exist.
    async fn payout(&self, caller: &Caller, id: PayoutId) -> Answered<show::Seen> {
        let found = read::payout_view(self.ledger.pool(), id).await?;
        let (payout, raised) = found
            .filter(|(payout, _)| caller.sees(&payout.caller))
            .ok_or(Problem::from(Code::NotFound))?;
        Ok(show::Seen { payout, raised })
    }
}
