//! Who may do what: keys made on the command line, every route with every kind of key, and the banks' own listener.

use std::{collections::BTreeSet, fs, net::IpAddr, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    client::{Giro, Reply, clabe, request, text},
    stack::{PATIENCE, Setup, Stack},
};

use crate::raw::{Said, say};

/// Every route of callers and people, and the scopes of which each asks one; none is for anybody.
const ROUTES: &[(&str, &str, &[&str])] = &[
    ("GET", "/v1/payouts", &["read"]),
    ("POST", "/v1/payouts", &["pay"]),
    ("POST", "/v1/payouts/validate", &["pay"]),
    ("GET", "/v1/payouts/{id}", &["read"]),
    ("GET", "/v1/payouts/{id}/timeline", &["read"]),
    ("GET", "/v1/payouts/{id}/receipt", &["read"]),
    ("POST", "/v1/payouts/{id}/receipt", &["pay", "operate"]),
    ("POST", "/v1/payouts/{id}/cancel", &["pay", "operate"]),
    ("POST", "/v1/payouts/{id}/retry", &["pay", "operate"]),
    ("POST", "/v1/payouts/{id}/decide", &["operate"]),
    ("GET", "/v1/transfers", &["read"]),
    ("POST", "/v1/transfers", &["pay"]),
    ("GET", "/v1/transfers/{id}", &["read"]),
    ("POST", "/v1/transfers/{id}/cancel", &["pay", "operate"]),
    ("GET", "/v1/accounts", &["read"]),
    ("POST", "/v1/accounts", &["pay"]),
    ("GET", "/v1/accounts/{id}", &["read"]),
    ("GET", "/v1/accounts/{id}/movements", &["read"]),
    ("GET", "/v1/accounts/{id}/statement", &["read"]),
    ("POST", "/v1/accounts/{id}/status", &["operate"]),
    ("GET", "/v1/corrections", &["operate"]),
    ("POST", "/v1/corrections", &["operate"]),
    ("GET", "/v1/deposits", &["read"]),
    ("GET", "/v1/deposits/{id}", &["read"]),
    ("POST", "/v1/deposits/{id}/apply", &["operate"]),
    ("POST", "/v1/deposits/{id}/send-back", &["operate"]),
    ("POST", "/v1/deposits/{id}/decide", &["operate"]),
    ("GET", "/v1/returns", &["read"]),
    ("GET", "/v1/returns/{id}", &["read"]),
    ("POST", "/v1/returns/{id}/apply", &["operate"]),
    ("POST", "/v1/returns/{id}/decide", &["operate"]),
    ("GET", "/v1/institutions", &["read"]),
    ("GET", "/v1/institutions/{code}", &["read"]),
    ("GET", "/v1/banks", &["read"]),
    ("GET", "/v1/reconciliations/running", &["operate"]),
    ("GET", "/v1/reconciliations/{operating_date}", &["operate"]),
    ("POST", "/v1/reconciliations/{operating_date}/understood", &["operate"]),
    ("POST", "/v1/banks/{name}/pause", &["admin"]),
    ("POST", "/v1/banks/{name}/resume", &["admin"]),
    ("POST", "/v1/banks/{name}/announce", &["admin"]),
    ("POST", "/v1/banks/{name}/call-off", &["admin"]),
    ("GET", "/", &[]),
    ("GET", "/healthz", &[]),
    ("GET", "/readyz", &[]),
    ("GET", "/v1/attention", &["read"]),
    ("GET", "/docs/problems", &[]),
    ("GET", "/docs/problems/{code}", &[]),
    ("GET", "/docs/runbook", &[]),
    ("GET", "/docs/runbook/{cause}", &[]),
];

/// Records that came for the account, and for its payout.
const DEPOSIT: &str = "rec_01a1f000000070008000000000000001";
const RETURN: &str = "rec_01a1f000000070008000000000000002";

