//! A transfer between two accounts of giro's own, as the API shows it.

use activities::ledger::{outlook, read::Seen};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::{
    domain::{AccountId, Centavos, Currency, State, TransferId},
    sentences,
};

use super::{
    Thing, form,
    payout::{Context, Next},
    told::{Reason, Said, Told},
};
use crate::api::show::transfer_path;

/// One transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// `transfer`.
    pub object: Thing,
    #[schema(value_type = form::TransferId)]
    pub id: TransferId,
    /// `accepted` while the money is held for its time, then `settled`, `cancelled`, or `failed` where the other account no
    /// longer took it.
    #[schema(value_type = form::State)]
    pub state: State,
    /// What the other account gets; a transfer costs nothing.
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// The account that pays.
    #[schema(value_type = form::AccountId)]
    pub account: AccountId,
    /// The account that gets it.
    #[schema(value_type = form::AccountId)]
    pub to_account: AccountId,
    /// The time that its caller asked for; null when that was at once.
    pub process_after: Option<Timestamp>,
    /// What giro does next by itself; null once it has ended.
    pub next: Option<Next>,
    /// Whether it can still be taken back.
    pub may_cancel: bool,
    /// Where the money is, for people.
    #[schema(example = "with the beneficiary")]
    pub money: String,
    /// The caller who took it back; null unless it was cancelled.
    #[serde(default)]
    #[schema(example = "payments")]
    pub cancelled_by: Option<String>,
    /// Why it failed; null otherwise.
    pub reason: Option<Reason>,
    /// Where it stands, for the payer.
    pub customer: Said,
    /// When the money was held.
    pub accepted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The operating date that its movement counts for.
    pub effective_on: Option<Date>,
    pub links: TransferLinks,
}

/// Where a transfer is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransferLinks {
    /// This transfer.
    #[serde(rename = "self")]
    pub this: String,
    /// Its run in the Temporal UI, where one is configured; what is made at once has none.
    pub workflow: Option<String>,
}

impl Transfer {
    /// A row, with what is to come of it; `None`: it is no transfer.
    pub(in crate::api) fn of(seen: &Seen, context: Context<'_>) -> Option<Self> {
        let payout = &seen.payout;
        let to_account = payout.to_account.filter(|_| payout.is_transfer)?;
        let outlook = outlook::outlook(context.rules, payout, &seen.bank, seen.now);
        let cancel = |may: &outlook::May| may.deed == outlook::Deed::Cancel && may.why_not.is_none();
        let told = Told::of(payout, seen.raised.map(|raised| raised.reason));
        let id = TransferId::from(payout.id);
        Some(Self {
            object: Thing::Transfer,
            id,
            state: payout.state,
            amount: payout.amount,
            currency: Centavos::CURRENCY,
            account: payout.account,
            to_account,
            process_after: payout.process_after,
            may_cancel: outlook.may.iter().any(cancel),
            next: outlook.next.map(Next::of),
            cancelled_by: payout.cancelled_by.clone(),
            money: sentences::money(payout.state).to_owned(),
            reason: told.reason,
            customer: told.customer,
            accepted_at: payout.accepted_at,
            ended_at: payout.ended_at,
            effective_on: payout.effective_on,
            links: TransferLinks {
                this: transfer_path(id),
                workflow: context.run(payout),
            },
        })
    }
}
