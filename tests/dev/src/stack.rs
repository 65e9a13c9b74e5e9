//! The running stack: started in order, watched, and stopped in the order reversed.

mod config;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use dev::parts::clock::{self, TimeOfDay};
use dev::parts::process::{self, Child};
use dev::parts::{Trouble, port_near, postgres, temporal};

use self::config::Addresses;
use crate::project::{Env, Project};
use crate::stop::Stop;
use crate::{compile, http, prepare, say, stop};

const API: u16 = 8080;
const WEBHOOKS: u16 = 8081;
const BANK_SIM: u16 = 7024;
const METRICS: [u16; 4] = [9464, 9465, 9466, 9467];
const READY: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(15);
const CONFIG: &str = "giro.toml";

/// Everything that runs, and what `.giro/env` says of it.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    project: &'a Project,
    env: Env,
    addresses: Addresses,
    postgres: postgres::Server,
    temporal: temporal::Server,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    child: Child,
    by_hand: String,
    reported: bool,
}

impl<'a> Stack<'a> {
    /// Both servers up and giro built.
    pub(crate) fn prepare(project: &'a Project) -> Result<Self, Stop> {
        let mut env = Env::new(project.path("env"));
        env.set("LAUNCHER_PID", Some(std::process::id().to_string()));
        env.write()?;
        let (postgres, temporal) = prepare::all(project).inspect_err(|_| env.remove())?;
        let addresses = Addresses {
            database_url: postgres.url("giro"),
            temporal: temporal.address().to_owned(),
            temporal_ui: temporal.ui_address().to_owned(),
            api: port_near(API)?,
            webhooks: port_near(WEBHOOKS)?,
            bank_sim: port_near(BANK_SIM)?,
            metrics: [
                port_near(METRICS[0])?,
                port_near(METRICS[1])?,
                port_near(METRICS[2])?,
                port_near(METRICS[3])?,
            ],
        };
        Ok(Self {
            project,
            env,
            addresses,
            postgres,
            temporal,
            parts: Vec::new(),
        })
    }

    /// Keys, database, clock, bank and giro itself, until the API is ready.
    pub(crate) fn bring_up(&mut self, time: TimeOfDay) -> Result<(), Stop> {
        let begin = Instant::now();
        let (offset, project) = (clock::offset(time).to_string(), self.project);
        self.write_config(&offset)?;
        let config = text(&project.path(CONFIG));
        let state = text(&project.state);
        if !project.path("stp-key.pem").exists() || !project.path("stp-public.pem").exists() {
            self.step("keys", "giro-story", &["keys", "--dir", &state])?;
        }
        self.step("migrate", "giro", &["migrate", "--config", &config])?;
        self.step("clock", "giro", &["clock", "--offset", &offset, "--config", &config])?;
        say::done("database", "migrated, clock set", begin);

        let begin = Instant::now();
        let listen = format!("127.0.0.1:{}", self.addresses.bank_sim);
        let journal = text(&project.path("bank.journal"));
        let public_key = text(&project.path("stp-public.pem"));
        let webhook = self.addresses.webhook();
        let address_file = text(&project.path("bank-sim.addr"));
        let mut bank = vec!["--listen", &listen, "--journal", &journal, "--empresa", "GIRO"];
        bank.extend([
            "--public-key",
            &public_key,
            "--webhook-url",
            &webhook,
            "--clock-offset",
            &offset,
        ]);
        // What the story's customer starts with: the settlement account has what the bank has.
        bank.extend(["--opening-balance", "10000000"]);
        bank.extend(["--settle-after-ms", "1500", "--address-file", &address_file]);
        self.start("bank-sim", "bank-sim", &bank)?;
        for role in ["worker", "relay", "api"] {
            self.start(role, "giro", &[role, "--config", &config])?;
        }
        self.await_ready()?;
        say::done(
            "giro",
            &format!("API ready on {}, bank on http://{listen}", self.addresses.api()),
            begin,
        );
        Ok(())
    }

