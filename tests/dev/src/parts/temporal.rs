//! A Temporal server: the one given, else a dev server with a database file that is our direct child.

mod install;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use super::process::{self, Child};
use super::{Progress, Trouble, ports};

/// The environment variable that names a server to use as it is.
pub const GIVEN: &str = "GIRO_TEMPORAL_ADDRESS";
/// The environment variable that names the given server's UI.
pub const GIVEN_UI: &str = "GIRO_TEMPORAL_UI";

/// giro's search attributes and their types.
pub const SEARCH_ATTRIBUTES: [(&str, &str); 7] = [
    ("GiroBank", "Keyword"),
    ("GiroInstitution", "Keyword"),
    ("GiroBatchId", "Keyword"),
    ("GiroAmountCents", "Int"),
    ("GiroTrackingKey", "Keyword"),
    ("GiroAttention", "Keyword"),
    ("GiroOutcome", "Keyword"),
];

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(10);

/// Where a dev server listens and keeps its state.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file; what is in it already is used again.
    pub db_file: PathBuf,
    /// The server's log, and that of an installation.
    pub log: PathBuf,
    /// The gRPC port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// The UI's port, 0 for a free one; no UI when there is none.
    pub ui: Option<u16>,
    /// Names and types of the search attributes, [`SEARCH_ATTRIBUTES`] as a rule.
    pub search_attributes: Vec<(String, String)>,
}

/// A server that answers, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    address: String,
    ui: String,
    dev: Option<Dev>,
}

#[derive(Debug)]
struct Dev {
    program: PathBuf,
    options: Options,
    child: Option<Child>,
}

impl Server {
    /// The given server, else a dev server that serves by the time this returns.
    pub fn start(options: &Options, progress: Progress<'_>) -> Result<Self, Trouble> {
        let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(address) = given(GIVEN) {
            register(&address, &options.search_attributes, progress);
            let address = if address.contains("://") {
                address
            } else {
                format!("http://{address}")
            };
            return Ok(Self {
                address,
                ui: given(GIVEN_UI).unwrap_or_default(),
                dev: None,
            });
        }
        let mut options = options.clone();
        options.port = or_free(options.port)?;
        options.ui = options.ui.map(or_free).transpose()?;
        if let Some(folder) = options.db_file.parent() {
            fs::create_dir_all(folder).map_err(|e| {
                Trouble::new(
                    format!("cannot make {}: {e}", folder.display()),
                    "make its parent writable",
                )
            })?;
        }
        let program = install::obtain(&options.log, progress)?;
        let address = format!("http://127.0.0.1:{}", options.port);
        let ui = options
            .ui
            .map(|port| format!("http://127.0.0.1:{port}"))
            .unwrap_or_default();
        let mut dev = Dev {
            program,
            options,
            child: None,
        };
        dev.start()?;
        Ok(Self {
            address,
            ui,
            dev: Some(dev),
        })
    }

    /// The gRPC address, with `http://`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The UI's address, empty when none is known.
    pub fn ui_address(&self) -> &str {
        &self.ui
    }

    /// One line for the person: version and place.
    pub fn describe(&self) -> String {
        let place = self.address.rsplit("://").next().unwrap_or_default();
        let ui = if self.ui.is_empty() {
            String::new()
        } else {
            format!(", UI {}", self.ui)
        };
        match self
            .dev
            .as_ref()
            .map(|dev| install::version(&dev.program).unwrap_or_default())
        {
            Some(version) => format!("{version} ready on {place}{ui}"),
            None => format!("as given, on {place}{ui}"),
        }
    }

