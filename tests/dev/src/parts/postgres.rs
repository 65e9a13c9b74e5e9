//! A Postgres server: the one given, else a private cluster that is our direct child.

mod account;
mod install;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use rustix::process::Signal;

use self::account::Account;
use self::install::Installation;
use super::process::{self, Child};
use super::{Progress, Trouble, ports, tools};

/// The environment variable that names a server to use as it is; its user may create databases.
pub const GIVEN: &str = "GIRO_DATABASE_SERVER";

// Recovery after a crash, and the old processes' way out, on a busy machine.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(20);

/// Where a private cluster lives.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster's folder; what is in it already is used again.
    pub dir: PathBuf,
    /// The server's log, and that of an installation.
    pub log: PathBuf,
    /// The port on 127.0.0.1; a free one when there is none.
    pub port: Option<u16>,
}

/// A server that accepts connections, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    address: Address,
    cluster: Option<Cluster>,
}

#[derive(Debug)]
struct Address {
    authority: String,
    query: String,
    port: u16,
}

#[derive(Debug)]
struct Cluster {
    installation: Installation,
    account: Option<Account>,
    data: PathBuf,
    log: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// The given server, else a cluster in `options.dir`, made if need be and ready for connections.
    pub fn start(options: &Options, progress: Progress<'_>) -> Result<Self, Trouble> {
        if let Some(given) = env::var(GIVEN).ok().filter(|given| !given.is_empty()) {
            let address = Address::parse(&given).ok_or_else(|| {
                Trouble::new(
                    format!("{GIVEN} is not a Postgres URL"),
                    format!("export {GIVEN}=postgres://user@host:5432"),
                )
            })?;
            return Ok(Self { address, cluster: None });
        }
        let account = Account::for_cluster_in(&options.dir)?;
        let installation = install::obtain(account, &options.log, progress)?;
        let home = account::home(&options.dir, account, progress)?;
        let port = options.port.map_or_else(ports::free_port, Ok)?;
        let mut cluster = Cluster {
            installation,
            account,
            data: home.join("data"),
            log: options.log.clone(),
            port,
            child: None,
        };
        cluster.create(&home, progress)?;
        cluster.start()?;
        let address = Address {
            authority: format!("postgres@127.0.0.1:{port}"),
            query: String::new(),
            port,
        };
        Ok(Self {
            address,
            cluster: Some(cluster),
        })
    }

    /// The URL of a database of this server, which need not exist.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{}/{database}{}", self.address.authority, self.address.query)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    /// One line for the person: version and place, without a password.
    pub fn describe(&self) -> String {
        let place = self.address.authority.rsplit('@').next().unwrap_or_default();
        match &self.cluster {
            Some(cluster) => format!("{} ready on {place}", cluster.installation.version),
            None => format!("as given, on {place}"),
        }
    }

    /// The process id, unless the server was given or is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.child().map(Child::pid)
    }

    /// Where a private cluster has its files; they are whole while it is stopped.
    pub fn data(&self) -> Option<&Path> {
        self.cluster.as_ref().map(|cluster| cluster.data.as_path())
    }

    /// The server's process, unless it was given or is stopped.
    pub fn child(&self) -> Option<&Child> {
        self.cluster.as_ref()?.child.as_ref()
    }

    /// SIGKILL, as a crash would do; returns when the process is gone. A given server is left alone.
    pub fn kill(&mut self) {
        self.take_child().iter().for_each(Child::kill);
    }

    /// Fast shutdown: ends connections, writes everything, returns when the process is gone.
    pub fn stop(&mut self) {
        self.take_child()
            .iter()
            .for_each(|child| child.stop_by(Signal::INT, STOP));
    }

    /// Immediate shutdown: the next start recovers as after a crash.
    pub fn stop_immediate(&mut self) {
        self.take_child()
            .iter()
            .for_each(|child| child.stop_by(Signal::QUIT, STOP));
    }

    /// Starts a stopped or killed cluster again on the same port, ready for connections.
    pub fn restart(&mut self) -> Result<(), Trouble> {
        self.stop();
        match &mut self.cluster {
            Some(cluster) => cluster.start(),
            None => Err(Trouble::new(
                "a given server is not ours to restart",
                format!("unset {GIVEN}"),
            )),
        }
    }

    fn take_child(&mut self) -> Option<Child> {
        self.cluster.as_mut()?.child.take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Removes the cluster of `dir`, wherever its files are; it must not run.
pub fn erase(dir: &Path) -> io::Result<()> {
    for home in account::homes(dir) {
        match fs::remove_dir_all(&home) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

impl Address {
    fn parse(url: &str) -> Option<Self> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))?;
        let (place, query) = rest
            .split_once('?')
            .map_or((rest, String::new()), |(p, q)| (p, format!("?{q}")));
        let authority = place.split('/').next()?.to_owned();
        let host = authority.rsplit('@').next()?;
        let port = host
            .rsplit_once(':')
            .map_or(Some(5432), |(_, port)| port.parse().ok())?;
        (!host.is_empty()).then_some(Self { authority, query, port })
    }
}

