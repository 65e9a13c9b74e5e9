//! The REST API: parses requests into domain types, sends commands to the ledger, and shows rows; it decides nothing.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `payouts`, `accounts`, `banks` | what callers and people ask for |
//! | `pauses` | a bank paused or resumed by people |
//! | `webhooks` | what banks tell us, on a listener of its own |
//! | `health` | whether this process lives, and whether it can accept |
//! | `show` | rows as JSON |
//! | `problem` | every answer that is not what was asked for (RFC 9457) |
//! | `listen` | the socket: limits of connections, of headers and in time |
//! | `door` | keys, checked against the books |
//! | `caller` | who asks, and what they may do |
//! | `extract`, `idempotency` | bodies, ids, pages and keys, checked once |
//! | `trace` | an id, a span and a limit in time for each request |

mod accounts;
mod banks;
mod caller;
mod door;
mod extract;
mod health;
mod idempotency;
mod listen;
mod pauses;
mod payouts;
mod problem;
mod show;
mod trace;
mod webhooks;

use std::{future::Future, sync::Arc};

use activities::ledger::{Ledger, read};
use axum::{
    Router,
    middleware::from_fn,
    routing::{get, post},
};
use tokio::net::TcpListener;
use workflows::domain::{Institutions, OperatingDate, PayoutId};

pub use self::door::Door;
use self::{
    caller::Caller,
    listen::Limits,
    problem::{Code, Problem},
};
use crate::{config::Config, starter::Starter};

/// What every handler may use.
pub struct Api {
    /// The books.
    pub ledger: Ledger,
    /// Who is let in.
    pub door: Door,
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
        .route("/v1/banks/{name}/pause", post(pauses::pause))
        .route("/v1/banks/{name}/resume", post(pauses::resume))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(|| async { Problem::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::from(Code::MethodNotAllowed) })
        .layer(from_fn(trace::request))
        .with_state(api)
}

/// Serves callers and people until `stop` resolves, then drains for ten seconds at most.
pub async fn serve(api: Arc<Api>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let limits = Limits::from(&api.config.api);
    listen::serve("api", router(api), listener, limits, stop).await;
}

/// Serves banks until `stop` resolves, then drains for ten seconds at most.
pub async fn serve_webhooks(api: Arc<Api>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let limits = Limits::from(&api.config.api);
    listen::serve("webhooks", webhooks::router(api), listener, limits, stop).await;
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
