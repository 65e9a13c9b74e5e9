//! A whole giro per test: real Postgres and Temporal shared by all, a database, a queue, a bank and processes of its own.

mod settings;
mod shared;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use dev::parts::{
    clock, free_port, postgres,
    process::{self, Child},
    temporal,
};
use futures::future::join_all;
use temporalio_client::Client;
use workflows::PayoutWorkflow;

use rustix::process::Signal;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use self::{settings::Scraped, shared::program};
use self::{
    settings::{metrics, scraped, settings},
    shared::{home, shared, start_postgres, start_temporal},
};
use crate::{
    books::Books,
    client::{self, Giro, Reply},
    faults::Links,
    keys,
    sim::{Control, OrderView},
};

/// How long a story waits for what must happen: on a busy machine it may take giro's last question but one, which is 69 s
/// after the send.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Stories that compute at once. The others, and those that only wait for their last payouts, leave them the machine:
/// too many at once would only meet their own timeouts.
static AT_WORK: Semaphore = Semaphore::const_new(3);

/// A place among the stories that compute, until it is dropped.
pub async fn at_work() -> Result<SemaphorePermit<'static>> {
    Ok(AT_WORK.acquire().await?)
}

/// What makes this stack differ from the usual one.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The bank refuses a repeated key, and giro knows.
    pub dedupes: bool,
    /// Milliseconds from capture to settlement.
    pub settle_ms: u32,
    /// Seconds from entering `sending` until a person is told.
    pub sending_seconds: u32,
    /// Lines added to `giro.toml`, by section.
    pub more: Vec<(&'static str, String)>,
    /// A Temporal of its own, that may be killed.
    pub own_temporal: bool,
    /// A Postgres of its own, that may be killed.
    pub own_postgres: bool,
    /// Where its own Postgres has its files, when not with the rest of the stack: a small disk.
    pub postgres_in: Option<PathBuf>,
    /// Which programs run from the start: a role, and a number where it runs more than once (`worker-2`).
    pub programs: &'static [&'static str],
    /// Variables of one program, over `giro.toml`.
    pub variables: &'static [(&'static str, &'static str, &'static str)],
    /// Measure: each program on a port of its own. A story that runs a program twice cannot.
    pub measured: bool,
    /// Between giro and its own Postgres, its own Temporal and the bank are links that can misbehave.
    pub linked: bool,
    /// Arguments of the bank, besides the usual ones.
    pub bank: Vec<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            dedupes: true,
            settle_ms: 300,
            sending_seconds: 20,
            more: Vec::new(),
            own_temporal: false,
            own_postgres: false,
            postgres_in: None,
            programs: &["worker", "api"],
            variables: &[],
            measured: false,
            linked: false,
            bank: Vec::new(),
        }
    }
}

/// One giro.
pub struct Stack {
    dir: PathBuf,
    /// The configuration file of its programs.
    pub config: PathBuf,
    /// Its books.
    pub database: String,
    /// Its REST API; the first, where there are more.
    pub giro: Giro,
    /// All its REST APIs.
    pub apis: Vec<Giro>,
    /// Its bank.
    pub bank: Control,
    /// Where Temporal is.
    pub temporal: String,
    /// Its own Temporal, when it has one.
    pub server: Option<temporal::Server>,
    /// Its own Postgres, when it has one.
    pub postgres: Option<postgres::Server>,
    /// Its links, when it has them.
    pub links: Option<Arc<Links>>,
    /// Its metrics, when it is measured.
    pub scraped: Option<Scraped>,
    queue: String,
    setup: Setup,
    /// Where its programs listen: `api`, `webhooks`, `bank-sim`, and each further API by its name.
    pub ports: BTreeMap<&'static str, u16>,
    running: Vec<(&'static str, Child)>,
}

impl Drop for Stack {
    /// At once: a story that is over has nothing to drain.
    fn drop(&mut self) {
        self.running.iter().for_each(|(_, child)| child.kill());
    }
}

/// Gives `giro` commands with a stack's configuration.
#[derive(Clone, Debug)]
pub struct Operator {
    config: PathBuf,
}

impl Operator {
    /// What a command said; an error is what it complained of.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
        let done = process::command(program("giro"))
            .args(arguments)
            .envs(variables.iter().copied())
            .arg("--config")
            .arg(&self.config)
            .output()?;
        let (said, complained) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        ensure!(
            done.status.success(),
            "giro {}: {complained}{said}",
            arguments.join(" ")
        );
        Ok(said.into_owned())
    }
}

impl Stack {
    /// The usual stack.
    pub async fn start(name: &str) -> Result<Self> {
        Self::with(name, Setup::default()).await
    }

