//! Ctrl-Z: while the process is stopped the terminal is the shell's.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::{flag, low_level};

/// A signal is heard sooner.
const HEARD: Duration = Duration::from_secs(1);

/// What signals, and the key that has no signal where keys are read, have asked of whoever has the terminal.
struct Asked {
    /// To stop with all of the group, as Ctrl-Z asks.
    stop_all: Arc<AtomicBool>,
    /// To stop, as `kill -TSTP` asks.
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
        let [stop_all, stop, go_on, free] = [(); 4].map(|()| Arc::new(AtomicBool::new(false)));
        // where one is not heard, the process stops with the terminal as it is
        let _ = flag::register_conditional_default(SIGTSTP, free.clone())
            .and_then(|_| flag::register(SIGTSTP, stop.clone()))
            .and_then(|_| flag::register(SIGCONT, go_on.clone()));
        Asked {
            stop_all,
            stop,
            go_on,
            free,
        }
    })
}

/// From now on the terminal is somebody's, or nobody's.
pub(super) fn take(taken: bool) {
    let asked = asked();
    asked.free.store(!taken, Ordering::SeqCst);
    asked.stop_all.store(false, Ordering::SeqCst);
    asked.stop.store(false, Ordering::SeqCst);
    asked.go_on.store(false, Ordering::SeqCst);
}

/// The process is to stop, and those that it was started with: the script or the `cargo run` that waits for it.
pub(super) fn ask_all_to_stop() {
    asked().stop_all.store(true, Ordering::SeqCst);
}

/// Whether all are, once.
pub(super) fn are_all_to_stop() -> bool {
    asked().stop_all.swap(false, Ordering::SeqCst) && has_shell()
}

/// Whether this process is to stop, once.
pub(super) fn is_to_stop() -> bool {
    asked().stop.swap(false, Ordering::SeqCst) && has_shell()
}

/// Whether a shell can let the process go on: it gives each job a group of its own. The group of a session's first process, which a terminal's window, ssh or a
/// container has started, has none, and the system does not stop it either.
fn has_shell() -> bool {
    use rustix::process::{getpgrp, getsid};
    getsid(None).is_ok_and(|session| session != getpgrp())
}

/// Whether the process goes on, once.
pub(super) fn goes_on() -> bool {
    asked().go_on.swap(false, Ordering::SeqCst)
}

/// Asks all processes of the group to stop, this one among them, which [hears](is_to_stop) of it as they do.
///
/// # Errors
/// The system refuses.
pub(super) fn stop_all() -> io::Result<()> {
    use rustix::process::{Signal, kill_current_process_group};
    kill_current_process_group(Signal::TSTP)?;
    // another thread may hear it, a little later
    let begun = Instant::now();
    while !asked().stop.load(Ordering::SeqCst) && begun.elapsed() < HEARD {
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Stops the process until somebody lets it go on.
///
/// # Errors
/// The system refuses.
pub(super) fn stop() -> io::Result<()> {
    low_level::emulate_default_handler(SIGTSTP)
}
