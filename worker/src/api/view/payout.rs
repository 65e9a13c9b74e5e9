//! A payout as callers and people see it, what is to come of it, and what one would be.

use activities::ledger::{
    outlook::{self, Outlook},
    read::{Raised, Seen},
    rows::{self, Rules},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::{
    contract::Asked,
    domain::{
        AccountId, Attention, Centavos, Currency, Evidence, InstitutionCode, Institutions, PayoutId, ReceivedId, State,
        TrackingKey,
    },
    sentences,
};

use super::{
    Thing,
    attention::Waiting,
    bank::Bank,
    form,
    told::{Reason, Said, Told},
};
use crate::api::{docs, show::payout_path};

/// One payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payout {
    /// `payout`.
    pub object: Thing,
    #[schema(value_type = form::PayoutId)]
    pub id: PayoutId,
    #[schema(value_type = form::State)]
    pub state: State,
    /// What the beneficiary gets.
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    /// Our fee.
    #[schema(value_type = form::Centavos)]
    pub fee: Centavos,
    /// IVA on the fee.
    #[schema(value_type = form::Centavos)]
    pub iva: Centavos,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// The account that pays.
    #[schema(value_type = form::AccountId)]
    pub account: AccountId,
    pub beneficiary: Beneficiary,
    #[schema(value_type = form::TrackingKey)]
    pub tracking_key: TrackingKey,
    /// The order's `referenciaNumerica`.
    pub reference: u32,
    /// The bank's day of the order, once it is sent.
    pub operating_date: Option<Date>,
    /// Sends that have begun.
    pub send_no: u32,
    /// The bank that pays it out; `giro` when the beneficiary is a customer of giro's own, and no bank is asked.
    #[schema(example = "stp")]
    pub bank: String,
    /// The bank's own id of the order.
    pub bank_ref: Option<String>,
    /// What the bank last said, in our words.
    pub bank_said: Option<String>,
    /// What proves the outcome.
    #[schema(value_type = Option<form::Evidence>)]
    pub evidence: Option<Evidence>,
    /// Why the outcome is unknown; null when nothing is in doubt.
    pub doubt: Option<String>,
    /// Why a person should look at this payout; null when none should, or when its bank alone keeps it waiting.
    pub attention: Option<RaisedAttention>,
    /// The bank's pause or absence that keeps it waiting; null when there is none.
    pub waits_for: Option<Waiting>,
    /// What giro does next by itself; null once it has ended.
    pub next: Option<Next>,
    /// What may be asked for now, and why not.
    pub may: Vec<May>,
    /// The time that its caller asked for: it is sent, or booked, not before; null when that is at once.
    #[serde(default)]
    pub process_after: Option<Timestamp>,
    /// When the money was held.
    pub accepted_at: Timestamp,
    /// When the payout last changed.
    pub changed_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The operating date that the movements count for.
    pub effective_on: Option<Date>,
    /// The deposit that it sends back; null for what a caller asked for.
    #[schema(value_type = Option<form::ReceivedId>)]
    #[serde(default)]
    pub sends_back: Option<ReceivedId>,
    /// The caller who took it back before it was sent; null unless it was cancelled.
    #[serde(default)]
    #[schema(example = "payments")]
    pub cancelled_by: Option<String>,
    /// What came back, and when; null unless it was returned.
    #[serde(default)]
    pub returned: Option<Returned>,
    /// From when on a person should look.
    pub deadline_at: Option<Timestamp>,
    /// Where the money is, for people.
    #[schema(example = "with the beneficiary")]
    pub money: String,
    /// Why it failed or came back; null otherwise, and while that is under review.
    pub reason: Option<Reason>,
    /// Where the payment stands, for the payer.
    pub customer: Said,
    pub links: PayoutLinks,
}

/// Who gets a payout, as much of it as is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Beneficiary {
    #[schema(value_type = form::Last4)]
    pub clabe_last4: String,
    pub institution: InstitutionName,
}

/// An institution, by code and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstitutionName {
    /// Its SPEI code.
    #[schema(example = 40012)]
    pub code: u32,
    /// Its short name; null when the catalogue no longer has it.
    #[schema(example = "BBVA Mexico")]
    pub name: Option<String>,
}

/// What came back of a payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Returned {
    /// Of the payout's amount; it may be less.
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    /// Fee and IVA given back with it.
    #[schema(value_type = form::Centavos)]
    pub refunded: Centavos,
    /// The bank's day of the return.
    pub operating_date: Date,
    /// When the books took it.
    pub at: Timestamp,
    /// The record by which it came back.
    #[schema(value_type = form::ReceivedId)]
    pub by: ReceivedId,
    /// That record: a path of this API.
    #[schema(example = "/v1/returns/rec_01a22ee6b0007ab5956f8429f2d9cb75")]
    pub link: String,
}

