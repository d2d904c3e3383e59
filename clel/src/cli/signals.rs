//! Signals that ask the program to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

#[cfg(unix)]
use signal_hook::low_level::exit;
#[cfg(windows)]
use std::process::exit;

use super::output;
use crate::report::give_back;

/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// From now on Ctrl-C and SIGTERM ask for an end by `stop`; a second one ends the process at once, with code 1 and a terminal as it was.
pub(super) fn stop_on_signals(stop: &Arc<AtomicBool>) {
    let seen = Arc::new(AtomicBool::new(false));
    if let Err(error) = notice(&seen) {
        output::error(&format!(
            "warning: signals end the process at once: {error}"
        ));
    }
    let stop = stop.clone();
    spawn(move || {
        loop {
            if seen.swap(false, Ordering::SeqCst) && stop.swap(true, Ordering::SeqCst) {
                give_back();
                exit(1);
            }
            sleep(LOOK);
        }
    });
}

/// Sets `seen` whenever a signal comes.
#[cfg(unix)]
fn notice(seen: &Arc<AtomicBool>) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, seen.clone())?;
    }
    Ok(())
}

/// The same for Ctrl-C and Ctrl-Break, by the console itself. Windows has no signals but those that C's library makes of these, which forgets
/// who handles them each time it tells of one.
#[cfg(windows)]
fn notice(seen: &Arc<AtomicBool>) -> Result<(), ctrlc::Error> {
    let seen = seen.clone();
    ctrlc::set_handler(move || seen.store(true, Ordering::SeqCst))
}
