//! The outbox row of a transition: `payout.<state>`, `transfer.<state>`, `deposit.<state>`, `return.<state>`, with ids, state, amount,
//! institution and last four digits.

use proto::giro::v1 as wire;
use serde_json::{Value, json};
use workflows::domain::{Centavos, Evidence, ReceivedKind, ReceivedState, State, TransferId};

use super::rows::{Event, Payout, Received};

/// The row as the table holds it; the event itself is canonical proto3 JSON.
pub(crate) fn outbox_row(event: &Event) -> Result<Value, serde_json::Error> {
    match event {
        Event::Payout(payout) => of_payout(payout),
        Event::Received(received) => of_received(received),
    }
}

fn of_payout(payout: &Payout) -> Result<Value, serde_json::Error> {
    let at = payout.changed_at;
    let message = wire::PayoutEvent {
        payout: payout.id.to_string(),
        sequence: i64::from(payout.event_seq),
        state: state(payout.state).into(),
        amount: payout.amount.get(),
        currency: Centavos::CURRENCY.code().to_owned(),
        institution: i32::try_from(payout.institution).unwrap_or_default(),
        clabe_last4: payout.clabe_last4().to_owned(),
        tracking_key: payout.tracking_key.to_string(),
        evidence: payout.evidence.map_or(wire::Evidence::Unspecified, evidence).into(),
        send_no: i32::try_from(payout.send_no).unwrap_or(i32::MAX),
        occurred_at: Some(at.into()),
        returned_amount: payout.returned_amount.map_or(0, Centavos::get),
        sends_back: payout.sends_back.map(|id| id.to_string()).unwrap_or_default(),
        process_after: payout.process_after.map(Into::into),
        transfer: if payout.is_transfer {
            TransferId::from(payout.id).to_string()
        } else {
            String::new()
        },
        bank: payout.bank.clone(),
    };
    Ok(json!({
        "subject": payout.id.uuid(),
        "seq": payout.event_seq,
        "type": format!("{}.{}", thing(payout), payout.state),
        "event": serde_json::to_value(message)?,
        "created_at": at,
    }))
}

fn of_received(received: &Received) -> Result<Value, serde_json::Error> {
    let at = received.changed_at;
    let message = wire::ReceivedEvent {
        received: received.id.to_string(),
        sequence: i64::from(received.event_seq),
        kind: match received.kind {
            ReceivedKind::Deposit => wire::ReceivedKind::Deposit,
            ReceivedKind::Return => wire::ReceivedKind::Return,
        }
        .into(),
        state: match received.state {
            ReceivedState::Received => wire::ReceivedState::Received,
            ReceivedState::Applied => wire::ReceivedState::Applied,
            ReceivedState::Unapplied => wire::ReceivedState::Unapplied,
            ReceivedState::Returning => wire::ReceivedState::Returning,
            ReceivedState::SentBack => wire::ReceivedState::SentBack,
            ReceivedState::Suspended => wire::ReceivedState::Suspended,
        }
        .into(),
        amount: received.amount.get(),
        currency: Centavos::CURRENCY.code().to_owned(),
        sender: i32::try_from(received.sender).unwrap_or_default(),
        clabe_last4: received.clabe_last4().to_owned(),
        tracking_key: received.tracking_key.clone(),
        account: received.account.map(|id| id.to_string()).unwrap_or_default(),
        payout: received.payout.map(|id| id.to_string()).unwrap_or_default(),
        operating_date: received.operating_date.to_string(),
        occurred_at: Some(at.into()),
        sent_back_by: received.sent_back_by.map(|id| id.to_string()).unwrap_or_default(),
    };
    Ok(json!({
        "subject": received.id.uuid(),
        "seq": received.event_seq,
        "type": format!("{}.{}", received.kind, received.state),
        "event": serde_json::to_value(message)?,
        "created_at": at,
    }))
}

/// What kind of thing a row is, to those who read events.
pub(crate) const fn thing(payout: &Payout) -> &'static str {
    if payout.is_transfer { "transfer" } else { "payout" }
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
    use workflows::domain::{PayoutId, ReceivedId, TrackingKey};

    use super::*;

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

    fn received() -> impl Iterator<Item = Received> {
        let at: Timestamp = "2026-04-01T17:00:00.123456Z".parse().expect("a time");
        let day = jiff::civil::date(2026, 4, 1);
        let row = move |kind: &ReceivedKind, state: &ReceivedState| {
            let id = ReceivedId::derive("stp", day, 40_072, "NU39/1");
            let account = (*state == ReceivedState::Applied).then(|| id.uuid());
            let row = json!({
                "id": id.uuid(), "bank": "stp", "operating_date": day, "sender": 40_072, "tracking_key": "NU39/1",
                "kind": kind, "payment_type": 1, "amount": 12_300, "interest": 0, "clabe": "646180110400000007",
                "sender_name": "Maria Beltran", "record": "{}", "state": state, "account": account, "payout": null, "event_seq": 2,
                "version": 2, "received_at": at, "changed_at": at,
            });
            serde_json::from_value(row).expect("a row")
        };
        ReceivedKind::ALL
            .iter()
            .flat_map(move |kind| ReceivedState::ALL.iter().map(move |state| row(kind, state)))
    }

    #[test]
    fn an_outbox_row_never_changes() {
        let states = State::ALL.iter().map(|state| payout(*state, None));
        let proven = Evidence::ALL
            .iter()
            .map(|evidence| payout(State::Settled, Some(*evidence)));
        let rows: Vec<Value> = states
            .chain(proven)
            .map(|payout| outbox_row(&Event::Payout(Box::new(payout))).expect("it writes"))
            .chain(received().map(|row| outbox_row(&Event::Received(Box::new(row))).expect("it writes")))
            .collect();
        let written = format!("{rows:?}");
        assert!(
            !written.contains("Maria") && !written.contains("0121800") && !written.contains("6461801"),
            "nothing of a person"
        );
        let breaks = "everyone who reads giro's events";
        snapshot::hold("events.json", &json!(rows), false, breaks);
    }
}
