//! `giroctl`: what support and operations ask giro, over its REST API alone: never the books, never Temporal.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `args` | what people type |
//! | `payouts`, `attention`, `accounts`, `arrivals`, `banks`, `institutions`, `status` | the commands |
//! | `page` | one payout as a page to read |
//! | `session` | one run: whom it asks, and where it writes |
//! | `client` | requests and answers, the key of a caller, the key of a request |
//! | `failure` | everything that can go wrong, what to do about it, and the exit code |
//! | `paper` | tables and facts, as wide as the terminal |
//! | `words` | amounts, ages, times |
//! | `when` | moments and days as people write them |
//! | `json` | the API's own bytes, indented for people |

mod accounts;
mod args;
mod arrivals;
mod attention;
mod banks;
mod client;
mod corrections;
mod decisions;
mod failure;
mod institutions;
mod json;
mod page;
mod paper;
mod payouts;
mod receipt;
mod session;
mod status;
mod transfers;
mod when;
mod words;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};

use self::{
    args::{Command, Giroctl},
    arrivals::Which,
    failure::{Exit, Failure},
    session::Session,
};

/// Runs the command that the process was started with; its exit code is one of those in `giroctl --help`.
pub fn main() -> ExitCode {
    let typed = Giroctl::parse();
    match run(&typed) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            complain(&typed, &failure);
            ExitCode::from(failure.exit().code())
        }
    }
}

fn run(typed: &Giroctl) -> Result<Exit, Failure> {
    if let Command::Completion { shell } = typed.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Giroctl::command(), "giroctl", &mut script);
        return session::write(&script).map(|()| Exit::Done);
    }
    let session = Session::new(&typed.options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Local(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match &typed.command {
            Command::Payouts(command) => payouts::run(&session, command).await,
            Command::Attention => attention::run(&session).await,
            Command::Accounts(command) => accounts::run(&session, command).await,
            Command::Deposits(command) => arrivals::deposits(&session, command).await,
            Command::Transfers(command) => transfers::run(&session, command).await,
            Command::Returns(command) => arrivals::run(&session, Which::Returns, command).await,
            Command::Banks(command) => banks::run(&session, command).await,
            Command::Corrections(command) => corrections::run(&session, command).await,
            Command::Institutions { search } => institutions::run(&session, search.as_deref()).await,
            Command::Status => status::run(&session).await,
            Command::Completion { .. } => Ok(Exit::Done),
        }
    })
}

/// Words on standard error; with `--output json` what giro itself said goes to standard output, as every answer does.
fn complain(typed: &Giroctl, failure: &Failure) {
    if typed.options.output.is_json()
        && let Some(body) = failure.body()
    {
        // The words below are left, whatever became of these.
        let _lost = session::write(&[body, b"\n"].concat());
    }
    // Nobody is left to tell.
    let _lost = io::stderr().write_all(failure.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_hold_together() {
        Giroctl::command().debug_assert();
    }

    /// What a command says of itself, at the width of the page.
    fn help(words: &[&str]) -> String {
        let mut command = Giroctl::command().term_width(100);
        command.build();
        let named = words.iter().fold(&mut command, |command, word| {
            command.find_subcommand_mut(word).expect("is a command")
        });
        let help = named.render_help().to_string();
        help.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }

    #[test]
    fn the_page_says_what_the_help_says() {
        let page = include_str!("../../docs/giroctl.md");
        for words in [&[][..], &["payouts", "list"]] {
            let help = help(words);
            assert!(
                page.contains(&help),
                "docs/giroctl.md does not have, for {words:?}:\n{help}"
            );
        }
    }
}
