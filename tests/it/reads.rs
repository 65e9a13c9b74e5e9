//! What callers and people read: lists, pages, waits, timelines, previews, statements, and the document of it all.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    books::Books,
    client::{BENEFICIARY, is, request, text},
    sim::Fault,
    stack::{PATIENCE, Setup, Stack},
};

/// Ids of a page, in its order.
fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().into_iter().flatten();
    rows.filter_map(|row| row["id"].as_str()).map(str::to_owned).collect()
}

/// A page of payouts.
async fn listed(stack: &Stack, query: &str) -> Result<Vec<String>> {
    let reply = stack.giro.get(&format!("/v1/payouts?{query}")).await?;
    ensure!(reply.status == 200, "{query}: {reply:?}");
    Ok(ids(&reply.body))
}

fn api_only() -> Setup {
    Setup {
        programs: &["api"],
        ..Setup::default()
    }
}

#[tokio::test]
async fn every_filter_finds_its_payouts_and_nothing_else() -> Result<()> {
    let mut stack = Stack::start("filters").await?;
    let one = stack.giro.account(1, 1_000_000).await?;
    let two = stack.giro.account(2, 1_000_000).await?;
    let settled = stack.giro.pay(&one, 12_300).await?;
    stack.giro.wait(&settled, PATIENCE, is("settled")).await?;
    let failed = stack.giro.pay(&two, 12_394).await?;
    let ended = stack.giro.wait(&failed, PATIENCE, is("failed")).await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let waits = stack.giro.post("/v1/payouts", "the-key", &request(&one, 100)).await?;
    let waits = text(&waits.body, "/id")?;
    let all = vec![waits.clone(), failed.clone(), settled.clone()];
    let just = |id: &str| vec![id.to_owned()];
    let none: Vec<String> = vec![];
    let key = text(&ended, "/tracking_key")?;
    let at = text(&ended, "/accepted_at")?;
    let expected = [
        (String::new(), all.clone()),
        ("state=settled".to_owned(), just(&settled)),
        (
            "state=settled&state=failed".to_owned(),
            vec![failed.clone(), settled.clone()],
        ),
        ("state=returned".to_owned(), none.clone()),
        ("bank=stp".to_owned(), all.clone()),
        ("caller=payments".to_owned(), all.clone()),
        ("caller=nobody".to_owned(), none.clone()),
        (format!("account={two}"), just(&failed)),
        (format!("account={one}&state=accepted"), just(&waits)),
        ("idempotency_key=the-key".to_owned(), just(&waits)),
        ("idempotency_key=the-key&caller=nobody".to_owned(), none.clone()),
        ("idempotency_key=another".to_owned(), none.clone()),
        (format!("tracking_key={key}"), just(&failed)),
        (format!("created_from={at}"), vec![waits.clone(), failed.clone()]),
        (format!("created_to={at}"), just(&settled)),
        (
            format!("created_from={at}&state=failed&bank=stp&account={two}&limit=1"),
            just(&failed),
        ),
    ];
    for (query, found) in expected {
        assert_eq!(listed(&stack, &query).await?, found, "{query}");
    }
    // Nobody sends it: after its five seconds its bank is told of, and not the payout.
    let start = tokio::time::Instant::now();
    while listed(&stack, "attention=bank").await? != just(&waits) {
        ensure!(start.elapsed() < PATIENCE, "it is never overdue");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let waiting = stack.giro.payout(&waits).await?;
    assert_eq!(waiting["next"]["step"], "await_bank", "{waiting}");
    assert_eq!(waiting["waits_for"]["cause"], "people", "{waiting}");
    for own in ["any", "deadline", "mismatch"] {
        assert_eq!(listed(&stack, &format!("attention={own}")).await?, none);
    }
    // Where the bank is not the cause, it is the payout that wants a person.
    stack.kill("worker");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    sqlx::query("update bank set back_at = null")
        .execute(&mut PgConnection::connect(&stack.database).await?)
        .await?;
    for own in ["any", "deadline"] {
        assert_eq!(listed(&stack, &format!("attention={own}")).await?, just(&waits));
    }
    assert_eq!(listed(&stack, "attention=bank").await?, none);
    Ok(())
}

#[tokio::test]
async fn pages_show_every_payout_once_while_new_ones_come() -> Result<()> {
    let stack = Stack::with("pages", api_only()).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    for _ in 0..7 {
        stack.giro.pay(&account, 100).await?;
    }
    let all = listed(&stack, "").await?;
    assert_eq!(all.len(), 7);
    let (mut seen, mut after) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = stack.giro.get(&format!("/v1/payouts?limit=2{after}")).await?.body;
        seen.extend(ids(&page));
        stack.giro.pay(&account, 100).await?;
        match page["next_cursor"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all, "the newest first, each once");
    for n in 2..=4 {
        let body = json!({"clabe": tests::client::clabe(n), "holder_name": "Cliente"});
        stack.giro.post("/v1/accounts", &format!("open-{n}"), &body).await?;
    }
    let first = stack.giro.get("/v1/accounts?limit=3").await?.body;
    let after = text(&first, "/next_cursor")?;
    let rest = stack
        .giro
        .get(&format!("/v1/accounts?limit=3&after={after}"))
        .await?
        .body;
    assert_eq!((ids(&first).len(), ids(&rest)), (3, vec![account]), "{first} {rest}");
    assert!(rest["next_cursor"].is_null(), "{rest}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_parameter_is_named_and_answered_with_its_fix() -> Result<()> {
    let stack = Stack::with("parameters", api_only()).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let payout = stack.giro.pay(&account, 100).await?;
    let statement = format!("/v1/accounts/{account}/statement");
    let wrong = [
        ("/v1/payouts?state=paid".to_owned(), "/state"),
        ("/v1/payouts?state=".to_owned(), "/state"),
        ("/v1/payouts?attention=all".to_owned(), "/attention"),
        ("/v1/payouts?attention=any&attention=any".to_owned(), "/attention"),
        ("/v1/payouts?bank=other".to_owned(), "/bank"),
        ("/v1/payouts?caller=%00".to_owned(), "/caller"),
        ("/v1/payouts?created_from=yesterday".to_owned(), "/created_from"),
        ("/v1/payouts?created_to=1969-12-31T23:59:59Z".to_owned(), "/created_to"),
        ("/v1/payouts?account=acc_1".to_owned(), "/account"),
        ("/v1/payouts?tracking_key=giro".to_owned(), "/tracking_key"),
        ("/v1/payouts?limit=0".to_owned(), "/limit"),
        ("/v1/payouts?limit=201".to_owned(), "/limit"),
        (format!("/v1/payouts?after={}", payout.replace("po_", "acc_")), "/after"),
        (format!("/v1/payouts?after=po_{}", "0".repeat(32)), "/after"),
        ("/v1/payouts?page=2".to_owned(), "/page"),
        (format!("/v1/payouts/{payout}?wait=31s"), "/wait"),
        (format!("/v1/payouts/{payout}?wait=1m"), "/wait"),
        (format!("/v1/payouts/{payout}/timeline?limit=2"), "/limit"),
        (format!("{statement}?to=2026-04-01"), "/from"),
        (format!("{statement}?from=2026-04-02&to=2026-04-01"), "/to"),
        (format!("{statement}?from=2025-01-01&to=2026-01-02"), "/to"),
        (format!("{statement}?from=0000-01-01&to=2026-01-02"), "/from"),
        (
            format!("{statement}?from=2026-04-01&to=2026-04-01&after=mv_{}", "0".repeat(32)),
            "/after",
        ),
        ("/v1/institutions?clabe=0121".to_owned(), "/clabe"),
        ("/v1/banks?name=stp".to_owned(), "/name"),
    ];
    for (path, pointer) in wrong {
        let reply = stack.giro.get(&path).await?;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (422, &json!("invalid_request")),
            "{path}: {reply:?}"
        );
        assert_eq!(reply.body["errors"][0]["pointer"], pointer, "{path}: {reply:?}");
        assert!(reply.body["errors"][0]["message"].is_string(), "{reply:?}");
    }
    Ok(())
}

/// Seeded wrong: an end that is only seen at a look, two seconds apart.
#[tokio::test]
async fn who_waits_is_answered_when_it_ends() -> Result<()> {
    let stack = Stack::start("waits").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let silent = stack.giro.pay(&account, 12_397).await?;
    let begin = Instant::now();
    let open = stack.giro.get(&format!("/v1/payouts/{silent}?wait=1")).await?;
    assert!(begin.elapsed() >= Duration::from_secs(1), "it waited");
    assert!(
        open.body["ended_at"].is_null(),
        "as it stands when the time is up: {open:?}"
    );
    let mut books = PgConnection::connect(&stack.database).await?;
    let mut late = Vec::new();
    for _ in 0..5 {
        let id = stack.giro.pay(&account, 12_300).await?;
        let told = stack.giro.get(&format!("/v1/payouts/{id}?wait=30s")).await?.body;
        let now: String = sqlx::query_scalar("select to_jsonb(giro_now()) #>> '{}'")
            .fetch_one(&mut books)
            .await?;
        assert_eq!(told["state"], "settled", "{told}");
        let ended: Timestamp = text(&told, "/ended_at")?.parse()?;
        late.push(now.parse::<Timestamp>()?.duration_since(ended));
    }
    late.sort_unstable();
    assert!(
        late[2] < SignedDuration::from_millis(700),
        "told of the end, not looking for it: {late:?}"
    );
    let ends = (0..10).map(|_| async {
        let id = stack.giro.pay(&account, 12_300).await?;
        stack.giro.get(&format!("/v1/payouts/{id}?wait=30")).await
    });
    for ended in join_all(ends).await {
        assert_eq!(ended?.body["state"], "settled", "many wait at once, each for its own");
    }
    stack.bank.speak(&stack.key(&silent).await?).await?;
    let ended = stack.giro.get(&format!("/v1/payouts/{silent}?wait=30s")).await?;
    assert_eq!(ended.body["state"], "settled", "{ended:?}");
    stack.all_ended(PATIENCE).await
}

#[tokio::test]
async fn a_preview_says_what_accepting_would_say_and_writes_nothing() -> Result<()> {
    let stack = Stack::with("preview", api_only()).await?;
    let account = stack.giro.account(1, 100_000).await?;
    let ask = |body: Value| {
        let stack = &stack;
        async move { stack.giro.post("/v1/payouts/validate", "one-key", &body).await }
    };
    let sound = ask(request(&account, 12_300)).await?;
    assert_eq!((sound.status, sound.replayed), (200, false), "{sound:?}");
    for (field, value) in [
        ("/object", json!("payout_preview")),
        ("/payout", Value::Null),
        ("/amount", json!(12_300)),
        ("/fee", json!(500)),
        ("/iva", json!(80)),
        ("/total", json!(12_880)),
        ("/beneficiary/institution/code", json!(40_012)),
        ("/bank/state", json!("open")),
        ("/bank_is_open", json!(true)),
    ] {
        assert_eq!(sound.body.pointer(field), Some(&value), "{field} of {sound:?}");
    }
    assert_eq!(sound.body["operating_date"], sound.body["bank"]["operating_date"]);
    assert!(sound.body["would_send_at"].is_string(), "{sound:?}");
    assert!(!sound.body.to_string().contains(BENEFICIARY) && !sound.body.to_string().contains("Beltran"));
    let poor = ask(request(&account, 5_000_000)).await?;
    assert_eq!(
        (poor.status, &poor.body["code"]),
        (422, &json!("insufficient_funds")),
        "{poor:?}"
    );
    let nobody = ask(request(&format!("acc_{}", "0".repeat(32)), 100)).await?;
    assert_eq!(
        (nobody.status, &nobody.body["code"]),
        (422, &json!("account_unknown")),
        "{nobody:?}"
    );
    let mut mistyped = request(&account, 100);
    mistyped["beneficiary"]["clabe"] = "012180004643051240".into();
    let mistyped = ask(mistyped).await?;
    assert_eq!(mistyped.body["errors"][0]["code"], "check_digit", "{mistyped:?}");
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let paused = ask(request(&account, 100)).await?;
    assert_eq!(
        (&paused.body["bank"]["state"], &paused.body["would_send_at"]),
        (&json!("paused"), &Value::Null)
    );
    let sums = Books::connect(&stack.database).await?.sums().await?;
    assert_eq!((sums.open, sums.held), (0, 0), "nothing is written");
    let real = stack
        .giro
        .post("/v1/payouts", "one-key", &request(&account, 12_300))
        .await?;
    assert_eq!(real.status, 201, "the key is free: {real:?}");
    let known = ask(request(&account, 12_300)).await?;
    assert_eq!(
        (known.status, &known.body["payout"]),
        (200, &real.body["id"]),
        "{known:?}"
    );
    let other = ask(request(&account, 12_301)).await?;
    assert_eq!(
        (other.status, &other.body["code"]),
        (422, &json!("idempotency_key_reused")),
        "{other:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_timeline_tells_all_that_happened_in_order() -> Result<()> {
    let stack = Stack::start("timeline").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::DropBefore), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    let done = |timeline: &Value| {
        let all = timeline["data"].as_array().into_iter().flatten();
        let mut webhooks = all.filter(|entry| entry["kind"] == "webhook");
        webhooks.any(|entry| entry["done"] == true)
    };
    let path = format!("/v1/payouts/{id}/timeline");
    let start = Instant::now();
    let mut timeline = stack.giro.get(&path).await?.body;
    while !done(&timeline) {
        ensure!(start.elapsed() < PATIENCE, "no webhook: {timeline}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        timeline = stack.giro.get(&path).await?.body;
    }
    let all = timeline["data"].as_array().context("entries")?;
    let of = |kind: &str| all.iter().filter(|entry| entry["kind"] == kind).collect::<Vec<_>>();
    let states: Vec<&Value> = of("state").iter().map(|entry| &entry["state"]).collect();
    assert_eq!(
        (states.first(), states.last()),
        (Some(&&json!("accepted")), Some(&&json!("settled"))),
        "{timeline}"
    );
    let seqs: Vec<u64> = of("state").iter().filter_map(|entry| entry["seq"].as_u64()).collect();
    assert!(seqs.iter().copied().eq(1..=u64::try_from(seqs.len())?), "{timeline}");
    let submits = of("exchange")
        .iter()
        .filter(|entry| entry["question"] == "submit")
        .count();
    assert_eq!(submits, 2, "sent, and sent again: {timeline}");
    assert!(
        of("exchange").iter().any(|entry| entry["question"] == "inquire"),
        "{timeline}"
    );
    assert_eq!(of("evidence")[0]["evidence"], "paid", "{timeline}");
    let moved: Vec<i64> = of("movement")
        .iter()
        .filter_map(|entry| entry["amount"].as_i64())
        .collect();
    assert_eq!(moved.iter().sum::<i64>(), 12_880, "{timeline}");
    let times: Vec<&str> = all.iter().filter_map(|entry| entry["at"].as_str()).collect();
    let instants: Vec<Timestamp> = times.iter().map(|at| at.parse()).collect::<Result<_, _>>()?;
    assert!(
        instants.is_sorted() && instants.len() == all.len(),
        "the oldest first: {times:?}"
    );
    for person in ["Maria", "Beltran", BENEFICIARY, "Pago de prueba"] {
        assert!(!timeline.to_string().contains(person), "{person} in {timeline}");
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_adds_up() -> Result<()> {
    let stack = Stack::start("statement").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let mut paid = Vec::new();
    for amount in [10_000, 20_000, 30_000] {
        let id = stack.giro.pay(&account, amount).await?;
        paid.push(stack.giro.wait(&id, PATIENCE, is("settled")).await?);
    }
    let today = text(&paid[0], "/effective_on")?;
    let of = |from: &str, to: &str, more: &str| {
        let path = format!("/v1/accounts/{account}/statement?from={from}&to={to}{more}");
        let stack = &stack;
        async move { anyhow::Ok(stack.giro.get(&path).await?.body) }
    };
    let whole = of(&today, &today, "").await?;
    let spent = 60_000 + 3 * 580;
    for (field, centavos) in [
        ("opening_balance", 0),
        ("credits", 1_000_000),
        ("debits", spent),
        ("closing_balance", 1_000_000 - spent),
    ] {
        assert_eq!(whole[field], centavos, "{field} of {whole}");
    }
    let (mut seen, mut moved, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = of(&today, &today, &format!("&limit=4{after}")).await?;
        for row in page["data"].as_array().context("movements")? {
            let sign = if row["side"] == "credit" { 1 } else { -1 };
            moved += sign * row["amount"].as_i64().context("an amount")?;
            seen.push(text(row, "/id")?);
        }
        match page["next_cursor"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.dedup();
    assert_eq!((seen.len(), moved), (10, 1_000_000 - spent), "each movement once");
    assert_eq!(seen, ids(&whole));
    let before = of("2020-01-01", "2020-12-31", "").await?;
    assert_eq!(
        (&before["opening_balance"], &before["closing_balance"]),
        (&json!(0), &json!(0)),
        "{before}"
    );
    let later = of("2030-01-01", "2030-12-31", "").await?;
    assert_eq!(
        (&later["opening_balance"], &later["closing_balance"], &later["data"]),
        (&json!(1_000_000 - spent), &json!(1_000_000 - spent), &json!([])),
        "{later}"
    );
    Ok(())
}

#[tokio::test]
async fn institutions_and_banks_say_who_can_be_paid_and_when() -> Result<()> {
    let stack = Stack::with("catalogues", api_only()).await?;
    let found = stack.giro.get("/v1/institutions?name=bbva").await?.body;
    assert_eq!(
        (&found["data"][0]["code"], &found["data"][0]["can_be_paid"]),
        (&json!(40_012), &json!(true)),
        "{found}"
    );
    let by_clabe = stack.giro.get("/v1/institutions?clabe=012").await?.body;
    assert_eq!(by_clabe["data"][0], found["data"][0]);
    assert_eq!(stack.giro.get("/v1/institutions/40012").await?.body, found["data"][0]);
    assert_eq!(stack.giro.get("/v1/institutions/1").await?.status, 404);
    let old = stack.giro.get("/v1/institutions/90638").await?.body;
    assert_eq!(old["can_be_paid"], false, "{old}");
    let bank = stack.giro.get("/v1/banks").await?.body["data"][0].clone();
    assert_eq!(
        (&bank["state"], &bank["guard"]["is_on"]),
        (&json!("open"), &json!(false)),
        "{bank}"
    );
    stack.giro_command(&["bank", "pause", "stp", "--reason", "they asked"])?;
    let bank = stack.giro.get("/v1/banks").await?.body["data"][0].clone();
    assert_eq!(
        (
            &bank["state"],
            &bank["paused_by"],
            &bank["pause_reason"],
            &bank["sends_at"]
        ),
        (&json!("paused"), &json!("people"), &json!("they asked"), &Value::Null),
        "{bank}"
    );
    Ok(())
}

#[tokio::test]
async fn the_api_describes_itself_without_any_network() -> Result<()> {
    let stack = Stack::with("document", api_only()).await?;
    let root = stack.giro.get("/").await?;
    assert_eq!(
        (root.status, &root.body["openapi"]),
        (200, &json!("/openapi.json")),
        "{root:?}"
    );
    let served = stack.giro.get("/openapi.json").await?.body;
    let written: Value = serde_json::from_str(include_str!("../../docs/openapi.json"))?;
    assert_eq!(served, written);
    assert_eq!(stack.giro.get("/docs/").await?.status, 200);
    assert_eq!(stack.giro.get("/nothing").await?.body["code"], "not_found");
    let wrong = stack.giro.post("/v1/banks", "key", &json!({})).await?;
    assert_eq!(
        (wrong.status, &wrong.body["code"]),
        (405, &json!("method_not_allowed")),
        "{wrong:?}"
    );
    Ok(())
}
