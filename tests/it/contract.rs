//! What code, database and callers must share: the edge table, the rows that are refused, a request in protobuf.

use std::collections::BTreeSet;

use anyhow::Result;
use sqlx::{Connection, PgConnection, Row};
use tests::{
    client::is,
    sim::Fault,
    stack::{PATIENCE, Setup, Stack},
};
use workflows::domain::{PayoutRequest, State};

/// What a caller's protobuf writes as JSON is the request that the API and a direct start read.
#[test]
fn a_protobuf_request_reads_as_ours() {
    let message = proto::giro::v1::CreatePayoutRequest {
        account: "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f".to_owned(),
        amount: 12_300,
        currency: "MXN".to_owned(),
        beneficiary: Some(proto::giro::v1::Beneficiary {
            clabe: tests::client::BENEFICIARY.to_owned(),
            name: "Maria Beltran Soto".to_owned(),
            tax_id: String::new(),
        }),
        concept: "Pago de prueba".to_owned(),
        reference: 1_234_567,
    };
    let json = serde_json::to_vec(&message).expect("proto3 JSON");
    let ours = PayoutRequest::from_json(&json).expect("it reads");
    let asked = tests::client::request(&message.account, message.amount);
    let spelled = PayoutRequest::from_json(asked.to_string().as_bytes()).expect("it reads");
    assert_eq!(
        ours.known_as("payments"),
        spelled.known_as("payments"),
        "the same request"
    );
    assert!(ours.known_as("payments").is_some());
}

/// The database refuses what the core must never do, whoever asks it.
#[tokio::test]
async fn the_database_holds_the_same_edges_and_refuses_the_rest() -> Result<()> {
    let stack = Stack::with(
        "edges",
        Setup {
            settle_ms: 60_000,
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&id, PATIENCE, is("sent")).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let rows = sqlx::query("select from_state, to_state from payout_edge")
        .fetch_all(&mut books)
        .await?;
    let stored: BTreeSet<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let coded: BTreeSet<(String, String)> = State::EDGES
        .iter()
        .map(|(from, to)| (from.to_string(), to.to_string()))
        .collect();
    assert_eq!(stored, coded);
    for wrong in [
        "update payout set state = 'failed', evidence = 'refused', event_seq = event_seq + 1, ended_at = giro_now(), deadline_at = null, sender = null",
        "update payout set state = 'settled', event_seq = event_seq + 1, ended_at = giro_now(), deadline_at = null, effective_on = operating_date",
        "update payout set state = 'cancelled', unproven = 0, event_seq = event_seq + 1, ended_at = giro_now(), deadline_at = null",
        "update payout set state = 'accepted', unproven = 0, event_seq = event_seq + 1",
        "update payout set send_no = send_no + 1, unproven = 2, state = 'sending', sender = gen_random_uuid(), event_seq = event_seq + 1",
        "update payout set evidence = 'two_people_paid', decided_by = array['ana', 'ana'], document = 'x'",
        "update payout set evidence = 'two_people_paid', document = 'x'",
        "update payout set evidence = 'two_people_paid', decided_by = array['ana', null], document = 'x'",
        "update payout set evidence = 'hearsay'",
        "update payout set amount = 1",
        "update payout set tracking_key = 'OTHER'",
        "delete from payout",
        "delete from movement",
        "update movement set amount = 1",
        "truncate movement",
        "update request set refusal = null",
        "delete from exchange",
        "update account set debits = debits + 1 where code = 2101 and debits + held = credits - 1",
        "update account set credits = credits - 1 where credits > 0",
        "update account set held = credits + 1 where code = 2101",
        "update clock set production = true",
        "update bank set begins = begins - 1",
        "update bank set paused_by = 'nobody', pause_reason = 'x', paused_at = giro_now()",
        "truncate stray_order",
    ] {
        let refused = sqlx::raw_sql(wrong).execute(&mut books).await;
        let unharmed = refused.as_ref().is_ok_and(|done| done.rows_affected() == 0);
        assert!(refused.is_err() || unharmed, "the database took: {wrong}");
    }
    assert_eq!(stack.giro.payout(&id).await?["state"], "sent");
    stack.balanced().await
}

/// What must always be writable: a person is told about any end, however it was decided.
#[tokio::test]
async fn every_end_takes_attention() -> Result<()> {
    let stack = Stack::start("ends").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    for (fault, end) in [
        (Fault::Normal, "settled"),
        (Fault::Refused, "failed"),
        (Fault::Cancelled, "failed"),
    ] {
        stack.bank.fault(None, Some(fault), Some(1)).await?;
        let id = stack.giro.pay(&account, 12_300).await?;
        stack.giro.wait(&id, PATIENCE, is(end)).await?;
    }
    let mut books = PgConnection::connect(&stack.database).await?;
    let told = sqlx::query("update payout set attention = 'evidence_after_end', attention_since = giro_now()");
    assert_eq!(told.execute(&mut books).await?.rows_affected(), 3);
    Ok(())
}
