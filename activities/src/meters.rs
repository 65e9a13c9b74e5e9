//! What this crate measures: every metric once, with its help, labels and programs, and the calls that count.
//!
//! Names begin with `giro_`, units are base units, counters end in `_total`. No label holds an id, an account or
//! anything of a person: each has a handful of values. Without a recorder, counting costs nothing and does nothing.

use std::time::{Duration, SystemTime};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use workflows::domain::{PortalAnswer, ReceivedKind, ReceivedState, State};

use crate::{
    audit::{Invariant, Report},
    bank::{Found, FoundDoubt, NotSent, Submitted},
    ledger::rows::Event,
};

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    /// The word that Prometheus has for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A program that exports metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `giro api`.
    Api,
    /// `giro worker`.
    Worker,
    /// `giro relay`.
    Relay,
    /// `giro audit --every`.
    Audit,
}

impl Program {
    /// The subcommand.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Relay => "relay",
            Self::Audit => "audit",
        }
    }
}

/// One metric, as `docs/metrics.md` has it too.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// Its whole name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// Who exports it.
    pub programs: &'static [Program],
    /// What it means.
    pub help: &'static str,
}

impl Meter {
    /// Tells the recorder of it. What has no label stands there from the start, so that a first event is an increase.
    pub fn describe(&self) {
        let unit = if self.name.contains("_seconds") {
            Unit::Seconds
        } else {
            Unit::Count
        };
        match self.kind {
            Kind::Counter => describe_counter!(self.name, unit, self.help),
            Kind::Gauge => describe_gauge!(self.name, unit, self.help),
            Kind::Histogram => describe_histogram!(self.name, unit, self.help),
        }
        match self.kind {
            Kind::Counter if self.labels.is_empty() => counter!(self.name).absolute(0),
            Kind::Histogram if self.labels.is_empty() => drop(histogram!(self.name)),
            Kind::Counter | Kind::Gauge | Kind::Histogram => {}
        }
    }
}

/// The metrics of a crate: a constant for each name, and all of them as `ALL`.
#[macro_export]
macro_rules! meters {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal)*] of [$($program:ident)+]: $help:literal;)+) => {
        $(pub(crate) const $constant: &str = $name;)+

        /// Every metric of this crate.
        pub const ALL: &[$crate::meters::Meter] = &[$($crate::meters::Meter {
            name: $name,
            kind: $crate::meters::Kind::$kind,
            labels: &[$($label),*],
            programs: &[$($crate::meters::Program::$program),+],
            help: $help,
        }),+];
    };
}

