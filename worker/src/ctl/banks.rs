//! Banks: whether each is sent to; paused and resumed by people, with a reason.

use activities::ledger::rows::PausedBy;
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use workflows::domain::Centavos;

use super::{
    args::{Banks, Key, Span, Why},
    failure::{Exit, Failure},
    paper::{Column, Paper, Text, Tone},
    session::Session,
    when::Day,
    words::{amount, plain},
};
use crate::api::view::{
    bank::{Bank, BankState, Closure},
    page::Page,
    reconciliation::{Reconciliation, RunningDay},
};

pub(super) async fn run(session: &Session, command: &Banks) -> Result<Exit, Failure> {
    match command {
        Banks::List => {
            let answer = session.get("/v1/banks", &[]).await?;
            session.tell(&answer, |page: &Page<Bank>| listing(&page.data, &session.paper))
        }
        Banks::Day { date } => {
            let date = date_of(session, date).await?;
            let answer = session.get(&format!("/v1/reconciliations/{date}"), &[]).await?;
            session.tell(&answer, |page: &Page<Reconciliation>| {
                came_to(date, &page.data, &session.paper)
            })
        }
        Banks::Running => {
            let answer = session.get("/v1/reconciliations/running", &[]).await?;
            session.tell(&answer, |page: &Page<RunningDay>| so_far(&page.data, &session.paper))
        }
        Banks::Understood { date, why, sure, key } => {
            let date = date_of(session, date).await?;
            session.confirm(
                &format!("Say that what differs of {date} at {} is understood?", why.name),
                sure.yes,
            )?;
            let path = format!("/v1/reconciliations/{date}");
            let read: Page<Reconciliation> = session.get(&path, &[]).await?.read()?;
            let day = read.data.into_iter().find(|day| day.bank == why.name);
            let unread = || {
                Failure::Usage(format!(
                    "{date} of {} was not read yet: `giroctl banks day {date}`",
                    why.name
                ))
            };
            let body = json!({ "bank": why.name, "read_at": day.ok_or_else(unread)?.read_at, "reason": why.reason });
            let path = format!("{path}/understood");
            let answer = session.post(&path, key.key.as_deref(), &body).await?;
            session.tell(&answer, |page: &Page<Reconciliation>| {
                came_to(date, &page.data, &session.paper)
            })
        }
        Banks::Pause { why, sure, key } => {
            let question = format!("Send nothing more through {}, until somebody resumes it?", why.name);
            session.confirm(&question, sure.yes)?;
            set(session, why, key, "pause", json!({ "reason": why.reason })).await
        }
        Banks::Resume { why, since, key } => {
            let paused_at = match since {
                Some(since) => Some(*since),
                None => standing(session, &why.name).await?,
            };
            let body = json!({ "reason": why.reason, "paused_at": paused_at });
            set(session, why, key, "resume", body).await
        }
        Banks::Announce { why, span, sure, key } => {
            let clock = &session.paper.clock;
            let (from, until) = (clock.full(span.from), clock.full(span.until));
            session.confirm(
                &format!("Send nothing through {} from {from} to {until}?", why.name),
                sure.yes,
            )?;
            set(session, why, key, "announce", span.body(why)).await
        }
        Banks::CallOff { why, span, key } => set(session, why, key, "call-off", span.body(why)).await,
    }
}

async fn date_of(session: &Session, date: &Day) -> Result<Date, Failure> {
    let outside = || Failure::Usage("DAY: write a day that the calendar has".to_owned());
    date.date(session.now().await).ok_or_else(outside)
}

