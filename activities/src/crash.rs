//! Named places where a process can be made to die at once: before and after every commit, send, signal and answer.
//!
//! A debug build reads `GIRO_CRASH` (who dies where: [`Aim`]) and `GIRO_CRASH_LOG` (a file that gets a line per place
//! passed) once, when it starts. In a release build all of it is empty, and nothing is read.

use std::{fmt, str::FromStr};

use workflows::domain::{AccountId, CorrectionId, PayoutId, ReceivedId, TrackingKey};

macro_rules! points {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// A place in the code, by its order in the life of a payout.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Point {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its word in `GIRO_CRASH`, in logs and in reports.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

points! {
    /// The writer has decided to open an account, and written nothing.
    OpenBeforeWrites = "open_before_writes",
    /// The account is written, and not committed.
    OpenBeforeCommit = "open_before_commit",
    /// The account is committed, and nobody was told.
    OpenAfterCommit = "open_after_commit",
    /// A request for a payout was read, and nothing of it is known to the writer.
    CreateBeforeAccept = "create_before_accept",
    /// The writer has decided to accept, and written nothing.
    AcceptBeforeWrites = "accept_before_writes",
    /// The hold is written, and not committed.
    AcceptBeforeCommit = "accept_before_commit",
    /// The hold is committed, and nobody was told.
    AcceptAfterCommit = "accept_after_commit",
    /// The API knows that it is accepted; no run was started, the caller was not told.
    CreateAfterAccept = "create_after_accept",
    /// The run is being started behind the answer; the caller was not told.
    CreateBeforeAnswer = "create_before_answer",
    /// Temporal is about to be asked for the run of a new payout.
    StartBefore = "start_before",
    /// Temporal has the run.
    StartAfter = "start_after",
    /// The sweeper has marked what it took, and started nothing.
    SweepAfterMark = "sweep_after_mark",
    /// Temporal is about to be asked for the run of an overdue payout.
    RestartBefore = "restart_before",
    /// Temporal has that run.
    RestartAfter = "restart_after",
    /// A run that brought its own request is about to have it accepted.
    StepBeforeAccept = "step_before_accept",
    /// It is accepted, and the run was not told.
    StepAfterAccept = "step_after_accept",
    /// `bank.submit` has begun; the ledger's begin was not asked for.
    SubmitBeforeBegin = "submit_before_begin",
    /// The writer has decided on a begin, and written nothing.
    BeginBeforeWrites = "begin_before_writes",
    /// The begin is written, and not committed.
    BeginBeforeCommit = "begin_before_commit",
    /// The begin is committed, and nobody was told.
    BeginAfterCommit = "begin_after_commit",
    /// This execution has the right to send, and has not used it.
    SubmitAfterBegin = "submit_after_begin",
    /// The bank is connected; no byte of the order has left.
    OrderBeforeFirstByte = "order_before_first_byte",
    /// Bytes of the order have left; the bank has not answered.
    OrderAfterFirstByte = "order_after_first_byte",
    /// The bank's word on the order is known to this process alone.
    SubmitBeforeRecord = "submit_before_record",
    /// The writer has decided on that word, and written nothing.
    RecordBeforeWrites = "record_before_writes",
    /// It is written, and not committed.
    RecordBeforeCommit = "record_before_commit",
    /// It is committed, and nobody was told.
    RecordAfterCommit = "record_after_commit",
    /// It is in the books; the run was not told.
    SubmitAfterRecord = "submit_after_record",
    /// A bank's webhook is about to be stored.
    WebhookBeforeInsert = "webhook_before_insert",
    /// It is stored; the bank was not told.
    WebhookAfterInsert = "webhook_after_insert",
    /// A worker has leased a webhook and begun to work on it.
    InboxAfterClaim = "inbox_after_claim",
    /// The run that waits asks by itself now: the activity has begun.
    InquireBeforeRead = "inquire_before_read",
    /// The bank is about to be asked.
    AskBeforeQuestion = "ask_before_question",
    /// The bank's answer is known to this process alone.
    AskBeforeEvidence = "ask_before_evidence",
    /// The writer has decided on that answer, and written nothing.
    EvidenceBeforeWrites = "evidence_before_writes",
    /// It is written, and not committed.
    EvidenceBeforeCommit = "evidence_before_commit",
    /// It is committed, and nobody was told.
    EvidenceAfterCommit = "evidence_after_commit",
    /// It is in the books; whoever asked was not told.
    AskAfterEvidence = "ask_after_evidence",
    /// The run that asked by itself was not told.
    InquireBeforeAnswer = "inquire_before_answer",
    /// A webhook's evidence stands; the run was not woken.
    InboxBeforeSignal = "inbox_before_signal",
    /// The run was woken; the webhook is not marked as done.
    InboxAfterSignal = "inbox_after_signal",
    /// The webhook is done.
    InboxAfterDone = "inbox_after_done",
    /// The run's step on the books has begun; the writer knows nothing of it.
    StepBeforeApply = "step_before_apply",
    /// The writer has decided to post or release, and written nothing.
    ApplyBeforeWrites = "apply_before_writes",
    /// The end is written, and not committed.
    ApplyBeforeCommit = "apply_before_commit",
    /// The end is committed, and nobody was told.
    ApplyAfterCommit = "apply_after_commit",
    /// The end is in the books; the run was not told.
    StepAfterApply = "step_after_apply",
    /// A transition's event is about to be written beside it.
    OutboxBeforeWrite = "outbox_before_write",
    /// The event is written, and not committed.
    OutboxAfterWrite = "outbox_after_write",
    /// A request to take a payout back was read.
    CancelBeforeCommand = "cancel_before_command",
    /// The writer has decided on it, and written nothing.
    CancelBeforeWrites = "cancel_before_writes",
    /// What became of it is written, and not committed.
    CancelBeforeCommit = "cancel_before_commit",
    /// It is committed, and nobody was told.
    CancelAfterCommit = "cancel_after_commit",
    /// The API knows what became of it; the run was not woken, the caller was not told.
    CancelAfterCommand = "cancel_after_command",
    /// The run of a cancelled payout is about to be woken.
    WakeBeforeSignal = "wake_before_signal",
    /// It was woken.
    WakeAfterSignal = "wake_after_signal",
    /// A person wants to know: the run is there, and was not asked.
    RetryBeforeUpdate = "retry_before_update",
    /// The run has the question: the activity that asks the bank has begun.
    RetryBeforeAsk = "retry_before_ask",
    /// The bank was asked; the run was not told.
    RetryAfterAsk = "retry_after_ask",
    /// The run has answered; the person was not told.
    RetryAfterUpdate = "retry_after_update",
    /// The writer has decided on the transfer of money between two of giro's own, and written nothing.
    BookBeforeWrites = "book_before_writes",
    /// It is written, and not committed.
    BookBeforeCommit = "book_before_commit",
    /// It is committed, and nobody was told.
    BookAfterCommit = "book_after_commit",
    /// The writer has decided on taking a record in, and written nothing.
    ReceiveBeforeWrites = "receive_before_writes",
    /// It is written, and not committed.
    ReceiveBeforeCommit = "receive_before_commit",
    /// It is committed, and nobody was told.
    ReceiveAfterCommit = "receive_after_commit",
    /// The writer has decided on the place of a deposit, and written nothing.
    DepositBeforeWrites = "deposit_before_writes",
    /// It is written, and not committed.
    DepositBeforeCommit = "deposit_before_commit",
    /// It is committed, and nobody was told.
    DepositAfterCommit = "deposit_after_commit",
    /// The writer has decided on what a return reverses, and written nothing.
    ReturnBeforeWrites = "return_before_writes",
    /// It is written, and not committed.
    ReturnBeforeCommit = "return_before_commit",
    /// It is committed, and nobody was told.
    ReturnAfterCommit = "return_after_commit",
    /// The writer has decided on giving what stood apart to a customer, and written nothing.
    CureBeforeWrites = "cure_before_writes",
    /// It is written, and not committed.
    CureBeforeCommit = "cure_before_commit",
    /// It is committed, and nobody was told.
    CureAfterCommit = "cure_after_commit",
    /// The writer has decided on sending a deposit back, and written nothing.
    SendBackBeforeWrites = "send_back_before_writes",
    /// It is written, and not committed.
    SendBackBeforeCommit = "send_back_before_commit",
    /// It is committed, and nobody was told.
    SendBackAfterCommit = "send_back_after_commit",
    /// The writer has decided on what a person says, and written nothing.
    DecideBeforeWrites = "decide_before_writes",
    /// It is written, and not committed.
    DecideBeforeCommit = "decide_before_commit",
    /// It is committed, and nobody was told.
    DecideAfterCommit = "decide_after_commit",
    /// The writer has decided on a word about the books, and written nothing.
    CorrectBeforeWrites = "correct_before_writes",
    /// It is written, and not committed.
    CorrectBeforeCommit = "correct_before_commit",
    /// It is committed, and nobody was told.
    CorrectAfterCommit = "correct_after_commit",
    /// People pause or resume the bank: nothing is written.
    PauseBefore = "pause_before",
    /// The pause is committed; who asked was not told.
    PauseAfter = "pause_after",
    /// A closure is called off; what waits for its end still has its late deadline.
    CallOffAfterCommit = "call_off_after_commit",
    /// People froze, opened or closed an account; who asked was not told.
    StatusAfterCommit = "status_after_commit",
    /// Finance has closed a day; its balances are not kept yet.
    CloseBeforeBalances = "close_before_balances",
    /// Banxico's portal has answered; the books do not have it.
    LookUpBeforeAnswer = "look_up_before_answer",
}

impl fmt::Display for Point {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|point| point.word() == word).copied();
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|point| point.word()).collect();
            format!("no crash point is called {word:?}; they are {}", known.join(", "))
        })
    }
}

