//! The dashboard's place without the feature `program`, and on WebAssembly, whose hosts let nobody draw on a terminal.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clel_tensor::Device;

use super::lines::{Lines, say};
use super::{Pictures, RunDir};

/// Lines, as there can be no dashboard.
pub(super) struct Dashboard;

impl Dashboard {
    /// Says why there are lines.
    pub fn start(_: &RunDir, _: &Device, _: &Arc<AtomicBool>, _: Pictures) -> io::Result<Lines> {
        if cfg!(target_family = "wasm") {
            say("lines instead of the dashboard: WebAssembly cannot draw on a terminal");
        }
        Ok(Lines::default())
    }
}

/// How wide the terminal is: nobody says.
pub(crate) fn columns() -> Option<usize> {
    None
}