/// What the running day comes to so far, bank by bank.
fn so_far(days: &[RunningDay], paper: &Paper) -> String {
    if days.is_empty() {
        return "No running day was read yet: that takes five minutes after the first worker has started.\n".to_owned();
    }
    let mut text = String::new();
    for day in days {
        let differ = match day.differences {
            0 => Text::new("none differs", Tone::Good),
            many => Text::new(format!("{many} differ"), Tone::Bad),
        };
        let mut facts = vec![
            ("read", Text::from(paper.clock.full(day.read_at))),
            ("orders", Text::from(format!("{}, {} open", day.orders, day.open))),
            ("against books", differ),
        ];
        match &day.balance {
            None => facts.push((
                "balance",
                Text::from("not held against the books: stp.account is not configured, or money moves all the time"),
            )),
            Some(balance) => {
                let pesos = |centavos: i64| amount(Centavos::new(centavos));
                facts.push((
                    "balance",
                    Text::from(format!(
                        "{} at {}",
                        pesos(balance.by_bank),
                        paper.clock.full(balance.read_at)
                    )),
                ));
                facts.push(("must be", Text::from(pesos(balance.by_books))));
                if balance.in_doubt > 0 {
                    facts.push((
                        "in doubt",
                        Text::from(format!("{} may have left beside", pesos(balance.in_doubt))),
                    ));
                }
                facts.push(match balance.apart {
                    0 => ("apart by", Text::new("nothing", Tone::Good)),
                    apart => ("apart by", Text::new(pesos(apart), Tone::Bad)),
                });
            }
        }
        text.push_str(&format!(
            "{} {}\n\n{}",
            plain(&day.bank),
            day.operating_date,
            paper.facts(facts)
        ));
        for difference in &day.named {
            text.push_str(&format!(
                "{}: {}\n",
                plain(&difference.subject),
                plain(&difference.what)
            ));
        }
    }
    text
}

/// When the pause began that stands now; an alarm must be named by whoever ends it.
async fn standing(session: &Session, name: &str) -> Result<Option<Timestamp>, Failure> {
    let banks: Page<Bank> = session.get("/v1/banks", &[]).await?.read()?;
    let Some(bank) = banks.data.into_iter().find(|bank| bank.name == name) else {
        return Ok(None);
    };
    let since = bank.paused_at.map(|at| at.to_string()).unwrap_or_default();
    match bank.paused_by {
        Some(by) if by.is_alarm() => Err(Failure::Usage(format!(
            "{name} is paused by {} since {since}: once its cause is mended, add --since {since}",
            by.word()
        ))),
        _ => Ok(bank.paused_at),
    }
}

impl Span {
    fn body(&self, why: &Why) -> Value {
        json!({ "from": self.from, "until": self.until, "reason": why.reason })
    }
}

async fn set(session: &Session, why: &Why, key: &Key, verb: &str, body: Value) -> Result<Exit, Failure> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if why.name.is_empty() || !why.name.bytes().all(is_name) {
        return Err(Failure::Usage(
            "BANK: write a name that `giroctl banks list` has".to_owned(),
        ));
    }
    let path = format!("/v1/banks/{}/{verb}", why.name);
    let answer = session.post(&path, key.key.as_deref(), &body).await?;
    session.tell(&answer, |bank: &Bank| {
        listing(std::slice::from_ref(bank), &session.paper)
    })
}

/// What a closed day came to, bank by bank, and what differs.
fn came_to(date: Date, days: &[Reconciliation], paper: &Paper) -> String {
    if days.is_empty() {
        return format!(
            "{date} is not over, or its statement was not read yet: that takes half an hour after 18:10.\n"
        );
    }
    let columns = [
        Column::whole("BANK"),
        Column::whole("OPERATING DATE"),
        Column::whole("BOOKS AND BANK"),
        Column::right("ORDERS"),
        Column::right("PAID BY THE BANK"),
        Column::right("BY THE BOOKS"),
        Column::right("CAME"),
        Column::right("TO THE BANK"),
        Column::right("TO THE BOOKS"),
        Column::wrapped("READ"),
    ];
    let rows = days.iter().map(|day| {
        let (word, tone) = match (day.differences, day.open) {
            (0, 0) => ("agree".to_owned(), Tone::Good),
            (0, open) => (format!("agree, {open} open"), Tone::Odd),
            (many, _) => (format!("{many} differences"), Tone::Bad),
        };
        vec![
            Text::from(&day.bank),
            Text::from(day.operating_date.to_string()),
            Text::new(word, tone),
            Text::from(day.orders.to_string()),
            Text::from(amount(Centavos::new(day.paid_by_bank))),
            Text::from(amount(Centavos::new(day.paid_by_books))),
            Text::from(day.received.to_string()),
            Text::from(amount(Centavos::new(day.received_by_bank))),
            Text::from(amount(Centavos::new(day.received_by_books))),
            Text::from(paper.clock.full(day.read_at)),
        ]
    });
    let mut text = paper.table(&columns, rows.collect());
    for day in days {
        if let Some(said) = &day.understood {
            text.push_str(&format!("\nunderstood by {}: {}\n", plain(&said.by), plain(&said.why)));
        }
    }
    let named: Vec<_> = days.iter().flat_map(|day| &day.named).collect();
    if !named.is_empty() {
        let columns = [Column::whole("WHAT"), Column::wrapped("DIFFERS")];
        let rows = named
            .iter()
            .map(|one| vec![Text::from(&one.subject), Text::from(&one.what)]);
        text.push('\n');
        text.push_str(&paper.table(&columns, rows.collect()));
    }
    text
}

