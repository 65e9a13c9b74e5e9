//! A whole giro per test: real Postgres and Temporal shared by all, a database, a queue, a bank and processes of its own.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use dev::parts::{
    free_port, postgres,
    process::{self, Child},
    temporal,
};
use temporalio_client::Client;
use tests::{
    books::Books,
    client::Giro,
    keys,
    sim::{Control, OrderView},
};
use workflows::PayoutWorkflow;

/// How long a story waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What makes this stack differ from the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The bank refuses a repeated key, and giro knows.
    pub(crate) dedupes: bool,
    /// Milliseconds from capture to settlement.
    pub(crate) settle_ms: u32,
    /// Seconds from entering `sending` until a person is told.
    pub(crate) sending_seconds: u32,
    /// Lines added to `giro.toml`, by section.
    pub(crate) more: Vec<(&'static str, String)>,
    /// A Temporal of its own, that may be killed.
    pub(crate) own_temporal: bool,
    /// Which programs run from the start.
    pub(crate) programs: &'static [&'static str],
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            dedupes: true,
            settle_ms: 300,
            sending_seconds: 20,
            more: Vec::new(),
            own_temporal: false,
            programs: &["worker", "api"],
        }
    }
}

/// One giro.
pub(crate) struct Stack {
    dir: PathBuf,
    config: PathBuf,
    /// Its books.
    pub(crate) database: String,
    /// Its REST API.
    pub(crate) giro: Giro,
    /// Its bank.
    pub(crate) bank: Control,
    /// Where Temporal is.
    pub(crate) temporal: String,
    /// Its own Temporal, when it has one.
    pub(crate) server: Option<temporal::Server>,
    queue: String,
    running: Vec<(&'static str, Child)>,
}

struct Shared {
    postgres: postgres::Server,
    temporal: temporal::Server,
    dir: PathBuf,
}

static SHARED: OnceLock<Mutex<Shared>> = OnceLock::new();

/// The servers that all tests share, started once.
fn shared() -> &'static Mutex<Shared> {
    SHARED.get_or_init(|| Mutex::new(begin().expect("the servers that all tests share")))
}

fn begin() -> Result<Shared> {
    build()?;
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    forget_the_dead(root);
    let dir = root.join(format!("it-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let say = |line: &str| eprintln!("  {line}");
    let postgres = postgres::Server::start(
        &postgres::Options {
            dir: dir.join("pg"),
            log: dir.join("postgres.log"),
            port: None,
        },
        &say,
    )?;
    let temporal = start_temporal(&dir)?;
    Ok(Shared {
        postgres,
        temporal,
        dir,
    })
}

/// Programs are built as `cargo dev` builds them, so that nothing is built twice.
fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .args(["build", "--quiet", "-p", "worker", "-p", "tests", "--bins"])
        .status()?;
    ensure!(done.success(), "the programs do not build");
    Ok(())
}

/// Directories of runs whose process is gone.
fn forget_the_dead(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name
            .strip_prefix("it-")
            .is_some_and(|pid| !Path::new("/proc").join(pid).exists())
        {
            let _left = fs::remove_dir_all(entry.path());
        }
    }
}

fn start_temporal(dir: &Path) -> Result<temporal::Server> {
    let attributes = workflows::attributes::ALL;
    let options = temporal::Options {
        db_file: dir.join("temporal.db"),
        log: dir.join("temporal.log"),
        port: 0,
        ui: None,
        search_attributes: attributes
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect(),
    };
    Ok(temporal::Server::start(&options, &|line| eprintln!("  {line}"))?)
}

/// Where cargo puts the programs: beside the test itself.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(2).unwrap_or(Path::new("")).join(name)
}

