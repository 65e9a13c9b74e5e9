//! The commands: the only way to change money or a payout, and what each answers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use uuid::Uuid;
use workflows::domain::{
    AccountId, Centavos, CorrectionId, End, OpenAccount, Order, Outcome, PayoutId, ReceivedId, Refusal,
};

use super::rows::{
    Account, Decision, FEE_INCOME, IVA_PAYABLE, NOT_APPLIED, Payout, Received, SETTLEMENT_STP, SUSPENSE, Seen, TO_APPLY,
};
use workflows::GIRO;

use crate::bank::{Exchange, Found, ReceivedLine, Sender, StatementLine, Submitted};

/// One command.
#[derive(Clone, Debug)]
pub enum Command {
    /// Open an account, with an audited opening credit or none.
    Open(Open),
    /// Hold the money of a new payout.
    Accept(Accept),
    /// Give the money back before anything was sent.
    Cancel(PayoutId, String),
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
    /// Move money between two accounts of giro's own, once it is time.
    Book(PayoutId),
    /// Take in a record of money that came in.
    Receive(Box<Receive>),
    /// Give a deposit to its customer, or set it apart.
    Deposit(ReceivedId),
    /// Reverse what came back of a payout.
    Return(Return),
    /// Give what was set apart to a customer, as people decided.
    Cure(Cure),
    /// Begin to send a deposit back that was set apart, as people decided.
    SendBack(SendBack),
    /// What one person says, with a document; a second one who says the same makes it count.
    Decide(Decide),
    /// What one person says that the books must have, with a document; a second one who says the same has it booked.
    Correct(Correct),
}

/// A record of money that came in, as giro itself read it from the bank.
#[derive(Clone, Debug)]
pub struct Receive {
    /// The bank.
    pub bank: String,
    /// What it told.
    pub line: ReceivedLine,
}

/// A received record that returns an order of ours.
#[derive(Clone, Copy, Debug)]
pub struct Return {
    /// The record.
    pub received: ReceivedId,
    /// The payout whose tracking key it names; `None`: no payout has it.
    pub payout: Option<PayoutId>,
}

/// The decision of people that a customer gets what was set apart.
#[derive(Clone, Debug)]
pub struct Cure {
    /// The record.
    pub received: ReceivedId,
    /// The payout that it returned, or that was to send it back before.
    pub payout: Option<PayoutId>,
    /// The customer's account.
    pub account: AccountId,
    /// Who decided.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// The decision of people that a deposit goes back to whoever sent it.
#[derive(Clone, Debug)]
pub struct SendBack {
    /// The deposit.
    pub received: ReceivedId,
    /// A UUIDv7 made for this decision; ignored when the deposit is on its way back already.
    pub payout: PayoutId,
    /// The payout that was to send it back before, when one was.
    pub last: Option<PayoutId>,
    /// The idempotency key of who decided.
    pub key: String,
    /// Who decided.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What one person says of a payout or a record, with a document.
#[derive(Clone, Debug)]
pub struct Decide {
    /// Made afresh for each.
    pub id: Uuid,
    /// Of what.
    pub subject: Subject,
    /// Who.
    pub person: String,
    /// That person's idempotency key: repeated, it says nothing new.
    pub key: String,
    /// What.
    pub outcome: Outcome,
    /// Of `Outcome::Apply`: whose it becomes.
    pub account: Option<AccountId>,
    /// What both go by: a letter of the bank's, a statement, a case. Both name the same.
    pub document: String,
}

/// What one person says that the books must have: money from one account to another.
#[derive(Clone, Debug)]
pub struct Correct {
    /// Made afresh for each word.
    pub id: Uuid,
    /// Who.
    pub person: String,
    /// That person's idempotency key: repeated, it says nothing new.
    pub key: String,
    /// The account that is debited.
    pub debit: AccountId,
    /// The account that is credited.
    pub credit: AccountId,
    /// How much, in centavos; above 0.
    pub amount: Centavos,
    /// What both go by: the same document moves the same money once.
    pub document: String,
    /// The operating date that it counts for, if it is booked now.
    pub effective_on: Date,
}

impl Correct {
    /// What it is known by: what it says.
    pub fn correction(&self) -> CorrectionId {
        CorrectionId::derive(self.debit, self.credit, self.amount, &self.document)
    }
}

/// What people decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A payout.
    Payout(PayoutId),
    /// A record of money that came in.
    Received(ReceivedId),
}

impl Subject {
    /// Its row.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Payout(id) => id.uuid(),
            Self::Received(id) => id.uuid(),
        }
    }
}

