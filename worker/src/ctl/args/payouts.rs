//! Arguments about payouts.

use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use workflows::domain::{AccountId, Centavos, PayoutId, State};

use super::{
    super::when::When,
    Key, Much, Said, Sure,
    values::{moment, payout, pesos, reasons, words},
};

#[derive(Subcommand)]
pub(in crate::ctl) enum Payouts {
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
        /// Have it looked up at Banxico's portal, in the background.
        #[arg(long)]
        look_up: bool,
        #[command(flatten)]
        key: Key,
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
        #[command(flatten)]
        said: Said,
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
pub(in crate::ctl) struct PayoutArg {
    /// po_ and 32 hex digits; the id of its run (payout-po_...) does too.
    #[arg(value_name = "ID", value_parser = payout)]
    pub(in crate::ctl) id: PayoutId,
}

#[derive(Args)]
pub(in crate::ctl) struct Filter {
    /// Only in this state; repeat it for several.
    #[arg(long, value_parser = words(State::ALL, State::word))]
    pub(in crate::ctl) state: Vec<String>,
    /// Only those that a person should look at, for any reason or for this one; `bank`: those that only wait for their
    /// bank.
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "any", value_parser = reasons())]
    pub(in crate::ctl) attention: Option<String>,
    /// Only those that this bank pays.
    #[arg(long)]
    pub(in crate::ctl) bank: Option<String>,
    /// Only this caller's, for a key that sees every caller's.
    #[arg(long)]
    pub(in crate::ctl) caller: Option<String>,
    /// Only from this account.
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) account: Option<AccountId>,
    /// Accepted then or later: 2026-11-23T17:00:00Z, 2026-11-23, today, yesterday, or 2h (ago).
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) since: Option<When>,
    /// Accepted before.
    #[arg(long, value_name = "WHEN")]
    pub(in crate::ctl) until: Option<When>,
    /// The one that was asked for under this idempotency key.
    #[arg(long)]
    pub(in crate::ctl) key: Option<String>,
    /// The one that the bank knows by this key (claveRastreo).
    #[arg(long, value_name = "KEY")]
    pub(in crate::ctl) tracking_key: Option<String>,
    #[command(flatten)]
    pub(in crate::ctl) much: Much,
}

#[derive(Args)]
#[command(group(ArgGroup::new("how much").required(true).args(["amount", "centavos"])))]
pub(in crate::ctl) struct Create {
    /// The account that pays.
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) account: AccountId,
    /// Pesos: 1250 or 1250.00.
    #[arg(long, value_name = "PESOS", value_parser = pesos)]
    pub(in crate::ctl) amount: Option<Centavos>,
    /// The same in centavos: 125000.
    #[arg(long, value_name = "N")]
    pub(in crate::ctl) centavos: Option<i64>,
    /// The beneficiary's CLABE, 18 digits.
    #[arg(long)]
    pub(in crate::ctl) clabe: String,
    /// The beneficiary's whole name, as their bank has it.
    #[arg(long)]
    pub(in crate::ctl) name: String,
    /// The beneficiary's RFC or CURP, when it is known.
    #[arg(long)]
    pub(in crate::ctl) tax_id: Option<String>,
    /// What it is for, as the beneficiary reads it.
    #[arg(long)]
    pub(in crate::ctl) concept: String,
    /// Numeric reference, 1 to 9999999.
    #[arg(long, value_name = "N")]
    pub(in crate::ctl) reference: u32,
    /// Hold the money now, and send not before: 2026-12-24T09:00 in Mexico City, or with an offset.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(in crate::ctl) after: Option<Timestamp>,
    #[command(flatten)]
    pub(in crate::ctl) key: Key,
    /// Say what would come of it; nothing is written.
    #[arg(long)]
    pub(in crate::ctl) dry_run: bool,
}

impl Create {
    /// What the beneficiary gets, in centavos.
    pub(in crate::ctl) fn centavos(&self) -> i64 {
        self.amount.map(Centavos::get).or(self.centavos).unwrap_or_default()
    }
}
