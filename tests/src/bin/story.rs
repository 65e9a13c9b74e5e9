//! `giro-story`: what `cargo dev` tells once the stack is up: payouts and their fates, money that stays, waits or comes in,
//! the books, the links.

// It talks to a person.
#![allow(clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{
    books::{Books, Sums},
    client::{Giro, Reply, clabe, is, request, text},
    keys,
    sim::{Control, Incoming},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use workflows::domain::Centavos;

/// The story that `cargo dev` tells.
#[derive(Parser)]
struct Story {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Make the signing key of this stack, unless it is there.
    Keys {
        /// Where.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Send payouts, wait for their fates, let money come in, compare the books with the bank.
    Run {
        /// The stack's addresses, as KEY=VALUE lines.
        #[arg(long)]
        env: PathBuf,
    },
}

/// One payout's tale: its cents make the bank behave so.
struct Tale {
    what: &'static str,
    centavos: i64,
    state: &'static str,
}

const TALES: [Tale; 5] = [
    Tale {
        what: "the bank pays it",
        centavos: 125_045,
        state: "settled",
    },
    Tale {
        what: "the bank refuses it: money back",
        centavos: 32_094,
        state: "failed",
    },
    Tale {
        what: "the answer is lost; found paid by asking",
        centavos: 78_090,
        state: "settled",
    },
    Tale {
        what: "the bank is silent; attention, then `retry`",
        centavos: 9_997,
        state: "settled",
    },
    Tale {
        what: "paid, and sent back by the beneficiary's bank",
        centavos: 43_096,
        state: "returned",
    },
];
const SILENT: usize = 3;
/// On the books of an earlier run giro first waits until what they may have lost would have surfaced at the bank.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at what came in.
const LOOK: Duration = Duration::from_millis(200);
/// A CLABE of the company's that no account has.
const NOBODY: u32 = 999;
/// How long a payout waits that is asked for a later time.
const LATER: SignedDuration = SignedDuration::from_secs(8);

#[tokio::main]
async fn main() -> ExitCode {
    let told = match Story::parse().part {
        Part::Keys { dir } => keys::make(&dir).map(|_| ()),
        Part::Run { env } => run(&env).await,
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nNot as told: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(env: &Path) -> Result<()> {
    let env = read_env(env)?;
    let giro = Giro::new(of(&env, "GIRO_API")?)?;
    let bank = Control::new(of(&env, "GIRO_BANK_SIM")?)?;
    let before = Books::connect(of(&env, "GIRO_DATABASE_URL")?).await?.sums().await?;
    let account = giro.account(1, 10_000_000).await?;
    println!(
        "\n  {} payouts from {account}, opened with {}\n",
        TALES.len(),
        Centavos::new(10_000_000)
    );
    let mut ids = Vec::new();
    for tale in &TALES {
        let id = giro.pay(&account, tale.centavos).await?;
        println!(
            "  {id}  {}  {}",
            right(&Centavos::new(tale.centavos).to_string()),
            tale.what
        );
        ids.push(id);
    }
    let later = scheduled(&giro, &account).await?;
    println!();
    let asked = unstick(&giro, &bank, &ids[SILENT]).await?;
    let mut ended = Vec::new();
    for (id, tale) in ids.iter().zip(&TALES) {
        ended.push(giro.wait(id, PATIENCE, is(tale.state)).await?);
    }
    table(&ended, &asked);
    stays(&giro, &account, &later).await?;
    arrivals(&giro, &bank).await?;
    compare(&env, &bank, &before).await?;
    links(&env, &ids)
}

/// Waits until a person is told about the silent payout, lets the bank speak, and asks.
async fn unstick(giro: &Giro, bank: &Control, id: &str) -> Result<String> {
    let told = giro
        .wait(id, PATIENCE, |payout| payout["attention"]["reason"] == "deadline")
        .await?;
    println!(
        "  attention: {id} since {}",
        told["attention"]["since"].as_str().unwrap_or("?")
    );
    bank.speak(&text(&told, "/tracking_key")?).await?;
    let Reply { status, body, .. } = giro.retry(id).await?;
    ensure!(status == 200 || status == 202, "retry: {status} {body}");
    let found = body["bank_said"].as_str().unwrap_or("asked").to_owned();
    println!("  retry:     the bank says: {found}\n");
    Ok(found)
}

/// One line a payout, as the API shows it.
fn table(ended: &[Value], asked: &str) {
    println!(
        "  {:<9} {:>13}  {:<45} {:<12} money",
        "state", "amount", "fate", "evidence"
    );
    for (payout, tale) in ended.iter().zip(&TALES) {
        let amount = right(&Centavos::new(tale.centavos).to_string());
        let show = |field: &str| payout[field].as_str().unwrap_or("-").to_owned();
        println!(
            "  {:<9} {amount}  {:<45} {:<12} {}",
            show("state"),
            tale.what,
            show("evidence"),
            show("money")
        );
    }
    println!("\n  asked about the silent one, the bank said: {asked}");
}

/// Asks for a payout that goes out in a while, by the clock of the books; answers its id.
async fn scheduled(giro: &Giro, account: &str) -> Result<String> {
    let now: Timestamp = text(&giro.get("/readyz").await?.body, "/now")?.parse()?;
    let mut body = request(account, 51_045);
    body["process_after"] = json!(now + LATER);
    let Reply { status, body, .. } = giro.post("/v1/payouts", &fresh(), &body).await?;
    ensure!(status == 201, "a scheduled payout: {status} {body}");
    let id = text(&body, "/id")?;
    println!(
        "  {id}  {}  for {} s later: held now, sent then",
        right(&Centavos::new(51_045).to_string()),
        LATER.as_secs()
    );
    Ok(id)
}

/// Money that goes from one customer of giro's to another, which no bank hears of; and the payout that waited for its time.
async fn stays(giro: &Giro, account: &str, later: &str) -> Result<()> {
    let other = giro.account(2, 0).await?;
    let mut by_clabe = request(account, 15_000);
    by_clabe["beneficiary"]["clabe"] = json!(clabe(2));
    let booked = giro.post("/v1/payouts", &fresh(), &by_clabe).await?;
    let by_account = json!({
        "account": account, "to_account": other, "amount": 20_000, "currency": "MXN", "concept": "Renta",
    });
    let moved = giro.post("/v1/transfers", &fresh(), &by_account).await?;
    for Reply { status, body, .. } in [&booked, &moved] {
        ensure!(*status == 201 && body["state"] == "settled", "{status} {body}");
    }
    let waited = giro.wait(later, PATIENCE, is("settled")).await?;
    println!("\n  what stays, and what waits:\n");
    line(&booked.body, "a payout to another customer: booked, no bank");
    line(&moved.body, "a transfer between two accounts");
    line(&waited, "a payout for a later time, sent then");
    Ok(())
}

/// An idempotency key that nobody has used.
fn fresh() -> String {
    Uuid::now_v7().to_string()
}

/// State, amount, what it was, and where the money is.
fn line(thing: &Value, fate: &str) {
    let word = |field: &str| thing[field].as_str().unwrap_or("-");
    let amount = right(&Centavos::new(thing["amount"].as_i64().unwrap_or_default()).to_string());
    println!("  {:<9} {amount}  {fate:<45} {}", word("state"), word("money"));
}

/// Money that others send: to a customer of giro's, and to an account that nobody has, which people then send back.
async fn arrivals(giro: &Giro, bank: &Control) -> Result<()> {
    let ours = incoming(bank, clabe(1), 250_000).await?;
    let nobody = incoming(bank, clabe(NOBODY), 64_000).await?;
    let ours = came(giro, &ours, "applied").await?;
    let apart = came(giro, &nobody, "unapplied").await?;
    println!("\n  what came in:\n");
    line(&ours, "a deposit to the customer");
    line(&apart, "a deposit to an account that nobody has");
    let id = text(&apart, "/id")?;
    let body = json!({ "reason": "nobody knows whose it is" });
    let Reply { status, body, .. } = giro.post(&format!("/v1/deposits/{id}/send-back"), &id, &body).await?;
    ensure!(status == 200, "send back: {status} {body}");
    let gone = came(giro, &nobody, "sent_back").await?;
    line(&gone, "the same, once people sent it back");
    println!();
    Ok(())
}

/// Somebody sends money; answers its tracking key.
async fn incoming(bank: &Control, cuenta_beneficiario: String, monto: i64) -> Result<String> {
    let sent = Incoming {
        monto,
        cuenta_beneficiario,
        ..Incoming::default()
    };
    Ok(bank.receive(&sent).await?.clave_rastreo)
}

/// The deposit under a key, once it is in a state.
async fn came(giro: &Giro, key: &str, state: &str) -> Result<Value> {
    let start = Instant::now();
    let path = format!("/v1/deposits?tracking_key={key}&state={state}");
    loop {
        let mut found = giro.get(&path).await?.body;
        if found["data"][0].is_object() {
            return Ok(found["data"][0].take());
        }
        ensure!(start.elapsed() < PATIENCE, "no {state} deposit under {key}: {found}");
        sleep(LOOK).await;
    }
}

/// The sums of the books, and the books against the bank's journal.
async fn compare(env: &BTreeMap<String, String>, bank: &Control, before: &Sums) -> Result<()> {
    let mut books = Books::connect(of(env, "GIRO_DATABASE_URL")?).await?;
    let sums = books.sums().await?;
    let wrong = books.against(&bank.orders().await?).await?;
    println!(
        "  ledger difference {}, held {}, bank journal {} books",
        sums.difference,
        sums.held,
        if wrong.is_empty() { "=" } else { "is not" }
    );
    ensure!(wrong.is_empty(), "bank and books differ:\n  {}", wrong.join("\n  "));
    let even = [sums.difference, sums.drift, sums.held_drift, sums.gaps]
        .iter()
        .all(|sum| *sum == 0);
    // What an earlier run left open is not of this story.
    let even = even && sums.open <= before.open && sums.held <= before.held;
    ensure!(even, "the books are not in balance: {sums:?}");
    Ok(())
}

/// Where to look.
fn links(env: &BTreeMap<String, String>, ids: &[String]) -> Result<()> {
    let ui = env.get("GIRO_TEMPORAL_UI").map(String::as_str).unwrap_or_default();
    if !ui.is_empty() {
        println!("\n  runs      {ui}/namespaces/default/workflows?query=%60GiroBank%60%3D%22stp%22");
        println!("  this run  {ui}/namespaces/default/workflows/payout-{}", ids[SILENT]);
    }
    println!("  payout    {}/v1/payouts/{}", of(env, "GIRO_API")?, ids[SILENT]);
    println!("  API docs  {}/docs", of(env, "GIRO_API")?);
    println!("  bank      {}/\n", of(env, "GIRO_BANK_SIM")?);
    Ok(())
}

fn right(text: &str) -> String {
    format!("{text:>13}")
}

fn of<'a>(env: &'a BTreeMap<String, String>, key: &str) -> Result<&'a str> {
    env.get(key)
        .map(String::as_str)
        .with_context(|| format!("{key} is not in the env file"))
}

fn read_env(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}