/// Why what somebody says decides nothing; nothing is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDecided {
    /// Nobody needs people for it: giro ends it by itself, or nothing is to be understood.
    NotNeeded,
    /// It was never sent: whoever says that it was paid must first find its order at the bank.
    NotSent,
    /// It has ended; what came since can only be understood.
    Ended,
    /// It is open: only its end makes what was told of it understood.
    StillOpen,
    /// That person used the key for something else.
    KeyReused,
    /// What the key said no longer counts: it has moved on, that person has said otherwise since, or nobody seconded it.
    Stale,
    /// No customer has that account.
    AccountUnknown,
    /// The account is frozen or closed.
    AccountNotOpen,
    /// The customer who would give it does not have so much available.
    Shortfall,
    /// It is booked already: the same document moves the same money once.
    Booked,
}

/// Why money that was set apart stays there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCured {
    /// It is not set apart: it has its place, or none yet.
    NotSetApart,
    /// No customer has that account.
    AccountUnknown,
    /// The account is frozen or closed.
    AccountNotOpen,
    /// Another record came under the same key on the same day: the bank could not tell which one is to go back.
    KeyShared,
    /// The payout that was to send it back has ended without, and what the bank said since is another story.
    MayBeBack,
}

impl SendBack {
    /// The request that it is, among giro's own.
    pub fn request(&self) -> (String, String) {
        (GIRO.to_owned(), format!("{}/{}", self.actor, self.key))
    }
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
    /// Who pays it out, unless its CLABE is a customer's of giro's own.
    pub bank: String,
    /// It was asked for by account: it is booked or refused, and never sent.
    pub is_transfer: bool,
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
    /// To `Open`, `Accept` and `SendBack`: the key was used before by another request. Nothing was done, nothing is undone.
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
    /// To `Apply` and `Book`: it has ended, now or before.
    Ended(Payout, End),
    /// To `Apply`: no proof yet, or proof that disagrees. To `Book`: it is not time yet.
    Open(Payout),
    /// To `Receive`: the record as it stands.
    Received {
        /// The row.
        received: Received,
        /// Nobody had taken it in before.
        is_new: bool,
    },
    /// To `Deposit`, `Return`, `Cure` and `SendBack`: where its money is, now or since before.
    Placed(Received),
    /// To `Deposit` and `Return`: it waits, a return for its payout to be settled.
    Waits {
        /// The row.
        received: Received,
        /// What it waits for.
        payout: Option<PayoutId>,
    },
    /// To `Cure` and `SendBack`: no, and why; nothing is remembered.
    NotCured {
        /// The row.
        received: Received,
        /// Why.
        why: NotCured,
    },
    /// To `Decide` and `Correct`: two people said so, now or before; the payout, when it is about one.
    Decided(Option<Payout>),
    /// To `Decide` and `Correct`: it waits for a second person who says the same.
    Awaits(Decision),
    /// To `Decide` and `Correct`: no, and why; nothing is remembered.
    NotDecided(NotDecided),
    /// There is no such payout, or no such record.
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

/// Whose account each subject of a block is about; read before any lock, because it never changes.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// The account that a payout draws on.
    pub payers: BTreeMap<PayoutId, AccountId>,
    /// The customer whose CLABE a record names.
    pub named: BTreeMap<ReceivedId, AccountId>,
    /// The deposit that a payout sends back.
    pub deposits: BTreeMap<PayoutId, ReceivedId>,
    /// The customer that a payout is booked to.
    pub payees: BTreeMap<PayoutId, AccountId>,
    /// Whose CLABE it is, of those that payouts are asked for.
    pub clabes: BTreeMap<String, AccountId>,
}