    /// A stack with a setup.
    pub async fn with(name: &str, setup: Setup) -> Result<Self> {
        let dir = home().join(name);
        let (mut database, mut temporal) = if setup.own_postgres && setup.own_temporal {
            (String::new(), String::new())
        } else {
            let shared = shared().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let database = shared.postgres.url(&format!("giro_{name}"));
            (database, shared.temporal.address().to_owned())
        };
        // Two stories of one name would share their books.
        fs::create_dir(&dir).with_context(|| format!("a story is called {name} already"))?;
        let server = setup.own_temporal.then(|| start_temporal(&dir)).transpose()?;
        if let Some(own) = &server {
            own.address().clone_into(&mut temporal);
        }
        let files = setup.postgres_in.as_deref().unwrap_or(&dir);
        let postgres = setup.own_postgres.then(|| start_postgres(files, &dir)).transpose()?;
        if let Some(own) = &postgres {
            database = own.url("giro");
        }
        let keys = keys::make(&dir)?;
        let mut ports = BTreeMap::new();
        for name in ["bank-sim", "webhooks", "api"] {
            ports.insert(name, free_port()?);
        }
        for name in setup.programs.iter().filter(|name| role(name) == "api") {
            ports.entry(name).or_insert(free_port()?);
        }
        let queue = format!("giro-{name}-{}", std::process::id());
        let config = dir.join("giro.toml");
        let bank = format!("http://127.0.0.1:{}", ports["bank-sim"]);
        let scraped = setup.measured.then(scraped).transpose()?;
        let key = keys.private.display().to_string();
        let links = match (setup.linked, &postgres) {
            (true, Some(postgres)) => Some(Arc::new(Links::of(&ports, postgres.port(), &temporal).await?)),
            (true, None) => anyhow::bail!("links are to a Postgres and a Temporal of its own"),
            (false, _) => None,
        };
        let through = |address: &str| {
            links
                .as_ref()
                .map_or(address.to_owned(), |links| links.through(address))
        };
        let addresses = [&*database, &*temporal, &*bank].map(through);
        let values = [&*addresses[0], &*addresses[1], &*queue, &*addresses[2], &*key];
        let text = settings(&setup, &values, (ports["api"], ports["webhooks"]))? + &metrics(scraped);
        fs::write(&config, text)?;
        let apis = ports
            .iter()
            .filter(|(name, _)| role(name) == "api")
            .map(|(_, port)| Giro::new(&format!("http://127.0.0.1:{port}")))
            .collect::<Result<Vec<Giro>>>()?;
        let mut stack = Self {
            giro: apis[0].clone(),
            apis,
            bank: Control::new(&bank)?,
            dir,
            config,
            database,
            temporal,
            server,
            postgres,
            links,
            scraped,
            queue,
            ports,
            setup,
            running: Vec::new(),
        };
        stack.giro_command(&["migrate"])?;
        stack.giro_command(&["clock", "--offset", &clock_offset()])?;
        stack.run("bank-sim")?;
        for program in stack.setup.programs {
            stack.run(program)?;
        }
        stack.ready().await?;
        Ok(stack)
    }

    /// Starts a program by its name: the bank, or a role of giro; the auditor goes on for ever. One that was killed comes
    /// back on its port and its data.
    pub fn run(&mut self, name: &'static str) -> Result<()> {
        self.run_with(name, &[])
    }

    /// The same, with variables for this one life of it.
    pub fn run_with(&mut self, name: &'static str, variables: &[(&str, &str)]) -> Result<()> {
        let mut command = match role(name) {
            "bank-sim" => self.bank_sim(),
            role => self.giro_role(name, role),
        };
        command.envs(variables.iter().copied());
        let child = Child::spawn(name, command, &self.dir.join(format!("{name}.log")))?;
        self.running.push((name, child));
        Ok(())
    }

    fn bank_sim(&self) -> Command {
        let mut command = process::command(program("bank-sim"));
        let webhook = self
            .links
            .as_ref()
            .map_or(self.ports["webhooks"], |links| links.webhooks.port());
        let webhook = format!("http://127.0.0.1:{webhook}/webhooks/stp/test-secret/status");
        command
            .args(["--listen", &format!("127.0.0.1:{}", self.ports["bank-sim"])])
            .args(["--empresa", "GIRO", "--webhook-url", &webhook])
            .arg("--journal")
            .arg(self.dir.join("bank.journal"))
            .arg("--public-key")
            .arg(self.dir.join("stp-public.pem"))
            .args(["--settle-after-ms", &self.setup.settle_ms.to_string()])
            .args(["--slow-ms", "3000"])
            .args(["--dedupe", &self.setup.dedupes.to_string()])
            .arg(format!("--clock-offset={}", clock_offset()))
            .args(&self.setup.bank);
        command
    }

