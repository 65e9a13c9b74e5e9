//! Corrections: money that two people move between two accounts of the books.

use workflows::domain::{AccountId, Centavos};

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

/// A customer's account by its id, giro's own by its code, as `book` takes both.
fn named(account: AccountId) -> String {
    let id = account.to_string();
    match id.strip_prefix("acc_ffffffffffff7fffbfff00000000") {
        Some(code) => code.to_owned(),
        None => id,
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
        // Whoever is second writes the same, letter by letter.
        Column::wrapped("DOCUMENT"),
    ];
    let rows = listed.rows.iter().map(|row| {
        let by = row.booked.as_ref().map(|booked| booked.by.clone().unwrap_or_default());
        vec![
            Text::from(paper.clock.full(row.asked_at)),
            Text::from(named(row.debit_account)),
            Text::from(named(row.credit_account)),
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

#[cfg(test)]
mod tests {
    use activities::ledger::rows::BANK_CHARGES;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn giros_own_accounts_are_named_by_their_codes() {
        assert_eq!(named(BANK_CHARGES), "5101");
        let customer = AccountId::new(Uuid::from_u128(0x01a2_31c2_40fe_7589_adf9_1204_01f4_d3a6));
        assert_eq!(named(customer), customer.to_string());
    }
}
