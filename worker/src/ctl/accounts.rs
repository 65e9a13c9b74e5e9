//! Accounts: what they have, what moved, statements, and whether they take part.

use activities::ledger::rows::AccountStatus;
use serde_json::json;
use workflows::domain::AccountId;

use super::{
    args::{Accounts, Much, Standing},
    failure::{Exit, Failure},
    paper::{Column, Paper, Text},
    session::{Listed, Paged, Session},
    when::Day,
    words::amount,
};
use crate::api::view::account::{Account, Movement, Side, Statement};

pub(super) async fn run(session: &Session, command: &Accounts) -> Result<Exit, Failure> {
    match command {
        Accounts::List { much } => list(session, *much).await,
        Accounts::Show { account } => {
            let answer = session.get(&path(account.id), &[]).await?;
            session.tell(&answer, |account| page(account, &session.paper))
        }
        Accounts::Movements { account, much } => movements(session, account.id, *much).await,
        Accounts::Statement { account, from, to } => statement(session, account.id, *from, *to).await,
        Accounts::Freeze { standing } => {
            let asked = "Freeze it? It asks for no payouts, and what comes in for it stands apart.";
            stand(session, standing, AccountStatus::Frozen, asked).await
        }
        Accounts::Unfreeze { standing } => stand(session, standing, AccountStatus::Open, "Open it again?").await,
        Accounts::Close { standing } => stand(session, standing, AccountStatus::Closed, "Close it for good?").await,
    }
}

async fn stand(session: &Session, wish: &Standing, status: AccountStatus, asked: &str) -> Result<Exit, Failure> {
    session.confirm(&format!("{}: {asked}", wish.account.id), wish.sure.yes)?;
    let body = json!({ "status": status.word(), "reason": wish.reason });
    let at = format!("{}/status", path(wish.account.id));
    let answer = session.post(&at, wish.key.key.as_deref(), &body).await?;
    session.tell(&answer, |account| page(account, &session.paper))
}

fn path(id: AccountId) -> String {
    format!("/v1/accounts/{id}")
}

async fn list(session: &Session, much: Much) -> Result<Exit, Failure> {
    let listed = session.list("/v1/accounts", &[], much).await?;
    if !session.is_json() {
        session.say(&listing(&listed, &session.paper))?;
    }
    Ok(Exit::Done)
}

fn listing(listed: &Listed<Account>, paper: &Paper) -> String {
    let columns = [
        Column::whole("ACCOUNT"),
        Column::whole("STATUS"),
        Column::whole("CLABE"),
        Column::right("AVAILABLE"),
        Column::right("HELD"),
    ];
    let rows = listed.rows.iter().map(|account| {
        vec![
            Text::from(account.id.to_string()),
            Text::from(account.status.word()),
            Text::from(clabe(account)),
            Text::from(amount(account.balances.available)),
            Text::from(amount(account.balances.held)),
        ]
    });
    table(
        paper,
        &columns,
        rows.collect(),
        listed.has_more,
        "You have no accounts.\n",
    )
}

/// Rows under their heads, or a sentence; and whether there are more.
fn table(paper: &Paper, columns: &[Column], rows: Vec<Vec<Text>>, has_more: bool, none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let shown = rows.len();
    let mut text = paper.table(columns, rows);
    if has_more {
        text.push_str(&format!("\n{shown} shown, and there are more: --all, or --limit N.\n"));
    }
    text
}

fn clabe(account: &Account) -> String {
    account
        .clabe_last4
        .as_ref()
        .map_or_else(String::new, |last4| format!("****{last4}"))
}

fn page(account: &Account, paper: &Paper) -> String {
    let balances = &account.balances;
    let moved = format!("{} in, {} out, ever", amount(balances.credits), amount(balances.debits));
    let mut facts = vec![
        ("status", Text::from(account.status.word())),
        ("available", Text::from(amount(balances.available))),
        (
            "held",
            Text::from(format!("{}, for payouts under way", amount(balances.held))),
        ),
    ];
    facts.extend(balances.balance.map(|all| ("balance", Text::from(amount(all)))));
    facts.extend([
        ("moved", Text::from(moved)),
        ("opened", Text::from(paper.clock.full(account.opened_at))),
    ]);
    facts.extend(account.status_changes.iter().flatten().map(|change| {
        let (at, by, why) = (paper.clock.full(change.at), &change.by, &change.reason);
        (change.status.word(), Text::from(format!("{at} by {by}: {why}")))
    }));
    format!("{}  {}\n\n{}", account.id, clabe(account), paper.facts(facts))
}

async fn movements(session: &Session, id: AccountId, much: Much) -> Result<Exit, Failure> {
    let listed = session.list(&format!("{}/movements", path(id)), &[], much).await?;
    if !session.is_json() {
        let none = "Nothing has moved on this account.\n";
        session.say(&moved(&session.paper, &listed.rows, listed.has_more, none))?;
    }
    Ok(Exit::Done)
}

fn moved(paper: &Paper, rows: &[Movement], has_more: bool, none: &str) -> String {
    let columns = [
        Column::whole("DAY"),
        Column::whole("WHAT"),
        Column::right("OUT"),
        Column::right("IN"),
        Column::cut("PAYOUT, DEPOSIT OR REASON"),
    ];
    let rows = rows.iter().map(|row| {
        let all = amount(row.amount);
        let (out, into) = match row.side {
            Side::Debit => (all, String::new()),
            Side::Credit => (String::new(), all),
        };
        let why = row
            .payout
            .map(|id| id.to_string())
            .or_else(|| row.received.map(|id| id.to_string()))
            .or_else(|| row.reason.clone())
            .unwrap_or_default();
        vec![
            Text::from(row.effective_on.to_string()),
            Text::from(row.kind.word()),
            Text::from(out),
            Text::from(into),
            Text::from(why),
        ]
    });
    table(paper, &columns, rows.collect(), has_more, none)
}

async fn statement(session: &Session, id: AccountId, from: Day, to: Day) -> Result<Exit, Failure> {
    let now = session.now().await;
    let day = |name: &'static str, day: Day| {
        let date = day
            .date(now)
            .ok_or_else(|| Failure::Usage(format!("--{name}: outside the calendar")))?;
        Ok::<_, Failure>((name, date.to_string()))
    };
    let query = [day("from", from)?, day("to", to)?];
    let much = Much { limit: 0, all: true };
    let mut pages: Vec<Statement> = session.pages(&format!("{}/statement", path(id)), &query, much).await?;
    // The balances are those of the last page: the books may move while they are read.
    if let Some(mut whole) = pages.pop() {
        whole.data = pages.into_iter().flat_map(|page| page.data).chain(whole.data).collect();
        session.say(&stated(&whole, &session.paper))?;
    }
    Ok(Exit::Done)
}

impl Paged for Statement {
    fn rows(&self) -> usize {
        self.data.len()
    }

    fn next(&self) -> Option<&str> {
        self.next_cursor.as_deref()
    }
}

fn stated(statement: &Statement, paper: &Paper) -> String {
    let days = match statement.from == statement.to {
        true => format!("operating date {}", statement.from),
        false => format!("operating dates {} to {}", statement.from, statement.to),
    };
    let balances = paper.facts(vec![
        ("before", Text::from(amount(statement.opening_balance))),
        ("in", Text::from(amount(statement.credits))),
        ("out", Text::from(amount(statement.debits))),
        ("after", Text::from(amount(statement.closing_balance))),
    ]);
    let none = "Nothing moved in these days. What is held has not moved.\n";
    let rows = moved(paper, &statement.data, false, none);
    format!("{}  {days}\n\n{balances}\n{rows}", statement.account)
}
