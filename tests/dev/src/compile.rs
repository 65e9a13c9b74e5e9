//! The build of giro's own programs, while the servers are prepared.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dev::parts::process::{self, Child};
use dev::parts::{Progress, Trouble};

// Measured from nothing on this project's dependencies.
const FIRST_BUILD_CORE_MINUTES: usize = 16;

/// The folder of the built programs: where this one is.
pub(crate) fn programs() -> PathBuf {
    env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(Path::to_owned))
        .unwrap_or_else(|| "target/debug".into())
}

/// How long the build takes, for the first line; nothing when it was built before.
pub(crate) fn estimate() -> String {
    if programs().join("giro").exists() {
        return String::new();
    }
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let minutes = FIRST_BUILD_CORE_MINUTES.div_ceil(cores);
    format!(" (the first build takes about {minutes} min on {cores} cores)")
}

/// Builds `giro`, `bank-sim` and `giro-story`.
pub(crate) fn build(root: &Path, log: &Path, progress: Progress<'_>) -> Result<(), Trouble> {
    let mut cargo = process::command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "-p", "worker", "-p", "tests", "--bins"])
        .current_dir(root);
    // What the outer cargo told this program about its own package would make build scripts run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME"]
            .iter()
            .any(|own| name.starts_with(own))
        {
            cargo.env_remove(name);
        }
    }
    let child = Child::spawn("cargo build", cargo, log)?;
    let (begin, mut told) = (Instant::now(), 0);
    loop {
        if let Some(status) = child.ended() {
            return if status.success() { Ok(()) } else { Err(failed(&child)) };
        }
        let seconds = begin.elapsed().as_secs();
        if seconds >= told + 10 {
            told = seconds;
            progress(&format!("{seconds} s, {}", state(&child.said())));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn state(said: &str) -> String {
    match said
        .lines()
        .filter(|line| line.trim_start().starts_with("Compiling "))
        .count()
    {
        0 if said.contains("Blocking waiting") => "waiting for another cargo to finish".to_owned(),
        crates => format!("{crates} crates begun"),
    }
}

fn failed(child: &Child) -> Trouble {
    let said = child.said();
    let from_error: Vec<&str> = said
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take(40)
        .collect();
    let shown = if from_error.is_empty() {
        child.tail()
    } else {
        from_error.join("\n")
    };
    Trouble::new(
        format!("giro does not build\n{shown}"),
        "mend the error above, then run `cargo dev` again",
    )
}
