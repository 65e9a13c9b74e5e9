//! What is shown of a payout, and what is not.

use activities::ledger::rows::{AwayBy, BankRow, Cause, Private};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;
use workflows::domain::BankCalendar;

use super::*;

const PERSON: &[&str] = &["Ana Torres", "012180004643051249", "TOAA800101AB1", "renta"];

fn rules() -> Rules {
    let seconds = SignedDuration::from_secs;
    Rules {
        accepted: seconds(60),
        sending: seconds(300),
        sent: seconds(600),
        fence: seconds(10),
        horizon: seconds(120),
        question_gap: seconds(30),
        margin: seconds(10),
        refunds_fee: false,
        calendar: BankCalendar::builtin().expect("compiled in"),
    }
}

fn bank() -> BankRow {
    BankRow::new("stp", true)
}

pub(in crate::api::view) fn seen() -> Seen {
    let id = PayoutId::new(Uuid::from_u128(7));
    let payout = rows::Payout {
        id,
        caller: "payments".to_owned(),
        request_key: "k".to_owned(),
        request_hash: "h".to_owned(),
        account: AccountId::new(Uuid::from_u128(8)),
        bank: "stp".to_owned(),
        institution: 40_012,
        clabe: Private::new("012180004643051249"),
        beneficiary_name: Private::new("Ana Torres"),
        beneficiary_tax_id: Private::new("TOAA800101AB1"),
        concept: Private::new("renta"),
        reference: 7,
        amount: Centavos::new(123_450),
        fee: Centavos::new(500),
        iva: Centavos::new(80),
        tracking_key: TrackingKey::derive(id),
        state: State::Accepted,
        operating_date: None,
        send_no: 0,
        sender: None,
        unproven: 0,
        send_before: None,
        not_found: 0,
        not_found_at: None,
        bank_ref: None,
        bank_word: None,
        came_back: false,
        bank_said: None,
        evidence: None,
        contradicted: false,
        cancelled_by: None,
        paid_after_end: false,
        decided_by: None,
        document: None,
        doubt: None,
        attention: None,
        attention_since: None,
        deadline_at: Some(Timestamp::UNIX_EPOCH),
        effective_on: None,
        event_seq: 1,
        version: 1,
        accepted_at: Timestamp::UNIX_EPOCH,
        changed_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
        swept_at: None,
        sends_back: None,
        deposit_key: None,
        deposit_date: None,
        accepted_on: None,
        process_after: None,
        to_account: None,
        is_transfer: false,
        returned_by: None,
        returned_amount: None,
        refunded: Centavos::ZERO,
        return_cause: None,
        returned_on: None,
        returned_at: None,
    };
    Seen {
        payout,
        raised: Some(Raised {
            reason: Attention::Deadline,
            since: Timestamp::UNIX_EPOCH,
            cause: None,
        }),
        bank: bank(),
        waits_for: None,
        now: noon(),
    }
}

fn noon() -> Timestamp {
    "2026-04-07T18:00:00Z".parse().expect("a time")
}

fn shown(seen: &Seen) -> Value {
    let institutions = Institutions::builtin().expect("compiled in");
    let rules = rules();
    let context = Context {
        institutions: &institutions,
        rules: &rules,
        ui: Some("http://ui"),
        namespace: "default",
    };
    let shown = Payout::of(seen, context);
    let json = serde_json::to_value(&shown).expect("is JSON");
    let read: Payout = serde_json::from_value(json.clone()).expect("reads back");
    assert_eq!(read, shown);
    json
}

#[test]
fn a_payout_is_shown_whole_and_its_people_are_not() {
    let shown = shown(&seen());
    assert_eq!(shown["id"], "po_00000000000000000000000000000007");
    assert_eq!(shown["amount"], 123_450);
    assert_eq!(shown["currency"], "MXN");
    assert_eq!(shown["beneficiary"]["clabe_last4"], "1249");
    assert!(shown["beneficiary"]["institution"]["name"].is_string(), "{shown}");
    assert_eq!(shown["attention"]["reason"], "deadline");
    assert_eq!(shown["deadline_at"], "1970-01-01T00:00:00Z");
    assert_eq!(
        shown["links"]["workflow"],
        "http://ui/namespaces/default/workflows/payout-po_00000000000000000000000000000007"
    );
    let text = shown.to_string();
    assert!(PERSON.iter().all(|person| !text.contains(person)), "{text}");
}

#[test]
fn an_open_payout_says_what_comes_next_and_what_may_be_asked_for() {
    let mut seen = seen();
    seen.payout.bank_said = Some("unreachable".to_owned());
    let open = shown(&seen);
    assert_eq!(open["attention"]["bank_said"], "unreachable");
    assert_eq!(open["attention"]["doc"], "/docs/runbook/deadline");
    assert_eq!(
        (&open["next"]["step"], &open["next"]["at"]),
        (&json!("send"), &Value::Null)
    );
    let may = |shown: &Value, action: &str| {
        let all = shown["may"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|may| may["action"] == action).expect(action);
        (found["allowed"] == true, found["why"].is_string())
    };
    assert_eq!(
        (may(&open, "cancel"), may(&open, "resend")),
        ((true, false), (false, true))
    );
    seen.payout.state = State::Settled;
    seen.payout.ended_at = Some(noon());
    seen.raised = None;
    let ended = shown(&seen);
    assert!(ended["next"].is_null() && ended["attention"].is_null(), "{ended}");
    assert_eq!(
        (may(&ended, "cancel"), may(&ended, "retry")),
        ((false, true), (false, true))
    );
}

#[test]
fn what_only_waits_for_its_bank_says_so_and_wants_nobody_itself() {
    let mut seen = seen();
    let since: Timestamp = "2026-04-07T17:30:00Z".parse().expect("a time");
    seen.bank.away_by = Some(AwayBy::Silent);
    seen.bank.away_since = Some(since);
    seen.waits_for = Some(Cause::Away);
    seen.raised = seen.raised.map(|raised| Raised {
        cause: Some(Cause::Away),
        ..raised
    });
    let shown = shown(&seen);
    assert!(shown["attention"].is_null(), "{shown}");
    assert_eq!(
        shown["waits_for"],
        json!({
            "bank": "stp", "cause": "away", "since": "2026-04-07T17:30:00Z",
            "what": "stp answers neither orders nor questions",
            "next": "giro goes on asking and tries one order at a time; an answer ends it, and the rest follow in waves",
            "doc": "/docs/runbook/away",
        })
    );
}
