//! The port to a bank: what giro asks, what a bank may answer, and which adapter answers for whom.

pub mod fence;
mod pace;
mod reason;
mod receipt;
mod received;
mod statement;
pub mod stp;
pub(crate) mod text;

use std::{fmt, time::Instant};

use jiff::civil::Date;
use uuid::Uuid;
use workflows::domain::{
    BeneficiaryName, Centavos, Clabe, Concept, InstitutionCode, NumericReference, TaxId, TrackingKey,
};

use crate::{ledger::rows::Question, meters};

pub use fence::{Fence, Late};
pub use pace::{Call, NoTurn, Pace};
pub use reason::{reason, returned};
pub use receipt::{Receipt, institution, receipt, same_person};
pub use received::{Incoming, ReceivedEntry, ReceivedFound, ReceivedLine};
pub use statement::{Direction, Said, StatementLine, StatementPage, StatementUnknown, one_day};

/// Everything a bank needs to send the money of one payout; read from the payout's row, the same for every send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The key the bank dedupes by.
    pub tracking_key: TrackingKey,
    /// The bank's day of this order, pinned by the fence.
    pub operating_date: Date,
    /// What the beneficiary gets, in centavos.
    pub amount: Centavos,
    /// What the bank is asked to do.
    pub what: What,
}

/// What a bank is asked to do with an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Pay it to somebody.
    Pay(Box<Payment>),
    /// Send back the deposit that it came by.
    SendBack(CameBy),
}

/// How a deposit came, as its bank knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameBy {
    /// The key that its sender gave it.
    pub tracking_key: String,
    /// The bank's day of it.
    pub operating_date: Date,
}

impl Order {
    /// The beneficiary's account, as the bank must state it; empty where it may state any: what goes back goes by its
    /// deposit.
    pub fn account(&self) -> &str {
        match &self.what {
            What::Pay(payment) => payment.clabe.as_str(),
            What::SendBack(_) => "",
        }
    }
}

/// Who is paid, by whom, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Who pays.
    pub payer: Payer,
    /// Where the money goes.
    pub clabe: Clabe,
    /// The institution that holds `clabe`.
    pub institution: InstitutionCode,
    /// Who gets it.
    pub beneficiary: BeneficiaryName,
    /// RFC or CURP of the beneficiary, "ND" when not known.
    pub beneficiary_tax_id: TaxId,
    /// What it is for.
    pub concept: Concept,
    /// 1 to 9,999,999.
    pub reference: NumericReference,
}

/// The ordering customer, as registered at the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
    /// The customer's own CLABE at the bank.
    pub clabe: Clabe,
    /// Holder's name.
    pub name: BeneficiaryName,
    /// RFC or CURP, "ND" when not known.
    pub tax_id: TaxId,
}

/// One exchange with a bank, as bytes, kept for ever beside the row that it decided.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The body that was sent, never the headers with credentials; empty when no byte left.
    pub sent: Vec<u8>,
    /// The body that came back, cut at the adapter's cap; empty when none did.
    pub received: Vec<u8>,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
}

/// Lengths only: the bytes hold names and CLABEs.
impl fmt::Debug for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, received) = (self.sent.len(), self.received.len());
        write!(
            out,
            "Exchange({sent} bytes sent, {received} received, status {:?})",
            self.status
        )
    }
}

/// What a bank did with an order that was handed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It has the order; its own reference.
    Accepted {
        /// STP: `idEF`, the folio.
        bank_ref: String,
    },
    /// It said no; final only when this was the only request ever sent under the key.
    Refused {
        /// The bank's code, in our words (`stp:-20`).
        code: String,
    },
    /// Proven not to have reached it, or on the adapter's closed list of not-taken answers.
    NotSent(NotSent),
    /// Nobody knows: a timeout, a cut connection, an unknown word.
    Doubt {
        /// In our words, without free text of the bank.
        why: String,
    },
}

/// Why an order certainly did not reach the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// No byte left: no connection.
    Unreachable,
    /// No byte left: the fence had run out.
    Late,
    /// STP -30: the bank only answers queries now.
    ReadOnly,
    /// Our key, signature, company or network is not what the bank has registered: it refuses everything.
    Configuration {
        /// The bank's code, in our words.
        code: String,
    },
}