meters! {
    BLOCK_COMMANDS = Histogram "giro_ledger_block_commands" [] of [Api Worker]:
        "Commands in a block that the writer of this process committed.";
    BLOCK_SECONDS = Histogram "giro_ledger_block_seconds" [] of [Api Worker]:
        "Time from taking a block until it was committed, tries included.";
    WAITING = Gauge "giro_ledger_waiting_commands" [] of [Api Worker]:
        "Commands that were left waiting when the writer took its last block.";
    FAILED_TRIES = Counter "giro_ledger_failed_tries_total" ["fault"] of [Api Worker]:
        "Tries of a block that failed: a row breaks a check, a key was taken by another writer, the books were away.";
    SET_ASIDE = Counter "giro_ledger_set_aside_total" [] of [Api Worker]:
        "Commands that alone break a check of the books: not written, and a bug.";
    LATER = Counter "giro_ledger_later_total" [] of [Api Worker]:
        "Commands told to come back later because the books stayed away.";
    TRANSITIONS = Counter "giro_payout_transitions_total" ["state"] of [Api Worker]:
        "Transitions of payouts that this process committed, by the state entered; a resend enters sending again.";
    RECEIVED = Counter "giro_received_transitions_total" ["kind" "state"] of [Api Worker]:
        "Transitions of deposits and returns that this process committed, by the state entered.";
    RECEIVED_ATTENTION = Gauge "giro_received_attention" ["kind" "reason"] of [Relay]:
        "Deposits and returns that a person should look at.";
    SETTLED = Counter "giro_settled_centavos_total" [] of [Api Worker]:
        "Centavos of payouts that this process booked as settled, without fee and IVA.";
    ANSWERS = Counter "giro_bank_answers_total" ["bank" "question" "answer" "code"] of [Worker]:
        "What the bank answered to submit and inquire, with its code.";
    ANSWER_SECONDS = Histogram "giro_bank_answer_seconds" ["bank" "question"] of [Worker]:
        "Time of one submit or inquire at the bank, answered or not.";
    SENDS = Counter "giro_bank_sends_total" ["bank"] of [Worker]:
        "Orders of which a byte left for the bank.";
    DOUBTS = Counter "giro_bank_doubts_total" ["bank"] of [Worker]:
        "Sends after which nobody knew whether the bank has the order.";
    CAUGHT_UP = Gauge "giro_bank_caught_up" ["bank"] of [Worker]:
        "1 while the books stand as they were held against the bank's orders; nothing is sent at 0.";
    ADOPTED = Counter "giro_bank_adopted_total" ["bank"] of [Worker]:
        "Orders that the bank had of payouts whose begin the books had lost.";
    TURN_SECONDS = Gauge "giro_bank_turn_seconds" ["bank"] of [Worker Audit]:
        "Seconds between two calls that this process allows itself; it grows when the bank says 429, and shrinks again.";
    NO_TURN = Counter "giro_bank_put_off_total" ["bank"] of [Worker Audit]:
        "Calls that were put off because their turn did not come within seconds; nothing was begun.";
    THROTTLED = Counter "giro_bank_throttled_total" ["bank"] of [Worker Audit]:
        "Times that the bank said 429 and giro halved its rate.";
    BANXICO = Counter "giro_banxico_answers_total" ["answer"] of [Worker]:
        "What Banxico's portal of receipts answered to questions.";
    WORKED = Counter "giro_inbox_looks_total" ["bank" "fate"] of [Worker]:
        "Looks at stored webhooks, by what became of the row.";
    OPEN = Gauge "giro_payouts_open" ["state"] of [Relay]:
        "Payouts that have not ended.";
    OPEN_AGE = Gauge "giro_payouts_open_oldest_age_seconds" ["state"] of [Relay]:
        "Age of the oldest payout that has not ended, since it was accepted; 0 without one.";
    IN_DOUBT = Gauge "giro_payouts_in_doubt" [] of [Relay]:
        "Open payouts in doubt: their outcome is unknown.";
    ATTENTION = Gauge "giro_payouts_attention" ["reason"] of [Relay]:
        "Payouts that a person should look at one by one: what only waits for its bank is not counted here.";
    ATTENTION_AGE = Gauge "giro_payouts_attention_oldest_age_seconds" ["reason"] of [Relay]:
        "How long a person has been wanted at the longest; 0 without attention.";
    BANK_ATTENTION = Gauge "giro_bank_attention" ["bank" "cause"] of [Relay]:
        "1 while the bank stands in the list of what a person should look at, for this cause.";
    BANK_WAITING = Gauge "giro_bank_waiting_payouts" ["bank" "cause"] of [Relay]:
        "Payouts past their deadline for nothing but this cause, which lies with the bank.";
    BANK_WAITING_AGE = Gauge "giro_bank_waiting_oldest_age_seconds" ["bank" "cause"] of [Relay]:
        "How long the first of them has been past its deadline; 0 without one.";
    BANK_PAUSED = Gauge "giro_bank_paused" ["bank" "reason"] of [Relay]:
        "1 while nothing is sent through the bank for this reason, until people or a probe resume it.";
    BANK_CLOSED = Gauge "giro_bank_closed" ["bank"] of [Relay]:
        "1 while the bank is backed off from, because an order found it unreachable or closed, or in a closure that it announced.";
    STRAYS = Gauge "giro_bank_stray_orders" ["bank"] of [Relay]:
        "Orders that the bank has under our name and the books could not explain, ever.";
    DIFFERING_DAYS = Gauge "giro_reconciliation_differing_days" ["bank"] of [Relay]:
        "Closed days whose newest reading of the bank's statement differs from the books.";
    RECONCILED_AGE = Gauge "giro_reconciliation_newest_age_seconds" ["bank"] of [Relay]:
        "Since a closed day was last read, or, before that, since the first payout; 0 without one.";
    SETTLEMENT_APART = Gauge "giro_settlement_apart_centavos" ["bank"] of [Relay]:
        "By how much the bank's balance is apart from the settlement account; above 0: the bank has more. NaN until it was read once.";
    SETTLEMENT_AGE = Gauge "giro_settlement_read_age_seconds" ["bank"] of [Relay]:
        "Since the bank's balance was last held against the settlement account: while money moves it is not. NaN until it was once.";
    OUTBOX = Gauge "giro_outbox_unpublished" [] of [Relay]:
        "Events that wait for their publisher, counted up to 10000.";
    OUTBOX_AGE = Gauge "giro_outbox_oldest_age_seconds" [] of [Relay]:
        "Age of the oldest event that waits; 0 without one.";
    INBOX = Gauge "giro_inbox_undone" ["bank"] of [Relay]:
        "Webhooks that are stored and not yet understood or agreed with.";
    INBOX_AGE = Gauge "giro_inbox_oldest_age_seconds" ["bank"] of [Relay]:
        "Age of the oldest webhook that is not done; 0 without one.";
    INBOX_UNMATCHED = Gauge "giro_inbox_unmatched" ["bank"] of [Relay]:
        "Webhooks that are not done because no payout has their tracking key.";
    INBOX_NEWEST = Gauge "giro_inbox_newest_age_seconds" ["bank"] of [Relay]:
        "Age of the newest webhook; absent before the first.";
    LOOK_UPS = Gauge "giro_look_ups_due" [] of [Relay]:
        "Receipts that somebody wants from Banxico and that could be asked for now.";
    LOOK_UPS_AGE = Gauge "giro_look_ups_oldest_age_seconds" [] of [Relay]:
        "For how long the first of them could have been asked for; 0 without one.";
    BOOKS_READ = Gauge "giro_books_read_timestamp_seconds" [] of [Relay]:
        "Unix time at which all figures of the books were last read.";
    BOOKS_UNREAD = Counter "giro_books_read_failures_total" [] of [Relay]:
        "Reads of the figures of the books that failed.";
    AUDITED = Gauge "giro_audit_success_timestamp_seconds" [] of [Audit]:
        "Unix time of the last audit that checked everything it should and found nothing.";
    AUDIT_SECONDS = Gauge "giro_audit_duration_seconds" [] of [Audit]:
        "How long the last audit took.";
    IMBALANCE = Gauge "giro_audit_imbalance_centavos" [] of [Audit]:
        "Centavos by which accounts, movements and holds disagreed in the last audit.";
    UNMATCHED = Gauge "giro_audit_unmatched_orders" [] of [Audit]:
        "Orders of the bank and payouts that the other side did not have, or had otherwise, in the last audit.";
    AUDIT_BROKEN = Gauge "giro_audit_broken_rows" ["invariant"] of [Audit]:
        "Rows that broke an invariant in the last audit.";
    AUDIT_UNCHECKED = Gauge "giro_audit_unchecked" ["invariant"] of [Audit]:
        "1 for an invariant that the last audit should have checked and could not: the bank, Temporal or Postgres was away.";
    AUDIT_FAILURES = Counter "giro_audit_failures_total" [] of [Audit]:
        "Audits that could not read the books, or took too long.";
}

