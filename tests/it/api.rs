//! The REST face: keys, replays, refusals, and what a malformed request leaves behind: nothing.

use std::collections::BTreeSet;

use anyhow::Result;
use futures::future::join_all;
use serde_json::{Value, json};
use tests::{
    books::Books,
    client::{BENEFICIARY, Giro, is, request, text},
    stack::{PATIENCE, Setup, Stack},
};

#[tokio::test]
async fn one_key_one_answer_for_ever() -> Result<()> {
    let stack = Stack::start("keys").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let body = request(&account, 12_300);
    let first = stack.giro.post("/v1/payouts", "key-1", &body).await?;
    assert_eq!((first.status, first.replayed), (201, false));
    let id = text(&first.body, "/id")?;
    let again = stack.giro.post("/v1/payouts", "key-1", &body).await?;
    assert_eq!(
        (again.status, again.replayed, text(&again.body, "/id")?),
        (200, true, id.clone())
    );
    let mut camel = json!({"currency": "MXN", "amount": "12300", "account": account, "reference": 1_234_567});
    camel["beneficiary"] = json!({"name": "María  Beltrán Soto", "clabe": BENEFICIARY});
    camel["concept"] = "Pago de prueba".into();
    let spelled = stack.giro.post("/v1/payouts", "key-1", &camel).await?;
    assert_eq!(
        (spelled.status, text(&spelled.body, "/id")?),
        (200, id.clone()),
        "the same request, written otherwise"
    );
    let other = stack
        .giro
        .post("/v1/payouts", "key-1", &request(&account, 12_301))
        .await?;
    assert_eq!(
        (other.status, text(&other.body, "/code")?),
        (422, "idempotency_key_reused".to_owned()),
        "{other:?}"
    );
    let poor = request(&account, 5_000_000);
    let refused = stack.giro.post("/v1/payouts", "key-2", &poor).await?;
    assert_eq!(
        (refused.status, text(&refused.body, "/code")?),
        (422, "insufficient_funds".to_owned())
    );
    assert!(
        text(&refused.body, "/customer/es-MX")?.contains("saldo disponible"),
        "{refused:?}"
    );
    let explained = stack.giro.get(&text(&refused.body, "/doc")?).await?;
    assert_eq!(explained.status, 200, "a problem says where it is explained");
    let still = stack.giro.post("/v1/payouts", "key-2", &poor).await?;
    assert_eq!(
        (still.status, still.replayed, text(&still.body, "/code")?),
        (422, true, "insufficient_funds".to_owned())
    );
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    stack.all_ended(PATIENCE).await
}

