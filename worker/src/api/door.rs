//! The door: which key a request brings, and whether it is good. Keys are read from the books and held for seconds.
//!
//! While no key was ever made, requests on loopback in development act for `api.caller` and may do everything. From
//! the first key on every request needs one, also after the last was revoked: the door never opens by itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use activities::{
    keys::{self, LiveKey, Scope},
    ledger::StoreError,
};
use anyhow::Context;
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use axum::http::{HeaderMap, header};
use governor::Quota;
use sqlx::PgPool;
use tokio::sync::RwLock;
use tracing::{debug, warn};

use super::{
    caller::Caller,
    listen::ByAddress,
    problem::{Code, Problem},
};
use crate::{
    config::{Config, Environment},
    meters,
};

/// A key that was revoked is refused, and a new one is taken, within this.
const HELD: Duration = Duration::from_secs(3);
/// A key that is not among those held may be new: they are read again, but not more often than this.
const FRESH: Duration = Duration::from_millis(500);
/// How many failures of one address are told 401, a second and at once; callers may share an address. Beyond: 429.
const FAILURES: Quota = Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::MIN.saturating_add(99));
/// How often failures of one address are logged.
const LOGGED: Quota = Quota::per_minute(NonZeroU32::MIN);

/// Who is let in.
pub struct Door {
    pool: PgPool,
    open_as: Option<String>,
    held: RwLock<Option<Held>>,
    failures: ByAddress,
    logged: ByAddress,
}

/// The keys of the books, as they were a moment ago.
struct Held {
    at: Instant,
    any: bool,
    live: HashMap<String, (LiveKey, AtomicBool)>,
}

/// What stands in `Authorization`.
enum Shown<'a> {
    Nothing,
    Unreadable,
    Key { id: &'a str, secret: &'a str },
}

impl Door {
    /// Reads nothing yet.
    pub fn new(pool: PgPool, config: &Config) -> Self {
        let may_open = config.environment == Environment::Development && config.api.listen.ip().is_loopback();
        Self {
            pool,
            open_as: may_open.then(|| config.api.caller.clone()),
            held: RwLock::new(None),
            failures: ByAddress::new(FAILURES),
            logged: ByAddress::new(LOGGED),
        }
    }

    /// Whether the API may be served at all, as the books stand; the error names the fix.
    pub async fn check(&self, config: &Config) -> anyhow::Result<()> {
        let read = async { Ok::<_, StoreError>((keys::any(&self.pool).await?, keys::live(&self.pool).await?)) };
        let (any, live) = read
            .await
            .context("the keys cannot be read: run `giro migrate` of this release")?;
        anyhow::ensure!(
            !live.is_empty() || config.api.listen.ip().is_loopback(),
            "api.listen: {} is not loopback, and no live key says who may ask: make one with `giro key create --caller \
             {caller} --name \"{caller} first\" --scopes read,pay`, or listen on 127.0.0.1",
            config.api.listen,
            caller = config.api.caller
        );
        anyhow::ensure!(
            !live.is_empty() || config.environment == Environment::Development,
            "production answers nobody without a key: make one with `giro key create --caller {caller} --name \"{caller} \
             first\" --scopes read,pay`",
            caller = config.api.caller
        );
        match (any, live.is_empty()) {
            (false, _) => warn!(
                caller = config.api.caller,
                "no key was ever made: requests on loopback need none"
            ),
            (true, true) => warn!("no key is live: every request is refused until `giro key create` makes one"),
            (true, false) => {}
        }
        Ok(())
    }

    /// Who asks, by the key that the request brings.
    pub(super) async fn caller(&self, headers: &HeaderMap, from: IpAddr) -> Result<Caller, Problem> {
        let shown = shown(headers);
        if let Some(caller) = self.known(&shown, HELD).await? {
            return Ok(caller);
        }
        if let Some(caller) = self.known(&shown, FRESH).await? {
            return Ok(caller);
        }
        let reason = match shown {
            Shown::Nothing => "missing",
            Shown::Unreadable => "unreadable",
            Shown::Key { .. } => "not_live",
        };
        meters::unauthenticated(reason);
        if self.logged.allows(from) {
            warn!(%from, reason, "a request without a good key; more of them from there are counted, not logged");
        }
        Err(Problem::from(if self.failures.allows(from) {
            Code::Unauthenticated
        } else {
            Code::RateLimited
        }))
    }

    /// Whom the key acts for, by what the books said at most `age` ago.
    async fn known(&self, shown: &Shown<'_>, age: Duration) -> Result<Option<Caller>, StoreError> {
        let held = self.held.read().await;
        if let Some(held) = held.as_ref().filter(|held| held.at.elapsed() < age) {
            return Ok(self.caller_in(held, shown));
        }
        drop(held);
        let mut held = self.held.write().await;
        if held.as_ref().is_none_or(|held| held.at.elapsed() >= age) {
            // Nothing is held while the books are away: what cannot be checked is not let in.
            *held = None;
            *held = Some(Held::read(&self.pool).await?);
        }
        Ok(held.as_ref().and_then(|held| self.caller_in(held, shown)))
    }

    fn caller_in(&self, held: &Held, shown: &Shown<'_>) -> Option<Caller> {
        if !held.any {
            return self.open_as.clone().map(|name| Caller::new(name, Scope::ALL.to_vec()));
        }
        let Shown::Key { id, secret } = shown else {
            return None;
        };
        let (key, is_stale) = held.live.get(*id)?;
        let hash = digest(&SHA256, secret.as_bytes());
        verify_slices_are_equal(hash.as_ref(), &key.secret_sha256).ok()?;
        if is_stale.swap(false, Ordering::Relaxed) {
            let (pool, id) = (self.pool.clone(), key.id.clone());
            tokio::spawn(async move {
                if let Err(error) = keys::used(&pool, &id).await {
                    debug!(key = id, %error, "its use was not written");
                }
            });
        }
        Some(Caller::new(key.caller.clone(), key.scopes.clone()).by_key(&key.id))
    }
}

impl Held {
    async fn read(pool: &PgPool) -> Result<Self, StoreError> {
        let at = Instant::now();
        let live: HashMap<_, _> = keys::live(pool)
            .await?
            .into_iter()
            .map(|key| (key.id.clone(), (key.clone(), AtomicBool::new(key.is_stale))))
            .collect();
        Ok(Self {
            at,
            any: !live.is_empty() || keys::any(pool).await?,
            live,
        })
    }
}

/// `Authorization: Bearer giro_<id>_<secret>`, once.
fn shown(headers: &HeaderMap) -> Shown<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Shown::Nothing;
    };
    let key = value
        .to_str()
        .ok()
        .filter(|_| values.next().is_none())
        .and_then(|text| {
            let (scheme, key) = text.split_once(' ')?;
            let (id, secret) = key.trim_start().strip_prefix("giro_")?.split_once('_')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(Shown::Key { id, secret })
        });
    key.unwrap_or(Shown::Unreadable)
}
