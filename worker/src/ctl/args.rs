//! What people type.

mod arrivals;
mod banks;
mod corrections;
mod payouts;
mod transfers;
mod values;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use reqwest::Url;
use workflows::domain::AccountId;

pub(super) use arrivals::{Arrivals, Coming, Deposits};
pub(super) use banks::{Banks, Span, Why};
pub(super) use corrections::Corrections;
pub(super) use payouts::{Create, Filter, Payouts};
pub(super) use transfers::{CreateTransfer, ListTransfers, Transfers};
use values::{base, duration};

use super::when::Day;

const EXITS: &str = "\
Exit codes:
  0  done
  1  giro refused: read what it says, nothing is to be repeated as it is
  2  the command is wrong, or was not confirmed; nothing was asked
  3  there is no such thing, or it is another caller's
  4  not allowed: no key, or one that may not do this
  5  giro is away, or says later: the same again in a moment
  6  not yet: open after `wait`, no answer after `retry`, no second person after `decide`

Environment: GIRO_API, GIRO_API_KEY, NO_COLOR. More: docs/giroctl.md";

/// Look at payouts and unstick them, over giro's REST API.
#[derive(Parser)]
#[command(name = "giroctl", version, max_term_width = 100, after_help = EXITS)]
pub(super) struct Giroctl {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Stands apart in the help of each command.
const EVERYWHERE: &str = "Options of every command";

#[derive(Args)]
pub(super) struct Options {
    /// Where giro's API is.
    #[arg(
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "GIRO_API",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        value_parser = base
    )]
    pub(super) api: Url,
    /// File that holds the caller's key (giro_...); without it GIRO_API_KEY does. Never a key as an argument: `ps` shows those.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(super) api_key_file: Option<PathBuf>,
    /// For people, or what the API answered, byte for byte (indented on a terminal).
    #[arg(long, short, global = true, help_heading = EVERYWHERE, value_enum, default_value = "table")]
    pub(super) output: Output,
    /// Write plain text; also NO_COLOR, and always where the output is no terminal.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) no_color: bool,
    /// Show times in UTC instead of Mexico City.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(super) utc: bool,
    /// How long an answer may take [default: 30s], or the end of a payout in `payouts wait` [default: 60s].
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Table,
    Json,
}

impl Output {
    /// True for programs.
    pub(super) fn is_json(self) -> bool {
        self == Self::Json
    }
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Payouts: find them, look at one, unstick it, take it back, ask for one.
    #[command(subcommand, visible_alias = "payout")]
    Payouts(Payouts),
    /// What a person should look at, by its cause: banks that are away or paused, payouts with a reason of their own.
    Attention,
    /// Transfers between two accounts of giro's own: ask for one, look at it, take it back.
    #[command(subcommand, visible_alias = "transfer")]
    Transfers(Transfers),
    /// Accounts: what they have, and what moved.
    #[command(subcommand, visible_alias = "account")]
    Accounts(Accounts),
    /// Deposits: what others sent to your accounts; apply what stands apart, or send it back.
    #[command(subcommand, visible_alias = "deposit")]
    Deposits(Deposits),
    /// Returns: what came back of payouts; apply what stands apart.
    #[command(subcommand, visible_alias = "return")]
    Returns(Arrivals),
    /// Banks: whether they are sent to; pause and resume.
    #[command(subcommand, visible_alias = "bank")]
    Banks(Banks),
    /// Corrections: money that two people move between two accounts of the books, by a document.
    #[command(subcommand, visible_alias = "correction")]
    Corrections(Corrections),
    /// Participants of SPEI, and who of them can be paid.
    Institutions {
        /// A part of the name, or the first three digits of a CLABE.
        search: Option<String>,
    },
    /// Say whether giro is there and ready, and which versions talk to each other.
    #[command(visible_alias = "version")]
    Status,
    /// Print the script that completes giroctl's commands, e.g. `giroctl completion bash > ~/.giroctl.sh`.
    Completion { shell: Shell },
}

/// The key under which something is done once.
#[derive(Args)]
pub(super) struct Key {
    /// Idempotency key, to repeat a request that got no answer; a new one when left out.
    #[arg(long)]
    pub(super) key: Option<String>,
}

#[derive(Args)]
pub(super) struct Sure {
    /// Do not ask first.
    #[arg(long)]
    pub(super) yes: bool,
}

/// What one of two people says.
#[derive(Args)]
pub(super) struct Said {
    /// What both go by: a letter of the bank's, a statement, a case. Both write the same.
    #[arg(long)]
    pub(super) document: String,
    #[command(flatten)]
    pub(super) sure: Sure,
    #[command(flatten)]
    pub(super) key: Key,
}

