//! Deaths aimed at payouts by their tracking keys: some go at a time, and each that misses is replaced.
//!
//! A payout can pass its point unseen: a neighbour's death cut it off there, and when it came back the bank had spoken
//! in another way. It still has to come right; another takes its place.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    drive::Subject,
    plan::Cell,
    yard::{SOON, Yard},
};
use crate::books::Books;

/// Payouts on their way to their points at once.
const AT_ONCE: usize = 8;
/// Nobody died for so long after the last was let go: another may go. All at once would cut off each other.
const PACE: Duration = Duration::from_millis(700);
/// Between two looks at the books for those that missed.
const LOOK: Duration = Duration::from_secs(1);
/// What is still passed once a payout has ended is passed within this.
const AFTER_END: Duration = Duration::from_secs(10);
/// Whoever has not passed by then waits for something that does not come.
const ASTRAY: Duration = Duration::from_secs(90);
/// Payouts that one death may cost.
const TRIES: usize = 6;

/// One on its way.
struct Walker {
    subject: Subject,
    since: Instant,
    ended: Option<Instant>,
}

impl Walker {
    fn missed(&self) -> bool {
        self.ended.is_some_and(|at| at.elapsed() > AFTER_END) || self.since.elapsed() > ASTRAY
    }
}

/// One victim's deaths.
pub(super) struct Volley<'v, 'a> {
    yard: &'v mut Yard<'a>,
    victim: &'static str,
    books: Books,
    waiting: Vec<Subject>,
    walking: Vec<Walker>,
    acting: JoinSet<Result<()>>,
    missed: Vec<Cell>,
}

/// What ended one life of the victim.
enum End {
    Died(Cell),
    Missed,
}

impl<'v, 'a> Volley<'v, 'a> {
    /// `waiting` are prepared; the first goes first.
    pub(super) async fn new(yard: &'v mut Yard<'a>, victim: &'static str, mut waiting: Vec<Subject>) -> Result<Self> {
        waiting.reverse();
        Ok(Self {
            books: Books::connect(&yard.stack.database).await?,
            yard,
            victim,
            waiting,
            walking: Vec::new(),
            acting: JoinSet::new(),
            missed: Vec::new(),
        })
    }

    /// Until all have died; then the victim lives.
    pub(super) async fn fire(mut self) -> Result<()> {
        while !(self.waiting.is_empty() && self.walking.is_empty()) {
            let walking = self.walking.iter().map(|walker| &walker.subject);
            let aims: Vec<String> = self.waiting.iter().chain(walking).map(Subject::aim).collect();
            self.yard.restart(self.victim, &aims.join(","))?;
            match self.one_life().await? {
                End::Died(cell) => self.yard.count(cell),
                End::Missed => self.replace().await?,
            }
        }
        self.yard.restart(self.victim, "")?;
        while let Some(acted) = self.acting.join_next().await {
            acted??;
        }
        Ok(())
    }

    async fn one_life(&mut self) -> Result<End> {
        let (mut let_go, mut looked): (Option<Instant>, Instant) = (None, Instant::now());
        loop {
            let due = let_go.is_none_or(|at| at.elapsed() > PACE) && self.walking.len() < AT_ONCE;
            if due && let Some(subject) = self.waiting.pop() {
                self.acting.spawn(self.yard.hands.clone().release(subject.clone()));
                let since = Instant::now();
                self.walking.push(Walker {
                    subject,
                    since,
                    ended: None,
                });
                let_go = Some(since);
            }
            if let Some((point, about)) = self.yard.died(self.victim)? {
                let is_it =
                    |walker: &Walker| walker.subject.cell.point == point && walker.subject.tracking_key() == about;
                let place = self.walking.iter().position(is_it);
                let dead = self
                    .walking
                    .swap_remove(place.with_context(|| format!("nobody aimed at {point} of {about}"))?);
                return Ok(End::Died(dead.subject.cell));
            }
            while let Some(acted) = self.acting.try_join_next() {
                acted??;
            }
            if looked.elapsed() > LOOK {
                self.look().await?;
                looked = Instant::now();
                if self.walking.iter().any(Walker::missed) {
                    return Ok(End::Missed);
                }
            }
            sleep(SOON).await;
        }
    }

    /// Who has ended without passing its point.
    async fn look(&mut self) -> Result<()> {
        let standings = self.books.standings().await?;
        for walker in &mut self.walking {
            let row = standings.get(&walker.subject.tracking_key());
            if row.is_some_and(|row| !row.open) {
                walker.ended.get_or_insert_with(Instant::now);
            }
        }
        Ok(())
    }

    /// Another payout for each that missed; the victim starts anew, with aims that are still true.
    async fn replace(&mut self) -> Result<()> {
        let astray: Vec<Walker> = self.walking.extract_if(.., |walker| walker.missed()).collect();
        for walker in astray {
            let cell = walker.subject.cell;
            self.missed.push(cell);
            let tries = self.missed.iter().filter(|missed| **missed == cell).count();
            ensure!(tries < TRIES, "{cell}: {tries} payouts, and none passes");
            let instead = self.yard.prepare(&[cell]).await?;
            self.waiting.extend(instead);
            self.yard.missed += 1;
        }
        Ok(())
    }
}
