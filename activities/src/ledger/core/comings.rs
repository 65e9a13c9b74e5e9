//! The oracle of money that comes in: where each record's money must be, by what was told and answered alone.

use workflows::domain::{Centavos, Outcome, PayoutId, ReceivedAttention, ReceivedId, ReceivedState};

use super::{
    super::{
        command::{Answer, Command, Cure, NotCured, NotDecided, Receive, Return, SendBack, Subject},
        rows::{NOT_APPLIED, SUSPENSE, TO_APPLY},
    },
    fixtures::{Books, account_id, came, clabe, word},
    invariants::Holds,
};
use crate::bank::ReceivedLine;

/// Whom a return is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// This one, as the oracle knows it: whose, how much, and whether it is open, paid or given back.
    Payout {
        id: PayoutId,
        account: u8,
        amount: i64,
        end: End,
    },
    /// No payout's key.
    Nobody,
}

/// What became of a payout, by the answers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Paid,
    Back,
}

/// Where the money of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waits,
    With(u8),
    Apart,
    Suspense,
    Returning(PayoutId),
    Gone(PayoutId),
}

/// Whose money goes back: no account's.
pub(super) const NOBODY: u8 = u8::MAX;

#[derive(Clone)]
struct Coming {
    id: ReceivedId,
    told: Receive,
    of: Option<Of>,
    place: Place,
    /// The payout that was to send it back.
    last: Option<PayoutId>,
    /// It went to suspense first: it reversed nothing.
    was_suspended: bool,
}

/// Every record ever told.
#[derive(Clone, Default)]
pub(super) struct Comings {
    all: Vec<Coming>,
    /// Decisions to send back, each with a key of its own.
    decisions: u32,
}

/// Where an answer says that a record is.
fn is(answer: &Answer) -> Option<Place> {
    if let Answer::Waits { .. } = answer {
        return Some(Place::Waits);
    }
    let Answer::Placed(row) = answer else { return None };
    match (row.state, row.account) {
        (ReceivedState::Applied, Some(account)) => (0..u8::MAX)
            .find(|n| account_id((*n).into()) == account)
            .map(Place::With),
        (ReceivedState::Unapplied, None) => Some(Place::Apart),
        (ReceivedState::Suspended, None) => Some(Place::Suspense),
        (ReceivedState::Returning, None) => row.sent_back_by.map(Place::Returning),
        (ReceivedState::SentBack, None) => row.sent_back_by.map(Place::Gone),
        (ReceivedState::Received | ReceivedState::Applied | ReceivedState::Unapplied, _) => None,
        (ReceivedState::Suspended | ReceivedState::Returning | ReceivedState::SentBack, Some(_)) => None,
    }
}

/// Something was said of the payout that was to send it back, after that had ended without.
fn unclear(books: &Books, last: Option<PayoutId>) -> bool {
    let of = last.map(|id| &books.rows.payouts[&id]);
    of.is_some_and(|row| row.attention.is_some() || row.paid_after_end)
}

impl Comings {
    /// A deposit for an account, or for one that nobody has.
    pub(super) fn deposit(&mut self, books: &mut Books, account: Option<u8>, centavos: i64, frozen: &[bool]) -> Holds {
        let mut line = came(&format!("CAME{}", self.all.len()), centavos);
        let named = account.map_or_else(
            || "566180000553286528".to_owned(),
            |n| clabe(n.into()).as_str().to_owned(),
        );
        line.account = Some(named);
        let place = match account {
            Some(account) if !frozen[usize::from(account)] => Place::With(account),
            Some(_) | None => Place::Apart,
        };
        self.come(books, line, None, place)
    }

    /// What comes back of a payout: some tenths of it, with interest or none, maybe more than it was.
    pub(super) fn back(&mut self, books: &mut Books, of: Of, tenths: i64, frozen: &[bool]) -> Holds {
        let (amount, key) = match of {
            Of::Payout { id, amount, .. } => (amount, books.rows.payouts[&id].tracking_key.to_string()),
            Of::Nobody => (1_000, "GIRONOBODYS".to_owned()),
        };
        let principal = (amount * tenths / 10).max(1);
        let interest = if tenths == 7 { 3 } else { 0 };
        let mut line = came(&format!("CAME{}", self.all.len()), principal + interest);
        (line.payment_type, line.interest, line.of_key) = (17, Centavos::new(interest), Some(key));
        line.cause = Some("stp:cause_1".to_owned());
        let place = self.due(of, principal, frozen);
        self.come(books, line, Some(of), place)
    }

