//! The REST API: parses requests into domain types, sends commands to the ledger, and shows rows; it decides nothing.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `payouts`, `lists`, `transfers`, `accounts`, `arrivals`, `banks`, `institutions`, `attention`, `reconciliations` | what callers and people ask for |
//! | `pauses` | a bank paused or resumed by people |
//! | `webhooks` | what banks tell us, on a listener of its own |
//! | `health` | whether this process lives, and whether it can accept |
//! | `view` | every answer as a type, made from rows |
//! | `show` | answers as HTTP |
//! | `document` | the OpenAPI document, made from the routes, and the page that shows it |
//! | `problem` | every answer that is not what was asked for (RFC 9457) |
//! | `docs` | what each problem and each cause of attention means, for people |
//! | `listen` | the socket: limits of connections, of headers and in time |
//! | `door` | keys, checked against the books |
//! | `caller` | who asks, and what they may do |
//! | `extract`, `params`, `idempotency`, `plain` | bodies, ids, queries and keys, checked once |
//! | `trace` | an id, a span and a limit in time for each request |

mod accounts;
mod arrivals;
mod attention;
mod banks;
mod caller;
mod closures;
mod decisions;
mod docs;
mod document;
mod door;
mod extract;
mod health;
mod idempotency;
mod institutions;
mod listen;
mod lists;
mod params;
mod pauses;
mod payouts;
mod plain;
mod problem;
mod receipts;
mod reconciliations;
mod show;
mod trace;
mod transfers;
pub mod view;
mod webhooks;

use std::{future::Future, sync::Arc};

use activities::ledger::{
    Ends, Ledger,
    read::{self, Seen},
};
use axum::{Router, middleware::from_fn, routing::get};
use tokio::net::TcpListener;
use utoipa_axum::{router::OpenApiRouter, routes};
use workflows::domain::{Fees, Institutions, OperatingDate, PayoutId};

pub use self::door::Door;
use self::{
    caller::Caller,
    listen::Limits,
    problem::{Code, Problem},
    view::payout::Context,
};
use crate::{config::Config, starter::Starter};

/// What every handler may use.
pub struct Api {
    /// The books.
    pub ledger: Ledger,
    /// Word of payouts that end.
    pub ends: Ends,
    /// Who is let in.
    pub door: Door,
    /// What starts and wakes runs, after the books have the payout.
    pub starter: Starter,
    /// The configuration, checked.
    pub config: Arc<Config>,
    /// Who can be paid.
    pub institutions: Arc<Institutions>,
    /// What a payout costs.
    pub fees: Fees,
}

/// A handler's answer.
type Answered<T> = Result<T, Problem>;

/// Every route of the API, and its page of documentation.
pub fn router(api: Arc<Api>) -> Router {
    let (routes, document) = routes().split_for_parts();
    routes
        .merge(document::pages(document::finished(document)))
        .route("/docs/problems", get(docs::problems))
        .route("/docs/problems/{code}", get(docs::one))
        .route("/docs/runbook", get(docs::all_of_runbook))
        .route("/docs/runbook/{cause}", get(docs::of_runbook))
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
        .routes(routes!(receipts::show, receipts::look_up))
        .routes(routes!(payouts::cancel))
        .routes(routes!(payouts::retry))
        .routes(routes!(decisions::payout))
        .routes(routes!(transfers::create, transfers::list))
        .routes(routes!(transfers::show))
        .routes(routes!(transfers::cancel))
        .routes(routes!(accounts::open, accounts::list))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::movements))
        .routes(routes!(accounts::statement))
        .routes(routes!(accounts::stand))
        .routes(routes!(decisions::correct, decisions::corrections))
        .routes(routes!(arrivals::deposits))
        .routes(routes!(arrivals::deposit))
        .routes(routes!(arrivals::apply_deposit))
        .routes(routes!(arrivals::send_back))
        .routes(routes!(arrivals::returns))
        .routes(routes!(arrivals::one_return))
        .routes(routes!(arrivals::apply_return))
        .routes(routes!(decisions::deposit))
        .routes(routes!(decisions::of_return))
        .routes(routes!(institutions::list))
        .routes(routes!(institutions::show))
        .routes(routes!(attention::list))
        .routes(routes!(banks::list))
        .routes(routes!(reconciliations::show))
        .routes(routes!(reconciliations::running))
        .routes(routes!(reconciliations::understood))
        .routes(routes!(pauses::pause))
        .routes(routes!(pauses::resume))
        .routes(routes!(closures::announce))
        .routes(routes!(closures::call_off))
        .routes(routes!(health::root))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
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