impl Command {
    /// The payout it is about, of those that exist.
    pub fn payout(&self) -> Option<PayoutId> {
        match self {
            Self::Open(_) | Self::Accept(_) => None,
            Self::Cancel(payout, _) | Self::Apply(payout) | Self::Book(payout) => Some(*payout),
            Self::Begin(begin) => Some(begin.payout),
            Self::Adopt(adopt) => Some(adopt.payout),
            Self::Record(record) => Some(record.payout),
            Self::Evidence(finding) => Some(finding.payout),
            Self::Receive(_) | Self::Deposit(_) => None,
            Self::SendBack(back) => back.last,
            Self::Return(back) => back.payout,
            Self::Cure(cure) => cure.payout,
            Self::Correct(_) => None,
            Self::Decide(decide) => match decide.subject {
                Subject::Payout(payout) => Some(payout),
                Subject::Received(_) => None,
            },
        }
    }

    /// The row of what it is about, when it is a person's word.
    pub fn decides(&self) -> Option<Uuid> {
        match self {
            Self::Decide(decide) => Some(decide.subject.uuid()),
            Self::Correct(correct) => Some(correct.correction().uuid()),
            Self::Open(_) | Self::Accept(_) | Self::Cancel(..) | Self::Begin(_) | Self::Adopt(_) => None,
            Self::Record(_) | Self::Evidence(_) | Self::Apply(_) | Self::Book(_) => None,
            Self::Receive(_) | Self::Deposit(_) | Self::Return(_) | Self::Cure(_) | Self::SendBack(_) => None,
        }
    }

