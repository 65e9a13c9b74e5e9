//! A bank in the books: whether it may be sent to, why not, and the server that its orders were held against.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workflows::domain::{BankCalendar, CalendarError, OperatingDate, Window};

/// The server that holds the books: a restart, a failover and a restore each make another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Postgres: `system_identifier`.
    pub system: String,
    /// Postgres: the timeline that is written; a promotion begins a new one.
    pub timeline: i32,
    /// When its postmaster started, in microseconds since 1970.
    pub started_us: i64,
}

/// A server as it was seen at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Which.
    #[serde(flatten)]
    pub server: Server,
    /// How far its log was flushed, in bytes.
    pub wal: i64,
}

impl Seen {
    /// True when `now` is the same server with nothing of its log gone.
    pub fn still(&self, now: &Self) -> bool {
        self.server == now.server && self.wal <= now.wal
    }
}

/// A bank: whether it may be sent to, and what one payout found out for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankRow {
    pub name: String,
    pub refuses_repeated_keys: bool,
    pub paused_by: Option<PausedBy>,
    pub pause_reason: Option<String>,
    pub paused_at: Option<Timestamp>,
    pub attention: Option<String>,
    pub closed_until: Option<Timestamp>,
    pub backoff_seconds: i32,
    pub probe_at: Option<Timestamp>,
    /// Rights to send ever given; it goes back only where commits were lost.
    pub begins: i64,
    /// The server on which the bank's orders were last read through.
    pub caught_up: Option<Server>,
    /// How it is away; `None`: it is not.
    pub away_by: Option<AwayBy>,
    pub away_since: Option<Timestamp>,
    /// Nothing was answered since; any answer ends it.
    pub silent_since: Option<Timestamp>,
    /// Whose send or question was the first without an answer.
    pub silent_first: Option<Uuid>,
    /// When its last pause or absence ended.
    pub back_at: Option<Timestamp>,
    /// When a closure was called off that kept it from sending.
    #[serde(default)]
    pub called_off_at: Option<Timestamp>,
    /// The times for which it announced that it is closed, as they begin; those that are over may still stand here.
    #[serde(default)]
    pub closures: Vec<Closure>,
}

impl BankRow {
    /// A bank that nothing is known of.
    pub fn new(name: &str, refuses_repeated_keys: bool) -> Self {
        Self {
            name: name.to_owned(),
            refuses_repeated_keys,
            paused_by: None,
            pause_reason: None,
            paused_at: None,
            attention: None,
            closed_until: None,
            backoff_seconds: 0,
            probe_at: None,
            begins: 0,
            caught_up: None,
            away_by: None,
            away_since: None,
            silent_since: None,
            silent_first: None,
            back_at: None,
            called_off_at: None,
            closures: Vec::new(),
        }
    }

    /// The announced closure that an instant is in; of two, the one that lasts longer.
    pub fn closure(&self, at: Timestamp) -> Option<&Closure> {
        let here = self.closures.iter().filter(|closure| closure.covers(at));
        here.max_by_key(|closure| closure.until)
    }

    /// The same as [`opens`](Self::opens) for a send whose right lasts for `fence`: a closure that begins before its end is
    /// waited out first. Error: as there.
    pub fn takes(
        &self,
        calendar: &BankCalendar,
        now: Timestamp,
        fence: SignedDuration,
    ) -> Result<(Timestamp, OperatingDate), CalendarError> {
        let ahead = now.checked_add(fence).unwrap_or(now);
        let closure = self.closure(now).or_else(|| self.closure(ahead));
        self.opens(calendar, closure.map_or(now, |closure| closure.until))
    }

    /// The first instant from `from` on that neither the roll nor an announced closure keeps from sending, and the bank's
    /// day of an order that is sent then. Error: the search leaves the calendar's table.
    pub fn opens(&self, calendar: &BankCalendar, from: Timestamp) -> Result<(Timestamp, OperatingDate), CalendarError> {
        let mut at = from;
        loop {
            match (self.closure(at), calendar.window(at)?) {
                (Some(closure), _) => at = closure.until,
                (None, Window::Closed { until }) => at = until,
                (None, Window::Open { operating_date, .. }) => return Ok((at, operating_date)),
            }
        }
    }

    /// True when its orders were read through on this server, which the transaction runs on.
    pub fn is_caught_up(&self, server: Option<&Seen>) -> bool {
        server.is_some_and(|now| self.caught_up.as_ref() == Some(&now.server))
    }
}

/// A time for which a bank announced that it takes no orders: maintenance. `from` is in it, `until` is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    pub from: Timestamp,
    pub until: Timestamp,
    /// Why, and who said so.
    pub reason: String,
}

impl Closure {
    /// True when the instant is in it.
    pub fn covers(&self, at: Timestamp) -> bool {
        (self.from..self.until).contains(&at)
    }
}

/// How a bank is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwayBy {
    /// No connection: no byte of an order left.
    Unreachable,
    /// It only answers questions.
    ReadOnly,
    /// It answers nothing, neither orders nor questions.
    Silent,
}

/// Why payouts wait for their bank, and not for a reason of their own; the words are those of `waits_for` in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Cause {
    /// It is paused.
    Paused(PausedBy),
    /// It does not answer, or takes no orders.
    Away,
    /// The books are held against its orders.
    CatchingUp,
    /// It is back, and has not been asked about all of them.
    Recovering,
}

impl Cause {
    /// Every cause.
    pub fn all() -> impl Iterator<Item = Self> {
        PausedBy::ALL
            .into_iter()
            .map(Self::Paused)
            .chain([Self::Away, Self::CatchingUp, Self::Recovering])
    }

    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Paused(by) => by.word(),
            Self::Away => "away",
            Self::CatchingUp => "catching_up",
            Self::Recovering => "recovering",
        }
    }

    /// Since when it has kept the payouts of this bank waiting; `None` when the row does not have it.
    pub const fn since(self, bank: &BankRow) -> Option<Timestamp> {
        match self {
            Self::Paused(_) => bank.paused_at,
            Self::Away => bank.away_since,
            Self::CatchingUp => None,
            Self::Recovering => bank.back_at,
        }
    }
}

impl TryFrom<String> for Cause {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let found = Self::all().find(|cause| cause.word() == word);
        found.ok_or_else(|| format!("no cause is called {word}"))
    }
}

impl From<Cause> for String {
    fn from(cause: Cause) -> Self {
        cause.word().to_owned()
    }
}

/// Who paused a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    /// `giro bank pause`; ends only by `giro bank resume`.
    People,
    /// Our key, signature or company was refused; probes end it.
    Configuration,
    /// The bank paid what was already released; ends only by `giro bank resume`.
    PaidAfterRelease,
    /// The bank has two orders under one key; ends only by `giro bank resume`.
    SecondOrder,
    /// The bank has an order that the books cannot explain; ends only by `giro bank resume`.
    StrayOrder,
}

impl PausedBy {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::People,
        Self::Configuration,
        Self::PaidAfterRelease,
        Self::SecondOrder,
        Self::StrayOrder,
    ];

    /// The word in the books.
    pub const fn word(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Configuration => "configuration",
            Self::PaidAfterRelease => "paid_after_release",
            Self::SecondOrder => "second_order",
            Self::StrayOrder => "stray_order",
        }
    }

    /// True where giro paused because money may be wrong: nobody lifts it without naming it.
    pub const fn is_alarm(self) -> bool {
        match self {
            Self::PaidAfterRelease | Self::SecondOrder | Self::StrayOrder => true,
            Self::People | Self::Configuration => false,
        }
    }
}
