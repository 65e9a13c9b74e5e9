//! One payout, one fate: what the bank does, and what the caller, the books and the bank's journal say in the end.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tests::{
    client::{is, text},
    sim::Fault,
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::sleep;

/// Sends one payout to a bank that behaves as `fault` and waits for its end.
async fn one(stack: &Stack, fault: Fault, end: &'static str) -> Result<(String, serde_json::Value)> {
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(fault), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let payout = stack.giro.wait(&id, PATIENCE, is(end)).await?;
    stack.all_ended(PATIENCE).await?;
    Ok((id, payout))
}

#[tokio::test]
async fn a_bank_that_pays() -> Result<()> {
    let stack = Stack::start("pays").await?;
    let (id, payout) = one(&stack, Fault::Normal, "settled").await?;
    assert_eq!(payout["evidence"], "paid");
    assert_eq!(payout["money"], "with the beneficiary");
    assert_eq!(stack.orders(&id).await?.len(), 1);
    let account = stack
        .giro
        .get(&format!("/v1/accounts/{}", payout["account"].as_str().unwrap()))
        .await?
        .body;
    assert_eq!(
        account["balances"]["available"],
        1_000_000 - 12_300 - 500 - 80,
        "{account}"
    );
    assert_eq!(account["balances"]["held"], 0);
    Ok(())
}

#[tokio::test]
async fn a_bank_that_refuses_gives_the_money_back() -> Result<()> {
    let stack = Stack::start("refuses").await?;
    let (id, payout) = one(&stack, Fault::Refused, "failed").await?;
    assert_eq!(payout["evidence"], "refused");
    assert_eq!(
        (&payout["reason"]["code"], &payout["reason"]["bank_code"]),
        (&"amount_not_accepted".into(), &"stp:-20".into())
    );
    assert!(
        text(&payout, "/customer/es-MX")?.contains("de nuevo disponible"),
        "{payout}"
    );
    assert!(stack.orders(&id).await?.is_empty());
    let account = stack
        .giro
        .get(&format!("/v1/accounts/{}", payout["account"].as_str().unwrap()))
        .await?
        .body;
    assert_eq!(account["balances"]["available"], 1_000_000);
    Ok(())
}