    fn giro_role(&self, name: &str, role: &str) -> Command {
        let mut command = process::command(program("giro"));
        command.args([role, "--config"]).arg(&self.config);
        // One of several has the banks' listener, as one has the first port.
        if role == "api" && name != role {
            command.args(["--only", "requests"]);
        }
        // As fast as a story goes; whoever starts a program may scrape it.
        if role == "audit" {
            command.args(["--every", "1s"]);
        }
        if let Some(port) = self.ports.get(name) {
            command.env("GIRO__API__LISTEN", format!("127.0.0.1:{port}"));
        }
        let own = self.setup.variables.iter().filter(|(of, ..)| *of == name);
        command.envs(own.map(|(_, key, value)| (key, value)));
        command
    }

    /// Adds lines to `giro.toml`; programs started from now on read them.
    pub fn configure(&self, lines: &str) -> Result<()> {
        let text = fs::read_to_string(&self.config)?;
        Ok(fs::write(&self.config, format!("{text}\n{lines}\n"))?)
    }

    /// SIGKILL, and wait until it is gone.
    pub fn kill(&mut self, program: &str) {
        for (_, child) in self.running.extract_if(.., |(name, _)| *name == program) {
            child.kill();
        }
    }

    /// Sends a signal to a program that runs.
    pub fn signal(&self, program: &str, signal: Signal) {
        for (_, child) in self.running.iter().filter(|(name, _)| *name == program) {
            child.signal(signal);
        }
    }

