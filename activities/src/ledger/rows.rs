//! The rows of the books as the core sees them; the names are those of the tables.

mod bank;
mod correction;
mod decision;
mod received;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use workflows::domain::{
    AccountId, Attention, BankCalendar, Centavos, Evidence, MovementId, PayoutId, ReceivedId, Refusal, State,
    TrackingKey, TransferId,
};

pub use bank::{AwayBy, BankRow, Cause, Closure, PausedBy, Seen, Server};
pub use correction::Correction;
pub use decision::Decision;
pub use received::Received;

use crate::crash::{self, Point};

/// Text of a person: it is stored and sent to the bank, and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private(String);

impl Private {
    /// Wraps a text of a person.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the bank and for its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// Ids as the tables hold them: plain UUIDs, without the prefix that people see.
mod as_uuid {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use uuid::Uuid;

    pub(super) fn serialize<I: Copy + Into<Uuid>, S: Serializer>(id: &I, out: S) -> Result<S::Ok, S::Error> {
        Into::<Uuid>::into(*id).serialize(out)
    }

    pub(super) fn deserialize<'de, I: From<Uuid>, D: Deserializer<'de>>(from: D) -> Result<I, D::Error> {
        Uuid::deserialize(from).map(I::from)
    }

    /// The same, for a column that may be null.
    pub(super) mod option {
        use super::{Deserialize, Deserializer, Serialize, Serializer, Uuid};

        pub(in super::super) fn serialize<I: Copy + Into<Uuid>, S: Serializer>(
            id: &Option<I>,
            out: S,
        ) -> Result<S::Ok, S::Error> {
            id.map(Into::<Uuid>::into).serialize(out)
        }

        pub(in super::super) fn deserialize<'de, I: From<Uuid>, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<I>, D::Error> {
            Option::<Uuid>::deserialize(from).map(|id| id.map(I::from))
        }
    }
}

/// Chart of accounts: what kind of account a row is.
pub const CUSTOMER: i16 = 2101;
/// Fee income.
pub const FEE_INCOME: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_4101));
/// IVA payable on fees.
pub const IVA_PAYABLE: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_2150));
/// Deposits whose account is nobody's, frozen or closed.
pub const NOT_APPLIED: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_2130));
/// Returns of payouts whose payer's account is frozen or closed.
pub const TO_APPLY: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_2140));
/// Returns that no settled payout explains.
pub const SUSPENSE: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_2190));
/// What banks charge.
pub const BANK_CHARGES: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_5101));
/// IVA on what banks charge.
pub const IVA_CREDITABLE: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_1180));
/// The settlement account at STP.
pub const SETTLEMENT_STP: AccountId = AccountId::new(Uuid::from_u128(0xffff_ffff_ffff_7fff_bfff_0000_0000_1101));

/// Whether an account takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// It does.
    Open,
    /// Held by people: no new payouts.
    Frozen,
    /// For ever: no new payouts.
    Closed,
}

impl AccountStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Frozen, Self::Closed];

    /// Its word in SQL, in answers and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }
}

/// One account. `debits`, `credits` and `held` are centavos and never negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id; giro's own sort last.
    #[serde(with = "as_uuid")]
    pub id: AccountId,
    /// Chart of accounts.
    pub code: i16,
    /// Holder's name, or what an account of giro's own is for.
    pub name: Private,
    /// The caller that owns it.
    pub caller: Option<String>,
    /// The customer's own CLABE at the bank.
    pub clabe: Option<Private>,
    /// RFC or CURP, "ND" when not known.
    pub tax_id: Option<Private>,
    /// Whether it takes part.
    pub status: AccountStatus,
    /// All debits ever.
    pub debits: Centavos,
    /// All credits ever.
    pub credits: Centavos,
    /// Held by open payouts.
    pub held: Centavos,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Account {
    /// What a new payout may use: credits - debits - held.
    pub fn available(&self) -> Centavos {
        self.credits
            .checked_sub(self.debits)
            .and_then(|left| left.checked_sub(self.held))
            .unwrap_or_default()
    }
}

