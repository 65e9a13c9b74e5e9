//! Calls to one bank: submit, inquire, ask; what the bank says is written before anybody acts on it.

use std::{fmt, sync::Arc, time::Duration};

use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use uuid::Uuid;
use workflows::{
    contract::{Asked, Reconciled, Standing, Subject, Submit, markers},
    domain::{BeneficiaryName, Clabe, Concept, InstitutionCode, NumericReference, PayoutId, State, TaxId},
    sentences::{filled, support::Next},
};

use super::{at_its_time, bank_closed, seconds_until, standing};
use crate::{
    bank::{Bank, Call, CameBy, Fence, Found, NoTurn, NotSent, Order, Payer, Payment, Sender, Submitted, What},
    catch_up::{Begun, CATCHING_UP, CaughtUp},
    crash::{self, Point},
    failure,
    ledger::{
        Ledger, LedgerError,
        command::{Begin, By, Finding, Record, Stand},
        core::{
            outlook::{self, Step, why_no_resend},
            stand,
        },
        rows::{BankRow, PausedBy, Payout},
    },
    receive::Arrivals,
    reconcile,
};

/// The books may be away for as long as a failover takes; the bank's word on a send is kept in memory meanwhile. The
/// server may start another attempt beside it: that one finds somebody else's send, and asks.
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(500);
/// A call whose turn did not come is tried again after this many seconds, and up to as many more.
const PUT_OFF: u64 = 5;
/// While statements are read the server hears so often that this process lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// What waits for the same moment comes back over this many seconds at most.
const LONGEST_SPREAD: u64 = 30;

/// How long a send waits for the books to be held against the bank's orders, before it says that it was not sent: longer
/// than that takes after a mere restart.
const CATCH_UP: Duration = Duration::from_secs(7);

/// Calls to one bank. Only this bank's worker has them.
#[derive(Clone)]
pub struct BankSteps {
    ledger: Ledger,
    bank: Arc<Bank>,
    arrivals: Arrivals,
    caught_up: CaughtUp,
}

impl fmt::Debug for BankSteps {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("BankSteps")
            .field("bank", &self.bank.name())
            .finish_non_exhaustive()
    }
}

/// A payout that was looked up and asked about.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The row after asking.
    pub payout: Payout,
    /// Where it stands.
    pub stand: Stand,
    /// Its bank, as read before asking.
    pub bank: BankRow,
    /// What the bank answered; `None` before it was asked.
    pub found: Option<Found>,
    /// The database's time when the row was read, before asking.
    pub now: jiff::Timestamp,
}

impl BankSteps {
    /// Steps at one bank; `arrivals` starts the runs of what comes in.
    pub fn new(ledger: Ledger, bank: Bank, arrivals: Arrivals) -> Self {
        Self {
            ledger,
            bank: Arc::new(bank),
            arrivals,
            caught_up: CaughtUp::default(),
        }
    }

    /// The ledger these steps write to.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The bank they call.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// What starts and wakes the runs of what comes in.
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// On which server the books were held against the bank's orders.
    pub fn caught_up(&self) -> &CaughtUp {
        &self.caught_up
    }

    /// Where a payout stands, without asking anybody; `None` when the books do not have it.
    pub async fn read(&self, payout: PayoutId) -> Result<Option<Looked>, ActivityError> {
        let now = self.ledger.now().await.map_err(failure::store)?;
        let Some(row) = self.ledger.payout(payout).await.map_err(failure::store)? else {
            return Ok(None);
        };
        let Some(bank) = self.ledger.bank(&row.bank).await.map_err(failure::store)? else {
            return Ok(None);
        };
        let stand = stand(self.ledger.rules(), &row, &bank, now);
        Ok(Some(Looked {
            payout: row,
            stand,
            bank,
            found: None,
            now,
        }))
    }