/// Describes what `program` measures; counters whose labels are known stand at 0 from the start.
pub fn describe(program: Program) {
    for meter in ALL.iter().filter(|meter| meter.programs.contains(&program)) {
        meter.describe();
    }
    match program {
        Program::Api | Program::Worker => {
            for state in State::ALL {
                counter!(TRANSITIONS, "state" => state.word()).absolute(0);
            }
            for kind in ReceivedKind::ALL {
                for state in ReceivedState::ALL {
                    counter!(RECEIVED, "kind" => kind.word(), "state" => state.word()).absolute(0);
                }
            }
            for answer in PortalAnswer::ALL.iter().filter(|_| program == Program::Worker) {
                counter!(BANXICO, "answer" => answer.word()).absolute(0);
            }
            for fault in ["row", "taken", "away"] {
                counter!(FAILED_TRIES, "fault" => fault).absolute(0);
            }
        }
        Program::Relay | Program::Audit => {}
    }
}

/// A bank that this process sends to.
pub fn bank(bank: &'static str) {
    counter!(SENDS, "bank" => bank).absolute(0);
    counter!(DOUBTS, "bank" => bank).absolute(0);
    counter!(ADOPTED, "bank" => bank).absolute(0);
    caught_up(bank, false);
    asked(bank);
}