/// One death, written `WORD`, `WORD:N` for the N-th time that the place is passed, and `WORD@KEY` or `WORD:N@KEY` for
/// one payout's passing, by its tracking key (an account's by its id, a bank's by its name). With `!stop` behind it the
/// process does not die but stops there, until somebody sends it SIGCONT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// Where.
    pub point: Point,
    /// The how manieth time, from 1.
    pub pass: u32,
    /// Whose; `None` is whoever comes.
    pub about: Option<String>,
    /// It stops, and may go on later.
    pub stops: bool,
}

/// What is written behind an aim that stops.
const STOPS: &str = "!stop";

impl fmt::Display for Aim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.point, self.pass)?;
        if let Some(about) = &self.about {
            write!(out, "@{about}")?;
        }
        out.write_str(if self.stops { STOPS } else { "" })
    }
}

impl FromStr for Aim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (aim, stops) = text.strip_suffix(STOPS).map_or((text, false), |aim| (aim, true));
        let (place, about) = aim
            .split_once('@')
            .map_or((aim, None), |(place, about)| (place, Some(about.to_owned())));
        let (word, pass) = place.split_once(':').unwrap_or((place, "1"));
        let pass = pass.parse().ok().filter(|pass| *pass > 0);
        Ok(Self {
            point: word.parse()?,
            pass: pass
                .ok_or_else(|| format!("{text:?}: after the colon comes 1 for the first time, 2 for the second"))?,
            about,
            stops,
        })
    }
}

