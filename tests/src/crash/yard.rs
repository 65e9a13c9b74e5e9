//! The stack that all deaths happen on, and their order: what takes longest to come right dies first.

use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt, path::PathBuf, time::Duration};

use activities::crash::{DIED, Point};
use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    Listener, Progress,
    aim::Volley,
    drive::{Hands, Subject, press},
    plan::{Cell, Way, victim, way},
    report::Report,
    verdict,
};
use crate::{
    client::{clabe, text},
    stack::{PATIENCE, Setup, Stack},
};

/// Requests under way at once while payouts are prepared.
const ASKING: usize = 8;
pub(super) const SOON: Duration = Duration::from_millis(10);
/// A run is started behind the answer; Temporal may be away for as long.
const BEHIND: Duration = Duration::from_secs(30);
/// Requests that one death may cost.
const TRIES: usize = 4;
/// SIGABRT.
const ABORTED: i32 = 6;
/// The API that nobody kills, and that starts no run: a payout waits there until it is let go.
const STEADY: &str = "api-2";

/// One run of crash points.
pub(super) struct Yard<'a> {
    pub(super) stack: Stack,
    pub(super) hands: Hands,
    pub(super) account: String,
    pub(super) subjects: Vec<Subject>,
    cells: Vec<Cell>,
    deaths: Vec<Cell>,
    /// Payouts that passed their point unseen, and were replaced.
    pub(super) missed: usize,
    progress: Listener<'a>,
    log: PathBuf,
    began: Instant,
}

impl<'a> Yard<'a> {
    pub(super) async fn open(name: &str, cells: &[Cell], progress: Listener<'a>) -> Result<Self> {
        let setup = Setup {
            more: vec![("api", "direct_start_caller = \"payments\"".to_owned())],
            programs: &["api", STEADY],
            variables: &[
                (STEADY, "GIRO__TEMPORAL__ADDRESS", "127.0.0.1:9"),
                (STEADY, "GIRO__DEADLINES__ACCEPTED_SECONDS", "1"),
            ],
            ..Setup::default()
        };
        let stack = Stack::with(name, setup).await?;
        let api = |port| crate::client::Giro::new(&format!("http://127.0.0.1:{port}"));
        let hands = Hands {
            temporal: stack.client().await?,
            queue: stack.queue().to_owned(),
            victim: api(stack.ports["api"])?,
            steady: api(stack.ports[STEADY])?,
        };
        let account = hands.steady.account(1, 100_000_000_000).await?;
        Ok(Self {
            log: stack.file("crash.log"),
            stack,
            hands,
            account,
            subjects: Vec::new(),
            cells: cells.to_vec(),
            deaths: Vec::new(),
            missed: 0,
            progress,
            began: Instant::now(),
        })
    }

    /// Every death of the plan. Nothing sweeps while payouts wait for their turn.
    pub(super) async fn kill_all(&mut self) -> Result<()> {
        // First of all: a payout that meets the pause looks again only after five minutes.
        for cell in self.cells.clone() {
            if way(cell.point) == Way::Pause {
                self.asked(cell).await?;
            }
        }
        self.restart("api", "")?;
        let aimed = |cell: &Cell| !matches!(way(cell.point), Way::Open | Way::Create | Way::Sweep | Way::Pause);
        let of = |name: &'static str| move |cell: &&Cell| aimed(cell) && victim(cell.point) == name;
        for name in ["worker", "api"] {
            let cells: Vec<Cell> = self.cells.iter().filter(of(name)).copied().collect();
            self.stack.kill(name);
            let subjects = self.prepare(&cells).await?;
            Volley::new(self, name, subjects).await?.fire().await?;
        }
        let rest: Vec<Cell> = self.cells.iter().filter(|cell| !aimed(cell)).copied().collect();
        for cell in rest.iter().filter(|cell| way(cell.point) == Way::Sweep) {
            self.swept(*cell).await?;
        }
        self.restart("relay", "")?;
        for cell in rest {
            if matches!(way(cell.point), Way::Open | Way::Create) {
                self.asked(cell).await?;
            }
        }
        self.restart("api", "")
    }

