//! Deposits and returns: listed, looked at, applied to an account or sent back by people.

use serde_json::json;
use workflows::domain::{ReceivedId, ReceivedState};

use super::{
    args::{Arrivals, Coming, Deposits, Key},
    decisions,
    failure::{Exit, Failure},
    paper::{Column, Paper, Text, Tone},
    session::{Listed, Session},
    words::amount,
};
use crate::api::view::arrival::Arrival;

/// Deposits or returns, by the path that has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Deposits,
    Returns,
}

impl Which {
    const fn path(self) -> &'static str {
        match self {
            Self::Deposits => "/v1/deposits",
            Self::Returns => "/v1/returns",
        }
    }

    const fn none(self) -> &'static str {
        match self {
            Self::Deposits => "No deposits fit, or none that this key may see.\n",
            Self::Returns => "No returns fit, or none that this key may see.\n",
        }
    }
}

pub(super) async fn deposits(session: &Session, command: &Deposits) -> Result<Exit, Failure> {
    match command {
        Deposits::Any(command) => run(session, Which::Deposits, command).await,
        Deposits::SendBack { of, because } => {
            let question = format!("Send the money of {} back to whoever sent it, for ever?", of.id);
            session.confirm(&question, because.sure.yes)?;
            let path = format!("{}/send-back", one(Which::Deposits, of.id));
            decide(session, &path, &because.key, &json!({ "reason": because.reason })).await
        }
    }
}

pub(super) async fn run(session: &Session, which: Which, command: &Arrivals) -> Result<Exit, Failure> {
    match command {
        Arrivals::List(filter) => list(session, which, filter).await,
        Arrivals::Show { of } => {
            let answer = session.get(&one(which, of.id), &[]).await?;
            session.tell(&answer, |arrival| page(arrival, &session.paper))
        }
        Arrivals::Apply { of, to, because } => {
            let question = format!("Give what stands apart of {} to {to}, for ever?", of.id);
            session.confirm(&question, because.sure.yes)?;
            let body = json!({ "account": to, "reason": because.reason });
            decide(session, &format!("{}/apply", one(which, of.id)), &because.key, &body).await
        }
        Arrivals::Decide { of, outcome, to, said } => {
            let (id, document) = (of.id, &said.document);
            session.confirm(&format!("Say of {id}: {outcome}, on {document}?"), said.sure.yes)?;
            let body = json!({ "outcome": outcome, "document": document, "account": to });
            let path = format!("{}/decide", one(which, id));
            decisions::say(session, &path, &said.key, &body).await
        }
    }
}

fn one(which: Which, id: ReceivedId) -> String {
    format!("{}/{id}", which.path())
}

async fn decide(session: &Session, path: &str, key: &Key, body: &serde_json::Value) -> Result<Exit, Failure> {
    let answer = session.post(path, key.key.as_deref(), body).await?;
    session.tell(&answer, |arrival| page(arrival, &session.paper))
}

async fn list(session: &Session, which: Which, filter: &Coming) -> Result<Exit, Failure> {
    let mut query: Vec<_> = filter.state.iter().map(|state| ("state", state.clone())).collect();
    let more = [
        ("attention", filter.attention.then(|| "any".to_owned())),
        ("account", filter.account.map(|id| id.to_string())),
        ("tracking_key", filter.tracking_key.clone()),
    ];
    query.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let listed = session.list(which.path(), &query, filter.much).await?;
    if !session.is_json() {
        session.say(&listing(&listed, which, &session.paper))?;
    }
    Ok(Exit::Done)
}

fn tone(state: ReceivedState) -> Tone {
    match state {
        ReceivedState::Received | ReceivedState::Returning => Tone::Plain,
        ReceivedState::Applied | ReceivedState::SentBack => Tone::Good,
        ReceivedState::Unapplied | ReceivedState::Suspended => Tone::Odd,
    }
}

fn listing(listed: &Listed<Arrival>, which: Which, paper: &Paper) -> String {
    if listed.rows.is_empty() {
        return which.none().to_owned();
    }
    let columns = [
        Column::whole(match which {
            Which::Deposits => "DEPOSIT",
            Which::Returns => "RETURN",
        }),
        Column::whole("STATE"),
        Column::right("AMOUNT"),
        Column::whole("OPERATING DATE"),
        Column::cut("FROM"),
        Column::whole("ATTENTION"),
    ];
    let rows = listed.rows.iter().map(|arrival| {
        let attention = arrival
            .attention
            .as_ref()
            .map_or("", |attention| attention.reason.word());
        vec![
            Text::from(arrival.id.to_string()),
            Text::new(arrival.state.word(), tone(arrival.state)),
            Text::from(amount(arrival.amount)),
            Text::from(arrival.operating_date.to_string()),
            Text::from(sender(arrival)),
            Text::new(attention, Tone::Bad),
        ]
    });
    let mut text = paper.table(&columns, rows.collect());
    if listed.has_more {
        let shown = listed.rows.len();
        text.push_str(&format!("\n{shown} shown, and there are more: --all, or --limit N.\n"));
    }
    text
}

/// Its name, or its code when the catalogue does not have it.
fn sender(arrival: &Arrival) -> String {
    let institution = &arrival.sender.institution;
    institution
        .name
        .clone()
        .unwrap_or_else(|| format!("institution {}", institution.code))
}

fn page(arrival: &Arrival, paper: &Paper) -> String {
    let mut facts = vec![
        ("state", Text::new(arrival.state.word(), tone(arrival.state))),
        ("money", Text::from(&arrival.money)),
    ];
    if let Some(attention) = &arrival.attention {
        let told = format!("{}, since {}", attention.reason, paper.clock.full(attention.since));
        facts.push(("attention", Text::new(told, Tone::Bad)));
        facts.push(("", Text::from(&attention.what)));
    }
    if arrival.interest.get() > 0 {
        facts.push(("interest", Text::from(format!("{} of it", amount(arrival.interest)))));
    }
    let from = match &arrival.sender.name {
        Some(name) => format!("{name}, {}", sender(arrival)),
        None => sender(arrival),
    };
    facts.push(("from", Text::from(from)));
    facts.push(("for", Text::from(format!("account ****{}", arrival.clabe_last4))));
    facts.extend(arrival.concept.as_ref().map(|concept| ("concept", Text::from(concept))));
    facts.extend(arrival.account.map(|id| ("with", Text::from(id.to_string()))));
    facts.extend(arrival.payout.map(|id| ("returns", Text::from(id.to_string()))));
    facts.extend(
        arrival
            .sent_back_by
            .map(|id| ("sent back by", Text::from(id.to_string()))),
    );
    if let Some(decided) = &arrival.decided {
        facts.push(("decided by", Text::from(format!("{}: {}", decided.by, decided.why))));
    }
    if let Some(reason) = &arrival.reason {
        let code = reason.bank_code.as_deref().unwrap_or_default();
        facts.push(("reason", Text::from(format!("{} ({code})", reason.code.word()))));
    }
    let came = format!("type {}, key {}", arrival.payment_type, arrival.tracking_key);
    facts.extend([
        ("came as", Text::from(came)),
        ("day", Text::from(arrival.operating_date.to_string())),
        ("read", Text::from(paper.clock.full(arrival.received_at))),
    ]);
    format!("{}  {}\n\n{}", arrival.id, amount(arrival.amount), paper.facts(facts))
}
