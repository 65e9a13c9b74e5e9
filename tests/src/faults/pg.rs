//! Just enough of Postgres' wire protocol to see a server say that it has committed.

/// Reads one server's replies as they pass, in chunks of any size.
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// The first byte was looked at: it may be the answer to a request for TLS, which has no frame.
    begun: bool,
    /// The frame's head, and the body too where it is the end of a command.
    held: Vec<u8>,
    /// Bytes of a body that nobody reads.
    skip: usize,
}

/// Kind, and four bytes of length.
const HEAD: usize = 5;
const COMMIT: &[u8] = b"COMMIT\0";

impl Replies {
    /// Where in this chunk the frame begins that says COMMIT; 0 where it began before.
    pub(super) fn commit_in(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut begins = 0;
        for (at, byte) in chunk.iter().enumerate() {
            if !std::mem::replace(&mut self.begun, true) && matches!(byte, b'N' | b'S') {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            if self.held.is_empty() {
                begins = at;
            }
            self.held.push(*byte);
            if self.held.len() < HEAD {
                continue;
            }
            let body = length(&self.held);
            if self.held[0] == b'C' && self.held.len() < HEAD + body {
                continue;
            }
            let commits = self.held[0] == b'C' && self.held[HEAD..] == *COMMIT;
            self.skip = if self.held[0] == b'C' { 0 } else { body };
            self.held.clear();
            if commits {
                return Some(begins);
            }
        }
        None
    }
}

/// The length of a frame's body; its own four bytes are counted on the wire.
fn length(head: &[u8]) -> usize {
    let bytes = [head[1], head[2], head[3], head[4]];
    usize::try_from(u32::from_be_bytes(bytes)).map_or(0, |length| length.saturating_sub(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short");
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn a_commit_is_seen_however_it_is_cut_and_nothing_else_is() {
        let before = [
            b"N".to_vec(),
            frame(b'R', &[0, 0, 0, 0]),
            frame(b'S', b"C\0\0\0\x0bCOMMIT\0"),
            frame(b'C', b"INSERT 0 1\0"),
            frame(b'C', b"ROLLBACK\0"),
            frame(b'D', b"COMMIT\0"),
        ]
        .concat();
        let all = [before.clone(), frame(b'C', COMMIT), frame(b'Z', b"I")].concat();
        for size in 1..=all.len() {
            let (mut replies, mut passed, mut found) = (Replies::default(), 0, None);
            for chunk in all.chunks(size) {
                if let Some(at) = replies.commit_in(chunk) {
                    found = Some(passed + at);
                    break;
                }
                passed += chunk.len();
            }
            let found = found.expect("the commit is seen");
            // In pieces smaller than the frame, its first bytes have passed already.
            assert!(found >= before.len() && found < before.len() + 12, "{size}: {found}");
            if size >= all.len() {
                assert_eq!(found, before.len());
            }
        }
        assert_eq!(Replies::default().commit_in(&before), None);
    }
}
