//! Builds and runs tests of the copy, in a target folder of its own: a program with a bug never stands where the
//! project's programs do. What the project has compiled of other people's crates is lent to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use dev::parts::process::{self, Child};
use serde_json::Value;

use crate::{bug::Test, tree::Tree};

/// A test that takes longer hangs: more than twice the longest patience of a story.
const LONGEST: Duration = Duration::from_secs(400);

/// A compiled test program.
#[derive(Clone)]
struct Program {
    file: PathBuf,
    /// Where cargo would run it.
    package: PathBuf,
}

/// How the tests of one program ended.
pub(crate) struct Ran {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) said: String,
}

/// The copy's builds.
pub(crate) struct Builds<'a> {
    tree: &'a Tree,
    place: PathBuf,
}

impl<'a> Builds<'a> {
    /// Builds of `tree` in a folder of `place`, where what `programs` holds of other people's crates is lent.
    pub(crate) fn new(tree: &'a Tree, place: &Path, programs: &Path) -> Result<Self> {
        let builds = Self {
            tree,
            place: place.to_owned(),
        };
        builds.lend(programs)?;
        Ok(builds)
    }

    /// What was said while a bug's tests were built and run.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.place.join("log").join(format!("{name}.log"))
    }

    /// Builds what the tests need, and runs them: one answer a program. An error: they did not build or did not run.
    pub(crate) fn run(&self, tests: &BTreeSet<Test>, name: &str) -> Result<Vec<Ran>> {
        let mut lib: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut told = Vec::new();
        for test in tests {
            match test {
                Test::Lib { package, name } => lib.entry(package).or_default().push(name),
                Test::Story { name } => told.push(name.as_str()),
            }
        }
        let _none_yet = fs::remove_file(self.log(name));
        let mut ran = Vec::new();
        if !lib.is_empty() {
            let built = self.build(&["test", "--workspace", "--lib", "--no-run"], name)?;
            for (package, tests) in &lib {
                let program = built
                    .get(*package)
                    .with_context(|| format!("no crate is called {package}"))?;
                ran.push(self.tests(program, tests, name)?);
            }
        }
        if !told.is_empty() {
            // The programs first, as the stories themselves would build them: what does not compile fails no test.
            self.build(&["build", "-p", "worker", "-p", "tests", "--bins"], name)?;
            let built = self.build(&["test", "--workspace", "--test", "it", "--no-run"], name)?;
            ran.push(self.tests(built.get("it").context("no stories")?, &told, name)?);
        }
        Ok(ran)
    }

    /// Builds, and answers the test programs by the names of their targets.
    fn build(&self, arguments: &[&str], name: &str) -> Result<BTreeMap<String, Program>> {
        fs::create_dir_all(self.place.join("log"))?;
        let log = self.log(name);
        let mut cargo = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(arguments)
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&self.tree.root)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log)?);
        let done = cargo.spawn()?.wait_with_output()?;
        ensure!(done.status.success(), "it does not compile: see {}", log.display());
        let mut programs = BTreeMap::new();
        for line in String::from_utf8_lossy(&done.stdout).lines() {
            let message: Value = serde_json::from_str(line).unwrap_or_default();
            if !message["profile"]["test"].as_bool().unwrap_or_default() {
                continue;
            }
            let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
            if let (Some(name), Some(file), Some(manifest)) =
                (text("/target/name"), text("/executable"), text("/manifest_path"))
            {
                let program = Program {
                    file: file.into(),
                    package: Path::new(manifest).parent().unwrap_or(Path::new("/")).to_owned(),
                };
                programs.insert(name.to_owned(), program);
            }
        }
        Ok(programs)
    }

    /// Runs tests of one program, each by its whole name.
    fn tests(&self, program: &Program, names: &[&str], name: &str) -> Result<Ran> {
        let log = self.log(name);
        let mut command = self.command(&program.file);
        command.arg("--exact").args(names).current_dir(&program.package);
        let child = Child::spawn(name, command, &log)?;
        if child.wait(LONGEST).is_none() {
            child.kill();
            bail!("it hangs: nothing after {} s, see {}", LONGEST.as_secs(), log.display());
        }
        let said = child.said();
        let (passed, failed) =
            counts(&said).with_context(|| format!("its tests ended without a result: see {}", log.display()))?;
        let all = passed + failed;
        ensure!(
            all == names.len(),
            "{all} of {} tests are there: {}",
            names.len(),
            names.join(", ")
        );
        Ok(Ran { passed, failed, said })
    }

    /// A command that knows nothing of the cargo that runs this program, but where the copy is built.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = process::command(program);
        let own = |name: &OsString| {
            let name = name.to_string_lossy();
            let of_this = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME"];
            of_this.iter().any(|own| name.starts_with(own))
        };
        for (name, _) in env::vars_os().filter(|(name, _)| own(name)) {
            command.env_remove(name);
        }
        command
            .env("CARGO_TARGET_DIR", self.place.join("build"))
            .env("RUST_BACKTRACE", "0");
        command
    }

    /// Links compiled crates that are not the project's own into the copy's target folder, the first time.
    fn lend(&self, programs: &Path) -> Result<()> {
        let to = self.place.join("build").join("debug");
        if to.exists() || programs.file_name().is_none_or(|name| name != "debug") {
            return Ok(());
        }
        let own = self.own()?;
        for part in ["deps", "build", ".fingerprint"] {
            let from = programs.join(part);
            fs::create_dir_all(to.join(part))?;
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let stem = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
                let stem = stem.rsplit_once('-').map_or(stem, |(stem, _)| stem).replace('-', "_");
                if !own.contains(&stem) && !stem.strip_prefix("lib").is_some_and(|stem| own.contains(stem)) {
                    link(&entry.path(), &to.join(part).join(&name), part == ".fingerprint")?;
                }
            }
        }
        Ok(())
    }

    /// Names of the project's own crates and programs, as files are called.
    fn own(&self) -> Result<BTreeSet<String>> {
        let mut cargo = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(&self.tree.root);
        let metadata: Value = serde_json::from_slice(&cargo.output()?.stdout).context("cargo metadata")?;
        let mut own = BTreeSet::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let targets = package["targets"].as_array().into_iter().flatten();
            let names = targets.chain([package]).filter_map(|named| named["name"].as_str());
            own.extend(names.map(|name| name.replace('-', "_")));
        }
        Ok(own)
    }
}

/// Links a file or a folder of files; what cargo rewrites in place is copied, with its time.
fn link(from: &Path, to: &Path, rewritten: bool) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            link(&entry.path(), &to.join(entry.file_name()), rewritten)?;
        }
    } else if rewritten || fs::hard_link(from, to).is_err() {
        fs::copy(from, to)?;
        File::options()
            .write(true)
            .open(to)?
            .set_modified(fs::metadata(from)?.modified()?)?;
    }
    Ok(())
}

/// `test result: FAILED. 1 passed; 2 failed; ...`
fn counts(said: &str) -> Option<(usize, usize)> {
    let line = said.lines().rfind(|line| line.starts_with("test result: "))?;
    let count = |of: &str| {
        let (before, _) = line.split_once(of)?;
        before.split_whitespace().last()?.parse().ok()
    };
    Some((count(" passed")?, count(" failed")?))
}
