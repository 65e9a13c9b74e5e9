//! A child process with its log, that ends when its owner does.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{Trouble, tools};

type Running = Mutex<std::process::Child>;

static CHILDREN: LazyLock<Mutex<Vec<Weak<Running>>>> = LazyLock::new(Mutex::default);
static CLOSED: AtomicBool = AtomicBool::new(false);

/// A command whose process gets SIGTERM if this one dies first.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    command_orphaned_by("TERM", program)
}

/// A command whose process gets the named signal if this one dies first.
pub fn command_orphaned_by(signal: &str, program: impl AsRef<OsStr>) -> Command {
    // Where util-linux is missing the child may outlive a launcher that was killed; the next launcher ends it.
    let Some(setpriv) = tools::on_path("setpriv") else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command.arg(format!("--pdeathsig={signal}")).arg(program);
    command
}

/// A child in a process group of its own, so that the terminal's Ctrl-C reaches only the launcher.
#[derive(Debug)]
pub struct Child {
    name: String,
    log: Option<PathBuf>,
    log_start: u64,
    running: Arc<Running>,
}

impl Child {
    /// Starts `command` (see [`command`]) with no input and its output appended to `log`.
    pub fn spawn(name: &str, command: Command, log: &Path) -> Result<Self, Trouble> {
        let open = || -> io::Result<(File, File, u64)> {
            if let Some(folder) = log.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = OpenOptions::new().create(true).append(true).open(log)?;
            Ok((file.try_clone()?, file.try_clone()?, file.metadata()?.len()))
        };
        let (out, err, start) = open().map_err(|e| {
            Trouble::new(
                format!("cannot write {}: {e}", log.display()),
                "make that folder writable, then try again",
            )
        })?;
        let mut child = Self::start(name, command, Stdio::from(out), Stdio::from(err))?;
        (child.log, child.log_start) = (Some(log.to_owned()), start);
        Ok(child)
    }

    /// Starts `command` with this process's own output: for programs that talk to the person.
    pub fn spawn_in_view(name: &str, command: Command) -> Result<Self, Trouble> {
        Self::start(name, command, Stdio::inherit(), Stdio::inherit())
    }

    fn start(name: &str, mut command: Command, out: Stdio, err: Stdio) -> Result<Self, Trouble> {
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = spawn_from_lasting_thread(command).map_err(|e| {
            Trouble::new(
                format!("cannot start {name} ({program}): {e}"),
                format!("see that {program} is there and runs"),
            )
        })?;
        let running = Arc::new(Mutex::new(child));
        let mut children = lock(&CHILDREN);
        children.retain(|weak| weak.strong_count() > 0);
        children.push(Arc::downgrade(&running));
        Ok(Self {
            name: name.to_owned(),
            log: None,
            log_start: 0,
            running,
        })
    }

    /// What this child is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        lock(&self.running).id()
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        lock(&self.running).try_wait().ok().flatten()
    }

    /// Waits for the end, at most so long.
    pub fn wait(&self, at_most: Duration) -> Option<ExitStatus> {
        poll(at_most, || self.ended())
    }

    /// Sends a signal to the child's group, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        send(&self.running, signal);
    }

    /// SIGTERM, and does not wait.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGTERM, time to finish, then SIGKILL.
    pub fn stop(&self, at_most: Duration) {
        self.stop_by(Signal::TERM, at_most);
    }

    /// The given signal, time to finish, then SIGKILL.
    pub fn stop_by(&self, signal: Signal, at_most: Duration) {
        self.signal(signal);
        if self.wait(at_most).is_none() {
            self.kill();
        }
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        // An answer cannot fail to come: SIGKILL is not refused.
        self.wait(Duration::from_secs(30));
    }

    /// What this child has written to its log since it started.
    pub fn said(&self) -> String {
        let bytes = self.log.as_ref().and_then(|log| fs::read(log).ok()).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or(0).min(bytes.len());
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// The last lines of its log, indented, after a line that says which log.
    pub fn tail(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        let mut text = match &self.log {
            Some(log) => format!("  the end of {}:", log.display()),
            None => return String::new(),
        };
        for line in &lines[lines.len().saturating_sub(15)..] {
            text.push_str("\n    | ");
            text.push_str(line);
        }
        text
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(10));
    }
}

/// Stops every child of this process and starts no more: for the way out.
pub fn stop_all(at_most: Duration) {
    CLOSED.store(true, Ordering::SeqCst);
    let children: Vec<_> = lock(&CHILDREN).iter().filter_map(Weak::upgrade).collect();
    for signal in [Signal::TERM, Signal::KILL] {
        children.iter().for_each(|child| send(child, signal));
        let gone = || children.iter().all(|child| !matches!(lock(child).try_wait(), Ok(None)));
        if poll(at_most, || gone().then_some(())).is_some() {
            return;
        }
    }
}

/// Asks again and again until there is an answer or the time is over.
pub fn poll<T>(at_most: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + at_most;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// Under the lock the child cannot be reaped in between, so the number still is its own.
fn send(child: &Running, signal: Signal) {
    let mut child = lock(child);
    if let (Ok(None), Some(group)) = (child.try_wait(), i32::try_from(child.id()).ok().and_then(Pid::from_raw)) {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

// The kernel sends the parent-death signal when the *thread* that forked ends, not the process: a server started by a
// short-lived thread (a test's, for one) would die with it.
fn spawn_from_lasting_thread(command: Command) -> io::Result<std::process::Child> {
    type Order = (Command, Sender<io::Result<std::process::Child>>);
    static SPAWNER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    if CLOSED.load(Ordering::SeqCst) {
        return Err(io::Error::other("everything is being stopped"));
    }
    let (reply, answer) = mpsc::channel();
    lock(&SPAWNER).send((command, reply)).map_err(io::Error::other)?;
    answer.recv().map_err(io::Error::other)?
}
