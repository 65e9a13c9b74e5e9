//! What callers asked and were answered, on disk before and after: one JSON line each, in the order it happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub(super) enum Note {
    /// Written before the request leaves.
    Asks { key: String, path: String, body: Value },
    /// Neither yes nor no: asked again.
    Unanswered { key: String, why: String },
    /// The answer, and the payout that it names.
    Answered {
        key: String,
        status: u16,
        payout: Option<String>,
    },
}

/// Everything that one key was about.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) statuses: BTreeSet<u16>,
    pub(super) payouts: BTreeSet<String>,
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Begins one at `path`.
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file.with_context(|| path.display().to_string())?),
        })
    }

    /// On disk when it returns.
    pub(super) fn note(&self, note: &Note) -> Result<()> {
        let mut line = serde_json::to_vec(note)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)?;
        Ok(file.sync_data()?)
    }

    /// Every key: the body that went with it, and what it was ever answered.
    pub(super) fn told(&self) -> Result<BTreeMap<String, Told>> {
        let mut told: BTreeMap<String, Told> = BTreeMap::new();
        for line in BufReader::new(File::open(&self.path)?).lines() {
            match serde_json::from_str(&line?)? {
                Note::Asks { key, path, body } => {
                    let about = told.entry(key).or_default();
                    (about.path, about.body) = (path, body);
                }
                Note::Answered { key, status, payout } => {
                    let about = told.entry(key).or_default();
                    about.statuses.insert(status);
                    about.payouts.extend(payout);
                }
                Note::Unanswered { .. } => {}
            }
        }
        Ok(told)
    }
}