    /// Accepted, and nobody drives them.
    pub(super) async fn prepare(&mut self, cells: &[Cell]) -> Result<Vec<Subject>> {
        let before = self.subjects.len();
        let (hands, account) = (&self.hands, self.account.as_str());
        let prepared: Vec<Subject> = stream::iter(cells.iter().enumerate())
            .map(|(n, cell)| hands.prepare(*cell, before + n, account))
            .buffered(ASKING)
            .try_collect()
            .await?;
        self.subjects.extend(prepared.iter().cloned());
        Ok(prepared)
    }

    /// A payout that only the relay drives.
    async fn swept(&mut self, cell: Cell) -> Result<()> {
        let subjects = self.prepare(&[cell]).await?;
        let subject = subjects.first().context("one")?;
        self.restart("relay", &subject.aim())?;
        let died = self.dies("relay", cell).await?;
        ensure!(died, "{cell}: the relay never passes");
        Ok(())
    }

    /// A request that cuts off whoever serves it, and is asked again elsewhere; another one, when it passed unseen.
    async fn asked(&mut self, cell: Cell) -> Result<()> {
        for _ in 0..TRIES {
            if self.asked_once(cell).await? {
                return Ok(());
            }
            self.missed += 1;
        }
        bail!("{cell}: {TRIES} requests, and none passes")
    }

    /// True when it died.
    async fn asked_once(&mut self, cell: Cell) -> Result<bool> {
        self.restart("api", &format!("{}", cell.point))?;
        self.answers().await?;
        let n = self.subjects.len();
        let (path, key, body) = match way(cell.point) {
            Way::Open => {
                let clabe = clabe(100 + u32::try_from(n)?);
                let credit = json!({"amount": 10_000_000, "reason": "opening balance"});
                let body = json!({"clabe": clabe, "holder_name": "Cliente", "opening_credit": credit});
                ("/v1/accounts", format!("crash-account-{n}"), body)
            }
            Way::Pause => (
                "/v1/banks/stp/pause",
                format!("crash-pause-{n}"),
                json!({"reason": "drill"}),
            ),
            Way::Create | Way::Direct | Way::Run | Way::Sweep | Way::Cancel | Way::Retry | Way::Beside(_) => {
                let body = Subject::body(cell, n, &self.account)?;
                ("/v1/payouts", format!("crash-{n}"), body)
            }
        };
        // It dies before its answer, or behind it.
        let told = self.hands.victim.post(path, &key, &body).await;
        let died = self.dies("api", cell).await?;
        let again = press(&self.hands.steady, path, &key, &body).await?;
        ensure!(matches!(again.status, 200 | 201), "{cell}: {again:?}");
        match way(cell.point) {
            Way::Open => {
                let account = text(&again.body, "/id")?;
                let subject = self.hands.prepare(cell, n, &account).await?;
                self.subjects.push(subject);
            }
            Way::Pause => {
                let mut over = body.clone();
                over["paused_at"] = again.body["paused_at"].clone();
                let key = format!("{key}-over");
                let reply = press(&self.hands.steady, "/v1/banks/stp/resume", &key, &over).await?;
                ensure!(reply.status == 200, "{cell}: {reply:?}");
                let subject = self.hands.prepare(cell, n, &self.account).await?;
                self.subjects.push(subject);
            }
            Way::Create | Way::Direct | Way::Run | Way::Sweep | Way::Cancel | Way::Retry | Way::Beside(_) => {
                let payout = text(&again.body, "/id")?;
                if let Ok(told) = told {
                    let same = text(&told.body, "/id")? == payout;
                    ensure!(same, "{cell}: {told:?}, and then {again:?}");
                }
                let payout = payout.parse()?;
                self.subjects.push(Subject {
                    cell,
                    key,
                    body,
                    payout,
                });
            }
        }
        Ok(died)
    }

