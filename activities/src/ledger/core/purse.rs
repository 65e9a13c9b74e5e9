//! The oracle of the random sequences: what each account must have by what was asked and answered, and nothing else.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};
use workflows::domain::{Attention, Centavos, Outcome, PayoutId, Refusal, State};

use super::{
    super::{
        command::{Accept, Answer, Command, Subject},
        rows::{AccountStatus, Closure, FEE_INCOME, IVA_PAYABLE, PausedBy, Payout, Rows, SETTLEMENT_STP},
    },
    case::Case,
    comings::{Comings, End, NOBODY, Of},
    coverage::Coverage,
    fixtures::{Books, FEE, IVA, account_id, books, clabe, opening, payout_id, request, word},
    invariants::{self, Holds},
    moves::Move,
    world::{At, Limits, QUIET, World, at},
};

/// What each customer starts with: little, so that refusals happen.
const OPENING: i64 = 90_000;
const ACCOUNTS: u8 = 5;

/// One operation of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Accept {
        account: u8,
        centavos: i64,
        later: At,
    },
    Transfer {
        account: u8,
        other: u8,
        centavos: i64,
        later: At,
    },
    Book {
        n: usize,
        cancel: bool,
    },
    Replay {
        n: u32,
    },
    OtherBody {
        n: u32,
    },
    SameAccount {
        account: u8,
    },
    UnknownAccount,
    UnknownPayout,
    Open {
        account: u8,
        other: bool,
    },
    ClabeTaken {
        account: u8,
    },
    Freeze {
        account: u8,
    },
    Thaw {
        account: u8,
    },
    Pause,
    Resume,
    Announce {
        minutes: At,
    },
    CallOff,
    Pass(At),
    Deposit {
        account: Option<u8>,
        centavos: i64,
    },
    Back {
        case: Option<usize>,
        tenths: i64,
    },
    ComeAgain {
        n: usize,
        otherwise: bool,
    },
    Cure {
        n: usize,
        account: Option<u8>,
    },
    SendBack {
        n: usize,
    },
    Resolve {
        n: usize,
        account: Option<u8>,
    },
    Understand {
        n: usize,
    },
    Do {
        case: usize,
        step: Move,
    },
}

/// Books, worlds, and the oracle beside them.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) books: Books,
    pub(super) cases: Vec<Case>,
    pub(super) limits: Limits,
    /// Every request ever made, and its refusal.
    requests: Vec<(Accept, Option<Refusal>)>,
    /// Account, amount and end of every payout.
    payouts: BTreeMap<PayoutId, (u8, i64, End)>,
    frozen: [bool; ACCOUNTS as usize],
    pub(super) comings: Comings,
    booked: Vec<Booked>,
}

/// Money asked to go from one account to another.
#[derive(Clone, Copy)]
struct Booked {
    id: PayoutId,
    from: u8,
    to: u8,
    amount: i64,
    at: Option<Timestamp>,
    end: End,
}

impl Run {
    pub(super) fn new(limits: Limits) -> Self {
        let mut books = books(limits.dedupes);
        books.coverage = Some(Coverage::default());
        books.thorough = false;
        for account in 0..ACCOUNTS {
            books.open(usize::from(account), OPENING);
        }
        let frozen = [false; ACCOUNTS as usize];
        Self {
            books,
            cases: Vec::new(),
            limits,
            requests: Vec::new(),
            payouts: BTreeMap::new(),
            frozen,
            comings: Comings::default(),
            booked: Vec::new(),
        }
    }

    /// Payouts and transfers between two accounts, so far.
    pub(super) const fn booked(&self) -> usize {
        self.booked.len()
    }

    /// Requests made so far.
    pub(super) fn asked(&self) -> u32 {
        u32::try_from(self.requests.len()).unwrap_or(u32::MAX)
    }

    /// A payout and its world.
    pub(super) fn case(&self, case: usize) -> Option<(&Payout, &World)> {
        let case = self.cases.get(case)?;
        Some((self.books.rows.payouts.get(&case.payout)?, &case.world))
    }

