//! Tests of the fenced send against a listener on a real socket: what left, what came back.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// Short limits, so that a test of silence takes no ten seconds.
pub(in crate::bank::stp) const SHORT: Limits = Limits {
    connect: Duration::from_secs(2),
    total: Duration::from_millis(700),
    reply: 64 * 1024,
    page: Duration::from_millis(700),
};

/// What the one caller of a listener sees.
pub(in crate::bank::stp) enum Answer {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// Silence until the caller is gone.
    Silence,
}

/// An HTTP answer.
pub(in crate::bank::stp) fn http(status: &str, body: &str) -> Answer {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Answer::Bytes([head.as_bytes(), body.as_bytes()].concat())
}

/// A listener for one connection; it gives the address and, at the end, all it has read.
pub(in crate::bank::stp) async fn listener(answer: Answer) -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move { serve(&listener, answer).await });
    (base, task)
}

/// Reads one request (head and `content-length`), answers it, and gives what was read.
pub(in crate::bank::stp) async fn serve(listener: &TcpListener, answer: Answer) -> Vec<u8> {
    let (mut stream, _) = listener.accept().await.expect("a caller");
    let mut read = Vec::new();
    while !whole(&read) {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return read;
        }
    }
    match answer {
        Answer::Bytes(bytes) => {
            // The caller may stop reading at its cap.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Silence => {
            let _ = stream.read_buf(&mut Vec::new()).await;
        }
    }
    read
}

fn whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or("0", |length| length);
    body.len() >= length.parse().expect("a length")
}

fn client(base: &str) -> Client {
    let url = Url::parse(&format!("{base}/speiws/rest/ordenPago/registra")).expect("a URL");
    Client::new(&url, SHORT).expect("a client")
}

async fn put(base: &str, fence: Fence) -> Sent {
    client(base).put(Bytes::from_static(b"{\"a\":1}"), fence).await
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    assert_eq!(put(&base, Fence::default()).await, Sent::Nothing(NotSent::Unreachable));
}

#[tokio::test]
async fn an_expired_fence_lets_no_byte_out() {
    let (base, read) = listener(http("200 OK", "{}")).await;
    assert_eq!(
        put(&base, Fence::now(Duration::ZERO)).await,
        Sent::Nothing(NotSent::Late)
    );
    assert_eq!(read.await.expect("read"), b"");
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_gets_no_order() {
    let (base, read) = listener(Answer::Silence).await;
    let secure = base.replace("http:", "https:");
    assert_eq!(
        put(&secure, Fence::default()).await,
        Sent::Nothing(NotSent::Unreachable)
    );
    let read = read.await.expect("read");
    assert!(
        !read.windows(3).any(|bytes| bytes == b"PUT"),
        "no request in a TLS greeting"
    );
}

#[tokio::test]
async fn a_cut_after_the_request_is_lost() {
    let (base, read) = listener(Answer::Bytes(Vec::new())).await;
    let sent = put(&base, Fence::default()).await;
    assert_eq!(
        sent,
        Sent::Lost {
            why: "cut before the answer",
            status: None,
            body: Vec::new()
        }
    );
    let read = String::from_utf8(read.await.expect("read")).expect("text");
    assert!(
        read.starts_with("PUT /speiws/rest/ordenPago/registra HTTP/1.1\r\n"),
        "{read}"
    );
    assert!(
        read.contains("connection: close\r\n") && read.ends_with("\r\n\r\n{\"a\":1}"),
        "{read}"
    );
    assert!(read.contains(&format!("host: {}\r\n", &base[7..])), "{read}");
}

#[tokio::test]
async fn silence_and_half_an_answer_are_lost() {
    let (base, _read) = listener(Answer::Silence).await;
    let sent = put(&base, Fence::default()).await;
    assert_eq!(
        sent,
        Sent::Lost {
            why: "timeout",
            status: None,
            body: Vec::new()
        }
    );
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"resultado\":".to_vec();
    let (base, _read) = listener(Answer::Bytes(half)).await;
    let sent = put(&base, Fence::default()).await;
    let body = b"{\"resultado\":".to_vec();
    assert_eq!(
        sent,
        Sent::Lost {
            why: "cut in the answer",
            status: Some(200),
            body
        }
    );
}

#[tokio::test]
async fn an_answer_is_whole_up_to_the_cap_and_lost_past_it() {
    let (base, _read) = listener(http("200 OK", &"x".repeat(SHORT.reply))).await;
    let sent = put(&base, Fence::default()).await;
    assert_eq!(
        sent,
        Sent::Reply {
            status: 200,
            body: vec![b'x'; SHORT.reply]
        }
    );
    let (base, _read) = listener(http("200 OK", &"x".repeat(SHORT.reply + 1))).await;
    let sent = put(&base, Fence::default()).await;
    assert_eq!(
        sent,
        Sent::Lost {
            why: "reply too large",
            status: Some(200),
            body: vec![b'x'; SHORT.reply]
        }
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let there = b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_vec();
    let (base, _read) = listener(Answer::Bytes(there)).await;
    assert_eq!(
        put(&base, Fence::default()).await,
        Sent::Reply {
            status: 302,
            body: Vec::new()
        }
    );
}
