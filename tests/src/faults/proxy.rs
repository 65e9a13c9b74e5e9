//! A TCP link that misbehaves on demand: slow, cut, closed, swallowing, or losing the server's answer to COMMIT.

use std::{
    fmt,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::AbortHandle,
    time::sleep,
};

use super::pg::Replies;

const CHUNK: usize = 16 * 1024;

/// What a link does to those who use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Carries everything at once.
    #[default]
    Calm,
    /// Carries each piece this many milliseconds late.
    Slow(u64),
    /// Ends every connection, and each new one as it comes.
    Closed,
    /// Swallows what comes, on both sides; a connection that lost a byte so never speaks again.
    HalfOpen,
    /// Postgres only: each so many-th answer to COMMIT is dropped, and its connection closed.
    LostCommit(u64),
}

impl fmt::Display for Weather {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Calm => "calm",
            Self::Slow(_) => "slow",
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::LostCommit(_) => "answers to COMMIT lost",
        })
    }
}

/// What a link has done.
#[derive(Debug, Default)]
pub struct Met {
    /// Connections that were carried.
    pub carried: AtomicU64,
    /// Connections that were ended, or not let in.
    pub closed: AtomicU64,
    /// Pieces that came late.
    pub late: AtomicU64,
    /// Connections that lost bytes.
    pub swallowed: AtomicU64,
    /// Answers to COMMIT that were dropped.
    pub commits_lost: AtomicU64,
    commits: AtomicU64,
}

impl Met {
    fn count(number: &AtomicU64) {
        number.fetch_add(1, Ordering::Relaxed);
    }
}

/// One link, from a port of its own to a server on this machine. Ends when dropped.
#[derive(Debug)]
pub struct Link {
    port: u16,
    weather: watch::Sender<Weather>,
    met: Arc<Met>,
    accepting: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        self.weather.send_replace(Weather::Closed);
    }
}

impl Link {
    /// Listens on a free port of 127.0.0.1 and carries to `server`, a port there.
    pub async fn to(server: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, dev::parts::free_port()?)).await?;
        let port = listener.local_addr()?.port();
        let (weather, seen) = watch::channel(Weather::Calm);
        let met = Arc::<Met>::default();
        let accepting = tokio::spawn(accept(listener, server, seen, Arc::clone(&met))).abort_handle();
        Ok(Self {
            port,
            weather,
            met,
            accepting,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it is so.
    pub fn turn(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// What it has done.
    pub fn met(&self) -> &Met {
        &self.met
    }
}

async fn accept(listener: TcpListener, server: u16, weather: watch::Receiver<Weather>, met: Arc<Met>) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        if *weather.borrow() == Weather::Closed {
            Met::count(&met.closed);
            continue;
        }
        let way = Way {
            weather: weather.clone(),
            dead: Arc::default(),
            met: Arc::clone(&met),
        };
        tokio::spawn(carry(client, server, way));
    }
}

/// One direction of one connection.
#[derive(Clone)]
struct Way {
    weather: watch::Receiver<Weather>,
    /// It has lost a byte.
    dead: Arc<AtomicBool>,
    met: Arc<Met>,
}

async fn carry(client: TcpStream, server: u16, way: Way) {
    // A server that is away: the client's connection ends, as it would without a link.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else {
        return;
    };
    let _fast = (client.set_nodelay(true), server.set_nodelay(true));
    Met::count(&way.met.carried);
    let mut weather = way.weather.clone();
    let met = Arc::clone(&way.met);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ended = way.clone().pump(from_client, to_server, None) => {}
        _ended = way.pump(from_server, to_client, Some(Replies::default())) => {}
        closed = weather.wait_for(|weather| *weather == Weather::Closed) => if closed.is_ok() {
            Met::count(&met.closed);
        }
    }
}

/// Whether what the server says on this connection reaches nobody any more.
fn replies_are_lost(way: &Way, from_server: bool) -> bool {
    from_server && way.dead.load(Ordering::Relaxed)
}

