//! An account, its movements, and its statements.

use activities::ledger::{
    read::{self, Days},
    rows::{self, AccountStatus, Kind, SubjectKind},
    standing::Change,
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workflows::domain::{AccountId, Centavos, Currency, MovementId, PayoutId, ReceivedId};

use super::{Thing, form, page::Page};
use crate::api::show::account_path;

/// One account with its balances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// `account`.
    pub object: Thing,
    #[schema(value_type = form::AccountId)]
    pub id: AccountId,
    #[schema(value_type = form::AccountStatus)]
    pub status: AccountStatus,
    /// Of the customer's own CLABE at the bank.
    #[schema(value_type = Option<form::Last4>)]
    pub clabe_last4: Option<String>,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    pub balances: Balances,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What people changed of its status, the newest first, at most 20. Null in lists, and to who does not operate.
    #[serde(default)]
    pub status_changes: Option<Vec<StatusChange>>,
    pub links: AccountLinks,
}

/// One change of an account's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusChange {
    /// How it stood from then on.
    #[schema(value_type = form::AccountStatus)]
    pub status: AccountStatus,
    /// Who changed it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl From<Change> for StatusChange {
    fn from(change: Change) -> Self {
        Self {
            status: change.status,
            by: change.person,
            reason: change.reason,
            at: change.at,
        }
    }
}

/// What an account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balances {
    /// All debits ever.
    #[schema(value_type = form::Centavos)]
    pub debits: Centavos,
    /// All credits ever.
    #[schema(value_type = form::Centavos)]
    pub credits: Centavos,
    /// Held by open payouts.
    #[schema(value_type = form::Centavos)]
    pub held: Centavos,
    /// What a new payout may use: credits - debits - held.
    #[schema(value_type = form::Centavos)]
    pub available: Centavos,
    /// Credits - debits.
    #[schema(value_type = Option<form::Centavos>)]
    pub balance: Option<Centavos>,
}

/// Where an account is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountLinks {
    /// This account.
    #[serde(rename = "self")]
    pub this: String,
    /// What moved.
    pub movements: String,
}

impl Account {
    /// A row.
    pub(in crate::api) fn of(row: &rows::Account) -> Self {
        let last4 = row.clabe.as_ref().map(|clabe| {
            let digits = clabe.expose();
            digits
                .get(digits.len().saturating_sub(4)..)
                .unwrap_or_default()
                .to_owned()
        });
        Self {
            object: Thing::Account,
            id: row.id,
            status: row.status,
            clabe_last4: last4,
            currency: Centavos::CURRENCY,
            balances: Balances {
                debits: row.debits,
                credits: row.credits,
                held: row.held,
                available: row.available(),
                balance: row.credits.checked_sub(row.debits),
            },
            opened_at: row.opened_at,
            status_changes: None,
            links: AccountLinks {
                this: account_path(row.id),
                movements: format!("{}/movements", account_path(row.id)),
            },
        }
    }
}

/// One movement, from the side of one of its accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Movement {
    /// `movement`.
    pub object: Thing,
    #[schema(value_type = form::MovementId)]
    pub id: MovementId,
    /// Whose side it is seen from.
    #[schema(value_type = form::AccountId)]
    pub account: AccountId,
    #[schema(value_type = form::Leg)]
    pub kind: Kind,
    pub side: Side,
    #[schema(value_type = form::Centavos)]
    pub amount: Centavos,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// The payout that it belongs to; null for an opening credit and for a deposit.
    #[schema(value_type = Option<form::PayoutId>)]
    pub payout: Option<PayoutId>,
    /// The deposit that it belongs to, or the return that people applied; else null.
    #[serde(default)]
    #[schema(value_type = Option<form::ReceivedId>)]
    pub received: Option<ReceivedId>,
    /// The operating date that it counts for.
    pub effective_on: Date,
    /// Who had an opening credit made, or what was set apart applied.
    pub actor: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When the books took it.
    pub created_at: Timestamp,
}

/// What a movement does to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It takes.
    Debit,
    /// It gives.
    Credit,
}

impl Movement {
    /// A row, from the side of `account`.
    pub(in crate::api) fn of(row: &rows::Movement, account: AccountId) -> Self {
        let (payout, received) = match row.kind.subject() {
            SubjectKind::Payout => (Some(PayoutId::new(row.subject)), None),
            SubjectKind::Received => (None, Some(ReceivedId::new(row.subject))),
            SubjectKind::Account | SubjectKind::Correction => (None, None),
        };
        Self {
            object: Thing::Movement,
            id: row.id,
            account,
            kind: row.kind,
            side: if row.debit_account == account {
                Side::Debit
            } else {
                Side::Credit
            },
            amount: row.amount,
            currency: Centavos::CURRENCY,
            payout,
            received,
            effective_on: row.effective_on,
            actor: row.actor.clone(),
            reason: row.reason.clone(),
            created_at: row.created_at,
        }
    }
}

/// What an account had before some operating dates, what moved in them, what it had after. Held money has not moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// `statement`.
    pub object: Thing,
    #[schema(value_type = form::AccountId)]
    pub account: AccountId,
    /// The first operating date.
    pub from: Date,
    /// The last operating date.
    pub to: Date,
    #[schema(value_type = form::Currency)]
    pub currency: Currency,
    /// Before the first day.
    #[schema(value_type = form::Centavos)]
    pub opening_balance: Centavos,
    /// Given to it in these days, on all pages.
    #[schema(value_type = form::Centavos)]
    pub credits: Centavos,
    /// Taken from it in these days, on all pages.
    #[schema(value_type = form::Centavos)]
    pub debits: Centavos,
    /// After the last day.
    #[schema(value_type = form::Centavos)]
    pub closing_balance: Centavos,
    /// This page of what moved, by operating date, the oldest first.
    pub data: Vec<Movement>,
    /// Send it as `after` to get the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl Statement {
    /// What the books say of these days, with one movement more than the page has when there are more.
    pub(in crate::api) fn of(account: AccountId, days: &Days, found: &read::Statement, limit: u16) -> Self {
        let movements = found.movements.iter().map(|row| Movement::of(row, account)).collect();
        let Page { data, next_cursor } = Page::of(movements, limit, |row: &Movement| row.id.to_string());
        Self {
            object: Thing::Statement,
            account,
            from: days.from,
            to: days.to,
            currency: Centavos::CURRENCY,
            opening_balance: found.opening,
            credits: found.credits,
            debits: found.debits,
            closing_balance: found.closing,
            data,
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests;
