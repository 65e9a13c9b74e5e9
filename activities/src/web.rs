//! Answers over HTTP: read up to a cap, and why none came.

use reqwest::Response;

/// Appends the body of an answer, `cap` bytes at most; the error says why it is not whole.
pub(crate) async fn take(response: &mut Response, received: &mut Vec<u8>, cap: usize) -> Result<(), &'static str> {
    while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
        let room = cap.saturating_sub(received.len());
        received.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Err("answer too large");
        }
    }
    Ok(())
}

/// What happened to a request without an answer.
pub(crate) fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "no connection"
    } else {
        "cut"
    }
}
