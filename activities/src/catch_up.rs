//! The bank is senior to the books: on a server that may have lost commits nothing is sent until the bank's own orders
//! were read, and each stands on a row that says it was sent.
//!
//! What the bank has and the books have as never sent is taken in; what they cannot explain is named, and the bank is
//! paused. The right to send is checked against the server by begin itself, in its own transaction.

mod books;
mod lines;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use temporalio_client::Client;
use tokio::{sync::watch, time::Instant};
use tracing::{error, info, warn};
use uuid::Uuid;
use workflows::domain::{PayoutId, State};

use crate::{
    bank::{Sender, StatementLine, StatementUnknown, one_day},
    inbox,
    ledger::{
        Ledger, LedgerError, StoreError,
        command::Adopt,
        heard,
        rows::Seen,
        strays::{self, Stray},
    },
    meters,
    steps::BankSteps,
};
use books::{Books, Doubt};
use lines::Sort;

/// The bank's attention while the books are held against its orders.
pub(crate) const CATCHING_UP: &str = "catching_up";
/// Between two looks at the server.
const LOOK: Duration = Duration::from_secs(1);
/// Nobody vouches for a server sooner after a first look at it: who misses a begin of its own says so by then, also when
/// it waited for a connection in vain once.
const SPOKEN: Duration = Duration::from_secs(5);
/// Waking what one day's statement had holds up whoever read it for no longer than this.
const WAKE: Duration = Duration::from_secs(5);
const WOKEN_AT_ONCE: usize = 16;
/// After a statement that could not be read, wait this long; twice as long each time, up to the last.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_LAST: Duration = Duration::from_secs(15);

/// On which server this process has held the books against the bank's orders; shared by all that send or listen.
#[derive(Clone, Debug)]
pub struct CaughtUp {
    seen: watch::Sender<Option<Seen>>,
    /// Rights to send that this process was given since it last found all of them in the books.
    begun: Arc<Mutex<Vec<Begun>>>,
}

/// A right to send that a process was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) payout: PayoutId,
    pub(crate) send_no: u32,
    pub(crate) sender: Sender,
}

impl Default for CaughtUp {
    fn default() -> Self {
        Self {
            seen: watch::Sender::new(None),
            begun: Arc::default(),
        }
    }
}

impl CaughtUp {
    /// The server; `None` before, and while another is caught up with.
    pub fn seen(&self) -> Option<Seen> {
        self.seen.borrow().clone()
    }

    /// The same, after a wait if need be.
    pub(crate) async fn within(&self, limit: Duration) -> Option<Seen> {
        let mut watching = self.seen.subscribe();
        let seen = tokio::time::timeout(limit, watching.wait_for(Option::is_some)).await;
        seen.ok()?.ok()?.clone()
    }

    fn set(&self, bank: &'static str, seen: Option<Seen>) {
        meters::caught_up(bank, seen.is_some());
        self.seen.send_replace(seen);
    }

    /// A begin was committed: books without it have lost it, though no look had found it there.
    pub(crate) fn remember(&self, begun: Begun) {
        self.begun().push(begun);
    }

    /// Those were found, or are not missed any more: that they are lost is written, or was waited for.
    fn forget(&self, first: &[Begun]) {
        self.begun().drain(..first.len());
    }

