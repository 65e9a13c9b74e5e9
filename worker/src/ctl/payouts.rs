//! Payouts: found, looked at, unstuck, taken back, waited for, asked for.

use std::time::{Duration, Instant};

use activities::ledger::rows::{FEE_INCOME, IVA_PAYABLE, SETTLEMENT_STP};
use jiff::Timestamp;
use serde_json::json;
use workflows::domain::{AccountId, Centavos, PayoutId};

use super::{
    args::{Create, Filter, Key, Payouts},
    attention,
    client::Answer,
    decisions,
    failure::{Exit, Failure},
    page::{institution, page, title, tone},
    paper::{Column, Paper, Text, Tone},
    receipt,
    session::{Listed, Session},
    when::{When, between},
    words::{age, amount, plain, since},
};
use crate::api::view::{
    attention::Attention,
    page::Page,
    payout::{Payout, Preview, Retried},
    request::{NewBeneficiary, NewPayout},
    timeline::{Happened, Timeline},
};

/// How long `wait` waits, when nobody says.
const WAIT: Duration = Duration::from_secs(60);
/// How long the API itself waits at once, within what it allows.
const AT_ONCE: Duration = Duration::from_secs(20);
/// What an answer takes on top of that.
const MARGIN: Duration = Duration::from_secs(10);
/// Before asking an API again that went away.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) async fn run(session: &Session, command: &Payouts) -> Result<Exit, Failure> {
    match command {
        Payouts::List(filter) => list(session, filter).await,
        Payouts::Show { payout } => show(session, payout.id).await,
        Payouts::Timeline { payout } => timeline(session, payout.id).await,
        Payouts::Receipt { payout, look_up, key } => receipt::show(session, payout.id, *look_up, key).await,
        Payouts::Retry { payout, key } => retry(session, payout.id, key).await,
        Payouts::Cancel { payout, sure, key } => cancel(session, payout.id, sure.yes, key).await,
        Payouts::Decide { payout, outcome, said } => {
            let document = &said.document;
            let shown: Payout = session.get(&path(payout.id), &[]).await?.read()?;
            let what = title(shown.amount, &shown.beneficiary);
            session.confirm(
                &format!("Say of {what}, now {}: {outcome}, on {document}?", shown.state),
                said.sure.yes,
            )?;
            let body = json!({ "outcome": outcome, "document": document });
            decisions::say(session, &format!("{}/decide", path(payout.id)), &said.key, &body).await
        }
        Payouts::Wait { payout } => wait(session, payout.id).await,
        Payouts::Create(create) if create.dry_run => preview(session, create).await,
        Payouts::Create(create) => ask(session, create).await,
    }
}

fn path(id: PayoutId) -> String {
    format!("/v1/payouts/{id}")
}

async fn list(session: &Session, filter: &Filter) -> Result<Exit, Failure> {
    let is_relative = [&filter.since, &filter.until]
        .into_iter()
        .flatten()
        .any(When::is_relative);
    // Programs are told no ages, and pay nothing for them.
    let now = match session.is_json() && !is_relative {
        true => Timestamp::UNIX_EPOCH,
        false => session.now().await,
    };
    let query = query(filter, now)?;
    let listed = session.list("/v1/payouts", &query, filter.much).await?;
    if !session.is_json() {
        let mut text = listing(&listed, !query.is_empty(), &session.paper, now);
        if filter.attention.is_some() {
            let causes: Page<Attention> = session.get(attention::PATH, &[]).await?.read()?;
            text.push_str(&attention::footer(&causes.data));
        }
        session.say(&text)?;
    }
    Ok(Exit::Done)
}

/// The filter as the API reads it.
fn query(filter: &Filter, now: Timestamp) -> Result<Vec<(&'static str, String)>, Failure> {
    let moment = |name: &str, when: &Option<When>| {
        when.as_ref()
            .map(|when| {
                when.instant(now)
                    .ok_or_else(|| Failure::Usage(format!("{name}: outside the calendar")))
            })
            .transpose()
    };
    let (from, to) = (moment("--since", &filter.since)?, moment("--until", &filter.until)?);
    let mut query: Vec<_> = filter.state.iter().map(|state| ("state", state.clone())).collect();
    let more = [
        ("attention", filter.attention.clone()),
        ("bank", filter.bank.clone()),
        ("caller", filter.caller.clone()),
        ("account", filter.account.map(|id| id.to_string())),
        ("created_from", from.map(|at| at.to_string())),
        ("created_to", to.map(|at| at.to_string())),
        ("idempotency_key", filter.key.clone()),
        ("tracking_key", filter.tracking_key.clone()),
    ];
    query.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    Ok(query)
}