    /// Where a return must go now.
    fn due(&self, of: Of, principal: i64, frozen: &[bool]) -> Place {
        let Of::Payout {
            id,
            account,
            amount,
            end,
        } = of
        else {
            return Place::Suspense;
        };
        let is_returned = self.all.iter().any(|other| {
            let same = matches!(other.of, Some(Of::Payout { id: of, .. }) if of == id);
            same && !other.was_suspended && matches!(other.place, Place::With(_) | Place::Apart)
        });
        match end {
            End::Open => Place::Waits,
            End::Back => Place::Suspense,
            End::Paid if account == NOBODY => Place::Suspense,
            End::Paid if is_returned || principal > amount => Place::Suspense,
            End::Paid if frozen[usize::from(account)] => Place::Apart,
            End::Paid => Place::With(account),
        }
    }

    fn come(&mut self, books: &mut Books, line: ReceivedLine, of: Option<Of>, place: Place) -> Holds {
        let told = Receive {
            bank: "stp".to_owned(),
            line,
        };
        let answer = books.try_run(&Command::Receive(Box::new(told.clone())))?;
        let Answer::Received { received, is_new: true } = &answer else {
            return Err(format!("a new record is answered {answer:?}"));
        };
        self.all.push(Coming {
            id: received.id,
            told,
            of,
            place: Place::Waits,
            last: None,
            was_suspended: false,
        });
        self.drive(books, self.all.len() - 1, place)
    }

    /// Places a record; the oracle says where it must be.
    fn drive(&mut self, books: &mut Books, n: usize, due: Place) -> Holds {
        let coming = &mut self.all[n];
        let command = match coming.of {
            None => Command::Deposit(coming.id),
            Some(of) => Command::Return(Return {
                received: coming.id,
                payout: match of {
                    Of::Payout { id, .. } => Some(id),
                    Of::Nobody => None,
                },
            }),
        };
        let answer = books.try_run(&command)?;
        let is = is(&answer);
        if is != Some(due) {
            return Err(format!("it is {is:?}, and {due:?} was due: {answer:?}"));
        }
        coming.place = due;
        Ok(())
    }

    /// Every record is driven and told once more; those that wait may find their place. `ends`: what became of payouts.
    pub(super) fn again(
        &mut self,
        books: &mut Books,
        n: usize,
        otherwise: bool,
        now: Option<Of>,
        frozen: &[bool],
    ) -> Holds {
        let Some(coming) = self.all.get_mut(n) else {
            return Ok(());
        };
        let mut told = coming.told.clone();
        if otherwise {
            told.line.amount = Centavos::new(told.line.amount.get() + 1);
        }
        let answer = books.try_run(&Command::Receive(Box::new(told)))?;
        if !matches!(answer, Answer::Received { is_new: false, .. }) {
            return Err(format!("a record told again is answered {answer:?}"));
        }
        let place = match (coming.place, now) {
            (Place::Waits, Some(of)) => {
                coming.of = Some(of);
                let line = &coming.told.line;
                let principal = line.amount.get() - line.interest.get();
                self.due(of, principal, frozen)
            }
            (place, _) => place,
        };
        self.drive(books, n, place)
    }

    /// The payout that a record waits for.
    pub(super) fn waits_for(&self, n: usize) -> Option<PayoutId> {
        let coming = self.all.get(n).filter(|coming| coming.place == Place::Waits)?;
        match coming.of {
            Some(Of::Payout { id, .. }) => Some(id),
            Some(Of::Nobody) | None => None,
        }
    }