/// What a bank knows of an order, asked by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Settled; company, amount, account and operating date are the row's.
    Paid {
        /// The bank's own reference.
        bank_ref: String,
        /// The operating date that the bank states.
        effective_on: Date,
        /// The money left and came back (`D`, `RE`, `TD`): a return record is to be expected.
        came_back: bool,
    },
    /// Ended without payment.
    NotPaid {
        /// The bank's state, in our words (`stp:CN`).
        code: String,
    },
    /// It has the order and is at work.
    Pending {
        /// The bank's own reference.
        bank_ref: String,
        /// The bank's state, in our words.
        code: String,
    },
    /// It does not know the key on any date asked. Not a proof that it was not sent.
    NotFound,
    /// The answer does not say, or is not about our order.
    Doubt(FoundDoubt),
}

/// Why an answer to our question proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundDoubt {
    /// No usable answer: timeout, 5xx, garbage, a refused question.
    NoAnswer {
        /// In our words.
        why: String,
    },
    /// An order by our key whose company, amount, account or operating date differs from the row's.
    Mismatch {
        /// The fields that differ, never their values.
        fields: Vec<&'static str>,
    },
    /// An order of ours in every field, without what its outcome would be read from: the bank has it.
    Incomplete {
        /// What it lacks, in our words.
        missing: &'static str,
    },
    /// A state that the adapter's table does not have.
    UnknownWord {
        /// The bank's word, in our words (`stp:ZZ`).
        code: String,
    },
}

/// What a webhook is about. A hint, whatever it is: it makes giro ask, and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// An order that we sent.
    Order(Notice),
    /// Money that came to us.
    Received {
        /// The key that it came under.
        tracking_key: String,
        /// The bank's day, when it says one.
        operating_date: Option<Date>,
    },
}

/// What a status webhook claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose order it is about.
    pub tracking_key: TrackingKey,
    /// What it claims.
    pub claim: Claim,
}

/// The claim of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Settled.
    Paid,
    /// Cancelled or refused.
    NotPaid,
    /// Returned.
    CameBack,
    /// Something else.
    Other,
}

/// What a bank can do, stated by its adapter and configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It refuses a repeated key within one operating day: only then may an order be sent again.
    pub refuses_repeated_keys: bool,
}

/// The banks giro can pay through; one variant each.
#[derive(Debug)]
pub enum Bank {
    /// STP, by its REST API.
    Stp(stp::Stp),
}