impl Returned {
    /// `None` unless it was returned.
    fn of(payout: &rows::Payout) -> Option<Self> {
        let by = payout.returned_by?;
        Some(Self {
            amount: payout.returned_amount?,
            refunded: payout.refunded,
            operating_date: payout.returned_on?,
            at: payout.returned_at?,
            by,
            link: format!("/v1/returns/{by}"),
        })
    }
}

/// Why a person should look at a payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RaisedAttention {
    #[schema(value_type = form::Attention)]
    pub reason: Attention,
    /// Since when.
    pub since: Timestamp,
    /// What it means, and what can be done.
    pub what: String,
    /// What the bank last said, in our words.
    pub bank_said: Option<String>,
    /// The path of this API where the runbook says more.
    #[schema(example = "/docs/runbook/deadline")]
    pub doc: String,
}

/// The next step that giro takes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Next {
    #[schema(value_type = form::Step)]
    pub step: String,
    /// The same for people.
    #[schema(example = "giro asks the bank again, within a minute")]
    pub what: String,
    /// Not before this; null: within a minute, or when somebody acts.
    pub at: Option<Timestamp>,
}

/// Something that may be asked for, or why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct May {
    #[schema(value_type = form::Deed)]
    pub action: String,
    /// Whether it would be done now.
    pub allowed: bool,
    /// Why not.
    pub why: Option<String>,
}

/// Where a payout is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutLinks {
    /// This payout.
    #[serde(rename = "self")]
    pub this: String,
    /// What happened to it.
    pub timeline: String,
    /// Its run in the Temporal UI, where one is configured; what was booked at once needed none.
    pub workflow: Option<String>,
}

/// What a payout is shown with.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Context<'a> {
    /// The catalogue, for names.
    pub(in crate::api) institutions: &'a Institutions,
    /// What the core decides with.
    pub(in crate::api) rules: &'a Rules,
    /// The Temporal UI's base address.
    pub(in crate::api) ui: Option<&'a str>,
    /// The namespace of the runs.
    pub(in crate::api) namespace: &'a str,
}

impl Context<'_> {
    /// The run in the Temporal UI; none where none is configured, or needed.
    pub(super) fn run(self, payout: &rows::Payout) -> Option<String> {
        let Context { ui, namespace, .. } = self;
        let run = Some(payout.workflow_id()).filter(|_| !payout.was_booked_at_once())?;
        ui.map(|ui| format!("{ui}/namespaces/{namespace}/workflows/{run}"))
    }

    pub(super) fn institution(self, code: u32) -> InstitutionName {
        let found = self.institutions.code(InstitutionCode::new(code));
        InstitutionName {
            code,
            name: found.map(|row| row.name.clone()),
        }
    }
}

impl Payout {
    /// A row, with what is to come of it.
    pub(in crate::api) fn of(seen: &Seen, context: Context<'_>) -> Self {
        let Seen {
            payout,
            raised,
            bank,
            waits_for,
            now,
        } = seen;
        let Outlook { next, may } = outlook::outlook(context.rules, payout, bank, *now);
        let told = Told::of(payout, raised.map(|raised| raised.reason));
        Self {
            object: Thing::Payout,
            id: payout.id,
            state: payout.state,
            amount: payout.amount,
            fee: payout.fee,
            iva: payout.iva,
            currency: Centavos::CURRENCY,
            account: payout.account,
            beneficiary: Beneficiary {
                clabe_last4: payout.clabe_last4().to_owned(),
                institution: context.institution(payout.institution),
            },
            tracking_key: payout.tracking_key.clone(),
            reference: payout.reference,
            operating_date: payout.operating_date,
            send_no: payout.send_no,
            bank: payout.bank.clone(),
            bank_ref: payout.bank_ref.clone(),
            bank_said: payout.bank_said.clone(),
            evidence: payout.evidence,
            doubt: payout.doubt.clone(),
            attention: raised
                .filter(|raised| raised.cause.is_none())
                .map(|raised| RaisedAttention::of(raised, payout)),
            waits_for: waits_for.map(|cause| Waiting::of(cause, bank, *now)),
            next: next.map(Next::of),
            may: may.into_iter().map(May::of).collect(),
            process_after: payout.process_after,
            accepted_at: payout.accepted_at,
            changed_at: payout.changed_at,
            ended_at: payout.ended_at,
            effective_on: payout.effective_on,
            sends_back: payout.sends_back,
            cancelled_by: payout.cancelled_by.clone(),
            returned: Returned::of(payout),
            deadline_at: payout.deadline_at,
            // Sentences for people are made here, from the row, and nowhere else in REST.
            money: sentences::money(payout.state).to_owned(),
            reason: told.reason,
            customer: told.customer,
            links: PayoutLinks::of(payout, context),
        }
    }
}