    /// Asks the bank once and writes what it says. `before` tells which send and when the question was asked.
    pub async fn ask_bank(&self, before: &Looked) -> Result<Looked, ActivityError> {
        let payout = &before.payout;
        // What was never sent, as books have it that may have lost its begin, is taken in first: an answer to a question
        // would stand in its way.
        if payout.state == State::Accepted && self.caught_up.seen().is_none() {
            return Err(failure::put_off(spread(PUT_OFF, PUT_OFF)));
        }
        let today = self
            .ledger
            .rules()
            .calendar
            .operating_date(before.now)
            .map_err(|error| failure::bug(format!("the bank calendar has no such day: {error}")))?;
        let order = self.order(payout, today.date()).await?;
        let calls = self.bank.calls_to_ask(&order, today.date());
        self.turn(Call::Question, calls).await?;
        crash::at(Point::AskBeforeQuestion, &payout.id);
        let (found, exchange) = self.bank.inquire(&order, today.date()).await;
        let by = By::Inquiry {
            send_no: payout.send_no,
            asked_at: before.now,
            found: found.clone(),
            exchange,
        };
        let finding = Finding {
            payout: payout.id,
            id: Uuid::new_v4(),
            by,
        };
        crash::at(Point::AskBeforeEvidence, &payout.id);
        let written = self.ledger.evidence(finding).await.map_err(failure::ledger)?;
        crash::at(Point::AskAfterEvidence, &payout.id);
        let (payout, stand) = written.ok_or_else(|| failure::bug("the payout is gone from the books".to_owned()))?;
        Ok(Looked {
            payout,
            stand,
            bank: before.bank.clone(),
            found: Some(found),
            now: before.now,
        })
    }

    /// Waits for the turn of calls at the bank, for seconds; else the activity is put off, each by its own while.
    async fn turn(&self, call: Call, calls: u32) -> Result<(), ActivityError> {
        let turn = self.bank.turn(call, calls).await;
        turn.map_err(|NoTurn| failure::put_off(spread(PUT_OFF, PUT_OFF)))
    }

    /// The order that a payout is at the bank; `date` is its operating date, or today when it has none.
    async fn order(&self, payout: &Payout, date: jiff::civil::Date) -> Result<Order, ActivityError> {
        let payer = match payout.sends_back {
            Some(_) => None,
            None => Some(self.payer(payout.id).await?),
        };
        order(payout, payer, date)
    }

    /// The ordering customer of a payout, as the bank has it.
    async fn payer(&self, payout: PayoutId) -> Result<Payer, ActivityError> {
        let found = self.ledger.payer(payout).await.map_err(failure::store)?;
        let (clabe, name, tax_id) = found.ok_or_else(|| failure::bug("the payer's account has no CLABE".to_owned()))?;
        let clabe =
            Clabe::new(clabe.expose()).map_err(|_| failure::bug("the payer's CLABE does not read".to_owned()))?;
        Ok(Payer {
            clabe,
            name: BeneficiaryName::from_stored(name.expose()),
            tax_id: TaxId::from_stored(tax_id.expose()),
        })
    }

    /// Begins, however often COMMIT's answer is lost: the sender knows itself. A right that comes too late to be used
    /// is handed back by the fence: nothing leaves, and that is recorded.
    async fn begin(&self, begin: Begin) -> Result<Option<(Payout, Stand)>, ActivityError> {
        self.patiently(|| self.ledger.begin(begin.clone())).await
    }

    /// Asks the books again while they are away: what became of a send must not be forgotten with its activity. Every
    /// command recognises its own repeat.
    async fn patiently<T, F: Future<Output = Result<T, LedgerError>>>(
        &self,
        command: impl Fn() -> F,
    ) -> Result<T, ActivityError> {
        let start = tokio::time::Instant::now();
        loop {
            match command().await {
                Err(LedgerError::Later) if start.elapsed() < PATIENCE => tokio::time::sleep(AGAIN).await,
                answer => return answer.map_err(failure::ledger),
            }
        }
    }
}

#[activities]
impl BankSteps {
    /// Takes the right to send, sends once, records; asks nothing.
    #[activity(definition = markers::Submit)]
    pub async fn submit(self: Arc<Self>, _: ActivityContext, subject: Subject) -> Result<Submit, ActivityError> {
        let Some(looked) = self.read(subject.payout).await? else {
            return Ok(Submit::Unknown);
        };
        // Nothing waits between begin and the first byte. What the bank's row holds back takes nobody's turn.
        let sends = match looked.stand {
            Stand::NotSent { until } => until <= looked.now,
            Stand::Resend => true,
            Stand::Closed | Stand::Go | Stand::Sent | Stand::Doubt => false,
        };
        let seen = match looked.bank.attention.as_deref() {
            // It takes longer: who waits here would keep others from asking.
            Some(CATCHING_UP) => self.caught_up.seen(),
            Some(_) | None => self.caught_up.within(CATCH_UP).await,
        };
        if sends && seen.is_some() {
            self.turn(Call::Order, 1).await?;
        }
        let before = looked.payout;
        let today = before.operating_date.unwrap_or_default();
        let mut order = self.order(&before, today).await?;
        // Both own clocks are read before begin, so that `send_before` is never earlier than what they allow.
        let fence = Fence::default();
        let sender = Sender(Uuid::new_v4());
        crash::at(Point::SubmitBeforeBegin, &subject.payout);
        let begin = Begin {
            payout: subject.payout,
            sender,
            seen,
        };
        let Some((payout, stand)) = self.begin(begin).await? else {
            return Ok(Submit::Unknown);
        };
        if stand != Stand::Go {
            return self.report(payout, stand).await;
        }
        let send_no = payout.send_no;
        self.caught_up.remember(Begun {
            payout: payout.id,
            send_no,
            sender,
        });
        crash::at(Point::SubmitAfterBegin, &subject.payout);
        let (submitted, exchange) = match payout.operating_date {
            Some(date) => {
                order.operating_date = date;
                self.bank.submit(&order, fence).await
            }
            None => (Submitted::NotSent(NotSent::Late), Default::default()),
        };
        let record = Record {
            payout: payout.id,
            sender,
            send_no,
            submitted,
            exchange,
        };
        crash::at(Point::SubmitBeforeRecord, &subject.payout);
        let written = self.patiently(|| self.ledger.record(record.clone())).await?;
        crash::at(Point::SubmitAfterRecord, &subject.payout);
        match written {
            Some((payout, stand)) => self.report(payout, stand).await,
            None => Ok(Submit::Unknown),
        }
    }

