//! Money that comes in is pulled: records are read from the bank, taken into the books, and their runs started. A webhook
//! only makes it look now; what it says is never booked.
//!
//! Whoever dies midway costs one more look: a record is the same row whoever reads it, and the sweeper starts its run.

mod pages;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::civil::Date;
use temporalio_client::{
    Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowSignalOptions, WorkflowStartOptions,
    errors::{WorkflowInteractionError, WorkflowStartError},
};
use temporalio_common::search_attributes::SearchAttributes;
use tracing::{error, info, warn};
use uuid::Uuid;
use workflows::{
    DepositWorkflow, ReturnWorkflow, attributes,
    contract::Arrival,
    domain::{InstitutionCode, Institutions, ReceivedId, ReceivedKind, ReceivedState},
    sentences,
    wire::{Anything, ArrivalStart},
};

use crate::{
    bank::{Incoming, ReceivedEntry, ReceivedFound, ReceivedLine, one_day},
    catch_up::{self, Trouble},
    ledger::{
        LedgerError, StoreError,
        command::{Receive, Stand},
        heard,
        rows::Received,
    },
    steps::BankSteps,
};
use pages::Pages;

/// Starts and wakes the runs of money that came in.
#[derive(Clone, Debug)]
pub struct Arrivals {
    client: Client,
    queue: String,
    institutions: Arc<Institutions>,
}

impl Arrivals {
    /// Runs on this queue of workflows.
    pub fn new(client: Client, queue: String, institutions: Arc<Institutions>) -> Self {
        Self {
            client,
            queue,
            institutions,
        }
    }

    /// Starts the run of a record; one that is there already goes on.
    pub async fn start(&self, received: &Received) -> Result<(), WorkflowStartError> {
        let arrival = Arrival { received: received.id };
        let (start, options) = (ArrivalStart::Of(arrival), self.options(received));
        let started = match received.kind {
            ReceivedKind::Deposit => self
                .client
                .start_workflow(DepositWorkflow::run, start, options)
                .await
                .map(drop),
            ReceivedKind::Return => self
                .client
                .start_workflow(ReturnWorkflow::run, start, options)
                .await
                .map(drop),
        };
        match started {
            Ok(()) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Says that there is something to look at; a run that is not there needs none.
    pub async fn look(&self, received: &Received) {
        let (id, options) = (received.workflow_id(), WorkflowSignalOptions::default());
        let told = match received.kind {
            ReceivedKind::Deposit => {
                let run = self.client.get_workflow_handle::<DepositWorkflow>(id);
                run.signal(DepositWorkflow::look, Anything, options).await
            }
            ReceivedKind::Return => {
                let run = self.client.get_workflow_handle::<ReturnWorkflow>(id);
                run.signal(ReturnWorkflow::look, Anything, options).await
            }
        };
        match told {
            Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => {}
            Err(error) => warn!(received = %received.id, %error, "not woken: it looks by itself later"),
        }
    }

    /// What the list of runs shows before anything has happened. Nothing of a person: last four digits at most.
    fn options(&self, received: &Received) -> WorkflowStartOptions {
        let sender = self
            .institutions
            .code(InstitutionCode::new(received.sender))
            .map_or_else(|| received.sender.to_string(), |found| found.name.clone());
        // It is started while its row has no place: a run that ended without giving it one is replaced.
        WorkflowStartOptions::new(self.queue.clone(), received.workflow_id())
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(SearchAttributes::new([
                attributes::BANK.value_set(received.bank.clone()),
                attributes::INSTITUTION.value_set(received.sender.to_string()),
                attributes::AMOUNT_CENTS.value_set(received.amount.get()),
                attributes::TRACKING_KEY.value_set(received.tracking_key.clone()),
            ]))
            .static_summary(sentences::arrival_summary(
                received.kind,
                received.amount,
                &received.bank,
                &sender,
                received.clabe_last4(),
            ))
            .build()
    }
}

/// Reads what came in from one bank, and takes it in.
#[derive(Clone, Debug)]
pub struct Puller {
    steps: BankSteps,
}

/// Runs started at once, and how long all of them may take.
const STARTED_AT_ONCE: usize = 16;
const START: Duration = Duration::from_secs(20);

/// What a record says of money: told otherwise than before, a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    /// Amount, interest, payment type.
    money: (i64, i64, i32),
    account: Option<String>,
    of_key: Option<String>,
}

impl Told {
    /// As the books would keep it.
    fn of(line: &ReceivedLine) -> Self {
        let is_return = ReceivedKind::of(line.payment_type) == ReceivedKind::Return;
        let interest = if is_return {
            line.interest.min(line.amount).get()
        } else {
            0
        };
        Self {
            money: (line.amount.get(), interest, line.payment_type.into()),
            account: line.account.clone(),
            of_key: line.of_key.clone().filter(|_| is_return),
        }
    }
}

/// What became of a question about money under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The books have it.
    TakenIn(ReceivedId),
    /// The bank has none, or it is not here yet.
    NotYet,
    /// No usable answer.
    NoAnswer,
}

