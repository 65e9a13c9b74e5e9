//! What people type.

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgGroup, Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;
use jiff::{SignedDuration, Timestamp, civil::DateTime};
use reqwest::Url;
use workflows::domain::{AccountId, Attention, Centavos, PayoutId, ReceivedId, ReceivedState, State, TransferId};

use super::when::{Day, When, mexico_city};

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

#[derive(Subcommand)]
pub(super) enum Payouts {
    /// List payouts, the newest first.
    List(Filter),
    /// Show one: where the money is, what the bank said, what is next, what may be done and why not the rest.
    Show {
        #[command(flatten)]
        payout: PayoutArg,
    },
    /// Tell everything that happened to one, in order.
    Timeline {
        #[command(flatten)]
        payout: PayoutArg,
    },
    /// Show where Banxico has its receipt (CEP), and whose account it was.
    Receipt {
        #[command(flatten)]
        payout: PayoutArg,
    },
    /// Have the bank asked now. Always safe: it is sent again only where giro's own rules allow.
    Retry {
        #[command(flatten)]
        payout: PayoutArg,
        #[command(flatten)]
        key: Key,
    },
    /// Take one back, as long as nothing may have reached the bank.
    Cancel {
        #[command(flatten)]
        payout: PayoutArg,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Say what became of one, with a document, as one of two people; it counts once another person says the same.
    Decide {
        #[command(flatten)]
        payout: PayoutArg,
        /// paid or not_paid of an open one; understood of what came after its end.
        #[arg(long, value_parser = ["paid", "not_paid", "understood"])]
        outcome: String,
        /// What both go by: a letter of the bank's, a statement, a case. Both write the same.
        #[arg(long)]
        document: String,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Wait until one has ended, for as long as --timeout says.
    Wait {
        #[command(flatten)]
        payout: PayoutArg,
    },
    /// Ask for a payout.
    Create(Create),
}

#[derive(Args)]
pub(super) struct PayoutArg {
    /// po_ and 32 hex digits; the id of its run (payout-po_...) does too.
    #[arg(value_name = "ID", value_parser = payout)]
    pub(super) id: PayoutId,
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

#[derive(Args)]
pub(super) struct Filter {
    /// Only in this state; repeat it for several.
    #[arg(long, value_parser = words(State::ALL, State::word))]
    pub(super) state: Vec<String>,
    /// Only those that a person should look at, for any reason or for this one; `bank`: those that only wait for their
    /// bank.
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "any", value_parser = reasons())]
    pub(super) attention: Option<String>,
    /// Only those that this bank pays.
    #[arg(long)]
    pub(super) bank: Option<String>,
    /// Only this caller's, for a key that sees every caller's.
    #[arg(long)]
    pub(super) caller: Option<String>,
    /// Only from this account.
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<AccountId>,
    /// Accepted then or later: 2026-11-23T17:00:00Z, 2026-11-23, today, yesterday, or 2h (ago).
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<When>,
    /// Accepted before.
    #[arg(long, value_name = "WHEN")]
    pub(super) until: Option<When>,
    /// The one that was asked for under this idempotency key.
    #[arg(long)]
    pub(super) key: Option<String>,
    /// The one that the bank knows by this key (claveRastreo).
    #[arg(long, value_name = "KEY")]
    pub(super) tracking_key: Option<String>,
    #[command(flatten)]
    pub(super) much: Much,
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

#[derive(Args)]
#[command(group(ArgGroup::new("how much").required(true).args(["amount", "centavos"])))]
pub(super) struct Create {
    /// The account that pays.
    #[arg(long, value_name = "ID")]
    pub(super) account: AccountId,
    /// Pesos: 1250 or 1250.00.
    #[arg(long, value_name = "PESOS", value_parser = pesos)]
    pub(super) amount: Option<Centavos>,
    /// The same in centavos: 125000.
    #[arg(long, value_name = "N")]
    pub(super) centavos: Option<i64>,
    /// The beneficiary's CLABE, 18 digits.
    #[arg(long)]
    pub(super) clabe: String,
    /// The beneficiary's whole name, as their bank has it.
    #[arg(long)]
    pub(super) name: String,
    /// The beneficiary's RFC or CURP, when it is known.
    #[arg(long)]
    pub(super) tax_id: Option<String>,
    /// What it is for, as the beneficiary reads it.
    #[arg(long)]
    pub(super) concept: String,
    /// Numeric reference, 1 to 9999999.
    #[arg(long, value_name = "N")]
    pub(super) reference: u32,
    /// Hold the money now, and send not before: 2026-12-24T09:00 in Mexico City, or with an offset.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) after: Option<Timestamp>,
    #[command(flatten)]
    pub(super) key: Key,
    /// Say what would come of it; nothing is written.
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Create {
    /// What the beneficiary gets, in centavos.
    pub(super) fn centavos(&self) -> i64 {
        self.amount.map(Centavos::get).or(self.centavos).unwrap_or_default()
    }
}

#[derive(Subcommand)]
pub(super) enum Transfers {
    /// List transfers, the newest first.
    List(ListTransfers),
    /// Show one: where the money is, and when it moves.
    Show {
        /// tr_ and 32 hex digits; the id of its run (transfer-tr_...) does too.
        #[arg(value_name = "ID", value_parser = transfer)]
        id: TransferId,
    },
    /// Take one back, as long as its money is held.
    Cancel {
        /// tr_ and 32 hex digits.
        #[arg(value_name = "ID", value_parser = transfer)]
        id: TransferId,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Move money from one account to another.
    Create(CreateTransfer),
}

#[derive(Args)]
pub(super) struct ListTransfers {
    /// Only in this state; repeat it for several.
    #[arg(long, value_parser = words(State::ALL, State::word))]
    pub(super) state: Vec<String>,
    /// Only from this account.
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<AccountId>,
    #[command(flatten)]
    pub(super) much: Much,
}

#[derive(Args)]
pub(super) struct CreateTransfer {
    /// The account that pays.
    #[arg(long, value_name = "ID")]
    pub(super) account: AccountId,
    /// The account that gets it.
    #[arg(long, value_name = "ID")]
    pub(super) to: AccountId,
    /// Pesos: 1250 or 1250.00.
    #[arg(long, value_name = "PESOS", value_parser = pesos)]
    pub(super) amount: Centavos,
    /// What it is for.
    #[arg(long)]
    pub(super) concept: String,
    /// Hold the money now, and move it not before: 2026-12-24T09:00 in Mexico City, or with an offset.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) after: Option<Timestamp>,
    #[command(flatten)]
    pub(super) key: Key,
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
}

#[derive(Args)]
pub(super) struct AccountArg {
    /// acc_ and 32 hex digits.
    #[arg(value_name = "ID")]
    pub(super) id: AccountId,
}

#[derive(Subcommand)]
pub(super) enum Arrivals {
    /// List them, the last received first.
    List(Coming),
    /// Show one: where the money is, from whom, and why a person should look.
    Show {
        /// rec_ and 32 hex digits.
        #[arg(value_name = "ID")]
        id: ReceivedId,
    },
    /// Give what stands apart to a customer's account; needs a key that operates.
    Apply {
        /// rec_ and 32 hex digits.
        #[arg(value_name = "ID")]
        id: ReceivedId,
        /// The customer's account.
        #[arg(long, value_name = "ID")]
        to: AccountId,
        /// Why, for whoever reads it later.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
    /// Say what becomes of one, with a document, as one of two people; it counts once another person says the same.
    Decide {
        /// rec_ and 32 hex digits.
        #[arg(value_name = "ID")]
        id: ReceivedId,
        /// apply of what stands in suspense; understood of what the bank told otherwise.
        #[arg(long, value_parser = ["apply", "understood"])]
        outcome: String,
        /// With apply: the customer's account that gets it.
        #[arg(long, value_name = "ID", required_if_eq("outcome", "apply"))]
        to: Option<AccountId>,
        /// What both go by: a letter of the bank's, a statement, a case. Both write the same.
        #[arg(long)]
        document: String,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
}

#[derive(Subcommand)]
pub(super) enum Deposits {
    #[command(flatten)]
    Any(Arrivals),
    /// Send back what stands apart, to whoever sent it; needs a key that operates.
    SendBack {
        /// rec_ and 32 hex digits.
        #[arg(value_name = "ID")]
        id: ReceivedId,
        /// Why, for whoever reads it later.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        key: Key,
    },
}

#[derive(Args)]
pub(super) struct Coming {
    /// Only in this state; repeat it for several.
    #[arg(long, value_parser = words(ReceivedState::ALL, ReceivedState::word))]
    pub(super) state: Vec<String>,
    /// Only those that a person should look at.
    #[arg(long)]
    pub(super) attention: bool,
    /// Only those that this account has.
    #[arg(long, value_name = "ID")]
    pub(super) account: Option<AccountId>,
    /// The one that came under this key (claveRastreo).
    #[arg(long, value_name = "KEY")]
    pub(super) tracking_key: Option<String>,
    #[command(flatten)]
    pub(super) much: Much,
}

#[derive(Subcommand)]
pub(super) enum Banks {
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
pub(super) struct Span {
    /// From when on: 2026-12-24T09:00, Mexico City, or with an offset of its own.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) from: Timestamp,
    /// Until when; not more than 72 hours later.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) until: Timestamp,
}

#[derive(Args)]
pub(super) struct Why {
    /// The bank, as `giroctl banks list` names it.
    #[arg(value_name = "BANK")]
    pub(super) name: String,
    /// Why, for whoever reads it later.
    #[arg(long)]
    pub(super) reason: String,
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> PossibleValuesParser {
    PossibleValuesParser::new(all.iter().copied().map(word))
}

fn reasons() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(
        ["any", "bank"]
            .into_iter()
            .chain(Attention::ALL.iter().map(|reason| reason.word())),
    )
}

/// The address of an API: a scheme, a host, nothing that a path could not follow.
fn base(text: &str) -> Result<Url, String> {
    let fix = || "write http://HOST:PORT or https://HOST".to_owned();
    let url = Url::parse(text).map_err(|_| fix())?;
    let is_base = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_base { Ok(url) } else { Err(fix()) }
}

fn payout(text: &str) -> Result<PayoutId, String> {
    let id = text.strip_prefix("payout-").unwrap_or(text);
    id.parse().map_err(|error| format!("{error}"))
}

fn transfer(text: &str) -> Result<TransferId, String> {
    let id = text.strip_prefix("transfer-").unwrap_or(text);
    id.parse().map_err(|error| format!("{error}"))
}

/// A moment that does not depend on now: a request that is repeated says the same.
fn moment(text: &str) -> Result<Timestamp, String> {
    let local = || text.parse::<DateTime>().ok()?.to_zoned(mexico_city()).ok();
    let read = text.parse().ok().or_else(|| local().map(|at| at.timestamp()));
    read.ok_or_else(|| "write 2026-12-24T09:00 (Mexico City) or 2026-12-24T09:00:00-06:00".to_owned())
}

fn pesos(text: &str) -> Result<Centavos, String> {
    let fix = "write pesos with a dot and at most two decimals, no commas: 1250 or 1250.00";
    Centavos::from_decimal(text).ok_or_else(|| fix.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let day = SignedDuration::from_hours(24);
    text.parse::<SignedDuration>()
        .ok()
        .filter(|span| span.is_positive() && *span <= day)
        .and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| "write 30s, 2m or 1h; a day at most".to_owned())
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
