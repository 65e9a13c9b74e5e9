//! The giro that is attacked: a whole stack with its own servers and links, and the count of what befell it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, Result};
use dev::parts::{postgres, temporal};

use super::{Links, schedule::PROGRAMS};
use crate::{
    load::Load,
    sim::Control,
    stack::{Setup, Stack},
};

/// Everything that is struck. Servers have locks of their own: one that comes back slowly holds up nobody else's blows.
pub(super) struct Field {
    pub(super) stack: tokio::sync::Mutex<Stack>,
    pub(super) links: Arc<Links>,
    pub(super) load: Arc<Load>,
    pub(super) bank: Control,
    /// Its books, by no link.
    pub(super) database: String,
    pub(super) webhooks: u16,
    /// Temporal, by no link.
    pub(super) client: temporalio_client::Client,
    counts: Mutex<BTreeMap<String, u64>>,
    wrong: Mutex<Vec<String>>,
    forged: Mutex<BTreeSet<String>>,
    returned: Mutex<BTreeSet<String>>,
    /// How many accounts there are.
    pub(super) accounts: usize,
    waits: Mutex<String>,
    finished: AtomicBool,
    pub(super) postgres: tokio::sync::Mutex<postgres::Server>,
    pub(super) temporal: tokio::sync::Mutex<temporal::Server>,
}

impl Field {
    /// Starts a whole giro with this many accounts; `bank` are arguments of the simulator.
    pub(super) async fn start(name: &str, accounts: u32, bank: Vec<String>) -> Result<Arc<Self>> {
        let setup = Setup {
            settle_ms: 800,
            own_postgres: true,
            own_temporal: true,
            linked: true,
            programs: PROGRAMS,
            bank,
            ..Setup::default()
        };
        let mut stack = Stack::with(name, setup).await?;
        let mut payers = Vec::new();
        for n in 1..=accounts {
            payers.push(stack.giro.account(n, 1_000_000_000_000).await?);
        }
        let load = Load::new(&stack.apis, payers, &stack.file("load.journal"))?;
        Ok(Arc::new(Self {
            links: stack.links.clone().context("links")?,
            load: Arc::new(load.busy()),
            bank: stack.bank.clone(),
            database: stack.database.clone(),
            webhooks: stack.ports["webhooks"],
            client: stack.client().await?,
            counts: Mutex::default(),
            wrong: Mutex::default(),
            forged: Mutex::default(),
            returned: Mutex::default(),
            accounts: usize::try_from(accounts)?,
            waits: Mutex::default(),
            finished: AtomicBool::new(false),
            postgres: tokio::sync::Mutex::new(stack.postgres.take().context("its own Postgres")?),
            temporal: tokio::sync::Mutex::new(stack.server.take().context("its own Temporal")?),
            stack: tokio::sync::Mutex::new(stack),
        }))
    }

    /// One more of these.
    pub(super) fn count(&self, what: impl Into<String>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.into()).or_default() += 1;
    }

    /// How many of each.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something that must never be.
    pub(super) fn violation(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        // What stays wrong is seen again at every look.
        if !wrong.contains(&what) {
            wrong.push(what);
        }
    }

    /// All of that.
    pub(super) fn violations(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A stranger has lied about this tracking key.
    pub(super) fn forges(&self, key: &str) {
        let mut forged = self.forged.lock().unwrap_or_else(PoisonError::into_inner);
        forged.insert(key.to_owned());
    }

    /// The payout with this tracking key comes back; false when it has before.
    pub(super) fn comes_back(&self, key: &str) -> bool {
        let mut returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        returned.insert(key.to_owned())
    }

    /// The tracking keys that strangers have lied about.
    pub(super) fn forged(&self) -> BTreeSet<String> {
        self.forged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is waited for after that.
    pub(super) fn waits_for(&self, what: String) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// The same; empty while nothing is.
    pub(super) fn waits(&self) -> String {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Callers are done, and all blows have fallen.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// Whether that is so.
    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// Where the stack's logs and journals are.
    pub(super) async fn dir(&self) -> PathBuf {
        self.stack.lock().await.file("")
    }
}
