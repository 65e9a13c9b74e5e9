//! The outbox row of a transition: `payout.<state>`, with ids, state, amount, institution and last four digits.

use proto::giro::v1 as wire;
use serde_json::{Value, json};
use workflows::domain::{Evidence, State};

use super::rows::Event;

/// The row as the table holds it; the event itself is canonical proto3 JSON.
pub(super) fn outbox_row(event: &Event) -> Result<Value, serde_json::Error> {
    let payout = &event.payout;
    let at = payout.changed_at;
    let message = wire::PayoutEvent {
        payout: payout.id.to_string(),
        sequence: i64::from(payout.event_seq),
        state: state(payout.state).into(),
        amount: payout.amount.get(),
        currency: workflows::domain::Centavos::CURRENCY.code().to_owned(),
        institution: i32::try_from(payout.institution).unwrap_or_default(),
        clabe_last4: payout.clabe_last4().to_owned(),
        tracking_key: payout.tracking_key.to_string(),
        evidence: payout.evidence.map_or(wire::Evidence::Unspecified, evidence).into(),
        send_no: i32::try_from(payout.send_no).unwrap_or(i32::MAX),
        occurred_at: Some(at.into()),
    };
    Ok(json!({
        "payout": payout.id.uuid(),
        "seq": payout.event_seq,
        "type": format!("payout.{}", payout.state),
        "event": serde_json::to_value(message)?,
        "created_at": at,
    }))
}

fn state(state: State) -> wire::PayoutState {
    match state {
        State::Accepted => wire::PayoutState::Accepted,
        State::Sending => wire::PayoutState::Sending,
        State::Sent => wire::PayoutState::Sent,
        State::Settled => wire::PayoutState::Settled,
        State::Failed => wire::PayoutState::Failed,
        State::Cancelled => wire::PayoutState::Cancelled,
        State::Returned => wire::PayoutState::Returned,
    }
}

fn evidence(evidence: Evidence) -> wire::Evidence {
    match evidence {
        Evidence::Refused => wire::Evidence::Refused,
        Evidence::Paid => wire::Evidence::Paid,
        Evidence::NotPaid => wire::Evidence::NotPaid,
        Evidence::Absent => wire::Evidence::Absent,
        Evidence::TwoPeoplePaid => wire::Evidence::TwoPeoplePaid,
        Evidence::TwoPeopleNotPaid => wire::Evidence::TwoPeopleNotPaid,
    }
}