/// One payout: the row that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    #[serde(with = "as_uuid")]
    pub id: PayoutId,
    pub caller: String,
    pub request_key: String,
    pub request_hash: String,
    #[serde(with = "as_uuid")]
    pub account: AccountId,
    pub bank: String,
    pub institution: u32,
    pub clabe: Private,
    pub beneficiary_name: Private,
    pub beneficiary_tax_id: Private,
    pub concept: Private,
    pub reference: u32,
    pub amount: Centavos,
    pub fee: Centavos,
    pub iva: Centavos,
    pub tracking_key: TrackingKey,
    pub state: State,
    /// The bank's day, pinned by the fence.
    pub operating_date: Option<Date>,
    /// Counts begins; never goes down.
    pub send_no: u32,
    /// The execution that may send; `None` once it has spoken.
    pub sender: Option<Uuid>,
    /// Sends that may have reached the bank.
    pub unproven: u32,
    pub send_before: Option<Timestamp>,
    /// Not-founds that count towards a resend.
    pub not_found: u32,
    pub not_found_at: Option<Timestamp>,
    pub bank_ref: Option<String>,
    /// What the bank last said, in our words.
    pub bank_said: Option<String>,
    /// What the bank last said to have of it, clear or not; silence and "not found" do not take it back.
    #[serde(default)]
    pub bank_word: Option<String>,
    /// It once said that the money left and came back.
    #[serde(default)]
    pub came_back: bool,
    /// The caller who took it back.
    pub cancelled_by: Option<String>,
    /// The bank said that it paid it after its money was given back, and has not said since that it did not.
    #[serde(default)]
    pub paid_after_end: bool,
    pub evidence: Option<Evidence>,
    pub contradicted: bool,
    pub decided_by: Option<Vec<String>>,
    pub document: Option<String>,
    pub doubt: Option<String>,
    pub attention: Option<Attention>,
    pub attention_since: Option<Timestamp>,
    pub deadline_at: Option<Timestamp>,
    pub effective_on: Option<Date>,
    pub event_seq: u32,
    /// Counts changes of the row: every write is a compare-and-set on it.
    pub version: u32,
    pub accepted_at: Timestamp,
    pub changed_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub swept_at: Option<Timestamp>,
    /// The deposit that it sends back; `None` for what a caller asked for.
    #[serde(with = "as_uuid::option", default)]
    pub sends_back: Option<ReceivedId>,
    /// The key that the deposit came under.
    #[serde(default)]
    pub deposit_key: Option<String>,
    /// The operating date that it came on.
    #[serde(default)]
    pub deposit_date: Option<Date>,
    /// The server that the books were on then: on another one they may have lost its begin, and no statement of the bank says
    /// so for sure.
    #[serde(default)]
    pub accepted_on: Option<Server>,
    /// The money is held at once, and moves or is sent not before this.
    #[serde(default)]
    pub process_after: Option<Timestamp>,
    /// The customer of giro's own that gets it; `None`: it goes through a bank.
    #[serde(with = "as_uuid::option", default)]
    pub to_account: Option<AccountId>,
    /// It was asked for by account, not by CLABE.
    #[serde(default)]
    pub is_transfer: bool,
    /// The record by which it came back.
    #[serde(with = "as_uuid::option", default)]
    pub returned_by: Option<ReceivedId>,
    /// What came back of the amount; it may be less.
    #[serde(default)]
    pub returned_amount: Option<Centavos>,
    /// Fee and IVA given back with it.
    #[serde(default)]
    pub refunded: Centavos,
    /// Why, in our words.
    #[serde(default)]
    pub return_cause: Option<String>,
    /// The bank's day of the return.
    #[serde(default)]
    pub returned_on: Option<Date>,
    #[serde(default)]
    pub returned_at: Option<Timestamp>,
}

