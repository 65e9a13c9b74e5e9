//! Asks a server, in Postgres's own protocol, whether it takes connections.

use std::io::{Read, Write};

use crate::parts::ports;

// Protocol 3.0, as user and to database postgres.
const HELLO: &[u8] = b"\0\0\0\x29\0\x03\0\0user\0postgres\0database\0postgres\0\0";
const GOODBYE: &[u8] = b"X\0\0\0\x04";

/// True once a session is granted: a server that still recovers answers too, with an error.
pub(super) fn accepts(port: u16) -> bool {
    let Some(mut stream) = ports::connect(port) else {
        return false;
    };
    let mut answer = [0];
    let granted = stream
        .write_all(HELLO)
        .and_then(|()| stream.read_exact(&mut answer))
        .is_ok()
        && answer == *b"R";
    // A polite end keeps "unexpected EOF" out of the server's log.
    granted && stream.write_all(GOODBYE).is_ok()
}
