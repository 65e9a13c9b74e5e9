//! Finds the `temporal` program, or gets it: the official archive, else a build by Go.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::parts::{Progress, Trouble, process, tools};

// The last tag that `go install` accepts: later ones have a replace in their go.mod.
const VERSION: &str = "v1.5.1";

/// The program on PATH or kept from before, if it runs.
pub(super) fn find() -> Option<PathBuf> {
    [
        tools::on_path("temporal"),
        tools::folder().ok().map(|folder| folder.join("temporal")),
    ]
    .into_iter()
    .flatten()
    .find(|program| version(program).is_some())
}

/// The program to use: found, else fetched or built once and kept for all clones.
pub(super) fn obtain(log: &Path, progress: Progress<'_>) -> Result<PathBuf, Trouble> {
    if let Some(found) = find() {
        return Ok(found);
    }
    tools::kept(&tools::folder()?.join("temporal"), progress, |draft| {
        archive(draft, log, progress).or_else(|fetching| {
            let reason = fetching.cause.lines().next().unwrap_or_default().to_owned();
            progress(&format!(
                "no archive ({reason}): building it once with Go, about 6 minutes of one core"
            ));
            build(draft, log, progress)
                .map_err(|building| Trouble::new(format!("no Temporal server: {reason}; {}", building.cause), fix()))
        })
    })
}

/// The version of the server inside the program, if the program runs.
pub(super) fn version(program: &Path) -> Option<String> {
    let answer = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let server = text.split_once("Server ").map_or(text.trim(), |(_, rest)| rest);
    answer
        .status
        .success()
        .then(|| server.split([',', ')']).next().unwrap_or_default().to_owned())
}

fn archive(draft: &Path, log: &Path, progress: Progress<'_>) -> Result<PathBuf, Trouble> {
    let os = if OS == "macos" { "darwin" } else { OS };
    let arch = if ARCH == "aarch64" { "arm64" } else { "amd64" };
    let url = format!("https://temporal.download/cli/archive/{VERSION}?platform={os}&arch={arch}");
    progress(&format!("fetching {url}"));
    let file = draft.join("temporal.tar.gz");
    let mut curl = process::command("curl");
    curl.args(["-fsSL", "--connect-timeout", "3", "--max-time", "120", "-o"])
        .arg(&file)
        .arg(&url);
    tools::run("curl", curl, log, Duration::from_secs(130), progress)?;
    let mut tar = process::command("tar");
    tar.arg("-xzf").arg(&file).arg("-C").arg(draft);
    tools::run("tar", tar, log, Duration::from_secs(60), progress)?;
    runs(draft.join("temporal"))
}

fn build(draft: &Path, log: &Path, progress: Progress<'_>) -> Result<PathBuf, Trouble> {
    let go = tools::on_path("go").ok_or_else(|| Trouble::new("go is not there to build it", fix()))?;
    let mut install = process::command(go);
    install
        .arg("install")
        .arg(format!("github.com/temporalio/cli/cmd/temporal@{VERSION}"));
    install
        .env("GOBIN", draft)
        .env("CGO_ENABLED", "0")
        .env_remove("GOFLAGS")
        .current_dir(draft);
    tools::run("go install", install, log, Duration::from_secs(1800), progress)?;
    runs(draft.join("temporal"))
}

fn runs(program: PathBuf) -> Result<PathBuf, Trouble> {
    match version(&program) {
        Some(_) => Ok(program),
        None => Err(Trouble::new("the program that came does not run here", fix())),
    }
}

fn fix() -> String {
    format!(
        "put the temporal CLI ({VERSION} or later, https://docs.temporal.io/cli) on PATH, or Go 1.25 or later to build it,\n       \
         or export {}=http://host:7233",
        super::GIVEN
    )
}
