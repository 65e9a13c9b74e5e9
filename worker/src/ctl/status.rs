//! Whether giro is there and ready, and which versions talk to each other.

use super::{
    attention::PATH,
    banks,
    failure::{Exit, Failure},
    session::Session,
    words::plain,
};
use crate::api::view::{attention::Attention, bank::Bank, health::Ready, page::Page};

pub(super) async fn run(session: &Session) -> Result<Exit, Failure> {
    if !session.is_json() {
        // Before the question: it is told, whether giro is there or not.
        session.say(concat!("giroctl  ", env!("CARGO_PKG_VERSION"), "\n"))?;
    }
    let answer = session.health().await?;
    let told = session.tell(&answer, |ready: &Ready| {
        let now = session.paper.clock.full(ready.now);
        format!(
            "giro     {}, {} at {}, its books at {now}\n",
            plain(&ready.version),
            plain(&ready.status),
            session.base()
        )
    })?;
    if !session.is_json() {
        session.say(&wanted(session).await)?;
    }
    Ok(told)
}

/// Whether the banks are sent to, and what wants a person; nothing where this key may not see it.
async fn wanted(session: &Session) -> String {
    let mut text = String::new();
    let list = async |path| session.get(path, &[]).await.ok();
    if let Some(banks) = list("/v1/banks")
        .await
        .and_then(|answer| answer.read::<Page<Bank>>().ok())
    {
        for bank in &banks.data {
            let (state, _) = banks::state(bank.state);
            let sends = banks::sends(bank, &session.paper);
            text.push_str(&format!("bank     {}, {state}: {}\n", plain(&bank.name), plain(&sends)));
        }
    }
    if let Some(causes) = list(PATH)
        .await
        .and_then(|answer| answer.read::<Page<Attention>>().ok())
    {
        for cause in &causes.data {
            let (cause, what) = (plain(&cause.cause), plain(&cause.what));
            text.push_str(&format!("attention {cause}: {what} (giroctl attention)\n"));
        }
    }
    text
}
