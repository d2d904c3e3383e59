//! The place of signals on WebAssembly, which knows none.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::output;

/// What no signal says.
pub(super) const STOPPING: &str = "";

/// Says that nothing will ask for an end by `stop`.
pub(super) fn stop_on_signals(_: &Arc<AtomicBool>, _: Option<&str>) {
    output::error(
        "warning: Ctrl-C ends the process at once, without saving: WebAssembly has no signals",
    );
}
