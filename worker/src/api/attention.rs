//! What a person should look at, by its cause.

use std::sync::Arc;

use activities::{ledger::read, reconcile};
use axum::{extract::State as Shared, http::StatusCode, response::Response};

use super::{
    Answered, Api,
    caller::Reader,
    params::{Nothing, Params},
    show::reply,
    view::{attention::Attention, page::Page},
};

/// List what a person should look at
///
/// One row for each cause, on one page: a bank that is away, paused or misconfigured stands here once, with the count of
/// the payouts that wait past their deadline for nothing else; then the reasons that payouts have of their own, those of money
/// that came in, and for who operates closed days that differ from a bank's statement. Empty: nobody has to do anything. Rows go by themselves when their cause is gone.
#[utoipa::path(get, path = "/v1/attention", tag = "payouts", operation_id = "listAttention",
    responses((status = 200, description = "Every cause.", body = Page<Attention>)))]
pub(super) async fn list(
    Shared(api): Shared<Arc<Api>>,
    Reader(caller): Reader,
    _: Params<Nothing>,
) -> Answered<Response> {
    let whose = (!caller.operates()).then(|| caller.name());
    let standing = read::standing(api.ledger.pool(), whose).await?;
    let now = api.ledger.now().await?;
    let mut all = Attention::all(&standing, caller.operates(), now);
    if caller.operates() {
        let days = reconcile::differing(api.ledger.pool()).await?;
        all.extend(days.iter().filter_map(Attention::of_days));
        let apart = reconcile::balances_apart(api.ledger.pool()).await?;
        all.extend(apart.iter().map(Attention::of_balance));
    }
    Ok(reply(StatusCode::OK, Page::whole(all)))
}
