//! HTTP as bytes on a socket, for what no client would send.

use std::time::Duration;
use tests::stack::PATIENCE;

use anyhow::{Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Everything that came back on one connection, until the other side ended it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// The status of the first answer; 0 when there was none.
    pub(crate) status: u16,
    /// All of it.
    pub(crate) text: String,
}

impl Said {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        Self {
            status: status.and_then(|digits| digits.parse().ok()).unwrap_or(0),
            text,
        }
    }

    /// The head of the first answer, in lower case.
    pub(crate) fn head(&self) -> String {
        self.text
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    }

    /// The body of the first answer.
    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// How many answers there are.
    pub(crate) fn answers(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }

    /// That the answer is a problem, whole and with its own status.
    pub(crate) fn is_a_problem(&self) -> Result<()> {
        let head = self.head();
        ensure!(head.contains("content-type: application/problem+json"), "{self:?}");
        let body: Value = serde_json::from_str(self.body())?;
        ensure!(
            body["status"] == self.status && body["code"].is_string() && body["detail"].is_string(),
            "{self:?}"
        );
        Ok(())
    }
}

/// Sends `bytes` and hears the other side to its end.
pub(crate) async fn say(port: u16, bytes: &[u8]) -> Result<Said> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut from, mut to) = stream.into_split();
    let bytes = bytes.to_vec();
    // Whoever refuses early stops to read: that is no fault of the answer.
    let writing = tokio::spawn(async move {
        let _cut = to.write_all(&bytes).await;
        to
    });
    let said = hear(&mut from).await;
    drop(writing.await);
    said
}

/// Sends `head`, then `piece` again and again, and hears the other side to its end.
pub(crate) async fn dribble(port: u16, head: &[u8], piece: Vec<u8>, pause: Duration) -> Result<Said> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut from, mut to) = stream.into_split();
    let head = head.to_vec();
    let writing = tokio::spawn(async move {
        let mut sent = to.write_all(&head).await;
        while sent.is_ok() {
            tokio::time::sleep(pause).await;
            sent = to.write_all(&piece).await;
        }
    });
    let said = hear(&mut from).await;
    writing.abort();
    said
}

async fn hear(from: &mut (impl AsyncReadExt + Unpin)) -> Result<Said> {
    let mut heard = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, async {
        let mut part = [0; 4096];
        // A reset is an end too.
        while let Ok(count @ 1..) = from.read(&mut part).await {
            heard.extend_from_slice(&part[..count]);
        }
    });
    ensure!(
        ended.await.is_ok(),
        "the connection is still open: {:?}",
        Said::of(&heard)
    );
    Ok(Said::of(&heard))
}
