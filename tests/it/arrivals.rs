//! Money that comes: deposits with their customers or apart, payouts that come back, and what nobody may be given twice.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{
    books::Books,
    client::{clabe, is, text},
    sim::{Fault, Incoming},
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Duration, Instant, sleep};

use crate::{histories, roll::at};

/// A stack whose sweeper runs: what lost its run is started again.
async fn swept(name: &str) -> Result<Stack> {
    let programs: &[&str] = &["worker", "api", "relay"];
    Stack::with(
        name,
        Setup {
            programs,
            ..Setup::default()
        },
    )
    .await
}

/// The one record under a key, once it is in a state.
pub(crate) async fn came(stack: &Stack, path: &str, key: &str, state: &str) -> Result<Value> {
    let start = Instant::now();
    loop {
        let found = stack.giro.get(&format!("{path}?tracking_key={key}")).await?.body;
        let all = found["data"].as_array().context("a list")?;
        ensure!(all.len() <= 1, "one record per key and day: {found}");
        if let Some(record) = all.first().filter(|record| record["state"] == state) {
            return Ok(record.clone());
        }
        ensure!(start.elapsed() < PATIENCE, "no {state} under {key}: {found}");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn available(stack: &Stack, account: &str) -> Result<i64> {
    let account = stack.giro.get(&format!("/v1/accounts/{account}")).await?.body;
    account["balances"]["available"].as_i64().context("a number")
}

fn deposit(n: u32, centavos: i64) -> Incoming {
    Incoming {
        monto: centavos,
        cuenta_beneficiario: clabe(n),
        ..Incoming::default()
    }
}

/// What comes back of an order days later, under a key of its own.
fn back(key: &str, centavos: i64) -> Incoming {
    Incoming {
        monto: centavos,
        devolucion: Some(key.to_owned()),
        tipo_pago: 17,
        causa: Some(3),
        ..Incoming::default()
    }
}

/// A bank tells each record many times, by webhook and in its list: it is one credit.
#[tokio::test]
async fn a_deposit_is_credited_once_however_often_it_is_told() -> Result<()> {
    let mut stack = swept("deposit").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let sent = stack.bank.receive(&deposit(1, 25_050)).await?;
    let record = came(&stack, "/v1/deposits", &sent.clave_rastreo, "applied").await?;
    ensure!(
        record["account"] == json!(account) && record["amount"] == 25_050,
        "{record}"
    );
    ensure!(record["attention"].is_null() && record["payout"].is_null(), "{record}");
    ensure!(available(&stack, &account).await? == 1_025_050);
    // A list shows nothing of a person; whoever looks at the one deposit of its customer sees who sent it.
    ensure!(
        record["sender"]["name"].is_null() && record["concept"].is_null(),
        "{record}"
    );
    let one = stack
        .giro
        .get(&format!("/v1/deposits/{}", text(&record, "/id")?))
        .await?
        .body;
    ensure!(
        one["sender"]["name"] == "MARIA BELTRAN SOTO" && one["concept"] == "Renta",
        "{one}"
    );

    // Told again, by another worker too, and by a list that is read all the time.
    stack.kill("worker");
    stack
        .bank
        .receive(&Incoming {
            clave: sent.clave_rastreo.clone(),
            ..deposit(1, 25_050)
        })
        .await?;
    stack.run("worker")?;
    let unheard = stack
        .bank
        .receive(&Incoming {
            webhook: false,
            ..deposit(1, 100)
        })
        .await?;
    came(&stack, "/v1/deposits", &unheard.clave_rastreo, "applied").await?;
    ensure!(available(&stack, &account).await? == 1_025_150);
    let moved = stack.giro.get(&format!("/v1/accounts/{account}/movements")).await?.body;
    let amounts = |page: &Value| -> Vec<u64> {
        let rows = page["data"].as_array().into_iter().flatten();
        rows.filter_map(|row| row["amount"].as_u64()).collect()
    };
    ensure!(amounts(&moved) == [100, 25_050, 1_000_000], "{moved}");
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/accounts/{account}/movements?limit=1{after}");
        let page = stack.giro.get(&path).await?.body;
        paged.extend(amounts(&page));
        match page["next_cursor"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    ensure!(paged == amounts(&moved), "{paged:?}");
    let statement = format!("/v1/accounts/{account}/statement?from=2026-06-01&to=2027-05-31&limit=2");
    let first = stack.giro.get(&statement).await?.body;
    let rest = format!("{statement}&after={}", text(&first, "/next_cursor")?);
    let rest = stack.giro.get(&rest).await?.body;
    ensure!(
        (amounts(&first), amounts(&rest)) == (vec![1_000_000, 25_050], vec![100]),
        "the first booked first: {first} {rest}"
    );
    let nobodys = stack
        .giro
        .get(&format!(
            "/v1/accounts/{account}/movements?after=mv_00000000000000000000000000000000"
        ))
        .await?;
    ensure!(nobodys.status == 422, "a cursor of nobody's: {nobodys:?}");

    // The money can be spent.
    let spent = stack.giro.pay(&account, 1_020_000).await?;
    stack.giro.wait(&spent, PATIENCE, is("settled")).await?;
    stack.balanced().await?;
    stack.audited()
}

/// A key belongs to its sender's day: the next day it is another deposit. What is told otherwise books nothing more.
#[tokio::test]
async fn a_key_that_is_used_again_the_next_day_is_another_deposit() -> Result<()> {
    let stack = swept("key_again").await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 0).await?;
    let first = stack.bank.receive(&deposit(1, 10_000)).await?;
    let key = first.clave_rastreo;
    came(&stack, "/v1/deposits", &key, "applied").await?;
    let other_bank = Incoming {
        clave: key.clone(),
        institucion: "40072".to_owned(),
        ..deposit(1, 2_000)
    };
    stack.bank.receive(&other_bank).await?;
    let of_two = |found: Value| found["data"].as_array().map_or(0, Vec::len) == 2;
    let path = format!("/v1/deposits?tracking_key={key}&state=applied");
    until(&stack, &path, of_two).await?;
    ensure!(available(&stack, &account).await? == 12_000);

    at(&stack, "2027-01-12", "12:00:00").await?;
    stack
        .bank
        .receive(&Incoming {
            clave: key.clone(),
            ..deposit(1, 500)
        })
        .await?;
    until(&stack, &path, |found| found["data"].as_array().map_or(0, Vec::len) == 3).await?;
    ensure!(available(&stack, &account).await? == 12_500);

    // The same record with another amount: what was booked stands, and a person is told.
    stack
        .bank
        .receive(&Incoming {
            clave: key.clone(),
            ..deposit(1, 777)
        })
        .await?;
    let differs = |found: Value| {
        found["data"]
            .as_array()
            .is_some_and(|all| all.iter().any(|row| row["attention"]["reason"] == "differs"))
    };
    until(&stack, "/v1/deposits?attention=any", differs).await?;
    ensure!(available(&stack, &account).await? == 12_500);
    stack.balanced().await?;
    stack.audited()
}

async fn until(stack: &Stack, path: &str, is: impl Fn(Value) -> bool) -> Result<Value> {
    let start = Instant::now();
    loop {
        let found = stack.giro.get(path).await?.body;
        if is(found.clone()) {
            return Ok(found);
        }
        ensure!(start.elapsed() < PATIENCE, "{path}: {found}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Nobody has its account: it stands apart, told to people, until they say whose it is.
#[tokio::test]
async fn a_deposit_for_nobody_stands_apart_until_people_apply_it() -> Result<()> {
    let stack = swept("unapplied").await?;
    let account = stack.giro.account(1, 0).await?;
    let other = stack.giro.account(2, 0).await?;
    let sent = stack.bank.receive(&deposit(9, 33_300)).await?;
    let record = came(&stack, "/v1/deposits", &sent.clave_rastreo, "unapplied").await?;
    ensure!(record["attention"]["reason"] == "account_unknown", "{record}");
    let id = text(&record, "/id")?;
    let run = stack
        .client()
        .await?
        .get_workflow_handle::<workflows::DepositWorkflow>(format!(
            "deposit-stp-{}-40012-{}",
            text(&record, "/operating_date")?,
            sent.clave_rastreo
        ));
    let path = format!("/v1/deposits/{id}/apply");
    let body = |to: &str| json!({ "account": to, "reason": "the sender mistyped" });
    let refused = stack
        .giro
        .post(&path, "a", &body("acc_00000000000000000000000000000007"))
        .await?;
    ensure!(
        refused.status == 422 && refused.body["errors"][0]["pointer"] == "/account",
        "{refused:?}"
    );
    let applied = stack.giro.post(&path, "b", &body(&account)).await?;
    ensure!(
        applied.status == 200 && applied.body["state"] == "applied",
        "{applied:?}"
    );
    let again = stack.giro.post(&path, "c", &body(&account)).await?;
    ensure!(again.status == 200 && again.body["state"] == "applied", "{again:?}");
    let stolen = stack.giro.post(&path, "d", &body(&other)).await?;
    ensure!(
        stolen.status == 409 && stolen.body["code"] == "not_set_apart",
        "{stolen:?}"
    );
    ensure!((available(&stack, &account).await?, available(&stack, &other).await?) == (33_300, 0));
    // Its run was waiting for that.
    let outcome = tokio::time::timeout(PATIENCE, run.get_result(Default::default())).await??;
    ensure!(
        outcome.outcome == Some(workflows::domain::ReceivedState::Applied),
        "{outcome:?}"
    );
    histories::record("deposit", &run).await?;
    let moved = stack.giro.get(&format!("/v1/accounts/{account}/movements")).await?.body;
    let cure = &moved["data"][0];
    ensure!(
        cure["kind"] == "cure" && cure["reason"] == "the sender mistyped",
        "{moved}"
    );
    stack.balanced().await?;
    stack.audited()
}

/// The deposit under an id once `is` holds of it.
async fn watch(stack: &Stack, id: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
    until(stack, &format!("/v1/deposits/{id}"), |found| is(&found)).await
}

/// Nobody has its account: people send it back. One order goes, with the deposit's own key, and giving it to somebody on top
/// of that is refused.
#[tokio::test]
async fn a_deposit_for_nobody_is_sent_back_once() -> Result<()> {
    let stack = swept("sent_back").await?;
    let account = stack.giro.account(1, 0).await?;
    let sent = stack.bank.receive(&deposit(9, 44_400)).await?;
    let record = came(&stack, "/v1/deposits", &sent.clave_rastreo, "unapplied").await?;
    let id = text(&record, "/id")?;
    let (path, because) = (
        format!("/v1/deposits/{id}/send-back"),
        json!({ "reason": "nobody knows it" }),
    );
    let unsaid = stack.giro.post(&path, "a", &json!({})).await?;
    ensure!(
        unsaid.status == 422 && unsaid.body["errors"][0]["pointer"] == "/reason",
        "{unsaid:?}"
    );
    let (one, other) = tokio::join!(
        stack.giro.post(&path, "b", &because),
        stack.giro.post(&path, "c", &because)
    );
    let (one, other) = (one?, other?);
    let body = json!({ "account": account, "reason": "it is theirs" });
    let applied = stack.giro.post(&format!("/v1/deposits/{id}/apply"), "d", &body).await?;
    ensure!(
        applied.status == 409 && applied.body["code"] == "not_set_apart",
        "{applied:?}"
    );
    ensure!(one.status == 200 && other.status == 200, "{one:?} {other:?}");
    ensure!(
        one.body["sent_back_by"] == other.body["sent_back_by"],
        "one payout: {one:?} {other:?}"
    );
    let gone = watch(&stack, &id, |deposit| deposit["state"] == "sent_back").await?;
    ensure!(
        gone["decided"]["why"] == "nobody knows it" && gone["attention"].is_null(),
        "{gone}"
    );
    let payout = stack.giro.payout(&text(&gone, "/sent_back_by")?).await?;
    ensure!(
        payout["state"] == "settled" && payout["sends_back"] == json!(id) && payout["fee"] == 0,
        "{payout}"
    );
    let orders = stack.bank.orders().await?;
    ensure!(orders.len() == 1, "{orders:?}");
    ensure!(
        orders[0].monto == 44_400 && orders[0].field("claveRastreoDevolucion") == sent.clave_rastreo,
        "{orders:?}"
    );
    let again = stack.giro.post(&path, "e", &because).await?;
    ensure!(again.status == 200 && again.body["state"] == "sent_back", "{again:?}");
    ensure!(stack.bank.orders().await?.len() == 1);
    stack.balanced().await?;
    stack.audited()
}

/// Its bank cuts the answer off, or refuses: it is asked what became of the one, and the other stands apart again.
#[tokio::test]
async fn what_cannot_be_sent_back_stands_apart_again_and_what_is_lost_is_asked_about() -> Result<()> {
    let stack = swept("not_sent_back").await?;
    let mut ids = Vec::new();
    for (n, centavos) in [(7, 10_094), (8, 20_090)] {
        let sent = stack.bank.receive(&deposit(n, centavos)).await?;
        let record = came(&stack, "/v1/deposits", &sent.clave_rastreo, "unapplied").await?;
        ids.push(text(&record, "/id")?);
    }
    let because = json!({ "reason": "nobody knows it" });
    for id in &ids {
        let path = format!("/v1/deposits/{id}/send-back");
        let begun = stack.giro.post(&path, id, &because).await?;
        ensure!(begun.status == 200, "{begun:?}");
    }
    let lost = watch(&stack, &ids[1], |deposit| deposit["state"] == "sent_back").await?;
    ensure!(lost["attention"].is_null(), "{lost}");
    let is_told = |deposit: &Value| deposit["attention"]["reason"] == "send_back_failed";
    let refused = watch(&stack, &ids[0], is_told).await?;
    ensure!(refused["state"] == "unapplied", "{refused}");
    let failed = stack.giro.payout(&text(&refused, "/sent_back_by")?).await?;
    ensure!(failed["state"] == "failed", "{failed}");
    // Mended at the bank, people try once more: by another payout.
    stack.bank.fault(None, Some(Fault::Normal), Some(1)).await?;
    let again = stack
        .giro
        .post(&format!("/v1/deposits/{}/send-back", ids[0]), "again", &because)
        .await?;
    ensure!(again.status == 200, "{again:?}");
    let gone = watch(&stack, &ids[0], |deposit| deposit["state"] == "sent_back").await?;
    ensure!(gone["sent_back_by"] != refused["sent_back_by"], "{gone}");
    ensure!(stack.bank.orders().await?.len() == 2);
    stack.balanced().await?;
    stack.audited()
}

/// The process that was to send it dies between begin and send. Nobody knows that it did not: it is asked about, and never
/// sent again, nor given to somebody.
#[tokio::test]
async fn what_may_have_gone_back_is_not_sent_again() -> Result<()> {
    let mut stack = swept("died_sending_back").await?;
    let account = stack.giro.account(1, 0).await?;
    let sent = stack.bank.receive(&deposit(9, 30_000)).await?;
    let record = came(&stack, "/v1/deposits", &sent.clave_rastreo, "unapplied").await?;
    let id = text(&record, "/id")?;
    stack.kill("worker");
    stack.run_with("worker", &[("GIRO_CRASH", "submit_after_begin")])?;
    let path = format!("/v1/deposits/{id}/send-back");
    let begun = stack
        .giro
        .post(&path, "a", &json!({ "reason": "nobody knows it" }))
        .await?;
    ensure!(begun.status == 200, "{begun:?}");
    let start = Instant::now();
    while stack.take_ended("worker").is_none() {
        ensure!(start.elapsed() < PATIENCE, "the worker goes on");
        sleep(Duration::from_millis(50)).await;
    }
    stack.run("worker")?;
    let payout = text(&begun.body, "/sent_back_by")?;
    let asked = |payout: &Value| {
        payout["bank_said"]
            .as_str()
            .is_some_and(|said| said.starts_with("not found"))
    };
    let open = stack.giro.wait(&payout, PATIENCE, asked).await?;
    ensure!(open["state"] == "sending" && open["send_no"] == 1, "{open}");
    let body = json!({ "account": account, "reason": "it is theirs" });
    let applied = stack.giro.post(&format!("/v1/deposits/{id}/apply"), "b", &body).await?;
    ensure!(
        applied.status == 409 && applied.body["code"] == "not_set_apart",
        "{applied:?}"
    );
    ensure!(stack.bank.requests().await?.is_empty(), "nothing left");
    stack.audited()
}

/// Two institutions may use one key on one day: an order to send one back names neither.
#[tokio::test]
async fn two_deposits_under_one_key_are_not_sent_back() -> Result<()> {
    let stack = swept("shared_key").await?;
    let sent = stack.bank.receive(&deposit(9, 10_000)).await?;
    let record = came(&stack, "/v1/deposits", &sent.clave_rastreo, "unapplied").await?;
    let other = Incoming {
        clave: sent.clave_rastreo.clone(),
        institucion: "40072".to_owned(),
        ..deposit(9, 10_000)
    };
    stack.bank.receive(&other).await?;
    let path = format!("/v1/deposits?tracking_key={}&state=unapplied", sent.clave_rastreo);
    until(&stack, &path, |found| found["data"].as_array().map_or(0, Vec::len) == 2).await?;
    let path = format!("/v1/deposits/{}/send-back", text(&record, "/id")?);
    let refused = stack
        .giro
        .post(&path, "a", &json!({ "reason": "nobody knows it" }))
        .await?;
    ensure!(
        refused.status == 409 && refused.body["code"] == "key_shared",
        "{refused:?}"
    );
    ensure!(stack.bank.orders().await?.is_empty());
    stack.balanced().await?;
    stack.audited()
}

/// Seeded wrong: `D` and its type-0 record credited twice; the record taken for a deposit.
#[tokio::test]
async fn a_payout_that_comes_back_the_same_day_is_returned_once() -> Result<()> {
    let stack = swept("same_day_return").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    stack.bank.fault(None, Some(Fault::Returned), Some(1)).await?;
    let id = stack.giro.pay(&account, 12_300).await?;
    let payout = stack.giro.wait(&id, PATIENCE, is("returned")).await?;
    ensure!(
        payout["returned"]["amount"] == 12_300 && payout["returned"]["refunded"] == 0,
        "{payout}"
    );
    ensure!(
        payout["attention"].is_null() && payout["evidence"] == "paid",
        "{payout}"
    );
    ensure!(
        payout["reason"]["code"] == "account_unknown" && payout["reason"]["bank_code"] == "stp:cause_1",
        "{payout}"
    );
    ensure!(
        text(&payout, "/customer/es-MX")?.contains("devolvió su pago"),
        "{payout}"
    );
    // The fee stays: it is refunded only where that is configured.
    ensure!(available(&stack, &account).await? == 1_000_000 - 580);
    let deposits = stack.giro.get("/v1/deposits").await?.body;
    ensure!(deposits["data"] == json!([]), "a return is no deposit: {deposits}");
    let key = stack.key(&id).await?;
    let record = came(&stack, "/v1/returns", &key, "applied").await?;
    ensure!(record["payment_type"] == 0 && record["payout"] == json!(id), "{record}");
    // The bank says D once more: old news.
    stack.bank.webhook(&key, "D").await?;
    sleep(Duration::from_secs(2)).await;
    let payout = stack.giro.payout(&id).await?;
    ensure!(
        payout["state"] == "returned" && payout["attention"].is_null(),
        "{payout}"
    );
    let timeline = stack.giro.get(&format!("/v1/payouts/{id}/timeline")).await?.body;
    let states: Vec<&str> = timeline["data"]
        .as_array()
        .context("a list")?
        .iter()
        .filter_map(|row| row["state"].as_str())
        .collect();
    ensure!(
        states == ["accepted", "sending", "sent", "settled", "returned"],
        "{states:?}"
    );
    stack.balanced().await?;
    stack.audited()
}

/// Days later, a part of it, with interest, under the bank's own key; and a second record, which is nobody's.
#[tokio::test]
async fn a_late_return_gives_back_what_came_and_no_more() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        more: vec![("fee", "refunded_on_return = true".to_owned())],
        ..Setup::default()
    };
    let stack = Stack::with("late_return", setup).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 50_000).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    at(&stack, "2027-01-13", "12:00:00").await?;
    let key = stack.key(&id).await?;
    let late = Incoming {
        intereses: Some(25),
        tipo_pago: 18,
        ..back(&key, 20_025)
    };
    let sent = stack.bank.receive(&late).await?;
    let payout = stack.giro.wait(&id, PATIENCE, is("returned")).await?;
    ensure!(
        payout["returned"]["amount"] == 20_000 && payout["returned"]["refunded"] == 580,
        "{payout}"
    );
    ensure!(payout["returned"]["operating_date"] == "2027-01-13", "{payout}");
    ensure!(payout["reason"]["code"] == "account_closed", "{payout}");
    let told = payout["customer"]["en"].as_str().context("a sentence")?;
    ensure!(told.contains("only a part"), "{payout}");
    ensure!(available(&stack, &account).await? == 1_000_000 - 50_000 + 20_025);
    came(&stack, "/v1/returns", &sent.clave_rastreo, "applied").await?;

    // The rest comes under another key: nothing that giro knows explains it.
    let second = stack.bank.receive(&back(&key, 30_000)).await?;
    let record = came(&stack, "/v1/returns", &second.clave_rastreo, "suspended").await?;
    ensure!(record["attention"]["reason"] == "second_return", "{record}");
    let strange = stack.bank.receive(&back("GIRONOBODYS", 1_000)).await?;
    let record = came(&stack, "/v1/returns", &strange.clave_rastreo, "suspended").await?;
    ensure!(record["attention"]["reason"] == "payout_unknown", "{record}");
    ensure!(available(&stack, &account).await? == 1_000_000 - 50_000 + 20_025);
    stack.balanced().await?;
    stack.audited()
}

/// What comes back before giro knows that it was paid waits for the payout's own posting, and has the bank asked.
#[tokio::test]
async fn a_return_that_overtakes_its_own_posting_waits() -> Result<()> {
    let setup = Setup {
        settle_ms: 4_000,
        programs: &["worker", "api", "relay"],
        bank: vec!["--unrest".to_owned(), "1:100:0".to_owned()],
        ..Setup::default()
    };
    let stack = Stack::with("overtaken", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let id = stack.giro.pay(&account, 40_000).await?;
    stack.giro.wait(&id, PATIENCE, is("sent")).await?;
    let key = stack.key(&id).await?;
    let sent = stack.bank.receive(&back(&key, 40_000)).await?;
    let record = came(&stack, "/v1/returns", &sent.clave_rastreo, "received").await?;
    ensure!(record["payout"].is_null(), "{record}");
    ensure!(stack.giro.payout(&id).await?["state"] == "sent");
    stack.giro.wait(&id, PATIENCE, is("returned")).await?;
    ensure!(available(&stack, &account).await? == 1_000_000 - 580);
    let client = stack.client().await?;
    let run = client.get_workflow_handle::<workflows::ReturnWorkflow>(format!("return-stp-{}", text(&record, "/id")?));
    let outcome = tokio::time::timeout(PATIENCE, run.get_result(Default::default())).await??;
    ensure!(
        outcome.payout.is_some_and(|payout| payout.to_string() == id),
        "{outcome:?}"
    );
    histories::record("return", &run).await?;
    stack.balanced().await?;
    stack.audited()
}

/// A webhook that lies books nothing; a worker that dies between taking in and placing loses nothing.
#[tokio::test]
async fn what_is_claimed_is_not_booked_and_what_was_taken_in_is_placed() -> Result<()> {
    let mut stack = swept("claimed").await?;
    let account = stack.giro.account(1, 0).await?;
    let forged = json!({
        "claveRastreo": "FORGED1", "institucionOrdenante": "40012", "fechaOperacion": "20261201",
        "monto": "99999.00", "cuentaBeneficiario": clabe(1), "tipoPago": 1, "empresa": "GIRO",
    });
    let webhooks = format!(
        "http://127.0.0.1:{}/webhooks/stp/test-secret/deposit",
        stack.ports["webhooks"]
    );
    let told = reqwest::Client::new().post(&webhooks).json(&forged).send().await?;
    ensure!(told.status() == 200 && told.json::<Value>().await?["mensaje"] == "confirmar");
    // The bank was asked about it: the webhook waits for another look.
    let start = Instant::now();
    let mut books = Books::connect(&stack.database).await?;
    while books.inbox().await?.iter().any(|line| line.starts_with("unread")) {
        ensure!(start.elapsed() < PATIENCE, "the forged webhook is not read");
        sleep(Duration::from_millis(50)).await;
    }
    // The process ends where its block is committed and nobody was told.
    stack.kill("worker");
    stack.run_with("worker", &[("GIRO_CRASH", "outbox_after_write")])?;
    let sent = stack.bank.receive(&deposit(1, 5_000)).await?;
    let start = Instant::now();
    while stack.take_ended("worker").is_none() {
        ensure!(start.elapsed() < PATIENCE, "the worker goes on");
        sleep(Duration::from_millis(50)).await;
    }
    ensure!(available(&stack, &account).await? == 0, "nothing was committed");
    stack.run("worker")?;
    came(&stack, "/v1/deposits", &sent.clave_rastreo, "applied").await?;
    ensure!(available(&stack, &account).await? == 5_000);
    let all = stack.giro.get("/v1/deposits").await?.body;
    ensure!(all["data"].as_array().map_or(0, Vec::len) == 1, "{all}");
    stack.balanced().await?;
    stack.audited()
}