fn listing(banks: &[Bank], paper: &Paper) -> String {
    if banks.is_empty() {
        return "giro knows no bank: has it been migrated?\n".to_owned();
    }
    let columns = [
        Column::whole("BANK"),
        Column::whole("STATE"),
        Column::whole("OPERATING DATE"),
        Column::wrapped("SENDS"),
    ];
    let rows = banks.iter().map(|bank| {
        let date = bank.operating_date.map(|date| date.to_string()).unwrap_or_default();
        let (word, tone) = state(bank.state);
        vec![
            Text::from(&bank.name),
            Text::new(word, tone),
            Text::from(date),
            Text::from(sends(bank, paper)),
        ]
    });
    let mut text = paper.table(&columns, rows.collect());
    let closures: Vec<_> = banks.iter().flat_map(|bank| announced(bank, paper)).collect();
    if !closures.is_empty() {
        let columns = [
            Column::whole("BANK"),
            Column::whole("ANNOUNCED CLOSED FROM"),
            Column::whole("UNTIL"),
            Column::wrapped("WHY"),
        ];
        text.push('\n');
        text.push_str(&paper.table(&columns, closures));
    }
    text
}

/// What a bank announced, one row for each closure.
fn announced(bank: &Bank, paper: &Paper) -> Vec<Vec<Text>> {
    let row = |closure: &Closure| {
        vec![
            Text::from(&bank.name),
            Text::from(paper.clock.full(closure.from)),
            Text::from(paper.clock.full(closure.until)),
            Text::from(closure.reason.clone().unwrap_or_default()),
        ]
    };
    bank.closures.iter().map(row).collect()
}

pub(super) fn state(state: BankState) -> (&'static str, Tone) {
    match state {
        BankState::Open => ("open", Tone::Good),
        BankState::Closed => ("closed", Tone::Odd),
        BankState::Paused => ("paused", Tone::Bad),
        BankState::Away => ("away", Tone::Odd),
    }
}

/// When it is sent to, and why not now.
pub(super) fn sends(bank: &Bank, paper: &Paper) -> String {
    let mut text = match (bank.state, bank.sends_at) {
        (BankState::Open, _) => match bank.guard {
            Some(guard) => format!("now, until {}", paper.clock.full(guard.starts_at)),
            None => "now".to_owned(),
        },
        (BankState::Paused, _) => {
            let who = bank.paused_by.map_or("somebody", PausedBy::word);
            let why = bank.pause_reason.as_deref().unwrap_or("no reason was given");
            let since = bank
                .paused_at
                .map(|at| format!(", since {}", paper.clock.full(at)))
                .unwrap_or_default();
            format!("paused by {who}{since}: {why}")
        }
        (BankState::Away, Some(at)) => {
            let since = bank
                .away_since
                .map(|since| format!("away since {}, ", paper.clock.full(since)))
                .unwrap_or_default();
            format!("{since}tried again by itself from {} on", paper.clock.full(at))
        }
        (BankState::Closed, Some(at)) => format!("from {} on, by itself", paper.clock.full(at)),
        (BankState::Closed | BankState::Away, None) => "not before the calendar is mended".to_owned(),
    };
    if let Some(attention) = &bank.attention {
        text.push_str(&format!("; attention: {attention}"));
    }
    text
}