    /// Waits until a program has stopped itself at its crash point; SIGCONT wakes it.
    pub async fn asleep(&self, program: &str) -> Result<()> {
        let pid = self.pid(program).with_context(|| format!("{program} does not run"))?;
        let start = tokio::time::Instant::now();
        while !std::fs::read_to_string(format!("/proc/{pid}/stat"))?.contains(") T ") {
            ensure!(start.elapsed() < PATIENCE, "{program} never comes to its crash point");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts again what ended by itself, and answers what it was and the end of its log.
    pub fn revive(&mut self) -> Result<Vec<(&'static str, String)>> {
        let ended = self.running.extract_if(.., |(_, child)| child.ended().is_some());
        let ended: Vec<(&'static str, String)> = ended.map(|(name, child)| (name, child.said())).collect();
        for (name, _) in &ended {
            self.run(name)?;
        }
        Ok(ended)
    }

    /// A program that ended by itself: how, and its last words. It may be run again.
    pub fn take_ended(&mut self, program: &str) -> Option<(ExitStatus, String)> {
        let place = self.running.iter().position(|(name, _)| *name == program)?;
        let ended = self.running[place].1.ended()?;
        let (_, child) = self.running.remove(place);
        Some((ended, child.tail()))
    }

    /// SIGTERM, and how it ended; an error when it does not within the story's patience.
    pub fn stop(&mut self, program: &str) -> Result<ExitStatus> {
        let place = self.running.iter().position(|(name, _)| *name == program);
        let (_, child) = self
            .running
            .remove(place.with_context(|| format!("{program} does not run"))?);
        child.terminate();
        child
            .wait(PATIENCE)
            .with_context(|| format!("{program} was told to stop and goes on\n{}", child.tail()))
    }

    /// Every program that nobody killed still is the process that it was: outages end no part of giro.
    fn alive(&self) -> Result<()> {
        for (name, child) in &self.running {
            ensure!(child.ended().is_none(), "{name} ended by itself\n{}", child.tail());
        }
        Ok(())
    }

    /// The process id of a program that runs.
    pub fn pid(&self, role: &str) -> Option<u32> {
        self.running
            .iter()
            .find(|(name, _)| *name == role)
            .map(|(_, child)| child.pid())
    }

    /// A command of an operator; answers what it said.
    pub fn giro_command(&self, arguments: &[&str]) -> Result<String> {
        self.operator().run(arguments, &[])
    }

    /// The same, with variables that come over `giro.toml`.
    pub fn giro_command_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
        self.operator().run(arguments, variables)
    }

    /// Who gives commands, while the stack does something else.
    pub fn operator(&self) -> Operator {
        Operator {
            config: self.config.clone(),
        }
    }

    /// Waits until API and bank answer.
    pub async fn ready(&self) -> Result<()> {
        let start = tokio::time::Instant::now();
        loop {
            let ready = |reply: Result<Reply>| reply.is_ok_and(|reply| reply.status == 200);
            let answers = join_all(self.apis.iter().map(|api| api.get("/readyz"))).await;
            if answers.into_iter().all(ready) && self.bank.orders().await.is_ok() {
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
    pub fn log(&self, role: &str) -> String {
        fs::read_to_string(self.dir.join(format!("{role}.log"))).unwrap_or_default()
    }

    /// Waits until a program has logged `words`.
    pub async fn logged(&self, program: &str, words: &str) -> Result<()> {
        let start = tokio::time::Instant::now();
        while !self.log(program).contains(words) {
            ensure!(start.elapsed() < PATIENCE, "{program} never logged {words:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Moves the time of the books.
    pub async fn pass(&self, seconds: i64) -> Result<()> {
        let ahead = Books::connect(&self.database).await?.ahead().await? + seconds;
        self.giro_command(&["clock", "--offset", &ahead.to_string()])?;
        Ok(())
    }

    /// A Temporal client.
    pub async fn client(&self) -> Result<Client> {
        worker::starter::connect(&worker::config::Temporal {
            address: self.temporal.clone(),
            namespace: "default".to_owned(),
            task_queue: self.queue.clone(),
        })
        .await
    }

    /// The queue of this stack's runs.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// A handle on a payout's latest run, once it is there: the API starts it in the background.
    pub async fn handle(&self, payout: &str) -> Result<temporalio_client::WorkflowHandle<Client, PayoutWorkflow>> {
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
    pub async fn orders(&self, payout: &str) -> Result<Vec<OrderView>> {
        let key = self.key(payout).await?;
        self.bank.orders_of(&key).await
    }

    /// The tracking key of a payout.
    pub async fn key(&self, payout: &str) -> Result<String> {
        client::text(&self.giro.payout(payout).await?, "/tracking_key")
    }

    /// A file of this stack.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The promise: sums are zero, nothing is held without a payout, nothing was sent but what was begun, and the bank's
    /// journal equals the books, once nothing is on its way.
    pub async fn balanced(&self) -> Result<()> {
        let mut books = Books::connect(&self.database).await?;
        let sums = books.sums().await?;
        ensure!(sums.are_even(), "{sums:?}");
        let mut wrong = books.sent(&self.bank.requests().await?).await?;
        if sums.open == self.refused(&mut books).await? {
            wrong.extend(books.against(&self.bank.orders().await?).await?);
        }
        ensure!(wrong.is_empty(), "bank and books differ:\n{}", wrong.join("\n"));
        Ok(())
    }

    /// `giro audit --full`: the books against themselves, the bank's statements and Temporal. Clean, or an error that
    /// names every broken row. What waits counts as stuck after two minutes, as an operator's audit has it.
    pub fn audited(&self) -> Result<()> {
        self.audit(&[]).map(drop)
    }

    /// The same with more arguments (`--grace 0s`, `--output json`), and its report; an error holds it too, and first.
    pub fn audit(&self, arguments: &[&str]) -> Result<String> {
        let done = process::command(program("giro"))
            .args(["audit", "--full"])
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .output()?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let complained = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "giro audit: {said}\n{complained}");
        Ok(said)
    }

    /// Waits until every payout has ended, then holds the promise.
    pub async fn all_ended(&self, patience: Duration) -> Result<()> {
        self.ended(patience, async |_| Ok(0)).await
    }

    /// The same, where kills may have lost the first refusals of `at_most` payouts: they stay open, and people are told.
    pub async fn all_ended_but_refused(&self, patience: Duration, at_most: i64) -> Result<()> {
        self.ended(patience, async |books| Ok(self.refused(books).await?.min(at_most)))
            .await
    }

    /// Open payouts that the bank refused, which giro cannot prove.
    async fn refused(&self, books: &mut Books) -> Result<i64> {
        let mut refused = 0;
        for stands in books.unquiet().await? {
            refused += i64::from(stands.is_refused_unheard(&self.bank).await?);
        }
        Ok(refused)
    }

    async fn ended(&self, patience: Duration, may_stay: impl AsyncFn(&mut Books) -> Result<i64>) -> Result<()> {
        let mut books = Books::connect(&self.database).await?;
        let start = tokio::time::Instant::now();
        while books.sums().await?.open > may_stay(&mut books).await? {
            self.alive()?;
            ensure!(
                start.elapsed() < patience,
                "still open: {:?}\n{}",
                books.sums().await?,
                books.open().await?.join("\n")
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.alive()?;
        self.balanced().await
    }
}

/// What a program does; its name tells one of several apart.
fn role(name: &str) -> &str {
    name.trim_end_matches(|last: char| last.is_ascii_digit())
        .trim_end_matches('-')
}

/// Seconds from the machine's clock to that of the books and the bank: it always is eleven on a banking day.
fn clock_offset() -> String {
    static OFFSET: OnceLock<String> = OnceLock::new();
    // Read once: who comes back later has the time of those that stayed.
    OFFSET
        .get_or_init(|| clock::offset(clock::TimeOfDay::ELEVEN).to_string())
        .clone()
}
