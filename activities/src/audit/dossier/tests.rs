//! A payout whose rows agree, and every way in which one of them may not.

use serde_json::{Value, json};
use uuid::Uuid;
use workflows::domain::{AccountId, Centavos, PayoutId};

use super::*;
use crate::ledger::rows::Event;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_000_000 + second).expect("a time")
}

/// A payout that was accepted, sent and settled.
fn settled() -> Dossier {
    let id = PayoutId::new(Uuid::from_u128(0x0199_d3f0_a1b2_7c3d_8e4f_5a6b_7c8d_9e0f));
    let account = AccountId::new(Uuid::from_u128(0x0199_d3f0_a1b2_7c3d_8e4f_0000_0000_0001));
    let row = |state: State, seq: u32, sends: u32| -> Payout {
        let is_end = state == State::Settled;
        let row = json!({
            "id": id.uuid(), "caller": "payments", "request_key": "k", "request_hash": "", "account": account.uuid(),
            "bank": "stp", "institution": 40_012, "clabe": "012180004643051249", "beneficiary_name": "Maria Beltran",
            "beneficiary_tax_id": "ND", "concept": "Pago", "reference": 7, "amount": 12_300, "fee": 500, "iva": 80,
            "tracking_key": TrackingKey::derive(id), "state": state, "send_no": sends, "unproven": sends,
            "not_found": 0, "evidence": is_end.then_some("paid"), "contradicted": false, "event_seq": seq,
            "version": seq, "accepted_at": at(0), "changed_at": at(seq.into()), "effective_on": "2026-11-24",
            "ended_at": is_end.then(|| at(seq.into())),
        });
        serde_json::from_value(row).expect("a row")
    };
    let states = [
        (State::Accepted, 0),
        (State::Sending, 1),
        (State::Sent, 1),
        (State::Settled, 1),
    ];
    let rows: Vec<Payout> = states
        .iter()
        .zip(1..)
        .map(|((state, sends), seq)| row(*state, seq, *sends))
        .collect();
    let mut payout = rows.last().expect("the last").clone();
    payout.request_hash = hex(&asked(&payout).expect("it reads"));
    let events = rows.into_iter().map(|payout| {
        let written = event::outbox_row(&Event::Payout(Box::new(payout))).expect("it writes");
        EventRow {
            seq: written["seq"]
                .as_i64()
                .and_then(|seq| i32::try_from(seq).ok())
                .expect("a place"),
            kind: written["type"].as_str().expect("a type").to_owned(),
            event: written["event"].to_string(),
            created_at: serde_json::from_value(written["created_at"].clone()).expect("a time"),
        }
    });
    let legs = [
        (Kind::Amount, SETTLEMENT_STP, 12_300),
        (Kind::Fee, FEE_INCOME, 500),
        (Kind::Iva, IVA_PAYABLE, 80),
    ];
    let movements = legs.map(|(kind, to, amount)| Movement {
        id: kind.id(id.uuid()),
        subject: id.uuid(),
        kind,
        debit_account: account,
        credit_account: to,
        amount: Centavos::new(amount),
        effective_on: payout.effective_on.expect("a day"),
        hash: logical_hash((account, to), Centavos::new(amount), kind),
        actor: None,
        reason: None,
        created_at: at(4),
    });
    let evidence = EvidenceRow {
        id: Uuid::from_u128(1),
        payout: id,
        kind: Evidence::Paid,
        state: State::Sent,
        exchange: Some(Uuid::from_u128(1)),
        decided_by: None,
        document: None,
        at: at(3),
    };
    Dossier {
        request: Some((payout.request_hash.clone(), Some(id.uuid()))),
        movements: movements.into(),
        evidence: vec![evidence],
        events: events.collect(),
        payout,
    }
}

fn broken(dossier: &Dossier) -> Vec<Invariant> {
    let mut tally = Tally::new(9);
    dossier.check(&mut tally);
    tally.report(at(9), None, std::time::Duration::ZERO).broken()
}