impl Puller {
    /// Reads this bank.
    pub fn new(steps: BankSteps) -> Self {
        Self { steps }
    }

    /// Reads the running day again and again, until `stop` resolves. Past days are the reconciliation's.
    pub async fn keep(self, every: Duration, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut pages = Pages::default();
        loop {
            match self.running_day(&mut pages).await {
                Ok(0) => {}
                Ok(new) => info!(bank = self.steps.bank().name(), new, "taken in what came"),
                // A roll passes by itself.
                Err(Trouble::Rolled) => {}
                Err(error) => {
                    warn!(bank = self.steps.bank().name(), %error, "what came in could not be read: tried again")
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Reads the running day from where the last look ended; how many records are new.
    async fn running_day(&self, pages: &mut Pages) -> Result<usize, Trouble> {
        let (ledger, bank) = (self.steps.ledger(), self.steps.bank());
        let calendar = &ledger.rules().calendar;
        let at = ledger.now().await?;
        if !one_day(calendar, at, at)? {
            return Err(Trouble::Rolled);
        }
        let today = calendar.operating_date(at)?.date();
        let mut new = 0;
        let mut page = pages.begin(today);
        loop {
            let read = bank.received(today, today, page).await?;
            // Read on another day than it was asked about, it would be booked for a wrong one.
            if !one_day(calendar, at, ledger.now().await?)? {
                return Err(Trouble::Rolled);
            }
            for entry in read.lines.iter().filter(|entry| pages.is_news(entry)) {
                warn!(key = entry.tracking_key, says = ?entry.says, "money that cannot be booked by its record");
            }
            new += self.take_in(&read.lines).await?.len();
            match pages.next(
                page,
                read.lines.len(),
                usize::try_from(read.total).unwrap_or(usize::MAX),
            ) {
                Some(next) => page = next,
                None => return Ok(new),
            }
        }
    }

    /// Takes in whatever of these records the books do not have as they are told, then starts their runs. Those that are
    /// new. One that the books refuse holds up no other: its day's reconciliation names it.
    pub(crate) async fn take_in(&self, entries: &[ReceivedEntry]) -> Result<Vec<ReceivedId>, Trouble> {
        let bank = self.steps.bank().name();
        let here = entries.iter().filter_map(|entry| match &entry.says {
            Incoming::Here(line) => Some((line.id(bank), &**line)),
            Incoming::Pending { .. } | Incoming::Unclear { .. } => None,
        });
        let here: Vec<(ReceivedId, &ReceivedLine)> = here.collect();
        let ids: Vec<Uuid> = here.iter().map(|(id, _)| id.uuid()).collect();
        let known = self.known(&ids).await?;
        let (mut new, mut unplaced) = (Vec::new(), Vec::new());
        for (id, line) in here {
            if known.get(&id) == Some(&Told::of(line)) {
                continue;
            }
            let receive = Receive {
                bank: bank.to_owned(),
                line: line.clone(),
            };
            match self.steps.ledger().receive(receive).await {
                Ok((received, is_new)) => {
                    new.extend(is_new.then_some(id));
                    unplaced.extend((received.state == ReceivedState::Received).then_some(received));
                }
                Err(LedgerError::SetAside) => error!(received = %id, "the books do not take this record"),
                Err(error @ LedgerError::Later) => return Err(error.into()),
            }
        }
        self.drive(&unplaced).await;
        Ok(new)
    }

    /// What the books have of these.
    async fn known(&self, ids: &[Uuid]) -> Result<BTreeMap<ReceivedId, Told>, StoreError> {
        let found = sqlx::query!(
            r#"select id, amount, interest, payment_type::int as "payment_type!", clabe, of_key
               from received where id = any($1)"#,
            ids
        )
        .fetch_all(self.steps.ledger().pool());
        let found = heard(found).await?.into_iter().map(|row| {
            let told = Told {
                money: (row.amount, row.interest, row.payment_type),
                account: row.clabe,
                of_key: row.of_key,
            };
            (ReceivedId::new(row.id), told)
        });
        Ok(found.collect())
    }

    /// Takes in one record and starts its run.
    async fn take(&self, receive: Receive) -> Result<Received, Trouble> {
        let (received, _) = self.steps.ledger().receive(receive).await?;
        if received.state == ReceivedState::Received {
            self.drive(std::slice::from_ref(&received)).await;
        }
        Ok(received)
    }

    /// Starts runs, a few at once, and for seconds only: what Temporal does not take is the sweeper's. A return that
    /// overtakes its payout's posting has its bank asked now.
    async fn drive(&self, unplaced: &[Received]) {
        let starting = stream::iter(unplaced).for_each_concurrent(STARTED_AT_ONCE, |received| async move {
            if let Err(error) = self.steps.arrivals().start(received).await {
                warn!(received = %received.id, workflow = received.workflow_id(), %error, "not started: left to the sweeper");
            }
        });
        if tokio::time::timeout(START, starting).await.is_err() {
            warn!("not all runs of what came in were started: left to the sweeper");
        }
        for key in unplaced.iter().filter_map(|received| received.of_key.as_ref()) {
            if let Err(error) = self.hurry(key).await {
                warn!(%error, "the bank was not asked about a payout whose return is here: its run asks by itself");
            }
        }
    }

    /// Asks the bank about a payout that is open though its return is here, and wakes its run. It would come to that by
    /// itself, later: no answer is no failure.
    async fn hurry(&self, key: &str) -> Result<(), Trouble> {
        let Some(payout) = self.steps.ledger().payout_by_key(key).await? else {
            return Ok(());
        };
        if !payout.state.is_open() {
            return Ok(());
        }
        let asked = async {
            let before = self.steps.read(payout.id).await.ok()??;
            match before.stand {
                Stand::Sent | Stand::Doubt | Stand::Resend => self.steps.ask_bank(&before).await.ok(),
                Stand::Closed | Stand::Go | Stand::NotSent { .. } => Some(before),
            }
        };
        if asked.await.is_some_and(|after| after.stand == Stand::Closed) {
            catch_up::wake(&self.steps.arrivals().client, &[payout.id]).await;
        }
        Ok(())
    }

    /// Asks the bank for what came under a key, on the running day or a past one, and takes it in.
    pub(crate) async fn ask(&self, key: &str, date: Option<Date>) -> Result<Asked, Trouble> {
        let ledger = self.steps.ledger();
        let calendar = &ledger.rules().calendar;
        let at = ledger.now().await?;
        if !one_day(calendar, at, at)? {
            return Err(Trouble::Rolled);
        }
        let today = calendar.operating_date(at)?.date();
        let past = date.filter(|date| *date < today);
        match self.steps.bank().inquire_received(key, past).await {
            ReceivedFound::NotFound => Ok(Asked::NotYet),
            ReceivedFound::NoAnswer { why } => {
                warn!(key, why, "the bank did not say what came under this key");
                Ok(Asked::NoAnswer)
            }
            ReceivedFound::Entry(entry) => match entry.says {
                Incoming::Here(line) => {
                    let bank = self.steps.bank().name().to_owned();
                    let received = self.take(Receive { bank, line: *line }).await?;
                    Ok(Asked::TakenIn(received.id))
                }
                Incoming::Pending { .. } | Incoming::Unclear { .. } => Ok(Asked::NotYet),
            },
        }
    }
}
