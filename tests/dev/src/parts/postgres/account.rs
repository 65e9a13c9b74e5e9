//! Whom a private cluster runs as, and where its files can live: Postgres refuses root.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::parts::{Progress, Trouble};

/// An account without rights, which root becomes for Postgres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// None when this process is not root: Postgres runs as whoever we are.
    pub(super) fn for_cluster_in(dir: &Path) -> Result<Option<Self>, Trouble> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        // A cluster can be opened by the account that made it only.
        let maker = homes(dir).iter().find_map(|home| fs::metadata(home.join("data")).ok());
        if let Some(maker) = maker.filter(|maker| maker.uid() != 0) {
            return Ok(Some(Self {
                uid: maker.uid(),
                gid: maker.gid(),
            }));
        }
        named("postgres").or_else(|| named("nobody")).map(Some).ok_or_else(|| {
            Trouble::new(
                "Postgres refuses to run as root, and neither the user postgres nor nobody exists",
                "useradd --system postgres, or run `cargo dev` as an ordinary user",
            )
        })
    }
}

/// Makes the command run as that account.
pub(super) fn run_as(command: &mut Command, account: Option<Account>) {
    // A folder that the account may enter, whatever ours is.
    command.current_dir("/");
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
}

/// `dir` if the account can work in it, else a folder under /var/tmp that belongs to `dir`.
pub(super) fn home(dir: &Path, account: Option<Account>, progress: Progress<'_>) -> Result<PathBuf, Trouble> {
    let unwritable = |dir: &Path, e: std::io::Error| {
        Trouble::new(
            format!("cannot use {}: {e}", dir.display()),
            "make that folder writable, then try again",
        )
    };
    let Some(account) = account else {
        fs::create_dir_all(dir).map_err(|e| unwritable(dir, e))?;
        return Ok(dir.to_owned());
    };
    let [here, elsewhere] = homes(dir);
    for home in [&here, &elsewhere] {
        fs::create_dir_all(home)
            .and_then(|()| chown(home, Some(account.uid), Some(account.gid)))
            .map_err(|e| unwritable(home, e))?;
        if can_work_in(home, account) {
            if *home == elsewhere {
                progress(&format!(
                    "keeps its files in {}: its user cannot enter {}",
                    home.display(),
                    here.display()
                ));
            }
            return Ok(home.clone());
        }
    }
    Err(Trouble::new(
        format!(
            "the user with id {} can write neither {} nor {}",
            account.uid,
            here.display(),
            elsewhere.display()
        ),
        "run `cargo dev` as an ordinary user, or give a server by GIRO_DATABASE_SERVER=postgres://...",
    ))
}

/// Both folders in which the cluster of `dir` may be.
pub(super) fn homes(dir: &Path) -> [PathBuf; 2] {
    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    [
        dir.to_owned(),
        PathBuf::from(format!("/var/tmp/giro-{:016x}", hasher.finish())),
    ]
}

fn can_work_in(dir: &Path, account: Account) -> bool {
    let mut test = Command::new("test");
    test.arg("-w").arg(dir.join(".")).stderr(Stdio::null());
    run_as(&mut test, Some(account));
    test.status().is_ok_and(|status| status.success())
}

fn named(name: &str) -> Option<Account> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let fields: Vec<&str> = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|f| f.first() == Some(&name))?;
    Some(Account {
        uid: fields.get(2)?.parse().ok()?,
        gid: fields.get(3)?.parse().ok()?,
    })
}