    /// A record that stands apart, the `n`th or one after it.
    pub(super) fn apart(&self, n: usize) -> Option<usize> {
        let stands = |at: &usize| self.all[*at].place == Place::Apart;
        (n..self.all.len()).chain(0..n).find(stands)
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// People give what stands apart to an account; `None`: to one that nobody has.
    pub(super) fn cure(&mut self, books: &mut Books, n: usize, account: Option<u8>, frozen: &[bool]) -> Holds {
        let Some(coming) = self.all.get_mut(n) else {
            return Ok(());
        };
        let cure = Cure {
            received: coming.id,
            payout: match coming.of {
                Some(Of::Payout { id, .. }) => Some(id),
                Some(Of::Nobody) | None => coming.last,
            },
            account: account_id(account.map_or(999, u128::from)),
            actor: "support".to_owned(),
            reason: "asked".to_owned(),
        };
        let is_unclear = unclear(books, coming.last);
        let answer = books.try_run(&Command::Cure(cure))?;
        let due = match (coming.place, account) {
            (Place::Apart, None) => Err(NotCured::AccountUnknown),
            (Place::Apart, Some(account)) if frozen[usize::from(account)] => Err(NotCured::AccountNotOpen),
            (Place::Apart, Some(_)) if is_unclear => Err(NotCured::MayBeBack),
            (Place::Apart, Some(account)) => Ok(account),
            (Place::With(has), Some(account)) if has == account => Ok(account),
            (Place::Waits | Place::With(_) | Place::Suspense | Place::Returning(_) | Place::Gone(_), _) => {
                Err(NotCured::NotSetApart)
            }
        };
        match (&answer, due) {
            (Answer::Placed(row), Ok(account)) if row.account == Some(account_id(account.into())) => {
                coming.place = Place::With(account);
                Ok(())
            }
            (Answer::NotCured { why, .. }, Err(due)) if *why == due => Ok(()),
            _ => Err(format!("a cure is answered {answer:?}, and {due:?} was due")),
        }
    }

    /// Two people give what stands in suspense to an account; one of them twice does nothing.
    pub(super) fn resolve(&mut self, books: &mut Books, n: usize, account: Option<u8>, frozen: &[bool]) -> Holds {
        self.decisions += 4;
        let key = self.decisions;
        let Some(coming) = self.all.get_mut(n) else {
            return Ok(());
        };
        let to = account_id(account.map_or(999, u128::from));
        let subject = Subject::Received(coming.id);
        let due = match (coming.place, account) {
            (Place::Suspense, None) => Err(NotDecided::AccountUnknown),
            (Place::Suspense, Some(account)) if frozen[usize::from(account)] => Err(NotDecided::AccountNotOpen),
            (Place::Suspense, Some(account)) => Ok(account),
            (Place::Waits | Place::With(_) | Place::Apart | Place::Returning(_) | Place::Gone(_), _) => {
                Err(NotDecided::NotNeeded)
            }
        };
        for (person, key) in [("ana", key), ("ana", key + 1)] {
            let answer = books.try_run(&word(subject, person, Outcome::Apply, Some(to), key))?;
            let right = match due {
                Ok(_) => matches!(answer, Answer::Awaits(_)),
                Err(why) => answer == Answer::NotDecided(why),
            };
            if !right {
                return Err(format!("one person's word is answered {answer:?}, and {due:?} was due"));
            }
        }
        let answer = books.try_run(&word(subject, "luis", Outcome::Apply, Some(to), key + 2))?;
        match (&answer, due) {
            (Answer::Decided(None), Ok(account)) => {
                coming.place = Place::With(account);
                coming.was_suspended = true;
                Ok(())
            }
            (Answer::NotDecided(why), Err(due)) if *why == due => Ok(()),
            _ => Err(format!("two people's word is answered {answer:?}, and {due:?} was due")),
        }
    }

    /// Two people say that what was told of a record that has its place is understood.
    pub(super) fn understand(&mut self, books: &mut Books, n: usize) -> Holds {
        self.decisions += 4;
        let Some(coming) = self.all.get(n) else {
            return Ok(());
        };
        let differs = books.rows.received[&coming.id].attention == Some(ReceivedAttention::Differs);
        for (person, key) in [("luis", self.decisions), ("ana", self.decisions + 1)] {
            let subject = Subject::Received(coming.id);
            let answer = books.try_run(&word(subject, person, Outcome::Understood, None, key))?;
            if differs == matches!(answer, Answer::NotDecided(_)) {
                return Err(format!("understood is answered {answer:?}"));
            }
        }
        Ok(())
    }

    /// A record in suspense, the `n`th or one after it.
    pub(super) fn suspended(&self, n: usize) -> Option<usize> {
        let stands = |at: &usize| self.all[*at].place == Place::Suspense;
        (n..self.all.len()).chain(0..n).find(stands)
    }

    /// People send a deposit back by a payout; its amount when that begins.
    pub(super) fn send_back(&mut self, books: &mut Books, n: usize, payout: PayoutId) -> Result<Option<i64>, String> {
        self.decisions += 1;
        let Some(coming) = self.all.get_mut(n) else {
            return Ok(None);
        };
        let back = SendBack {
            received: coming.id,
            payout,
            last: coming.last,
            key: self.decisions.to_string(),
            actor: "support".to_owned(),
            reason: "asked".to_owned(),
        };
        let is_unclear = unclear(books, coming.last);
        let answer = books.try_run(&Command::SendBack(back))?;
        let due = match (coming.place, coming.of) {
            (Place::Apart, None) if is_unclear => Err(NotCured::MayBeBack),
            (Place::Apart, None) => Ok(Place::Returning(payout)),
            (Place::Returning(_) | Place::Gone(_), None) => Ok(coming.place),
            _ => Err(NotCured::NotSetApart),
        };
        match (&answer, due) {
            (Answer::Placed(_), Ok(due)) if is(&answer) == Some(due) => {
                let is_new = coming.place == Place::Apart;
                coming.place = due;
                if is_new {
                    coming.last = Some(payout);
                }
                Ok(is_new.then_some(coming.told.line.amount.get()))
            }
            (Answer::NotCured { why, .. }, Err(due)) if *why == due => Ok(None),
            _ => Err(format!("sending back is answered {answer:?}, and {due:?} was due")),
        }
    }

    /// A payout that sends back has ended.
    pub(super) fn ended(&mut self, payout: PayoutId, end: End) {
        let of = |coming: &&mut Coming| coming.place == Place::Returning(payout);
        if let Some(coming) = self.all.iter_mut().find(of) {
            coming.place = match end {
                End::Open => coming.place,
                End::Paid => Place::Gone(payout),
                End::Back => Place::Apart,
            };
        }
    }

    /// Where each record is, by what was told and answered.
    pub(super) fn places(&self) -> impl std::fmt::Debug {
        let place = |coming: &Coming| (coming.place, coming.last, coming.was_suspended);
        self.all.iter().map(place).collect::<Vec<_>>()
    }

    /// What came to an account in all.
    pub(super) fn with(&self, account: u8) -> i64 {
        self.sum(|coming| coming.place == Place::With(account))
    }

    /// What was ever placed: settlement has it.
    pub(super) fn placed(&self) -> i64 {
        self.sum(|coming| coming.place != Place::Waits)
    }

    fn sum(&self, which: impl Fn(&Coming) -> bool) -> i64 {
        let those = self.all.iter().filter(|coming| which(coming));
        those.map(|coming| coming.told.line.amount.get()).sum()
    }

    /// What stands apart and in suspense is what giro's own accounts have left.
    pub(super) fn stand_apart(&self, books: &Books) -> Holds {
        let left = |id| {
            let row = &books.rows.accounts[&id];
            row.credits.get() - row.debits.get()
        };
        let apart =
            |is_return: bool| self.sum(|coming| coming.place == Place::Apart && coming.of.is_some() == is_return);
        let returning = self.sum(|coming| matches!(coming.place, Place::Returning(_)));
        let held = books.rows.accounts[&NOT_APPLIED].held.get();
        if held != returning {
            return Err(format!("{held} is held to be sent back, the oracle {returning}"));
        }
        let due = [
            apart(false) + returning,
            apart(true),
            self.sum(|coming| coming.place == Place::Suspense),
        ];
        let is = [left(NOT_APPLIED), left(TO_APPLY), left(SUSPENSE)];
        if is == due {
            Ok(())
        } else {
            Err(format!("apart and in suspense: {is:?}, the oracle {due:?}"))
        }
    }
}
