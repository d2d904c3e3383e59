//! `clel runs`.

mod compare;
mod list;
mod order;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use self::order::Order;
use super::output;
use crate::Result;
use crate::report::{
    Overview, RunDir, State, duration, in_folder, is_run, local, one_line, run_around, short,
};

/// Examples at the end of the help text.
const EXAMPLES: &str = "\
Examples:
  clel runs                                        those in runs/
  clel runs /data/experiments --json               those in another folder
  clel runs runs/guide                             those of an experiment
  clel runs --sort -gap --state finished,sick      those that came to an end, the widest gap first
  clel runs runs/digits-001                        one
  clel runs runs/digits-001 runs/digits-002        in what settings and figures they differ";

/// Of no more runs that are named, checkpoints are read, which may be large.
const EXAMINED: usize = 4;

/// Lists runs and how they stand, or compares some.
///
/// Of a folder, every run in it and of the experiments in it: how far the run is, its last energies, E(data) − E(samples), Fréchet distances of the replay buffer
/// and of fresh chains, the iteration of the best checkpoint (log.best), the time that it took in all, with what is drawn and judged, and where, what is damaged, what happened on the way. Distances in the features of a run's own encoder compare within the run
/// alone; those of the digit classifier compare between runs. Of several run directories, the settings that differ and the figures side by
/// side. Of a folder, each run has a line for what happened to it last, and a few for what is damaged; of runs that are named, all is told. Of a run's newest
/// checkpoint the length is checked; of at most four runs that are named, the whole file, and the older ones as far as the newer ones are damaged.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Runs {
    /// A folder of run directories [default: runs] or an experiment's, or run directories.
    #[arg(value_name = "FOLDER|RUN")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    order: Order,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(super) fn run(&self) -> Result<()> {
        let usual = Path::new("runs");
        match &self.paths[..] {
            [] if !usual.exists() => match self.json {
                true => self.list(usual, Vec::new()),
                false => {
                    output::say_in_words("there is no folder runs here yet; `clel train` makes it")
                }
            },
            [] => self.list(usual, all_in(usual)?),
            // says what it is
            [one] if one.is_file() => RunDir::open(one).map(drop),
            [one] if !is_run(one) => {
                // of a folder in a run, or RUN/best, which is none, which run that is
                let part = run_around(one).is_some();
                let runs = match part && !one.is_dir() {
                    true => Vec::new(),
                    false => all_in(one)?,
                };
                if part && runs.is_empty() {
                    return RunDir::open(one).map(drop);
                }
                self.list(one, runs)
            }
            [one] => self.list(one, vec![Overview::examined(one)]),
            several => {
                for path in several {
                    RunDir::open(path)?;
                }
                let look = match several.len() <= EXAMINED {
                    true => Overview::examined,
                    false => Overview::of,
                };
                let mut runs: Vec<Overview> = several.iter().map(|path| look(path)).collect();
                self.order.arrange(&mut runs, false)?;
                match runs.is_empty() && !self.json {
                    true => output::say_in_words("none of these runs is in such a state"),
                    false => compare::say(&runs, self.json),
                }
            }
        }
    }

    fn list(&self, folder: &Path, mut runs: Vec<Overview>) -> Result<()> {
        let count = runs.len();
        self.order.arrange(&mut runs, true)?;
        if runs.is_empty() && count > 0 && !self.json {
            let folder = one_line(folder);
            return output::say_in_words(&format!("no run in {folder} is in such a state"));
        }
        list::say(folder, &runs, self.order.key(), self.json)
    }
}

/// What each run in a folder tells, by name, those of experiments among them; what else is there is left out.
fn all_in(folder: &Path) -> Result<Vec<Overview>> {
    let runs = in_folder(folder)?;
    Ok(runs.iter().map(|path| Overview::of(path)).collect())
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

/// How long it took.
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
