//! `clel report`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output;
use crate::report::{RunDir, is_page, page};
use crate::{Error, Result, whole_file};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel report runs/digits-001                        writes runs/digits-001/report.html
  clel report runs/digits-001 --out digits.html";

/// Writes one HTML file that shows a run.
///
/// It has curves, samples over time, figures and settings, and loads nothing from elsewhere.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Report {
    /// The run directory; the run may still be going on.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where the page goes [default: report.html in the run directory]; an earlier page there is replaced, nothing else.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object: the run directory and the file.
    #[arg(long)]
    json: bool,
}

/// What was written, as JSON has it.
#[derive(Serialize)]
struct Written<'a> {
    run: &'a Path,
    report: &'a Path,
}

impl Report {
    pub(super) fn run(&self) -> Result<()> {
        let run = RunDir::open(&self.run)?;
        let own = run.path().join("report.html");
        let out = self.out.as_ref().unwrap_or(&own);
        if *out != own {
            check_replaceable(out)?;
        }
        whole_file::write(out, page(&run)?.as_bytes())?;
        if self.json {
            let (run, report) = (run.path(), out.as_path());
            return output::say(&output::json(&Written { run, report })?);
        }
        output::say(&out.display().to_string())
    }
}

/// Refuses a file that is there already, unless it is a page too.
fn check_replaceable(out: &Path) -> Result<()> {
    match out.exists() && !is_page(out) {
        true => Err(Error::OutputExists {
            path: out.to_owned(),
        }),
        false => Ok(()),
    }
}