impl Cluster {
    fn create(&self, home: &Path, progress: Progress<'_>) -> Result<(), Trouble> {
        let Installation { bin, version } = &self.installation;
        if let Ok(made_by) = fs::read_to_string(self.data.join("PG_VERSION")) {
            if made_by.trim() == self.installation.major() {
                return Ok(());
            }
            return Err(Trouble::new(
                format!(
                    "the data in {} is of Postgres {}, the server is {version}",
                    self.data.display(),
                    made_by.trim()
                ),
                "cargo dev --fresh",
            ));
        }
        // Made aside and renamed when whole: an interrupted initdb leaves no half cluster behind.
        let draft = home.join("data.draft");
        let _ = fs::remove_dir_all(&draft);
        let mut initdb = process::command(bin.join("initdb"));
        initdb
            .arg("-D")
            .arg(&draft)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        // Only the making goes without fsync (2 s less); the server itself keeps it on.
        initdb.arg("--no-sync");
        account::run_as(&mut initdb, self.account);
        tools::run("initdb", initdb, &self.log, START, progress)?;
        fs::rename(&draft, &self.data)
            .map_err(|e| Trouble::new(format!("cannot make {}: {e}", self.data.display()), "cargo dev --fresh"))
    }

    fn start(&mut self) -> Result<(), Trouble> {
        let mut child = self.spawn()?;
        let ready = process::poll(START, || {
            if wire::accepts(self.port) && child.ended().is_none() {
                return Some(Ok(()));
            }
            child.ended()?;
            // The processes of a server that was killed need a moment to notice.
            let said = child.said();
            if !said.contains("pre-existing shared memory") && !said.contains("\"postmaster.pid\" already exists") {
                return Some(Err(self.trouble("Postgres ended at its start", &child)));
            }
            std::thread::sleep(Duration::from_millis(200));
            self.spawn().map(|next| child = next).err().map(Err)
        });
        ready.unwrap_or_else(|| Err(self.trouble("Postgres is not ready after 60 s", &child)))?;
        self.child = Some(child);
        Ok(())
    }

    fn spawn(&self) -> Result<Child, Trouble> {
        // INT and not TERM: a smart shutdown would wait for clients that may not leave.
        let mut command = process::command_orphaned_by("INT", self.installation.bin.join("postgres"));
        command.arg("-D").arg(&self.data).arg("-p").arg(self.port.to_string());
        // No socket file: its path is limited to 107 bytes, and a project's may be longer.
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "fsync=on",
        ] {
            command.args(["-c", setting]);
        }
        account::run_as(&mut command, self.account);
        Child::spawn("postgres", command, &self.log)
    }

    fn trouble(&self, cause: &str, child: &Child) -> Trouble {
        Trouble::new(
            format!("{cause}\n{}", child.tail()),
            "end what the log names, or `cargo dev --fresh`, or give a server by GIRO_DATABASE_SERVER=postgres://...",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_url_keeps_all_but_its_database() {
        let address = Address::parse("postgresql://me:pw@db.local/postgres?sslmode=disable").expect("a URL");
        let server = Server { address, cluster: None };
        assert_eq!(server.url("giro"), "postgres://me:pw@db.local/giro?sslmode=disable");
        assert_eq!(server.port(), 5432);
        assert_eq!(server.describe(), "as given, on db.local");
        assert!(Address::parse("mysql://x").is_none());
    }
}
