//! Banks: whether each may be sent to, and why not.

use std::sync::Arc;

use activities::ledger::read;
use axum::{extract::State as Shared, http::StatusCode, response::Response};

use super::{
    Answered, Api,
    caller::Reader,
    params::{Nothing, Params},
    show,
    view::{bank::Bank, page::Page},
};

/// List the banks
///
/// Whether each is sent to now: `open`, `closed` (around 18:00 Mexico City, when the operating date changes), `paused`
/// (until people resume it, or our configuration is mended) or `away` (it does not answer; giro tries again by itself).
#[utoipa::path(get, path = "/v1/banks", tag = "banks", operation_id = "listBanks",
    responses((status = 200, description = "Every bank, on one page.", body = Page<Bank>)))]
pub(super) async fn list(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    _: Params<Nothing>,
) -> Answered<Response> {
    let now = api.ledger.now().await?;
    let banks = read::banks(api.ledger.pool()).await?;
    let calendar = &api.ledger.rules().calendar;
    let seen = |row| Bank::of(row, calendar, now).seen_by(&caller);
    let data = banks.iter().map(seen).collect();
    Ok(show::reply(StatusCode::OK, Page::whole(data)))
}
