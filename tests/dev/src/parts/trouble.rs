//! What went wrong while preparing a part, and the exact thing to do about it.

use std::fmt;

/// A cause and its fix, both written for the person at the terminal.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// What happened.
    pub cause: String,
    /// The command or step that mends it.
    pub fix: String,
}

impl Trouble {
    /// A trouble with its cause and its fix.
    pub fn new(cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  fix: {}", self.cause, self.fix)
    }
}

impl std::error::Error for Trouble {}
