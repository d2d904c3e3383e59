//! Signals that ask the program to end.

#[cfg(unix)]
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

#[cfg(unix)]
use signal_hook::low_level::exit;
#[cfg(windows)]
use std::process::exit;

use super::output;
use crate::report::{give_back, is_taken};

/// What training says when it is asked to end.
pub(super) const STOPPING: &str = "stopping: an iteration that goes on is finished and saved first; a second signal ends the program at once";

/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// From now on Ctrl-C, SIGTERM and the end of the terminal ask for an end by `stop`, of which `told` then says what will come, unless a
/// dashboard does; a second one ends the process at once, with code 1 and a terminal as it was.
pub(super) fn stop_on_signals(stop: &Arc<AtomicBool>, told: Option<&'static str>) {
    let [seen, hung_up] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    if let Err(error) = notice(&seen, &hung_up) {
        output::error(&format!(
            "warning: signals end the process at once: {error}"
        ));
    }
    let stop = stop.clone();
    spawn(move || {
        let mut by_hang_up = false;
        loop {
            if seen.swap(false, Ordering::SeqCst) {
                // an end of the terminal, which a shell, the system and the session each tell of, is no first signal
                if stop.swap(true, Ordering::SeqCst) && !by_hang_up {
                    give_back();
                    exit(1);
                }
                by_hang_up = false;
                if let (Some(told), false) = (told, is_taken()) {
                    output::error(told);
                }
            }
            // nor a second one
            if hung_up.swap(false, Ordering::SeqCst) {
                by_hang_up |= !stop.swap(true, Ordering::SeqCst);
            }
            sleep(LOOK);
        }
    });
}

/// Sets `seen` whenever a signal comes, and `hung_up` when the terminal ends.
#[cfg(unix)]
fn notice(seen: &Arc<AtomicBool>, hung_up: &Arc<AtomicBool>) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, seen.clone())?;
    }
    if !ignores(SIGHUP) {
        signal_hook::flag::register(SIGHUP, hung_up.clone())?;
    }
    Ok(())
}

/// Whether the process was started to ignore a signal, as `nohup` does, and is to do so. Where the system does not say, no terminal for messages
/// means that.
#[cfg(unix)]
fn ignores(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    match ignored.map(|mask| u64::from_str_radix(mask.trim(), 16)) {
        Some(Ok(mask)) => mask >> (signal - 1) & 1 == 1,
        _ => !std::io::stderr().is_terminal(),
    }
}

/// The same for Ctrl-C and Ctrl-Break, by the console itself. Windows has no signals but those that C's library makes of these, which forgets
/// who handles them each time it tells of one.
#[cfg(windows)]
fn notice(seen: &Arc<AtomicBool>, _: &Arc<AtomicBool>) -> Result<(), ctrlc::Error> {
    let seen = seen.clone();
    ctrlc::set_handler(move || seen.store(true, Ordering::SeqCst))
}
