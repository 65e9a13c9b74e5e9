//! The REST API: parses requests into domain types, sends commands to the ledger, and shows rows; it decides nothing.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `payouts`, `lists`, `accounts`, `banks`, `institutions` | what callers and people ask for |
//! | `webhooks` | what banks tell us |
//! | `health` | whether this process lives, and whether it can accept |
//! | `view` | every answer as a type, made from rows |
//! | `show` | answers as HTTP |
//! | `document` | the OpenAPI document, made from the routes, and the page that shows it |
//! | `problem` | every answer that is not what was asked for (RFC 9457) |
//! | `caller` | who asks, and what they may do |
//! | `extract`, `params`, `idempotency` | bodies, ids, queries and keys, checked once |
//! | `trace` | an id, a span and a limit in time for each request |

mod accounts;
mod banks;
mod caller;
mod document;
mod extract;
mod health;
mod idempotency;
mod institutions;
mod lists;
mod params;
mod payouts;
mod problem;
mod show;
mod trace;
pub mod view;
mod webhooks;

use std::{future::Future, io, sync::Arc, time::Duration};

use activities::ledger::{
    Ends, Ledger,
    read::{self, Seen},
};
use axum::{Router, middleware::from_fn, routing::post, serve::ListenerExt};
use tokio::{net::TcpListener, sync::Notify};
use utoipa_axum::{router::OpenApiRouter, routes};
use workflows::domain::{Institutions, OperatingDate, PayoutId};

use self::{
    caller::Caller,
    problem::{Code, Problem},
    view::payout::Context,
};
use crate::{config::Config, starter::Starter};

/// How long requests may go on after the stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What every handler may use.
pub struct Api {
    /// The books.
    pub ledger: Ledger,
    /// Word of payouts that end.
    pub ends: Ends,
    /// What starts and wakes runs, after the books have the payout.
    pub starter: Starter,
    /// The configuration, checked.
    pub config: Arc<Config>,
    /// Who can be paid.
    pub institutions: Arc<Institutions>,
}

/// A handler's answer.
type Answered<T> = Result<T, Problem>;

/// Every route of the API, and its page of documentation.
pub fn router(api: Arc<Api>) -> Router {
    let (routes, document) = routes().split_for_parts();
    routes
        .merge(document::pages(document::finished(document)))
        .route("/webhooks/stp/{secret}/status", post(webhooks::stp))
        .fallback(|| async { Problem::from(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::from(Code::MethodNotAllowed) })
        .layer(from_fn(trace::request))
        .with_state(api)
}

/// What the document describes: each route with its own description.
fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(payouts::create, lists::payouts))
        .routes(routes!(payouts::validate))
        .routes(routes!(payouts::show))
        .routes(routes!(payouts::timeline))
        .routes(routes!(payouts::cancel))
        .routes(routes!(payouts::retry))
        .routes(routes!(accounts::open, accounts::list))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::movements))
        .routes(routes!(accounts::statement))
        .routes(routes!(institutions::list))
        .routes(routes!(institutions::show))
        .routes(routes!(banks::list))
        .routes(routes!(health::root))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
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

    /// A payout that this caller sees; any other does not exist.
    async fn payout(&self, caller: &Caller, id: PayoutId) -> Answered<Seen> {
        let found = read::payout(self.ledger.pool(), id).await?;
        found
            .filter(|seen| caller.sees(&seen.payout.caller))
            .ok_or(Problem::from(Code::NotFound))
    }

    /// What payouts are shown with.
    fn context(&self) -> Context<'_> {
        Context {
            institutions: &self.institutions,
            rules: self.ledger.rules(),
            ui: self.config.api.ui(),
            namespace: &self.config.temporal.namespace,
        }
    }
}
