//! The fenced send: one connection, one request, and the knowledge whether a byte of it may have left.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use workflows::domain::TrackingKey;

use crate::{
    bank::{Fence, Late, NotSent, Pace, pace::pause},
    crash::{self, Point},
};

/// How long and how much a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until the TCP connection stands, name lookup included.
    pub(super) connect: Duration,
    /// From the start of the connect to the last byte of the answer.
    pub(super) total: Duration,
    /// Bytes of an answer that are kept and judged.
    pub(super) reply: usize,
    /// For one page of a statement, which may hold a thousand records.
    pub(super) page: Duration,
}

/// The limits of every call to a bank.
pub(super) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    total: Duration::from_secs(10),
    reply: 64 * 1024,
    page: Duration::from_secs(30),
};

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// A whole answer.
    Reply { status: u16, body: Vec<u8> },
    /// No byte of the request left.
    Nothing(NotSent),
    /// At least one byte may have left, and no whole answer came.
    Lost {
        why: &'static str,
        status: Option<u16>,
        body: Vec<u8>,
    },
}

/// Sends requests to one address, each on a connection of its own.
#[derive(Clone)]
pub(super) struct Client {
    host: String,
    port: u16,
    /// What the `Host` header says.
    authority: String,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limits: Limits,
    /// Told when the bank says that it is too much.
    pace: Arc<Pace>,
}

impl Client {
    /// A client for `url` (http or https with a host); the error says what is wrong with it.
    pub(super) fn new(url: &Url, limits: Limits, pace: Arc<Pace>) -> Result<Self, &'static str> {
        let host = url.host_str().ok_or("it has no host")?;
        let port = url.port_or_known_default().ok_or("it has no port")?;
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let host = host.trim_matches(['[', ']']).to_owned();
        let tls = match url.scheme() {
            "https" => {
                let name = ServerName::try_from(host.clone()).map_err(|_| "its host is no DNS name or address")?;
                Some((TlsConnector::from(Arc::new(tls()?)), name))
            }
            _ => None,
        };
        Ok(Self {
            host,
            port,
            authority,
            path: url.path().to_owned(),
            tls,
            limits,
            pace,
        })
    }

    /// The same for another path of the same host.
    pub(super) fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// PUTs the order of a key once: no redirect, no retry; every byte passes the fence.
    pub(super) async fn put(&self, key: &TrackingKey, body: Bytes, fence: Fence) -> Sent {
        let gate = Arc::new(Gate {
            fence,
            key: key.clone(),
            left: AtomicBool::new(false),
            shut: AtomicBool::new(false),
        });
        let mut reply = Partial {
            status: None,
            body: Vec::new(),
        };
        // The whole exchange is one future: once it has timed out and is dropped, nothing is left that could write.
        let ended = timeout(self.limits.total, self.exchange(body, &gate, &mut reply)).await;
        let why = match ended {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some("timeout"),
        };
        match (why, gate.left.load(Ordering::SeqCst), reply.status) {
            (why, false, _) => {
                tracing::warn!(bank = super::NAME, tracking_key = %key, why, "no byte of an order left");
                let late = gate.shut.load(Ordering::SeqCst);
                Sent::Nothing(if late { NotSent::Late } else { NotSent::Unreachable })
            }
            (None, true, Some(status)) => Sent::Reply {
                status,
                body: reply.body,
            },
            (why, true, status) => Sent::Lost {
                why: why.unwrap_or("no status"),
                status,
                body: reply.body,
            },
        }
    }

    async fn exchange(&self, body: Bytes, gate: &Arc<Gate>, reply: &mut Partial) -> Result<(), &'static str> {
        let connected = timeout(self.limits.connect, TcpStream::connect((self.host.as_str(), self.port))).await;
        let tcp = connected.map_err(|_| "connect timeout")?.map_err(|_| "no connection")?;
        // A connection that is given up must not go on sending from the kernel's buffers: it is reset, not closed.
        tcp.set_zero_linger().map_err(|_| "no linger")?;
        // Only latency is lost where the option is not to be had.
        let _ = tcp.set_nodelay(true);
        match &self.tls {
            None => self.converse(tcp, body, gate, reply).await,
            Some((connector, name)) => {
                let tls = connector
                    .connect(name.clone(), tcp)
                    .await
                    .map_err(|_| "no TLS session")?;
                self.converse(tls, body, gate, reply).await
            }
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        body: Bytes,
        gate: &Arc<Gate>,
        reply: &mut Partial,
    ) -> Result<(), &'static str> {
        let request = Request::put(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|_| "no request could be made")?;
        let io = TokioIo::new(Gated {
            stream,
            gate: Arc::clone(gate),
        });
        let handshake = http1::Builder::new().max_buf_size(64 * 1024).handshake(io).await;
        let (mut sender, connection) = handshake.map_err(|_| "no HTTP connection")?;
        let mut connection = pin!(connection);
        let mut answer = pin!(async {
            let response = sender
                .send_request(request)
                .await
                .map_err(|_| "cut before the answer")?;
            reply.status = Some(response.status().as_u16());
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                self.pace.throttled(asked_pause(response.headers()));
            }
            let mut frames = response.into_body();
            while let Some(frame) = frames.frame().await {
                let frame = frame.map_err(|_| "cut in the answer")?;
                let data = frame.data_ref().map_or(&[][..], |data| data);
                let room = self.limits.reply - reply.body.len();
                reply.body.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    return Err("reply too large");
                }
            }
            Ok(())
        });
        tokio::select! {
            ended = &mut answer => ended,
            // The connection has ended; what it had read is still to be taken.
            _ = &mut connection => answer.await,
        }
    }
}

/// How long an answer asks to be left alone.
pub(super) fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    pause(headers.get(header::RETRY_AFTER)?.to_str().ok()?)
}

/// The TLS side: aws-lc and the platform's own list of authorities.
fn tls() -> Result<ClientConfig, &'static str> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|_| "this machine has no certificate authorities: install its ca-certificates package")?;
    Ok(config.with_no_client_auth())
}

/// The part of an answer that has come so far.
struct Partial {
    status: Option<u16>,
    body: Vec<u8>,
}

/// The fence, and what it has seen.
struct Gate {
    fence: Fence,
    /// Whose order it is.
    key: TrackingKey,
    /// A byte of the request may have left.
    left: AtomicBool,
    /// The fence refused a write.
    shut: AtomicBool,
}

/// A stream that asks the fence at every write, above TLS: what passes it is the request itself.
struct Gated<S> {
    stream: S,
    gate: Arc<Gate>,
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Err(late @ Late) = self.gate.fence.check() {
            self.gate.shut.store(true, Ordering::SeqCst);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, late)));
        }
        crash::at(Point::OrderBeforeFirstByte, &self.gate.key);
        // Before the write: a write that fails may have sent a part.
        self.gate.left.store(true, Ordering::SeqCst);
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        crash::at(Point::OrderAfterFirstByte, &self.gate.key);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
pub(super) mod tests;
