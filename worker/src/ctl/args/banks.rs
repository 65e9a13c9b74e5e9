//! Arguments about banks.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{super::when::Day, Key, Sure, values::moment};

#[derive(Subcommand)]
pub(in crate::ctl) enum Banks {
    /// List banks: whether each is sent to, and if not, why and until when.
    List,
    /// Show what a closed operating date came to: the bank's statement against the books.
    Day {
        /// The bank's day: 2026-11-01, today or yesterday.
        #[arg(value_name = "DAY")]
        date: Day,
    },
    /// Show what the running day comes to so far, and the bank's balance against the settlement account.
    Running,
    /// Say that what differs of a closed day is understood, and why: it leaves the list while it differs so.
    Understood {
        /// The bank's day: 2026-11-01, today or yesterday.
        #[arg(value_name = "DAY")]
        date: Day,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Send nothing more through a bank; asking and ending go on.
    Pause {
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Send again: ends the pause that stands, with every backoff and attention of the bank.
    Resume {
        #[command(flatten)]
        why: Why,
        /// Which pause, by its `paused_at` in `--output json`: an alarm (paid_after_release, second_order, stray_order) ends only so.
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        #[command(flatten)]
        key: Key,
    },
    /// Say that a bank announced when it is closed: nothing is sent then, what waits goes out after it.
    Announce {
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Call an announced closure off: what waits for its end goes out within a minute or two.
    CallOff {
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        key: Key,
    },
}

#[derive(Args)]
pub(in crate::ctl) struct Span {
    /// From when on: 2026-12-24T09:00, Mexico City, or with an offset of its own.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(in crate::ctl) from: Timestamp,
    /// Until when; not more than 72 hours later.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(in crate::ctl) until: Timestamp,
}

#[derive(Args)]
pub(in crate::ctl) struct Why {
    /// The bank, as `giroctl banks list` names it.
    #[arg(value_name = "BANK")]
    pub(in crate::ctl) name: String,
    /// Why, for whoever reads it later.
    #[arg(long)]
    pub(in crate::ctl) reason: String,
}
