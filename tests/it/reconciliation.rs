//! Closed days, told with the clocks of books and bank: what a statement proves, what it does not, and what it finds.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use temporalio_client::{Client, WorkflowHandle, WorkflowStartOptions, schedules::ScheduleOverlapPolicy};
use tests::{
    books::Books,
    client::{clabe, is, text},
    sim::{Fault, Incoming, SettingsChange},
    stack::{PATIENCE, Setup, Stack},
};
use tokio::time::{Duration, Instant, sleep};
use workflows::{
    ReconciliationWorkflow,
    contract::{DayRead, Reconciled},
    reconciliation::Reconciliation,
    wire::Anything,
};

use crate::{histories, roll::at};

/// A run of the reconciliation, begun by hand.
async fn start(stack: &Stack) -> Result<WorkflowHandle<Client, ReconciliationWorkflow>> {
    let id = format!("{}-by-hand-{}", stack.queue(), uuid::Uuid::new_v4());
    let options = WorkflowStartOptions::new(stack.queue(), id.as_str()).build();
    let client = stack.client().await?;
    client
        .start_workflow(ReconciliationWorkflow::run, Anything, options)
        .await?;
    Ok(client.get_workflow_handle(id))
}

/// The same, to its end.
async fn reconcile(stack: &Stack) -> Result<Reconciliation> {
    let run = start(stack).await?;
    let mut all = run.get_result(Default::default()).await?;
    histories::record("reconciliation", &run).await?;
    all.pop().context("one bank")
}

/// What a run read, day by day, and how many absences it proved.
pub(crate) async fn read(stack: &Stack) -> Result<(Vec<DayRead>, u64)> {
    match reconcile(stack).await? {
        Reconciliation::Read(Reconciled {
            days, proven_absent, ..
        }) => Ok((days, proven_absent)),
        Reconciliation::Left { bank } => anyhow::bail!("{bank} was left"),
    }
}

fn day(operating_date: &str, orders: u64, open: u64) -> Result<DayRead> {
    Ok(DayRead {
        operating_date: operating_date.parse()?,
        orders,
        agreed: orders,
        received: 0,
        open,
        differences: 0,
    })
}

/// Asks for a payout at which the bank drops the connection before it has read anything.
async fn dropped(stack: &Stack, account: &str, amount: i64) -> Result<String> {
    doubted(stack, account, amount, Fault::DropBefore).await
}

/// Asks for a payout that meets this at the bank and is in doubt by it.
async fn doubted(stack: &Stack, account: &str, amount: i64, fault: Fault) -> Result<String> {
    stack.bank.fault(None, Some(fault), Some(1)).await?;
    let id = stack.giro.pay(account, amount).await?;
    let in_doubt = |payout: &Value| payout["state"] == "sending" && payout["doubt"].is_string();
    stack.giro.wait(&id, PATIENCE, in_doubt).await?;
    Ok(id)
}

pub(crate) async fn settled(stack: &Stack, account: &str, amount: i64) -> Result<String> {
    let id = stack.giro.pay(account, amount).await?;
    stack.giro.wait(&id, PATIENCE, is("settled")).await?;
    Ok(id)
}

fn patient() -> Setup {
    Setup {
        // Nothing is sent twice: only statements can tell that an order never came.
        dedupes: false,
        programs: &["worker", "api", "relay"],
        ..Setup::default()
    }
}