    /// True when an operation of another run means something in this one.
    pub(super) fn possible(&self, op: Op) -> bool {
        if let Op::Replay { n } | Op::OtherBody { n } = op {
            return n <= self.asked();
        }
        if let Op::Book { n, .. } = op {
            return n < self.booked.len();
        }
        if let Op::ComeAgain { n, .. } | Op::Cure { n, .. } | Op::SendBack { n } | Op::Resolve { n, .. } = op {
            return n < self.comings.count();
        }
        if let Op::Back { case: Some(case), .. } = op {
            return case < self.cases.len();
        }
        let Op::Do { case, step } = op else { return true };
        self.case(case).is_some_and(|(row, world)| {
            let mut moves = Vec::new();
            let now = at(self.books.rows.now);
            world.moves(row, now, &self.limits, &self.books.rules, &mut moves);
            moves.contains(&step)
        })
    }

    /// What decides anything later: rows, worlds, and what the oracle knows; not who said or sent how often.
    pub(super) fn standing(&self) -> impl fmt::Debug {
        let Rows {
            payouts,
            received,
            accounts,
            now,
            ..
        } = &self.books.rows;
        let worlds: Vec<World> = self.cases.iter().map(|case| case.world).collect();
        let ends: Vec<End> = self.booked.iter().map(|booked| booked.end).collect();
        let rows = (payouts.clone(), received.clone(), accounts.clone(), *now);
        (rows, worlds, ends, self.frozen, self.comings.places())
    }

    /// Makes one operation, and compares everything.
    pub(super) fn make(&mut self, op: Op) -> Holds {
        match op {
            Op::Accept {
                account,
                centavos,
                later,
            } => {
                let process_after = self.in_a_while(later);
                let make = |n| {
                    let mut accept = request(n, account_id(account.into()), centavos);
                    accept.order.process_after = process_after;
                    accept
                };
                self.ask(make, self.due(account, centavos))?;
            }
            Op::Transfer {
                account,
                other,
                centavos,
                later,
            } => self.transfer(account, other, centavos, later)?,
            Op::Book { n, cancel } => self.book(n, cancel)?,
            Op::SameAccount { account } => {
                let due = if self.frozen[usize::from(account)] {
                    Refusal::AccountNotOpen
                } else {
                    Refusal::SameAccount
                };
                let own = |n| {
                    let mut own = request(n, account_id(account.into()), 1);
                    own.order.clabe = clabe(account.into());
                    own
                };
                self.ask(own, Some(due))?;
            }
            Op::UnknownAccount => self.ask(|n| request(n, account_id(999), 1), Some(Refusal::AccountUnknown))?,
            Op::Replay { n } => self.again(n)?,
            Op::OtherBody { n } => self.other_body(n)?,
            Op::UnknownPayout => {
                let answer = self.books.try_run(&Command::Apply(payout_id(9_999)))?;
                expect(answer == Answer::Unknown, "a payout that is not there", &answer)?;
            }
            Op::Open { account, other } => self.open_again(account, other)?,
            Op::ClabeTaken { account } => {
                let mut open = opening(account.into(), OPENING);
                open.key = "another".to_owned();
                let answer = self.books.try_run(&Command::Open(open))?;
                expect(answer == Answer::ClabeTaken, "a CLABE that is taken", &answer)?;
            }
            Op::Freeze { account } => self.freeze(account, true),
            Op::Thaw { account } => self.freeze(account, false),
            Op::Pause => self.pause(Some(PausedBy::People)),
            Op::Resume => self.pause(None),
            Op::Announce { minutes } => self.announce(minutes),
            Op::CallOff => self.call_off(),
            Op::Pass(seconds) => self.pass(seconds),
            Op::Deposit { account, centavos } => {
                self.comings.deposit(&mut self.books, account, centavos, &self.frozen)?;
            }
            Op::Back { case, tenths } => {
                let of = case
                    .and_then(|case| self.cases.get(case))
                    .map(|case| self.of(case.payout));
                self.comings
                    .back(&mut self.books, of.unwrap_or(Of::Nobody), tenths, &self.frozen)?;
            }
            Op::ComeAgain { n, otherwise } => {
                let now = self.comings.waits_for(n).map(|payout| self.of(payout));
                self.comings.again(&mut self.books, n, otherwise, now, &self.frozen)?;
            }
            Op::Cure { n, account } => self.comings.cure(&mut self.books, n, account, &self.frozen)?,
            Op::SendBack { n } => self.send_back(n)?,
            Op::Resolve { n, account } => self.comings.resolve(&mut self.books, n, account, &self.frozen)?,
            Op::Understand { n } => self.understand(n)?,
            Op::Do { case, step } => self.step(case, step)?,
        }
        self.balances()
    }

