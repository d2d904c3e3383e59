//! What came out.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{Curves, End, Experiment};
use super::measure::{EndFigures, SECONDS};
use super::record::Point;
use crate::{Error, Result, whole_file};

/// The results of an experiment, so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExperimentResults {
    /// What it is about.
    pub title: String,
    /// The seeds that each variant is to be run with; none where an older version wrote the results.
    #[serde(default)]
    pub seeds: Vec<u64>,
    /// What was measured while runs went on.
    pub curves: Curves,
    /// What was measured at their end.
    pub end: End,
    /// What distances are in, and from what.
    pub measure: String,
    /// The variants, in the file's order.
    pub variants: Vec<VariantResult>,
}

/// The runs of one variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VariantResult {
    /// What it is called.
    pub name: String,
    /// The seconds that an iteration takes: the lower decile over all stretches between two points of its runs, those that other work on
    /// the machine disturbed least.
    pub seconds_per_iteration: Option<f64>,
    /// Its runs, by seed.
    pub runs: Vec<RunResult>,
}

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunResult {
    /// Its seed.
    pub seed: u64,
    /// Where it is.
    pub directory: PathBuf,
    /// How it ended.
    pub state: State,
    /// Its curves.
    pub points: Vec<Point>,
    /// The figures at its end.
    pub end: Option<EndFigures>,
    /// What happened to it on the way.
    pub interventions: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// With all its figures.
    Complete,
    /// It was stopped, and can go on.
    Unfinished,
    /// Its numbers were not sound, for this reason; it will not go on.
    Sick(String),
    /// For this reason; it is tried again the next time.
    Failed(String),
}

impl State {
    /// Whether it came to an end before its last iteration, by itself.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, State::Sick(_) | State::Failed(_))
    }
}

/// A figure of several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, of a sample (n − 1); 0 for one.
    pub deviation: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// That of some values; none without any.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        (n > 0).then(|| Spread {
            n,
            mean,
            deviation: (squares / (n.max(2) - 1) as f64).sqrt(),
            least: values.iter().copied().fold(f64::INFINITY, f64::min),
            most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl ExperimentResults {
    /// Nothing yet.
    pub fn of(experiment: &Experiment) -> ExperimentResults {
        let variants = experiment.variants.iter().map(|v| VariantResult {
            name: v.name.clone(),
            seconds_per_iteration: None,
            runs: Vec::new(),
        });
        ExperimentResults {
            title: experiment.title.clone(),
            seeds: experiment.seeds.clone(),
            curves: experiment.curves.clone(),
            end: experiment.end.clone(),
            measure: String::new(),
            variants: variants.collect(),
        }
    }

    /// Writes them as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        whole_file::write_json(path, self)
    }

    /// Reads them; nothing, if there are none yet.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Option<ExperimentResults>> {
        let Some(text) = whole_file::read_if_there(path)? else {
            return Ok(None);
        };
        let results = serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let why = format!("not the results of an experiment: {error}");
            Error::format(path, place, why)
        })?;
        Ok(Some(results))
    }

    /// The seeds of all runs, each once, also of those that have not begun.
    pub(super) fn all_seeds(&self) -> Vec<u64> {
        let mut seeds = self.seeds.clone();
        for run in self.variants.iter().flat_map(|variant| &variant.runs) {
            if !seeds.contains(&run.seed) {
                seeds.push(run.seed);
            }
        }
        seeds
    }

    /// The seconds after which the first of the variants that have a complete run was finished.
    pub fn equal_time(&self) -> Option<f64> {
        let times = self.variants.iter().filter_map(VariantResult::duration);
        times.min_by(f64::total_cmp)
    }
}

impl VariantResult {
    /// Adds a run.
    pub(super) fn add(&mut self, run: RunResult) {
        self.runs.push(run);
        let points = self.runs.iter().flat_map(|run| &run.points);
        let mut rates: Vec<f64> = points.filter_map(|p| p.figure(SECONDS)).collect();
        rates.sort_by(f64::total_cmp);
        self.seconds_per_iteration = rates.get(rates.len() / 10).copied();
    }

    /// Runs with all their figures.
    pub fn complete(&self) -> impl Iterator<Item = &RunResult> {
        self.runs.iter().filter(|run| run.state == State::Complete)
    }

    /// A figure of the curves after `iteration` iterations, of the complete runs.
    pub fn at(&self, figure: &str, iteration: u64) -> Option<Spread> {
        let of = |run: &RunResult| {
            let point = run.points.iter().find(|p| p.iteration == iteration);
            point.and_then(|p| p.figure(figure))
        };
        Spread::of(&self.complete().filter_map(of).collect::<Vec<_>>())
    }

    /// Iterations at which all complete runs have this figure.
    pub fn iterations(&self, figure: &str) -> Vec<u64> {
        let runs: Vec<&RunResult> = self.complete().collect();
        let Some(first) = runs.first() else {
            return Vec::new();
        };
        let all = first.points.iter().map(|p| p.iteration);
        all.filter(|i| self.at(figure, *i).is_some_and(|s| s.n == runs.len()))
            .collect()
    }

    /// The figure of the curves at the end.
    pub fn last(&self, figure: &str) -> Option<Spread> {
        self.at(figure, *self.iterations(figure).last()?)
    }

    /// The figure after so many seconds at the variant's pace, between two points on the straight line.
    pub fn after(&self, figure: &str, seconds: f64) -> Option<Spread> {
        let iteration = seconds / self.seconds_per_iteration?;
        let of = |run: &RunResult| {
            let known = run.points.iter();
            let known = known.filter_map(|p| Some((p.iteration as f64, p.figure(figure)?)));
            let known: Vec<(f64, f64)> = known.collect();
            let next = known.iter().position(|(i, _)| *i >= iteration - 1e-6)?;
            let (x1, y1) = known[next];
            let (x0, y0) = known[next.saturating_sub(1)];
            let share = if x1 > x0 {
                (iteration - x0) / (x1 - x0)
            } else {
                1.0
            };
            Some(y0 + share.clamp(0.0, 1.0) * (y1 - y0))
        };
        Spread::of(&self.complete().filter_map(of).collect::<Vec<_>>())
    }

    /// A figure of the end.
    pub fn at_end(&self, of: impl Fn(&EndFigures) -> Option<f64>) -> Option<Spread> {
        let found = self.complete().filter_map(|run| of(run.end.as_ref()?));
        Spread::of(&found.collect::<Vec<_>>())
    }

    /// Seconds of a complete run at the variant's pace.
    fn duration(&self) -> Option<f64> {
        let run = self.complete().next()?;
        Some(self.seconds_per_iteration? * run.points.last()?.iteration as f64)
    }
}