fn listing(listed: &Listed<Payout>, is_filtered: bool, paper: &Paper, now: Timestamp) -> String {
    if listed.rows.is_empty() {
        return match is_filtered {
            true => "No payout fits: --state, --attention, --since and the others narrow the list together.\n",
            false => {
                "There are no payouts yet, or none that this key may see. `giroctl payouts create` asks for one.\n"
            }
        }
        .to_owned();
    }
    let columns = [
        Column::whole("PAYOUT"),
        Column::whole("STATE"),
        Column::right("AMOUNT"),
        Column::cut("TO"),
        Column::right("AGE"),
        Column::whole("ATTENTION"),
    ];
    let rows = listed.rows.iter().map(|payout| {
        let waits = payout.waits_for.as_ref();
        let (attention, tone_of_it) = match &payout.attention {
            Some(raised) => (raised.reason.word().to_owned(), Tone::Bad),
            None => (
                waits.map_or_else(String::new, |waits| {
                    format!("{}: {}", plain(&waits.bank), waits.cause.word())
                }),
                Tone::Odd,
            ),
        };
        vec![
            Text::from(payout.id.to_string()),
            Text::new(payout.state.word(), tone(payout.state)),
            Text::from(amount(payout.amount)),
            Text::from(institution(&payout.beneficiary)),
            Text::from(since(payout.accepted_at, now).unwrap_or_default()),
            Text::new(attention, tone_of_it),
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

async fn show(session: &Session, id: PayoutId) -> Result<Exit, Failure> {
    let (answer, now) = session.get_with_now(&path(id), &[]).await?;
    session.tell(&answer, |payout| page(payout, session.base(), &session.paper, now))
}

async fn timeline(session: &Session, id: PayoutId) -> Result<Exit, Failure> {
    let answer = session.get(&format!("{}/timeline", path(id)), &[]).await?;
    session.tell(&answer, |timeline| history(timeline, &session.paper))
}

fn history(timeline: &Timeline, paper: &Paper) -> String {
    let columns = [
        Column::whole(format!("TIME ({})", paper.clock.name)),
        Column::right("AFTER"),
        Column::whole("WHAT"),
        Column::wrapped("SAID"),
    ];
    let first = timeline.data.first().map(at);
    let rows = timeline.data.iter().map(|happened| {
        let after = first.and_then(|first| between(first, at(happened))).map(age);
        let (what, said) = told(happened);
        vec![
            Text::from(paper.clock.exact(at(happened))),
            Text::from(after.unwrap_or_default()),
            what,
            Text::from(said),
        ]
    });
    format!("{}\n\n{}", timeline.payout, paper.table(&columns, rows.collect()))
}

fn at(happened: &Happened) -> Timestamp {
    match happened {
        Happened::State { at, .. }
        | Happened::Exchange { at, .. }
        | Happened::Evidence { at, .. }
        | Happened::Decision { at, .. }
        | Happened::Movement { at, .. }
        | Happened::Webhook { at, .. } => *at,
    }
}

/// What happened in a word, and what there is to say of it.
fn told(happened: &Happened) -> (Text, String) {
    match happened {
        Happened::State {
            state, seq, send_no, ..
        } => {
            let sends = if *send_no > 0 {
                format!(", sends begun: {send_no}")
            } else {
                String::new()
            };
            (Text::new(state.word(), tone(*state)), format!("event {seq}{sends}"))
        }
        Happened::Exchange {
            question, status, said, ..
        } => {
            let answer = status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
            (Text::from(question), format!("{said} ({answer})"))
        }
        Happened::Evidence {
            evidence,
            decided_by,
            document,
            ..
        } => {
            let people = decided_by
                .as_ref()
                .map(|people| format!(" by {}", people.join(" and ")))
                .unwrap_or_default();
            let document = document
                .as_ref()
                .map(|document| format!(", on {document}"))
                .unwrap_or_default();
            (Text::from("evidence"), format!("{}{people}{document}", evidence.word()))
        }
        Happened::Decision {
            by,
            outcome,
            document,
            is_second,
            ..
        } => {
            let waits = if *is_second {
                ""
            } else {
                "; a second person is to say so too"
            };
            (Text::from("decision"), format!("{by}: {outcome}, on {document}{waits}"))
        }
        Happened::Movement {
            leg,
            debit_account,
            credit_account,
            amount: centavos,
            effective_on,
            ..
        } => {
            let said = format!(
                "{} of {effective_on}, {} to {}",
                amount(*centavos),
                holder(*debit_account),
                credit_account.map_or_else(|| "another customer".to_owned(), holder)
            );
            (Text::from(format!("booked {}", leg.word())), said)
        }
        Happened::Webhook { note, done, .. } => {
            let note = note
                .as_deref()
                .unwrap_or(if *done { "understood" } else { "to be looked at" });
            (Text::from("webhook"), webhook(note).to_owned())
        }
    }
}

/// giro's own accounts by what they are for, a customer's by its id.
fn holder(account: AccountId) -> String {
    match account {
        SETTLEMENT_STP => "settlement at stp".to_owned(),
        FEE_INCOME => "fee income".to_owned(),
        IVA_PAYABLE => "IVA payable".to_owned(),
        _ => account.to_string(),
    }
}

/// What the inbox noted, for people.
fn webhook(note: &str) -> &str {
    match note {
        "evidence" => "the bank called; giro asked it, and its answer proves the outcome",
        "agrees" => "the bank called; it says what the books say",
        "undecided" => "the bank called; giro asked it, and it has not decided",
        "not asked" => "the bank called; giro could not ask it yet",
        "unreadable" => "the bank called with something that does not read: kept apart",
        other => other,
    }
}

async fn retry(session: &Session, id: PayoutId, key: &Key) -> Result<Exit, Failure> {
    let answer = session
        .post(&format!("{}/retry", path(id)), key.key.as_deref(), &json!({}))
        .await?;
    session.tell(&answer, asked)?;
    // 202: the bank has not answered yet.
    Ok(if answer.status == 202 { Exit::Open } else { Exit::Done })
}

fn asked(retried: &Retried) -> String {
    let payout = &retried.payout;
    let mut text = match &retried.next {
        None => "Asked; no answer came yet. giro goes on asking by itself.\n".to_owned(),
        Some(next) => {
            let said = retried.bank_said.as_deref().unwrap_or("nothing yet");
            format!("The bank said: {}\nNext: {}\n", plain(said), plain(next))
        }
    };
    if retried.resends == Some(true) {
        text.push_str("The same order goes out again, under the same key: the bank refuses a second one.\n");
    }
    text.push_str(&line(payout));
    if payout.state.is_open() {
        text.push_str(&format!("`giroctl payouts wait {}` waits for its end.\n", payout.id));
    }
    text
}

/// Where one stands, in a line or two.
pub(super) fn line(payout: &Payout) -> String {
    let mut text = format!("{}  {}: {}\n", payout.id, payout.state, plain(&payout.money));
    if let Some(raised) = &payout.attention {
        text.push_str(&format!(
            "attention {}: {} ({})\n",
            raised.reason,
            plain(&raised.what),
            plain(&raised.doc)
        ));
    }
    if let Some(waits) = &payout.waits_for {
        text.push_str(&format!("it waits: {}. {}\n", plain(&waits.what), plain(&waits.next)));
    }
    text
}

async fn cancel(session: &Session, id: PayoutId, sure: bool, key: &Key) -> Result<Exit, Failure> {
    if !sure {
        let payout: Payout = session.get(&path(id), &[]).await?.read()?;
        let what = title(payout.amount, &payout.beneficiary);
        session.confirm(&format!("Take back {what}, now {}?", payout.state), sure)?;
    }
    let answer = session
        .post(&format!("{}/cancel", path(id)), key.key.as_deref(), &json!({}))
        .await?;
    session.tell(&answer, |payout: &Payout| format!("Taken back.\n{}", line(payout)))
}

async fn wait(session: &Session, id: PayoutId) -> Result<Exit, Failure> {
    let patience = session.patience_or(WAIT);
    let until = Instant::now() + patience;
    let mut was_there = false;
    let (answer, payout) = loop {
        let left = until.saturating_duration_since(Instant::now()).min(AT_ONCE).as_secs();
        let query = [("wait", format!("{left}s"))];
        let found = session.get_within(&path(id), &query, AT_ONCE + MARGIN).await;
        match found.and_then(|answer| Ok((answer.read::<Payout>()?, answer))) {
            Ok((payout, answer)) if !payout.state.is_open() || left == 0 => break (answer, payout),
            Ok(_) => was_there = true,
            // An API that restarts comes back; one that was never there does not.
            Err(failure) if was_there && left > 0 && failure.exit() == Exit::Later => {
                tokio::time::sleep(AGAIN).await;
            }
            Err(failure) => return Err(failure),
        }
    };
    session.tell(&answer, line)?;
    if !payout.state.is_open() {
        return Ok(Exit::Done);
    }
    if !session.is_json() {
        let next = format!("`giroctl payouts show {id}` says what is next.");
        session.say(&format!("Still open after {} s. {next}\n", patience.as_secs()))?;
    }
    Ok(Exit::Open)
}

async fn ask(session: &Session, create: &Create) -> Result<Exit, Failure> {
    let answer = asking(session, create, "/v1/payouts").await?;
    session.tell(&answer, |payout: &Payout| {
        let what = title(payout.amount, &payout.beneficiary);
        let held = match payout.state.is_open() {
            true => "`giroctl payouts wait` with its id waits for its end.\n",
            false => "",
        };
        let when = payout
            .process_after
            .filter(|_| payout.state.is_open())
            .map_or_else(String::new, |at| {
                format!("Held until {}.\n", session.paper.clock.full(at))
            });
        format!("Accepted: {what}.\n{}{when}{held}", line(payout))
    })
}

async fn preview(session: &Session, create: &Create) -> Result<Exit, Failure> {
    let answer = asking(session, create, "/v1/payouts/validate")
        .await
        .map_err(Failure::of_a_question)?;
    session.tell(&answer, |preview| foreseen(preview, &session.paper))
}

async fn asking(session: &Session, create: &Create, path: &str) -> Result<Answer, Failure> {
    let body = NewPayout {
        account: create.account.to_string(),
        amount: create.centavos(),
        currency: Centavos::CURRENCY.code().to_owned(),
        beneficiary: NewBeneficiary {
            clabe: create.clabe.clone(),
            name: create.name.clone(),
            tax_id: create.tax_id.clone(),
        },
        concept: create.concept.clone(),
        reference: create.reference,
        process_after: create.after,
    };
    let key = match create.dry_run {
        true => uuid::Uuid::now_v7().to_string(),
        false => session.key(create.key.key.as_deref()),
    };
    session.post(path, Some(&key), &body).await
}

fn foreseen(preview: &Preview, paper: &Paper) -> String {
    let charges = format!("fee {}, IVA {}", amount(preview.fee), amount(preview.iva));
    let send = match preview.would_send_at {
        Some(at) if preview.process_after.is_some_and(|asked| asked >= at) => {
            format!("at {}, as is asked for", paper.clock.full(at))
        }
        Some(_) if preview.bank_is_open => "at once".to_owned(),
        Some(at) => format!(
            "at {}: {} is not sent to before",
            paper.clock.full(at),
            preview.bank.name
        ),
        None => format!("not until people resume {}", preview.bank.name),
    };
    let mut facts = vec![
        ("charges", Text::from(charges)),
        (
            "held",
            Text::from(format!("{} of {}", amount(preview.total), preview.account)),
        ),
        ("sent", Text::from(send)),
    ];
    facts.extend(
        preview
            .operating_date
            .map(|date| ("operating date", Text::from(date.to_string()))),
    );
    facts.extend(preview.payout.map(|id| ("this key has", Text::from(id.to_string()))));
    format!(
        "It would be accepted: {}. Nothing was written.\n\n{}",
        title(preview.amount, &preview.beneficiary),
        paper.facts(facts)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::ctl::{page::tests::payout, paper::plain_paper};

    #[test]
    fn a_list_says_what_needs_a_person_and_that_there_is_more() {
        let listed = Listed {
            rows: vec![
                payout(json!({})),
                payout(json!({"state": "settled", "attention": null, "amount": 5})),
            ],
            has_more: true,
        };
        let now = "2026-11-23T17:08:12Z".parse().expect("a time");
        assert_eq!(
            listing(&listed, false, &plain_paper(), now),
            "PAYOUT                               STATE          AMOUNT  TO              AGE  ATTENTION\n\
             po_00000000000000000000000000000007  sending  MXN 1,250.00  BBVA Mexico  8m 12s  deadline\n\
             po_00000000000000000000000000000007  settled      MXN 0.05  BBVA Mexico  8m 12s\n\
             \n2 shown, and there are more: --all, or --limit N.\n"
        );
        let none = Listed {
            rows: vec![],
            has_more: false,
        };
        assert!(listing(&none, true, &plain_paper(), now).starts_with("No payout fits"));
        assert!(listing(&none, false, &plain_paper(), now).starts_with("There are no payouts yet"));
    }

    #[test]
    fn what_retry_found_is_told_and_what_follows() {
        let told = |answer: Value| {
            let shown = serde_json::to_value(payout(json!({"attention": null}))).expect("is JSON");
            let mut answer = answer;
            answer["payout"] = shown;
            asked(&serde_json::from_value(answer).expect("is an answer"))
        };
        let text = told(json!({"result": "answered", "bank_said": "not found", "next": "giro asks", "resends": true}));
        assert!(
            text.starts_with("The bank said: not found\nNext: giro asks\nThe same order goes out again"),
            "{text}"
        );
        assert!(text.contains("sending: held; the order may be at the bank\n"), "{text}");
        let text = told(json!({"result": "asked", "bank_said": null, "next": null, "resends": null}));
        assert!(text.starts_with("Asked; no answer came yet."), "{text}");
    }
}