/// Puts both into the books, as a worker would have.
async fn arrivals(stack: &Stack, tracking_key: String) -> Result<()> {
    let mut books = PgConnection::connect(&stack.database).await?;
    for (id, kind, of_key) in [(DEPOSIT, "deposit", None), (RETURN, "return", Some(tracking_key))] {
        sqlx::query(
            r#"insert into received (id, bank, operating_date, sender, tracking_key, kind, payment_type, amount, interest,
                                     clabe, of_key, record, state, deadline_at, event_seq, version, received_at, changed_at)
               values (replace($1, 'rec_', '')::uuid, 'stp', '2026-11-24', 40012, $2, $2, 1, 100, 0, $3, $4, '{}', 'received',
                       giro_now() + interval '1 minute', 1, 1, giro_now(), giro_now())"#,
        )
        .bind(id)
        .bind(kind)
        .bind(clabe(1))
        .bind(of_key)
        .execute(&mut books)
        .await?;
    }
    Ok(())
}

/// What a key with one scope may do.
fn implied(scope: &str) -> &'static [&'static str] {
    match scope {
        "pay" => &["read", "pay"],
        "operate" => &["read", "operate"],
        "admin" => &["read", "operate", "admin"],
        _ => &["read"],
    }
}

async fn api_alone(name: &str, more: Vec<(&'static str, String)>) -> Result<Stack> {
    Stack::with(
        name,
        Setup {
            programs: &["api"],
            more,
            ..Setup::default()
        },
    )
    .await
}

/// Makes a key and answers what standard output holds: the key and nothing else.
pub(crate) fn key(stack: &Stack, caller: &str, scopes: &str) -> Result<String> {
    let name = format!("{caller} {scopes}");
    let said = stack.giro_command(&["key", "create", "--caller", caller, "--name", &name, "--scopes", scopes])?;
    let key = said.trim_end_matches('\n').to_owned();
    let parts: Vec<&str> = key.split('_').collect();
    ensure!(
        parts.len() == 3 && parts[0] == "giro" && parts[1].len() == 12 && parts[2].len() == 64,
        "{} parts",
        parts.len()
    );
    Ok(key)
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap_or_default()
}

/// Asks again and again, until the answer is as it will be: a key is taken, or refused, within seconds.
async fn until(giro: &Giro, path: &str, status: u16) -> Result<Reply> {
    let begin = tokio::time::Instant::now();
    loop {
        let reply = giro.get(path).await?;
        if reply.status == status {
            return Ok(reply);
        }
        ensure!(begin.elapsed() < PATIENCE, "still {reply:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn ask(giro: &Giro, method: &str, path: &str, body: &Value) -> Result<Reply> {
    match method {
        "POST" => giro.post(path, &uuid::Uuid::now_v7().to_string(), body).await,
        _ => giro.get(path).await,
    }
}

/// What the caller has.
struct Own {
    account: String,
    payout: String,
    transfer: String,
}

fn place(route: &str, own: &Own) -> String {
    let id = match route {
        _ if route.starts_with("/v1/accounts") => &own.account,
        _ if route.starts_with("/v1/transfers") => &own.transfer,
        _ if route.starts_with("/v1/deposits") => DEPOSIT,
        _ if route.starts_with("/v1/returns") => RETURN,
        _ => &own.payout,
    };
    let code = if route.starts_with("/docs") { "later" } else { "40012" };
    let path = route
        .replace("{id}", id)
        .replace("{name}", "stp")
        .replace("{code}", code)
        .replace("{operating_date}", "2026-11-24")
        .replace("{cause}", "deadline");
    if route.ends_with("/statement") {
        path + "?from=2026-11-01&to=2026-11-30"
    } else {
        path
    }
}

/// A route that is not in the table above would be answered to anybody, and nobody would see it.
#[test]
fn every_route_is_in_the_table() -> Result<()> {
    // The document has every route that describes itself; a unit test holds it to the code.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document: Value = serde_json::from_str(&fs::read_to_string(root.join("docs/openapi.json"))?)?;
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                found.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    // The others are written where the router is made.
    let router: String = fs::read_to_string(root.join("worker/src/api.rs"))?
        .split_whitespace()
        .collect();
    let others = router.split(".route(\"").skip(1);
    found.extend(others.filter_map(|rest| Some(("GET".to_owned(), rest.split('"').next()?.to_owned()))));
    let known = ROUTES
        .iter()
        .map(|(method, route, _)| ((*method).to_owned(), (*route).to_owned()));
    let known: BTreeSet<(String, String)> = known.collect();
    assert_eq!(found, known);
    Ok(())
}

#[tokio::test]
async fn every_route_asks_for_its_scope() -> Result<()> {
    let stack = api_alone("scopes", Vec::new()).await?;
    let open = stack.giro.account(9, 1_000).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    assert!(!open.is_empty(), "without any key requests on loopback need none");
    let payer = stack.giro.with_key(&key(&stack, "payments", "pay")?);
    until(&stack.giro, "/v1/banks", 401).await?;
    let payout = payer.pay(&account, 100).await?;
    arrivals(&stack, text(&payer.payout(&payout).await?, "/tracking_key")?).await?;
    let between = json!({
        "account": account, "to_account": payer.account(2, 0).await?, "amount": 100, "currency": "MXN", "concept": "Renta",
    });
    let moved = payer.post("/v1/transfers", "transfer", &between).await?;
    let own = Own {
        transfer: text(&moved.body, "/id")?,
        account: account.clone(),
        payout: payout.clone(),
    };

    // Nobody: whatever is shown, it is 401, on every route that is not for anybody.
    let other = key(&stack, "payroll", "pay")?;
    let revoked = key(&stack, "payments", "read,pay,operate,admin")?;
    let expired = expired(&stack).await?;
    // Both were good a moment ago: what is refused below is refused for its secret, or because it was revoked.
    for good in [&other, &revoked] {
        until(&stack.giro.with_key(good), "/v1/banks", 200).await?;
    }
    stack.giro_command(&["key", "revoke", id_of(&revoked)])?;
    until(&stack.giro.with_key(&revoked), "/v1/banks", 401).await?;
    let (id, secret) = (
        id_of(&other).to_owned(),
        other.rsplit('_').next().unwrap_or_default().to_owned(),
    );
    let wrong = format!("giro_{id}_{}", secret.chars().rev().collect::<String>());
    let swapped = format!("giro_{}_{secret}", id_of(&revoked));
    let shown = [
        String::new(),
        wrong,
        swapped,
        revoked.clone(),
        expired,
        format!("giro_000000000000_{secret}"),
    ];
    for (n, shown) in (1..).zip(&shown) {
        // Each from an address of its own: many failures of one are slowed.
        let from = stack.giro.calling_from(IpAddr::from([127, 1, 0, n]))?;
        let giro = if shown.is_empty() { from } else { from.with_key(shown) };
        for (method, route, scopes) in ROUTES {
            let reply = ask(&giro, method, &place(route, &own), &json!({})).await?;
            let expected = if scopes.is_empty() { 200 } else { 401 };
            assert_eq!(reply.status, expected, "{method} {route}: {reply:?}");
            assert!(
                scopes.is_empty() || reply.body["code"] == "unauthenticated",
                "{reply:?}"
            );
        }
    }

    // Each scope, on its caller's own payout.
    for scope in ["read", "pay", "operate", "admin"] {
        let giro = stack.giro.with_key(&key(&stack, "payments", scope)?);
        until(&giro, "/v1/banks", 200).await?;
        for (method, route, scopes) in ROUTES {
            // Retry would wait for a worker that this stack does not have: it is asked only where it is refused.
            let may = scopes.is_empty() || scopes.iter().any(|scope_asked| implied(scope).contains(scope_asked));
            if may && (route.ends_with("/retry") || route.ends_with("/cancel")) {
                continue;
            }
            let reply = ask(&giro, method, &place(route, &own), &json!({})).await?;
            let expected: &[u16] = match may {
                // Banxico has nothing of what was never sent.
                true if (*method, *route) == ("POST", "/v1/payouts/{id}/receipt") => &[409],
                true => &[200, 422],
                false => &[403],
            };
            assert!(expected.contains(&reply.status), "{scope}: {method} {route}: {reply:?}");
            assert!(may || reply.body["code"] == "forbidden", "{reply:?}");
        }
    }

    // Another caller: what is not its own does not exist, also under a key that it never saw.
    let payroll = stack.giro.with_key(&other);
    for (method, route, scopes) in ROUTES.iter().filter(|(_, route, _)| route.contains("{id}")) {
        let reply = ask(&payroll, method, &place(route, &own), &json!({})).await?;
        let expected = if *scopes == ["operate"] { 403 } else { 404 };
        assert_eq!(reply.status, expected, "{method} {route}: {reply:?}");
    }
    let mine = payer.post("/v1/payouts", "shared-key", &request(&account, 100)).await?;
    let theirs = payroll
        .post("/v1/payouts", "shared-key", &request(&account, 100))
        .await?;
    assert_eq!((mine.status, theirs.status), (201, 422), "{theirs:?}");
    assert_eq!(
        theirs.body["code"], "account_unknown",
        "another caller's account pays nothing: {theirs:?}"
    );

    // Whoever operates unsticks anyone's, and asks for nothing.
    let support = stack.giro.with_key(&key(&stack, "support", "operate")?);
    until(&support, &format!("/v1/payouts/{payout}"), 200).await?;
    let refused = support.post("/v1/payouts", "support", &request(&account, 100)).await?;
    assert_eq!(refused.status, 403, "{refused:?}");
    let cancelled = support
        .post(&format!("/v1/payouts/{payout}/cancel"), "support", &json!({}))
        .await?;
    assert_eq!(
        (cancelled.status, text(&cancelled.body, "/state")?.as_str()),
        (200, "cancelled")
    );

    let log = stack.log("api");
    for shown in [revoked, other] {
        let secret = shown.rsplit('_').next().unwrap_or_default();
        assert!(!log.contains(secret), "a secret is in the log");
    }
    Ok(())
}

/// A key whose time is past, made as an hour ago.
async fn expired(stack: &Stack) -> Result<String> {
    let mut books = PgConnection::connect(&stack.database).await?;
    let secret = "e".repeat(64);
    sqlx::query(
        "insert into api_key (id, caller, label, secret_sha256, scopes, created_at, created_by, expires_at)
         values ('eeeeeeeeeeee', 'payments', 'old', sha256($1::bytea), array['read', 'pay', 'operate', 'admin'],
                 now() - interval '2 hours', 'test', now() - interval '1 hour')",
    )
    .bind(secret.as_bytes())
    .execute(&mut books)
    .await?;
    Ok(format!("giro_eeeeeeeeeeee_{secret}"))
}

/// Made, listed, used, changed for another, revoked: and the door never opens again by itself.
#[tokio::test]
async fn a_key_lives_from_its_making_to_its_revocation() -> Result<()> {
    let stack = api_alone("keys_life", Vec::new()).await?;
    let nobody_yet = stack.giro_command(&["key", "list"])?;
    assert!(nobody_yet.contains("giro key create"), "{nobody_yet}");
    assert_eq!(stack.giro.get("/v1/banks").await?.status, 200);

    let account = stack.giro.account(1, 1_000_000).await?;
    let old = key(&stack, "payments", "pay")?;
    until(&stack.giro, "/v1/banks", 401).await?;
    let credit = json!({
        "clabe": tests::client::clabe(7), "holder_name": "Ana",
        "opening_credit": {"amount": 100_000_000, "reason": "from nowhere"},
    });
    let refused = stack
        .giro
        .with_key(&old)
        .post("/v1/accounts", "credit", &credit)
        .await?;
    assert_eq!(refused.status, 403, "who pays makes no money: {refused:?}");
    let first = stack
        .giro
        .with_key(&old)
        .post("/v1/payouts", "one", &request(&account, 100))
        .await?;
    assert_eq!(first.status, 201);

    // Two at once: the same caller, so that a retry under the new key is the same request.
    let new = key(&stack, "payments", "pay")?;
    until(&stack.giro.with_key(&new), "/v1/banks", 200).await?;
    let again = stack
        .giro
        .with_key(&new)
        .post("/v1/payouts", "one", &request(&account, 100))
        .await?;
    assert_eq!((again.status, &again.body["id"]), (200, &first.body["id"]));

    let begin = tokio::time::Instant::now();
    loop {
        let listed: Value = serde_json::from_str(&stack.giro_command(&["key", "list", "--output", "json"])?)?;
        let rows = listed.as_array().context("a list")?;
        assert_eq!(rows.len(), 2);
        assert!(!listed.to_string().contains("secret"), "{listed}");
        if rows
            .iter()
            .all(|row| row["last_used_at"].is_string() && row["state"] == "live")
        {
            break;
        }
        ensure!(begin.elapsed() < PATIENCE, "its use is not written: {listed}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    stack.giro_command(&["key", "revoke", id_of(&old)])?;
    until(&stack.giro.with_key(&old), "/v1/banks", 401).await?;
    assert_eq!(stack.giro.with_key(&new).get("/v1/banks").await?.status, 200);
    stack.giro_command(&["key", "revoke", id_of(&new)])?;
    until(&stack.giro.with_key(&new), "/v1/banks", 401).await?;
    assert_eq!(
        stack.giro.get("/v1/banks").await?.status,
        401,
        "the last key was revoked: nobody is let in"
    );

    let table = stack.giro_command(&["key", "list"])?;
    assert_eq!(table.matches("revoked").count(), 2, "{table}");
    let twice = stack.giro_command(&["key", "revoke", id_of(&new)])?;
    assert!(twice.contains("before"), "{twice}");
    let unknown = stack
        .giro_command(&["key", "revoke", &new])
        .expect_err("is no id")
        .to_string();
    let complaint = unknown.split_once(": ").map_or("", |(_, complaint)| complaint);
    assert!(
        complaint.contains("no such key") && !complaint.contains(id_of(&new)),
        "a whole key is not repeated: {complaint}"
    );
    for wrong in [
        ["--caller", "a b", "--scopes", "read", "--expires", "1d"],
        ["--caller", "payments", "--scopes", "all", "--expires", "1d"],
        ["--caller", "payments", "--scopes", "read", "--expires", "soon"],
    ] {
        let arguments = [&["key", "create", "--name", "x"][..], &wrong[..]].concat();
        assert!(stack.giro_command(&arguments).is_err(), "{wrong:?}");
    }
    Ok(())
}

/// What must not be served to everybody does not start.
#[tokio::test]
async fn without_a_key_only_loopback_is_served() -> Result<()> {
    let stack = api_alone("loopback", Vec::new()).await?;
    for variable in [("GIRO__API__LISTEN", "0.0.0.0:0"), ("GIRO__ENVIRONMENT", "production")] {
        // A moved clock would be refused first.
        stack.giro_command(&["clock", "--offset", "0"])?;
        let more = [
            variable,
            ("GIRO__WEBHOOKS__SECRET", "00000000000000000000000000000000"),
            ("GIRO__RULES__HORIZON_SECONDS", "120"),
            ("GIRO__RULES__QUESTION_GAP_SECONDS", "30"),
            ("GIRO__STP__ORDERS_URL", "https://bank.test"),
            ("GIRO__STP__QUERIES_URL", "https://bank.test"),
            ("GIRO__BANXICO__PORTAL", "https://bank.test"),
        ];
        let refused = stack
            .giro_command_with(&["api"], &more)
            .expect_err("does not start")
            .to_string();
        assert!(refused.contains("giro key create"), "{refused}");
    }
    Ok(())
}

/// Guessing costs whoever guesses, and not a good key behind the same address.
#[tokio::test]
async fn failures_are_slowed_and_a_good_key_is_not() -> Result<()> {
    let stack = api_alone("failures", Vec::new()).await?;
    let good = stack.giro.with_key(&key(&stack, "payments", "read")?);
    until(&stack.giro, "/v1/banks", 401).await?;
    let mut slowed = 0;
    for n in 0..400 {
        let reply = stack
            .giro
            .with_key(&format!("giro_{n:012}_guess"))
            .get("/v1/banks")
            .await?;
        assert!(matches!(reply.status, 401 | 429), "{reply:?}");
        slowed += usize::from(reply.status == 429);
    }
    assert!(slowed > 0);
    assert_eq!(good.get("/v1/banks").await?.status, 200);
    let logged = stack.log("api").matches("without a good key").count();
    assert!((1..=3).contains(&logged), "once a minute, not {logged} times");
    assert!(!stack.log("api").contains("_guess"));
    Ok(())
}

/// A bank is paused and resumed by whoever may, with a reason that stays.
#[tokio::test]
async fn an_administrator_pauses_a_bank_and_says_why() -> Result<()> {
    let stack = api_alone("pauses", Vec::new()).await?;
    let admin = stack.giro.with_key(&key(&stack, "treasury", "admin")?);
    until(&admin, "/v1/banks", 200).await?;
    let why = json!({"reason": "STP asked"});
    for (path, body, status) in [
        ("/v1/banks/stp/pause", json!({}), 422),
        ("/v1/banks/stp/pause", json!({"reason": "a\nb"}), 422),
        ("/v1/banks/none/pause", why.clone(), 404),
    ] {
        let reply = admin.post(path, "wrong", &body).await?;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let paused = admin.post("/v1/banks/stp/pause", "p", &why).await?;
    assert_eq!(
        (paused.status, &paused.body["paused_by"]),
        (200, &json!("people")),
        "{paused:?}"
    );
    assert_eq!(paused.body["pause_reason"], "STP asked (treasury)");
    // Only the pause that is named ends: one that came since stays, however often this is repeated.
    let back = json!({"reason": "STP is back", "paused_at": paused.body["paused_at"]});
    for other in [
        json!({"reason": "x"}),
        json!({"reason": "x", "paused_at": "2026-01-01T00:00:00Z"}),
    ] {
        let reply = admin.post("/v1/banks/stp/resume", "o", &other).await?;
        assert_eq!(
            (reply.status, &reply.body["code"]),
            (409, &json!("another_pause")),
            "{reply:?}"
        );
    }
    let resumed = admin.post("/v1/banks/stp/resume", "r", &back).await?;
    assert_eq!(
        (resumed.status, &resumed.body["paused_by"]),
        (200, &Value::Null),
        "{resumed:?}"
    );
    assert!(stack.log("api").contains("STP is back (treasury)"));
    let again = admin.post("/v1/banks/stp/pause", "p2", &why).await?;
    let repeated = admin.post("/v1/banks/stp/resume", "r", &back).await?;
    assert_eq!((repeated.status, again.status), (409, 200), "{repeated:?}");
    let mut books = PgConnection::connect(&stack.database).await?;
    let alarm = "update bank set paused_by = 'second_order', paused_at = giro_now()";
    sqlx::query(alarm).execute(&mut books).await?;
    let unnamed = stack.giro_command(&["bank", "resume", "stp", "--reason", "x"]);
    let said = unnamed.expect_err("an alarm is named").to_string();
    let since = said
        .split("--since ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .expect("which");
    assert!(said.contains("second_order"), "{said}");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "x", "--since", since])?;
    assert_eq!(admin.get("/v1/banks").await?.body["data"][0]["paused_by"], Value::Null);
    Ok(())
}

const SOUND: &str = r#"{"id": 1, "claveRastreo": "GIRO0123456789ABCDEFGHIJKLMNO", "estado": "LQ"}"#;

/// A status webhook as bytes.
fn webhook(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: giro\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The notes of the inbox, in the order of arrival.
async fn inbox(books: &mut PgConnection) -> Result<Vec<(Option<String>, bool)>> {
    let rows = sqlx::query_as("select note, done_at is not null from inbox order by id");
    Ok(rows.fetch_all(books).await?)
}

/// By address, path and password; what is odd is kept apart, and what cannot be kept is not said to be.
#[tokio::test]
async fn a_webhook_is_kept_or_refused_and_never_dropped_silently() -> Result<()> {
    let user = (
        "webhooks",
        "basic_user = \"stp\"\nbasic_password = \"dev-password\"".to_owned(),
    );
    let stack = api_alone("webhook_gate", vec![user]).await?;
    let mut books = PgConnection::connect(&stack.database).await?;
    let port = stack.ports["webhooks"];
    // dev-password, wrong-password, and a scheme that is another.
    let (good, bad) = (
        "authorization: Basic c3RwOmRldi1wYXNzd29yZA==\r\n",
        "authorization: Basic c3RwOndyb25nLXBhc3N3b3Jk\r\n",
    );
    let json = "content-type: application/json\r\n";
    let path = "/webhooks/stp/test-secret/status";
    let large = "x".repeat(65_537);
    let refused: [(&str, String, &str, u16); 8] = [
        ("/webhooks/stp/test-secreT/status", format!("{good}{json}"), SOUND, 404),
        ("/webhooks/stp/%2e%2e/status", format!("{good}{json}"), SOUND, 404),
        ("/webhooks/stp//status", format!("{good}{json}"), SOUND, 404),
        ("/v1/banks", format!("{good}{json}"), SOUND, 404),
        (path, json.to_owned(), SOUND, 401),
        (path, format!("{bad}{json}"), SOUND, 401),
        (
            path,
            format!("authorization: Bearer c3RwOmRldi1wYXNzd29yZA==\r\n{json}"),
            SOUND,
            401,
        ),
        (path, format!("{good}{json}"), &large, 413),
    ];
    for (path, headers, body, status) in &refused {
        let said = say(port, &webhook(path, headers, body)).await?;
        assert_eq!(said.status, *status, "{said:?}");
        said.is_a_problem()?;
        let asks = said.head().contains("www-authenticate: basic");
        assert_eq!(asks, *status == 401, "{said:?}");
    }
    assert!(inbox(&mut books).await?.is_empty());

    let text = format!("{good}content-type: text/plain\r\n");
    for (headers, body) in [
        (&text, SOUND),
        (&format!("{good}{json}"), "no JSON at all"),
        (&format!("{good}{json}"), ""),
    ] {
        let said = say(port, &webhook(path, headers, body)).await?;
        assert_eq!(said.status, 200, "{said:?}");
    }
    let unreadable = (Some("unreadable".to_owned()), true);
    let apart = [(None, false), unreadable.clone(), unreadable];
    assert_eq!(
        inbox(&mut books).await?,
        apart,
        "what reads is to be worked on however it is declared; the rest is kept apart"
    );
    for _ in 0..3 {
        assert_eq!(
            say(port, &webhook(path, &format!("{good}{json}"), SOUND)).await?.status,
            200
        );
    }
    let rows = inbox(&mut books).await?;
    assert_eq!((rows.len(), &rows[0]), (3, &(None, false)), "the same body is one row");
    let remote: Vec<String> = sqlx::query_scalar("select distinct remote from inbox")
        .fetch_all(&mut books)
        .await?;
    assert_eq!(remote, ["127.0.0.1"]);

    // Not durable: the bank must send it again.
    sqlx::query("alter table inbox rename to inbox_away")
        .execute(&mut books)
        .await?;
    let away = say(
        port,
        &webhook(path, &format!("{good}{json}"), "{\"claveRastreo\": \"GIRO1\"}"),
    )
    .await?;
    assert_eq!(away.status, 503, "{away:?}");
    sqlx::query("alter table inbox_away rename to inbox")
        .execute(&mut books)
        .await?;
    for secret in ["test-secret", "dev-password", "c3RwOmRldi1wYXNzd29yZA"] {
        assert!(!stack.log("api").contains(secret), "{secret} is in the log");
    }
    Ok(())
}

/// The socket says who calls; a header that says otherwise is a header.
#[tokio::test]
async fn an_address_that_may_not_call_cannot_say_that_it_may() -> Result<()> {
    let allow = ("webhooks", "allow = [\"192.0.2.0/24\"]\nper_second = 5".to_owned());
    let stack = api_alone("webhook_address", vec![allow]).await?;
    let spoofed = "content-type: application/json\r\nx-forwarded-for: 192.0.2.7\r\nforwarded: for=192.0.2.7\r\nx-real-ip: 192.0.2.7\r\n";
    let said = say(
        stack.ports["webhooks"],
        &webhook("/webhooks/stp/test-secret/status", spoofed, SOUND),
    )
    .await?;
    assert_eq!(said.status, 403, "{said:?}");
    let mut books = PgConnection::connect(&stack.database).await?;
    assert!(inbox(&mut books).await?.is_empty());
    Ok(())
}

/// Too many from one address are told so, and what was taken stays.
#[tokio::test]
async fn a_flood_of_webhooks_is_slowed() -> Result<()> {
    let stack = api_alone("webhook_flood", vec![("webhooks", "per_second = 5".to_owned())]).await?;
    let sent = webhook(
        "/webhooks/stp/test-secret/status",
        "content-type: application/json\r\n",
        SOUND,
    );
    let said: Vec<Said> = futures::future::try_join_all((0..60).map(|_| say(stack.ports["webhooks"], &sent))).await?;
    let of = |status| said.iter().filter(|said| said.status == status).count();
    assert!(
        of(200) >= 5 && of(429) > 0 && of(200) + of(429) == 60,
        "{} and {}",
        of(200),
        of(429)
    );
    let mut books = PgConnection::connect(&stack.database).await?;
    assert_eq!(inbox(&mut books).await?.len(), 1, "the same body is one row");
    Ok(())
}
