//! How a run of a payout or a transfer ended, for whoever reads its result.

use serde::{Deserialize, Serialize};

use crate::{
    contract::Standing,
    domain::{Centavos, End, Evidence, FieldCode, FieldError, PayoutId, Refusal, TrackingKey},
    sentences::{self, support},
};

/// How a run ended, for whoever reads its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How.
    pub outcome: End,
    /// The payout, when there is one.
    pub payout: Option<PayoutId>,
    /// What the beneficiary gets, in centavos.
    pub amount: Option<Centavos>,
    /// Where the money is.
    pub money: String,
    /// What the bank last said, in our words.
    pub bank_said: Option<String>,
    /// What proved it.
    pub evidence: Option<Evidence>,
    /// The key the bank knows it by.
    pub tracking_key: Option<TrackingKey>,
    /// Why it was refused.
    pub refusal: Option<Refusal>,
    /// What to mend in a request that giro does not take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Outcome {
    pub(crate) fn of(end: End, standing: &Standing) -> Self {
        Self {
            outcome: end,
            payout: Some(standing.payout),
            amount: Some(standing.amount),
            money: sentences::money(standing.state).to_owned(),
            bank_said: standing.bank_said.clone(),
            evidence: standing.evidence,
            tracking_key: Some(standing.tracking_key.clone()),
            refusal: None,
            errors: Vec::new(),
        }
    }

    pub(crate) fn refused(payout: PayoutId, refusal: Refusal) -> Self {
        Self {
            refusal: Some(refusal),
            ..Self::malformed(Some(payout), Vec::new())
        }
    }

    pub(crate) fn unknown(payout: PayoutId) -> Self {
        let error = FieldError::new(
            "/payout",
            FieldCode::UnknownPayout,
            "the books have no such payout; make it with POST /v1/payouts",
        );
        Self::malformed(Some(payout), vec![error])
    }

    pub(crate) fn malformed(payout: Option<PayoutId>, errors: Vec<FieldError>) -> Self {
        Self {
            outcome: End::Refused,
            payout,
            amount: None,
            money: support::end(End::Refused).en.to_owned(),
            bank_said: None,
            evidence: None,
            tracking_key: None,
            refusal: None,
            errors,
        }
    }
}
