//! Free TCP ports on 127.0.0.1.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Trouble;

// Below the range from which the kernel takes the local ports of outgoing connections: a port from that range can be
// taken between our look and the server's bind.
const FIRST: u16 = 18_000;
const LAST: u16 = 32_000;

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port that nobody listens on and that this process has not given out before.
pub fn free_port() -> Result<u16, Trouble> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Processes that look at the same moment start at different places.
    let moment = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.subsec_nanos());
    let span = u32::from(LAST - FIRST);
    let start = (moment / 1000).wrapping_add(std::process::id().wrapping_mul(7919));
    (0..span)
        .filter_map(|step| u16::try_from(start.wrapping_add(step) % span).ok())
        .map(|place| FIRST + place)
        .find(|port| is_free(*port) && given.insert(*port))
        .ok_or_else(|| Trouble::new("no free port on 127.0.0.1", "stop some servers and try again"))
}

/// The preferred port when it is free, else any free one: links stay predictable where they can.
pub fn port_near(preferred: u16) -> Result<u16, Trouble> {
    let fresh = GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(preferred);
    if fresh && is_free(preferred) {
        Ok(preferred)
    } else {
        free_port()
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Opens a connection to a local port, quickly or not at all.
pub(crate) fn connect(port: u16) -> Option<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(2))).ok()?;
    Some(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_a_taken_one_is_passed_over() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let taken = held.local_addr().expect("an address").port();
        let (one, two) = (free_port().expect("a port"), port_near(taken).expect("a port"));
        assert!(one != two && two != taken);
    }
}
