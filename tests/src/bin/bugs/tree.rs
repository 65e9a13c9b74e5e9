//! A copy of the project to make bugs in: what git knows of, and what it would, as it stands now.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::bug::Bug;

/// The copy.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
}

impl Tree {
    /// Makes `root` equal to the project: files that are equal are left alone, so that little is compiled again.
    pub(crate) fn copy(project: &Path, root: &Path) -> Result<Self> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(project);
        let listed = list.output().context("git, which says what belongs to the project")?;
        ensure!(listed.status.success(), "git ls-files failed: is this a clone?");
        let files: BTreeSet<PathBuf> = listed
            .stdout
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
            .filter(|name| project.join(name).is_file())
            .collect();
        for name in &files {
            let (from, to) = (project.join(name), root.join(name));
            if fs::read(&to).ok() != Some(fs::read(&from)?) {
                fs::create_dir_all(to.parent().unwrap_or(root))?;
                fs::copy(&from, &to).with_context(|| format!("{}", to.display()))?;
            }
        }
        forget(root, root, &files)?;
        Ok(Self { root: root.to_owned() })
    }

    /// An error when a bug cannot be made any more: the code around it has changed.
    pub(crate) fn takes(&self, bug: &Bug) -> Result<()> {
        self.git(bug, "--check")
            .with_context(|| format!("{} does not apply any more: write it anew", bug.name))
    }

    /// Makes a bug.
    pub(crate) fn apply(&self, bug: &Bug) -> Result<()> {
        self.git(bug, "--apply")
    }

    /// Mends it.
    pub(crate) fn unapply(&self, bug: &Bug) -> Result<()> {
        self.git(bug, "--reverse")
    }

    fn git(&self, bug: &Bug, how: &str) -> Result<()> {
        let done = Command::new("git")
            .args(["apply", "--recount", "-C1", how])
            .arg(&bug.file)
            .current_dir(&self.root)
            // Inside the project's clone git would look for the files in the clone.
            .env("GIT_CEILING_DIRECTORIES", self.root.parent().unwrap_or(&self.root))
            .output()
            .context("git apply")?;
        ensure!(
            done.status.success(),
            "git apply: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        );
        Ok(())
    }
}

/// Removes what the project does not have.
fn forget(root: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forget(root, &path, files)?;
        } else if !path.strip_prefix(root).is_ok_and(|name| files.contains(name)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
