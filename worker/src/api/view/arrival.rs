//! Money that came in, as the API shows it.

use activities::{
    bank,
    ledger::{read::ReceivedSeen, rows::Private},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::{
    domain::{AccountId, Centavos, Currency, PayoutId, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState},
    sentences::{customer, support},
};

use super::{
    Thing,
    decision::Said,
    form,
    payout::{Context, InstitutionName},
    told::Reason,
};
use crate::api::docs;

/// A deposit, or the return of a payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Arrival {
    /// `deposit` or `return`.
    pub object: Thing,
    #[schema(value_type = form::ReceivedId)]
    pub id: ReceivedId,
    #[schema(value_type = form::ReceivedState)]
    pub state: ReceivedState,
    /// What came in, interest included.
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    /// Of a late return, within the amount; else 0.
    #[schema(value_type = form::Centavos)]
    pub interest: Centavos,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// The customer's account that has it; null while none has.
    #[schema(value_type = Option<form::AccountId>)]
    pub account: Option<AccountId>,
    /// The last four digits of the account that it is for, as the bank states it.
    #[schema(example = "0339")]
    pub clabe_last4: String,
    /// The payout that came back by it; null for a deposit.
    #[schema(value_type = Option<form::PayoutId>)]
    pub payout: Option<PayoutId>,
    /// The payout that sends it back, or did; null for what stays.
    #[schema(value_type = Option<form::PayoutId>)]
    #[serde(default)]
    pub sent_back_by: Option<PayoutId>,
    /// Who decided that it goes back, or whose what stood in suspense is, and why.
    #[serde(default)]
    pub decided: Option<Decided>,
    /// Why it came back, when the bank says so.
    pub reason: Option<Reason>,
    pub sender: Sender,
    /// What it is for, as its sender wrote it; only where one record is looked at.
    pub concept: Option<String>,
    /// Its `referenciaNumerica`.
    pub reference: Option<u32>,
    /// The key that it came under.
    #[schema(example = "NU39KQ4N8H2M")]
    pub tracking_key: String,
    /// SPEI's `tipoPago`.
    #[schema(example = 1)]
    pub payment_type: u16,
    #[schema(example = "stp")]
    pub bank: String,
    /// The bank's own reference.
    pub bank_ref: Option<String>,
    /// The bank's day.
    pub operating_date: Date,
    /// Where the money is, for people.
    pub money: String,
    /// Why a person should look; null when nobody needs to.
    pub attention: Option<ArrivalAttention>,
    /// What people have said of it, one by one, for whoever operates; only where one record is looked at.
    #[serde(default)]
    pub said: Vec<Said>,
    /// When giro read it from the bank.
    pub received_at: Timestamp,
    pub changed_at: Timestamp,
}

/// A decision of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// The caller that decided.
    #[schema(example = "support")]
    pub by: String,
    pub why: String,
}

/// Who sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sender {
    pub institution: InstitutionName,
    /// The last four digits of the account that it was sent from.
    pub account_last4: Option<String>,
    /// The name that the sender's bank states; only where one record is looked at.
    pub name: Option<String>,
}

/// Why a person should look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArrivalAttention {
    #[schema(value_type = form::ReceivedAttention)]
    pub reason: ReceivedAttention,
    pub since: Timestamp,
    /// What it means, and what to do.
    pub what: String,
    /// More about it: a path of this API.
    pub doc: String,
}

impl Arrival {
    /// A record looked at by whoever it is for: with what its sender wrote.
    pub(in crate::api) fn of(seen: &ReceivedSeen, context: Context<'_>) -> Self {
        let row = &seen.received;
        let shown = |text: &Option<Private>| text.as_ref().map(|text| text.expose().to_owned());
        let mut arrival = Self::listed(seen, context);
        arrival.concept = shown(&row.concept);
        arrival.sender.name = shown(&row.sender_name);
        arrival
    }

    /// A row of a list: nothing of a person.
    pub(in crate::api) fn listed(seen: &ReceivedSeen, context: Context<'_>) -> Self {
        let row = &seen.received;
        let last4 = |digits: &str| {
            digits
                .get(digits.len().saturating_sub(4)..)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            object: match row.kind {
                ReceivedKind::Deposit => Thing::Deposit,
                ReceivedKind::Return => Thing::Return,
            },
            id: row.id,
            state: row.state,
            amount: row.amount,
            interest: row.interest,
            currency: Centavos::CURRENCY,
            account: row.account,
            clabe_last4: row.clabe_last4().to_owned(),
            payout: row.payout,
            sent_back_by: row.sent_back_by,
            decided: row
                .decided_by
                .clone()
                .zip(row.decided_why.clone())
                .map(|(by, why)| Decided { by, why }),
            reason: row.cause.as_ref().map(|cause| {
                let code = bank::returned(&row.bank, cause);
                Reason {
                    code,
                    bank_code: Some(cause.clone()),
                    customer: customer::reason(code).into(),
                }
            }),
            sender: Sender {
                institution: context.institution(row.sender),
                account_last4: row.sender_account.as_ref().map(|account| last4(account.expose())),
                name: None,
            },
            concept: None,
            reference: row.reference,
            tracking_key: row.tracking_key.clone(),
            payment_type: row.payment_type,
            bank: row.bank.clone(),
            bank_ref: row.bank_ref.clone(),
            operating_date: row.operating_date,
            money: support::arrived(row.state).en.to_owned(),
            attention: seen.raised.map(|(reason, since)| ArrivalAttention {
                reason,
                since,
                what: support::received_attention(reason).en.to_owned(),
                doc: docs::runbook(&format!("{}_{reason}", row.kind)),
            }),
            said: Vec::new(),
            received_at: row.received_at,
            changed_at: row.changed_at,
        }
    }
}