    fn in_a_while(&self, later: At) -> Option<Timestamp> {
        (later > 0).then(|| self.books.rows.now + SignedDuration::from_secs(later.into()))
    }

    /// Asks for money to go from one account to another, in odd sequences by account, in even ones by CLABE.
    fn transfer(&mut self, from: u8, to: u8, centavos: i64, later: At) -> Holds {
        let at = self.in_a_while(later);
        let by_account = self.requests.len() % 2 == 1;
        let make = |n| {
            let mut accept = request(n, account_id(from.into()), centavos);
            accept.order.clabe = clabe(to.into());
            accept.order.process_after = at;
            accept.is_transfer = by_account;
            accept
        };
        let due = match self.due(from, centavos) {
            Some(Refusal::AccountNotOpen) => Some(Refusal::AccountNotOpen),
            _ if from == to => Some(Refusal::SameAccount),
            Some(refusal) => Some(refusal),
            None if self.frozen[usize::from(to)] => Some(Refusal::BeneficiaryNotOpen),
            None => None,
        };
        let accept = make(self.requests.len() as u128 + 1);
        let id = accept.payout;
        let answer = self.books.try_run(&Command::Accept(accept.clone()))?;
        let right = match (&answer, due) {
            (Answer::Accepted { payout, .. }, None) => {
                let end = if at.is_some() { End::Open } else { End::Paid };
                self.booked.push(Booked {
                    id,
                    from,
                    to,
                    amount: centavos,
                    at,
                    end,
                });
                payout.state.is_open() == at.is_some()
            }
            (Answer::Refused { refusal, .. }, Some(due)) => *refusal == due,
            _ => false,
        };
        self.requests.push((accept, due));
        expect(right, "a transfer", &answer)
    }

    /// Its run comes to it, or its caller takes it back.
    fn book(&mut self, n: usize, cancel: bool) -> Holds {
        let Some(booked) = self.booked.get(n).copied() else {
            return Ok(());
        };
        let command = if cancel {
            Command::Cancel(booked.id, "payments".to_owned())
        } else {
            Command::Book(booked.id)
        };
        let answer = self.books.try_run(&command)?;
        let now = self.books.rows.now;
        let was_cancelled = matches!(
            &answer,
            Answer::Cancelled(_) | Answer::Ended(_, workflows::domain::End::Cancelled)
        );
        let right = match (booked.end, cancel) {
            (End::Open, true) => {
                self.booked[n].end = End::Back;
                was_cancelled
            }
            (End::Open, false) if booked.at.is_some_and(|at| at > now) => matches!(&answer, Answer::Open(_)),
            (End::Open, false) if self.frozen[usize::from(booked.to)] => {
                self.booked[n].end = End::Back;
                matches!(&answer, Answer::Ended(_, workflows::domain::End::Failed))
            }
            (End::Open, false) => {
                self.booked[n].end = End::Paid;
                matches!(&answer, Answer::Ended(_, workflows::domain::End::Settled))
            }
            (End::Paid, false) => matches!(&answer, Answer::Ended(_, workflows::domain::End::Settled)),
            (End::Back, _) => {
                was_cancelled
                    || matches!(
                        &answer,
                        Answer::TooLate(_) | Answer::Ended(_, workflows::domain::End::Failed)
                    )
            }
            (End::Paid, true) => matches!(&answer, Answer::TooLate(_)),
        };
        expect(right, "a transfer that is driven", &answer)
    }