impl Stack {
    /// The usual stack.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        Self::with(name, Setup::default()).await
    }

    /// A stack with a setup.
    pub(crate) async fn with(name: &str, setup: Setup) -> Result<Self> {
        let (database, dir, mut temporal) = {
            let shared = shared().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let database = shared.postgres.url(&format!("giro_{name}"));
            (database, shared.dir.join(name), shared.temporal.address().to_owned())
        };
        fs::create_dir_all(&dir)?;
        let mut server = None;
        if setup.own_temporal {
            let own = start_temporal(&dir)?;
            own.address().clone_into(&mut temporal);
            server = Some(own);
        }
        let keys = keys::make(&dir)?;
        let (api, sim) = (free_port()?, free_port()?);
        let queue = format!("giro-{name}-{}", std::process::id());
        let config = dir.join("giro.toml");
        let bank = format!("http://127.0.0.1:{sim}");
        let text = settings(
            &setup,
            &[&database, &temporal, &queue, &bank, &keys.private.display().to_string()],
            api,
        )?;
        fs::write(&config, text)?;
        let mut stack = Self {
            giro: Giro::new(&format!("http://127.0.0.1:{api}"))?,
            bank: Control::new(&bank)?,
            dir,
            config,
            database,
            temporal,
            server,
            queue,
            running: Vec::new(),
        };
        stack.giro_command(&["migrate"])?;
        stack.giro_command(&[
            "clock",
            "--offset",
            &dev::parts::clock::offset(dev::parts::clock::TimeOfDay::ELEVEN).to_string(),
        ])?;
        stack.start_bank(&setup, sim, api, &keys.public)?;
        for program in setup.programs {
            stack.run(program)?;
        }
        stack.ready().await?;
        Ok(stack)
    }

    fn start_bank(&mut self, setup: &Setup, port: u16, api: u16, public: &Path) -> Result<()> {
        let mut command = process::command(program("bank-sim"));
        command
            .args(["--listen", &format!("127.0.0.1:{port}"), "--empresa", "GIRO"])
            .args(["--journal", &self.dir.join("bank.journal").display().to_string()])
            .args(["--public-key", &public.display().to_string()])
            .args([
                "--webhook-url",
                &format!("http://127.0.0.1:{api}/webhooks/stp/test-secret/status"),
            ])
            .args(["--settle-after-ms", &setup.settle_ms.to_string()])
            .args(["--dedupe", &setup.dedupes.to_string()])
            .arg(format!(
                "--clock-offset={}",
                dev::parts::clock::offset(dev::parts::clock::TimeOfDay::ELEVEN)
            ));
        let child = Child::spawn("bank-sim", command, &self.dir.join("bank-sim.log"))?;
        self.running.push(("bank-sim", child));
        Ok(())
    }

    /// Starts a role of giro.
    pub(crate) fn run(&mut self, role: &'static str) -> Result<()> {
        let mut command = process::command(program("giro"));
        command.args([role, "--config"]).arg(&self.config);
        let child = Child::spawn(role, command, &self.dir.join(format!("{role}.log")))?;
        self.running.push((role, child));
        Ok(())
    }

    /// Adds lines to `giro.toml`; programs started from now on read them.
    pub(crate) fn configure(&self, lines: &str) -> Result<()> {
        let text = fs::read_to_string(&self.config)?;
        Ok(fs::write(&self.config, format!("{text}\n{lines}\n"))?)
    }

    /// SIGKILL, and wait until it is gone.
    pub(crate) fn kill(&mut self, role: &str) {
        for (_, child) in self.running.extract_if(.., |(name, _)| *name == role) {
            child.kill();
        }
    }

    /// A command of an operator; answers what it said.
    pub(crate) fn giro_command(&self, arguments: &[&str]) -> Result<String> {
        let done = process::command(program("giro"))
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .output()?;
        let (said, complained) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        ensure!(done.status.success(), "giro {}: {complained}", arguments.join(" "));
        Ok(said.into_owned())
    }

    /// Waits until API and bank answer.
    pub(crate) async fn ready(&self) -> Result<()> {
        let start = tokio::time::Instant::now();
        loop {
            let answers = self.giro.get("/readyz").await.is_ok_and(|reply| reply.status == 200);
            let bank = self.bank.orders().await.is_ok();
            if answers && bank {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let said: String = self.running.iter().fold(String::new(), |mut said, (name, child)| {
                    let _written = write!(said, "\n-- {name}: {}", child.said());
                    said
                });
                anyhow::bail!("the stack does not come up{said}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a program of this stack has logged.
    pub(crate) fn log(&self, role: &str) -> String {
        fs::read_to_string(self.dir.join(format!("{role}.log"))).unwrap_or_default()
    }

    /// A Temporal client.
    pub(crate) async fn client(&self) -> Result<Client> {
        worker::starter::connect(&worker::config::Temporal {
            address: self.temporal.clone(),
            namespace: "default".to_owned(),
            task_queue: self.queue.clone(),
        })
        .await
    }

    /// The queue of this stack's runs.
    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }

    /// A handle on a payout's latest run, once it is there: the API starts it in the background.
    pub(crate) async fn handle(
        &self,
        payout: &str,
    ) -> Result<temporalio_client::WorkflowHandle<Client, PayoutWorkflow>> {
        let run = self
            .client()
            .await?
            .get_workflow_handle::<PayoutWorkflow>(format!("payout-{payout}"));
        let start = tokio::time::Instant::now();
        while let Err(error) = run.describe(Default::default()).await {
            ensure!(start.elapsed() < PATIENCE, "the run never started: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(run)
    }

    /// The orders that the bank's journal has of a payout.
    pub(crate) async fn orders(&self, payout: &str) -> Result<Vec<OrderView>> {
        let key = self.key(payout).await?;
        self.bank.orders_of(&key).await
    }

    /// The tracking key of a payout.
    pub(crate) async fn key(&self, payout: &str) -> Result<String> {
        tests::client::text(&self.giro.payout(payout).await?, "/tracking_key")
    }

    /// The promise: sums are zero, nothing is held without a payout, the bank's journal equals the books.
    pub(crate) async fn balanced(&self) -> Result<()> {
        let mut books = Books::connect(&self.database).await?;
        let sums = books.sums().await?;
        ensure!(
            sums.difference == 0 && sums.drift == 0 && sums.held_drift == 0 && sums.gaps == 0,
            "{sums:?}"
        );
        let open = sums.open;
        let wrong = books.against(&self.bank.orders().await?).await?;
        ensure!(
            open > 0 || wrong.is_empty(),
            "bank and books differ:\n{}",
            wrong.join("\n")
        );
        Ok(())
    }

    /// Waits until every payout has ended, then holds the promise.
    pub(crate) async fn all_ended(&self, patience: Duration) -> Result<()> {
        let mut books = Books::connect(&self.database).await?;
        let start = tokio::time::Instant::now();
        while books.sums().await?.open > 0 {
            ensure!(start.elapsed() < patience, "still open: {:?}", books.sums().await?);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.balanced().await
    }
}

/// The text of `giro.toml`.
fn settings(setup: &Setup, values: &[&str; 5], api: u16) -> Result<String> {
    let [database, temporal, queue, bank, key] = values;
    let section = |name: &str| {
        setup
            .more
            .iter()
            .filter(|(of, _)| *of == name)
            .map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let mut text = String::new();
    write!(
        text,
        r#"environment = "development"
[database]
url = "{database}"
[temporal]
address = "{temporal}"
namespace = "default"
task_queue = "{queue}"
[api]
listen = "127.0.0.1:{api}"
webhook_secret = "test-secret"
{api_more}[fee]
centavos = 500
[deadlines]
accepted_seconds = 5
sending_seconds = {sending}
sent_seconds = 30
[rules]
horizon_seconds = 2
question_gap_seconds = 1
[relay]
sweep_seconds = 1
[stp]
company = "GIRO"
orders_url = "{bank}/speiws/rest"
queries_url = "{bank}/efws/API"
key_file = "{key}"
key_passphrase = "{passphrase}"
refuses_repeated_keys = {dedupes}
{stp_more}"#,
        api_more = section("api"),
        stp_more = section("stp"),
        sending = setup.sending_seconds,
        dedupes = setup.dedupes,
        passphrase = keys::PASSPHRASE,
    )
    .context("settings")?;
    Ok(text)
}
