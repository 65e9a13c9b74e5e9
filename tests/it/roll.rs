//! The roll of the operating date at 18:00 Mexico City, told with the clocks of books and bank: what waits goes out on the
//! bank's next day, and what was sent before stays on its own.

use anyhow::{Result, ensure};
use jiff::{
    civil::{Date, DateTime},
    tz,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use temporalio_client::UntypedSignal;
use temporalio_common::{data_converters::RawValue, protos::temporal::api::enums::v1::EventType};
use tests::{
    client::{is, text},
    sim::{Fault, SettingsChange},
    stack::{PATIENCE, Stack},
};
use tokio::time::{Duration, Instant, sleep};

use crate::histories::{Run, count, events};

/// Mexico City has had no summer time since 2022.
const MEXICO_CITY: tz::Offset = tz::offset(-6);

/// An evening: its day, the operating date before 18:00, and the one from then on.
struct Evening {
    day: &'static str,
    before: &'static str,
    after: &'static str,
}

/// In the order of time, because no clock of books goes back.
const EVENINGS: [Evening; 3] = [
    // Holy Thursday itself: no banking day, so its evening changes nothing.
    Evening {
        day: "2026-04-02",
        before: "2026-04-06",
        after: "2026-04-06",
    },
    Evening {
        day: "2026-04-10",
        before: "2026-04-10",
        after: "2026-04-13",
    },
    // The eve of Holy Thursday: two holidays and a weekend lie between.
    Evening {
        day: "2027-03-24",
        before: "2027-03-24",
        after: "2027-03-29",
    },
];

/// Sets the clocks of books and bank to a time of day in Mexico City.
pub(crate) async fn at(stack: &Stack, day: &str, time: &str) -> Result<()> {
    let wanted: DateTime = format!("{day}T{time}").parse()?;
    let ahead = MEXICO_CITY.to_timestamp(wanted)?.as_second() - jiff::Timestamp::now().as_second();
    stack.giro_command(&["clock", "--offset", &ahead.to_string()])?;
    stack.bank.clock(ahead).await
}

/// How often a run has asked for the right to send, and was answered.
async fn asked(run: &Run) -> Result<usize> {
    Ok(count(&events(run).await?, EventType::ActivityTaskCompleted))
}

/// Wakes a run, and waits until it has asked for the right to send once more.
async fn ask_again(run: &Run) -> Result<()> {
    let before = asked(run).await?;
    let nothing = RawValue::new(Vec::new());
    run.signal(UntypedSignal::new("look"), nothing, Default::default())
        .await?;
    answered(run, before + 1).await
}

async fn answered(run: &Run, times: usize) -> Result<()> {
    let start = Instant::now();
    while asked(run).await? < times {
        ensure!(start.elapsed() < PATIENCE, "it never asked for the right to send");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The day of the one order that the bank has of a payout.
async fn day_at_the_bank(stack: &Stack, id: &str) -> Result<String> {
    let orders = stack.orders(id).await?;
    ensure!(orders.len() == 1, "{id}: {} orders", orders.len());
    let day = Date::strptime("%Y%m%d", orders[0].fecha_operacion.to_string())?;
    Ok(day.to_string())
}

/// Seeded wrong: no guard before 18:00; a resend on the next operating date; a calendar without Holy Thursday.
#[tokio::test]
async fn what_waits_at_the_roll_is_sent_once_and_on_the_banks_next_day() -> Result<()> {
    let stack = Stack::start("roll").await?;
    // giro believes that the bank refuses repeated keys; it takes them.
    let change = SettingsChange {
        dedupe: Some(false),
        ..SettingsChange::default()
    };
    stack.bank.settings(&change).await?;
    let mut account = None;
    for evening in &EVENINGS {
        at(&stack, evening.day, "17:40:00").await?;
        let account = match &account {
            Some(account) => account,
            None => account.insert(stack.giro.account(1, 10_000_000).await?),
        };
        told(&stack, account, evening).await?;
    }
    Ok(())
}

async fn told(stack: &Stack, account: &str, evening: &Evening) -> Result<()> {
    let Evening { day, before, after } = evening;
    let rolls = before != after;
    let lost = if rolls {
        Some(lost_answer(stack, account, before).await?)
    } else {
        None
    };
    // Accepted in time, and nobody there to send it.
    stack.signal("worker", Signal::STOP);
    at(stack, day, "17:49:50").await?;
    let waits = stack.giro.pay(account, 12_300).await?;
    at(stack, day, "17:58:00").await?;
    stack.signal("worker", Signal::CONT);
    let run = stack.handle(&waits).await?;
    answered(&run, 1).await?;
    for time in ["17:59:58", "18:00:00", "18:06:00"] {
        at(stack, day, time).await?;
        ask_again(&run).await?;
        let payout = stack.giro.payout(&waits).await?;
        let still = payout["state"] == "accepted" && payout["send_no"] == 0;
        ensure!(still && payout["operating_date"].is_null(), "{day} {time}: {payout}");
        ensure!(
            payout["attention"].is_null(),
            "a window that the calendar knows needs nobody: {payout}"
        );
        let requests = stack.bank.requests_of(&stack.key(&waits).await?).await?;
        ensure!(requests.is_empty(), "{day} {time}: it was sent");
        if let Some(lost) = &lost {
            let asked = stack.giro.answered(lost, PATIENCE).await?;
            ensure!(text(&asked.body, "/bank_said")? == "not found", "{asked:?}");
        }
    }
    at(stack, day, "18:10:01").await?;
    ask_again(&run).await?;
    let payout = stack.giro.wait(&waits, PATIENCE, is("settled")).await?;
    ensure!(payout["operating_date"] == json!(after), "{day}: {payout}");
    ensure!(day_at_the_bank(stack, &waits).await? == *after);
    ensure!(payout["send_no"] == 1 && stack.bank.requests_of(&stack.key(&waits).await?).await?.len() == 1);
    if let Some(lost) = lost {
        ends_on_its_own_day(stack, &lost, before).await?;
    }
    stack.all_ended(PATIENCE).await
}

/// A payout that the bank took before the roll, without an answer, and does not find until it is told to.
async fn lost_answer(stack: &Stack, account: &str, before: &str) -> Result<String> {
    stack.bank.fault(None, Some(Fault::RefuseResend), Some(1)).await?;
    let id = stack.giro.pay(account, 12_300).await?;
    let in_doubt = |payout: &Value| payout["state"] == "sending" && payout["doubt"].is_string();
    let payout = stack.giro.wait(&id, PATIENCE, in_doubt).await?;
    ensure!(payout["operating_date"] == json!(before), "{payout}");
    Ok(id)
}

/// The window is open again, the bank has twice not known it: nothing but its date forbids to send it again.
async fn ends_on_its_own_day(stack: &Stack, id: &str, before: &str) -> Result<()> {
    let asked = stack.giro.answered(id, PATIENCE).await?;
    ensure!(asked.body["resends"] == false, "{asked:?}");
    let run = stack.handle(id).await?;
    let nothing = RawValue::new(Vec::new());
    run.signal(UntypedSignal::new("look"), nothing, Default::default())
        .await?;
    let asked = stack.giro.answered(id, PATIENCE).await?;
    ensure!(text(&asked.body, "/bank_said")? == "not found", "{asked:?}");
    let key = stack.key(id).await?;
    stack.bank.speak(&key).await?;
    stack.giro.answered(id, PATIENCE).await?;
    let payout = stack.giro.wait(id, PATIENCE, is("settled")).await?;
    ensure!(
        payout["send_no"] == 1 && payout["operating_date"] == json!(before),
        "{payout}"
    );
    ensure!(stack.bank.requests_of(&key).await?.len() == 1, "one request, ever");
    ensure!(day_at_the_bank(stack, id).await? == before);
    Ok(())
}
