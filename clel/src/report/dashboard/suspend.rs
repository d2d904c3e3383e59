//! Ctrl-Z: while the process is stopped the terminal is the shell's.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::{flag, low_level};

/// What signals have asked of whoever has the terminal.
struct Asked {
    /// To stop, as Ctrl-Z and `kill -TSTP` ask.
    stop: Arc<AtomicBool>,
    /// To go on, after it or after a stop that none is told of.
    go_on: Arc<AtomicBool>,
    /// Whether nobody has the terminal: then the process stops at once, as it would without this.
    free: Arc<AtomicBool>,
}

/// There is one terminal a process, and signals are heard from the first dashboard on.
static ASKED: OnceLock<Asked> = OnceLock::new();

fn asked() -> &'static Asked {
    ASKED.get_or_init(|| {
        let [stop, go_on, free] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        // where one is not heard, the process stops with the terminal as it is
        let _ = flag::register_conditional_default(SIGTSTP, free.clone())
            .and_then(|_| flag::register(SIGTSTP, stop.clone()))
            .and_then(|_| flag::register(SIGCONT, go_on.clone()));
        Asked { stop, go_on, free }
    })
}

/// From now on the terminal is somebody's, or nobody's.
pub(super) fn take(taken: bool) {
    let asked = asked();
    asked.free.store(!taken, Ordering::SeqCst);
    asked.stop.store(false, Ordering::SeqCst);
    asked.go_on.store(false, Ordering::SeqCst);
}

/// The process is to stop.
pub(super) fn ask_to_stop() {
    asked().stop.store(true, Ordering::SeqCst);
}

/// Whether it is, once.
pub(super) fn is_to_stop() -> bool {
    asked().stop.swap(false, Ordering::SeqCst)
}

/// Whether the process goes on, once.
pub(super) fn goes_on() -> bool {
    asked().go_on.swap(false, Ordering::SeqCst)
}

/// Stops the process until somebody lets it go on.
///
/// # Errors
/// The system refuses.
pub(super) fn stop() -> io::Result<()> {
    low_level::emulate_default_handler(SIGTSTP)
}