    /// Waits until the victim listens; it may not be waited for by `Stack::ready`, which wants the bank's word too.
    async fn answers(&self) -> Result<()> {
        let start = Instant::now();
        while !matches!(self.hands.victim.get("/healthz").await, Ok(reply) if reply.status == 200) {
            ensure!(start.elapsed() < PATIENCE, "the API does not come up");
            sleep(SOON).await;
        }
        Ok(())
    }

    /// Waits for one death that was aimed at no payout in particular, or at one alone; false when it does not come.
    async fn dies(&mut self, victim: &'static str, cell: Cell) -> Result<bool> {
        let start = Instant::now();
        let patience = if victim == "relay" { PATIENCE } else { BEHIND };
        while start.elapsed() < patience {
            if let Some((point, about)) = self.died(victim)? {
                ensure!(point == cell.point, "{cell}: it died at {point} of {about}");
                self.count(cell);
                return Ok(true);
            }
            sleep(SOON).await;
        }
        Ok(false)
    }

    /// Where and of whom the victim died, once it did: of SIGABRT, after it wrote so. Any other end is an error.
    pub(super) fn died(&mut self, victim: &'static str) -> Result<Option<(Point, String)>> {
        let Some((status, tail)) = self.stack.take_ended(victim) else {
            return Ok(None);
        };
        let log = fs::read_to_string(&self.log)?;
        // Not every death before was counted: one may have been restarted for another reason at that very moment.
        let last = log.lines().rfind(|line| line.ends_with(DIED));
        let (Some(last), Some(ABORTED)) = (last, status.signal()) else {
            bail!("{victim} ended by itself, {status}\n{tail}");
        };
        let mut words = last.split(' ');
        let point = words.next().unwrap_or_default().parse().map_err(anyhow::Error::msg)?;
        Ok(Some((point, words.next().unwrap_or_default().to_owned())))
    }

    pub(super) fn count(&mut self, cell: Cell) {
        self.deaths.push(cell);
        (self.progress)(&Progress {
            deaths: self.deaths.len(),
            of: self.cells.len(),
            now: cell.to_string(),
        });
    }

    /// Brings a program back, with aims or without; one that still runs is killed first.
    pub(super) fn restart(&mut self, program: &'static str, aims: &str) -> Result<()> {
        self.stack.kill(program);
        let log = self.log.display().to_string();
        self.stack
            .run_with(program, &[("GIRO_CRASH", aims), ("GIRO_CRASH_LOG", &log)])
    }

    /// Waits for every end, and holds every promise.
    pub(super) async fn verdict(mut self) -> Result<Report> {
        let dying = self.began.elapsed();
        (self.progress)(&Progress {
            deaths: self.deaths.len(),
            of: self.cells.len(),
            now: "waiting for every end".to_owned(),
        });
        let left = verdict::all_right(&self).await?;
        let ending = self.began.elapsed().saturating_sub(dying);
        let passed = self.passed()?;
        for cell in &self.cells {
            ensure!(passed.contains_key(&cell.point), "nobody ever passed {}", cell.point);
        }
        Ok(Report {
            deaths: std::mem::take(&mut self.deaths),
            passed,
            payouts: self.subjects.len(),
            missed: self.missed,
            left,
            took: (dying, ending),
        })
    }

    /// How often each point was passed.
    fn passed(&self) -> Result<BTreeMap<Point, usize>> {
        let mut passed = BTreeMap::new();
        for line in fs::read_to_string(&self.log)?.lines() {
            let word = line.split(' ').next().unwrap_or_default();
            let point: Point = word.parse().map_err(anyhow::Error::msg)?;
            *passed.entry(point).or_default() += 1;
        }
        Ok(passed)
    }
}
