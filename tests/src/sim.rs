//! The bank simulator: a separate process that speaks STP's wire format, keeps its own journal and misbehaves on demand.
//!
//! It shares no code with giro's adapter: own cadena, own holidays, own account checks. Two clocks: timers and `at`
//! run on the machine's clock; operating dates and `ts*` on the bank's, which is the machine's plus an offset.
//! A restart with the same journal keeps orders, requests, faults, webhooks on their way and timers; settings
//! (and the clock offset) start again from the command line.

mod book;
mod calendar;
mod cep;
mod chaos;
mod clabe;
mod client;
mod control;
mod faults;
mod incoming;
mod journal;
mod life;
mod page;
mod query;
mod register;
mod reply;
mod signature;
#[cfg(test)]
mod story;
mod unrest;
mod webhook;
mod wire;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    routing::{get, post, put},
};
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{SignalKind, signal};

pub use book::{OrderView, Outcome, RequestView};
pub use cep::{Asked, Mood};
pub use chaos::Chaos;
pub use client::Control;
pub use control::{Planted, SettingsChange, SettingsView, StateSum, Statement, Tally};
pub use faults::{End, Fault, FaultSource, Reply, Row, TABLE, markdown};
pub use incoming::{Incoming, IncomingView};
pub use unrest::Unrest;

use book::Book;
use calendar::Calendar;
use journal::{Journal, Line};
use signature::CompanyKey;

/// How the simulator is started.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The bank's journal, created when missing.
    #[arg(long)]
    pub journal: PathBuf,
    /// The registered company.
    #[arg(long, default_value = "GIRO")]
    pub empresa: String,
    /// PEM file with the company's registered RSA public key (SubjectPublicKeyInfo).
    #[arg(long)]
    pub public_key: PathBuf,
    /// Where status webhooks go; empty means nowhere.
    #[arg(long)]
    pub webhook_url: Option<String>,
    /// Seconds added to the machine's clock for the bank's calendar.
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub clock_offset: i64,
    /// Milliseconds from capture to settlement.
    #[arg(long, default_value_t = 1500)]
    pub settle_after_ms: u64,
    /// Whether a repeated claveRastreo of one operating date is refused with -1.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub dedupe: bool,
    /// File that receives "HOST:PORT\n" once the bank listens.
    #[arg(long)]
    pub address_file: Option<PathBuf>,
    /// Milliseconds an order of fault `not_found_for_a_while` stays hidden.
    #[arg(long, default_value_t = 6000)]
    pub hidden_ms: u64,
    /// Milliseconds before the answer of fault `slow`.
    #[arg(long, default_value_t = 12_000)]
    pub slow_ms: u64,
    /// Milliseconds before the webhook of fault `late_webhook`.
    #[arg(long, default_value_t = 15_000)]
    pub late_ms: u64,
    /// Milliseconds from settlement until the record shows its receipt (CEP).
    #[arg(long, default_value_t = 0)]
    pub receipt_ms: u64,
    /// Answer queries by clave in the legacy format, whatever the format of the question.
    #[arg(long)]
    pub legacy_answers: bool,
    /// Misfortune drawn for each clave from a seed; 20 of a hundred claves unless said otherwise. Default: none.
    #[arg(long, value_name = "SEED[:PERCENT]")]
    pub chaos: Option<Chaos>,
    /// Of a hundred webhooks so many are lost, and of the others so many repeated; half of them come late. Default: none.
    #[arg(long, value_name = "SEED:LOST:REPEATED")]
    pub unrest: Option<Unrest>,
    /// Opening balance of the company in centavos.
    #[arg(long, default_value_t = 100_000_000_000)]
    pub opening_balance: i64,
}

/// Questions whose time is remembered.
const QUESTIONS: usize = 100_000;

struct Bank {
    empresa: String,
    key: CompanyKey,
    calendar: Calendar,
    settings: Mutex<SettingsView>,
    book: Mutex<Book>,
    /// When it was asked something, since it was started: not in the journal, for no answer depends on it.
    questions: Mutex<Vec<Timestamp>>,
    journal: Journal,
    /// Banxico's, not the bank's.
    portal: cep::Portal,
    http: reqwest::Client,
}