    /// Asks until there is something to act on, or something new to show; its attempts are retried by the server.
    #[activity(definition = markers::Inquire)]
    pub async fn inquire(self: Arc<Self>, ctx: ActivityContext, subject: Subject) -> Result<Standing, ActivityError> {
        crash::at(Point::InquireBeforeRead, &subject.payout);
        let Some(before) = self.read(subject.payout).await? else {
            return Err(failure::bug("the books have no such payout".to_owned()));
        };
        let ready = |looked: &Looked| {
            let told = looked
                .payout
                .attention
                .is_some_and(|attention| Some(attention) != subject.shown);
            told || match looked.stand {
                Stand::Closed | Stand::Resend | Stand::NotSent { .. } | Stand::Go => true,
                Stand::Sent | Stand::Doubt => false,
            }
        };
        if ready(&before) {
            return Ok(standing(&before.payout, before.now));
        }
        let after = self.ask_bank(&before).await?;
        crash::at(Point::InquireBeforeAnswer, &subject.payout);
        if ready(&after) {
            return Ok(standing(&after.payout, after.now));
        }
        let said = after.payout.bank_said.as_deref().unwrap_or("nothing");
        Err(failure::pending(said, next_question(ctx.info().attempt)))
    }

    /// Asks once, because a person wants to know.
    #[activity(definition = markers::Ask)]
    pub async fn ask(self: Arc<Self>, _: ActivityContext, subject: Subject) -> Result<Asked, ActivityError> {
        crash::at(Point::RetryBeforeAsk, &subject.payout);
        let Some(before) = self.read(subject.payout).await? else {
            return Ok(Asked {
                standing: None,
                next: Next::Nowhere.sentence().en.to_owned(),
                resends: false,
            });
        };
        let after = match before.stand {
            Stand::Sent | Stand::Doubt | Stand::Resend => self.ask_bank(&before).await?,
            Stand::Closed | Stand::NotSent { .. } | Stand::Go => before,
        };
        crash::at(Point::RetryAfterAsk, &subject.payout);
        let (next, resends) = self.next(&after);
        Ok(Asked {
            standing: Some(standing(&after.payout, after.now)),
            next,
            resends,
        })
    }

    /// Holds the closed days that are due, and the running one, against the books.
    #[activity(definition = markers::Reconcile)]
    pub async fn reconcile(self: Arc<Self>, ctx: ActivityContext) -> Result<Reconciled, ActivityError> {
        let client = ctx.client();
        let is_first = ctx.info().attempt == 1;
        let mut reading = std::pin::pin!(reconcile::reconcile(&self, &client, is_first));
        loop {
            tokio::select! {
                read = &mut reading => return read.map_err(failure::unread),
                // Another attempt, or another process, reads on.
                () = ctx.cancelled() => return Err(failure::put_off(PUT_OFF)),
                () = tokio::time::sleep(SIGN_OF_LIFE) => {
                    let _said = ctx.record_heartbeat(()).await;
                }
            }
        }
    }
}

