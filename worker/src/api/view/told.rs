//! What the payer of a payout may be told: where the payment stands, and why it failed or came back.

use activities::{bank, ledger::rows::Payout};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::{
    domain::{Attention, FailureReason},
    sentences::{
        Sentence,
        customer::{self, Message},
    },
};

/// One sentence for the payer, in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    /// Mexican Spanish.
    #[serde(rename = "es-MX")]
    pub es_mx: String,
    /// English.
    pub en: String,
}

impl From<Sentence> for Said {
    fn from(Sentence { es_mx, en }: Sentence) -> Self {
        Self {
            es_mx: es_mx.to_owned(),
            en: en.to_owned(),
        }
    }
}

/// Why a payout failed or came back. For people: no program should decide about money by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// A word that every bank shares; new ones may be added.
    #[schema(value_type = String, example = "account_closed")]
    pub code: FailureReason,
    /// The bank's own code, where it is known.
    #[schema(example = "stp:-20")]
    pub bank_code: Option<String>,
    /// Why, for the payer.
    pub customer: Said,
}

/// What is told of one payout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct Told {
    /// Where the payment stands.
    pub(in crate::api) customer: Said,
    /// Why it failed or came back. `None` while that is under review: nothing is said that is in question.
    pub(in crate::api) reason: Option<Reason>,
}

impl Told {
    /// Read from the row, and from why a person should look at it now.
    pub(in crate::api) fn of(payout: &Payout, attention: Option<Attention>) -> Self {
        let message = Message::of(payout.state, payout.doubt.is_some(), attention);
        let message = match payout.returned_amount.is_some_and(|back| back < payout.amount) {
            true => message.of_a_part(),
            false => message,
        };
        let because = bank::reason(
            &payout.bank,
            payout.state,
            payout.evidence,
            payout.bank_said.as_deref(),
            payout.return_cause.as_deref(),
        );
        let reason = because
            .filter(|_| message != Message::Reviewing)
            .map(|(code, bank_code)| Reason {
                code,
                bank_code: bank_code.map(str::to_owned),
                customer: customer::reason(code).into(),
            });
        Self {
            customer: message.sentence().into(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use workflows::domain::{Centavos, Evidence, State};

    use super::{super::payout::tests::seen, *};

    #[test]
    fn a_failed_payout_is_told_with_its_reason_unless_that_is_in_question() {
        let mut row = seen().payout;
        row.state = State::Failed;
        row.evidence = Some(Evidence::Refused);
        row.bank_said = Some("refused stp:-20".to_owned());
        let told = Told::of(&row, None);
        assert_eq!(told.customer, Message::Failed.sentence().into());
        let reason = serde_json::to_value(told.reason).expect("writes");
        assert_eq!(
            (&reason["code"], &reason["bank_code"]),
            (&json!("amount_not_accepted"), &json!("stp:-20"))
        );
        assert!(
            reason["customer"]["es-MX"].is_string() && reason["customer"]["en"].is_string(),
            "{reason}"
        );
        let told = Told::of(&row, Some(Attention::PaidAfterRelease));
        assert_eq!(
            (told.customer, told.reason),
            (Message::Reviewing.sentence().into(), None)
        );
    }

    #[test]
    fn what_came_back_in_part_is_told_so() {
        let mut row = seen().payout;
        row.state = State::Returned;
        row.returned_amount = Some(row.amount);
        assert_eq!(Told::of(&row, None).customer, Message::Returned.sentence().into());
        row.returned_amount = Some(Centavos::new(row.amount.get() - 1));
        let part: Said = Message::ReturnedInPart.sentence().into();
        assert_eq!(Told::of(&row, None).customer, part);
        let put_in_question = Told::of(&row, Some(Attention::EvidenceAfterEnd));
        assert_eq!(put_in_question.customer, Message::Reviewing.sentence().into());
    }

    #[test]
    fn an_open_payout_has_no_reason_and_doubt_is_told_as_checking() {
        let mut row = seen().payout;
        row.state = State::Sending;
        row.bank_said = Some("refused stp:-20".to_owned());
        row.doubt = Some("refused_again".to_owned());
        let told = Told::of(&row, None);
        assert_eq!(
            (told.customer, told.reason),
            (Message::Checking.sentence().into(), None)
        );
    }
}
