//! Connections that die in silence: the other side is gone, and neither an end nor a reset says so.
//!
//! Postgres' own limits end what it works on; nothing of that arrives over such a connection, and TCP itself may take a
//! quarter of an hour. So whoever waits for the books waits for so long and no longer.

use std::{future::Future, time::Duration};

use sqlx::{Connection, PgConnection};

use super::StoreError;

/// Above what Postgres lets a statement or an idle transaction take.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);
/// A connection that is given back answers within this, or is closed.
const GIVEN_BACK: Duration = Duration::from_secs(2);

/// What the books answer, or that they are silent. What was asked may have been done.
pub(crate) async fn heard<T, E: Into<StoreError>>(asking: impl Future<Output = Result<T, E>>) -> Result<T, StoreError> {
    match tokio::time::timeout(SILENCE, asking).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(silent().into()),
    }
}

/// Whether a connection that goes back to the pool still answers; the pool would wait for it for ever, and for its place.
pub(super) async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(GIVEN_BACK, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(silent()),
    }
}

fn silent() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut))
}
