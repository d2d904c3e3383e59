//! What a run directory tells of its run, at a glance.

use std::path::{Path, PathBuf};

use clel_nn::files::{TensorFile, check_length};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::history::History;
use super::{BestCheckpoint, End, RunDir, Spent, Summary};
use crate::config::Config;
use crate::{Error, Result, error::as_argument};

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
pub enum State {
    /// A process is training in the directory.
    Training,
    /// All iterations are done, and judged.
    Finished,
    /// `--resume` has something to do.
    Unfinished,
    /// It ended because it was sick; the last of the interventions says how.
    Sick,
    /// It ended because its device failed or an image could not be read, which the last of the interventions tells; `--resume` has something to do.
    Failed,
    /// Something in the directory is not what was written.
    Damaged,
}

/// A run, as its directory tells without a device or the arrays of its checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// The directory.
    #[serde(serialize_with = "spelt")]
    pub run: PathBuf,
    /// How it stands.
    pub state: State,
    /// What is wrong with its files.
    pub damage: Vec<String>,
    /// The name of the data set.
    pub data: Option<&'static str>,
    /// The name of the energy network.
    pub network: Option<&'static str>,
    /// Iterations done, as far as metrics and checkpoints tell.
    pub iterations: u64,
    /// Iterations of the whole run.
    pub planned: Option<u64>,
    /// The iteration of the newest checkpoint.
    pub saved: Option<u64>,
    /// The best checkpoint, by the figure that its configuration names.
    pub best: Option<BestCheckpoint>,
    /// The last figures, by name: energies, gap, losses.
    pub figures: Map<String, Value>,
    /// What happened on the way.
    pub interventions: Vec<String>,
    /// The same, each with the iteration from which it did, as a page has it.
    #[serde(skip)]
    pub happened: Vec<String>,
    /// The figures at the end, if it came to one.
    pub summary: Option<Summary>,
    /// When it began, how long it has taken, where; none of runs of versions that did not keep it.
    pub spent: Option<Spent>,
    /// When something was last written.
    pub changed: Option<Timestamp>,
    /// The settings.
    #[serde(skip)]
    pub config: Option<Config>,
}

/// How much of the checkpoints is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checkpoints {
    /// The length of the newest one.
    Length,
    /// All of the newest one, and while that is damaged, of the one before.
    Content,
}

impl Overview {
    /// Reads what is there; what cannot be read is told in `damage`. Of the newest checkpoint that is the length alone.
    pub fn of(path: &Path) -> Overview {
        Overview::with_history(path, &mut History::default())
    }

    /// The same, having read the newest checkpoint to its end, and where that is damaged the older ones up to a whole one, as a run does that goes on.
    /// It takes as long as reading these files.
    pub fn examined(path: &Path) -> Overview {
        Overview::read_as(path, Checkpoints::Content, &mut History::default())
    }

    /// What [`Overview::of`] tells; of the metrics what has come since the history was last read.
    pub(super) fn with_history(path: &Path, history: &mut History) -> Overview {
        Overview::read_as(path, Checkpoints::Length, history)
    }

    fn read_as(path: &Path, how: Checkpoints, history: &mut History) -> Overview {
        let mut found = Overview {
            run: path.to_owned(),
            state: State::Damaged,
            damage: Vec::new(),
            data: None,
            network: None,
            iterations: 0,
            planned: None,
            saved: None,
            best: None,
            figures: Map::new(),
            interventions: Vec::new(),
            happened: Vec::new(),
            summary: None,
            spent: None,
            changed: changed(path),
            config: None,
        };
        match RunDir::open(path) {
            Ok(run) => found.read(&run, how, history),
            Err(error) => {
                found.damage.push(error.in_one_line());
                *history = History::default();
            }
        }
        found
    }