/// Seeded wrong: absence concluded from the operating date alone.
#[tokio::test]
async fn an_order_that_neither_its_day_nor_the_next_has_is_given_back() -> Result<()> {
    let stack = Stack::with("absence", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let known = settled(&stack, &account, 10_000).await?;
    let lost = dropped(&stack, &account, 20_000).await?;
    ensure!(read(&stack).await? == (vec![], 0), "the day runs");

    // Its own day is closed and does not have it; it may still surface on the next.
    at(&stack, "2027-01-12", "12:00:00").await?;
    let alone = read(&stack).await?;
    ensure!(
        alone == (vec![day("2027-01-11", 1, 1)?], 0),
        "its own day proves nothing alone: {alone:?}"
    );
    ensure!(stack.giro.payout(&lost).await?["state"] == "sending");
    settled(&stack, &account, 30_000).await?;
    ensure!(read(&stack).await? == (vec![], 0), "nothing is due");

    at(&stack, "2027-01-13", "12:00:00").await?;
    let days = vec![day("2027-01-11", 1, 1)?, day("2027-01-12", 1, 0)?];
    ensure!(read(&stack).await? == (days, 1));
    let payout = stack.giro.wait(&lost, PATIENCE, is("failed")).await?;
    ensure!(payout["evidence"] == "absent", "{payout}");
    ensure!(stack.giro.payout(&known).await?["state"] == "settled");
    ensure!(stack.orders(&lost).await?.is_empty());
    ensure!(read(&stack).await? == (vec![], 0), "all is read");
    at(&stack, "2027-01-13", "13:30:00").await?;
    let again = read(&stack).await?;
    ensure!(
        again == (vec![day("2027-01-11", 1, 0)?], 0),
        "what was open is over: {again:?}"
    );
    ensure!(read(&stack).await? == (vec![], 0), "all is settled");

    let shown = stack.giro.get("/v1/reconciliations/2027-01-11").await?.body["data"][0].clone();
    let sums = json!({"orders": 1, "agreed": 1, "paid_by_bank": 10_000, "paid_by_books": 10_000, "agrees": true});
    for (field, value) in sums.as_object().into_iter().flatten() {
        ensure!(shown[field] == *value, "{field}: {shown}");
    }
    let running = stack.giro.get("/v1/reconciliations/2027-01-13").await?;
    ensure!(running.body["data"] == json!([]), "{running:?}");
    stack.all_ended(PATIENCE).await?;
    stack.audited()
}

/// A next day without a single order of ours would prove anything: an empty statement is what a wrong question gets too.
#[tokio::test]
async fn an_empty_statement_proves_nothing() -> Result<()> {
    let stack = Stack::with("empty_day", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    settled(&stack, &account, 10_000).await?;
    let lost = dropped(&stack, &account, 20_000).await?;
    at(&stack, "2027-01-13", "12:00:00").await?;
    let days = vec![day("2027-01-11", 1, 1)?, day("2027-01-12", 0, 0)?];
    ensure!(read(&stack).await? == (days, 0));
    ensure!(read(&stack).await? == (vec![], 0), "it was just tried");
    let payout = stack.giro.payout(&lost).await?;
    ensure!(payout["state"] == "sending", "{payout}");
    Ok(())
}

/// An answer that nobody could read is an answer: whoever gave it has something by that key, and a statement without it is
/// cut. So it proves nothing of others either.
#[tokio::test]
async fn what_the_bank_has_once_named_is_never_absent() -> Result<()> {
    let stack = Stack::with("named_once", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    for amount in [10_000, 10_001, 10_002] {
        settled(&stack, &account, amount).await?;
    }
    let mut books = PgConnection::connect(&stack.database).await?;
    let answers = [
        ("inquire", "unknown word stp:ZZ"),
        ("submit", "doubt: stp:-1"),
        ("inquire", "not found"),
    ];
    let mut lost = Vec::new();
    for (question, said) in answers {
        let id = dropped(&stack, &account, 20_000).await?;
        sqlx::query(
            "insert into exchange (id, payout, bank, question, send_no, sent, received, said, at)
             select gen_random_uuid(), id, bank, $1, send_no, '', '', $2, giro_now() from payout where tracking_key = $3",
        )
        .bind(question)
        .bind(said)
        .bind(stack.key(&id).await?)
        .execute(&mut books)
        .await?;
        lost.push(id);
    }
    at(&stack, "2027-01-12", "12:00:00").await?;
    settled(&stack, &account, 30_000).await?;
    at(&stack, "2027-01-13", "12:00:00").await?;
    let monday = DayRead {
        differences: 2,
        ..day("2027-01-11", 3, 3)?
    };
    let read = read(&stack).await?;
    ensure!(read == (vec![monday, day("2027-01-12", 1, 0)?], 0), "{read:?}");
    for id in &lost {
        ensure!(stack.giro.payout(id).await?["state"] == "sending", "{id}");
    }
    Ok(())
}

/// The bank has an order that it does not show yet: its statement of that day is not told until it is whole.
#[tokio::test]
async fn a_statement_that_is_not_told_whole_is_read_later() -> Result<()> {
    let stack = Stack::with("hidden_day", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    settled(&stack, &account, 10_000).await?;
    let lost = dropped(&stack, &account, 20_000).await?;
    let hidden = doubted(&stack, &account, 30_000, Fault::RefuseResend).await?;
    at(&stack, "2027-01-12", "12:00:00").await?;
    settled(&stack, &account, 40_000).await?;
    at(&stack, "2027-01-13", "12:00:00").await?;

    let run = start(&stack).await?;
    let begun = Instant::now();
    loop {
        let described = run.describe(Default::default()).await?;
        if described
            .raw()
            .pending_activities
            .iter()
            .any(|reading| reading.attempt > 1)
        {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "it was never tried again");
        sleep(Duration::from_millis(100)).await;
    }
    for id in [&lost, &hidden] {
        ensure!(stack.giro.payout(id).await?["state"] == "sending", "{id}");
    }
    stack.bank.speak(&stack.key(&hidden).await?).await?;
    stack.giro.wait(&hidden, PATIENCE, is("settled")).await?;
    let read = run.get_result(Default::default()).await?;
    let [Reconciliation::Read(read)] = read.as_slice() else {
        anyhow::bail!("{read:?}");
    };
    ensure!(read.proven_absent == 1, "{read:?}");
    stack.giro.wait(&lost, PATIENCE, is("failed")).await?;
    stack.all_ended(PATIENCE).await?;
    stack.audited()
}

/// What is under way at the bank is allowed for; a centavo that nobody explains is told, once two readings say so.
#[tokio::test]
async fn the_settlement_account_has_what_the_bank_has() -> Result<()> {
    let setup = Setup {
        more: vec![("stp", "account = \"646180157000000004\"".to_owned())],
        ..patient()
    };
    let stack = Stack::with("settlement", setup).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let opening = |centavos| SettingsChange {
        opening_balance: Some(centavos),
        ..SettingsChange::default()
    };
    stack.bank.settings(&opening(10_000_000)).await?;
    let apart = async || match reconcile(&stack).await? {
        Reconciliation::Read(read) => read.running.context("a running day")?.apart.context("a balance"),
        Reconciliation::Left { bank } => anyhow::bail!("{bank} was left"),
    };
    ensure!(apart().await? == 0, "nothing has moved");
    settled(&stack, &account, 10_000).await?;
    for (to, centavos) in [(1, 2_500), (9, 700)] {
        let deposit = Incoming {
            monto: centavos,
            cuenta_beneficiario: clabe(to),
            ..Incoming::default()
        };
        stack.bank.receive(&deposit).await?;
    }
    // One that never reached the bank, and one that it has and hides.
    dropped(&stack, &account, 20_000).await?;
    let hidden = doubted(&stack, &account, 30_000, Fault::RefuseResend).await?;
    ensure!(apart().await? == 0, "what is under way explains it");
    let shown = stack.giro.get("/v1/reconciliations/running").await?.body["data"][0].clone();
    ensure!(
        shown["balance"]["in_doubt"] == 50_000 && shown["differences"] == 0,
        "{shown}"
    );
    stack.bank.speak(&stack.key(&hidden).await?).await?;
    stack.giro.wait(&hidden, PATIENCE, is("settled")).await?;
    ensure!(apart().await? == 0);

    stack.bank.settings(&opening(10_000_001)).await?;
    let told = async || {
        let all = stack.giro.get("/v1/attention").await?.body;
        let all = all["data"].as_array().context("a list")?.clone();
        anyhow::Ok(all.into_iter().find(|row| row["cause"] == "balance_differs"))
    };
    ensure!(apart().await? == 1);
    ensure!(apart().await? == 1);
    ensure!(
        told().await?.is_none(),
        "money may be under way for a moment: that is not enough"
    );
    at(&stack, "2027-01-11", "12:06:00").await?;
    ensure!(apart().await? == 1);
    let row = told().await?.context("it is told")?;
    ensure!(
        row["what"] == "stp has MXN 0.01 more than the settlement account",
        "{row}"
    );
    stack.bank.settings(&opening(10_000_000)).await?;
    ensure!(apart().await? == 0);
    ensure!(told().await?.is_none(), "it goes by itself");
    Ok(())
}

/// A day that differs is told until a person has understood it, and anew when it differs otherwise.
#[tokio::test]
async fn a_day_that_differs_is_told_until_it_is_understood() -> Result<()> {
    let stack = Stack::with("understood_day", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let wrong = settled(&stack, &account, 10_000).await?;
    let other = settled(&stack, &account, 20_000).await?;
    stack.bank.state(&stack.key(&wrong).await?, "CN").await?;
    at(&stack, "2027-01-12", "12:00:00").await?;
    let path = "/v1/reconciliations/2027-01-11";
    let why = |read_at: &str| json!({ "bank": "stp", "read_at": read_at, "reason": "the bank's case 1234" });
    let unread = stack
        .giro
        .post(&format!("{path}/understood"), "a", &why("2027-01-12T18:00:00Z"))
        .await?;
    ensure!(
        unread.status == 409 && unread.body["code"] == "nothing_to_decide",
        "{unread:?}"
    );
    read(&stack).await?;
    let told = async || {
        let all = stack.giro.get("/v1/attention").await?.body;
        anyhow::Ok(
            all["data"]
                .as_array()
                .context("a list")?
                .iter()
                .any(|row| row["cause"] == "day_differs"),
        )
    };
    ensure!(told().await?, "it differs");
    let read_at = text(&stack.giro.get(path).await?.body, "/data/0/read_at")?;
    let nameless = stack
        .giro
        .post(
            &format!("{path}/understood"),
            "b",
            &json!({ "bank": "stp", "read_at": "2027-01-12T18:00:00Z" }),
        )
        .await?;
    ensure!(nameless.body["errors"][0]["pointer"] == "/reason", "{nameless:?}");
    let said = stack
        .giro
        .post(&format!("{path}/understood"), "c", &why(&read_at))
        .await?;
    let day = &said.body["data"][0];
    ensure!(
        said.status == 200 && day["understood"]["why"] == "the bank's case 1234",
        "{said:?}"
    );
    ensure!(
        day["differences"] == 2 && day["agrees"] == false,
        "it differs still: {day}"
    );
    let again = stack
        .giro
        .post(&format!("{path}/understood"), "c", &why(&read_at))
        .await?;
    ensure!(again.status == 200, "{again:?}");
    ensure!(!told().await?);
    // Read again, it differs as it did.
    at(&stack, "2027-01-12", "13:30:00").await?;
    read(&stack).await?;
    ensure!(!told().await?);
    stack.bank.state(&stack.key(&other).await?, "CN").await?;
    at(&stack, "2027-01-12", "15:00:00").await?;
    read(&stack).await?;
    ensure!(told().await?, "it differs otherwise");
    let csv = reqwest::get(format!("{}{path}?format=csv", stack.giro.base())).await?;
    let (kind, text) = (csv.headers()["content-type"].to_str()?.to_owned(), csv.text().await?);
    ensure!(
        kind.starts_with("text/csv") && text.lines().count() == 5,
        "{kind}: {text}"
    );
    ensure!(
        text.contains("day,\"stp\",2027-01-11,") && text.contains("is settled, and the bank says stp:CN"),
        "{text}"
    );
    Ok(())
}

/// Webhooks are lost, and the statement says otherwise than the books: the bank is asked and people are told, once, and a bank
/// that paid what was given back is paused.
#[tokio::test]
async fn an_end_that_the_statement_belies_is_asked_about() -> Result<()> {
    let stack = Stack::with("belied", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    let came_back = settled(&stack, &account, 10_000).await?;
    stack.bank.fault(None, Some(Fault::Cancelled), Some(1)).await?;
    let given_back = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&given_back, PATIENCE, is("failed")).await?;
    let keys = [stack.key(&came_back).await?, stack.key(&given_back).await?];
    let silent = SettingsChange {
        webhook_url: Some(None),
        ..SettingsChange::default()
    };
    stack.bank.settings(&silent).await?;
    stack.bank.state(&keys[0], "D").await?;
    stack.bank.state(&keys[1], "LQ").await?;
    read(&stack).await?;
    let mut books = Books::connect(&stack.database).await?;
    let paused = books.pause().await?;
    ensure!(
        paused.is_some_and(|(by, _)| by == "paid_after_release"),
        "nobody is told of what was paid and given back"
    );
    let told = stack.giro.payout(&given_back).await?;
    ensure!(told["attention"]["reason"] == "paid_after_release", "{told}");
    // What came back is on the same day's list.
    stack.giro.wait(&came_back, PATIENCE, is("returned")).await?;
    // Whoever resumes the bank has understood it: it is told once.
    let bank = stack.giro.get("/v1/banks").await?.body["data"][0].clone();
    let since = text(&bank, "/paused_at")?;
    stack.giro_command(&["bank", "resume", "stp", "--since", &since, "--reason", "understood"])?;
    for (day, time) in [("2027-01-11", "12:10:00"), ("2027-01-12", "12:00:00")] {
        at(&stack, day, time).await?;
        read(&stack).await?;
        ensure!(books.pause().await?.is_none(), "{day}: it is paused again");
    }
    Ok(())
}

/// The schedule is there without anybody's doing, and starts a run that reads what is due.
#[tokio::test]
async fn a_schedule_reads_closed_days() -> Result<()> {
    let stack = Stack::with("schedule", patient()).await?;
    at(&stack, "2027-01-11", "12:00:00").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    settled(&stack, &account, 10_000).await?;
    at(&stack, "2027-01-12", "12:00:00").await?;
    stack
        .logged("worker", "the bank's days are reconciled by schedule")
        .await?;
    let client = stack.client().await?;
    let schedule = client.get_schedule_handle(worker::schedule::id(stack.queue()));
    schedule
        .trigger(ScheduleOverlapPolicy::Unspecified, Default::default())
        .await?;
    let start = Instant::now();
    loop {
        let shown = stack.giro.get("/v1/reconciliations/2027-01-11").await?.body;
        if shown["data"][0]["agrees"] == true {
            return Ok(());
        }
        ensure!(start.elapsed() < PATIENCE, "never read: {shown}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// `cargo month` in small: a weekend, an order that never came, and every day's statement equal to the books.
#[tokio::test]
async fn nine_days_are_lived_through_and_every_statement_equals_the_books() -> Result<()> {
    let options = tests::month::Options {
        name: "nine_days",
        from: "2027-01-08".parse()?,
        days: 9,
        payouts: 2,
    };
    let report = tests::month::run(options, |line| eprintln!("{line}")).await?;
    eprintln!("{report}");
    ensure!(report.days.len() == 6, "{} days", report.days.len());
    Ok(())
}