impl Payout {
    /// What is held for it: amount, fee and IVA. They fitted when they were accepted.
    pub fn gross(&self) -> Centavos {
        Centavos::new(self.amount.get() + self.fee.get() + self.iva.get())
    }

    /// Until when it is held by its caller's wish; `None`: its time has come, or was always now.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.process_after.filter(|at| *at > now)
    }

    /// True for what was held and moved in one block: nobody had to drive it.
    pub fn was_booked_at_once(&self) -> bool {
        self.to_account.is_some() && self.ended_at == Some(self.accepted_at)
    }

    /// The id of the workflow that drives it.
    pub fn workflow_id(&self) -> String {
        if self.is_transfer {
            TransferId::from(self.id).workflow_id()
        } else {
            self.id.workflow_id()
        }
    }

    /// The last four digits of the beneficiary's CLABE, the most that events and summaries show.
    pub fn clabe_last4(&self) -> &str {
        let digits = self.clabe.expose();
        digits.get(digits.len().saturating_sub(4)..).unwrap_or_default()
    }
}

/// A request and the answer that it keeps for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub caller: String,
    pub key: String,
    pub hash: String,
    #[serde(with = "as_uuid::option")]
    pub payout: Option<PayoutId>,
    #[serde(with = "as_uuid::option")]
    pub account: Option<AccountId>,
    pub refusal: Option<Refusal>,
    pub created_at: Timestamp,
}

/// One immutable movement, both legs in one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    #[serde(with = "as_uuid")]
    pub id: MovementId,
    pub subject: Uuid,
    pub kind: Kind,
    #[serde(with = "as_uuid")]
    pub debit_account: AccountId,
    #[serde(with = "as_uuid")]
    pub credit_account: AccountId,
    pub amount: Centavos,
    pub effective_on: Date,
    pub hash: String,
    pub actor: Option<String>,
    pub reason: Option<String>,
    pub created_at: Timestamp,
}

/// What a movement is; step and ordinal of its leg are fixed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The beneficiary's money.
    Amount,
    /// Our fee.
    Fee,
    /// IVA on the fee.
    Iva,
    /// An audited opening credit.
    Opening,
    /// A payout's money that came back, all or a part.
    Return,
    /// Our fee, given back with it.
    FeeRefund,
    /// IVA on the fee, given back with it.
    IvaRefund,
    /// What a late return brings on top.
    Interest,
    /// A deposit, to its customer or set apart.
    Deposit,
    /// A return that no settled payout explains.
    Suspense,
    /// What was set apart, given to a customer by people.
    Cure,
    /// From one account of giro's own to another.
    Transfer,
    /// From one account of the books to another, by two people.
    Correction,
}

/// Whose movement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A payout's.
    Payout,
    /// An account's.
    Account,
    /// A received record's.
    Received,
    /// A correction's.
    Correction,
}

