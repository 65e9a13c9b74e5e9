//! Steps on the books: accept for a run that brings its own request, apply, and what becomes of money that came in.

use std::sync::Arc;

use jiff::SignedDuration;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::{
    contract::{self, Accept, Applied, Arrival, ArrivalStanding, Booked, Subject, markers},
    domain::{Fees, FieldCode, FieldError, Institutions, PayoutId},
    wire::DirectStart,
};

use super::{again_in, at_its_time, seconds_until, standing};
use crate::{
    crash::{self, Point},
    failure,
    ledger::{
        Ledger, Placed,
        command::{self, Answer, Command, Return},
        core::hex,
        rows::{Payout, Received},
    },
};

/// Steps on the books. Every worker of the workflow queue has them.
#[derive(Debug)]
pub struct LedgerSteps {
    ledger: Ledger,
    direct: Option<DirectStarts>,
}

/// What a run that was started with its own request needs to accept it.
#[derive(Debug)]
pub struct DirectStarts {
    /// The caller that direct starts act for.
    pub caller: String,
    /// The bank that pays.
    pub bank: String,
    /// What a payout costs.
    pub fees: Fees,
    /// Which institution a CLABE belongs to.
    pub institutions: Arc<Institutions>,
}

/// A payout id of a direct start must be this fresh, so that an old history cannot pay again.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// Money that could not be moved, because the books are broken, is tried again after so many seconds.
const BROKEN: u64 = 60;
/// So long after its time money is not late: the books were asked just before.
const JUST_DUE: SignedDuration = SignedDuration::from_secs(5);

impl LedgerSteps {
    /// `direct`: `None` refuses runs that bring their own request.
    pub fn new(ledger: Ledger, direct: Option<DirectStarts>) -> Self {
        Self { ledger, direct }
    }

    /// What to mend in a direct start, or the command that it is.
    fn read(&self, start: &DirectStart, now: jiff::Timestamp) -> Result<command::Accept, Vec<FieldError>> {
        let refused = |pointer: &str, code, message: &str| vec![FieldError::new(pointer, code, message)];
        let Some(direct) = &self.direct else {
            return Err(refused(
                "/request",
                FieldCode::DirectStartOff,
                "send it to POST /v1/payouts: direct starts are not configured",
            ));
        };
        let made = start.payout.milliseconds().and_then(|at| i64::try_from(at).ok());
        let fresh = made
            .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
            .is_some_and(|at| at.duration_until(jiff::Timestamp::now()).abs() <= FRESH);
        if !fresh {
            return Err(refused(
                "/payout",
                FieldCode::NotFresh,
                "make the payout id a UUIDv7 within a day of now",
            ));
        }
        let today = self.ledger.rules().calendar.operating_date(now).map_err(|_| {
            refused(
                "",
                FieldCode::Calendar,
                "the bank calendar does not reach this day; its owner must extend it",
            )
        })?;
        let order = start.request.parse(&direct.institutions, today.date())?;
        let (fee, iva) = direct.fees.charge(today.date()).ok_or_else(|| {
            refused(
                "/amount",
                FieldCode::OutOfRange,
                "giro's fee is out of range: its operator must mend it",
            )
        })?;
        Ok(command::Accept {
            payout: start.payout,
            caller: direct.caller.clone(),
            key: start.payout.to_string(),
            hash: hex(&order.hash(&direct.caller)),
            bank: direct.bank.clone(),
            is_transfer: false,
            order,
            fee,
            iva,
        })
    }
}

#[activities]
impl LedgerSteps {
    /// Holds the money of a request that started its run itself.
    #[activity(definition = markers::Accept)]
    pub async fn accept(self: Arc<Self>, _: ActivityContext, start: DirectStart) -> Result<Accept, ActivityError> {
        let now = self.ledger.now().await.map_err(failure::store)?;
        // The books are asked first: an id that they have was accepted, whatever configuration says since.
        if let Some(row) = self.ledger.payout(start.payout).await.map_err(failure::store)? {
            let mine = row.request_key == start.payout.to_string();
            let same = self
                .read(&start, now)
                .map_or(true, |accept| accept.hash == row.request_hash);
            return Ok(if mine && same { accepted(&row, now) } else { reused() });
        }
        let accept = match self.read(&start, now) {
            Ok(accept) => accept,
            Err(errors) => return Ok(Accept::Malformed { errors }),
        };
        crash::at(Point::StepBeforeAccept, &start.payout);
        let answer = self.ledger.accept(accept).await.map_err(failure::ledger)?;
        crash::at(Point::StepAfterAccept, &start.payout);
        // Accept has no other answer: another is a bug, and is retried until it is mended.
        #[allow(clippy::wildcard_enum_match_arm)]
        match answer {
            Answer::Accepted { payout, .. } => Ok(accepted(&payout, now)),
            Answer::Refused { refusal, .. } => Ok(Accept::Refused { refusal }),
            Answer::KeyConflict { .. } => Ok(reused()),
            _ => Err(failure::bug("accept gave an answer that it does not have".to_owned())),
        }
    }

