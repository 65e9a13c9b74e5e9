//! Why the launcher ends before its work is done, and how Ctrl-C is heard.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use dev::parts::Trouble;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static HEARD: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// An early end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// Something that a person has to mend.
    Trouble(Trouble),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// From now on signals are only noted; a second one ends the launcher on the spot.
pub(crate) fn listen() -> Result<(), Trouble> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&HEARD))
            .and_then(|_| flag::register(signal, Arc::clone(&HEARD)))
            .map_err(|e| {
                Trouble::new(
                    format!("cannot listen for Ctrl-C: {e}"),
                    "run it in an ordinary terminal",
                )
            })?;
    }
    Ok(())
}

/// Whether a signal came.
pub(crate) fn heard() -> bool {
    HEARD.load(Ordering::Relaxed)
}

/// An error once a signal came: for the loops that wait.
pub(crate) fn check() -> Result<(), Stop> {
    if heard() { Err(Stop::Interrupted) } else { Ok(()) }
}
