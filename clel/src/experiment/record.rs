//! What was measured of one run, in its directory.

use std::path::PathBuf;

use clel_nn::files::read_regular;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::report::{Metrics, RunDir};
use crate::{Result, whole_file};

/// How a line about a sick run begins.
const SICK: &str = "sick: ";

/// The measurements of a run, `measurements.jsonl`: one line for each point of the curves.
pub(super) struct Record {
    path: PathBuf,
    lines: Vec<Map<String, Value>>,
}

/// One point of the curves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Iterations done.
    pub iteration: u64,
    /// The figures, by name.
    pub figures: Map<String, Value>,
}

impl Point {
    /// A figure.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name)?.as_f64()
    }
}

impl Record {
    /// Reads what there is.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub fn read(run: &RunDir) -> Result<Record> {
        let path = run.path().join("measurements.jsonl");
        Ok(Record {
            lines: Metrics::read(&path)?,
            path,
        })
    }

    /// Drops what was measured after `step`.
    pub fn back_to(&mut self, step: u64) -> Result<()> {
        self.lines.retain(|line| step_of(line) <= step);
        if self.path.exists() {
            // unlike the metrics of a run, nothing that happened later stays
            let lines = self.lines.iter().cloned();
            let lines = lines.map(|line| format!("{}\n", Value::Object(line)));
            whole_file::write(&self.path, lines.collect::<String>().as_bytes())?;
        }
        Ok(())
    }

    /// Whether the point at `step` is there.
    pub fn has(&self, step: u64) -> bool {
        self.lines.iter().any(|line| step_of(line) == step)
    }

    /// Adds a point.
    pub fn add(&mut self, step: u64, figures: &[(&str, f64)]) -> Result<()> {
        self.open()?.write(step, figures)?;
        self.lines = Metrics::read(&self.path)?;
        Ok(())
    }

    /// Notes that the run cannot go on.
    pub fn sick(&mut self, why: &str) -> Result<()> {
        let last = self.lines.last().map_or(0, step_of);
        self.open()?.event(last, &format!("{SICK}{why}"))?;
        self.lines = Metrics::read(&self.path)?;
        Ok(())
    }

    /// Why the run cannot go on, if so.
    pub fn sickness(&self) -> Option<&str> {
        let texts = self
            .lines
            .iter()
            .filter_map(|line| line.get("event")?.as_str());
        texts.filter_map(|text| text.strip_prefix(SICK)).next_back()
    }

    /// The curves.
    pub fn points(&self) -> Vec<Point> {
        let lines = self.lines.iter().filter(|line| !line.contains_key("event"));
        lines
            .map(|line| {
                let mut figures = line.clone();
                figures.remove("step");
                Point {
                    iteration: step_of(line),
                    figures,
                }
            })
            .collect()
    }

    fn open(&self) -> Result<Metrics> {
        match self.path.exists() {
            true => Metrics::resume(&self.path, u64::MAX),
            false => Metrics::create(&self.path),
        }
    }
}

fn step_of(line: &Map<String, Value>) -> u64 {
    line.get("step").and_then(Value::as_u64).unwrap_or_default()
}

/// Reads a value that a run directory keeps in a file of its own; nothing if it is not there or was written by another version.
pub(super) fn kept<T: DeserializeOwned>(run: &RunDir, name: &str) -> Option<T> {
    let bytes = read_regular(&run.path().join(name)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Keeps a value in a run directory.
pub(super) fn keep(run: &RunDir, name: &str, value: &impl Serialize) -> Result<()> {
    whole_file::write_json(&run.path().join(name), value)
}