#[tokio::test]
async fn a_bank_that_cancels_later_gives_the_money_back() -> Result<()> {
    let stack = Stack::start("cancels").await?;
    let (_, payout) = one(&stack, Fault::Cancelled, "failed").await?;
    assert_eq!(payout["evidence"], "not_paid");
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_found_by_asking() -> Result<()> {
    let stack = Stack::start("lost_answer").await?;
    let (id, payout) = one(&stack, Fault::AcceptThenDrop, "settled").await?;
    assert_eq!(payout["send_no"], 1);
    assert_eq!(stack.orders(&id).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_lost_webhook_costs_seconds() -> Result<()> {
    let stack = Stack::start("lost_webhook").await?;
    one(&stack, Fault::LostWebhook, "settled").await?;
    Ok(())
}

#[tokio::test]
async fn a_webhook_may_come_before_the_reply_and_many_times() -> Result<()> {
    let stack = Stack::start("webhooks").await?;
    one(&stack, Fault::WebhookBeforeReply, "settled").await?;
    one(&stack, Fault::RepeatedWebhook, "settled").await?;
    Ok(())
}

/// Seeded wrong: a webhook's "cancelled" releases unasked.
#[tokio::test]
async fn a_webhook_that_lies_moves_nothing() -> Result<()> {
    let stack = Stack::start("liar").await?;
    let (_, payout) = one(&stack, Fault::WebhookCnLie, "settled").await?;
    assert_eq!(payout["evidence"], "paid");
    Ok(())
}

/// Seeded wrong: a refusal of a resend releases.
#[tokio::test]
async fn a_refused_resend_releases_nothing() -> Result<()> {
    let stack = Stack::start("refused_resend").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::RefuseResend), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let again = |payout: &serde_json::Value| payout["send_no"] == 2 && payout["doubt"].as_str().is_some();
    let payout = stack.giro.wait(&id, PATIENCE, again).await?;
    assert_eq!(payout["state"], "sending", "{payout}");
    let held = stack.giro.get(&format!("/v1/accounts/{account}")).await?.body["balances"]["held"].as_i64();
    assert_eq!(held, Some(12_880));
    stack.bank.speak(&text(&payout, "/tracking_key")?).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    let requests = stack.bank.requests_of(&text(&payout, "/tracking_key")?).await?;
    assert!(
        requests.len() >= 2 && requests.iter().all(|request| request.body == requests[0].body),
        "same key and body"
    );
    stack.all_ended(PATIENCE).await
}

#[tokio::test]
async fn an_order_that_never_arrived_is_sent_again_where_the_bank_refuses_repeats() -> Result<()> {
    let stack = Stack::start("never_arrived").await?;
    let (id, payout) = one(&stack, Fault::DropBefore, "settled").await?;
    assert_eq!(payout["send_no"], 2);
    assert_eq!(stack.orders(&id).await?.len(), 1);
    Ok(())
}

/// Seeded wrong: resend at a bank that does not refuse repeated keys.
#[tokio::test]
async fn an_order_is_never_sent_again_where_the_bank_takes_repeats() -> Result<()> {
    let setup = Setup {
        dedupes: false,
        sending_seconds: 3,
        ..Setup::default()
    };
    let stack = Stack::with("no_dedupe", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::NotFoundForAWhile), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let told = stack
        .giro
        .wait(&id, PATIENCE, |payout| payout["attention"]["reason"] == "deadline")
        .await?;
    assert_eq!(told["state"], "sending");
    let asked = stack.giro.retry(&id).await?;
    assert!(asked.status == 200 || asked.status == 202, "{asked:?}");
    let payout = stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    assert_eq!(payout["send_no"], 1);
    let key = text(&payout, "/tracking_key")?;
    assert_eq!(stack.bank.requests_of(&key).await?.len(), 1, "one request, ever");
    stack.all_ended(PATIENCE).await
}

#[tokio::test]
async fn a_silent_bank_raises_attention_and_retry_ends_it() -> Result<()> {
    let stack = Stack::with(
        "silent",
        Setup {
            sending_seconds: 3,
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::Silent), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack
        .giro
        .wait(&id, PATIENCE, |payout| payout["attention"]["reason"] == "deadline")
        .await?;
    let asked = stack.giro.answered(&id, PATIENCE).await?;
    assert_eq!(asked.status, 200, "{asked:?}");
    assert!(text(&asked.body, "/bank_said")?.starts_with("no answer"), "{asked:?}");
    stack.bank.speak(&stack.key(&id).await?).await?;
    let asked = stack.giro.answered(&id, PATIENCE).await?;
    assert_eq!(text(&asked.body, "/bank_said")?, "paid", "{asked:?}");
    let payout = stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    assert!(payout["attention"].is_null(), "{payout}");
    stack.all_ended(PATIENCE).await
}

#[tokio::test]
async fn an_order_that_is_not_ours_is_shown_to_a_person() -> Result<()> {
    let stack = Stack::start("wrong_echo").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::WrongEcho), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let payout = stack
        .giro
        .wait(&id, PATIENCE, |payout| payout["attention"]["reason"] == "mismatch")
        .await?;
    assert_eq!(payout["state"], "sent");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        stack.giro.payout(&id).await?["state"],
        "sent",
        "nothing ends by an order that is not ours"
    );
    Ok(())
}

#[tokio::test]
async fn a_bank_that_only_answers_queries_is_tried_again() -> Result<()> {
    let stack = Stack::start("read_only").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::ReadOnly), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let payout = stack
        .giro
        .wait(&id, PATIENCE, |payout| payout["bank_said"] == "not sent: read-only")
        .await?;
    assert_eq!(payout["state"], "accepted");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "the window is open again"])?;
    stack.giro.answered(&id, PATIENCE).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    stack.all_ended(PATIENCE).await
}