    /// Sends the payouts and shows their fates; true when each is as told.
    pub(crate) fn tell_story(&mut self) -> Result<bool, Stop> {
        say::line("");
        let mut command = process::command(compile::programs().join("giro-story"));
        command
            .args(["run", "--env"])
            .arg(self.project.path("env"))
            .current_dir(&self.project.root);
        let story = Child::spawn_in_view("giro-story", without_giro_variables(command))?;
        loop {
            stop::check()?;
            self.report_dead();
            if let Some(status) = story.ended() {
                return Ok(status.success());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Watches the parts until Ctrl-C; a dead one is reported, the others stay up.
    pub(crate) fn stay_up(&mut self) {
        say::line(
            "\ngiro dev: everything stays up; Ctrl-C stops it (addresses and process ids: .giro/env, logs: .giro/log)",
        );
        while !stop::heard() {
            self.report_dead();
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Stops all parts, giro's first and the servers last.
    pub(crate) fn stop(&mut self) {
        say::line("\ngiro dev: stopping");
        // All of giro at once: each drains on its own.
        let (bank, giro): (Vec<_>, Vec<_>) = self.parts.drain(..).partition(|part| part.child.name() == "bank-sim");
        for parts in [giro, bank] {
            parts
                .iter()
                .for_each(|part| part.child.signal(rustix::process::Signal::TERM));
            parts.iter().rev().for_each(|part| part.child.stop(STOP));
        }
        self.temporal.stop();
        self.postgres.stop();
        self.env.remove();
    }

    fn write_config(&mut self, offset: &str) -> Result<(), Trouble> {
        let file = self.project.path(CONFIG);
        fs::write(&file, self.addresses.config(&self.project.path("stp-key.pem"))).map_err(|e| {
            Trouble::new(
                format!("cannot write {}: {e}", file.display()),
                "make that folder writable, then try again",
            )
        })?;
        let addresses = &self.addresses;
        for (key, value) in [
            ("GIRO_API", addresses.api()),
            ("GIRO_WEBHOOKS", addresses.webhook()),
            ("GIRO_TEMPORAL_ADDRESS", addresses.temporal.clone()),
            ("GIRO_TEMPORAL_UI", addresses.temporal_ui.clone()),
            ("GIRO_DATABASE_URL", addresses.database_url.clone()),
            ("GIRO_BANK_SIM", addresses.bank_sim()),
            ("GIRO_CONFIG", text(&file)),
            ("GIRO_CLOCK_OFFSET", offset.to_owned()),
        ] {
            self.env.set(key, Some(value));
        }
        for (program, port) in addresses.metrics() {
            let key = format!("GIRO_METRICS_{}", program.to_uppercase());
            self.env.set(&key, Some(format!("http://127.0.0.1:{port}/metrics")));
        }
        self.env
            .set("POSTGRES_PID", self.postgres.pid().map(|pid| pid.to_string()));
        self.env
            .set("TEMPORAL_PID", self.temporal.pid().map(|pid| pid.to_string()));
        self.env.write()
    }

    fn step(&self, name: &str, program: &str, arguments: &[&str]) -> Result<(), Stop> {
        let mut command = process::command(compile::programs().join(program));
        command.args(arguments).current_dir(&self.project.root);
        let child = Child::spawn(name, without_giro_variables(command), &self.project.log(name))?;
        let begin = Instant::now();
        loop {
            stop::check()?;
            match child.ended() {
                Some(status) if status.success() => return Ok(()),
                None if begin.elapsed() < STEP => thread::sleep(Duration::from_millis(20)),
                status => {
                    let end = status.map_or("has not ended in time".to_owned(), |status| {
                        format!("failed ({status})")
                    });
                    let cause = format!("{program} {} {end}\n{}", arguments[0], child.tail());
                    return Err(
                        Trouble::new(cause, "mend what the log names, or start anew: cargo dev --fresh").into(),
                    );
                }
            }
        }
    }

    fn start(&mut self, name: &str, program: &str, arguments: &[&str]) -> Result<(), Stop> {
        stop::check()?;
        let program = compile::programs().join(program);
        let mut command = process::command(&program);
        command.args(arguments).current_dir(&self.project.root);
        let child = Child::spawn(name, without_giro_variables(command), &self.project.log(name))?;
        self.env.set(&pid_key(name), Some(child.pid().to_string()));
        let by_hand = format!("{} {}", program.display(), arguments.join(" "));
        self.parts.push(Part {
            child,
            by_hand,
            reported: false,
        });
        Ok(self.env.write()?)
    }

    fn await_ready(&self) -> Result<(), Stop> {
        let begin = Instant::now();
        while !(http::listens(self.addresses.bank_sim) && http::is_ok(self.addresses.api, "/readyz")) {
            stop::check()?;
            if let Some(Part { child, .. }) = self.parts.iter().find(|part| part.child.ended().is_some()) {
                let cause = format!("{} ended at its start\n{}", child.name(), child.tail());
                return Err(Trouble::new(cause, "mend what the log names, then run `cargo dev` again").into());
            }
            if begin.elapsed() > READY {
                let tails: Vec<String> = self.parts.iter().map(|part| part.child.tail()).collect();
                let cause = format!(
                    "{}/readyz is not 200 after 60 s\n{}",
                    self.addresses.api(),
                    tails.join("\n")
                );
                return Err(Trouble::new(cause, "mend what the logs name, then run `cargo dev` again").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn report_dead(&mut self) {
        let mut dead = Vec::new();
        for part in self.parts.iter_mut().filter(|part| !part.reported) {
            if let Some(key) = died(&part.child, &format!("start it again by hand: {}", part.by_hand)) {
                part.reported = true;
                dead.push(key);
            }
        }
        for child in [self.postgres.child(), self.temporal.child()].into_iter().flatten() {
            if self.env.has(&pid_key(child.name())) {
                dead.extend(died(child, "Ctrl-C and another `cargo dev` start it again on its data"));
            }
        }
        if !dead.is_empty() {
            dead.iter().for_each(|key| self.env.set(key, None));
            // A file that cannot be written now could be written before, and names a process too many at worst.
            let _ = self.env.write();
        }
    }
}

fn died(child: &Child, next: &str) -> Option<String> {
    let status = child.ended()?;
    say::line(&format!(
        "\ngiro dev: {} ended ({status})\n{}\n  {next}",
        child.name(),
        child.tail()
    ));
    Some(pid_key(child.name()))
}

// The config file says it all: the launcher's own variables must not reach giro's environment layer.
fn without_giro_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIRO_")) {
        command.env_remove(name);
    }
    command
}

fn pid_key(part: &str) -> String {
    format!("{}_PID", part.to_uppercase().replace('-', "_"))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
