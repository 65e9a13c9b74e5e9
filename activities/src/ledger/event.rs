//! The outbox row of a transition: `payout.<state>`, with ids, state, amount, institution and last four digits.

use proto::giro::v1 as wire;
use serde_json::{Value, json};
use workflows::domain::{Evidence, State};

use super::rows::Event;

/// The row as the table holds it; the event itself is canonical proto3 JSON.
pub(crate) fn outbox_row(event: &Event) -> Result<Value, serde_json::Error> {
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

/// A state as events say it.
pub(crate) fn state(state: State) -> wire::PayoutState {
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

#[cfg(test)]
#[path = "../../../tests/wire/snapshot.rs"]
mod snapshot;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;
    use workflows::domain::{PayoutId, TrackingKey};

    use super::{super::rows::Payout, *};

    fn payout(state: State, evidence: Option<Evidence>) -> Payout {
        let id = PayoutId::new(Uuid::from_u128(0x0199_d3f0_a1b2_7c3d_8e4f_5a6b_7c8d_9e0f));
        let at: Timestamp = "2026-04-01T17:00:00.123456Z".parse().expect("a time");
        let row = json!({
            "id": id.uuid(), "caller": "payments", "request_key": "k", "request_hash": "h", "account": id.uuid(),
            "bank": "stp", "institution": 40_012, "clabe": "012180004643051249", "beneficiary_name": "Maria Beltran",
            "beneficiary_tax_id": "ND", "concept": "Pago", "reference": 7, "amount": 12_300, "fee": 500, "iva": 80,
            "tracking_key": TrackingKey::derive(id), "state": state, "send_no": 1, "unproven": 1, "not_found": 0,
            "evidence": evidence, "contradicted": false, "event_seq": 3, "version": 4, "accepted_at": at,
            "changed_at": at,
        });
        serde_json::from_value(row).expect("a row")
    }

    #[test]
    fn an_outbox_row_never_changes() {
        let states = State::ALL.iter().map(|state| payout(*state, None));
        let proven = Evidence::ALL
            .iter()
            .map(|evidence| payout(State::Settled, Some(*evidence)));
        let rows: Vec<Value> = states
            .chain(proven)
            .map(|payout| outbox_row(&Event { payout }).expect("it writes"))
            .collect();
        let written = format!("{rows:?}");
        assert!(
            !written.contains("Maria") && !written.contains("0121800"),
            "nothing of a person"
        );
        let breaks = "everyone who reads giro's events";
        snapshot::hold("events.json", &json!(rows), false, breaks);
    }
}
