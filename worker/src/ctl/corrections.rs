//! Corrections: money that two people move between two accounts of the books.

use workflows::domain::Centavos;

use super::{
    args::Corrections,
    decisions::say,
    failure::{Exit, Failure},
    paper::{Column, Paper, Text},
    session::{Listed, Session},
    words::amount as shown,
};
use crate::api::view::{correction::Correction, request::NewCorrection};

const PATH: &str = "/v1/corrections";

pub(super) async fn run(session: &Session, command: &Corrections) -> Result<Exit, Failure> {
    match command {
        Corrections::List { much } => {
            let listed = session.list(PATH, &[], *much).await?;
            if !session.is_json() {
                session.say(&listing(&listed, &session.paper))?;
            }
            Ok(Exit::Done)
        }
        Corrections::Book {
            debit,
            credit,
            amount,
            said,
        } => {
            let question = format!(
                "Say that {} goes from {debit} to {credit} in the books?",
                shown(*amount)
            );
            session.confirm(&question, said.sure.yes)?;
            let body = NewCorrection {
                debit_account: debit.clone(),
                credit_account: credit.clone(),
                amount: amount.get(),
                currency: Centavos::CURRENCY.code().to_owned(),
                document: said.document.clone(),
            };
            let body = serde_json::to_value(body).map_err(|error| Failure::Local(error.to_string()))?;
            say(session, PATH, &said.key, &body).await
        }
    }
}

fn listing(listed: &Listed<Correction>, paper: &Paper) -> String {
    if listed.rows.is_empty() {
        return "Nobody has corrected the books.\n".to_owned();
    }
    let columns = [
        Column::whole(format!("ASKED ({})", paper.clock.name)),
        Column::whole("DEBIT"),
        Column::whole("CREDIT"),
        Column::right("AMOUNT"),
        Column::whole("BOOKED BY"),
        Column::cut("DOCUMENT"),
    ];
    let rows = listed.rows.iter().map(|row| {
        let by = row.booked.as_ref().map(|booked| booked.by.clone().unwrap_or_default());
        vec![
            Text::from(paper.clock.full(row.asked_at)),
            Text::from(row.debit_account.to_string()),
            Text::from(row.credit_account.to_string()),
            Text::from(shown(row.amount)),
            Text::from(by.unwrap_or_else(|| "waits".to_owned())),
            Text::from(&row.document),
        ]
    });
    let mut text = paper.table(&columns, rows.collect());
    if listed.has_more {
        text.push_str(&format!(
            "\n{} shown, and there are more: --all, or --limit N.\n",
            listed.rows.len()
        ));
    }
    text
}