/// Whom a place is passed for.
pub trait About {
    /// Its name in aims and in the log; nothing of a person.
    fn name(&self) -> String;
}

impl About for TrackingKey {
    fn name(&self) -> String {
        self.to_string()
    }
}

impl About for PayoutId {
    fn name(&self) -> String {
        TrackingKey::derive(*self).to_string()
    }
}

impl About for AccountId {
    fn name(&self) -> String {
        self.to_string()
    }
}

impl About for CorrectionId {
    fn name(&self) -> String {
        self.to_string()
    }
}

impl About for ReceivedId {
    fn name(&self) -> String {
        self.to_string()
    }
}

impl About for str {
    fn name(&self) -> String {
        self.to_owned()
    }
}

/// How a line of the log ends when the process died there.
pub const DIED: &str = "died";

#[cfg(debug_assertions)]
pub use armed::{arm, at};

#[cfg(not(debug_assertions))]
pub use disarmed::{arm, at};

#[cfg(not(debug_assertions))]
mod disarmed {
    /// Nothing: a release build has no crash points.
    #[inline(always)]
    pub const fn arm() -> Result<(), String> {
        Ok(())
    }

    /// Nothing.
    #[inline(always)]
    pub const fn at<A: super::About + ?Sized>(_: super::Point, _: &A) {}
}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        env,
        fs::{File, OpenOptions},
        io::Write,
        sync::{
            OnceLock,
            atomic::{AtomicBool, AtomicU32, Ordering},
        },
        thread,
        time::Duration,
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::{About, Aim, DIED, Point};

    static PLAN: OnceLock<Plan> = OnceLock::new();

    /// A signal that the kernel has is taken by then, on a busy machine too.
    const TAKEN_WITHIN: Duration = Duration::from_secs(2);

    /// What the variables say.
    struct Plan {
        aims: Vec<(Aim, AtomicU32)>,
        log: Option<File>,
        dying: AtomicBool,
    }

    /// Reads the variables, once; an error says which words there are.
    pub fn arm() -> Result<(), String> {
        let aims = env::var("GIRO_CRASH").unwrap_or_default();
        let log = env::var_os("GIRO_CRASH_LOG");
        if aims.is_empty() && log.is_none() {
            return Ok(());
        }
        let aims = aims.split(',').filter(|aim| !aim.is_empty());
        let aims = aims.map(|aim| Ok((aim.parse()?, AtomicU32::new(0))));
        let aims = aims
            .collect::<Result<_, String>>()
            .map_err(|why| format!("GIRO_CRASH: {why}"))?;
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        let log = log.map(open).transpose();
        let log = log.map_err(|why| format!("GIRO_CRASH_LOG cannot be written: {why}"))?;
        let dying = AtomicBool::new(false);
        // A second call finds the first one's plan.
        let _armed = PLAN.set(Plan { aims, log, dying });
        Ok(())
    }

    /// The process passes a place; if it is aimed at there, it dies of SIGABRT, and nothing of it is cleaned up, or it
    /// stops.
    pub fn at<A: About + ?Sized>(point: Point, about: &A) {
        let Some(plan) = PLAN.get() else { return };
        let about = about.name();
        let hit = |(aim, passed): &(Aim, AtomicU32)| {
            aim.point == point
                && aim.about.as_ref().is_none_or(|of| *of == about)
                && passed.fetch_add(1, Ordering::SeqCst) + 1 == aim.pass
        };
        let hits: Vec<&Aim> = plan.aims.iter().filter(|aim| hit(aim)).map(|(aim, _)| aim).collect();
        // Two threads at their places die one death.
        let dies = hits.iter().any(|aim| !aim.stops) && !plan.dying.swap(true, Ordering::SeqCst);
        let line = if dies {
            format!("{point} {about} {DIED}\n")
        } else {
            format!("{point} {about}\n")
        };
        if let Some(mut log) = plan.log.as_ref() {
            let _unwritten = log.write_all(line.as_bytes());
        }
        if dies {
            tracing::error!(%point, about, "GIRO_CRASH: this process ends here");
            std::process::abort();
        }
        if hits.iter().any(|aim| aim.stops) {
            let _stopped = kill_process(getpid(), Signal::STOP);
            // Another thread may be the one that takes the signal, later; this one does nothing more until then.
            thread::sleep(TAKEN_WITHIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn aims_read_back_and_a_wrong_one_is_told_the_words() {
        for point in Point::ALL {
            assert_eq!(point.word().parse(), Ok(*point));
            for text in ["", ":1", ":7", "@GIRO1", ":2@GIRO1", "!stop", ":2@GIRO1!stop"] {
                let aim: Aim = format!("{point}{text}").parse().expect("an aim");
                assert_eq!(aim.to_string().parse(), Ok(aim));
            }
        }
        let told = "submit_before_lunch".parse::<Aim>().expect_err("no such place");
        assert!(told.contains("submit_before_begin, begin_before_writes"), "{told}");
        for text in ["apply_after_commit:0", "apply_after_commit:x", "apply_after_commit:"] {
            assert!(text.parse::<Aim>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_point_stands_in_the_code_and_has_a_word_of_its_own() {
        let mut text = String::new();
        for root in ["src", "../worker/src"] {
            read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), &mut text);
        }
        let mut words: Vec<&str> = Vec::new();
        for point in Point::ALL {
            let named = format!("Point::{point:?}");
            assert!(text.contains(&named), "nothing passes {named}");
            words.push(point.word());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Point::ALL.len());
    }

    /// Every source file below a directory, but this one.
    fn read(root: &Path, text: &mut String) {
        for entry in fs::read_dir(root)
            .expect("sources")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                read(&entry, text);
            } else if !entry.ends_with("crash.rs") {
                text.push_str(&fs::read_to_string(&entry).expect("a source"));
            }
        }
    }
}
