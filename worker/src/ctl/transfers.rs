//! Transfers between two accounts of giro's own: asked for, looked at, taken back.

use workflows::domain::{Centavos, State, TransferId};

use super::{
    args::{CreateTransfer, ListTransfers, Transfers},
    failure::{Exit, Failure},
    page::tone,
    paper::{Column, Paper, Text},
    session::{Listed, Session},
    words::{amount, plain},
};
use crate::api::view::{request::NewTransfer, transfer::Transfer};

const PATH: &str = "/v1/transfers";

pub(super) async fn run(session: &Session, command: &Transfers) -> Result<Exit, Failure> {
    match command {
        Transfers::List(filter) => list(session, filter).await,
        Transfers::Show { id } => {
            let answer = session.get(&one(*id), &[]).await?;
            session.tell(&answer, |transfer| page(transfer, &session.paper))
        }
        Transfers::Cancel { id, sure, key } => {
            session.confirm(&format!("Take back {id}?"), sure.yes)?;
            let path = format!("{}/cancel", one(*id));
            let answer = session.post(&path, key.key.as_deref(), &serde_json::json!({})).await?;
            session.tell(&answer, |transfer| {
                format!("Taken back.\n{}", page(transfer, &session.paper))
            })
        }
        Transfers::Create(create) => ask(session, create).await,
    }
}

fn one(id: TransferId) -> String {
    format!("{PATH}/{id}")
}

async fn ask(session: &Session, create: &CreateTransfer) -> Result<Exit, Failure> {
    let body = NewTransfer {
        account: create.account.to_string(),
        to_account: create.to.to_string(),
        amount: create.amount.get(),
        currency: Centavos::CURRENCY.code().to_owned(),
        concept: create.concept.clone(),
        process_after: create.after,
    };
    let key = session.key(create.key.key.as_deref());
    let answer = session.post(PATH, Some(&key), &body).await?;
    session.tell(&answer, |transfer| page(transfer, &session.paper))
}

async fn list(session: &Session, filter: &ListTransfers) -> Result<Exit, Failure> {
    let mut query: Vec<_> = filter.state.iter().map(|state| ("state", state.clone())).collect();
    query.extend(filter.account.map(|id| ("account", id.to_string())));
    let listed = session.list(PATH, &query, filter.much).await?;
    if !session.is_json() {
        session.say(&listing(&listed, &session.paper))?;
    }
    Ok(Exit::Done)
}

fn listing(listed: &Listed<Transfer>, paper: &Paper) -> String {
    if listed.rows.is_empty() {
        return "No transfers fit, or none that this key may see.\n".to_owned();
    }
    let columns = [
        Column::whole("TRANSFER"),
        Column::whole("STATE"),
        Column::right("AMOUNT"),
        Column::whole("TO"),
        Column::whole("WHEN"),
    ];
    let rows = listed.rows.iter().map(|transfer| {
        let when = transfer
            .ended_at
            .or(transfer.process_after)
            .unwrap_or(transfer.accepted_at);
        vec![
            Text::from(transfer.id.to_string()),
            Text::new(transfer.state.word(), tone(transfer.state)),
            Text::from(amount(transfer.amount)),
            Text::from(transfer.to_account.to_string()),
            Text::from(paper.clock.full(when)),
        ]
    });
    let mut text = paper.table(&columns, rows.collect());
    if listed.has_more {
        let shown = listed.rows.len();
        text.push_str(&format!("\n{shown} shown, and there are more: --all, or --limit N.\n"));
    }
    text
}

fn page(transfer: &Transfer, paper: &Paper) -> String {
    let mut facts = vec![
        ("state", Text::new(transfer.state.word(), tone(transfer.state))),
        ("money", Text::from(&transfer.money)),
    ];
    if let Some(reason) = &transfer.reason {
        facts.push(("reason", Text::from(reason.code.word())));
        facts.push(("", Text::from(&reason.customer.es_mx)));
    }
    facts.extend([
        ("tell payer", Text::from(&transfer.customer.es_mx)),
        ("from", Text::from(transfer.account.to_string())),
        ("to", Text::from(transfer.to_account.to_string())),
    ]);
    let next = transfer.next.as_ref().map(|next| match next.at {
        Some(at) => format!("{}, not before {}", plain(&next.what), paper.clock.full(at)),
        None => plain(&next.what),
    });
    facts.extend(next.map(|next| ("next", Text::from(next))));
    if transfer.may_cancel {
        facts.push((
            "you may",
            Text::from(format!("giroctl transfers cancel {}", transfer.id)),
        ));
    }
    facts.push(("held", Text::from(paper.clock.full(transfer.accepted_at))));
    let ended = match transfer.state {
        State::Settled => "moved",
        State::Accepted | State::Sending | State::Sent | State::Failed | State::Cancelled | State::Returned => "ended",
    };
    facts.extend(transfer.ended_at.map(|at| (ended, Text::from(paper.clock.full(at)))));
    facts.extend(
        transfer
            .effective_on
            .map(|day| ("operating date", Text::from(day.to_string()))),
    );
    let mut text = format!("{}  {}\n\n{}", transfer.id, amount(transfer.amount), paper.facts(facts));
    if let Some(run) = &transfer.links.workflow {
        text.push_str(&format!("\nrun          {}\n", plain(run)));
    }
    text
}