impl PayoutLinks {
    /// Where a payout, its timeline and its run are found.
    pub(in crate::api) fn of(payout: &rows::Payout, context: Context<'_>) -> Self {
        let this = payout_path(payout.id);
        Self {
            timeline: format!("{this}/timeline"),
            workflow: context.run(payout),
            this,
        }
    }
}

impl RaisedAttention {
    fn of(raised: Raised, payout: &rows::Payout) -> Self {
        let Raised { reason, since, .. } = raised;
        Self {
            reason,
            since,
            what: sentences::attention(reason).to_owned(),
            bank_said: payout.bank_said.clone(),
            doc: docs::runbook(reason.word()),
        }
    }
}

impl Next {
    pub(super) fn of(next: outlook::Next) -> Self {
        Self {
            step: next.what.word().to_owned(),
            what: next.what.sentence().to_owned(),
            at: next.at,
        }
    }
}

impl May {
    fn of(may: outlook::May) -> Self {
        Self {
            action: may.deed.word().to_owned(),
            allowed: may.why_not.is_none(),
            why: may.why_not,
        }
    }
}

/// What the bank was asked, at a person's wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// `answered`: the rest is the answer. `asked`: none came within seconds; giro goes on asking.
    pub result: RetryResult,
    /// What the bank said, in our words.
    pub bank_said: Option<String>,
    /// What follows, for people.
    pub next: Option<String>,
    /// The same order goes out again.
    pub resends: Option<bool>,
    /// The payout as it stands.
    pub payout: Payout,
}

/// Whether an answer came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryResult {
    /// It did.
    Answered,
    /// It did not.
    Asked,
}

impl Retried {
    /// No answer came in time.
    pub(in crate::api) fn asked(payout: Payout) -> Self {
        Self {
            result: RetryResult::Asked,
            bank_said: None,
            next: None,
            resends: None,
            payout,
        }
    }

    /// What the run found; what the bank said is the run's own answer, or the row's.
    pub(in crate::api) fn answered(asked: Asked, payout: Payout) -> Self {
        let said = asked.standing.map(|standing| standing.bank_said);
        Self {
            result: RetryResult::Answered,
            bank_said: said.unwrap_or_else(|| payout.bank_said.clone()),
            next: Some(asked.next),
            resends: Some(asked.resends),
            payout,
        }
    }
}

/// What a payout would be that was asked for now. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// `payout_preview`.
    pub object: Thing,
    /// The payout that this key has already; null when it would be a new one.
    #[schema(value_type = Option<form::PayoutId>)]
    pub payout: Option<PayoutId>,
    /// What the beneficiary would get.
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    /// Our fee.
    #[schema(value_type = form::Centavos)]
    pub fee: Centavos,
    /// IVA on the fee.
    #[schema(value_type = form::Centavos)]
    pub iva: Centavos,
    /// What would be held: amount, fee and IVA.
    #[schema(value_type = form::Centavos)]
    pub total: Centavos,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// The account that would pay.
    #[schema(value_type = form::AccountId)]
    pub account: AccountId,
    pub beneficiary: Beneficiary,
    /// The order's `referenciaNumerica`.
    pub reference: u32,
    /// The bank that would pay it out, as it stands.
    pub bank: Bank,
    /// The bank would be sent to now.
    pub bank_is_open: bool,
    /// When it would be sent, as far as is known; null while people have paused the bank.
    pub would_send_at: Option<Timestamp>,
    /// The time that the request asks for; null when that is at once.
    #[serde(default)]
    pub process_after: Option<Timestamp>,
    /// The bank's day of an order sent then; null when that is unknown.
    pub operating_date: Option<Date>,
}

impl Preview {
    /// What accept answered, without writing it.
    pub(in crate::api) fn of(
        payout: &rows::Payout,
        replayed: bool,
        bank: Bank,
        (sends_at, day): (Option<Timestamp>, Option<Date>),
        context: Context<'_>,
    ) -> Self {
        Self {
            object: Thing::PayoutPreview,
            payout: replayed.then_some(payout.id),
            amount: payout.amount,
            fee: payout.fee,
            iva: payout.iva,
            total: payout.gross(),
            currency: Centavos::CURRENCY,
            account: payout.account,
            beneficiary: Beneficiary {
                clabe_last4: payout.clabe_last4().to_owned(),
                institution: context.institution(payout.institution),
            },
            reference: payout.reference,
            bank_is_open: payout.to_account.is_some() || bank.is_open(),
            would_send_at: sends_at,
            process_after: payout.process_after,
            operating_date: day,
            bank,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
