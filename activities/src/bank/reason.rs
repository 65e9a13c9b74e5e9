//! Why a payout failed or came back, read from what the bank said: for people, never for money.

use workflows::{
    GIRO,
    domain::{Evidence, FailureReason, State},
};

use super::stp;
use crate::ledger::core::NOT_OPEN;

/// The reason and the bank's own code (`stp:-20`), when what the bank last said is still what ended the payout: an
/// answer that came after the end covers it, and then only the evidence speaks. Of one that came back, by the `cause`
/// that its record states. `None` unless it failed or came back.
pub fn reason<'a>(
    bank: &str,
    state: State,
    evidence: Option<Evidence>,
    said: Option<&'a str>,
    cause: Option<&'a str>,
) -> Option<(FailureReason, Option<&'a str>)> {
    let (lead, otherwise) = match (state, evidence) {
        (State::Failed, Some(Evidence::Refused)) => ("refused ", FailureReason::BankRefused),
        (State::Failed, Some(Evidence::NotPaid)) => ("not paid ", FailureReason::NotProcessed),
        (State::Failed, Some(Evidence::Absent | Evidence::TwoPeopleNotPaid)) => {
            return Some((FailureReason::NotProcessed, None));
        }
        (State::Failed, None) if bank == GIRO && said == Some(NOT_OPEN) => {
            return Some((FailureReason::AccountBlocked, None));
        }
        (State::Returned, _) => {
            let why = cause.map_or(FailureReason::Unknown, |cause| returned(bank, cause));
            return Some((why, cause));
        }
        (State::Failed, Some(Evidence::Paid | Evidence::TwoPeoplePaid) | None)
        | (State::Accepted | State::Sending | State::Sent | State::Settled | State::Cancelled, _) => return None,
    };
    let code = said.and_then(|said| said.strip_prefix(lead));
    let of_its_bank = |code| match bank {
        stp::NAME => stp::reason(code),
        _ => otherwise,
    };
    Some((code.map_or(otherwise, of_its_bank), code))
}

/// The reason behind the cause of a return, in the bank's own code (`stp:cause_3`).
pub fn returned(bank: &str, cause: &str) -> FailureReason {
    match bank {
        stp::NAME => stp::reason(cause),
        _ => FailureReason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_payout_says_why() {
        let failed = |evidence, said| reason("stp", State::Failed, Some(evidence), said, None);
        for (evidence, said, expected) in [
            (
                Evidence::Refused,
                Some("refused stp:-20"),
                (FailureReason::AmountNotAccepted, Some("stp:-20")),
            ),
            (
                Evidence::Refused,
                Some("refused giro:text"),
                (FailureReason::OrderInvalid, Some("giro:text")),
            ),
            (
                Evidence::NotPaid,
                Some("not paid stp:CN"),
                (FailureReason::NotProcessed, Some("stp:CN")),
            ),
            // Asked again after the end: what ended it is no longer on the row.
            (Evidence::Refused, Some("not found"), (FailureReason::BankRefused, None)),
            (
                Evidence::NotPaid,
                Some("refused stp:-20"),
                (FailureReason::NotProcessed, None),
            ),
            (Evidence::Refused, None, (FailureReason::BankRefused, None)),
            // A refused resend proves nothing: two people decided.
            (
                Evidence::TwoPeopleNotPaid,
                Some("refused stp:-20"),
                (FailureReason::NotProcessed, None),
            ),
            (Evidence::Absent, Some("not found"), (FailureReason::NotProcessed, None)),
        ] {
            assert_eq!(failed(evidence, said), Some(expected), "{evidence} {said:?}");
        }
    }

    #[test]
    fn a_returned_payout_says_why_when_the_bank_did() {
        let said = Some("paid, and came back");
        let returned = |cause| reason("stp", State::Returned, Some(Evidence::Paid), said, cause);
        assert_eq!(
            returned(Some("stp:cause_3")),
            Some((FailureReason::AccountClosed, Some("stp:cause_3")))
        );
        assert_eq!(returned(None), Some((FailureReason::Unknown, None)));
    }

    #[test]
    fn nothing_else_has_a_reason() {
        for state in State::ALL {
            for evidence in Evidence::ALL.iter().copied().map(Some).chain([None]) {
                let has = reason("stp", *state, evidence, Some("refused stp:-20"), None).is_some();
                let failed = *state == State::Failed && evidence.is_some_and(|evidence| !evidence.says_paid());
                assert_eq!(has, failed || *state == State::Returned, "{state} {evidence:?}");
            }
        }
        let (why, code) = reason(
            "other",
            State::Failed,
            Some(Evidence::Refused),
            Some("refused other:1"),
            None,
        )
        .expect("failed");
        assert_eq!((why, code), (FailureReason::BankRefused, Some("other:1")));
    }
}
