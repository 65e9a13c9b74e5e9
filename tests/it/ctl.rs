//! `giroctl` as support and operations use it: found, looked at, asked, taken back; and what it says when it cannot.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use dev::parts::process;
use serde_json::Value;
use tests::{
    client::{BENEFICIARY, text},
    sim::Fault,
    stack::{PATIENCE, Setup, Stack, program},
};

/// What a command said, and how it ended.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// It ended so, and said so; without a terminal that is plain text of 100 columns.
    fn ended(self, code: i32, words: &[&str]) -> Result<Self> {
        let all = format!("{}{}", self.out, self.err);
        ensure!(self.code == code, "ended with {} and not {code}:\n{all}", self.code);
        for word in words {
            ensure!(all.contains(word), "{word:?} is not in:\n{all}");
        }
        ensure!(!all.contains('\u{1b}'), "coloured, though nobody looks:\n{all}");
        Ok(self)
    }

    /// Nothing is wider than a page.
    fn fits(self) -> Result<Self> {
        let wide = self
            .out
            .lines()
            .find(|line| line.chars().count() > 100 && !line.starts_with("run  "));
        ensure!(wide.is_none(), "too wide: {wide:?}");
        Ok(self)
    }

    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("is no JSON: {}", self.out))
    }
}

fn command(api: &str) -> Command {
    let mut command = process::command(program("giroctl"));
    command
        .env("GIRO_API", api)
        .env_remove("GIRO_API_KEY")
        .stdin(Stdio::null());
    command
}

fn giroctl(api: &str, words: &[&str]) -> Result<Said> {
    let done = command(api).args(words).output()?;
    let said = Said {
        code: done.status.code().context("ended by a signal")?,
        out: String::from_utf8(done.stdout)?,
        err: String::from_utf8(done.stderr)?,
    };
    eprintln!(
        "$ giroctl {}\n{}{}# {}\n",
        words.join(" "),
        said.out,
        said.err,
        said.code
    );
    Ok(said)
}

/// The words of `payouts create`, with more of them.
fn create<'a>(account: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec![
        "payouts",
        "create",
        "--account",
        account,
        "--amount",
        "123.00",
        "--clabe",
        BENEFICIARY,
    ];
    words.extend([
        "--name",
        "Maria Beltran Soto",
        "--concept",
        "Pago de prueba",
        "--reference",
        "1234567",
    ]);
    words.extend(more);
    words
}

#[tokio::test]
async fn support_finds_a_stuck_payout_and_unsticks_it() -> Result<()> {
    let setup = Setup {
        sending_seconds: 3,
        ..Setup::default()
    };
    let stack = Stack::with("ctl", setup).await?;
    let ctl = |words: &[&str]| giroctl(stack.giro.base(), words);
    let account = stack.giro.account(1, 1_000_000).await?;

    ctl(&["status"])?.ended(
        0,
        &["giroctl  ", "ready at http://127.0.0.1:", "bank     stp, open: now"],
    )?;
    ctl(&["payouts", "list"])?.ended(0, &["There are no payouts yet"])?;
    ctl(&create(&account, &["--dry-run"]))?.ended(
        0,
        &["It would be accepted: MXN 123.00 to BBVA", "****1249", "MXN 128.80"],
    )?;
    ctl(&["payouts", "list"])?.ended(0, &["There are no payouts yet"])?;

    stack.bank.fault(None, Some(Fault::Silent), Some(1)).await?;
    let id = text(&ctl(&create(&account, &["-o", "json"]))?.ended(0, &[])?.json()?, "/id")?;
    let raised = |payout: &Value| payout["attention"]["reason"] == "deadline";
    let stuck = stack.giro.wait(&id, PATIENCE, raised).await?;
    ctl(&["payouts", "list", "--attention", "--since", "1h", "--state", "sending"])?
        .ended(0, &[&id, "MXN 123.00", "BBVA", "deadline"])?
        .fits()?;
    ctl(&["payouts", "list", "--attention", "mismatch"])?.ended(0, &["No payout fits"])?;
    ctl(&["payouts", "show", &id])?
        .ended(
            0,
            &[
                "MXN 123.00 to BBVA",
                "the order may be at the bank",
                "attention",
                "/docs/runbook/deadline",
                &format!("giroctl payouts retry {id}"),
                "cancel: the order may be at the bank",
            ],
        )?
        .fits()?;
    ctl(&["payouts", "timeline", &id])?
        .ended(0, &["accepted", "sending", "submit", "no answer", "CDMX"])?
        .fits()?;
    // Nobody knows: that is an answer, not a failure.
    ctl(&["payouts", "retry", &id])?.ended(0, &["The bank said: ", "Next: ", "sending"])?;
    stack.bank.speak(&text(&stuck, "/tracking_key")?).await?;
    ctl(&["payouts", "retry", &id])?.ended(0, &["The bank said: paid"])?;
    ctl(&["payouts", "wait", &id])?.ended(0, &["settled: with the beneficiary"])?;
    ctl(&["payouts", "show", &id, "--utc"])?.ended(0, &["nothing: it has ended", "proven by", "UTC"])?;
    ctl(&["payouts", "cancel", &id, "--yes"])?
        .ended(1, &["too_late", "HTTP 409", "Nothing was changed", "explained at"])?;

    let shown = ctl(&["payouts", "show", &id, "--output", "json"])?.ended(0, &[])?;
    assert_eq!(shown.json()?, stack.giro.payout(&id).await?, "the API's own answer");
    let unknown = "po_00000000000070008000000000000000";
    let said = ctl(&["payouts", "show", unknown, "-o", "json"])?.ended(3, &["Not found"])?;
    assert_eq!(
        said.json()?["code"],
        "not_found",
        "programs read the problem on standard output"
    );

    ctl(&["accounts", "show", &account])?.ended(0, &["available", "MXN 9,871.20"])?;
    ctl(&["accounts", "list"])?
        .ended(0, &[&account, "MXN 9,871.20"])?
        .fits()?;
    ctl(&["accounts", "movements", &account])?
        .ended(0, &[&id, "opening", "iva"])?
        .fits()?;
    ctl(&["accounts", "movements", &account, "--limit", "2"])?.ended(0, &["2 shown, and there are more"])?;
    ctl(&["accounts", "statement", &account])?
        .ended(0, &["before", "after", "MXN 9,871.20"])?
        .fits()?;
    ctl(&["banks", "list"])?.ended(0, &["stp", "open"])?.fits()?;
    ctl(&["banks", "day", "today"])?.ended(0, &["its statement was not read yet"])?;
    ctl(&["banks", "day", "2026-13-01"])?.ended(2, &["DAY"])?;
    ctl(&["institutions", "bbva"])?
        .ended(0, &["40012", "BBVA", "yes"])?
        .fits()?;
    ctl(&["institutions", "no such bank"])?.ended(0, &["No institution fits"])?;
    ctl(&["completion", "bash"])?.ended(0, &["_giroctl"])?;
    Ok(())
}

