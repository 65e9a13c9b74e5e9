//! Runs of payouts, seen from outside: started in the background, woken, asked. Accepting never needs Temporal.

use std::{sync::Arc, time::Duration};

use activities::{
    crash::{self, Point},
    inbox,
    ledger::rows::{Payout, Received},
    receive::Arrivals,
};
use anyhow::Context;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, GrpcCompression, Url, WorkflowExecuteUpdateOptions,
    WorkflowExecutionStatus, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions,
    errors::{WorkflowInteractionError, WorkflowStartError},
};
use temporalio_common::{search_attributes::SearchAttributes, telemetry::metrics::TemporalMeter};
use tokio::sync::{OnceCell, Semaphore};
use tracing::{debug, warn};
use workflows::{
    PayoutWorkflow, ReceiptsWorkflow, TransferWorkflow, attributes,
    contract::Asked,
    domain::{InstitutionCode, Institutions, TransferId},
    receipts, sentences,
    wire::{AcceptedStart, Anything, Start, Transfer, TransferStart},
};

use crate::{config::Temporal, meters};

/// Starts that wait for Temporal at once; beyond, the sweeper starts the run.
const PATIENT: usize = 256;
/// A person waits this long for the bank's answer.
const ANSWER: Duration = Duration::from_secs(15);

/// Starts, wakes and asks runs, through a client that connects when it is first needed.
#[derive(Clone)]
pub struct Starter {
    client: Arc<OnceCell<Client>>,
    patient: Arc<Semaphore>,
    temporal: Arc<Temporal>,
    institutions: Arc<Institutions>,
}

/// What a person gets who asked for an answer now.
#[derive(Clone, Debug)]
pub enum Retried {
    /// The bank was asked.
    Answered(Box<Asked>),
    /// It will be; nothing came in time.
    Asked,
}

/// Why a run is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was just accepted: a run that closed before is not repeated.
    New,
    /// Its deadline is past: a run that closed while the payout is open is replaced.
    Overdue,
}

/// What came of driving a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// It has a run now.
    Started,
    /// It had one, which goes on.
    Alive,
}

/// Whether a payout's run is under way. Asking only reads: where thousands wait, starting each again in vain would take
/// what their runs need.
async fn is_alive(client: &Client, payout: &Payout) -> anyhow::Result<bool> {
    let run = client.get_workflow_handle::<PayoutWorkflow>(payout.workflow_id());
    match run.describe(Default::default()).await {
        Ok(described) => Ok(described.status() == WorkflowExecutionStatus::Running),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(false),
        Err(error) => Err(error).context("Temporal does not say whether it runs"),
    }
}

impl Reason {
    /// Where it may be cut off: before, and after.
    const fn points(self) -> [Point; 2] {
        match self {
            Self::New => [Point::StartBefore, Point::StartAfter],
            Self::Overdue => [Point::RestartBefore, Point::RestartAfter],
        }
    }

    /// The word in metrics.
    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Overdue => "overdue",
        }
    }
}

impl Starter {
    /// Connects to nothing yet.
    pub fn new(temporal: Temporal, institutions: Arc<Institutions>) -> Self {
        Self {
            client: Arc::default(),
            patient: Arc::new(Semaphore::new(PATIENT)),
            temporal: Arc::new(temporal),
            institutions,
        }
    }

    /// The client, connected now if it was not yet.
    pub async fn client(&self) -> anyhow::Result<Client> {
        self.client.get_or_try_init(|| connect(&self.temporal)).await.cloned()
    }

    /// Starts the run of a payout. Temporal away is no failure of the request: the sweeper starts what was not.
    pub async fn start(&self, payout: &Payout) {
        let Ok(_place) = self.patient.try_acquire() else {
            meters::start(Reason::New.word(), "left");
            debug!(payout = %payout.id, "left to the sweeper");
            return;
        };
        if let Err(error) = self.begin(payout, Reason::New).await {
            warn!(payout = %payout.id, workflow = payout.workflow_id(), error = format!("{error:#}"), "not started: left to the sweeper");
        }
    }

    /// Starts the run of a payout, and says when it could not.
    pub async fn begin(&self, payout: &Payout, reason: Reason) -> anyhow::Result<Driven> {
        let [before, after] = reason.points();
        crash::at(before, &payout.id);
        let driven = self.drive(payout, reason).await;
        crash::at(after, &payout.id);
        let result = match driven {
            Ok(Driven::Started) => "started",
            Ok(Driven::Alive) => "alive",
            Err(_) => "failed",
        };
        meters::start(reason.word(), result);
        driven
    }

    async fn drive(&self, payout: &Payout, reason: Reason) -> anyhow::Result<Driven> {
        let client = self.client().await?;
        if reason == Reason::Overdue && is_alive(&client, payout).await? {
            return Ok(Driven::Alive);
        }
        let options = self.options(payout, reason);
        let started = if payout.is_transfer {
            let transfer = TransferId::from(payout.id);
            let start = TransferStart::Of(Transfer { transfer });
            let started = client.start_workflow(TransferWorkflow::run, start, options).await;
            started.map(drop)
        } else {
            let start = Start::Accepted(AcceptedStart {
                payout: payout.id,
                bank: payout.bank.clone(),
            });
            client
                .start_workflow(PayoutWorkflow::run, start, options)
                .await
                .map(drop)
        };
        match started {
            Ok(()) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(Driven::Started),
            Err(error) => Err(error).context("Temporal did not start the run"),
        }
    }

