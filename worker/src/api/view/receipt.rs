//! The receipt of a payout (CEP), as callers and people see it: where Banxico has it, and whose account it was.

use activities::{
    bank,
    banxico::{self, Question, Told},
    ledger::rows,
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{Centavos, PaymentState, PayoutId, PortalAnswer, State, TrackingKey};

use super::{Thing, form};

/// Where anybody may look a payment up by hand.
const PORTAL: &str = "https://www.banxico.org.mx/cep/";

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
    /// What Banxico's portal said, where somebody had it asked; null where nobody had.
    pub banxico: Option<AtBanxico>,
}

/// What Banxico's portal said of one payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AtBanxico {
    /// Who wanted it looked up.
    #[schema(example = "support")]
    pub asked_by: String,
    pub asked_at: Timestamp,
    /// Its newest answer, or the receipt once there is one; null: it has not been asked yet.
    #[schema(value_type = Option<form::PortalAnswer>)]
    pub answer: Option<PortalAnswer>,
    pub answered_at: Option<Timestamp>,
    /// Where it says that the payment stands.
    #[schema(value_type = Option<form::PaymentState>)]
    pub state: Option<PaymentState>,
    /// The account holder's name on the receipt.
    pub beneficiary_name: Option<String>,
    /// Whether that is who the payout was for.
    pub name_matches: Option<bool>,
    /// When the beneficiary had it, as the receipt says.
    pub credited_at: Option<Timestamp>,
    /// When it is asked next; null: no more by itself.
    pub asked_next_at: Option<Timestamp>,
    /// From when on it is asked again, where somebody wants that; null: it goes on, or the receipt is there.
    pub may_be_wanted_at: Option<Timestamp>,
    /// What there is to say of it.
    #[schema(example = "Banxico has the receipt")]
    pub what: String,
}

impl AtBanxico {
    fn of(payout: &rows::Payout, told: Told) -> Self {
        let may_be_wanted_at = told.may_be_wanted_at();
        let Told { asked, said } = told;
        let answer = said.as_ref().map(|said| said.said);
        let receipt = said.as_ref().filter(|said| said.said == PortalAnswer::Receipt);
        let receipt = receipt.and_then(|said| banxico::cep(&said.received));
        let matches = receipt.as_ref().map(|cep| is_theirs(payout, &cep.name));
        let goes_on = asked.due_at.is_some();
        let what = match (answer, matches) {
            (None, _) => "Banxico is asked in a moment",
            (Some(PortalAnswer::Receipt), Some(false)) => ANOTHER_NAME,
            (Some(PortalAnswer::Receipt), _) => "Banxico has the receipt",
            (Some(PortalAnswer::NoReceipt), _) if goes_on => {
                "Banxico has the payment and no receipt yet: it is asked again"
            }
            (Some(PortalAnswer::NoReceipt), _) => "Banxico has the payment, and no receipt of it",
            (Some(PortalAnswer::NotFound), _) if goes_on => {
                "Banxico's page finds no such payment so far, which proves nothing: it is asked again"
            }
            (Some(PortalAnswer::NotFound), _) => {
                "Banxico's page finds no such payment, which proves nothing: ask the bank for its proof"
            }
            (Some(PortalAnswer::TooMany), _) => "Banxico was asked too often: it is left alone for an hour",
            (Some(PortalAnswer::Unclear | PortalAnswer::Silent), _) if goes_on => {
                "Banxico gave no clear answer: it is asked again"
            }
            (Some(PortalAnswer::Unclear | PortalAnswer::Silent), _) => {
                "Banxico gave no clear answer: look it up by hand"
            }
        };
        Self {
            asked_by: asked.asked_by,
            asked_at: asked.asked_at,
            answer,
            answered_at: said.as_ref().map(|said| said.at),
            state: said.and_then(|said| said.state),
            credited_at: receipt.as_ref().and_then(|cep| cep.credited_at),
            beneficiary_name: receipt.map(|cep| cep.name),
            name_matches: matches,
            asked_next_at: asked.due_at,
            may_be_wanted_at,
            what: what.to_owned(),
        }
    }
}

fn is_theirs(payout: &rows::Payout, name: &str) -> bool {
    bank::same_person(name, payout.beneficiary_name.expose())
}

const ANOTHER_NAME: &str = "the beneficiary's bank has another name for the account: ask the payer who it was for";

/// What Banxico's page asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookUp {
    /// The page.
    pub at: String,
    /// The calendar day in Mexico City that it was sent on: the page goes by that one, also after 18:00.
    pub day: Date,
    /// The operating date, as the receipt has it.
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
    /// What the bank's newest answer with one says, and Banxico's.
    pub(in crate::api) fn of(
        payout: &rows::Payout,
        found: Option<(Timestamp, bank::Receipt)>,
        told: Option<Told>,
    ) -> Self {
        let is_paid = matches!(payout.state, State::Settled | State::Returned);
        let name = found.as_ref().and_then(|(_, receipt)| receipt.name.as_deref());
        let matches = name.map(|name| is_theirs(payout, name));
        let question = Question::of(payout).filter(|_| is_paid);
        let what = match (payout.to_account, is_paid, matches, &found) {
            (Some(_), ..) => "it was booked between two accounts of giro's own: SPEI has no receipt of it",
            (None, false, ..) if payout.state.is_open() => "there is one once it is settled",
            (None, false, ..) => "there is none: it was not paid",
            (None, true, Some(false), _) => ANOTHER_NAME,
            (None, true, _, Some(_)) => "the beneficiary's bank has confirmed it",
            (None, true, _, None) if question.is_none() => "the bank links none yet",
            (None, true, _, None) => "the bank links none yet: have it looked up at Banxico",
        };
        Self {
            object: Thing::Receipt,
            payout: payout.id,
            beneficiary_name: name.map(str::to_owned),
            name_matches: matches,
            seen_at: found.as_ref().map(|(at, _)| *at),
            url: found.and_then(|(_, receipt)| receipt.url),
            look_up: question
                .zip(payout.operating_date)
                .map(|(question, operating_date)| LookUp {
                    at: PORTAL.to_owned(),
                    day: question.day(0),
                    operating_date,
                    tracking_key: payout.tracking_key.clone(),
                    issuer: bank::institution(&payout.bank).unwrap_or_default(),
                    receiver: payout.institution,
                    amount: payout.amount,
                }),
            what: what.to_owned(),
            banxico: told.map(|told| AtBanxico::of(payout, told)),
        }
    }
}
