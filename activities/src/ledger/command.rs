//! The commands: the only way to change money or a payout, and what each answers.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date};
use uuid::Uuid;
use workflows::domain::{AccountId, Centavos, End, OpenAccount, Order, PayoutId, Refusal};

use super::rows::{Account, FEE_INCOME, IVA_PAYABLE, Payout, SETTLEMENT_STP, Seen};
use crate::bank::{Exchange, Found, Sender, StatementLine, Submitted};

/// One command.
#[derive(Clone, Debug)]
pub enum Command {
    /// Open an account, with an audited opening credit or none.
    Open(Open),
    /// Hold the money of a new payout.
    Accept(Accept),
    /// Give the money back before anything was sent.
    Cancel(PayoutId),
    /// Take the right to send once.
    Begin(Begin),
    /// Take in an order that the bank has, and whose begin the books have lost.
    Adopt(Adopt),
    /// What became of a send.
    Record(Record),
    /// What proves an outcome, or a look that proved nothing.
    Evidence(Finding),
    /// Post or release by the evidence on the row.
    Apply(PayoutId),
}

/// A request to open an account.
#[derive(Clone, Debug)]
pub struct Open {
    /// A UUIDv7 made for this request; ignored when the key was used before.
    pub account: AccountId,
    /// Who asks, and will own it.
    pub caller: String,
    /// The caller's idempotency key.
    pub key: String,
    /// SHA-256 of the canonical request, hex.
    pub hash: String,
    /// What was asked.
    pub request: OpenAccount,
    /// The operating date that an opening credit counts for.
    pub effective_on: Date,
}

/// A request to pay.
#[derive(Clone, Debug)]
pub struct Accept {
    /// A UUIDv7 made for this request; ignored when the key was used before.
    pub payout: PayoutId,
    /// Who asks, and will own it.
    pub caller: String,
    /// The caller's idempotency key.
    pub key: String,
    /// SHA-256 of the canonical request, hex.
    pub hash: String,
    /// Who pays it out.
    pub bank: String,
    /// What was asked.
    pub order: Order,
    /// Our fee, in centavos.
    pub fee: Centavos,
    /// IVA on the fee, in centavos.
    pub iva: Centavos,
}

/// A wish to send, by one execution of `bank.submit`.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Which payout.
    pub payout: PayoutId,
    /// The execution.
    pub sender: Sender,
    /// The server on which this process has held the books against the bank's orders; `None`: on none yet.
    pub seen: Option<Seen>,
}

/// An order on the bank's statement whose payout the books have as never sent: its begin was committed, and is lost.
#[derive(Clone, Debug)]
pub struct Adopt {
    /// Which payout.
    pub payout: PayoutId,
    /// Made afresh, and nobody's: it gives no right to send.
    pub sender: Sender,
    /// The order, as the bank has it.
    pub line: StatementLine,
}

/// What became of a send.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which payout.
    pub payout: PayoutId,
    /// The execution that sent.
    pub sender: Sender,
    /// Which begin it was.
    pub send_no: u32,
    /// What the bank did.
    pub submitted: Submitted,
    /// The bytes.
    pub exchange: Exchange,
}

/// What a look at the outside found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which payout.
    pub payout: PayoutId,
    /// Made afresh for each look; repeats are recognised by it.
    pub id: Uuid,
    /// Who looked.
    pub by: By,
}

/// Where a finding comes from.
#[derive(Clone, Debug)]
pub enum By {
    /// The bank's answer to our question.
    Inquiry {
        /// The row's `send_no` when the question was asked.
        send_no: u32,
        /// `giro_now()` when the question was asked.
        asked_at: Timestamp,
        /// What the bank knows.
        found: Found,
        /// The bytes.
        exchange: Exchange,
    },
    /// A webhook that contradicts an end. It proves nothing; a person is told.
    Claim,
    /// Closed statements of the operating date and the next banking day without the order.
    Statements {
        /// The operating date that they are of; about a send of another day they say nothing.
        day: Date,
        /// The row's `send_no` when it was held against them; about a later send they say nothing.
        send_no: u32,
        /// The reconciliations of that day and the next, which matched our other orders.
        readings: [Uuid; 2],
    },
    /// Two people with a document.
    TwoPeople {
        /// True: it was paid. False: it was not.
        paid: bool,
        /// Two different people.
        people: [String; 2],
        /// What they decided on.
        document: String,
    },
}