    /// Starts the run of money that came in, and says when it could not.
    pub async fn arrive(&self, received: &Received) -> anyhow::Result<()> {
        self.arrivals()
            .await?
            .start(received)
            .await
            .context("Temporal did not start the run")
    }

    /// Has Banxico asked for what is due. Temporal away is no failure of the request: the sweeper has it asked.
    pub async fn look_up(&self) {
        let Ok(_place) = self.patient.try_acquire() else {
            debug!("receipts are left to the sweeper");
            return;
        };
        if let Err(error) = self.receipts().await {
            warn!(
                error = format!("{error:#}"),
                "receipts are not looked up now: left to the sweeper"
            );
        }
    }

    /// Starts the run that asks Banxico for what is due, where none is under way.
    pub async fn receipts(&self) -> anyhow::Result<()> {
        let client = self.client().await?;
        let queue = self.temporal.task_queue.clone();
        let options = WorkflowStartOptions::new(queue.clone(), receipts::id(&queue))
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .build();
        match client.start_workflow(ReceiptsWorkflow::run, Anything, options).await {
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
            Err(error) => Err(error).context("Temporal did not start the run"),
        }
    }

    /// Says that there is something to look at about money that came in.
    pub async fn look_at(&self, received: &Received) {
        match self.arrivals().await {
            Ok(arrivals) => arrivals.look(received).await,
            Err(error) => {
                warn!(received = %received.id, error = format!("{error:#}"), "not woken: it looks by itself later");
            }
        }
    }

    async fn arrivals(&self) -> anyhow::Result<Arrivals> {
        let client = self.client().await?;
        Ok(Arrivals::new(
            client,
            self.temporal.task_queue.clone(),
            Arc::clone(&self.institutions),
        ))
    }

    /// Says that there is something to look at; a run that is not there needs none. False: it was not told.
    pub async fn look(&self, payout: &Payout) -> bool {
        let woken = async {
            let client = self.client().await?;
            crash::at(Point::WakeBeforeSignal, &payout.id);
            inbox::wake(&client, payout.workflow_id()).await?;
            crash::at(Point::WakeAfterSignal, &payout.id);
            anyhow::Ok(())
        };
        let woken = woken.await;
        if let Err(error) = &woken {
            warn!(payout = %payout.id, workflow = payout.workflow_id(), error = format!("{error:#}"), "not woken: it looks by itself later");
        }
        woken.is_ok()
    }

    /// Asks the bank now, through the run, and awaits its answer for a while. The same `update_id` gets the same answer.
    pub async fn retry(&self, payout: &Payout, update_id: &str) -> Retried {
        let asked = async {
            let client = self.client().await?;
            let run = client.get_workflow_handle::<PayoutWorkflow>(payout.id.workflow_id());
            let options = WorkflowExecuteUpdateOptions::builder()
                .update_id(update_id.to_owned())
                .build();
            crash::at(Point::RetryBeforeUpdate, &payout.id);
            let asked = run.execute_update(PayoutWorkflow::retry, Anything, options).await?;
            crash::at(Point::RetryAfterUpdate, &payout.id);
            anyhow::Ok(asked)
        };
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(asked)) => Retried::Answered(Box::new(asked)),
            Ok(Err(error)) => {
                warn!(payout = %payout.id, error = format!("{error:#}"), "not asked now: the run asks by itself");
                Retried::Asked
            }
            Err(_) => Retried::Asked,
        }
    }

    /// What the list of runs shows before anything has happened. Nothing of a person: last four digits at most.
    fn options(&self, payout: &Payout, reason: Reason) -> WorkflowStartOptions {
        let institution = self
            .institutions
            .code(InstitutionCode::new(payout.institution))
            .map_or_else(|| payout.institution.to_string(), |found| found.name.clone());
        let reuse = match reason {
            Reason::New => WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
            Reason::Overdue => WorkflowIdReusePolicy::AllowDuplicate,
        };
        WorkflowStartOptions::new(self.temporal.task_queue.clone(), payout.workflow_id())
            .id_reuse_policy(reuse)
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .search_attributes(SearchAttributes::new([
                attributes::BANK.value_set(payout.bank.clone()),
                attributes::INSTITUTION.value_set(payout.institution.to_string()),
                attributes::AMOUNT_CENTS.value_set(payout.amount.get()),
                attributes::TRACKING_KEY.value_set(payout.tracking_key.to_string()),
            ]))
            .static_summary(sentences::summary(
                payout.amount,
                &payout.bank,
                &institution,
                payout.clabe_last4(),
            ))
            .build()
    }
}

/// One connection; compression inside a cluster only costs.
pub async fn connect(temporal: &Temporal) -> anyhow::Result<Client> {
    connect_metered(temporal, None).await
}

/// One connection, whose requests count in the SDK's metrics.
pub(crate) async fn connect_metered(temporal: &Temporal, meter: Option<TemporalMeter>) -> anyhow::Result<Client> {
    let named = &temporal.address;
    let address = if named.contains("://") {
        named.clone()
    } else {
        format!("http://{named}")
    };
    let address = Url::parse(&address).context("temporal.address: expected HOST:PORT, http:// or https://")?;
    let options = ConnectionOptions::new(address)
        .identity(format!("giro@{}", std::process::id()))
        .grpc_compression(GrpcCompression::None)
        .maybe_metrics_meter(meter)
        .build();
    let connection = Connection::connect(options)
        .await
        .with_context(|| format!("Temporal does not answer at {}", temporal.address))?;
    Ok(Client::new(
        connection,
        ClientOptions::new(temporal.namespace.clone()).build(),
    )?)
}
