//! Arguments about money that came in.

use clap::{Args, Subcommand};
use workflows::domain::{AccountId, ReceivedId, ReceivedState};

use super::{Key, Much, Said, Sure, values::words};

#[derive(Subcommand)]
pub(in crate::ctl) enum Arrivals {
    /// List them, the last received first.
    List(Coming),
    /// Show one: where the money is, from whom, and why a person should look.
    Show {
        #[command(flatten)]
        of: Record,
    },
    /// Give what stands apart to a customer's account; needs a key that operates.
    Apply {
        #[command(flatten)]
        of: Record,
        /// The customer's account.
        #[arg(long, value_name = "ID")]
        to: AccountId,
        #[command(flatten)]
        because: Because,
    },
    /// Say what becomes of one, with a document, as one of two people; it counts once another person says the same.
    Decide {
        #[command(flatten)]
        of: Record,
        /// apply of what stands in suspense; understood of what the bank told otherwise.
        #[arg(long, value_parser = ["apply", "understood"])]
        outcome: String,
        /// With apply: the customer's account that gets it.
        #[arg(long, value_name = "ID", required_if_eq("outcome", "apply"))]
        to: Option<AccountId>,
        #[command(flatten)]
        said: Said,
    },
}

#[derive(Subcommand)]
pub(in crate::ctl) enum Deposits {
    #[command(flatten)]
    Any(Arrivals),
    /// Send back what stands apart, to whoever sent it; needs a key that operates.
    SendBack {
        #[command(flatten)]
        of: Record,
        #[command(flatten)]
        because: Because,
    },
}

/// Which deposit or return.
#[derive(Args)]
pub(in crate::ctl) struct Record {
    /// rec_ and 32 hex digits.
    #[arg(value_name = "ID")]
    pub(in crate::ctl) id: ReceivedId,
}

/// Why people do what cannot be undone.
#[derive(Args)]
pub(in crate::ctl) struct Because {
    /// Why, for whoever reads it later.
    #[arg(long)]
    pub(in crate::ctl) reason: String,
    #[command(flatten)]
    pub(in crate::ctl) sure: Sure,
    #[command(flatten)]
    pub(in crate::ctl) key: Key,
}

#[derive(Args)]
pub(in crate::ctl) struct Coming {
    /// Only in this state; repeat it for several.
    #[arg(long, value_parser = words(ReceivedState::ALL, ReceivedState::word))]
    pub(in crate::ctl) state: Vec<String>,
    /// Only those that a person should look at.
    #[arg(long)]
    pub(in crate::ctl) attention: bool,
    /// Only those that this account has.
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) account: Option<AccountId>,
    /// The one that came under this key (claveRastreo).
    #[arg(long, value_name = "KEY")]
    pub(in crate::ctl) tracking_key: Option<String>,
    #[command(flatten)]
    pub(in crate::ctl) much: Much,
}
