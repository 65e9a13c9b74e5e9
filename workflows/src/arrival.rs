//! The verbs of a run about money that came in: what it shows, how long it waits, how it ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::WorkflowContext;

use crate::{
    attributes,
    contract::{Arrival, ArrivalStanding},
    domain::{Centavos, FieldCode, FieldError, PayoutId, ReceivedAttention, ReceivedId, ReceivedState},
    sentences::{self, support},
    verbs::{self, Looks},
};

/// People were told: the timer only keeps the wait alive.
const A_DAY: Duration = Duration::from_secs(86_400);
/// Between two looks of a return whose payout is not settled yet: that takes seconds, or days.
const fn pause(looks: u32) -> Duration {
    Duration::from_secs(match looks {
        0 => 2,
        1 => 4,
        2 => 8,
        3..40 => 15,
        _ => 300,
    })
}

/// What the run of a deposit or a return keeps.
#[derive(Debug, Default)]
pub struct Looked {
    looked: bool,
    shown: Option<ReceivedAttention>,
}

impl Looked {
    /// Somebody says that there is something to look at.
    pub(crate) fn look(&mut self) {
        self.looked = true;
    }
}

/// A workflow that keeps that and nothing else.
pub(crate) trait Keeps {
    /// What it keeps.
    fn kept(&self) -> &Looked;
    /// The same, to change it.
    fn kept_mut(&mut self) -> &mut Looked;
}

impl<W: Keeps> Looks for W {
    fn has_looked(&self) -> bool {
        self.kept().looked
    }

    fn forget(&mut self) {
        self.kept_mut().looked = false;
    }
}

/// How a run ended, for whoever reads its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalOutcome {
    /// Where the money is; `None`: there is no such record.
    pub outcome: Option<ReceivedState>,
    /// The record, when there is one.
    pub received: Option<ReceivedId>,
    /// What came in, in centavos.
    pub amount: Option<Centavos>,
    /// The same, for people.
    pub money: String,
    /// The payout that came back.
    pub payout: Option<PayoutId>,
    /// What to mend in a start that does not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl ArrivalOutcome {
    /// The books do not have it, or not as what this run is about.
    pub(crate) fn unknown(received: ReceivedId) -> Self {
        let mend = "the books have no such record of this kind: giro starts these runs itself";
        let error = FieldError::new("/received", FieldCode::UnknownPayout, mend);
        Self {
            received: Some(received),
            ..Self::malformed(vec![error])
        }
    }

    /// The start does not read.
    pub(crate) fn malformed(errors: Vec<FieldError>) -> Self {
        Self {
            outcome: None,
            received: None,
            amount: None,
            money: "nowhere: nothing was done".to_owned(),
            payout: None,
            errors,
        }
    }
}

/// A run about one record.
pub(crate) struct Run<W> {
    pub(crate) ctx: WorkflowContext<W>,
    pub(crate) arrival: Arrival,
}

impl<W: Keeps> Run<W> {
    /// A return has overtaken its payout's own posting: that is waited for, without end, ever less often.
    pub(crate) async fn wait_for_posting(&self, standing: &ArrivalStanding, looks: u32) {
        self.show(standing, "waits until its payout is settled");
        verbs::wait(&self.ctx, pause(looks), "until its payout is settled").await;
    }

    /// A payout of its own sends the deposit back: its end is waited for, without end, ever less often.
    pub(crate) async fn wait_for_sending_back(&self, standing: &ArrivalStanding, looks: u32) {
        self.show(standing, "waits until its bank has it back");
        verbs::wait(&self.ctx, pause(looks), "until it is sent back").await;
    }

    /// People were told, and decide.
    pub(crate) async fn wait_for_people(&self, standing: &ArrivalStanding) {
        self.show(standing, "waits for people to decide who gets it");
        verbs::wait(&self.ctx, A_DAY, "for people").await;
    }

    /// The last words of a run.
    pub(crate) fn ended(&self, standing: &ArrivalStanding) -> ArrivalOutcome {
        let outcome = attributes::OUTCOME.value_set(standing.state.word().to_owned());
        match (standing.attention, self.ctx.state(|state| state.kept().shown)) {
            (Some(attention), _) => self
                .ctx
                .upsert_search_attributes([outcome, attributes::ATTENTION.value_set(attention.word().to_owned())]),
            (None, Some(_)) => self
                .ctx
                .upsert_search_attributes([outcome, attributes::NO_ATTENTION.value_set(Vec::new())]),
            (None, None) => self.ctx.upsert_search_attributes([outcome]),
        }
        self.ctx
            .set_current_details(sentences::arrival_details(standing, "nothing: it has its place"));
        ArrivalOutcome {
            outcome: Some(standing.state),
            received: Some(standing.received),
            amount: Some(standing.amount),
            money: support::arrived(standing.state).en.to_owned(),
            payout: standing.payout,
            errors: Vec::new(),
        }
    }

    /// Shows where the money stands; attention becomes a search attribute only when it changes.
    fn show(&self, standing: &ArrivalStanding, next: &str) {
        if standing.attention != self.ctx.state(|state| state.kept().shown) {
            self.ctx.state_mut(|state| state.kept_mut().shown = standing.attention);
            match standing.attention {
                Some(why) => self
                    .ctx
                    .upsert_search_attributes([attributes::ATTENTION.value_set(why.word().to_owned())]),
                None => self
                    .ctx
                    .upsert_search_attributes([attributes::NO_ATTENTION.value_set(Vec::new())]),
            }
        }
        self.ctx.set_current_details(sentences::arrival_details(standing, next));
    }
}
