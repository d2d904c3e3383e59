//! `clel watch`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::signals::stop_on_signals;
use super::{STOPPED, output};
use crate::Result;
use crate::report::{Live, RunDir};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel watch runs/digits-001                  prints the address, for a browser on this machine
  clel watch runs/digits-001 --port 8080      always the same, for a tunnel: ssh -L 9000:127.0.0.1:8080 HOST";

/// Shows a run on a web page that follows it.
///
/// It is the page of `clel report`, at 127.0.0.1, which other machines do not reach, with rate and time left while somebody trains. It looks every two seconds whether the run has written anything, and keeps what
/// is enlarged, hidden or turned to. Ctrl-C ends it, with code 130.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Watch {
    /// The run directory.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The port; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value = "0")]
    port: u16,
}

impl Watch {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let run = RunDir::open(&self.run)?;
        let live = Live::bind(&run, self.port)?;
        let stop = Arc::default();
        stop_on_signals(&stop, None);
        output::say(&format!("http://{}/", live.address()))?;
        live.serve(&stop)?;
        Ok(ExitCode::from(STOPPED))
    }
}
