//! Finding programs, and getting those that are missing into a folder shared by all clones.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::process::{Child, poll};
use super::{Progress, Trouble};

/// The first executable of that name on PATH.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The folder of kept tools: `giro/tools` in the user's cache.
pub(super) fn folder() -> Result<PathBuf, Trouble> {
    let given = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    given("XDG_CACHE_HOME")
        .or_else(|| given("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("giro/tools"))
        .ok_or_else(|| {
            Trouble::new(
                "neither XDG_CACHE_HOME nor HOME is set",
                "export HOME=<your home folder>",
            )
        })
}

/// Runs a command to its end and returns what it wrote; `tick` hears every 15 s how long it has taken.
pub(super) fn run(
    name: &str,
    command: Command,
    log: &Path,
    at_most: Duration,
    tick: Progress<'_>,
) -> Result<String, Trouble> {
    let child = Child::spawn(name, command, log)?;
    let (begin, mut told) = (Instant::now(), 0);
    let status = poll(at_most, || {
        let seconds = begin.elapsed().as_secs();
        if seconds >= told + 15 {
            told = seconds;
            tick(&format!("{name} ({seconds} s)"));
        }
        child.ended()
    });
    match status {
        Some(status) if status.success() => Ok(child.said()),
        Some(status) => Err(Trouble::new(
            format!("{name} failed ({status})\n{}", child.tail()),
            format!("see {}", log.display()),
        )),
        None => {
            child.kill();
            Err(Trouble::new(
                format!("{name} took longer than {} s", at_most.as_secs()),
                format!("see {}", log.display()),
            ))
        }
    }
}

/// The kept tool at `file`, got by `get` (which fills an empty folder beside it) while no other clone does the same.
pub(super) fn kept(
    file: &Path,
    progress: Progress<'_>,
    get: impl FnOnce(&Path) -> Result<PathBuf, Trouble>,
) -> Result<PathBuf, Trouble> {
    if file.exists() {
        return Ok(file.to_owned());
    }
    let folder = file.parent().unwrap_or(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unwritable = |e: std::io::Error| {
        Trouble::new(
            format!("cannot write {}: {e}", folder.display()),
            "make that folder writable, or set XDG_CACHE_HOME to another one",
        )
    };
    fs::create_dir_all(folder).map_err(unwritable)?;
    let lock = File::create(folder.join(format!(".{name}.lock"))).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(&format!("another process is getting {name}: waiting for it"));
            lock.lock().map_err(unwritable)?;
        }
        Err(TryLockError::Error(e)) => return Err(unwritable(e)),
    }
    if file.exists() {
        return Ok(file.to_owned());
    }
    let draft = folder.join(format!(".{name}.draft"));
    let _ = fs::remove_dir_all(&draft);
    fs::create_dir_all(&draft).map_err(unwritable)?;
    let moved = get(&draft).and_then(|got| fs::rename(got, file).map_err(unwritable));
    let _ = fs::remove_dir_all(&draft);
    moved.map(|()| file.to_owned())
}
