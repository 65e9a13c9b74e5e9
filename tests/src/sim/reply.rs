//! How an answer travels to its sender: whole, late, cut, drowned, in the wrong clothes, or not at all.

use std::{convert::Infallible, io, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{
        StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{Html, IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::{faults::Reply, wire::Wire};

/// What a proxy says while the bank behind it is away.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Mantenimiento</title></head>\
                    <body><h1>Servicio en mantenimiento</h1><p>Intente m&aacute;s tarde.</p></body></html>";

const MEBIBYTE: usize = 1024 * 1024;

/// The beginning of a gzip file of zeros; each further zero byte unfolds to a thousand.
const GZIP: [u8; 25] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xec, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 0x0a, 0,
];

/// How a request ends for its sender.
pub(super) struct Ending {
    pub(super) reply: Reply,
    pub(super) answer: Value,
    pub(super) slow_ms: u64,
}

/// Sends the answer as its ending says.
pub(super) async fn send(ending: Ending, wire: &Wire) -> Response {
    let Ending { reply, answer, slow_ms } = ending;
    match reply {
        Reply::Answered | Reply::AfterWebhook | Reply::Error0 | Reply::OtherFolio | Reply::Foreign => {}
        Reply::Late => tokio::time::sleep(Duration::from_millis(slow_ms)).await,
        Reply::Lost => wire.cut(),
        Reply::Never => std::future::pending().await,
        Reply::Garbage => return garbage(),
        Reply::Truncated => return truncated(&answer),
        Reply::Huge => return huge(),
        Reply::Page(status) => return page(status),
        Reply::Throttled => return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "2")], Html(PAGE)).into_response(),
        Reply::GzipBomb => return bomb(),
        Reply::Utf16 => return utf16(&answer),
        Reply::Drip => return drip(&answer),
    }
    Json(answer).into_response()
}

/// 200, said to be JSON, with bytes that are no text.
pub(super) fn garbage() -> Response {
    let bytes: Vec<u8> = (0..=255_u8).rev().cycle().take(700).collect();
    ([(CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// Half of the answer under the length of the whole one, then the end of the connection.
pub(super) fn truncated(answer: &Value) -> Response {
    let whole = answer.to_string();
    let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
    let cut = async {
        // The half leaves before the cut.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    let parts = stream::once(async { Ok(half) }).chain(stream::once(cut));
    let head = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_LENGTH, whole.len().to_string()),
    ];
    (head, Body::from_stream(parts)).into_response()
}

/// An HTML page under a status that may be 200.
pub(super) fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Html(PAGE)).into_response()
}

/// Begins like a sound answer and does not end before 16 MiB.
fn huge() -> Response {
    let head = Bytes::from_static(b"{\"resultado\":{\"id\":9999999,\"relleno\":\"");
    let chunk = Bytes::from(vec![b'x'; MEBIBYTE / 16]);
    let parts = std::iter::once(head).chain(std::iter::repeat_n(chunk, 256));
    let body = Body::from_stream(stream::iter(parts.map(Ok::<_, Infallible>)));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// 60 KiB, so that a cap on what arrives does not stop it; 60 MiB for whoever unfolds it.
fn bomb() -> Response {
    let mut bytes = GZIP.to_vec();
    bytes.resize(60 * 1024, 0);
    ([(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")], bytes).into_response()
}

fn utf16(answer: &Value) -> Response {
    let bytes: Vec<u8> = answer.to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    ([(CONTENT_TYPE, "application/json; charset=utf-16le")], bytes).into_response()
}

/// The answer, one byte a second.
fn drip(answer: &Value) -> Response {
    let bytes = stream::iter(answer.to_string().into_bytes()).then(|byte| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
    });
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(bytes)).into_response()
}
