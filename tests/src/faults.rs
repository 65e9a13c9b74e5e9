//! Attacks on a whole giro, drawn from a seed, and the verdict on what they left.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `schedule` | what befalls it and when: a pure function of the seed |
//! | `proxy`, `pg` | links that misbehave on demand |
//! | `field`, `strike`, `doors` | the giro that is attacked, and the blows |
//! | `comings` | money that others send meanwhile |
//! | `watch` | what is true at every moment, looked at while they fall |
//! | `verdict` | what must be true in the end |
//! | `run`, `report`, `tier` | a whole run, its table, and its sizes |

mod comings;
mod doors;
mod field;
mod pg;
mod proxy;
mod report;
mod run;
mod schedule;
mod strike;
mod tier;
mod verdict;
mod watch;

use std::collections::BTreeMap;

use anyhow::{Context, Result};

pub use proxy::{Link, Met, Weather};
pub use report::Report;
pub use run::{Now, Options, Progress, run};
pub use schedule::{Blow, Forgery, PROGRAMS, Plan, Planned, Poke, To, schedule, summary};

pub use tier::{Besides, Size, Tier};

/// What stands between giro and everything else.
#[derive(Debug)]
#[expect(missing_docs, reason = "they say what they are")]
pub struct Links {
    pub postgres: Link,
    pub temporal: Link,
    pub bank: Link,
    pub webhooks: Link,
    /// The port of each server, and of the link to it.
    instead: Vec<(u16, u16)>,
}

impl Links {
    /// Links to everything that a stack talks to, by its ports, and back from the bank.
    pub async fn of(ports: &BTreeMap<&'static str, u16>, postgres: u16, temporal: &str) -> Result<Self> {
        let port = temporal.rsplit(':').next().and_then(|port| port.parse().ok());
        let (bank, temporal) = (ports["bank-sim"], port.context("Temporal's port")?);
        let mut links = Self {
            postgres: Link::to(postgres).await?,
            temporal: Link::to(temporal).await?,
            bank: Link::to(bank).await?,
            webhooks: Link::to(ports["webhooks"]).await?,
            instead: Vec::new(),
        };
        links.instead = vec![
            (postgres, links.postgres.port()),
            (temporal, links.temporal.port()),
            (bank, links.bank.port()),
        ];
        Ok(links)
    }

    /// A server's address by way of its link.
    pub fn through(&self, address: &str) -> String {
        self.instead.iter().fold(address.to_owned(), |address, (port, link)| {
            address.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{link}"))
        })
    }

    /// The link to something.
    pub fn to(&self, to: To) -> &Link {
        match to {
            To::Postgres => &self.postgres,
            To::Temporal => &self.temporal,
            To::Bank => &self.bank,
            To::Webhooks => &self.webhooks,
        }
    }
}
