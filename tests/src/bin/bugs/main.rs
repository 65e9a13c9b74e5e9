//! `giro-bugs`: tests of the tests. Each small wrong change that an engineer could make is made, in a copy of the
//! project, and the tests that it names must then fail, for the reason that it names.

// It talks to a person.
#![allow(clippy::print_stdout)]

mod bug;
mod cargo;
mod tree;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use bug::Bug;
use cargo::{Builds, Ran};
use tree::Tree;

/// Makes every seeded bug of tests/bugs in a copy of the project, and sees that the tests which it names fail.
#[derive(Parser)]
#[command(name = "cargo bugs")]
struct Options {
    /// Only these, by file name without .patch; a part of a name is enough. All, when none is named.
    names: Vec<String>,
    /// Say which there are, what each would cost, and which test catches it; make none.
    #[arg(long)]
    list: bool,
}

/// What became of one bug.
enum Fate {
    Caught,
    /// Its tests pass, or fail without seeing it.
    Missed(String),
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// True when all were caught.
fn run(options: &Options) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace")?;
    let bugs = chosen(Bug::all(&root.join("tests/bugs"))?, &options.names)?;
    if options.list {
        list(&bugs);
        return Ok(true);
    }
    let programs = programs()?;
    let place = programs.with_file_name("bugs");
    fs::create_dir_all(&place)?;
    let claim = File::create(place.join("lock"))?;
    ensure!(
        claim.try_lock().is_ok(),
        "another `cargo bugs` is at work here: wait for it"
    );
    let tree = Tree::copy(root, &place.join("tree"))?;
    for bug in &bugs {
        tree.takes(bug)?;
    }
    let began = Instant::now();
    say(&format!(
        "{} bugs; first their tests as they should be ... ",
        bugs.len()
    ));
    let builds = Builds::new(&tree, &place, &programs)?;
    sound(&builds, &bugs)?;
    println!("all pass, {}", seconds(began));
    let mut fates = Vec::new();
    for (n, bug) in (1..).zip(&bugs) {
        say(&format!("{n:>3}/{} {:<32} ", bugs.len(), bug.name));
        let began = Instant::now();
        tree.apply(bug)?;
        let fate = judge(&builds, bug);
        tree.unapply(bug)?;
        let fate = fate.unwrap_or_else(|error| Fate::Missed(format!("{error:#}")));
        let word = match &fate {
            Fate::Caught => "caught".to_owned(),
            Fate::Missed(why) => format!("NOT CAUGHT: {why}"),
        };
        println!("{:>6}  {word}", seconds(began));
        fates.push((bug, fate));
    }
    Ok(told(&fates, began))
}

/// Those whose names hold one of the words.
fn chosen(bugs: Vec<Bug>, words: &[String]) -> Result<Vec<Bug>> {
    for word in words {
        let known = bugs.iter().any(|bug| bug.name.contains(word.as_str()));
        ensure!(known, "no bug is called {word}: see `cargo bugs --list`");
    }
    let named = |bug: &Bug| words.is_empty() || words.iter().any(|word| bug.name.contains(word.as_str()));
    Ok(bugs.into_iter().filter(named).collect())
}

fn list(bugs: &[Bug]) {
    for bug in bugs {
        println!("{}\n  {}\n  loses: {}", bug.name, bug.title, bug.loses);
        for test in &bug.tests {
            println!("  caught by: {test}");
        }
    }
    println!("\n{} bugs", bugs.len());
}

/// A test that fails anyway catches nothing: all named tests pass on the project as it is.
fn sound(builds: &Builds<'_>, bugs: &[Bug]) -> Result<()> {
    let all = bugs.iter().flat_map(|bug| &bug.tests).cloned().collect();
    for ran in builds.run(&all, "as-it-is")? {
        let Ran { passed, failed, said } = ran;
        ensure!(
            failed == 0,
            "{failed} of the named tests fail without any bug ({passed} pass):\n{said}"
        );
    }
    Ok(())
}

/// Runs a bug's tests with the bug made: all must fail, and say what they saw.
fn judge(builds: &Builds<'_>, bug: &Bug) -> Result<Fate> {
    let mut said = String::new();
    for ran in builds.run(&bug.tests, &bug.name)? {
        if ran.passed > 0 {
            return Ok(Fate::Missed(format!("{} of its tests pass", ran.passed)));
        }
        said.push_str(&ran.said);
    }
    if let Some(unsaid) = bug.says.iter().find(|words| !said.contains(words.as_str())) {
        let log = builds.log(&bug.name);
        return Ok(Fate::Missed(format!(
            "its tests fail, but do not say {unsaid:?}: see {}",
            log.display()
        )));
    }
    Ok(Fate::Caught)
}

/// The last words; true when all were caught.
fn told(fates: &[(&Bug, Fate)], began: Instant) -> bool {
    let missed: Vec<&(&Bug, Fate)> = fates
        .iter()
        .filter(|(_, fate)| matches!(fate, Fate::Missed(_)))
        .collect();
    for (bug, _) in &missed {
        println!("\nNot caught: {}\n  {}\n  loses: {}", bug.name, bug.title, bug.loses);
    }
    let caught = fates.len() - missed.len();
    println!("\ncaught {caught}/{} in {}", fates.len(), seconds(began));
    missed.is_empty()
}

fn seconds(since: Instant) -> String {
    format!("{} s", since.elapsed().as_secs())
}

/// The beginning of a line, at once.
fn say(text: &str) {
    print!("{text}");
    let _nobody_reads = io::stdout().flush();
}

/// Where cargo put this program: what the project has compiled lies there.
fn programs() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    match this.parent() {
        Some(programs) => Ok(programs.to_owned()),
        None => bail!("{} has no folder", this.display()),
    }
}