#[tokio::test]
async fn a_malformed_request_writes_nothing_and_leaves_the_key_free() -> Result<()> {
    let stack = Stack::with(
        "bad_input",
        Setup {
            programs: &["api"],
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let with = |pointer: &str, value: Value| {
        let mut body = request(&account, 12_300);
        match body.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => body[pointer.trim_start_matches('/')] = value,
        }
        body
    };
    let wrong = [
        with("/amount", 0.into()),
        with("/amount", (-1).into()),
        with("/amount", 12.5.into()),
        with("/amount", "1e3".into()),
        with("/amount", "99999999999999999999".into()),
        with("/currency", "USD".into()),
        with("/beneficiary/clabe", "012180004643051240".into()),
        with("/beneficiary/clabe", "4152313324567890".into()),
        with("/beneficiary/clabe", "０12180004643051249".into()),
        with("/beneficiary/clabe", "566180000553286528".into()),
        with("/beneficiary/name", "Ana | Lopez".into()),
        with("/beneficiary/name", "Ana\nLopez".into()),
        with("/beneficiary/name", "x".repeat(60).into()),
        with("/concept", "😀".into()),
        with("/reference", 0.into()),
        with("/reference", 10_000_000.into()),
        with("/account", "acc_1".into()),
        with("/surprise", true.into()),
        json!([]),
        json!({}),
    ];
    for body in wrong {
        let reply = stack.giro.post("/v1/payouts", "one-key", &body).await?;
        assert!(matches!(reply.status, 400 | 422), "{} for {body}", reply.status);
        let shown = reply.body.to_string();
        assert!(
            reply.body["errors"][0]["message"].is_string() || reply.status == 400,
            "{shown}"
        );
        assert!(
            !shown.contains("0121800046430512") && !shown.contains("415231332456"),
            "no number is repeated: {shown}"
        );
    }
    let sums = Books::connect(&stack.database).await?.sums().await?;
    assert_eq!((sums.open, sums.held), (0, 0));
    let sound = stack
        .giro
        .post("/v1/payouts", "one-key", &request(&account, 12_300))
        .await?;
    assert_eq!(sound.status, 201, "the key is free: {sound:?}");
    for secret in ["Maria", BENEFICIARY, "test-secret", "giro-dev"] {
        assert!(!stack.log("api").contains(secret), "{secret} is in the log");
    }
    Ok(())
}

/// Two APIs with a writer each: the hold is taken once, however many ask at once; the last peso is spent once.
#[tokio::test]
async fn races_are_won_by_one() -> Result<()> {
    let stack = Stack::with(
        "races",
        Setup {
            programs: &["api", "api-2"],
            ..Setup::default()
        },
    )
    .await?;
    assert_eq!(stack.apis.len(), 2);
    let race = |account: String, keys: Vec<String>| {
        let ask = |(giro, key): (Giro, String)| {
            let body = request(&account, 12_300);
            async move { giro.post("/v1/payouts", &key, &body).await }
        };
        let apis = stack.apis.iter().cycle().cloned();
        join_all(apis.zip(keys).map(ask).collect::<Vec<_>>())
    };
    let rounds = 5;
    for round in 0..rounds {
        let account = stack.giro.account(round, 12_880).await?;
        let mut ids = BTreeSet::new();
        let mut created = 0;
        for reply in race(account, vec![format!("same-{round}"); 50]).await {
            let reply = reply?;
            assert!(matches!(reply.status, 200 | 201), "{reply:?}");
            ids.insert(text(&reply.body, "/id")?);
            created += usize::from(reply.status == 201);
        }
        assert_eq!((created, ids.len()), (1, 1), "one key, one payout, one 201");
    }
    let account = stack.giro.account(rounds, 12_880).await?;
    let mut won = 0;
    for reply in race(account, (0..200).map(|n| format!("race-{n}")).collect()).await {
        let reply = reply?;
        assert!(matches!(reply.status, 201 | 422), "{reply:?}");
        won += usize::from(reply.status == 201);
    }
    assert_eq!(won, 1, "the last peso is spent once");
    let payouts = i64::from(rounds) + 1;
    let sums = Books::connect(&stack.database).await?.sums().await?;
    assert_eq!((sums.open, sums.held, sums.held_drift), (payouts, payouts * 12_880, 0));
    Ok(())
}

#[tokio::test]
async fn an_account_shows_its_money_and_its_movements() -> Result<()> {
    let stack = Stack::start("account").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let taken = stack
        .giro
        .post(
            "/v1/accounts",
            "again",
            &json!({"clabe": tests::client::clabe(1), "holder_name": "Otra"}),
        )
        .await?;
    assert_eq!(
        (taken.status, text(&taken.body, "/code")?),
        (409, "clabe_taken".to_owned())
    );
    let id = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    let shown = stack.giro.get(&format!("/v1/accounts/{account}")).await?.body;
    assert_eq!(shown["balances"]["balance"], 1_000_000 - 12_880, "{shown}");
    let page = stack
        .giro
        .get(&format!("/v1/accounts/{account}/movements?limit=2"))
        .await?
        .body;
    assert_eq!(page["data"].as_array().map(Vec::len), Some(2), "{page}");
    let next = text(&page, "/next_cursor")?;
    let rest = stack
        .giro
        .get(&format!("/v1/accounts/{account}/movements?limit=5&after={next}"))
        .await?
        .body;
    let kinds: Vec<&str> = page["data"]
        .as_array()
        .into_iter()
        .chain(rest["data"].as_array())
        .flatten()
        .filter_map(|row| row["kind"].as_str())
        .collect();
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["amount", "fee", "iva", "opening"], "{page} {rest}");
    assert_eq!(
        stack
            .giro
            .get("/v1/payouts/po_00000000000000000000000000000000")
            .await?
            .status,
        404
    );
    Ok(())
}

/// A catalogue that is reloaded changes no answer that was given.
#[tokio::test]
async fn a_replay_outlives_the_catalogue() -> Result<()> {
    let mut stack = Stack::with(
        "catalogue",
        Setup {
            programs: &["api"],
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let first = stack
        .giro
        .post("/v1/payouts", "key-1", &request(&account, 12_300))
        .await?;
    assert_eq!(first.status, 201);
    let table = include_str!("../../workflows/data/institutions.csv").replace(",012,", ",,");
    let file = std::env::temp_dir().join(format!("institutions-{}.csv", std::process::id()));
    std::fs::write(&file, table)?;
    stack.configure(&format!("[institutions]\nfile = {:?}", file.display().to_string()))?;
    stack.kill("api");
    stack.run("api")?;
    stack.ready().await?;
    let again = stack
        .giro
        .post("/v1/payouts", "key-1", &request(&account, 12_300))
        .await?;
    assert_eq!((again.status, again.replayed), (200, true), "{again:?}");
    assert_eq!(again.body["id"], first.body["id"]);
    let new = stack
        .giro
        .post("/v1/payouts", "key-2", &request(&account, 12_300))
        .await?;
    assert_eq!(new.status, 422, "a new request goes by the new catalogue: {new:?}");
    std::fs::remove_file(file)?;
    Ok(())
}
