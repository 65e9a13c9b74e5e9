//! The launcher's lines: one per part, aligned.

use std::io::{self, Write};
use std::time::Instant;

/// One line to the person; where nobody reads any more (`| head`), the work goes on.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// `  part       text`
pub(crate) fn part(name: &str, text: &str) {
    line(&format!("  {name:<10} {text}"));
}

/// `  part       text (1.2 s)`
pub(crate) fn done(name: &str, text: &str, since: Instant) {
    let tenths = since.elapsed().as_millis() / 100;
    part(name, &format!("{text} ({}.{} s)", tenths / 10, tenths % 10));
}