    /// What went and is held of one account for others, what it got of them, and how many were charged.
    fn moved(&self, account: u8) -> (i64, i64, i64, i64) {
        let mut sums = (0, 0, 0, 0);
        for booked in &self.booked {
            let Booked { from, to, amount, .. } = *booked;
            match booked.end {
                End::Open if from == account => sums.1 += gross(amount),
                End::Paid => {
                    sums.0 += if from == account { gross(amount) } else { 0 };
                    sums.2 += if to == account { amount } else { 0 };
                    sums.3 += i64::from(from == account);
                }
                End::Open | End::Back => {}
            }
        }
        sums
    }

    /// People send a deposit back: when that begins, it is a payout like any other.
    fn send_back(&mut self, n: usize) -> Holds {
        let payout = payout_id(1_000_000 + self.cases.len() as u128);
        if let Some(amount) = self.comings.send_back(&mut self.books, n, payout)? {
            self.payouts.insert(payout, (NOBODY, amount, End::Open));
            let next = u32::try_from(self.cases.len()).unwrap_or_default() * 100_000;
            self.cases.push(Case {
                payout,
                world: QUIET,
                next,
            });
        }
        Ok(())
    }

    /// Two people say that a record, and a payout, are understood: of a payout that is open, or that nobody was told of, they
    /// cannot.
    fn understand(&mut self, n: usize) -> Holds {
        self.comings.understand(&mut self.books, n)?;
        let Some(case) = self.cases.get_mut(n) else {
            return Ok(());
        };
        let row = &self.books.rows.payouts[&case.payout];
        let goes = !row.state.is_open() && !matches!(row.attention, None | Some(Attention::ReturnSetApart));
        for person in ["ana", "luis"] {
            case.next += 1;
            let subject = Subject::Payout(case.payout);
            let answer = self
                .books
                .try_run(&word(subject, person, Outcome::Understood, None, case.next))?;
            expect(goes != matches!(answer, Answer::NotDecided(_)), "understood", &answer)?;
        }
        let told = self.books.rows.payouts[&case.payout].attention;
        expect(!goes || told.is_none(), "understood, and told still", &Answer::Unknown)
    }

    /// A payout as the oracle knows it.
    fn of(&self, id: PayoutId) -> Of {
        let (account, amount, end) = self.payouts[&id];
        Of::Payout {
            id,
            account,
            amount,
            end,
        }
    }

    /// Why a request must be refused now.
    fn due(&self, account: u8, centavos: i64) -> Option<Refusal> {
        let (_, gone, held) = self.purse(account);
        let (over, over_held, got, _) = self.moved(account);
        let left = OPENING + self.comings.with(account) + got - gone - held - over - over_held;
        match () {
            () if self.frozen[usize::from(account)] => Some(Refusal::AccountNotOpen),
            () if gross(centavos) > left => Some(Refusal::InsufficientFunds),
            () => None,
        }
    }

    /// Asks for a new payout under a new key.
    fn ask(&mut self, make: impl Fn(u128) -> Accept, due: Option<Refusal>) -> Holds {
        let accept = make(self.requests.len() as u128 + 1);
        let answer = self.books.try_run(&Command::Accept(accept.clone()))?;
        match (&answer, due) {
            (
                Answer::Accepted {
                    payout,
                    replayed: false,
                },
                None,
            ) => {
                let account = (0..ACCOUNTS)
                    .find(|n| account_id((*n).into()) == payout.account)
                    .unwrap_or_default();
                self.payouts
                    .insert(payout.id, (account, payout.amount.get(), End::Open));
                let next = u32::try_from(self.cases.len()).unwrap_or_default() * 100_000;
                self.cases.push(Case {
                    payout: payout.id,
                    world: QUIET,
                    next,
                });
            }
            (
                Answer::Refused {
                    refusal,
                    replayed: false,
                },
                Some(due),
            ) if *refusal == due => {}
            (_, due) => return Err(format!("{due:?} was due, and the answer is {answer:?}")),
        }
        self.requests.push((accept, due));
        Ok(())
    }