    /// The payout that it asks for.
    pub fn asked(&self) -> Option<&Accept> {
        match self {
            Self::Accept(accept) => Some(accept),
            Self::Open(_) | Self::Cancel(..) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) => None,
            Self::Evidence(_) | Self::Apply(_) | Self::Book(_) => None,
            Self::Receive(_) | Self::Deposit(_) | Self::Return(_) | Self::Cure(_) | Self::SendBack(_) => None,
            Self::Decide(_) | Self::Correct(_) => None,
        }
    }

    /// The person and the key of a word about the books: a key says one thing.
    pub fn corrects(&self) -> Option<(String, String)> {
        match self {
            Self::Correct(correct) => Some((correct.person.clone(), correct.key.clone())),
            Self::Open(_) | Self::Accept(_) | Self::Cancel(..) | Self::Begin(_) | Self::Adopt(_) => None,
            Self::Record(_) | Self::Evidence(_) | Self::Apply(_) | Self::Book(_) => None,
            Self::Receive(_) | Self::Deposit(_) | Self::Return(_) | Self::Cure(_) | Self::SendBack(_) => None,
            Self::Decide(_) => None,
        }
    }

    /// The received record it is about.
    pub fn received(&self) -> Option<ReceivedId> {
        match self {
            Self::Open(_) | Self::Accept(_) | Self::Cancel(..) | Self::Apply(_) | Self::Begin(_) => None,
            Self::Adopt(_) | Self::Record(_) | Self::Evidence(_) | Self::Book(_) => None,
            Self::Receive(receive) => Some(receive.id()),
            Self::Deposit(received) => Some(*received),
            Self::Return(back) => Some(back.received),
            Self::Cure(cure) => Some(cure.received),
            Self::SendBack(back) => Some(back.received),
            Self::Correct(_) => None,
            Self::Decide(decide) => match decide.subject {
                Subject::Payout(_) => None,
                Subject::Received(received) => Some(received),
            },
        }
    }

    /// The request it answers.
    pub fn request(&self) -> Option<(String, String)> {
        match self {
            Self::Open(open) => Some((open.caller.clone(), open.key.clone())),
            Self::Accept(accept) => Some((accept.caller.clone(), accept.key.clone())),
            Self::Cancel(..) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) => None,
            Self::Evidence(_) | Self::Apply(_) | Self::Book(_) => None,
            Self::Receive(_) | Self::Deposit(_) | Self::Return(_) | Self::Cure(_) | Self::Decide(_) => None,
            Self::Correct(_) => None,
            Self::SendBack(back) => Some(back.request()),
        }
    }

    /// The accounts it may change, to be locked first.
    pub fn accounts(&self, owners: &Owners) -> BTreeSet<AccountId> {
        let payer = |payout: &PayoutId| owners.payers.get(payout).copied();
        match self {
            Self::Open(open) if open.request.opening.is_some() => BTreeSet::from([SETTLEMENT_STP]),
            Self::Open(_) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) | Self::Evidence(_) => BTreeSet::new(),
            Self::Accept(accept) => match owners.clabes.get(accept.order.clabe.as_str()) {
                Some(payee) => BTreeSet::from([accept.order.account, *payee, FEE_INCOME, IVA_PAYABLE]),
                None => BTreeSet::from([accept.order.account]),
            },
            Self::Book(payout) => payer(payout)
                .into_iter()
                .chain(owners.payees.get(payout).copied())
                .chain([FEE_INCOME, IVA_PAYABLE])
                .collect(),
            Self::Cancel(payout, _) => payer(payout).into_iter().collect(),
            Self::Apply(payout) => payer(payout)
                .into_iter()
                .chain([SETTLEMENT_STP, FEE_INCOME, IVA_PAYABLE])
                .collect(),
            Self::Receive(_) => BTreeSet::new(),
            Self::Deposit(received) => owners
                .named
                .get(received)
                .copied()
                .into_iter()
                .chain([SETTLEMENT_STP, NOT_APPLIED])
                .collect(),
            Self::Return(back) => back
                .payout
                .as_ref()
                .and_then(payer)
                .into_iter()
                .chain([SETTLEMENT_STP, FEE_INCOME, IVA_PAYABLE, TO_APPLY, SUSPENSE])
                .collect(),
            Self::Cure(cure) => BTreeSet::from([cure.account, NOT_APPLIED, TO_APPLY]),
            Self::SendBack(_) => BTreeSet::from([NOT_APPLIED]),
            Self::Decide(decide) => decide
                .account
                .into_iter()
                .chain(decide.account.map(|_| SUSPENSE))
                .collect(),
            Self::Correct(correct) => BTreeSet::from([correct.debit, correct.credit]),
        }
    }

    /// True when it reads or changes the bank's row.
    pub fn needs_bank(&self) -> bool {
        match self {
            Self::Open(_) | Self::Accept(_) | Self::Apply(_) | Self::Book(_) => false,
            Self::Receive(_) | Self::Deposit(_) | Self::Return(_) | Self::Cure(_) | Self::SendBack(_) => false,
            Self::Decide(_) | Self::Correct(_) => false,
            Self::Cancel(..) | Self::Begin(_) | Self::Adopt(_) | Self::Record(_) | Self::Evidence(_) => true,
        }
    }

    /// True when it must know whether the books may have lost commits: it sends, or gives back what may have been sent.
    pub fn needs_server(&self) -> bool {
        match self {
            Self::Cancel(..) | Self::Begin(_) | Self::SendBack(_) => true,
            Self::Open(_) | Self::Accept(_) | Self::Adopt(_) => false,
            Self::Record(_) | Self::Evidence(_) | Self::Apply(_) | Self::Book(_) => false,
            Self::Receive(_) | Self::Deposit(_) | Self::Return(_) | Self::Cure(_) | Self::Decide(_) => false,
            Self::Correct(_) => false,
        }
    }
}

impl Receive {
    /// The row that it is, whoever takes it in and however often.
    pub fn id(&self) -> ReceivedId {
        self.line.id(&self.bank)
    }
}
