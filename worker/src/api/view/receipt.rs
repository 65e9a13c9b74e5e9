//! The receipt of a payout (CEP), as callers and people see it: where Banxico has it, and whose account it was.

use activities::{bank, ledger::rows};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{Centavos, PayoutId, State, TrackingKey};

use super::{Thing, form};

/// Where anybody may look a payment up by hand.
const PORTAL: &str = "https://www.banxico.org.mx/cep/";
/// STP's code in SPEI: who sent the order.
const STP: u32 = 90_646;

/// The receipt of one payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// `receipt`.
    pub object: Thing,
    #[schema(value_type = form::PayoutId)]
    pub payout: PayoutId,
    /// The receipt at Banxico, as the bank links it; null where the beneficiary's bank has not confirmed yet: the bank's day is
    /// read every five minutes, and once more after its close.
    #[schema(example = "https://www.banxico.org.mx/cep/go?i=90646&s=20260401&d=...")]
    pub url: Option<String>,
    /// The account holder's name, as the beneficiary's bank has it; null where it has not confirmed yet.
    pub beneficiary_name: Option<String>,
    /// Whether that is who the payout was for, whatever the case, accents and order of words; null while it is not known.
    pub name_matches: Option<bool>,
    /// When the bank said so.
    pub seen_at: Option<Timestamp>,
    /// What to enter at Banxico by hand, with the whole CLABE, which giro does not show; null while there is nothing to find.
    pub look_up: Option<LookUp>,
    /// What there is to say of it.
    #[schema(example = "the beneficiary's bank has confirmed it")]
    pub what: String,
}

/// What Banxico's page asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookUp {
    /// The page.
    pub at: String,
    pub operating_date: Date,
    #[schema(value_type = form::TrackingKey)]
    pub tracking_key: TrackingKey,
    /// The institution that sent it.
    #[schema(example = 90646)]
    pub issuer: u32,
    /// The institution that received it.
    #[schema(example = 40012)]
    pub receiver: u32,
    /// The page wants pesos.
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
}

impl Receipt {
    /// What the bank's newest answer with one says.
    pub(in crate::api) fn of(payout: &rows::Payout, found: Option<(Timestamp, bank::Receipt)>) -> Self {
        let is_paid = matches!(payout.state, State::Settled | State::Returned);
        let name = found.as_ref().and_then(|(_, receipt)| receipt.name.as_deref());
        let matches = name.map(|name| bank::same_person(name, payout.beneficiary_name.expose()));
        let what = match (payout.to_account, is_paid, matches, &found) {
            (Some(_), ..) => "it was booked between two accounts of giro's own: SPEI has no receipt of it",
            (None, false, ..) if payout.state.is_open() => "there is one once it is settled",
            (None, false, ..) => "there is none: it was not paid",
            (None, true, Some(false), _) => {
                "the beneficiary's bank has another name for the account: ask the payer who it was for"
            }
            (None, true, _, Some(_)) => "the beneficiary's bank has confirmed it",
            (None, true, _, None) => "the bank links none yet: look it up at Banxico",
        };
        let look_up = payout.operating_date.filter(|_| is_paid && payout.to_account.is_none());
        Self {
            object: Thing::Receipt,
            payout: payout.id,
            beneficiary_name: name.map(str::to_owned),
            name_matches: matches,
            seen_at: found.as_ref().map(|(at, _)| *at),
            url: found.and_then(|(_, receipt)| receipt.url),
            look_up: look_up.map(|operating_date| LookUp {
                at: PORTAL.to_owned(),
                operating_date,
                tracking_key: payout.tracking_key.clone(),
                issuer: STP,
                receiver: payout.institution,
                amount: payout.amount,
            }),
            what: what.to_owned(),
        }
    }
}