    /// The same request again: the same answer for ever.
    fn again(&mut self, n: u32) -> Holds {
        let Some((accept, refused)) = self.requests.get(n as usize - 1).cloned() else {
            return Ok(());
        };
        let id = accept.payout;
        let answer = self.books.try_run(&Command::Accept(accept))?;
        let right = if let Answer::Accepted { payout, replayed: true } = &answer {
            refused.is_none() && payout.id == id
        } else {
            matches!(&answer, Answer::Refused { refusal, replayed: true } if refused == Some(*refusal))
        };
        expect(right, "the same request again", &answer)
    }

    fn other_body(&mut self, n: u32) -> Holds {
        let Some((mut accept, refused)) = self.requests.get(n as usize - 1).cloned() else {
            return Ok(());
        };
        let payout = refused.is_none().then_some(accept.payout);
        accept.hash.push_str("-other");
        let answer = self.books.try_run(&Command::Accept(accept))?;
        expect(
            answer == Answer::KeyConflict { payout },
            "another body under the same key",
            &answer,
        )
    }

    fn open_again(&mut self, account: u8, other: bool) -> Holds {
        let mut open = opening(account.into(), OPENING);
        if other {
            open.hash.push_str("-other");
        }
        let answer = self.books.try_run(&Command::Open(open))?;
        let right = if other {
            answer == Answer::KeyConflict { payout: None }
        } else {
            matches!(answer, Answer::Opened { replayed: true, .. })
        };
        expect(right, "an account opened again", &answer)
    }

    /// People freeze an account: its row is changed, no command does it.
    fn freeze(&mut self, account: u8, frozen: bool) {
        self.frozen[usize::from(account)] = frozen;
        if let Some(row) = self.books.rows.accounts.get_mut(&account_id(account.into())) {
            row.status = if frozen {
                AccountStatus::Frozen
            } else {
                AccountStatus::Open
            };
        }
    }

    /// People pause or resume the bank.
    fn pause(&mut self, by: Option<PausedBy>) {
        for bank in self.books.rows.banks.values_mut() {
            bank.paused_by = by;
        }
    }

    /// The bank is closed from now on.
    fn announce(&mut self, minutes: At) {
        let from = self.books.rows.now;
        let until = from + SignedDuration::from_mins(i64::from(minutes));
        for bank in self.books.rows.banks.values_mut() {
            let reason = "maintenance".to_owned();
            bank.closures.push(Closure { from, until, reason });
        }
    }

    fn call_off(&mut self) {
        for bank in self.books.rows.banks.values_mut() {
            bank.closures.clear();
        }
        let (now, accepted) = (self.books.rows.now, self.books.rules.accepted);
        let unsent = self.books.rows.payouts.values_mut();
        for row in unsent.filter(|row| row.state == State::Accepted && row.to_account.is_none()) {
            let due = row.process_after.map_or(now, |at| at.max(now)) + accepted;
            row.deadline_at = row.deadline_at.map(|at| at.min(due + SignedDuration::from_mins(20)));
        }
    }

    fn pass(&mut self, seconds: At) {
        self.books.rows.now += SignedDuration::from_secs(i64::from(seconds));
        let now = at(self.books.rows.now);
        for case in &mut self.cases {
            case.world.expire(now, &self.books.rules);
        }
    }

