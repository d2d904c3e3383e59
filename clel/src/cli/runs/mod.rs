//! `clel runs`.

mod compare;
mod list;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::output;
use crate::report::{Overview, RunDir, State, duration, local, short};
use crate::{Error, Result};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel runs                                        those in runs/
  clel runs /data/experiments --json               those in another folder
  clel runs runs/guide                             those of an experiment
  clel runs runs/digits-001                        one
  clel runs runs/digits-001 runs/digits-002        in what settings and figures they differ";

/// Lists runs and how they stand, or compares some.
///
/// Of a folder, every run in it and of the experiments in it: how far the run is, its last energies, E(data) − E(samples), Fréchet distances of the replay buffer
/// and of fresh chains, the iteration of the best checkpoint (log.best), how long it has trained in all and where, what is damaged, what happened on the way. Distances in the features of a run's own encoder compare within the run
/// alone; those of the digit classifier compare between runs. Of several run directories, the settings that differ and the figures side by
/// side. Of checkpoints the length is checked; `--resume` checks all.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Runs {
    /// A folder of run directories [default: runs] or an experiment's, or run directories.
    #[arg(value_name = "FOLDER|RUN")]
    paths: Vec<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(super) fn run(&self) -> Result<()> {
        match &self.paths[..] {
            [] => {
                let usual = Path::new("runs");
                let none = !usual.exists();
                let found = if none { Vec::new() } else { in_folder(usual)? };
                if none && !self.json {
                    return output::say("there is no folder runs here yet; `clel train` makes it");
                }
                list::say(usual, &found, self.json)
            }
            [one] if !is_run(one) => list::say(one, &in_folder(one)?, self.json),
            [one] => list::say(one, &[Overview::of(one)], self.json),
            several => {
                for path in several {
                    RunDir::open(path)?;
                }
                let runs: Vec<Overview> = several.iter().map(|p| Overview::of(p)).collect();
                compare::say(&runs, self.json)
            }
        }
    }
}

/// What each run in a folder tells, by name, those of experiments among them; what else is there is left out.
fn in_folder(folder: &Path) -> Result<Vec<Overview>> {
    let runs = match holds_experiment(folder) {
        true => of_experiment(folder)?,
        false => {
            let mut runs = Vec::new();
            for path in folders(folder)? {
                match holds_experiment(&path) {
                    true => runs.extend(of_experiment(&path)?),
                    false => runs.push(path),
                }
            }
            runs
        }
    };
    let runs = runs.iter().filter(|path| is_run(path));
    Ok(runs.map(|path| Overview::of(path)).collect())
}

/// Whether this is an experiment's directory.
pub(super) fn holds_experiment(folder: &Path) -> bool {
    folder.join("experiment.toml").is_file() && !is_run(folder)
}

/// `FOLDER/runs/VARIANT/seed-N`, as far as it has come to them.
pub(super) fn of_experiment(folder: &Path) -> Result<Vec<PathBuf>> {
    let runs = folder.join("runs");
    let variants = match runs.is_dir() {
        true => folders(&runs)?,
        false => Vec::new(),
    };
    let of_each: Result<Vec<_>> = variants.iter().map(|variant| folders(variant)).collect();
    Ok(of_each?.concat())
}

/// Whether a directory is a run's, or was before it was damaged: it has a file that no other has.
fn is_run(path: &Path) -> bool {
    ["config.toml", "metrics.jsonl", "time.json"]
        .iter()
        .any(|file| path.join(file).is_file())
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let path = entry.map_err(Error::read(folder))?.path();
        paths.extend(path.is_dir().then_some(path));
    }
    paths.sort();
    Ok(paths)
}

/// A run's state in words.
fn state(run: &Overview) -> String {
    match run.state {
        State::Training => "training now".to_owned(),
        State::Finished => "finished".to_owned(),
        State::Unfinished => "unfinished".to_owned(),
        State::Sick => format!("sick at {}", run.iterations),
        State::Failed => format!("failed at {}", run.iterations),
        State::Damaged => "damaged".to_owned(),
    }
}

/// `500 of 1500`.
fn progress(run: &Overview) -> String {
    let planned = run.planned.map_or("?".to_owned(), |n| n.to_string());
    format!("{} of {planned}", run.iterations)
}

/// The iteration of the best checkpoint.
fn best(run: &Overview) -> String {
    let best = run.best.as_ref();
    best.map_or_else(String::new, |best| best.step.to_string())
}

/// Local time, to the minute.
fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, local)
}

/// How long it has trained.
fn spent(run: &Overview) -> String {
    run.seconds().map_or_else(String::new, duration)
}

/// Where.
fn device(run: &Overview) -> String {
    run.device().unwrap_or_default().to_owned()
}

/// A figure; nothing for none.
fn number(value: Option<f64>) -> String {
    value.map(short).unwrap_or_default()
}