    fn begun(&self) -> MutexGuard<'_, Vec<Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the books could not be held against the bank's orders now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Bank(#[from] StatementUnknown),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    #[error("the bank calendar has no such day: {0}")]
    Calendar(#[from] workflows::domain::CalendarError),
    #[error("the bank's statement lacks {0}, which it has taken: it is not whole")]
    Lacks(String),
    #[error("the operating date rolls about now")]
    Rolled,
    #[error("the books were not held against the bank's orders yet")]
    Behind,
}

/// Watches the server until `stop` resolves, and catches up whenever it is another, or has lost something.
pub async fn keep(steps: BankSteps, client: Client, stop: impl Future<Output = ()>) {
    let watcher = Watcher { steps, client };
    tokio::select! {
        () = stop => {}
        () = watch(&watcher) => {}
    }
}

/// Who holds the books against the bank's orders, and wakes the runs of what it takes in.
struct Watcher {
    steps: BankSteps,
    client: Client,
}

/// A server that is being caught up with.
struct Pending {
    /// The books at the last look.
    last: Books,
    /// When this process first looked at the server.
    since: Instant,
    /// Why commits may be lost; `None`: they are not.
    doubt: Option<Doubt>,
    /// People were told, and what the bank had then was taken in.
    told: bool,
    again: Duration,
}

async fn watch(watcher: &Watcher) -> ! {
    // The books when they were last known to be whole: what a later server is judged by.
    let mut whole: Option<Books> = None;
    let mut pending: Option<Pending> = None;
    loop {
        let pause = look(watcher, &mut whole, &mut pending).await;
        tokio::time::sleep(pause).await;
    }
}

/// One look at the server, and the bank's orders where it is another; answers when to look again.
async fn look(watcher: &Watcher, whole: &mut Option<Books>, pending: &mut Option<Pending>) -> Duration {
    let steps = &watcher.steps;
    let bank = steps.bank().name();
    // Before the books are read: what was committed by now must be in them.
    let begun = steps.caught_up().begun().clone();
    let now = match Books::read(steps.ledger(), bank, &begun).await {
        Ok(now) => now,
        // Nothing is known to be different: begin itself looks at the server that it runs on.
        Err(error) => {
            warn!(bank, %error, "the server of the books cannot be looked at");
            return LOOK;
        }
    };
    let goes_on = whole.as_ref().is_some_and(|before| now.goes_on_from(before));
    if goes_on && now.is_caught_up() && steps.caught_up().seen().is_some() {
        if now.is_told {
            // Another process said so, and is gone or has caught up too.
            let _tried = books::mark(steps.ledger(), bank, &now.seen, None).await;
        }
        steps.caught_up().set(bank, Some(now.seen.clone()));
        steps.caught_up().forget(&begun);
        *whole = Some(now);
        return LOOK;
    }
    steps.caught_up().set(bank, None);
    let mut at = match pending.take() {
        Some(at) if now.goes_on_from(&at.last) => Pending {
            last: now.clone(),
            ..at
        },
        before => Pending::new(&now, before.as_ref()),
    };
    // Somebody may have waited by now, or vouch for it; never for what this process has seen and not yet written.
    at.doubt = at
        .doubt
        .filter(|doubt| *doubt == Doubt::Loss)
        .or(now.doubt(whole.as_ref()));
    let sees_loss = at.doubt == Some(Doubt::Loss);
    let mut pause = LOOK;
    let caught_up = round(watcher, &now, &mut at).await;
    match (at.doubt, whole.as_mut()) {
        // Nothing is missed so far.
        (None, Some(before)) => *before = now.clone(),
        // The books say it, for all: this process knows no more than they from now on.
        (Some(Doubt::Unknown), _) => *whole = None,
        (Some(Doubt::Loss), _) | (None, None) => {}
    }
    let is_written = sees_loss && at.doubt == Some(Doubt::Unknown);
    if is_written || matches!(caught_up, Ok(true)) {
        steps.caught_up().forget(&begun);
    }
    match caught_up {
        Ok(true) => {
            *whole = Some(now);
            return LOOK;
        }
        Ok(false) => {}
        Err(error) => {
            error!(bank, %error, "the bank's orders could not be read through: nothing is sent until they are");
            pause = at.again;
            at.again = (at.again * 2).min(AGAIN_LAST);
            let _tried = books::tell(steps.ledger(), bank).await;
        }
    }
    *pending = Some(at);
    pause
}

impl Pending {
    fn new(now: &Books, before: Option<&Self>) -> Self {
        // What was seen, and not written when the server went, is seen still.
        let unwritten = before.and_then(|before| before.doubt);
        let since_then = before.and_then(|before| now.doubt(Some(&before.last)));
        let is_loss = [unwritten, since_then].contains(&Some(Doubt::Loss));
        let same = before.filter(|before| before.last.seen.server == now.seen.server);
        Self {
            last: now.clone(),
            since: same.map_or_else(Instant::now, |before| before.since),
            doubt: is_loss.then_some(Doubt::Loss),
            told: false,
            again: AGAIN_FIRST,
        }
    }
}

/// Reads the bank's orders once. True: the books stand, and may be sent from.
async fn round(watcher: &Watcher, now: &Books, at: &mut Pending) -> Result<bool, Trouble> {
    let steps = &watcher.steps;
    let (ledger, bank) = (steps.ledger(), steps.bank());
    // Before anything else, and for all processes: nothing is sent or given back meanwhile.
    let doubted = match at.doubt {
        None => None,
        Some(doubt) => match books::doubt(ledger, bank.name(), &now.seen, doubt).await? {
            Some(doubted) => Some(doubted),
            // Marked by now, or another server: the next look tells.
            None => return Ok(false),
        },
    };
    // A loss that was seen is written once: from here on only its time is asked for.
    at.doubt = doubted.map(|_| Doubt::Unknown);
    let left = doubted.map_or(Duration::ZERO, |doubted| doubted.left);
    if !left.is_zero() && at.told {
        // Once at the start, and once when all has surfaced: between them the bank is left alone.
        return Ok(false);
    }
    if at.doubt.is_none() && !now.is_caught_up() && at.since.elapsed() < SPOKEN {
        return Ok(false);
    }
    // Around the roll the bank's running day may be another than ours; nothing is sent then anyway.
    if !one_day(&ledger.rules().calendar, now.at, now.at)? {
        return Ok(false);
    }
    let today = ledger.rules().calendar.operating_date(now.at)?.date();
    let (mut orders, mut adopted, mut named) = (0, 0, 0);
    for day in now.days(&ledger.rules().calendar, at.doubt.is_some())? {
        let lines = bank.whole_statement(day, today).await?;
        if !one_day(&ledger.rules().calendar, now.at, ledger.now().await?)? {
            return Err(Trouble::Rolled);
        }
        if at.doubt.is_some()
            && let Some(key) = lines::lacking(ledger, bank.name(), day, &lines).await?
        {
            return Err(Trouble::Lacks(key));
        }
        orders += lines.len();
        let (fresh, strange) = take_in(steps, &watcher.client, &lines, now.at).await?;
        adopted += fresh;
        named += strange;
    }
    if !left.is_zero() {
        warn!(
            bank = bank.name(),
            orders,
            adopted,
            named,
            seconds = left.as_secs(),
            "the books may have lost commits: nothing is sent until lost orders have surfaced and the bank's are read again"
        );
        books::tell(ledger, bank.name()).await?;
        at.told = true;
        return Ok(false);
    }
    let waited = doubted.map(|doubted| doubted.since);
    if !books::mark(ledger, bank.name(), &now.seen, waited).await? {
        // Somebody has seen a loss meanwhile, or it is another server: the next look tells.
        return Ok(false);
    }
    info!(
        bank = bank.name(),
        orders, adopted, named, "the books stand against the bank's orders"
    );
    steps.caught_up().set(bank.name(), Some(now.seen.clone()));
    Ok(true)
}

/// Holds lines against the books, and wakes what it takes in, also where the rest could not be held against them; answers
/// how many orders were taken in, and how many were named for the first time. `at` is the books' time of the reading.
pub(crate) async fn take_in(
    steps: &BankSteps,
    client: &Client,
    lines: &[StatementLine],
    at: Timestamp,
) -> Result<(usize, u64), Trouble> {
    let mut adopted = Vec::new();
    let named = hold(steps, lines, at, &mut adopted).await;
    wake(client, &adopted).await;
    Ok((adopted.len(), named?))
}

/// Holds lines against the books: puts what they take in to `adopted`, names what they cannot explain.
async fn hold(
    steps: &BankSteps,
    lines: &[StatementLine],
    at: Timestamp,
    adopted: &mut Vec<PayoutId>,
) -> Result<u64, Trouble> {
    let (ledger, bank) = (steps.ledger(), steps.bank().name());
    let mut strange = Vec::new();
    for (line, sort) in lines::sorted(ledger.pool(), lines).await? {
        let taken = match sort {
            Sort::Known | Sort::Stray(None, _) => false,
            // What differs is told to its row too: nobody sends on top of it, or gives its money back, by resuming the bank.
            Sort::Lost(payout) | Sort::Stray(Some(payout), _) => takes_in(ledger, payout, line).await?,
        };
        match sort {
            Sort::Known => {}
            Sort::Lost(payout) if taken => {
                warn!(bank, %payout, workflow = payout.workflow_id(), "the bank has it, and its begin is lost: taken in");
                meters::adopted(bank);
                adopted.push(payout);
            }
            Sort::Lost(_) => strange.push(Stray::new(bank, line, "its payout does not take it in".to_owned(), at)),
            Sort::Stray(_, reason) => strange.push(Stray::new(bank, line, reason, at)),
        }
    }
    let named = heard(strays::name(ledger.pool(), bank, &strange)).await?;
    if named > 0 {
        error!(
            bank,
            named, "the bank has orders that the books cannot explain: it is paused until people resume it"
        );
    }
    Ok(named)
}

/// True when the payout says by now that it was sent.
async fn takes_in(ledger: &Ledger, payout: PayoutId, line: &StatementLine) -> Result<bool, Trouble> {
    let (sender, line) = (Sender(Uuid::new_v4()), line.clone());
    match ledger.adopt(Adopt { payout, sender, line }).await {
        Ok(stands) => Ok(stands.is_some_and(|(row, _)| row.state != State::Accepted)),
        // An alert says so already; the others must not wait for its mending.
        Err(LedgerError::SetAside) => Ok(false),
        Err(LedgerError::Later) => Err(LedgerError::Later.into()),
    }
}

/// Their runs may sleep out a pause of the bank, as if nothing had been sent: they ask now. Whoever dies before costs them
/// that sleep, five minutes at most.
pub(crate) async fn wake(client: &Client, payouts: &[PayoutId]) {
    let woken = stream::iter(payouts).for_each_concurrent(WOKEN_AT_ONCE, |payout| async move {
        if let Err(error) = inbox::look(client, *payout).await {
            warn!(%payout, %error, "not woken: it looks by itself later");
        }
    });
    if tokio::time::timeout(WAKE, woken).await.is_err() {
        warn!("not all were woken: they look by themselves later");
    }
}
