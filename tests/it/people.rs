//! What takes two people, with a document: an end that no bank tells, what came after an end, and what stands in suspense.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tests::{
    client::{Giro, Reply, clabe, is, text},
    sim::{End, Fault, Incoming, Planted, TABLE},
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Duration, Instant, sleep};

use crate::callers::key;

/// What each story runs.
const ALL: &[&str] = &["worker", "api", "relay"];

/// Three who ask, each with a key of their own.
pub(crate) struct People {
    pub(crate) payer: Giro,
    pub(crate) ana: Giro,
    pub(crate) luis: Giro,
    keys: [String; 3],
}

impl People {
    /// The same people, at another API.
    pub(crate) fn at(&self, giro: &Giro) -> Self {
        let [payer, ana, luis] = self.keys.each_ref().map(|key| giro.with_key(key));
        Self {
            payer,
            ana,
            luis,
            keys: self.keys.clone(),
        }
    }
}

/// A stack in which everybody has a key; its customer's account.
pub(crate) async fn with_people(name: &str, programs: &'static [&'static str]) -> Result<(Stack, People, String)> {
    let stack = Stack::with(
        name,
        Setup {
            programs,
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let keys = [
        key(&stack, "payments", "pay")?,
        key(&stack, "ana", "operate")?,
        key(&stack, "luis", "operate")?,
    ];
    let [payer, ana, luis] = keys.each_ref().map(|key| stack.giro.with_key(key));
    let people = People { payer, ana, luis, keys };
    // The door closes, and keys are taken, within seconds.
    let start = Instant::now();
    for (giro, status) in [
        (&stack.giro, 401),
        (&people.payer, 200),
        (&people.ana, 200),
        (&people.luis, 200),
    ] {
        while giro.get("/v1/banks").await?.status != status {
            ensure!(start.elapsed() < PATIENCE, "no key is taken");
            sleep(Duration::from_millis(100)).await;
        }
    }
    Ok((stack, people, account))
}

fn cents(fault: Fault) -> i64 {
    TABLE.iter().find(|row| row.fault == fault).map_or(0, |row| row.cents)
}

async fn says(giro: &Giro, path: &str, key: &str, outcome: &str, document: &str) -> Result<Reply> {
    giro.post(path, key, &json!({ "outcome": outcome, "document": document }))
        .await
}

fn is_told(reason: &'static str) -> impl Fn(&Value) -> bool {
    move |payout| payout["attention"]["reason"] == reason
}

/// The bank has an order by our key that is not quite ours: it stays open until two people say by one document what it is.
#[tokio::test]
async fn two_people_with_one_document_end_what_no_bank_ends() -> Result<()> {
    let (stack, people, account) = with_people("two_people", ALL).await?;
    let row = TABLE
        .iter()
        .find(|row| row.end == End::Speak("mismatch"))
        .context("a row")?;
    let id = people.payer.pay(&account, 12_300 + row.cents).await?;
    let path = format!("/v1/payouts/{id}/decide");
    let told = people.payer.wait(&id, PATIENCE, is_told("mismatch")).await?;
    let may = |payout: &Value, deed: &str| {
        let all = payout["may"].as_array().cloned().unwrap_or_default();
        all.iter().any(|may| may["action"] == deed && may["allowed"] == true)
    };
    ensure!(may(&told, "decide"), "{told}");

    let forbidden = says(&people.payer, &path, "a", "paid", "letter 1").await?;
    ensure!(forbidden.status == 403, "{forbidden:?}");
    for (body, pointer) in [
        (json!({"outcome": "paid"}), "/document"),
        (json!({"outcome": "maybe", "document": "letter 1"}), "/outcome"),
        (json!({"outcome": "paid", "document": ""}), "/document"),
        (json!({"outcome": "paid", "document": "letter 1", "by": "luis"}), "/by"),
    ] {
        let wrong = people.ana.post(&path, "wrong", &body).await?;
        ensure!(
            wrong.status == 422 && wrong.body["errors"][0]["pointer"] == pointer,
            "{wrong:?}"
        );
    }
    let first = says(&people.ana, &path, "a", "paid", "letter 1").await?;
    ensure!(first.status == 202 && first.body["is_decided"] == false, "{first:?}");
    let again = says(&people.ana, &path, "a", "paid", "letter 1").await?;
    ensure!(
        again.status == 202 && again.body["said"].as_array().map(Vec::len) == Some(1),
        "{again:?}"
    );
    let other = says(&people.ana, &path, "a", "not_paid", "letter 1").await?;
    ensure!(other.body["code"] == "idempotency_key_reused", "{other:?}");
    let twice = says(&people.ana, &path, "b", "paid", "letter 1").await?;
    ensure!(twice.status == 202, "one person twice is one person: {twice:?}");
    let elsewhere = says(&people.luis, &path, "a", "paid", "letter 2").await?;
    ensure!(elsewhere.status == 202, "another document: {elsewhere:?}");
    ensure!(people.ana.payout(&id).await?["state"] != "settled");

    let second = says(&people.luis, &path, "b", "paid", "letter 1").await?;
    ensure!(second.status == 200 && second.body["is_decided"] == true, "{second:?}");
    let ended = people.payer.wait(&id, PATIENCE, is("settled")).await?;
    ensure!(ended["attention"].is_null() && !may(&ended, "decide"), "{ended}");
    let again = says(&people.luis, &path, "b", "paid", "letter 1").await?;
    ensure!(again.status == 200 && again.replayed, "{again:?}");
    let late = says(&people.ana, &path, "c", "not_paid", "letter 1").await?;
    ensure!(
        late.status == 409 && late.body["code"] == "nothing_to_decide",
        "{late:?}"
    );
    let timeline = people.ana.get(&format!("/v1/payouts/{id}/timeline")).await?.body;
    let all = timeline["data"].as_array().context("a list")?;
    let said: Vec<String> = all
        .iter()
        .filter(|entry| entry["kind"] == "decision")
        .map(|entry| format!("{} {}", entry["by"], entry["is_second"]).replace('"', ""))
        .collect();
    ensure!(
        said == ["ana false", "ana false", "luis false", "luis true"],
        "{said:?}"
    );
    let proof = all
        .iter()
        .find(|entry| entry["kind"] == "evidence")
        .context("evidence")?;
    ensure!(
        proof["decided_by"] == json!(["ana", "luis"]) && proof["document"] == "letter 1",
        "{proof}"
    );
    // The bank's statement still has the amount that no payout has: that is not the books' to mend.
    let told = stack
        .audit(&[])
        .map_or_else(|error| format!("{error:#}"), |_| String::new());
    ensure!(told.contains("has another amount"), "{told}");
    stack.audit(&["--without", "bank"]).map(drop)
}

/// A payout that the bank has in this state before giro sent it, and its tracking key: the bank stays paused.
pub(crate) async fn known_unsent(
    stack: &Stack,
    payer: &Giro,
    (account, amount): (&str, i64),
    state: &str,
) -> Result<(String, String)> {
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let id = payer.pay(account, amount).await?;
    let key = text(&payer.payout(&id).await?, "/tracking_key")?;
    stack.bank.plant(&Planted::ours(&key, amount, state)).await?;
    stack.bank.webhook(&key, state).await?;
    Ok((id, key))
}

/// The bank has paid what the books never sent: nothing goes out on top of it, and two people say that the money is gone.
#[tokio::test]
async fn what_the_bank_paid_and_the_books_never_sent_ends_by_two_people() -> Result<()> {
    let (stack, people, account) = with_people("paid_unsent", ALL).await?;
    let (id, key) = known_unsent(&stack, &people.payer, (&account, 12_300), "LQ").await?;
    people
        .payer
        .wait(&id, PATIENCE, is_told("evidence_before_send"))
        .await?;
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    let path = format!("/v1/payouts/{id}/decide");
    let cancelled = people
        .payer
        .post(&format!("/v1/payouts/{id}/cancel"), "c", &json!({}))
        .await?;
    ensure!(cancelled.status == 409, "{cancelled:?}");
    for (giro, status) in [(&people.ana, 202), (&people.luis, 200)] {
        let said = says(giro, &path, "a", "paid", "statement of today").await?;
        ensure!(said.status == status, "{said:?}");
    }
    let ended = people.payer.wait(&id, PATIENCE, is("settled")).await?;
    ensure!(ended["attention"].is_null() && ended["send_no"] == 1, "{ended}");
    ensure!(
        stack.bank.requests_of(&key).await?.is_empty(),
        "nothing was ever sent by it"
    );
    stack.balanced().await?;
    stack.audited()
}

/// It left and came back, and the bank says less of it later: its return is looked for all the same.
#[tokio::test]
async fn what_came_back_is_looked_for_whatever_is_said_of_it_later() -> Result<()> {
    let (stack, people, account) = with_people("back_unsent", ALL).await?;
    let (id, key) = known_unsent(&stack, &people.payer, (&account, 12_300), "D").await?;
    let said = |words: &'static str| {
        move |payout: &Value| payout["bank_said"].as_str().is_some_and(|said| said.contains(words))
    };
    people.payer.wait(&id, PATIENCE, said("came back")).await?;
    stack.bank.state(&key, "XX").await?;
    stack.bank.webhook(&key, "XX").await?;
    people.payer.wait(&id, PATIENCE, said("stp:XX")).await?;
    let path = format!("/v1/payouts/{id}/decide");
    let first = says(&people.ana, &path, "a", "paid", "statement of today").await?;
    let both = says(&people.luis, &path, "a", "paid", "statement of today").await?;
    ensure!(
        first.status == 202 && both.status == 200 && is_told("return_expected")(&both.body["payout"]),
        "{first:?} {both:?}"
    );
    people.payer.wait(&id, PATIENCE, is("settled")).await?;
    // The audit holds it against what the bank says: it comes to its senses.
    stack.bank.state(&key, "LQ").await?;
    stack.balanced().await?;
    stack.audited()
}

/// Two people are wrong: the bank paid. That is told, giro sends nothing more, and two people take it off once it is understood.
#[tokio::test]
async fn what_came_after_the_end_is_told_until_two_people_understand_it() -> Result<()> {
    let (stack, people, account) = with_people("understood", ALL).await?;
    let id = people.payer.pay(&account, 12_300 + cents(Fault::Silent)).await?;
    let path = format!("/v1/payouts/{id}/decide");
    people
        .payer
        .wait(&id, PATIENCE, |payout| payout["state"] == "sending")
        .await?;
    let early = says(&people.ana, &path, "a", "not_paid", "letter 1").await?;
    ensure!(
        early.status == 409 && early.body["code"] == "nothing_to_decide",
        "giro still asks: {early:?}"
    );
    stack.pass(301).await?;
    people.payer.wait(&id, PATIENCE, is_told("deadline")).await?;
    // Nobody drives it: who decides has its run started anew.
    stack.handle(&id).await?.terminate(Default::default()).await?;
    for (giro, status) in [(&people.ana, 202), (&people.luis, 200)] {
        let said = says(giro, &path, "b", "not_paid", "letter 1").await?;
        ensure!(said.status == status, "{said:?}");
    }
    people.payer.wait(&id, PATIENCE, is("failed")).await?;
    let key = text(&people.payer.payout(&id).await?, "/tracking_key")?;
    stack.bank.speak(&key).await?;
    stack.bank.webhook(&key, "LQ").await?;
    people.payer.wait(&id, PATIENCE, is_told("paid_after_release")).await?;
    let alone = says(&people.luis, &path, "c", "understood", "case 7").await?;
    ensure!(alone.status == 202, "{alone:?}");
    ensure!(is_told("paid_after_release")(&people.ana.payout(&id).await?));
    let both = says(&people.ana, &path, "c", "understood", "case 7").await?;
    ensure!(
        both.status == 200 && both.body["payout"]["attention"].is_null(),
        "{both:?}"
    );
    let nothing = says(&people.ana, &path, "d", "understood", "case 7").await?;
    ensure!(nothing.body["code"] == "nothing_to_decide", "{nothing:?}");
    // The alarm that paused the bank is another matter.
    let bank = &people.ana.get("/v1/banks").await?.body["data"][0];
    ensure!(bank["paused_by"] == "paid_after_release", "{bank}");
    // What was paid twice is a loss that the books and the bank do not agree on.
    ensure!(stack.audit(&[]).is_err());
    Ok(())
}

/// A return that no payout explains stands in suspense until two people give it to a customer, once.
#[tokio::test]
async fn what_stands_in_suspense_goes_to_a_customer_by_two_people() -> Result<()> {
    let (stack, people, account) = with_people("suspense", ALL).await?;
    let sent = stack
        .bank
        .receive(&Incoming {
            monto: 5_000,
            devolucion: Some("GIRO0000NOBODYS".to_owned()),
            tipo_pago: 17,
            causa: Some(2),
            cuenta_beneficiario: clabe(1),
            ..Incoming::default()
        })
        .await?;
    let list = format!("/v1/returns?tracking_key={}", sent.clave_rastreo);
    let start = Instant::now();
    let id = loop {
        let found = people.ana.get(&list).await?.body;
        if found["data"][0]["state"] == "suspended" {
            break text(&found, "/data/0/id")?;
        }
        ensure!(start.elapsed() < PATIENCE, "{found}");
        sleep(Duration::from_millis(100)).await;
    };
    let path = format!("/v1/returns/{id}/decide");
    let body = json!({ "outcome": "apply", "document": "letter 9", "account": account });
    let cured = people
        .ana
        .post(
            &format!("/v1/returns/{id}/apply"),
            "one",
            &json!({ "account": account, "reason": "it is theirs" }),
        )
        .await?;
    ensure!(
        cured.body["code"] == "not_set_apart",
        "one person is not enough: {cured:?}"
    );
    let nameless = people
        .ana
        .post(&path, "x", &json!({ "outcome": "apply", "document": "letter 9" }))
        .await?;
    ensure!(nameless.body["errors"][0]["pointer"] == "/account", "{nameless:?}");
    let first = people.ana.post(&path, "a", &body).await?;
    ensure!(
        first.status == 202 && first.body["arrival"]["state"] == "suspended",
        "{first:?}"
    );
    // Both at once, by keys of their own: it moves once.
    let (one, two) = tokio::join!(people.luis.post(&path, "a", &body), people.luis.post(&path, "b", &body));
    let (one, two) = (one?, two?);
    let done = [&one, &two].iter().filter(|reply| reply.status == 200).count();
    ensure!(done == 1, "{one:?} {two:?} {}", stack.log("api"));
    let row = people.payer.get(&format!("/v1/accounts/{account}")).await?.body;
    ensure!(row["balances"]["available"] == 10_005_000, "{row}");
    let moved = people
        .payer
        .get(&format!("/v1/accounts/{account}/movements"))
        .await?
        .body;
    let cure = &moved["data"][0];
    ensure!(
        cure["kind"] == "cure" && cure["actor"] == "ana and luis" && cure["reason"] == "letter 9",
        "{moved}"
    );
    stack.balanced().await?;
    stack.audited()
}

/// What the bank charges, and what went to the wrong customer: one person's word books nothing, two have it booked once.
#[tokio::test]
async fn two_people_correct_the_books_by_a_document_and_once() -> Result<()> {
    let (stack, people, account) = with_people("corrections", &["worker", "api"]).await?;
    let other = people.payer.account(2, 0).await?;
    let charge = json!({
        "debit_account": "5101", "credit_account": "1101", "amount": 116_000, "currency": "MXN",
        "document": "STP invoice A-991",
    });
    let path = "/v1/corrections";
    for (field, value) in [
        ("debit_account", json!("2190")),
        ("debit_account", json!("acc_ffffffffffff7fffbfff000000002130")),
        ("credit_account", json!("acc_00000000000000000000000000000007")),
        ("credit_account", json!("5101")),
        ("amount", json!(0)),
        ("currency", json!("USD")),
        ("document", json!("")),
    ] {
        let mut odd = charge.clone();
        odd[field] = value;
        let wrong = people.ana.post(path, "wrong", &odd).await?;
        ensure!(
            wrong.status == 422 && wrong.body["errors"][0]["pointer"] == format!("/{field}"),
            "{wrong:?}"
        );
    }
    let forbidden = people.payer.post(path, "a", &charge).await?;
    ensure!(forbidden.status == 403, "{forbidden:?}");

    let first = people.ana.post(path, "a", &charge).await?;
    ensure!(
        first.status == 202 && first.body["correction"]["state"] == "asked",
        "{first:?}"
    );
    let alone = people.ana.post(path, "b", &charge).await?;
    ensure!(alone.status == 202, "one person twice is one person: {alone:?}");
    let mut more = charge.clone();
    more["amount"] = json!(116_001);
    let reused = people.ana.post(path, "a", &more).await?;
    ensure!(
        reused.status == 422 && reused.body["code"] == "idempotency_key_reused",
        "{reused:?}"
    );
    let differs = people.luis.post(path, "a", &more).await?;
    ensure!(differs.status == 202, "not the same amount: {differs:?}");
    let second = people.luis.post(path, "b", &charge).await?;
    ensure!(
        second.status == 200 && second.body["correction"]["booked"]["by"] == "ana and luis",
        "{second:?}"
    );
    let again = people.luis.post(path, "b", &charge).await?;
    ensure!(again.status == 200 && again.replayed, "{again:?}");
    let once = people.ana.post(path, "c", &charge).await?;
    ensure!(
        once.status == 409 && once.body["code"] == "nothing_to_decide",
        "{once:?}"
    );
    let balances = stack.giro_command(&["finance", "trial-balance", "--until", "2027-12-31", "--output", "json"])?;
    let balances: Value = serde_json::from_str(&balances)?;
    ensure!(balances.to_string().contains("116000"), "{balances}");

    // A customer gives what is there, and no more; what is moved shows with why.
    let mut moved = json!({
        "debit_account": account, "credit_account": other, "amount": 20_000_000, "currency": "MXN", "document": "case 7",
    });
    let too_much = people.ana.post(path, "d", &moved).await?;
    ensure!(
        too_much.status == 409 && text(&too_much.body, "/detail")?.contains("available"),
        "{too_much:?}"
    );
    moved["amount"] = json!(5_000);
    let (ana, luis) = tokio::join!(people.ana.post(path, "e", &moved), people.luis.post(path, "e", &moved));
    let (ana, luis) = (ana?, luis?);
    ensure!(
        (ana.status.min(luis.status), ana.status.max(luis.status)) == (200, 202),
        "{ana:?} {luis:?}"
    );
    let rows = people.payer.get(&format!("/v1/accounts/{other}/movements")).await?.body;
    ensure!(
        rows["data"][0]["kind"] == "correction"
            && rows["data"][0]["reason"] == "case 7"
            && rows["data"][0]["amount"] == 5_000,
        "{rows}"
    );
    let listed = people.luis.get("/v1/corrections?limit=2").await?.body;
    ensure!(
        listed["data"][0]["state"] == "booked" && listed["next_cursor"].is_string(),
        "{listed}"
    );
    let rest = format!("/v1/corrections?after={}", text(&listed, "/next_cursor")?);
    let rest = people.luis.get(&rest).await?.body;
    ensure!(rest["data"].as_array().map(Vec::len) == Some(1), "{rest}");
    stack.balanced().await?;
    stack.audited()?;

    // Neither alone nor otherwise than two people said, not even by a hand in the database, unseen.
    let mut hand = PgConnection::connect(&stack.database).await?;
    let alone = "insert into movement (id, subject, kind, debit_account, credit_account, amount, effective_on, hash, actor, reason, created_at)
                 select gen_random_uuid(), id, 'correction', debit_account, credit_account, amount, '2026-12-01', 'x', 'ana and eva',
                        document, giro_now() from correction where amount = 116001";
    let refused = sqlx::query(alone).execute(&mut hand).await;
    ensure!(
        format!("{:?}", refused.err()).contains("two people have not said so"),
        "booked by hand"
    );
    for change in [
        "set session_replication_role = replica",
        "update correction set amount = amount + 1 where document = 'case 7'",
    ] {
        sqlx::query(change).execute(&mut hand).await?;
    }
    let seen = format!("{:?}", stack.audited().err());
    ensure!(seen.contains("cor_"), "{seen}");
    Ok(())
}