/// A bank that this process calls, if only to ask.
pub fn asked(bank: &'static str) {
    counter!(NO_TURN, "bank" => bank).absolute(0);
    counter!(THROTTLED, "bank" => bank).absolute(0);
}

/// Whether the books were held against the bank's orders.
pub(crate) fn caught_up(bank: &'static str, is_so: bool) {
    gauge!(CAUGHT_UP, "bank" => bank).set(u32::from(is_so));
}

/// An order was taken in whose begin was lost.
pub(crate) fn adopted(bank: &'static str) {
    counter!(ADOPTED, "bank" => bank).increment(1);
}

/// What lies between two calls now.
pub(crate) fn pace(bank: &'static str, every: Duration) {
    gauge!(TURN_SECONDS, "bank" => bank).set(every);
}

/// A call was put off.
pub(crate) fn no_turn(bank: &'static str) {
    counter!(NO_TURN, "bank" => bank).increment(1);
}

/// The bank said that it is too much.
pub(crate) fn throttled(bank: &'static str, every: Duration) {
    counter!(THROTTLED, "bank" => bank).increment(1);
    pace(bank, every);
}

/// What Banxico's portal answered.
pub(crate) fn asked_banxico(answer: PortalAnswer) {
    counter!(BANXICO, "answer" => answer.word()).increment(1);
}

/// The writer took a block and left `commands` waiting.
pub(crate) fn waiting(commands: usize) {
    gauge!(WAITING).set(whole(commands));
}

/// A block of `commands` was committed, and entered these events.
pub(crate) fn committed(commands: usize, took: Duration, events: &[Event]) {
    histogram!(BLOCK_COMMANDS).record(whole(commands));
    histogram!(BLOCK_SECONDS).record(took);
    for event in events {
        match event {
            Event::Payout(payout) => {
                counter!(TRANSITIONS, "state" => payout.state.word()).increment(1);
                if payout.state == State::Settled {
                    counter!(SETTLED).increment(u64::try_from(payout.amount.get()).unwrap_or(0));
                }
            }
            Event::Received(received) => {
                counter!(RECEIVED, "kind" => received.kind.word(), "state" => received.state.word()).increment(1);
            }
        }
    }
}

/// A try of a block failed.
pub(crate) fn try_failed(fault: &'static str) {
    counter!(FAILED_TRIES, "fault" => fault).increment(1);
}

/// A command was set aside.
pub(crate) fn set_aside() {
    counter!(SET_ASIDE).increment(1);
}

/// Commands were told to come back later.
pub(crate) fn later(commands: usize) {
    counter!(LATER).increment(u64::try_from(commands).unwrap_or(u64::MAX));
}

/// What became of an order at the bank.
pub(crate) fn submitted(bank: &'static str, submitted: &Submitted, took: Duration) {
    let (answer, code) = submit_labels(submitted);
    // A refusal of our own adapter left nothing; a bank that says "read only" was sent to.
    if !matches!(code, "unreachable" | "late") && !code.starts_with("giro:") {
        counter!(SENDS, "bank" => bank).increment(1);
    }
    if answer == "doubt" {
        counter!(DOUBTS, "bank" => bank).increment(1);
    }
    answered(bank, "submit", answer, code, took);
}

/// What an answer to a submit is, and its code.
pub(crate) fn submit_labels(submitted: &Submitted) -> (&'static str, &str) {
    match submitted {
        Submitted::Accepted { .. } => ("accepted", "none"),
        Submitted::Refused { code } => ("refused", code.as_str()),
        Submitted::NotSent(NotSent::Unreachable) => ("not_sent", "unreachable"),
        Submitted::NotSent(NotSent::Late) => ("not_sent", "late"),
        Submitted::NotSent(NotSent::ReadOnly) => ("not_sent", "read_only"),
        Submitted::NotSent(NotSent::Configuration { code }) => ("not_sent", code.as_str()),
        Submitted::Doubt { why } => ("doubt", unclear(why)),
    }
}

