//! Arguments about corrections.

use clap::Subcommand;
use workflows::domain::Centavos;

use super::{Much, Said, values::pesos};

#[derive(Subcommand)]
pub(in crate::ctl) enum Corrections {
    /// List them, booked or waiting for a second person, the last asked for first.
    List {
        #[command(flatten)]
        much: Much,
    },
    /// Say, as one of two people, that money goes from one account of the books to another; the second one has it booked.
    Book {
        /// The account that is debited: acc_..., or 1101 settlement, 1180 IVA creditable, 2150 IVA payable, 4101 fee income, 5101
        /// bank charges.
        #[arg(long, value_name = "ACCOUNT")]
        debit: String,
        /// The account that is credited: the same.
        #[arg(long, value_name = "ACCOUNT")]
        credit: String,
        /// Pesos: 1250 or 1250.00.
        #[arg(long, value_name = "PESOS", value_parser = pesos)]
        amount: Centavos,
        #[command(flatten)]
        said: Said,
    },
}