impl Way {
    async fn pump(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut replies: Option<Replies>) -> Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                // The end of a server that is out of reach is not heard of either.
                if replies_are_lost(&self, replies.is_some()) {
                    std::future::pending::<()>().await;
                }
                return Ok(());
            }
            let bytes = &chunk[..read];
            // Read in any weather: who begins in the middle would not know where a frame begins.
            let commit = replies.as_mut().and_then(|replies| replies.commit_in(bytes));
            let weather = *self.weather.borrow();
            match weather {
                Weather::HalfOpen => {
                    if !self.dead.swap(true, Ordering::Relaxed) {
                        Met::count(&self.met.swallowed);
                    }
                }
                Weather::Slow(milliseconds) => {
                    Met::count(&self.met.late);
                    sleep(Duration::from_millis(milliseconds)).await;
                }
                Weather::LostCommit(each) => {
                    if let Some(at) = commit.filter(|_| self.loses(each)) {
                        to.write_all(&bytes[..at]).await?;
                        return Ok(());
                    }
                }
                Weather::Calm | Weather::Closed => {}
            }
            if !self.dead.load(Ordering::Relaxed) {
                to.write_all(bytes).await?;
            }
        }
    }

    fn loses(&self, each: u64) -> bool {
        let lost = self
            .met
            .commits
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(each.max(1));
        if lost {
            Met::count(&self.met.commits_lost);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    /// A server that answers everything with the same bytes, and its link.
    async fn linked(answer: &'static [u8]) -> Link {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 64];
                    while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                        stream.write_all(answer).await.expect("an answer");
                    }
                });
            }
        });
        Link::to(port).await.expect("a link")
    }

    async fn connect(link: &Link) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, link.port()))
            .await
            .expect("a connection")
    }

    /// What comes back: bytes, nothing because it ended, or `None` because all is silent.
    async fn ask(stream: &mut TcpStream) -> Option<Vec<u8>> {
        let mut answer = [0; 64];
        let _sent = stream.write_all(b"?").await;
        let read = timeout(SOON, stream.read(&mut answer)).await.ok()?.unwrap_or(0);
        Some(answer[..read].to_vec())
    }

    #[tokio::test]
    async fn each_weather_does_what_it_says_and_goes_by() {
        let link = linked(b"yes").await;
        let mut old = connect(&link).await;
        assert_eq!(ask(&mut old).await.as_deref(), Some(&b"yes"[..]));
        link.turn(Weather::HalfOpen);
        assert_eq!(ask(&mut old).await, None, "silence, and no end");
        link.turn(Weather::Calm);
        assert_eq!(
            ask(&mut old).await,
            None,
            "a connection that lost a byte never speaks again"
        );
        let mut new = connect(&link).await;
        assert_eq!(ask(&mut new).await.as_deref(), Some(&b"yes"[..]));
        link.turn(Weather::Closed);
        assert_eq!(ask(&mut new).await.as_deref(), Some(&b""[..]), "ended");
        assert_eq!(
            ask(&mut connect(&link).await).await.as_deref(),
            Some(&b""[..]),
            "not let in"
        );
        link.turn(Weather::Slow(50));
        let start = tokio::time::Instant::now();
        assert_eq!(ask(&mut connect(&link).await).await.as_deref(), Some(&b"yes"[..]));
        assert!(start.elapsed() >= Duration::from_millis(100), "both ways");
        assert_eq!(link.met().swallowed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_answer_to_commit_is_lost_with_its_connection_and_no_other_answer_is() {
        let commit = linked(b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I").await;
        let other = linked(b"C\0\0\0\x0dROLLBACK\0").await;
        for link in [&commit, &other] {
            link.turn(Weather::LostCommit(1));
        }
        assert_eq!(ask(&mut connect(&commit).await).await.as_deref(), Some(&b""[..]));
        assert_eq!(commit.met().commits_lost.load(Ordering::Relaxed), 1);
        assert!(
            ask(&mut connect(&other).await)
                .await
                .is_some_and(|answer| answer.len() == 14)
        );
    }
}