fn edit(row: &mut EventRow, field: &str, value: Value) {
    let mut event: Value = serde_json::from_str(&row.event).expect("JSON");
    event[field] = value;
    row.event = event.to_string();
}

#[test]
fn rows_that_agree_break_nothing() {
    assert_eq!(broken(&settled()), []);
}

/// What is changed, who finds it, and the change.
type Case = (&'static str, Invariant, fn(&mut Dossier));

#[test]
fn whatever_differs_is_found() {
    use Invariant::{Events, Keys, Legs, Requests};
    let cases: [Case; 32] = [
        ("a leg is missing", Legs, |all| drop(all.movements.pop())),
        ("a leg is there twice", Legs, |all| {
            all.movements.push(all.movements[0].clone())
        }),
        ("an amount", Legs, |all| all.movements[0].amount = Centavos::new(12_301)),
        ("a debit account", Legs, |all| {
            all.movements[1].debit_account = IVA_PAYABLE
        }),
        ("a credit account", Legs, |all| {
            all.movements[1].credit_account = IVA_PAYABLE
        }),
        ("a kind", Legs, |all| all.movements[1].kind = Kind::Iva),
        ("a hash", Legs, |all| all.movements[2].hash.push('0')),
        ("a time", Legs, |all| all.movements[2].created_at = at(5)),
        ("the day of the end", Legs, |all| all.payout.effective_on = None),
        ("a leg of what failed", Legs, |all| all.payout.state = State::Failed),
        ("an end without evidence", Invariant::Evidence, |all| {
            all.payout.evidence = None
        }),
        ("an end by what does not allow it", Invariant::Evidence, |all| {
            all.payout.evidence = Some(Evidence::NotPaid)
        }),
        ("evidence that never came", Invariant::Evidence, |all| {
            all.evidence.clear()
        }),
        ("evidence that came after", Invariant::Evidence, |all| {
            all.evidence[0].state = State::Settled
        }),
        ("evidence of nothing", Invariant::Evidence, |all| {
            all.evidence[0].exchange = None
        }),
        ("evidence of one person", Invariant::Evidence, |all| {
            all.evidence[0].kind = Evidence::TwoPeoplePaid
        }),
        ("a key", Keys, |all| {
            all.payout.tracking_key = TrackingKey::from_stored("GIRO0")
        }),
        ("the first event", Events, |all| drop(all.events.remove(0))),
        ("an event between", Events, |all| drop(all.events.remove(2))),
        ("the last event", Events, |all| drop(all.events.pop())),
        ("every event", Events, |all| all.events.clear()),
        ("an edge", Events, |all| {
            "payout.accepted".clone_into(&mut all.events[2].kind)
        }),
        ("a word", Events, |all| {
            "payout.paid".clone_into(&mut all.events[2].kind)
        }),
        ("an event's state", Events, |all| {
            edit(&mut all.events[2], "state", json!("PAYOUT_STATE_SENDING"))
        }),
        ("an event's amount", Events, |all| {
            edit(&mut all.events[2], "amount", json!("1"))
        }),
        ("an event's payout", Events, |all| {
            edit(&mut all.events[0], "payout", json!("po_0"))
        }),
        ("an event's time", Events, |all| all.events[0].created_at = at(7)),
        ("a state without its event", Events, |all| {
            all.payout.state = State::Returned
        }),
        ("a request", Requests, |all| all.request = None),
        ("a request's answer", Requests, |all| {
            all.request = Some((all.payout.request_hash.clone(), None))
        }),
        ("a request's hash", Requests, |all| {
            all.request = Some(("0".to_owned(), Some(all.payout.id.uuid())))
        }),
        ("what was asked for", Requests, |all| all.payout.reference = 8),
    ];
    for (what, invariant, change) in cases {
        let mut dossier = settled();
        change(&mut dossier);
        let found = broken(&dossier);
        assert!(found.contains(&invariant), "{what}: {found:?}");
    }
}
