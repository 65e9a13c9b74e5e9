//! What takes two people: one says it, a second one who says the same makes it count.

use super::{
    args::Key,
    failure::{Exit, Failure},
    paper::{Column, Paper, Text},
    payouts::line,
    session::Session,
    words::plain,
};
use crate::api::view::decision::Decision;

/// Says it. Exit code 6 while it waits for a second person.
pub(super) async fn say(session: &Session, path: &str, key: &Key, body: &serde_json::Value) -> Result<Exit, Failure> {
    let answer = session.post(path, key.key.as_deref(), body).await?;
    session.tell(&answer, |decision| told(decision, &session.paper))?;
    Ok(if answer.status == 202 { Exit::Open } else { Exit::Done })
}

fn told(decision: &Decision, paper: &Paper) -> String {
    let mut text = match decision.is_decided {
        true => format!("Decided by two people: {}.\n", decision.outcome),
        false => format!("Said, and not decided yet: {}.\n", decision.outcome),
    };
    text.push_str(&format!("Next: {}\n\n", plain(&decision.next)));
    let columns = [
        Column::whole(format!("TIME ({})", paper.clock.name)),
        Column::whole("BY"),
        Column::whole("SAID"),
        Column::wrapped("ON"),
    ];
    let rows = decision.said.iter().map(|said| {
        let what = match said.account {
            Some(account) => format!("{} to {account}", said.outcome),
            None => said.outcome.to_string(),
        };
        vec![
            Text::from(paper.clock.full(said.at)),
            Text::from(&said.by),
            Text::from(what),
            Text::from(&said.document),
        ]
    });
    text.push_str(&paper.table(&columns, rows.collect()));
    if let Some(payout) = &decision.payout {
        text.push_str(&format!("\n{}", line(payout)));
    }
    if let Some(arrival) = &decision.arrival {
        text.push_str(&format!(
            "\n{}  {}: {}\n",
            arrival.id,
            arrival.state,
            plain(&arrival.money)
        ));
    }
    text
}