impl Bank {
    /// The name of the bank in rows, queues and search attributes.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stp(_) => stp::NAME,
        }
    }

    /// What this bank can do.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            Self::Stp(stp) => stp.capabilities(),
        }
    }

    /// Waits for the turn of a call; every call needs one, taken before anything is begun. The balance takes its own.
    pub async fn turn(&self, call: Call, calls: u32) -> Result<(), NoTurn> {
        match self {
            Self::Stp(stp) => stp.pace().turn(call, calls).await,
        }
    }

    /// How many calls one question about the order is, at most. `today` is the operating date now.
    pub fn calls_to_ask(&self, order: &Order, today: Date) -> u32 {
        match self {
            Self::Stp(_) => stp::calls_to_ask(order, today),
        }
    }

    /// Hands the order over once: no redirect, no retry; the fence is checked at the first byte.
    pub async fn submit(&self, order: &Order, fence: Fence) -> (Submitted, Exchange) {
        let began = Instant::now();
        let (submitted, exchange) = match self {
            Self::Stp(stp) => stp.submit(order, fence).await,
        };
        meters::submitted(self.name(), &submitted, began.elapsed());
        (submitted, exchange)
    }

    /// Asks what the bank knows of the order. `today` is the operating date now.
    pub async fn inquire(&self, order: &Order, today: Date) -> (Found, Exchange) {
        let began = Instant::now();
        let (found, exchange) = match self {
            Self::Stp(stp) => stp.inquire(order, today).await,
        };
        meters::found(self.name(), &found, began.elapsed());
        (found, exchange)
    }

    /// One page, from 0, of what the bank says it did on operating date `date`; `today` is the operating date now.
    /// A page without lines says that there is nothing more.
    pub async fn statement(
        &self,
        date: Date,
        today: Date,
        page: u32,
    ) -> Result<StatementPage<StatementLine>, StatementUnknown> {
        match self {
            Self::Stp(stp) => stp.statement(date, today, page).await,
        }
    }

    /// The same of the orders that came to us.
    pub async fn received(
        &self,
        date: Date,
        today: Date,
        page: u32,
    ) -> Result<StatementPage<ReceivedEntry>, StatementUnknown> {
        self.patient_turn().await;
        match self {
            Self::Stp(stp) => stp.received(date, today, page).await,
        }
    }

    /// All that came to us on a day: each order once, complete or unknown.
    pub async fn whole_received(&self, date: Date, today: Date) -> Result<Vec<ReceivedEntry>, StatementUnknown> {
        statement::whole(async |page| self.received(date, today, page).await).await
    }

    /// What the bank knows of money that came to us under a key, on its running day (`None`) or on a past one.
    pub async fn inquire_received(&self, tracking_key: &str, date: Option<Date>) -> ReceivedFound {
        if let Err(error) = self.turn(Call::Question, 1).await {
            return ReceivedFound::NoAnswer { why: error.to_string() };
        }
        match self {
            Self::Stp(stp) => stp.inquire_received(tracking_key, date).await,
        }
    }

    /// A page that is given up costs all pages before it: it waits on, behind whoever else asks.
    async fn patient_turn(&self) {
        while let Err(NoTurn) = self.turn(Call::Question, 1).await {}
    }

    /// All of it: each order once, complete or unknown.
    pub async fn whole_statement(&self, date: Date, today: Date) -> Result<Vec<StatementLine>, StatementUnknown> {
        let page = async |page| {
            self.patient_turn().await;
            self.statement(date, today, page).await
        };
        statement::whole(page).await
    }

    /// Doubts about a send by which the bank says that it has an order by our key already.
    pub fn repeats(&self) -> &'static [&'static str] {
        match self {
            Self::Stp(_) => stp::REPEATS,
        }
    }

    /// True when what was sent, by a stored exchange, is this order or a question about it.
    pub fn names(&self, order: &Order, question: Question, exchange: &Exchange) -> bool {
        match (self, question) {
            (Self::Stp(stp), Question::Submit) => stp.registers(order, &exchange.sent),
            (Self::Stp(stp), Question::Inquire) => stp.asks_about(order, &exchange.sent),
        }
    }

    /// What a stored exchange says became of the order, read as its answer was.
    pub fn read_submit(&self, order: &Order, exchange: &Exchange) -> Submitted {
        match self {
            Self::Stp(stp) => stp.read_submit(order, exchange),
        }
    }

    /// What a stored exchange says that the bank knew of the order, read as its answer was.
    pub fn read_found(&self, order: &Order, exchange: &Exchange) -> Found {
        match self {
            Self::Stp(stp) => stp.read_found(order, exchange),
        }
    }

    /// Reads a webhook; `None` when no tracking key is in it.
    pub fn parse_webhook(&self, body: &[u8]) -> Option<Hint> {
        match self {
            Self::Stp(_) => stp::parse_webhook(body),
        }
    }

    /// The money giro has at the bank, in centavos; `None`: the configuration names no account there.
    pub async fn balance(&self) -> Result<Option<Centavos>, BalanceUnknown> {
        let Self::Stp(stp) = self;
        let Some(account) = stp.account() else {
            return Ok(None);
        };
        let no_turn = |error: NoTurn| BalanceUnknown { why: error.to_string() };
        self.turn(Call::Question, 1).await.map_err(no_turn)?;
        stp.balance(account).await.map(Some)
    }
}

/// The bank did not say its balance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bank did not say its balance: {why}")]
pub struct BalanceUnknown {
    /// In our words.
    pub why: String,
}

/// One execution of `bank.submit`; made afresh by each, so that only it may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender(pub Uuid);