/// Seeded wrong: begin that sends for a cancelled payout.
#[tokio::test]
async fn a_payout_cancelled_while_the_bank_is_paused_is_never_sent() -> Result<()> {
    let stack = Stack::start("paused").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let said = stack.giro_command(&["bank", "pause", "stp", "--reason", "the bank asked for it"])?;
    assert!(said.contains("nothing is sent"), "{said}");
    let id = stack.giro.pay(&account, 12_300).await?;
    let key = stack.key(&id).await?;
    let cancel = format!("/v1/payouts/{id}/cancel");
    let reply = stack.giro.post(&cancel, "cancel-1", &serde_json::json!({})).await?;
    assert_eq!(
        (reply.status, &reply.body["state"]),
        (200, &"cancelled".into()),
        "{reply:?}"
    );
    stack.giro_command(&["bank", "resume", "stp", "--reason", "done"])?;
    let handle = stack.handle(&id).await?;
    let outcome = handle.get_result(Default::default()).await?;
    assert_eq!(outcome.outcome, workflows::domain::End::Cancelled);
    assert!(stack.bank.requests_of(&key).await?.is_empty());
    let sent = stack.giro.pay(&account, 100).await?;
    stack.giro.wait(&sent, PATIENCE, is("settled")).await?;
    let late = stack
        .giro
        .post(
            &format!("/v1/payouts/{sent}/cancel"),
            "cancel-2",
            &serde_json::json!({}),
        )
        .await?;
    assert_eq!((late.status, &late.body["code"]), (409, &"too_late".into()), "{late:?}");
    stack.all_ended(PATIENCE).await
}

/// The bank pays what it had said was cancelled: nothing moves, a person is told, and the bank is paused.
#[tokio::test]
async fn paid_after_release_is_seen_and_pauses_the_bank() -> Result<()> {
    let stack = Stack::start("paid_after").await?;
    let (id, _) = one(&stack, Fault::Cancelled, "failed").await?;
    stack.bank.state(&stack.key(&id).await?, "LQ").await?;
    let told = |payout: &serde_json::Value| payout["attention"]["reason"] == "paid_after_release";
    let payout = stack.giro.wait(&id, PATIENCE, told).await?;
    assert_eq!(
        (&payout["state"], &payout["money"]),
        (&"failed".into(), &"back with the customer".into())
    );
    assert!(text(&payout, "/customer/en")?.contains("reviewing"), "{payout}");
    assert!(payout["reason"].is_null(), "what is in question is not told: {payout}");
    let banks = stack.giro.get("/v1/banks").await?.body;
    assert_eq!(banks["data"][0]["paused_by"], "paid_after_release", "{banks}");
    let account = text(&payout, "/account")?;
    let next = stack.giro.pay(&account, 100).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        stack.giro.payout(&next).await?["state"],
        "accepted",
        "nothing is sent until people resume it"
    );
    assert!(stack.bank.requests_of(&stack.key(&next).await?).await?.is_empty());
    Ok(())
}

/// Its clocks were read before it asked for the right to send: one that is older than the fence when it comes is not used.
#[tokio::test]
async fn a_worker_that_sleeps_behind_its_begin_sends_nothing() -> Result<()> {
    let setup = Setup {
        dedupes: false,
        variables: &[("worker", "GIRO_CRASH", "begin_after_commit!stop")],
        ..Setup::default()
    };
    let stack = Stack::with("sleeper", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.asleep("worker").await?;
    assert_eq!(stack.giro.payout(&id).await?["send_no"], 1, "it has the right to send");
    // Longer than the fence's ten seconds, shorter than the activity's twenty.
    sleep(Duration::from_secs(12)).await;
    stack.signal("worker", Signal::CONT);
    let payout = stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    assert_eq!(payout["send_no"], 2, "the first right was not used: {payout}");
    assert_eq!(stack.bank.requests_of(&text(&payout, "/tracking_key")?).await?.len(), 1);
    stack.all_ended(PATIENCE).await
}
