//! What operations see: payouts with different fates, and then the scrape of every program.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use activities::meters::Program;
use anyhow::{Context, Result, ensure};
use dev::parts::free_port;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tests::{
    client::{BENEFICIARY, Giro, clabe, is, request, text},
    stack::{PATIENCE, Setup, Stack},
};
use worker::meters;

/// One scrape: what each name is, and every sample as its name with its labels.
struct Scrape {
    body: String,
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, String>,
}

impl Scrape {
    async fn of(port: u16) -> Result<Self> {
        let response = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await?;
        ensure!(response.status() == 200, "{}", response.status());
        let body = response.text().await?;
        let mut kinds = BTreeMap::new();
        let mut samples = BTreeMap::new();
        for line in body.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').context("a type")?;
                kinds.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').context("a sample")?;
                samples.insert(sorted(name), value.to_owned());
            }
        }
        Ok(Self { body, kinds, samples })
    }

    /// A whole number; 0 for a sample that is not there.
    fn count(&self, sample: &str) -> i64 {
        let value = self.samples.get(&sorted(sample)).map_or("0", String::as_str);
        value.parse().expect(sample)
    }

    /// A sample as it is written; empty for one that is not there.
    fn word(&self, sample: &str) -> &str {
        self.samples.get(&sorted(sample)).map_or("", String::as_str)
    }

    /// Waits until a program says this.
    async fn once(port: u16, until: impl Fn(&Self) -> bool) -> Result<Self> {
        let start = tokio::time::Instant::now();
        loop {
            let said = match Self::of(port).await {
                Ok(scrape) if until(&scrape) => return Ok(scrape),
                Ok(scrape) => scrape.body,
                // It may not listen yet.
                Err(error) => error.to_string(),
            };
            ensure!(start.elapsed() < PATIENCE, "it never says it:\n{said}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Holds that a program has its own names and no others.
    fn is_of(&self, program: Program) {
        let ours: BTreeMap<&str, &str> = meters::of(program)
            .map(|meter| (meter.name, meter.kind.word()))
            .collect();
        let theirs: BTreeMap<&str, &str> = self.kinds.iter().map(|(name, kind)| (&**name, &**kind)).collect();
        assert_eq!(ours, theirs, "{program:?}");
        for meter in meters::of(program) {
            let help = format!("# HELP {} {}", meter.name, meter.help);
            assert!(self.body.lines().any(|line| line == help), "{help}");
        }
    }

    /// The whole numbers of every sample of a name.
    fn sum(&self, name: &str) -> i64 {
        let of_name = |sample: &&String| sample.split('{').next() == Some(name);
        self.samples
            .keys()
            .filter(of_name)
            .map(|sample| self.count(sample))
            .sum()
    }
}

/// A sample's name with its labels in order: exporters differ.
fn sorted(sample: &str) -> String {
    let Some((name, labels)) = sample.trim_end_matches('}').split_once('{') else {
        return sample.to_owned();
    };
    let mut labels: Vec<&str> = labels.split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

/// `promtool check metrics`, where it is installed; what it complains of.
fn lint(body: &str) -> Result<Option<String>> {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = spawned else {
        eprintln!("promtool is not installed: the scrapes were not linted");
        return Ok(None);
    };
    tool.stdin.take().context("its input")?.write_all(body.as_bytes())?;
    let done = tool.wait_with_output()?;
    let said = [done.stdout, done.stderr].concat();
    Ok(Some(String::from_utf8_lossy(&said).trim().to_owned()))
}

/// Names and types of the SDK's table in the docs that must stand in every scrape.
fn documented() -> BTreeMap<&'static str, &'static str> {
    let rows = include_str!("../../docs/metrics.md").lines();
    let cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|row| row.len() > 4 && row[1].starts_with("`temporal_") && row[3] == "always")
        .map(|row| (row[1].trim_matches('`'), row[2]))
        .collect()
}

#[tokio::test]
async fn every_program_says_what_it_did_and_the_relay_what_stands() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        measured: true,
        ..Setup::default()
    };
    let stack = Stack::with("metrics", setup).await?;
    let ports = stack.scraped.context("it is measured")?;
    let account = stack.giro.account(1, 1_000_000).await?;

    // Three that settle, one refused, one whose answer is lost, one of which the bank knows another amount.
    let mut ids = Vec::new();
    for centavos in [12_300, 12_300, 12_300, 12_394, 12_390, 12_382] {
        ids.push(stack.giro.pay(&account, centavos).await?);
    }
    for (id, end) in ids.iter().zip(["settled", "settled", "settled", "failed", "settled"]) {
        stack.giro.wait(id, PATIENCE, is(end)).await?;
    }
    let told = |payout: &serde_json::Value| payout["attention"]["reason"] == "mismatch";
    stack.giro.wait(&ids[5], PATIENCE, told).await?;
    // Two that are not taken, and a webhook about an order that nobody knows.
    let refused = stack
        .giro
        .post("/v1/payouts", "too-much", &request(&account, 9_999_999))
        .await?;
    assert_eq!(refused.status, 422, "{refused:?}");
    let wrong = stack.giro.post("/v1/payouts", "wrong", &json!({"amount": -1})).await?;
    assert_eq!(wrong.status, 422, "{wrong:?}");
    let webhook = json!({"id": 1, "claveRastreo": "NOBODYKNOWSIT", "estado": "LQ", "empresa": "GIRO"});
    let banks = Giro::new(&format!("http://127.0.0.1:{}", stack.ports["webhooks"]))?;
    let taken = banks.post("/webhooks/stp/test-secret/status", "none", &webhook).await?;
    assert_eq!(taken.status, 200, "{taken:?}");

    let relay = Scrape::once(ports.relay, |relay| {
        relay.count(r#"giro_payouts_attention{reason="mismatch"}"#) == 1
            && relay.count(r#"giro_inbox_unmatched{bank="stp"}"#) == 1
    })
    .await?;
    let (api, worker, sdk) = (
        Scrape::of(ports.api).await?,
        Scrape::of(ports.worker).await?,
        Scrape::of(ports.sdk).await?,
    );

    api.is_of(Program::Api);
    worker.is_of(Program::Worker);
    relay.is_of(Program::Relay);
    for (name, kind) in documented() {
        assert_eq!(
            sdk.kinds.get(name).map(String::as_str),
            Some(kind),
            "{name} in\n{}",
            sdk.body
        );
    }
    let fine = r#"le="0.2""#;
    for of in ["workflow_task", "activity"] {
        let bucket = format!("temporal_{of}_schedule_to_start_latency_seconds_bucket");
        assert!(
            sdk.samples
                .keys()
                .any(|name| name.starts_with(&bucket) && name.contains(fine)),
            "{bucket}"
        );
    }

    // Values: what the API and the worker did.
    assert_eq!(
        api.count(r#"giro_api_requests_total{method="POST",route="/v1/payouts",status="2xx"}"#),
        6
    );
    assert_eq!(
        api.count(r#"giro_api_requests_total{method="POST",route="/v1/payouts",status="4xx"}"#),
        2
    );
    assert_eq!(
        api.count(r#"giro_api_request_seconds_count{method="POST",route="/v1/payouts"}"#),
        8
    );
    assert_eq!(api.count(r#"giro_api_problems_total{code="insufficient_funds"}"#), 1);
    assert_eq!(api.count(r#"giro_api_problems_total{code="invalid_request"}"#), 1);
    assert_eq!(api.count(r#"giro_run_starts_total{reason="new",result="started"}"#), 6);
    assert_eq!(api.count(r#"giro_payout_transitions_total{state="accepted"}"#), 6);
    assert_eq!(worker.count(r#"giro_payout_transitions_total{state="settled"}"#), 4);
    assert_eq!(worker.count(r#"giro_payout_transitions_total{state="failed"}"#), 1);
    assert_eq!(worker.count("giro_settled_centavos_total"), 3 * 12_300 + 12_390);
    assert_eq!(worker.count(r#"giro_bank_sends_total{bank="stp"}"#), 6);
    assert_eq!(worker.count(r#"giro_bank_doubts_total{bank="stp"}"#), 1);
    let submit = |answer: &str, code: &str| {
        worker.count(&format!(
            r#"giro_bank_answers_total{{bank="stp",question="submit",answer="{answer}",code="{code}"}}"#
        ))
    };
    assert_eq!(submit("accepted", "none"), 4, "{}", worker.body);
    assert_eq!(submit("refused", "stp:-20"), 1);
    assert_eq!(submit("doubt", "cut before the answer"), 1, "{}", worker.body);
    assert_eq!(
        worker.count(r#"giro_bank_answer_seconds_count{bank="stp",question="submit"}"#),
        6
    );
    for quiet in ["giro_ledger_set_aside_total", "giro_ledger_later_total"] {
        assert_eq!(api.count(quiet) + worker.count(quiet), 0, "{quiet}");
    }

    // Values: what stands in the books, and that both agree.
    let ended = 5;
    assert_eq!(relay.count(r#"giro_payouts_open{state="sent"}"#), 1);
    assert_eq!(relay.sum("giro_payouts_open") + ended, 6);
    assert_eq!(relay.sum("giro_payouts_attention"), 1);
    let transitions = "giro_payout_transitions_total";
    assert_eq!(
        relay.count("giro_outbox_unpublished"),
        api.sum(transitions) + worker.sum(transitions)
    );
    assert_eq!(relay.sum("giro_bank_paused") + relay.sum("giro_bank_closed"), 0);
    for age in [
        r#"giro_payouts_open_oldest_age_seconds{state="sent"}"#,
        r#"giro_payouts_attention_oldest_age_seconds{reason="mismatch"}"#,
        "giro_outbox_oldest_age_seconds",
        r#"giro_inbox_oldest_age_seconds{bank="stp"}"#,
        r#"giro_inbox_newest_age_seconds{bank="stp"}"#,
    ] {
        let seconds: f64 = relay.samples.get(age).context(age)?.parse()?;
        assert!((0.0..300.0).contains(&seconds), "{age} {seconds}");
    }
    let read: f64 = relay.samples["giro_books_read_timestamp_seconds"].parse()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    assert!((now - 60..=now + 1).contains(&(read as u64)), "{read}");

    // Nothing of a person, no id, no secret: in any of the four.
    let mut secrets: BTreeSet<String> = [
        "Maria",
        "Beltran",
        "Cliente",
        "Pago de prueba",
        "test-secret",
        "NOBODYKNOWSIT",
    ]
    .map(str::to_owned)
    .into();
    secrets.extend([BENEFICIARY.to_owned(), clabe(1), account.replace("acc_", "")]);
    for id in &ids {
        secrets.insert(id.replace("po_", ""));
        secrets.insert(text(&stack.giro.payout(id).await?, "/tracking_key")?);
    }
    for scrape in [&api, &worker, &relay, &sdk] {
        for secret in &secrets {
            assert!(!scrape.body.contains(secret.as_str()), "{secret} in\n{}", scrape.body);
        }
        if let Some(said) = lint(&scrape.body)? {
            assert_eq!(said, "", "promtool check metrics");
        }
    }
    let elsewhere = reqwest::get(format!("http://127.0.0.1:{}/", ports.relay)).await?;
    assert_eq!(elsewhere.status(), 404);
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_its_key() -> Result<()> {
    let setup = Setup {
        programs: &["api"],
        measured: true,
        ..Setup::default()
    };
    let mut stack = Stack::with("metrics_taken", setup).await?;
    stack.run("api")?;
    let start = tokio::time::Instant::now();
    while !stack.log("api").contains("metrics.api: 127.0.0.1:") {
        ensure!(start.elapsed() < PATIENCE, "{}", stack.log("api"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        stack.log("api").contains("write another address"),
        "{}",
        stack.log("api")
    );
    Ok(())
}

/// One of two auditors leads, and the other takes its place; a break is there in centavos until it is mended.
#[tokio::test]
async fn auditors_that_go_on_say_what_they_found_and_one_of_them_leads() -> Result<()> {
    let mut stack = Stack::start("auditors").await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    let payout = stack.giro.pay(&account, 12_300).await?;
    stack.giro.wait(&payout, PATIENCE, is("settled")).await?;

    let [first, second] = [free_port()?, free_port()?];
    let listens = |port: u16| format!("127.0.0.1:{port}");
    stack.run_with("audit", &[("GIRO__METRICS__AUDIT", &listens(first))])?;
    const SUCCESS: &str = "giro_audit_success_timestamp_seconds";
    const IMBALANCE: &str = "giro_audit_imbalance_centavos";
    let clean = Scrape::once(first, |audit| !audit.word(SUCCESS).is_empty()).await?;
    clean.is_of(Program::Audit);
    for fine in [
        IMBALANCE,
        "giro_audit_unmatched_orders",
        r#"giro_audit_broken_rows{invariant="totals"}"#,
    ] {
        assert_eq!(clean.word(fine), "0", "{fine}");
    }
    stack.run_with("audit-2", &[("GIRO__METRICS__AUDIT", &listens(second))])?;
    let by = Scrape::once(second, |audit| audit.word(IMBALANCE) == "NaN").await?;
    assert_eq!(by.word(SUCCESS), "", "it has audited nothing");

    // A hand in the database.
    let mut hand = PgConnection::connect(&stack.database).await?;
    hand.execute("set session_replication_role = replica").await?;
    hand.execute("update account set credits = credits + 7 where code = 4101")
        .await?;
    let broken = |audit: &Scrape| {
        let imbalance: Option<u64> = audit.word(IMBALANCE).parse().ok();
        imbalance >= Some(7) && audit.word(r#"giro_audit_broken_rows{invariant="totals"}"#) == "1"
    };
    Scrape::once(first, broken).await?;
    stack.kill("audit");
    let leads = Scrape::once(second, broken).await?;
    assert_eq!(leads.word(SUCCESS), "", "nothing is well yet");
    hand.execute("update account set credits = credits - 7 where code = 4101")
        .await?;
    let mended = Scrape::once(second, |audit| !audit.word(SUCCESS).is_empty()).await?;
    assert_eq!(mended.word(IMBALANCE), "0");
    Ok(())
}
