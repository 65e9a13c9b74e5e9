//! What all stacks of a process share: its programs, its folder, one Postgres and one Temporal.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

use anyhow::{Result, ensure};
use dev::parts::{postgres, temporal};

/// The servers that all tests share.
pub(super) struct Shared {
    pub(super) postgres: postgres::Server,
    pub(super) temporal: temporal::Server,
}

static SHARED: OnceLock<Mutex<Shared>> = OnceLock::new();
static HOME: OnceLock<PathBuf> = OnceLock::new();

/// Those servers, started once.
pub(super) fn shared() -> &'static Mutex<Shared> {
    SHARED.get_or_init(|| Mutex::new(begin().expect("the servers that all tests share")))
}

/// The folder of this process, once the programs are built.
pub(super) fn home() -> &'static Path {
    HOME.get_or_init(|| make_home().expect("the programs, and a folder to run them in"))
}

fn make_home() -> Result<PathBuf> {
    build()?;
    let root = programs().with_file_name("tmp");
    forget_the_dead(&root);
    let dir = root.join(format!("it-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

fn begin() -> Result<Shared> {
    let dir = home();
    let postgres = start_postgres(dir, dir)?;
    let temporal = start_temporal(dir)?;
    Ok(Shared { postgres, temporal })
}

/// Programs are built as `cargo dev` builds them, so that nothing is built twice.
fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .args(["build", "--quiet", "-p", "worker", "-p", "tests", "--bins"])
        .status()?;
    ensure!(done.success(), "the programs do not build");
    Ok(())
}

/// Directories of runs whose process is gone.
fn forget_the_dead(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name
            .strip_prefix("it-")
            .is_some_and(|pid| !Path::new("/proc").join(pid).exists())
        {
            // A cluster may lie elsewhere, where root runs the tests.
            let stacks = fs::read_dir(entry.path()).into_iter().flatten().flatten();
            for home in stacks.map(|stack| stack.path()).chain([entry.path()]) {
                let _left = postgres::erase(&home.join("pg"));
            }
            let _left = fs::remove_dir_all(entry.path());
        }
    }
}

pub(super) fn start_postgres(files: &Path, log: &Path) -> Result<postgres::Server> {
    let options = postgres::Options {
        dir: files.join("pg"),
        log: log.join("postgres.log"),
        port: None,
    };
    Ok(postgres::Server::start(&options, &|line| eprintln!("  {line}"))?)
}

pub(super) fn start_temporal(dir: &Path) -> Result<temporal::Server> {
    let attributes = workflows::attributes::ALL;
    let options = temporal::Options {
        db_file: dir.join("temporal.db"),
        log: dir.join("temporal.log"),
        port: 0,
        ui: None,
        search_attributes: attributes
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect(),
    };
    Ok(temporal::Server::start(&options, &|line| eprintln!("  {line}"))?)
}

/// A program of this build.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// Where cargo puts the programs: beside this one, or one above a test's.
fn programs() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    let place = this.parent().unwrap_or(Path::new(""));
    let is_test = place.file_name().is_some_and(|name| name == "deps");
    place.parent().filter(|_| is_test).unwrap_or(place).to_owned()
}
