//! Signals that ask the program to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register;
use signal_hook::low_level::exit;

use super::output;
use crate::report::give_back;

/// Exit code of what a signal has stopped, as shells have it for Ctrl-C.
pub(super) const STOPPED: u8 = 130;
/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// From now on Ctrl-C and SIGTERM ask for an end by `stop`; a second one ends the process at once, with code 1 and a terminal as it was.
pub(super) fn stop_on_signals(stop: &Arc<AtomicBool>) {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        if let Err(error) = register(signal, seen.clone()) {
            output::error(&format!(
                "warning: signals end the process at once: {error}"
            ));
        }
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
