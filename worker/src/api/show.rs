//! Rows as JSON: what callers and people may see, which is never a name, a whole CLABE or a tax id.

use activities::ledger::{
    read::Raised,
    rows::{Account, BankRow, Kind, Movement, Payout},
};
use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use workflows::{
    domain::{AccountId, Centavos, InstitutionCode, Institutions, PayoutId},
    sentences,
};

use super::{idempotency::REPLAYED, told::Told};

/// A payout, and why a person should look at it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The row.
    pub(super) payout: Payout,
    /// The row's own attention, or its deadline past.
    pub(super) raised: Option<Raised>,
}

/// What payouts are shown with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The catalogue, for names.
    pub(super) institutions: &'a Institutions,
    /// The Temporal UI's base address.
    pub(super) ui: Option<&'a str>,
    /// The namespace of the runs.
    pub(super) namespace: &'a str,
}

/// A JSON answer that nobody stores.
pub(super) fn reply(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The answer to a request that was answered before.
pub(super) fn replay(body: Value) -> Response {
    let mut response = reply(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
    response
}

/// Where a payout is found.
pub(super) fn payout_path(id: PayoutId) -> String {
    format!("/v1/payouts/{id}")
}

/// Where an account is found.
pub(super) fn account_path(id: AccountId) -> String {
    format!("/v1/accounts/{id}")
}

/// One payout.
pub(super) fn payout(seen: &Seen, context: Context<'_>) -> Value {
    let Seen { payout, raised } = seen;
    let institution = context
        .institutions
        .code(InstitutionCode::new(payout.institution))
        .map(|row| &row.name);
    let workflow = context.ui.map(|ui| {
        format!(
            "{ui}/namespaces/{}/workflows/{}",
            context.namespace,
            payout.id.workflow_id()
        )
    });
    let attention = raised.map(
        |Raised { reason, since }| json!({ "reason": reason, "since": since, "what": sentences::attention(reason) }),
    );
    let told = Told::of(payout, raised.as_ref().map(|raised| raised.reason));
    json!({
        "object": "payout",
        "id": payout.id,
        "state": payout.state,
        "amount": payout.amount,
        "fee": payout.fee,
        "iva": payout.iva,
        "currency": Centavos::CURRENCY,
        "account": payout.account,
        "beneficiary": {
            "clabe_last4": payout.clabe_last4(),
            "institution": { "code": payout.institution, "name": institution },
        },
        "tracking_key": payout.tracking_key,
        "reference": payout.reference,
        "operating_date": payout.operating_date,
        "send_no": payout.send_no,
        "bank": payout.bank,
        "bank_ref": payout.bank_ref,
        "bank_said": payout.bank_said,
        "evidence": payout.evidence,
        "doubt": payout.doubt,
        "attention": attention,
        "accepted_at": payout.accepted_at,
        "changed_at": payout.changed_at,
        "ended_at": payout.ended_at,
        "effective_on": payout.effective_on,
        "deadline_at": payout.deadline_at,
        "money": sentences::money(payout.state),
        "reason": told.reason,
        "customer": told.customer,
        "links": { "self": payout_path(payout.id), "workflow": workflow },
    })
}

/// One account with its balances.
pub(super) fn account(account: &Account) -> Value {
    let clabe = account.clabe.as_ref().map(|clabe| clabe.expose()).unwrap_or_default();
    json!({
        "object": "account",
        "id": account.id,
        "status": account.status,
        "clabe_last4": clabe.get(clabe.len().saturating_sub(4)..),
        "currency": Centavos::CURRENCY,
        "balances": {
            "debits": account.debits,
            "credits": account.credits,
            "held": account.held,
            "available": account.available(),
            "balance": account.credits.checked_sub(account.debits),
        },
        "opened_at": account.opened_at,
        "links": {
            "self": account_path(account.id),
            "movements": format!("{}/movements", account_path(account.id)),
        },
    })
}

/// One movement, from the side of `account`.
pub(super) fn movement(movement: &Movement, account: AccountId) -> Value {
    let payout = match movement.kind {
        Kind::Amount | Kind::Fee | Kind::Iva => Some(PayoutId::new(movement.subject)),
        Kind::Opening => None,
    };
    json!({
        "object": "movement",
        "id": movement.id,
        "account": account,
        "kind": movement.kind,
        "side": if movement.debit_account == account { "debit" } else { "credit" },
        "amount": movement.amount,
        "currency": Centavos::CURRENCY,
        "payout": payout,
        "effective_on": movement.effective_on,
        "actor": movement.actor,
        "reason": movement.reason,
        "created_at": movement.created_at,
    })
}

/// One bank: whether it may be sent to.
pub(super) fn bank(bank: &BankRow) -> Value {
    json!({
        "object": "bank",
        "name": bank.name,
        "paused_by": bank.paused_by,
        "pause_reason": bank.pause_reason,
        "paused_at": bank.paused_at,
        "closed_until": bank.closed_until,
        "attention": bank.attention,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use activities::ledger::rows::{AccountStatus, Private};
    use jiff::{Timestamp, civil::date};
    use uuid::Uuid;
    use workflows::domain::{Attention, MovementId, State, TrackingKey};

    use super::*;

    const PERSON: &[&str] = &["Ana Torres", "012180004643051249", "TOAA800101AB1", "renta"];

    pub(in crate::api) fn seen() -> Seen {
        let id = PayoutId::new(Uuid::from_u128(7));
        let payout = Payout {
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
            bank_said: None,
            evidence: None,
            contradicted: false,
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
        };
        Seen {
            payout,
            raised: Some(Raised {
                reason: Attention::Deadline,
                since: Timestamp::UNIX_EPOCH,
            }),
        }
    }

    #[test]
    fn a_payout_is_shown_whole_and_its_people_are_not() {
        let institutions = Institutions::builtin().expect("compiled in");
        let context = Context {
            institutions: &institutions,
            ui: Some("http://ui"),
            namespace: "default",
        };
        let shown = payout(&seen(), context);
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
    fn an_account_shows_what_can_be_used() {
        let row = Account {
            id: AccountId::new(Uuid::from_u128(8)),
            code: 2101,
            name: Private::new("Ana Torres"),
            caller: Some("payments".to_owned()),
            clabe: Some(Private::new("012180004643051249")),
            tax_id: Some(Private::new("TOAA800101AB1")),
            status: AccountStatus::Open,
            debits: Centavos::new(10),
            credits: Centavos::new(100),
            held: Centavos::new(30),
            opened_at: Timestamp::UNIX_EPOCH,
        };
        let shown = account(&row);
        let balances = json!({ "debits": 10, "credits": 100, "held": 30, "available": 60, "balance": 90 });
        assert_eq!(shown["balances"], balances);
        let text = shown.to_string();
        assert!(PERSON.iter().all(|person| !text.contains(person)), "{text}");
    }

    #[test]
    fn a_movement_is_seen_from_either_side() {
        let (payer, fees) = (AccountId::new(Uuid::from_u128(8)), AccountId::new(Uuid::from_u128(9)));
        let row = Movement {
            id: MovementId::derive(Uuid::from_u128(7), "resolve", 1),
            subject: Uuid::from_u128(7),
            kind: Kind::Fee,
            debit_account: payer,
            credit_account: fees,
            amount: Centavos::new(500),
            effective_on: date(2026, 4, 1),
            hash: "h".to_owned(),
            actor: None,
            reason: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let shown = movement(&row, payer);
        assert_eq!((&shown["side"], &shown["amount"]), (&json!("debit"), &json!(500)));
        assert_eq!(shown["payout"], "po_00000000000000000000000000000007");
        assert_eq!(shown["effective_on"], "2026-04-01");
        assert_eq!(movement(&row, fees)["side"], "credit");
    }
}