/// What the bank knew of an order.
pub(crate) fn found(bank: &'static str, found: &Found, took: Duration) {
    let (answer, code) = match found {
        Found::Paid { came_back: false, .. } => ("paid", "none"),
        Found::Paid { came_back: true, .. } => ("paid", "came_back"),
        Found::NotPaid { code } => ("not_paid", code.as_str()),
        Found::Pending { code, .. } => ("pending", code.as_str()),
        Found::NotFound => ("not_found", "none"),
        Found::Doubt(FoundDoubt::NoAnswer { why }) => ("doubt", unclear(why)),
        Found::Doubt(FoundDoubt::Mismatch { .. }) => ("doubt", "mismatch"),
        Found::Doubt(FoundDoubt::Incomplete { .. }) => ("doubt", "incomplete"),
        Found::Doubt(FoundDoubt::UnknownWord { .. }) => ("doubt", "unknown_word"),
    };
    answered(bank, "inquire", answer, code, took);
}

/// Codes of refusals and states come from an adapter's closed tables; the rest of a bank's words went through `unclear`.
fn answered(bank: &'static str, question: &'static str, answer: &'static str, code: &str, took: Duration) {
    let code = code.to_owned();
    counter!(ANSWERS, "bank" => bank, "question" => question, "answer" => answer, "code" => code).increment(1);
    histogram!(ANSWER_SECONDS, "bank" => bank, "question" => question).record(took);
}

/// Why an answer says nothing, as a label: a bank may say anything, and a label may not.
fn unclear(why: &str) -> &'static str {
    const WORDS: [&str; 9] = [
        "timeout",
        "cut",
        "cut before the answer",
        "cut in the answer",
        "no connection",
        "no status",
        "stp:-1",
        "stp:-2",
        "stp:0",
    ];
    match WORDS.iter().find(|word| **word == why) {
        Some(word) => word,
        None if why.starts_with("http 5") => "http 5xx",
        None if why.starts_with("http 4") => "http 4xx",
        None => "other",
    }
}

/// What an audit found.
pub fn audited(report: &Report) {
    if report.broken().is_empty() && report.unread().is_empty() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        gauge!(AUDITED).set(now.unwrap_or_default());
    }
    gauge!(AUDIT_SECONDS).set(Duration::from_millis(
        u64::try_from(report.milliseconds).unwrap_or(u64::MAX),
    ));
    gauge!(IMBALANCE).set(bounded(report.imbalance));
    gauge!(UNMATCHED).set(bounded(report.unmatched));
    let unread = report.unread();
    for line in &report.lines {
        gauge!(AUDIT_BROKEN, "invariant" => line.invariant.word()).set(bounded(line.broken));
        let is_unread = unread.contains(&line.invariant);
        gauge!(AUDIT_UNCHECKED, "invariant" => line.invariant.word()).set(u32::from(is_unread));
    }
}

/// An audit could not read the books: what the last one found is not known to be so any more.
pub fn audit_failed() {
    counter!(AUDIT_FAILURES).increment(1);
    audit_forgotten(1.0);
}

/// Another auditor leads: what this one found is old. Its time of success stays, and ages.
pub fn audit_stood_by() {
    audit_forgotten(f64::NAN);
}

/// Not a number is what a figure is that nobody knows: neither `max` nor a comparison takes it.
fn audit_forgotten(unchecked: f64) {
    for figure in [AUDIT_SECONDS, IMBALANCE, UNMATCHED] {
        gauge!(figure).set(f64::NAN);
    }
    for invariant in Invariant::ALL {
        gauge!(AUDIT_BROKEN, "invariant" => invariant.word()).set(f64::NAN);
        gauge!(AUDIT_UNCHECKED, "invariant" => invariant.word()).set(unchecked);
    }
}

/// A row of the inbox was looked at.
pub(crate) fn looked(bank: &'static str, fate: &'static str) {
    counter!(WORKED, "bank" => bank, "fate" => fate).increment(1);
}

/// A large count as Prometheus has it.
fn bounded(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A count as Prometheus has it.
fn whole(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