    /// Moves one payout, and holds the promise against what an honest bank did.
    fn step(&mut self, case: usize, step: Move) -> Holds {
        let Some(case) = self.cases.get_mut(case) else {
            return Ok(());
        };
        let answer = case.make(&mut self.books, step)?;
        let end = match &answer {
            Some(Answer::Cancelled(_)) => Some(End::Back),
            Some(Answer::Ended(row, _)) if matches!(row.state, State::Settled | State::Returned) => Some(End::Paid),
            Some(Answer::Ended(..)) => Some(End::Back),
            Some(_) | None => None,
        };
        let fate = self
            .payouts
            .get_mut(&case.payout)
            .ok_or("a payout that nobody asked for")?;
        if let Some(end) = end {
            if fate.2 != End::Open && fate.2 != end {
                return Err(format!("it ended as {:?}, and now as {end:?}", fate.2));
            }
            fate.2 = end;
            self.comings.ended(case.payout, end);
        }
        let row = &self.books.rows.payouts[&case.payout];
        if row.state.is_open() != (fate.2 == End::Open) {
            return Err(format!("by its answers it is {:?}, by its row {}", fate.2, row.state));
        }
        if self.limits.lies {
            return Ok(());
        }
        invariants::promise(&self.books.rules, self.books.rows.now, row, &case.world)
    }

    /// Amounts paid, everything gone, everything held of one account.
    fn purse(&self, account: u8) -> (i64, i64, i64) {
        let mut sums = (0, 0, 0);
        for (_, amount, end) in self.payouts.values().filter(|(of, _, _)| *of == account) {
            match end {
                End::Open => sums.2 += gross(*amount),
                End::Paid => {
                    sums.0 += amount;
                    sums.1 += gross(*amount);
                }
                End::Back => {}
            }
        }
        sums
    }

    /// Every account has what the oracle says.
    fn balances(&self) -> Holds {
        let mut paid = 0;
        let mut charged = 0;
        for account in 0..ACCOUNTS {
            let (amounts, gone, held) = self.purse(account);
            let (over, over_held, got, count) = self.moved(account);
            paid += amounts;
            charged += count;
            self.has(
                account_id(account.into()),
                [
                    gone + over,
                    OPENING + self.comings.with(account) + got,
                    held + over_held,
                ],
            )?;
        }
        let is_charged = |of: u8, end: End| of != NOBODY && end == End::Paid;
        let count = self
            .payouts
            .values()
            .filter(|(of, _, end)| is_charged(*of, *end))
            .count();
        let (sent_back, _, _) = self.purse(NOBODY);
        paid += sent_back;
        let count = i64::try_from(count).unwrap_or_default() + charged;
        self.comings.stand_apart(&self.books)?;
        let came = OPENING * i64::from(ACCOUNTS) + self.comings.placed();
        self.has(SETTLEMENT_STP, [came, paid, 0])?;
        self.has(FEE_INCOME, [0, FEE.get() * count, 0])?;
        self.has(IVA_PAYABLE, [0, IVA.get() * count, 0])
    }

    fn has(&self, account: workflows::domain::AccountId, due: [i64; 3]) -> Holds {
        let row = &self.books.rows.accounts[&account];
        let is = [row.debits, row.credits, row.held].map(Centavos::get);
        if is == due {
            Ok(())
        } else {
            Err(format!("account {account} has {is:?}, the oracle {due:?}"))
        }
    }

    /// The books from scratch, the promise of every payout, and what people are told of it.
    pub(super) fn sum_up(&self) -> Holds {
        invariants::books(&self.books.rows, &self.books.movements, &self.books.events)?;
        for case in &self.cases {
            let row = &self.books.rows.payouts[&case.payout];
            invariants::told(&self.books.rules, &self.books.rows, row)?;
            if !self.limits.lies {
                invariants::promise(&self.books.rules, self.books.rows.now, row, &case.world)?;
            }
        }
        Ok(())
    }
}

fn expect(right: bool, what: &str, answer: &Answer) -> Holds {
    if right {
        Ok(())
    } else {
        Err(format!("{what} is answered {answer:?}"))
    }
}

/// Amount, fee and IVA.
const fn gross(amount: i64) -> i64 {
    amount + FEE.get() + IVA.get()
}

/// A line of a story.
impl fmt::Display for Op {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Do { case, step } = self {
            write!(out, "payout {}: {step}", case + 1)
        } else if let Self::Pass(seconds) = self {
            write!(out, "{seconds} seconds pass")
        } else {
            write!(out, "{self:?}")
        }
    }
}