/// How much of a list.
#[derive(Args, Clone, Copy)]
pub(super) struct Much {
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// All there are.
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
}

#[derive(Subcommand)]
pub(super) enum Accounts {
    /// List your accounts, the newest first.
    List {
        #[command(flatten)]
        much: Much,
    },
    /// Show what one has: available, held, balance.
    Show {
        #[command(flatten)]
        account: AccountArg,
    },
    /// List what moved on one, the newest first.
    Movements {
        #[command(flatten)]
        account: AccountArg,
        #[command(flatten)]
        much: Much,
    },
    /// Show what one had before some operating dates, what moved in them, what it had after.
    Statement {
        #[command(flatten)]
        account: AccountArg,
        /// First operating date: 2026-11-01, today or yesterday.
        #[arg(long, value_name = "DAY", default_value = "today")]
        from: Day,
        /// Last operating date.
        #[arg(long, value_name = "DAY", default_value = "today")]
        to: Day,
    },
    /// Freeze one: it asks for no payouts, and what comes in for it stands apart. What it asked for before goes on.
    Freeze {
        #[command(flatten)]
        standing: Standing,
    },
    /// Open a frozen one again.
    Unfreeze {
        #[command(flatten)]
        standing: Standing,
    },
    /// Close one that has no money, for good.
    Close {
        #[command(flatten)]
        standing: Standing,
    },
}

/// An account whose status somebody changes.
#[derive(Args)]
pub(super) struct Standing {
    #[command(flatten)]
    pub(super) account: AccountArg,
    /// Why, for whoever reads it later.
    #[arg(long)]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) sure: Sure,
    #[command(flatten)]
    pub(super) key: Key,
}

#[derive(Args)]
pub(super) struct AccountArg {
    /// acc_ and 32 hex digits.
    #[arg(value_name = "ID")]
    pub(super) id: AccountId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(words: &[&str]) -> Result<Giroctl, clap::error::ErrorKind> {
        Giroctl::try_parse_from(["giroctl"].iter().chain(words)).map_err(|error| error.kind())
    }

    const CREATE: &[&str] = &[
        "payouts",
        "create",
        "--account=acc_00000000000000000000000000000007",
        "--clabe=012180004643051249",
        "--name=Ana",
        "--concept=Renta",
        "--reference=7",
    ];

    #[test]
    fn an_amount_is_pesos_or_centavos_and_never_a_float() {
        let centavos = |words: &[&str]| {
            let Command::Payouts(Payouts::Create(create)) = reads(&[CREATE, words].concat()).ok()?.command else {
                return None;
            };
            Some(create.centavos())
        };
        assert_eq!(centavos(&["--amount", "1250"]), Some(125_000));
        assert_eq!(centavos(&["--amount", "1250.5"]), Some(125_050));
        assert_eq!(centavos(&["--centavos", "125050"]), Some(125_050));
        for wrong in [
            &[][..],
            &["--amount", "1,250.00"],
            &["--amount", "1e3"],
            &["--amount", "1.005"],
            &["--amount", "-1"],
            &["--amount", "1", "--centavos", "100"],
        ] {
            assert_eq!(centavos(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_id_is_given_whole() {
        let id = "po_00000000000000000000000000000007";
        assert!(reads(&["payouts", "show", id]).is_ok());
        assert!(
            reads(&["payout", "show", &format!("payout-{id}")]).is_ok(),
            "as the UI has it"
        );
        for wrong in ["po_7", "acc_00000000000000000000000000000007", ""] {
            assert!(reads(&["payouts", "show", wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn attention_may_stand_alone() {
        let attention = |words: &[&str]| {
            let read = reads(&[&["payouts", "list"], words].concat()).ok()?;
            let Command::Payouts(Payouts::List(filter)) = read.command else {
                return None;
            };
            Some(filter.attention)
        };
        assert_eq!(attention(&[]), Some(None));
        assert_eq!(attention(&["--attention"]), Some(Some("any".to_owned())));
        assert_eq!(attention(&["--attention", "--all"]), Some(Some("any".to_owned())));
        assert_eq!(
            attention(&["--attention", "mismatch"]),
            Some(Some("mismatch".to_owned()))
        );
        assert_eq!(attention(&["--attention", "sad"]), None);
    }

    #[test]
    fn an_address_holds_no_secret_and_no_query() {
        for sound in ["http://127.0.0.1:8080", "https://giro.example", "https://example/giro/"] {
            assert!(base(sound).is_ok(), "{sound}");
        }
        for wrong in ["127.0.0.1:8080", "ftp://x", "http://me:key@x", "http://x/?a=b", ""] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "30", "0s", "-1s", "25h", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
