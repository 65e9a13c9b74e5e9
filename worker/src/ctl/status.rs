//! Whether giro is there and ready, and which versions talk to each other.

use super::{
    failure::{Exit, Failure},
    session::Session,
    words::plain,
};
use crate::api::view::health::Ready;

pub(super) async fn run(session: &Session) -> Result<Exit, Failure> {
    if !session.is_json() {
        // Before the question: it is told, whether giro is there or not.
        session.say(concat!("giroctl  ", env!("CARGO_PKG_VERSION"), "\n"))?;
    }
    let answer = session.health().await?;
    session.tell(&answer, |ready: &Ready| {
        let now = session.paper.clock.full(ready.now);
        format!(
            "giro     {}, {} at {}, its books at {now}\n",
            plain(&ready.version),
            plain(&ready.status),
            session.base()
        )
    })
}