/// The answer to any command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `Open`.
    Opened {
        /// The account as it stands.
        account: Account,
        /// The key was used before, by the same request.
        replayed: bool,
    },
    /// To `Open`: the CLABE belongs to another account.
    ClabeTaken,
    /// To `Accept`.
    Accepted {
        /// The payout as it stands.
        payout: Payout,
        /// The key was used before, by the same request.
        replayed: bool,
    },
    /// To `Accept`: no, and no for ever under this key.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The key was used before, by the same request.
        replayed: bool,
    },
    /// To `Open` and `Accept`: the key was used before by another request. Nothing was done, nothing is undone.
    KeyConflict {
        /// The payout that has the key, when one was made.
        payout: Option<PayoutId>,
    },
    /// To `Cancel`: the money is back, now or before.
    Cancelled(Payout),
    /// To `Cancel`: it may have reached the bank, or has ended.
    TooLate(Payout),
    /// To `Cancel`: the books may have lost its send, and the bank was not asked yet. Nothing was decided.
    CatchingUp(Payout),
    /// To `Begin`, `Adopt`, `Record` and `Evidence`: where the payout stands.
    Stands(Payout, Stand),
    /// To `Apply`: it has ended, now or before.
    Ended(Payout, End),
    /// To `Apply`: no proof yet, or proof that disagrees.
    Open(Payout),
    /// There is no such payout.
    Unknown,
}

/// Where a payout stands, for whoever drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// The asking execution may send, until `send_before`.
    Go,
    /// Nothing may be sent before a time.
    NotSent {
        /// When to come back.
        until: Timestamp,
    },
    /// The bank has it.
    Sent,
    /// Someone has sent it, or is about to; only the bank knows.
    Doubt,
    /// The next begin will send it again.
    Resend,
    /// Evidence or an end stands on the row.
    Closed,
}

impl Command {
    /// The payout it is about, of those that exist.
    pub fn payout(&self) -> Option<PayoutId> {
        match self {
            Self::Open(_) | Self::Accept(_) => None,
            Self::Cancel(payout) | Self::Apply(payout) => Some(*payout),
            Self::Begin(begin) => Some(begin.payout),
            Self::Adopt(adopt) => Some(adopt.payout),
            Self::Record(record) => Some(record.payout),
            Self::Evidence(finding) => Some(finding.payout),
        }
    }

    /// The request it answers.
    pub fn request(&self) -> Option<(String, String)> {
        match self {
            Self::Open(open) => Some((open.caller.clone(), open.key.clone())),
            Self::Accept(accept) => Some((accept.caller.clone(), accept.key.clone())),
            Self::Cancel(_) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) => None,
            Self::Evidence(_) | Self::Apply(_) => None,
        }
    }

    /// The accounts it may change, to be locked first. `owner` tells the account of a payout.
    pub fn accounts(&self, owner: impl Fn(PayoutId) -> Option<AccountId>) -> BTreeSet<AccountId> {
        match self {
            Self::Open(open) if open.request.opening.is_some() => BTreeSet::from([SETTLEMENT_STP]),
            Self::Open(_) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) | Self::Evidence(_) => BTreeSet::new(),
            Self::Accept(accept) => BTreeSet::from([accept.order.account]),
            Self::Cancel(payout) => owner(*payout).into_iter().collect(),
            Self::Apply(payout) => owner(*payout)
                .into_iter()
                .chain([SETTLEMENT_STP, FEE_INCOME, IVA_PAYABLE])
                .collect(),
        }
    }

    /// True when it reads or changes the bank's row.
    pub fn needs_bank(&self) -> bool {
        match self {
            Self::Open(_) | Self::Accept(_) | Self::Apply(_) => false,
            Self::Cancel(_) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) | Self::Evidence(_) => true,
        }
    }

    /// True when it must know whether the books may have lost commits: it sends, or gives back what may have been sent.
    pub fn needs_server(&self) -> bool {
        match self {
            Self::Cancel(_) | Self::Begin(_) => true,
            Self::Open(_) | Self::Accept(_) | Self::Adopt(_) => false,
            Self::Record(_) | Self::Evidence(_) | Self::Apply(_) => false,
        }
    }
}