impl Kind {
    /// The id of this leg of a subject: its primary key allows it once.
    pub fn id(self, subject: Uuid) -> MovementId {
        MovementId::derive(subject, self.step(), self.ordinal())
    }

    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Amount,
        Self::Fee,
        Self::Iva,
        Self::Opening,
        Self::Return,
        Self::FeeRefund,
        Self::IvaRefund,
        Self::Interest,
        Self::Deposit,
        Self::Suspense,
        Self::Cure,
        Self::Transfer,
        Self::Correction,
    ];

    /// The step that makes it: a subject takes each step once.
    pub const fn step(self) -> &'static str {
        match self {
            Self::Amount | Self::Fee | Self::Iva | Self::Transfer => "resolve",
            Self::Opening => "opening",
            Self::Return | Self::FeeRefund | Self::IvaRefund | Self::Interest => "return",
            // One step: money that came in is placed once.
            Self::Deposit | Self::Suspense => "place",
            Self::Cure => "cure",
            Self::Correction => "correct",
        }
    }

    /// The fixed ordinal of the leg within its step.
    pub const fn ordinal(self) -> u8 {
        match self {
            Self::Amount
            | Self::Opening
            | Self::Return
            | Self::Deposit
            | Self::Suspense
            | Self::Cure
            | Self::Transfer
            | Self::Correction => 0,
            Self::Fee | Self::FeeRefund => 1,
            Self::Iva | Self::IvaRefund => 2,
            Self::Interest => 3,
        }
    }

    /// What its subject is.
    pub const fn subject(self) -> SubjectKind {
        match self {
            Self::Amount | Self::Fee | Self::Iva | Self::Transfer => SubjectKind::Payout,
            Self::Return | Self::FeeRefund | Self::IvaRefund | Self::Interest => SubjectKind::Payout,
            Self::Opening => SubjectKind::Account,
            Self::Deposit | Self::Suspense | Self::Cure => SubjectKind::Received,
            Self::Correction => SubjectKind::Correction,
        }
    }

    /// The word in the books.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Fee => "fee",
            Self::Iva => "iva",
            Self::Opening => "opening",
            Self::Return => "return",
            Self::FeeRefund => "fee_refund",
            Self::IvaRefund => "iva_refund",
            Self::Interest => "interest",
            Self::Deposit => "deposit",
            Self::Suspense => "suspense",
            Self::Cure => "cure",
            Self::Transfer => "transfer",
            Self::Correction => "correction",
        }
    }
}

/// Something that claimed to prove an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRow {
    pub id: Uuid,
    #[serde(with = "as_uuid")]
    pub payout: PayoutId,
    pub kind: Evidence,
    pub state: State,
    pub exchange: Option<Uuid>,
    pub decided_by: Option<Vec<String>>,
    pub document: Option<String>,
    pub at: Timestamp,
}

/// Bytes exchanged with a bank.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeRow {
    pub id: Uuid,
    pub payout: PayoutId,
    pub bank: String,
    pub question: Question,
    pub send_no: u32,
    pub sent: Vec<u8>,
    pub received: Vec<u8>,
    pub status: Option<u16>,
    /// The answer in our words.
    pub said: String,
    pub at: Timestamp,
}

/// What was said, not the bytes: they hold names and CLABEs.
impl fmt::Debug for ExchangeRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ExchangeRow({} {:?} {:?})", self.payout, self.question, self.said)
    }
}

/// What was asked of a bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Take this order.
    Submit,
    /// What do you know of it?
    Inquire,
}

impl Question {
    /// The word in the books.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Inquire => "inquire",
        }
    }
}

/// One event: the row as it stood after a transition; its `event_seq` is the event's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Of a payout.
    Payout(Box<Payout>),
    /// Of a received record.
    Received(Box<Received>),
}

impl Event {
    /// Where a process may be made to die about it.
    pub(crate) fn pass(&self, point: Point) {
        match self {
            Self::Payout(payout) => crash::at(point, &payout.id),
            Self::Received(received) => crash::at(point, &received.id),
        }
    }
}

/// The seconds and counts that the core decides with; they come from configuration, never from a row.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long a state may last before a person is told.
    pub accepted: SignedDuration,
    pub sending: SignedDuration,
    pub sent: SignedDuration,
    /// A sender may send until begin + this.
    pub fence: SignedDuration,
    /// An order may surface at the bank until `send_before` + this.
    pub horizon: SignedDuration,
    /// Two not-founds count when this far apart.
    pub question_gap: SignedDuration,
    /// `send_before` + this: even a request on the wire has been dealt with.
    pub margin: SignedDuration,
    /// Fee and IVA go back with a payout that was returned.
    pub refunds_fee: bool,
    /// The bank's days.
    pub calendar: BankCalendar,
}

