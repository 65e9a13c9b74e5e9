//! The stack that all deaths happen on, and their order: what takes longest to come right dies first.

use std::{collections::BTreeMap, fs, os::unix::process::ExitStatusExt, path::PathBuf, time::Duration};

use activities::crash::{DIED, Point};
use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    Listener, Progress,
    drive::{Hands, Subject, press},
    plan::{Cell, Way, victim, way},
    report::Report,
    verdict,
};
use crate::{
    client::{clabe, text},
    stack::{PATIENCE, Setup, Stack},
};

/// Payouts on their way to their points at once: the others of one process are cut off wherever they are.
const AT_ONCE: usize = 8;
/// Nobody died for so long after the last was let go: another may go. All at once would cut off each other.
const PACE: Duration = Duration::from_millis(700);
/// Requests under way at once while payouts are prepared.
const ASKING: usize = 8;
const SOON: Duration = Duration::from_millis(10);
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
        let aimed = |cell: &Cell| !matches!(way(cell.point), Way::Open | Way::Create | Way::Sweep | Way::Pause);
        let of = |name: &'static str| move |cell: &&Cell| aimed(cell) && victim(cell.point) == name;
        for name in ["worker", "api"] {
            let cells: Vec<Cell> = self.cells.iter().filter(of(name)).copied().collect();
            self.stack.kill(name);
            let subjects = self.prepare(&cells).await?;
            self.aimed(name, subjects).await?;
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
    async fn prepare(&mut self, cells: &[Cell]) -> Result<Vec<Subject>> {
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

    /// Lets payouts go, some at a time, and has the victim die of each at its point.
    async fn aimed(&mut self, victim: &'static str, mut waiting: Vec<Subject>) -> Result<()> {
        waiting.reverse();
        let mut on_their_way: Vec<Subject> = Vec::new();
        let mut acting = JoinSet::new();
        let mut last = Instant::now();
        loop {
            let left = waiting.iter().chain(&on_their_way);
            let aims: Vec<String> = left
                .map(|subject| format!("{}@{}", subject.cell.point, subject.tracking_key()))
                .collect();
            self.restart(victim, &aims.join(","))?;
            if aims.is_empty() {
                break;
            }
            let mut let_go: Option<Instant> = None;
            let (point, about) = loop {
                let due = let_go.is_none_or(|at| at.elapsed() > PACE) && on_their_way.len() < AT_ONCE;
                if due && let Some(next) = waiting.pop() {
                    acting.spawn(self.hands.clone().release(next.clone()));
                    on_their_way.push(next);
                    let_go = Some(Instant::now());
                }
                if let Some(died) = self.died(victim)? {
                    break died;
                }
                while let Some(acted) = acting.try_join_next() {
                    acted??;
                }
                let missing = || {
                    on_their_way
                        .iter()
                        .map(|subject| format!("{} {}", subject.cell, subject.payout))
                };
                ensure!(
                    last.elapsed() < PATIENCE,
                    "nobody passes any more: {:?}",
                    missing().collect::<Vec<String>>()
                );
                sleep(SOON).await;
            };
            last = Instant::now();
            let place = on_their_way
                .iter()
                .position(|subject| subject.cell.point == point && subject.tracking_key() == about);
            let dead = on_their_way.swap_remove(place.with_context(|| format!("nobody aimed at {point} of {about}"))?);
            self.count(dead.cell);
        }
        while let Some(acted) = acting.join_next().await {
            acted??;
        }
        Ok(())
    }

    /// A payout that only the relay drives.
    async fn swept(&mut self, cell: Cell) -> Result<()> {
        let subjects = self.prepare(&[cell]).await?;
        let subject = subjects.first().context("one")?;
        self.restart("relay", &format!("{}@{}", cell.point, subject.tracking_key()))?;
        self.dies("relay", cell).await
    }

    /// A request that cuts off whoever serves it, and is asked again elsewhere.
    async fn asked(&mut self, cell: Cell) -> Result<()> {
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
            Way::Create | Way::Direct | Way::Run | Way::Sweep | Way::Cancel | Way::Retry => {
                let body = Subject::body(cell, n, &self.account)?;
                ("/v1/payouts", format!("crash-{n}"), body)
            }
        };
        // It dies before its answer, or behind it.
        let told = self.hands.victim.post(path, &key, &body).await;
        self.dies("api", cell).await?;
        let again = press(&self.hands.steady, path, &key, &body).await?;
        ensure!(matches!(again.status, 200 | 201), "{cell}: {again:?}");
        match way(cell.point) {
            Way::Open => {
                let account = text(&again.body, "/id")?;
                let subject = self.hands.prepare(cell, n, &account).await?;
                self.subjects.push(subject);
            }
            Way::Pause => {
                let reply = press(
                    &self.hands.steady,
                    "/v1/banks/stp/resume",
                    &format!("{key}-over"),
                    &body,
                )
                .await?;
                ensure!(reply.status == 200, "{cell}: {reply:?}");
                let subject = self.hands.prepare(cell, n, &self.account).await?;
                self.subjects.push(subject);
            }
            Way::Create | Way::Direct | Way::Run | Way::Sweep | Way::Cancel | Way::Retry => {
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
        Ok(())
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

    /// Waits for one death that was aimed at no payout in particular, or at one alone.
    async fn dies(&mut self, victim: &'static str, cell: Cell) -> Result<()> {
        let start = Instant::now();
        loop {
            if let Some((point, about)) = self.died(victim)? {
                ensure!(point == cell.point, "{cell}: it died at {point} of {about}");
                self.count(cell);
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "{cell}: {victim} never passes");
            sleep(SOON).await;
        }
    }

    /// Where and of whom the victim died, once it did: of SIGABRT, after it wrote so. Any other end is an error.
    fn died(&mut self, victim: &'static str) -> Result<Option<(Point, String)>> {
        let Some((status, tail)) = self.stack.take_ended(victim) else {
            return Ok(None);
        };
        let log = fs::read_to_string(&self.log)?;
        let deaths: Vec<&str> = log.lines().filter(|line| line.ends_with(DIED)).collect();
        let last = deaths.get(self.deaths.len());
        let (Some(last), Some(ABORTED)) = (last, status.signal()) else {
            bail!("{victim} ended by itself, {status}\n{tail}");
        };
        let mut words = last.split(' ');
        let point = words.next().unwrap_or_default().parse().map_err(anyhow::Error::msg)?;
        Ok(Some((point, words.next().unwrap_or_default().to_owned())))
    }

    fn count(&mut self, cell: Cell) {
        self.deaths.push(cell);
        (self.progress)(&Progress {
            deaths: self.deaths.len(),
            of: self.cells.len(),
            now: cell.to_string(),
        });
    }

    /// Brings a program back, with aims or without; one that still runs is killed first.
    fn restart(&mut self, program: &'static str, aims: &str) -> Result<()> {
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
