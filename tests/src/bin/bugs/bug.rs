//! One seeded bug: a patch with a header that says what it would cost and which tests catch it.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

/// A patch of `tests/bugs`.
#[derive(Debug)]
pub(crate) struct Bug {
    /// The file's name without `.patch`.
    pub(crate) name: String,
    /// The patch.
    pub(crate) file: PathBuf,
    /// What somebody wrote.
    pub(crate) title: String,
    /// What it would cost.
    pub(crate) loses: String,
    /// The tests that fail with it, each of them.
    pub(crate) tests: BTreeSet<Test>,
    /// What they say then: a test that fails for another reason has seen nothing.
    pub(crate) says: Vec<String>,
}

/// One test, by the name that the harness gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Test {
    /// A unit test of a crate's library.
    Lib { package: String, name: String },
    /// A story of `tests/it`, on real parts.
    Story { name: String },
}

impl Test {
    fn read(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["lib", package, name] => Ok(Self::Lib {
                package: (*package).to_owned(),
                name: (*name).to_owned(),
            }),
            ["it", name] => Ok(Self::Story {
                name: (*name).to_owned(),
            }),
            _ => bail!("caught by: {text}: write `lib CRATE TEST` or `it TEST`, the test's whole name"),
        }
    }
}

/// As the header has it.
impl fmt::Display for Test {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lib { package, name } => write!(out, "lib {package} {name}"),
            Self::Story { name } => write!(out, "it {name}"),
        }
    }
}

impl Bug {
    /// Every patch of a folder, by name.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .with_context(|| format!("{}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "patch"));
        files.sort();
        files
            .iter()
            .map(|file| Self::read(file).with_context(|| format!("{}", file.display())))
            .collect()
    }

    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)?;
        let mut bug = Self {
            name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            file: file.to_owned(),
            title: String::new(),
            loses: String::new(),
            tests: BTreeSet::new(),
            says: Vec::new(),
        };
        let header = text
            .lines()
            .take_while(|line| !line.starts_with("diff ") && !line.starts_with("--- "));
        for line in header.filter(|line| !line.trim().is_empty()) {
            let (key, value) = line
                .split_once(": ")
                .with_context(|| format!("{line}: write KEY: VALUE"))?;
            match key {
                "title" => value.clone_into(&mut bug.title),
                "loses" => value.clone_into(&mut bug.loses),
                "caught by" => {
                    bug.tests.insert(Test::read(value)?);
                }
                "says" => bug.says.push(value.to_owned()),
                _ => bail!("{key}: write title, loses, caught by or says"),
            }
        }
        let whole = !bug.title.is_empty() && !bug.loses.is_empty() && !bug.tests.is_empty() && !bug.says.is_empty();
        ensure!(whole, "its header needs title, loses, caught by and says");
        Ok(bug)
    }
}