impl BankSteps {
    /// What a submit answers, from where the payout stands.
    async fn report(&self, payout: Payout, stand: Stand) -> Result<Submit, ActivityError> {
        let now = self.ledger.now().await.map_err(failure::store)?;
        let standing = standing(&payout, now);
        Ok(match stand {
            Stand::Sent => Submit::Sent { standing },
            Stand::Doubt | Stand::Resend | Stand::Go => Submit::Doubt { standing },
            Stand::Closed => Submit::Closed { standing },
            Stand::NotSent { until } => {
                // Thousands wait for the same moment: they do not all come back in one second.
                let wait = seconds_until(now, until);
                let waits_for = match payout.waits_until(now) {
                    Some(at) => Some(at_its_time(at)),
                    None => self.closed_until(&payout.bank, now).await?.map(bank_closed),
                };
                Submit::NotSent {
                    waits_for,
                    wait_seconds: spread(wait, (wait / 2).min(LONGEST_SPREAD)),
                    standing,
                }
            }
        })
    }

    /// Until when the bank's calendar, or its own word, keeps it closed.
    async fn closed_until(&self, bank: &str, now: jiff::Timestamp) -> Result<Option<jiff::Timestamp>, ActivityError> {
        let bank = self.ledger.bank(bank).await.map_err(failure::store)?;
        Ok(bank.and_then(|bank| outlook::closed_until(self.ledger.rules(), &bank, now)))
    }

    /// What follows from where a payout stands, for the person who asked.
    fn next(&self, looked: &Looked) -> (String, bool) {
        let Looked {
            payout,
            stand,
            bank,
            now,
            ..
        } = looked;
        let rules = self.ledger.rules();
        let sentence = match stand {
            Stand::Closed => Next::Ends.sentence().en.to_owned(),
            Stand::Resend => {
                return (Next::Resends.sentence().en.to_owned(), true);
            }
            Stand::NotSent { .. } if payout.waits_until(*now).is_some() => {
                payout.waits_until(*now).map(at_its_time).unwrap_or_default()
            }
            Stand::NotSent { .. } if held_by_people(bank) => Step::AwaitBank.sentence().to_owned(),
            // The question woke the run.
            Stand::NotSent { until } if until <= now => Next::Sending.sentence().en.to_owned(),
            Stand::NotSent { until } => filled(
                Next::TriedAgain.sentence().en,
                &[("seconds", &seconds_until(*now, *until))],
            ),
            Stand::Sent => Next::Undecided.sentence().en.to_owned(),
            Stand::Go => Next::Sending.sentence().en.to_owned(),
            Stand::Doubt => {
                why_no_resend(rules, payout, bank, *now).unwrap_or_else(|| Next::Asking.sentence().en.to_owned())
            }
        };
        (sentence, false)
    }
}

/// The order that a payout is at the bank; `date` is its operating date, or today when it has none. What sends a deposit
/// back has no payer, any other one.
pub(crate) fn order(payout: &Payout, payer: Option<Payer>, date: jiff::civil::Date) -> Result<Order, ActivityError> {
    let unreadable = |field: &str| failure::bug(format!("the {field} of {} does not read", payout.id));
    let what = match (&payout.deposit_key, payout.deposit_date) {
        (Some(key), Some(date)) => What::SendBack(CameBy {
            tracking_key: key.clone(),
            operating_date: date,
        }),
        _ => What::Pay(Box::new(Payment {
            payer: payer.ok_or_else(|| unreadable("payer"))?,
            clabe: Clabe::new(payout.clabe.expose()).map_err(|_| unreadable("CLABE"))?,
            institution: InstitutionCode::new(payout.institution),
            beneficiary: BeneficiaryName::from_stored(payout.beneficiary_name.expose()),
            beneficiary_tax_id: TaxId::from_stored(payout.beneficiary_tax_id.expose()),
            concept: Concept::from_stored(payout.concept.expose()),
            reference: NumericReference::new(payout.reference).map_err(|_| unreadable("reference"))?,
        })),
    };
    Ok(Order {
        tracking_key: payout.tracking_key.clone(),
        operating_date: payout.operating_date.unwrap_or(date),
        amount: payout.amount,
        what,
    })
}

/// True for a pause that only people end.
fn held_by_people(bank: &BankRow) -> bool {
    bank.paused_by.is_some_and(|by| by != PausedBy::Configuration)
}

/// `seconds`, and up to so many `more` by chance.
fn spread(seconds: u64, more: u64) -> u64 {
    let (_, chance) = Uuid::new_v4().as_u64_pair();
    seconds + chance % (more + 1)
}

/// Seconds before the next question: quick at first, then once a minute, and not all in the same second.
fn next_question(attempt: u32) -> u64 {
    let seconds = match attempt {
        0 | 1 => 2,
        2 => 4,
        3 => 8,
        4 => 15,
        5 => 30,
        _ => 60,
    };
    spread(seconds, seconds / 4)
}