    /// Posts or releases by the evidence on the row.
    #[activity(definition = markers::Apply)]
    pub async fn apply(self: Arc<Self>, _: ActivityContext, subject: Subject) -> Result<Applied, ActivityError> {
        crash::at(Point::StepBeforeApply, &subject.payout);
        let applied = self.ledger.apply(subject.payout).await.map_err(failure::ledger)?;
        crash::at(Point::StepAfterApply, &subject.payout);
        let now = self.ledger.now().await.map_err(failure::store)?;
        Ok(match applied {
            Some((payout, Some(end))) => Applied::Ended {
                end,
                standing: standing(&payout, now),
            },
            Some((payout, None)) => Applied::Open {
                standing: standing(&payout, now),
            },
            None => Applied::Unknown,
        })
    }

    /// Moves money between two accounts of giro's own, once it is time.
    #[activity(definition = markers::Book)]
    pub async fn book(self: Arc<Self>, _: ActivityContext, subject: Subject) -> Result<Booked, ActivityError> {
        let booked = self.ledger.book(subject.payout).await.map_err(failure::ledger)?;
        let now = self.ledger.now().await.map_err(failure::store)?;
        Ok(match booked {
            Some((payout, Some(end))) => Booked::Ended {
                end,
                standing: standing(&payout, now),
            },
            Some((payout, None)) => {
                let due = payout.process_after.unwrap_or(payout.accepted_at);
                let (wait_seconds, waits_for) = match payout.waits_until(now) {
                    Some(at) => (seconds_until(now, at), at_its_time(at)),
                    // Its time came while it was looked at; else the books are broken, and it is looked at again.
                    None if due.duration_until(now) < JUST_DUE => (1, again_in(1)),
                    None => (BROKEN, again_in(BROKEN)),
                };
                Booked::Waits {
                    wait_seconds,
                    standing: standing(&payout, now),
                    waits_for,
                }
            }
            None => Booked::Unknown,
        })
    }

    /// Gives a deposit to its customer, or sets it apart.
    #[activity(definition = markers::Deposit)]
    pub async fn deposit(
        self: Arc<Self>,
        _: ActivityContext,
        arrival: Arrival,
    ) -> Result<contract::Placed, ActivityError> {
        let placed = self.ledger.place(Command::Deposit(arrival.received)).await;
        placed.map(arrived).map_err(failure::ledger)
    }

    /// Reverses what came back of a payout.
    #[activity(definition = markers::GiveBack)]
    pub async fn give_back(
        self: Arc<Self>,
        _: ActivityContext,
        arrival: Arrival,
    ) -> Result<contract::Placed, ActivityError> {
        let Some(row) = self.ledger.received(arrival.received).await.map_err(failure::store)? else {
            return Ok(contract::Placed::Unknown);
        };
        let payout = match &row.of_key {
            Some(key) => self.ledger.payout_by_key(key).await.map_err(failure::store)?,
            None => None,
        };
        let back = Return {
            received: row.id,
            payout: payout.map(|payout| payout.id),
        };
        let placed = self.ledger.place(Command::Return(back)).await;
        placed.map(arrived).map_err(failure::ledger)
    }
}

fn arrived(placed: Placed) -> contract::Placed {
    match placed {
        Placed::Placed(received) => contract::Placed::Placed {
            standing: arrival(&received, None),
        },
        Placed::Waits { received, payout } => contract::Placed::Waits {
            standing: arrival(&received, payout),
        },
        Placed::Unknown => contract::Placed::Unknown,
    }
}

/// Where money that came in stands, as its run shows it.
fn arrival(received: &Received, waits_for: Option<PayoutId>) -> ArrivalStanding {
    ArrivalStanding {
        received: received.id,
        kind: received.kind,
        bank: received.bank.clone(),
        amount: received.amount,
        sender: received.sender,
        tracking_key: received.tracking_key.clone(),
        operating_date: received.operating_date,
        state: received.state,
        payout: received.payout.or(waits_for),
        attention: received.attention,
    }
}

fn accepted(payout: &Payout, now: jiff::Timestamp) -> Accept {
    Accept::Accepted {
        institution: payout.institution,
        standing: standing(payout, now),
    }
}

fn reused() -> Accept {
    let mend = "this id belongs to another request: make a new one";
    Accept::Malformed {
        errors: vec![FieldError::new("/payout", FieldCode::PayoutIdReused, mend)],
    }
}
