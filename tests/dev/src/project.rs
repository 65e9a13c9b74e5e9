//! The project's folder and the launcher's state in it, `.giro`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, thread};

use dev::parts::{Trouble, postgres};
use rustix::process::{Pid, Signal, kill_process};

/// The workspace this launcher brings up; nobody else does while this lives.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) state: PathBuf,
    // Held open: the kernel lets go of the lock when this process ends, however it ends.
    _claim: File,
}

impl Project {
    /// Finds the workspace above the current folder and takes it, unless another launcher has it.
    pub(crate) fn claim() -> Result<Self, Trouble> {
        let here = env::current_dir().map_err(|e| Trouble::new(format!("no current folder: {e}"), "cd into giro"))?;
        let is_root = |folder: &&Path| {
            fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"))
        };
        let root = here.ancestors().find(is_root).map(Path::to_owned).ok_or_else(|| {
            Trouble::new(
                format!("no cargo workspace at or above {}", here.display()),
                "cd into giro's folder",
            )
        })?;
        let state = root.join(".giro");
        fs::create_dir_all(&state).map_err(|e| unwritable(&state, &e))?;
        let claim = File::create(state.join("lock")).map_err(|e| unwritable(&state, &e))?;
        match claim.try_lock() {
            Ok(()) => Ok(Self {
                root,
                state,
                _claim: claim,
            }),
            Err(TryLockError::WouldBlock) => Err(running(&state)),
            Err(TryLockError::Error(e)) => Err(unwritable(&state, &e)),
        }
    }

    /// A file or folder of the state.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// The log of a part.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.state.join("log").join(format!("{part}.log"))
    }

    /// Ends the parts of a launcher that was killed, where they did not end by themselves.
    pub(crate) fn end_leftovers(&self) {
        let text = fs::read_to_string(self.path("env")).unwrap_or_default();
        let ours = |pid: i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            // The number may be another's by now.
            line.contains(&*self.state.to_string_lossy()) || line.contains("/var/tmp/giro-")
        };
        let parts = text
            .lines()
            .filter_map(|line| line.split_once("_PID="))
            .filter(|(part, _)| *part != "LAUNCHER");
        let mut left: Vec<(i32, Signal)> = parts
            .filter_map(|(part, pid)| {
                // Postgres ends on INT without waiting for its clients.
                let signal = if part == "POSTGRES" { Signal::INT } else { Signal::TERM };
                Some((pid.parse().ok()?, signal))
            })
            .collect();
        for round in 0..200 {
            left.retain(|(pid, _)| ours(*pid));
            if left.is_empty() {
                return;
            }
            for (pid, gently) in &left {
                let signal = if round < 150 { *gently } else { Signal::KILL };
                if let Some(pid) = Pid::from_raw(*pid).filter(|_| round % 150 == 0) {
                    let _ = kill_process(pid, signal);
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Makes the state's folder, empty if it is to be fresh, with new logs.
    pub(crate) fn make_state(&self, fresh: bool) -> Result<(), Trouble> {
        if fresh {
            self.forget().map_err(|e| {
                Trouble::new(
                    format!("cannot remove {}: {e}", self.state.display()),
                    format!("sudo rm -rf {}", self.state.display()),
                )
            })?;
        }
        let _ = fs::remove_dir_all(self.path("log"));
        fs::create_dir_all(self.path("log")).map_err(|e| unwritable(&self.state, &e))
    }

    fn forget(&self) -> io::Result<()> {
        postgres::erase(&self.path("pg"))?;
        for entry in fs::read_dir(&self.state)? {
            let path = entry?.path();
            match path.is_dir() {
                true => fs::remove_dir_all(path)?,
                // The lock is ours, and stays.
                false if path.file_name().is_some_and(|name| name == "lock") => {}
                false => fs::remove_file(path)?,
            }
        }
        Ok(())
    }
}

fn running(state: &Path) -> Trouble {
    let text = fs::read_to_string(state.join("env")).unwrap_or_default();
    let value = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or("not up yet").to_owned()
    };
    let (api, ui) = (value("GIRO_API"), value("GIRO_TEMPORAL_UI"));
    Trouble::new(
        format!(
            "one is running already: API {api}, Temporal UI {ui} (all of it: {})",
            state.join("env").display()
        ),
        format!(
            "use that one, or stop it by Ctrl-C where it runs, or by `kill {}`",
            value("LAUNCHER_PID")
        ),
    )
}

fn unwritable(path: &Path, e: &io::Error) -> Trouble {
    Trouble::new(
        format!("cannot write {}: {e}", path.display()),
        "make that folder writable, then try again",
    )
}

/// The file `.giro/env`: every address and process id, one KEY=VALUE a line.
#[derive(Debug)]
pub(crate) struct Env {
    file: PathBuf,
    entries: Vec<(String, String)>,
}

impl Env {
    /// An empty file's worth.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            entries: Vec::new(),
        }
    }

    /// Sets a value, or removes it.
    pub(crate) fn set(&mut self, key: &str, value: Option<String>) {
        self.entries.retain(|(known, _)| known != key);
        self.entries.extend(value.map(|value| (key.to_owned(), value)));
    }

    /// Whether the key has a value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(known, _)| known == key)
    }

    /// Writes the file in one step: a reader sees the old or the new one.
    pub(crate) fn write(&self) -> Result<(), Trouble> {
        let lines: String = self
            .entries
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        let draft = self.file.with_extension("draft");
        fs::write(&draft, lines)
            .and_then(|()| fs::rename(&draft, &self.file))
            .map_err(|e| unwritable(&self.file, &e))
    }

    /// Removes the file: nothing runs any more.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.file);
    }
}