    fn read(&mut self, run: &RunDir, how: Checkpoints, history: &mut History) {
        // first, so that what changes while it is read is not taken for damage
        let training = run.is_training();
        self.config = self.told(run.read_config());
        history.read_on(&run.metrics_path());
        let whole = history.damage().is_empty();
        let damage = history.damage().iter().map(Error::in_one_line);
        self.damage.extend(damage);
        self.figures = history.figures();
        for (step, text) in history.events() {
            self.interventions.push(text.clone());
            self.happened.push(format!("from iteration {step}: {text}"));
        }
        self.summary = self.told(Summary::read(&run.summary_path())).flatten();
        self.spent = self.told(Spent::read(&run.time_path())).flatten();
        let checkpoints = self.told(run.checkpoints()).unwrap_or_default();
        self.saved = checkpoints.last().map(|(step, _)| *step);
        self.check(&checkpoints, how);
        // nor does `RUN/best` name one by metrics that are damaged
        let by = self.config.as_ref().map(|config| config.log.best);
        self.best = by
            .filter(|_| whole)
            .and_then(|by| BestCheckpoint::among(&checkpoints, history, by));
        let config = self.config.as_ref();
        self.data = config.map(|c| c.data.source.name());
        self.network = config.map(|c| c.model.network.name());
        self.planned = config.map(|c| c.train.iterations as u64);
        self.iterations = history.newest().max(self.saved.unwrap_or(0));
        let judged = self.summary.as_ref().map(|summary| summary.iterations);
        self.state = match (training, self.damage.is_empty()) {
            (true, _) => State::Training,
            (false, false) => State::Damaged,
            (false, true) => match history.end() {
                Some(End::Sick) => State::Sick,
                Some(End::Failed) => State::Failed,
                None if judged >= self.planned => State::Finished,
                None => State::Unfinished,
            },
        };
    }

    /// Tells which checkpoints are damaged, as far as somebody looks.
    fn check(&mut self, checkpoints: &[(u64, PathBuf)], how: Checkpoints) {
        let mut damaged = 0;
        for (_, file) in checkpoints.iter().rev() {
            let whole = match how {
                Checkpoints::Length => check_length(file),
                Checkpoints::Content => TensorFile::open(file).map(drop),
            };
            // one that is gone has made room for a newer one
            let whole = whole.or_else(|error| match file.symlink_metadata() {
                Ok(_) => Err(Error::from(error)),
                Err(_) => Ok(()),
            });
            if self.told(whole).is_some() || how == Checkpoints::Length {
                return;
            }
            damaged += 1;
        }
        if damaged > 0 {
            let which = match damaged {
                1 => "its only checkpoint is damaged".to_owned(),
                n => format!("all of its {n} checkpoints are damaged"),
            };
            let run = as_argument(&self.run);
            self.damage.push(format!(
                "{which}: `clel train --resume {run}` has nothing to go on from"
            ));
        }
    }

    /// The value, or its error in `damage`.
    fn told<T>(&mut self, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| self.damage.push(error.in_one_line()))
            .ok()
    }

    /// The last value of a figure, or of one that is not finite its name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        match self.figures.get(name)? {
            Value::String(word) => word.parse().ok(),
            value => value.as_f64(),
        }
    }

    /// Seconds that it took, with what is drawn and judged; where nobody has written them down, those of the summary.
    pub fn seconds(&self) -> Option<f64> {
        let spent = self.spent.as_ref().map(|spent| spent.seconds);
        spent.or_else(|| Some(self.summary.as_ref()?.seconds))
    }

    /// Where it was computed; the same holds.
    pub fn device(&self) -> Option<&str> {
        let spent = self.spent.as_ref().map(|spent| &spent.device);
        let device = spent.or_else(|| Some(&self.summary.as_ref()?.device));
        device
            .map(String::as_str)
            .filter(|device| !device.is_empty())
    }

    /// The figures at the end, if they are those of the last iteration.
    pub fn current_summary(&self) -> Option<&Summary> {
        let summary = self.summary.as_ref();
        summary.filter(|summary| summary.iterations == self.iterations)
    }
}

/// A path in JSON, which is text: what is none in it gets the sign for that.
///
/// # Errors
/// The serializer's.
pub(crate) fn spelt<S: Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

/// When the run last wrote something; of a directory that holds none of that, when it changed itself. A page made of it is no change.
fn changed(path: &Path) -> Option<Timestamp> {
    let written = |file: &str| {
        let time = path.join(file).metadata().ok()?.modified().ok()?;
        Timestamp::try_from(time).ok()
    };
    let files = ["config.toml", "metrics.jsonl", "summary.json"].into_iter();
    let files = files.chain(["samples", "checkpoints", "events"]);
    files.filter_map(written).max().or_else(|| written(""))
}
