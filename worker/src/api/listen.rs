//! Serves a router on a socket within limits: of connections, of requests under way, of headers, and in time.
//!
//! One clock per connection ends whatever sends no whole head of a request in time: silence, headers that dribble, a
//! preface of HTTP/2 that never ends, an answer that is not taken. Bodies have a clock of their own (`extract`), and
//! whole requests another (`trace`).

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Extensions, Request},
    response::{IntoResponse, Response},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tower::ServiceExt;

use super::problem::{Code, Problem};
use crate::{config, meters};

/// How long requests may go on after the stop.
const DRAIN: Duration = Duration::from_secs(10);
/// Headers of one request, at most.
const HEADERS: usize = 64;
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 32;
/// What one stream of HTTP/2 may send before it is read.
const WINDOW: u32 = 64 * 1024;
/// A process that is out of file handles looks again after this.
const BREATH: Duration = Duration::from_millis(500);

/// What a connection and a listener may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at once, and requests under way at once.
    at_once: usize,
    /// From connect to the whole head of the first request.
    first: Duration,
    /// From one answer to the whole head of the next request.
    idle: Duration,
    /// Bytes of a head.
    head: usize,
}

impl From<&config::Api> for Limits {
    fn from(api: &config::Api) -> Self {
        Self {
            at_once: api.connections,
            first: Duration::from_secs(u64::from(api.header_seconds)),
            idle: Duration::from_secs(u64::from(api.idle_seconds)),
            head: api.header_limit_bytes,
        }
    }
}

/// Serves until `stop` resolves, then takes no more and lets what runs end, for ten seconds at most.
pub(super) async fn serve(
    name: &'static str,
    router: Router,
    listener: TcpListener,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let (places, requests) = (
        Arc::new(Semaphore::new(limits.at_once)),
        Arc::new(Semaphore::new(limits.at_once)),
    );
    let (builder, open) = (builder(limits), GracefulShutdown::new());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                after(name, &error).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            // Closed unanswered: an answer would need what there is too little of.
            meters::connection_refused(name);
            continue;
        };
        let watcher = open.watcher();
        let (builder, router, requests) = (builder.clone(), router.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            let (busy, changes) = watch::channel(0);
            let service = service_fn(move |request| answer(router.clone(), &requests, &busy, remote, request));
            let connection = builder.serve_connection(io(stream), service).into_owned();
            tokio::select! {
                // However a connection ends, nobody waits for it.
                _ = watcher.watch(connection) => {}
                () = quiet(changes, limits) => {}
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, open.shutdown()).await.is_err() {
        tracing::warn!(
            listener = name,
            "requests were still open ten seconds after the stop: left"
        );
    }
}

fn builder(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `quiet` ends what this would, and what it would not see.
        .header_read_timeout(None)
        .max_buf_size(limits.head)
        .max_headers(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

fn io(stream: TcpStream) -> TokioIo<TcpStream> {
    // A connection without it is slower, not wrong.
    let _ = stream.set_nodelay(true);
    TokioIo::new(stream)
}

/// A connection that died before it was taken is nobody's fault; anything else is ours, and passes.
async fn after(name: &'static str, error: &io::Error) {
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::error!(listener = name, %error, "no connection can be taken: looking again");
        tokio::time::sleep(BREATH).await;
    }
}

/// Resolves once no request is under way and none has come for too long.
async fn quiet(mut changes: watch::Receiver<usize>, limits: Limits) {
    let mut patience = limits.first;
    loop {
        let under_way = *changes.borrow_and_update();
        let changed = if under_way > 0 {
            changes.changed().await
        } else {
            match tokio::time::timeout(patience, changes.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            }
        };
        if changed.is_err() {
            // The connection has ended by itself.
            return std::future::pending().await;
        }
        patience = limits.idle;
    }
}

/// Counts a request as under way until it is dropped.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn new(busy: &watch::Sender<usize>) -> Self {
        busy.send_modify(|count| *count = count.saturating_add(1));
        Self(busy.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Runs one request, or says at once that there are too many.
fn answer(
    router: Router,
    requests: &Arc<Semaphore>,
    busy: &watch::Sender<usize>,
    remote: SocketAddr,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response, Infallible>> + use<> {
    let (place, under_way) = (Arc::clone(requests).try_acquire_owned(), UnderWay::new(busy));
    async move {
        let response = match &place {
            Ok(_) => {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(remote));
                router.oneshot(request).await?
            }
            Err(_) => {
                let detail = "Too many requests are under way. Nothing was done and the key is still free.";
                Problem::because(Code::Later, detail).into_response()
            }
        };
        drop((place, under_way));
        Ok(response)
    }
}

/// The address of the socket that a request came by. No header is asked: anyone can write one.
pub(super) fn remote(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
            address.ip().to_canonical()
        })
}

/// So many for each address; what was quiet for a while is forgotten.
pub(super) struct ByAddress {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    swept: Mutex<Instant>,
}

impl ByAddress {
    const SWEEP: Duration = Duration::from_secs(60);

    /// `quota` for each address.
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::keyed(quota),
            swept: Mutex::new(Instant::now()),
        }
    }

    /// True while the address has not had its share.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.sweep();
        self.limiter.check_key(&network(address)).is_ok()
    }

    fn sweep(&self) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.elapsed() >= Self::SWEEP {
            *swept = Instant::now();
            drop(swept);
            self.limiter.retain_recent();
        }
    }
}

/// One host of IPv6 has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(six) & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMITS: Limits = Limits {
        at_once: 2,
        first: Duration::from_millis(200),
        idle: Duration::from_millis(400),
        head: 8192,
    };

    async fn served(limits: Limits) -> SocketAddr {
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            "slow"
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve("test", router, listener, limits, std::future::pending()));
        address
    }

    async fn said(address: SocketAddr, text: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(text).await.expect("is taken");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        // A reset is an end too.
        let _ = read.expect("the connection ends by itself");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn whatever_sends_no_request_is_ended() {
        let address = served(LIMITS).await;
        for text in [
            &b""[..],
            b"GET / HT",
            b"GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\n",
            b"PRI * HTTP/2.0\r\n",
        ] {
            assert_eq!(said(address, text).await, "");
        }
        let answer = said(address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn a_request_that_takes_long_is_not_quiet() {
        let answer = said(served(LIMITS).await, b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(answer.ends_with("slow"), "{answer}");
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed() {
        let limits = Limits {
            first: Duration::from_secs(60),
            ..LIMITS
        };
        let address = served(limits).await;
        let held = [TcpStream::connect(address).await, TcpStream::connect(address).await];
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(said(address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await, "");
        drop(held);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = said(address, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(answer.ends_with("here"), "{answer}");
    }

    #[test]
    fn an_address_has_its_share_and_a_network_of_ipv6_counts_as_one() {
        let share = ByAddress::new(Quota::per_minute(NonZeroU32::MIN));
        let allows = |text: &str| share.allows(text.parse().expect("an address"));
        assert!(allows("192.0.2.1") && !allows("192.0.2.1") && allows("192.0.2.2"));
        assert!(allows("2001:db8::1") && !allows("2001:db8::2") && allows("2001:db8:0:1::1"));
    }
}
