//! `clel experiment`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::signals::{STOPPING, stop_on_signals};
use super::{DeviceArgument, LookArguments, STOPPED, output, table};
use crate::experiment::{Experiment, Progress, RunResult, State, check_unchanged, perform, tables};
use crate::report::{LOCK, RunLock};
use crate::{Error, Result, whole_file};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel experiment clel/experiments/digits.toml           into runs/digits; goes on there
  clel experiment mine.toml --out runs/mine --json

A file:
  title = \"Does the guide help?\"
  seeds = [0, 1, 2]
  [base]                    # what a configuration file has
  preset = \"digits\"
  train.iterations = 500
  [variant.\"CLEL\"]          # settings over [base]; none here
  [variant.\"without latents\"]
  encoder.latents = \"none\"
  [curves]                  # also reference, samples, fresh, rounds, neighbours
  every = 50                # iterations between two points
  features = \"digits\"       # as `clel eval --features`
  [end]                     # also betas, chains, chain_samples
  ood = [\"interp\"]          # as `clel ood --out`
  [figures]                 # optional: which variants are drawn together
  guide = [\"CLEL\", \"without latents\"]";

/// Runs variants of a configuration with several seeds, and compares them.
///
/// Each run is an ordinary one in OUT/runs/VARIANT/seed-N. Called again, finished runs are taken as they are and the others go on; a file that says something else of
/// runs that are there is refused. A run that is
/// sick or fails is told in the table and does not stop the others; after a failure (not a sickness) the exit code is 1. Results are written after each run: results.json, table.md, and the
/// curves with bands over the seeds, against iterations and seconds, as SVG and PNG.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExperimentCommand {
    /// The experiment: a TOML file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The directory for runs and results [default: runs/ and the file's name].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print nothing on standard output but the results as one JSON object; plain lines go to standard error meanwhile.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    look: LookArguments,
    #[command(flatten)]
    device: DeviceArgument,
}

impl ExperimentCommand {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let experiment = Experiment::read(&self.file)?;
        let usual = || Path::new("runs").join(self.file.file_stem().unwrap_or_default());
        let out = self.out.clone().unwrap_or_else(usual);
        check_unchanged(&experiment, &out)?;
        let lock = claim(&out, &self.file)?;
        if let Some(warning) = lock.warning() {
            output::error(&format!("warning: {warning}"));
        }
        let device = self.device.open()?;
        let stop = Arc::default();
        stop_on_signals(&stop, Some(STOPPING));
        let json = self.json;
        let mut tell = |progress: Progress<'_>| match progress {
            Progress::Run {
                number,
                count,
                variant,
                seed,
            } if !json => {
                output::say_in_words(&format!("{number} of {count}: {variant}, seed {seed}"))
            }
            Progress::Trouble(why) if !json => {
                output::say_in_words(&output::wrapped(&format!("  {why}"), 2))
            }
            Progress::Advice(what) if !json => {
                output::error(&format!("warning: {what}"));
                Ok(())
            }
            _ => Ok(()),
        };
        let results = perform(
            &experiment,
            &out,
            &device,
            &stop,
            &mut tell,
            self.look.look(json),
        )?;
        if json {
            output::say(&output::json(&results)?)?;
        } else {
            for rows in tables(&results) {
                output::say("")?;
                table::say_in_parts(&rows)?;
            }
            output::say(&format!("\n{}", out.display()))?;
        }
        let failed = |run: &RunResult| matches!(run.state, State::Failed(_));
        Ok(if stop.load(Ordering::Relaxed) {
            ExitCode::from(STOPPED)
        } else if results.variants.iter().flat_map(|v| &v.runs).any(failed) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// Makes the directory an experiment's and this process's, with a copy of the file; refuses one that is something else.
fn claim(out: &Path, file: &Path) -> Result<RunLock> {
    let copy = out.join("experiment.toml");
    let is_blank = std::fs::read_dir(out).map_or(true, |all| {
        all.flatten().all(|entry| entry.file_name() == LOCK)
    });
    if !is_blank && !copy.is_file() {
        return Err(Error::Argument {
            argument: out.display().to_string(),
            why: "holds something else than an experiment; choose another --out".to_owned(),
        });
    }
    std::fs::create_dir_all(out).map_err(Error::write(out))?;
    let text = std::fs::read(file).map_err(Error::read(file))?;
    let lock = RunLock::of(out)?;
    whole_file::write(&copy, &text)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file in the help text can be copied, also from a terminal of 80 columns.
    #[test]
    fn the_example_is_an_experiment() {
        let file = EXAMPLES.split_once("A file:\n").unwrap().1;
        let experiment = Experiment::parse(file, "the help text").unwrap();
        assert_eq!(experiment.variants.len(), 2);
        assert!(file.lines().all(|line| line.chars().count() <= 80));
    }
}
