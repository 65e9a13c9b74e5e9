//! One auditor at a time: whoever holds Postgres's lock audits, the others stand by.

use std::str::FromStr;

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::NAME;
use crate::ledger::StoreError;

/// The advisory lock's number: "audit" in ASCII.
const LOCK: i64 = 0x61_7564_6974;

/// The lead, for as long as this session lives.
#[derive(Debug)]
pub struct Lead(PgConnection);

impl Lead {
    /// Takes the lead of the books at `url`; `None` while another auditor has it.
    pub async fn take(url: &str) -> Result<Option<Self>, StoreError> {
        let options = PgConnectOptions::from_str(url)?.application_name(NAME);
        let mut connection = PgConnection::connect_with(&options).await?;
        let taken = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "taken!""#, LOCK);
        let taken = taken.fetch_one(&mut connection).await?;
        Ok(taken.then_some(Self(connection)))
    }

    /// True while the session that holds it lives.
    pub async fn holds(&mut self) -> bool {
        self.0.ping().await.is_ok()
    }
}