impl Bank {
    fn open(options: &Options) -> Result<Arc<Self>> {
        let path = &options.public_key;
        let pem = std::fs::read_to_string(path).with_context(|| format!("read public key {}", path.display()))?;
        let (journal, lines) = Journal::open(&options.journal)?;
        let mut book = Book::default();
        for line in lines {
            book.apply(line);
        }
        Ok(Arc::new(Self {
            empresa: options.empresa.clone(),
            key: CompanyKey::from_pem(&pem)?,
            calendar: Calendar::new()?,
            settings: Mutex::new(SettingsView {
                dedupe: options.dedupe,
                settle_after_ms: options.settle_after_ms,
                hidden_ms: options.hidden_ms,
                slow_ms: options.slow_ms,
                late_ms: options.late_ms,
                receipt_ms: options.receipt_ms,
                legacy_answers: options.legacy_answers,
                chaos: options.chaos,
                unrest: options.unrest,
                webhook_url: options.webhook_url.clone().filter(|url| !url.is_empty()),
                refuse_all: None,
                portal: Mood::Serves,
                opening_balance: options.opening_balance,
                clock_offset_seconds: options.clock_offset,
            }),
            book: Mutex::new(book),
            questions: Mutex::default(),
            journal,
            portal: cep::Portal::default(),
            http: reqwest::Client::builder()
                .timeout(std::time::Duration::from_secs(5))
                .build()
                .context("webhook client")?,
        }))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> SettingsView {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers that it was asked something, whatever it answers.
    fn count_question(&self) {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if questions.len() == QUESTIONS {
            questions.drain(..QUESTIONS / 2);
        }
        questions.push(Timestamp::now());
    }

    /// The bank's clock.
    fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.settings().clock_offset_seconds);
        let machine = Timestamp::now();
        machine.checked_add(offset).unwrap_or(machine)
    }

    /// The bank's current operating date, AAAAMMDD.
    fn today(&self) -> u32 {
        self.calendar.operating_date(self.now())
    }

    /// Decides on the book, takes the lines in, and returns once they are durable.
    async fn commit<T>(&self, decide: impl FnOnce(&Book) -> (Vec<Line>, T)) -> Result<T> {
        let (count, value) = {
            let mut book = self.book();
            let (lines, value) = decide(&book);
            self.journal.append(&lines)?;
            for line in lines {
                book.apply(line);
                book.journaled += 1;
            }
            (book.journaled, value)
        };
        self.journal.wait(count).await?;
        Ok(value)
    }

    /// Reads the book and returns once all that was read is durable.
    async fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> Result<T> {
        self.commit(|book| (Vec::new(), look(book))).await
    }
}

fn router(bank: Arc<Bank>) -> Router {
    Router::new()
        .route("/speiws/rest/ordenPago/registra", put(register::register))
        .route("/speiws/rest/ordenPago/retornaOrden", put(register::send_back))
        .route("/speiws/rest/ordenPago/consOrdEnvRastreo", post(query::legacy_order))
        .route("/speiws/rest/ordenPago/consOrdenesFech", post(query::legacy_day))
        .route("/efws/API/consultaOrden", post(query::order))
        .route("/efws/API/V2/conciliacion", post(query::conciliation))
        .route("/efws/API/consultaSaldoCuenta", post(query::balance))
        .route("/cep/valida.do", post(cep::validate))
        .route("/cep/descarga.do", get(cep::download))
        .route("/", get(page::show))
        .route("/page/{action}", post(page::act))
        .route("/healthz", get(control::health))
        .route("/control/orders", get(control::orders).post(control::plant))
        .route("/control/incoming", get(incoming::all).post(incoming::receive))
        .route("/control/requests", get(control::requests))
        .route("/control/tally", get(control::tally))
        .route("/control/questions", get(control::questions))
        .route("/control/portal", get(control::portal))
        .route("/control/statement", get(control::statement))
        .route("/control/fault", put(control::fault))
        .route("/control/speak", post(control::speak))
        .route(
            "/control/settings",
            get(control::settings).put(control::change_settings),
        )
        .route("/control/clock", put(control::clock))
        .route("/control/webhook", post(control::webhook))
        .route("/control/state", post(control::state))
        .with_state(bank)
}

/// Runs the bank until SIGTERM or SIGINT.
pub async fn serve(options: Options) -> Result<()> {
    let mut term = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let bank = Bank::open(&options)?;
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen on {}", options.listen))?;
    let address = listener.local_addr().context("own address")?;
    life::resume(&bank);
    if let Some(path) = &options.address_file {
        write_address(path, address)?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "bank-sim listening on http://{address}")
        .and_then(|()| out.flush())
        .context("say the address")?;
    let service = router(bank).into_make_service_with_connect_info::<wire::Wire>();
    tokio::select! {
        ended = axum::serve(wire::Cuttable(listener), service) => ended.context("serve"),
        // No draining: a bank that must survive kill -9 has nothing to finish.
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
    }
}

fn write_address(path: &Path, address: SocketAddr) -> Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(&fresh, format!("{address}\n"))
        .and_then(|()| std::fs::rename(&fresh, path))
        .with_context(|| format!("write address file {}", path.display()))
}
