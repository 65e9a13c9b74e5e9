//! Arguments about transfers.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use workflows::domain::{AccountId, Centavos, State, TransferId};

use super::{
    Key, Much, Sure,
    values::{moment, pesos, transfer, words},
};

#[derive(Subcommand)]
pub(in crate::ctl) enum Transfers {
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
pub(in crate::ctl) struct ListTransfers {
    /// Only in this state; repeat it for several.
    #[arg(long, value_parser = words(State::ALL, State::word))]
    pub(in crate::ctl) state: Vec<String>,
    /// Only from this account.
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) account: Option<AccountId>,
    #[command(flatten)]
    pub(in crate::ctl) much: Much,
}

#[derive(Args)]
pub(in crate::ctl) struct CreateTransfer {
    /// The account that pays.
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) account: AccountId,
    /// The account that gets it.
    #[arg(long, value_name = "ID")]
    pub(in crate::ctl) to: AccountId,
    /// Pesos: 1250 or 1250.00.
    #[arg(long, value_name = "PESOS", value_parser = pesos)]
    pub(in crate::ctl) amount: Centavos,
    /// What it is for.
    #[arg(long)]
    pub(in crate::ctl) concept: String,
    /// Hold the money now, and move it not before: 2026-12-24T09:00 in Mexico City, or with an offset.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(in crate::ctl) after: Option<Timestamp>,
    #[command(flatten)]
    pub(in crate::ctl) key: Key,
}