#[tokio::test]
async fn what_is_taken_back_is_confirmed_and_what_got_no_answer_is_done_once() -> Result<()> {
    let setup = Setup {
        programs: &["api"],
        ..Setup::default()
    };
    let mut stack = Stack::with("ctl_once", setup).await?;
    let base = stack.giro.base().to_owned();
    let ctl = |words: &[&str]| giroctl(&base, words);
    let account = stack.giro.account(1, 1_000_000).await?;

    // Something takes the request and says nothing: nobody knows whether it was done.
    let deaf = TcpListener::bind("127.0.0.1:0")?;
    let nowhere = format!("http://{}", deaf.local_addr()?);
    let lost = giroctl(&nowhere, &create(&account, &["--timeout", "1s"]))?.ended(
        5,
        &["no answer from", "It may have been done", "--name 'Maria Beltran Soto'"],
    )?;
    let again = lost
        .err
        .lines()
        .find(|line| line.contains("payouts create"))
        .context("the command")?;
    let key = again.split_whitespace().last().context("its key")?.to_owned();
    let first = ctl(&create(&account, &["--key", &key]))?.ended(0, &["Accepted: MXN 123.00"])?;
    let second = ctl(&create(&account, &["--key", &key]))?.ended(0, &["nothing was done again"])?;
    let id = first
        .out
        .split_whitespace()
        .find(|word| word.starts_with("po_"))
        .context("an id")?
        .to_owned();
    assert!(second.out.contains(&id), "{second:?}");
    ctl(&["payouts", "list", "--key", &key])?.ended(0, &[&id])?;

    ctl(&["payouts", "wait", &id, "--timeout", "1s"])?.ended(6, &["Still open after 1 s"])?;
    ctl(&["payouts", "cancel", &id])?.ended(2, &["Nothing was done", "--yes"])?;
    ctl(&["banks", "pause", "stp", "--reason", "test"])?.ended(2, &["Nothing was done", "--yes"])?;
    assert_eq!(stack.giro.payout(&id).await?["state"], "accepted");
    ctl(&["payouts", "cancel", &id, "--yes"])?.ended(0, &["Taken back", "back with the customer"])?;
    ctl(&["accounts", "show", &account])?.ended(0, &["MXN 10,000.00"])?;
    let mut wrong = create(&account, &[]);
    for word in &mut wrong {
        if *word == BENEFICIARY {
            *word = "012180004643051240";
        }
    }
    ctl(&wrong)?.ended(
        1,
        &["invalid_request", "/beneficiary/clabe", "explained at", "request "],
    )?;
    ctl(&["payouts", "show", "po_1"])?.ended(2, &["po_ and 32 lower-case hex digits"])?;
    ctl(&["payouts", "list", "--state", "lost"])?.ended(2, &["settled"])?;
    ctl(&["payouts", "list", "--since", "soon"])?.ended(2, &["2h"])?;

    // Who stops reading has had enough.
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let done = command(&base).args(["payouts", "list"]).stdout(writer).output()?;
    assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");

    let secret = "my-own-password";
    let done = command(&base)
        .args(["banks", "list"])
        .env("GIRO_API_KEY", secret)
        .output()?;
    let told = String::from_utf8(done.stderr)?;
    assert!(
        done.status.code() == Some(2) && told.contains("not a key") && !told.contains(secret),
        "{told}"
    );

    stack.kill("api");
    ctl(&["payouts", "show", &id])?.ended(5, &["giro is away", "Nothing was sent", "GIRO_API"])?;
    ctl(&["status"])?.ended(5, &["giroctl  ", "giro is away"])?;
    Ok(())
}