/// What a command may see: locked rows and the database's time. What it does not hold does not exist.
#[derive(Clone, Debug)]
pub struct Rows {
    /// `giro_now()`, read after the locks.
    pub now: Timestamp,
    pub accounts: BTreeMap<AccountId, Account>,
    /// CLABEs asked for by account openings, and whose they are.
    pub clabes: BTreeMap<String, AccountId>,
    /// CLABEs of the accounts that are locked.
    pub named: BTreeMap<String, AccountId>,
    pub payouts: BTreeMap<PayoutId, Payout>,
    pub received: BTreeMap<ReceivedId, Received>,
    pub requests: BTreeMap<(String, String), Request>,
    pub banks: BTreeMap<String, BankRow>,
    /// What people have said of what a command of theirs is about, the oldest first.
    pub decisions: Vec<Decision>,
    /// Of the deposits that are, or are to be, sent back: those under whose key another came on the same day.
    pub shared: BTreeSet<ReceivedId>,
    /// The server that the transaction runs on; read for commands that send or give back.
    pub server: Option<Seen>,
}

impl Rows {
    /// No rows, at a time.
    pub fn empty(now: Timestamp) -> Self {
        Self {
            now,
            accounts: BTreeMap::new(),
            clabes: BTreeMap::new(),
            named: BTreeMap::new(),
            payouts: BTreeMap::new(),
            received: BTreeMap::new(),
            requests: BTreeMap::new(),
            banks: BTreeMap::new(),
            decisions: Vec::new(),
            shared: BTreeSet::new(),
            server: None,
        }
    }

    /// A customer's account; giro's own are none.
    pub fn customer(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).filter(|account| account.code == CUSTOMER)
    }

    /// The customer's account with this CLABE.
    pub fn customer_at(&self, clabe: &str) -> Option<&Account> {
        self.named.get(clabe).and_then(|id| self.customer(*id))
    }

    /// Takes in what a command wrote, so that the next one of the block sees it.
    pub fn absorb(&mut self, writes: &Writes) {
        self.accounts
            .extend(writes.accounts.iter().map(|row| (row.id, row.clone())));
        self.payouts
            .extend(writes.payouts.iter().map(|row| (row.id, row.clone())));
        self.received
            .extend(writes.received.iter().map(|row| (row.id, row.clone())));
        self.banks
            .extend(writes.banks.iter().map(|row| (row.name.clone(), row.clone())));
        self.decisions.extend(writes.decisions.iter().cloned());
        for row in &writes.requests {
            self.requests.insert((row.caller.clone(), row.key.clone()), row.clone());
        }
        for row in &writes.accounts {
            if let Some(clabe) = &row.clabe {
                self.clabes.insert(clabe.expose().to_owned(), row.id);
                self.named.insert(clabe.expose().to_owned(), row.id);
            }
        }
    }
}

/// Rows to write, all in one transaction. A row that exists is replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    pub accounts: Vec<Account>,
    pub payouts: Vec<Payout>,
    pub received: Vec<Received>,
    pub requests: Vec<Request>,
    pub movements: Vec<Movement>,
    pub evidence: Vec<EvidenceRow>,
    pub decisions: Vec<Decision>,
    pub corrections: Vec<Correction>,
    pub exchanges: Vec<ExchangeRow>,
    pub events: Vec<Event>,
    pub banks: Vec<BankRow>,
}

impl Writes {
    /// True when nothing is to be written.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what the next command of a block wrote. A row written again is replaced: only its last form is written.
    pub fn append(&mut self, next: Self) {
        for row in next.accounts {
            self.accounts.retain(|before| before.id != row.id);
            self.accounts.push(row);
        }
        for row in next.banks {
            self.banks.retain(|before| before.name != row.name);
            self.banks.push(row);
        }
        self.payouts.extend(next.payouts);
        self.received.extend(next.received);
        self.requests.extend(next.requests);
        self.movements.extend(next.movements);
        self.evidence.extend(next.evidence);
        self.decisions.extend(next.decisions);
        self.corrections.extend(next.corrections);
        self.exchanges.extend(next.exchanges);
        self.events.extend(next.events);
    }
}