    /// The process id, unless the server was given or is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.child().map(Child::pid)
    }

    /// The server's process, unless it was given or is stopped.
    pub fn child(&self) -> Option<&Child> {
        self.dev.as_ref()?.child.as_ref()
    }

    /// SIGKILL; returns when the process is gone. A given server is left alone.
    pub fn kill(&mut self) {
        self.take_child().iter().for_each(Child::kill);
    }

    /// SIGTERM, time to finish; returns when the process is gone.
    pub fn stop(&mut self) {
        self.take_child().iter().for_each(|child| child.stop(STOP));
    }

    /// Starts a stopped or killed dev server again on the same ports; it serves by the time this returns.
    pub fn restart(&mut self) -> Result<(), Trouble> {
        self.stop();
        match &mut self.dev {
            Some(dev) => dev.start(),
            None => Err(Trouble::new(
                "a given server is not ours to restart",
                format!("unset {GIVEN}"),
            )),
        }
    }

    /// Stops the dev server and removes its database file: the next start knows nothing.
    pub fn delete_database(&mut self) -> io::Result<()> {
        self.stop();
        let Some(dev) = &self.dev else { return Ok(()) };
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut file = dev.options.db_file.clone().into_os_string();
            file.push(suffix);
            match fs::remove_file(file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_child(&mut self) -> Option<Child> {
        self.dev.as_mut()?.child.take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Dev {
    fn start(&mut self) -> Result<(), Trouble> {
        let mut child = self.spawn()?;
        let mut tries = 1;
        let ready = process::poll(START, || {
            if self.serves() && child.ended().is_none() {
                return Some(Ok(()));
            }
            child.ended()?;
            // It takes free ports for its inner services, and another server may be quicker to use one.
            tries += 1;
            if tries > 3 {
                return Some(Err(trouble("Temporal ended at its start", &child)));
            }
            self.spawn().map(|next| child = next).err().map(Err)
        });
        ready.unwrap_or_else(|| Err(trouble("Temporal is not ready after 60 s", &child)))?;
        self.child = Some(child);
        Ok(())
    }

    fn spawn(&self) -> Result<Child, Trouble> {
        let Options {
            db_file,
            log,
            port,
            ui,
            search_attributes,
        } = &self.options;
        let mut command = process::command(&self.program);
        command.args([
            "server",
            "start-dev",
            "--ip",
            "127.0.0.1",
            "--log-level",
            "error",
            "--port",
        ]);
        command.arg(port.to_string()).arg("--db-filename").arg(db_file);
        // Its commits outlive a SIGKILL all the same: only a machine that loses power forgets the last.
        // A log beside the database (wal) would grow for ever: it is read without a break.
        for pragma in ["journal_mode=truncate", "synchronous=off"] {
            command.args(["--sqlite-pragma", pragma]);
        }
        // A third of its time would be the collector's.
        command.env("GOGC", "400");
        match ui {
            Some(ui) => command.arg("--ui-port").arg(ui.to_string()),
            None => command.arg("--headless"),
        };
        for (name, kind) in search_attributes {
            command.arg("--search-attribute").arg(format!("{name}={kind}"));
        }
        // The default of 2400 requests a second is a production guard; bursts in tests pass it.
        for value in [
            "system.enableActivityEagerExecution=true",
            "frontend.namespaceRPS=20000",
        ] {
            command.args(["--dynamic-config-value", value]);
        }
        Child::spawn("temporal", command, log)
    }

    // The port opens before the services behind it are up.
    fn serves(&self) -> bool {
        let Options { port, ui, .. } = &self.options;
        if ports::connect(*port).is_none() || ui.is_some_and(|ui| ports::connect(ui).is_none()) {
            return false;
        }
        let mut ask = Command::new(&self.program);
        ask.args(["operator", "namespace", "describe", "default", "--address"])
            .arg(format!("127.0.0.1:{port}"));
        ask.args(["--command-timeout", "3s"]);
        quietly(&mut ask)
    }
}

fn trouble(cause: &str, child: &Child) -> Trouble {
    Trouble::new(
        format!("{cause}\n{}", child.tail()),
        format!("end what the log names, or `cargo dev --fresh`, or give a server by {GIVEN}=http://host:7233"),
    )
}

// What exists already is refused, which is as good; without the program they have to be there.
fn register(address: &str, search_attributes: &[(String, String)], progress: Progress<'_>) {
    let Some(program) = install::find() else {
        progress("no temporal program at hand: the server given has to know giro's search attributes");
        return;
    };
    let mut command = Command::new(program);
    command.args(["operator", "search-attribute", "create", "--command-timeout", "15s"]);
    command
        .arg("--address")
        .arg(address.rsplit("://").next().unwrap_or(address));
    for (name, kind) in search_attributes {
        command.args(["--name", name, "--type", kind]);
    }
    quietly(&mut command);
}

fn quietly(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn or_free(port: u16) -> Result<u16, Trouble> {
    if port == 0 { ports::free_port() } else { Ok(port) }
}
