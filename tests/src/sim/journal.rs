//! The bank's durable memory: JSON lines, written in order and fsynced before anybody is answered.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
};

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    book::{OrderView, RequestView},
    faults::Fault,
    incoming::IncomingView,
};

/// One fact; applying all of them in order rebuilds the bank. Every fact has `at`, the machine's own UTC time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    /// An order was taken.
    Order(Box<OrderView>),
    /// Money came.
    Incoming(Box<IncomingView>),
    /// An order changed its state.
    State(StateLine),
    /// A register request was seen, whatever became of it.
    Request(Box<RequestView>),
    /// A webhook was queued or came to its end.
    Webhook(WebhookLine),
    /// The control API armed or cleared a fault.
    Fault(FaultLine),
    /// The control API ended the hiding of a clave.
    Speak(SpeakLine),
}

/// A change of state; `ts` is the bank's clock in epoch milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StateLine {
    pub(super) at: Timestamp,
    pub(super) folio: u64,
    pub(super) estado: String,
    pub(super) ts: i64,
}

/// A webhook and how far it came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct WebhookLine {
    pub(super) at: Timestamp,
    pub(super) number: u64,
    pub(super) step: WebhookStep,
    pub(super) attempts: u32,
    /// Milliseconds before the first attempt.
    #[serde(default)]
    pub(super) wait_ms: u64,
    /// Another one says the same.
    #[serde(default)]
    pub(super) repeats: bool,
    /// It tells of money that came, and has an address of its own.
    #[serde(default)]
    pub(super) deposit: bool,
    pub(super) body: String,
}

/// How far a webhook came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WebhookStep {
    Queued,
    /// Never sent, on purpose.
    Lost,
    Delivered,
    GaveUp,
}

/// A fault armed for a clave (`None`: for whoever comes next), or cleared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FaultLine {
    pub(super) at: Timestamp,
    pub(super) clave: Option<String>,
    pub(super) fault: Option<Fault>,
    pub(super) times: Option<u32>,
}

/// A clave told to speak.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SpeakLine {
    pub(super) at: Timestamp,
    pub(super) clave: String,
}

/// Appends lines; many waiters share one fsync.
pub(super) struct Journal {
    lines: Sender<Vec<u8>>,
    written: watch::Receiver<u64>,
}

impl Journal {
    /// Opens or creates the file, and reads every whole line of it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Line>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("open journal {}", path.display()))?;
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(folder)
                .and_then(|dir| dir.sync_all())
                .context("sync journal folder")?;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).context("read journal")?;
        // A kill in the middle of a write leaves a tail without newline; nobody was answered for it.
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        let mut lines = Vec::new();
        for (index, line) in bytes[..whole].split(|b| *b == b'\n').enumerate() {
            if !line.is_empty() {
                let line = serde_json::from_slice(line).with_context(|| format!("journal line {}", index + 1))?;
                lines.push(line);
            }
        }
        let end = u64::try_from(whole).context("journal size")?;
        file.set_len(end).context("cut the torn tail")?;
        file.seek(SeekFrom::Start(end)).context("seek journal")?;

        let (sender, receiver) = channel();
        let (done, written) = watch::channel(0);
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(file, &receiver, &done))
            .context("start journal writer")?;
        Ok((Self { lines: sender, written }, lines))
    }

    /// Queues lines in the order of calls; the caller then waits for their count to be durable.
    pub(super) fn append(&self, lines: &[Line]) -> Result<()> {
        for line in lines {
            let mut bytes = serde_json::to_vec(line)?;
            bytes.push(b'\n');
            self.lines.send(bytes).map_err(|_| anyhow!("journal writer is gone"))?;
        }
        Ok(())
    }

    /// Returns once `count` lines of this process are on disk.
    pub(super) async fn wait(&self, count: u64) -> Result<()> {
        let mut written = self.written.clone();
        written
            .wait_for(|done| *done >= count)
            .await
            .context("journal writer is gone")?;
        Ok(())
    }
}

fn write_all(mut file: File, lines: &Receiver<Vec<u8>>, done: &watch::Sender<u64>) {
    while let Ok(mut batch) = lines.recv() {
        let mut count = 1;
        while let Ok(more) = lines.try_recv() {
            batch.extend_from_slice(&more);
            count += 1;
        }
        if let Err(why) = file.write_all(&batch).and_then(|()| file.sync_data()) {
            tracing::error!(%why, "journal failed: the bank answers nobody any more");
            return;
        }
        done.send_modify(|written| *written += count);
    }
}
