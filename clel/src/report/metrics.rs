//! Metrics as JSON Lines.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clel_nn::files::read_regular;
use serde_json::{Map, Value};

use super::history::History;
use super::metric_line::Line;
use crate::{Error, Result, whole_file};

/// Appends one JSON object a line: `{"step": 10, "name": number, …}`. Each line is handed to the
/// system at once, so that a killed run loses none. A number that is not finite is written as text
/// ("NaN", "inf", "-inf"), which JSON numbers cannot say.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
    /// What its owner must know of lines that are gone.
    lost: Vec<Lost>,
    /// What happened after the step that the run goes on from.
    moved: Vec<String>,
    /// What the file held when it was opened.
    history: History,
}

/// What is gone from the metrics of a run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What a person is told of it.
    pub text: String,
    /// Whether figures of iterations that the run does not come to again may be among it.
    pub figures: bool,
}

impl Metrics {
    /// A new file.
    ///
    /// # Errors
    /// The file is there already or cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(Error::write(path))?;
        Ok(Metrics {
            path: path.to_owned(),
            file,
            lost: Vec::new(),
            moved: Vec::new(),
            history: History::default(),
        })
    }

    /// Goes on after `step`: drops the figures of later steps, how the run had ended, a last line that a crash cut short, and damaged ones that no
    /// line of `step` or before follows. What happened to the run after `step` stays, as something that its state of `step` has behind it.
    ///
    /// # Errors
    /// The file cannot be read or written, or a line that is to stay follows one that is damaged.
    pub fn resume(path: &Path, step: u64) -> Result<Self> {
        let bytes = bytes(path)?;
        let mut lines: Vec<_> = whole_lines(&bytes).collect();
        // it is told with what came of it
        let ends = |(_, line): &mut (usize, &[u8])| Line::of(line)?.end();
        let end = lines.pop_if(|line| ends(line).is_some());
        let end = end.and_then(|(_, line)| Line::of(line)?.event().map(str::to_owned));
        let mut kept = Vec::new();
        let mut history = History::default();
        let mut moved = Vec::new();
        let mut damage = None;
        for (i, line) in lines {
            match Line::of(line) {
                None => {
                    damage.get_or_insert(i);
                }
                Some(found) if found.step <= step => {
                    if let Some(i) = damage {
                        return Err(damaged(path, i));
                    }
                    kept.extend_from_slice(line);
                    history.add(found);
                }
                Some(found) => moved.extend(
                    found
                        .event()
                        .map(|text| (found.happened(), text.to_owned())),
                ),
            }
        }
        let last = history.highest();
        for (happened, text) in &moved {
            let mut line = event_line(step, text);
            line.insert(HAPPENED.to_owned(), (*happened).into());
            kept.extend_from_slice(text_line(line).as_bytes());
            history.add_event(step, *happened, text);
        }
        let mut lost = Vec::new();
        lost.extend(end.map(|text| {
            let text = text.replacen(ENDED, "", 1);
            Lost {
                text: format!("the run had ended ({text}) and was resumed from iteration {step}"),
                figures: false,
            }
        }));
        lost.extend(damage.map(|i| {
            let line = i + 1;
            let figures = last < step;
            let gone = match figures {
                true => format!("figures of iterations after {last} up to {step} may be missing, and "),
                false => String::new(),
            };
            let text = format!(
                "{}: line {line} was damaged; {gone}the figures that came later are dropped, since the run comes to them again",
                path.display()
            );
            Lost { text, figures }
        }));
        // a crash or a full disk here must not lose the history
        whole_file::write(path, &kept)?;
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(Error::write(path))?;
        Ok(Metrics {
            path: path.to_owned(),
            file,
            lost,
            moved: moved.into_iter().map(|(_, text)| text).collect(),
            history,
        })
    }

    /// What was dropped that a later look would miss: damaged lines, and how the run had ended. Tells it once.
    pub fn lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// What the file held when it was opened, but for what was dropped. Tells it once: it is much where a run is long.
    pub fn history(&mut self) -> History {
        std::mem::take(&mut self.history)
    }

    /// What had happened after the step that the run goes on from, of which the lines now have that step.
    pub fn moved(&self) -> &[String] {
        &self.moved
    }

    /// Writes one line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".to_owned(), step.into());
        for (name, value) in values {
            line.insert((*name).to_owned(), number(*value));
        }
        self.append(line)
    }

    /// Writes a line about something that happened: `{"step": 10, "event": "…"}`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&mut self, step: u64, text: &str) -> Result<()> {
        self.append(event_line(step, text))
    }

    /// Writes the last line of a run that ends before its end: `{"step": 10, "event": "…", "state": "sick"}`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end(&mut self, step: u64, text: &str, end: End) -> Result<()> {
        let mut line = event_line(step, text);
        line.insert("state".to_owned(), end.word().into());
        self.append(line)
    }

    fn append(&mut self, line: Map<String, Value>) -> Result<()> {
        self.file
            .write_all(text_line(line).as_bytes())
            .map_err(Error::write(&self.path))
    }

    /// Has all lines on the disk.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::write(&self.path))
    }

    /// All lines of such a file, an experiment's record too; none if it is not there yet. A last one that was cut short is left out.
    ///
    /// # Errors
    /// The file cannot be read, or one of its lines is not a JSON object with a `step`.
    pub fn read(path: &Path) -> Result<Vec<Map<String, Value>>> {
        whole_lines(&bytes(path)?)
            .map(|(i, line)| object(path, i, line))
            .collect()
    }
}

/// The field of what happened after a later iteration than that from which its line says that the run goes on.
pub(super) const HAPPENED: &str = "happened";
/// What the text of a run's early end says after the reason.
pub(crate) const ENDED: &str = "; the run ended with it";

/// Why a run ended before its end, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was sick.
    Sick,
    /// Its device failed, lost for good or out of memory; or an image cannot be read any more.
    Failed,
}

impl End {
    /// What the last line of metrics calls it.
    fn word(self) -> &'static str {
        match self {
            End::Sick => "sick",
            End::Failed => "failed",
        }
    }

    /// The one of a word.
    pub(super) fn of(word: &str) -> Option<End> {
        [End::Sick, End::Failed]
            .into_iter()
            .find(|end| end.word() == word)
    }
}

/// A number, or the word of one that is not finite.
pub(super) fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value)
        .map_or_else(|| Value::String(value.to_string()), Value::Number)
}

/// A line as the file has it.
fn text_line(line: Map<String, Value>) -> String {
    format!("{}\n", Value::Object(line))
}

/// The line of something that happened.
fn event_line(step: u64, text: &str) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("step".to_owned(), step.into());
    line.insert("event".to_owned(), text.into());
    line
}

/// A file's bytes, which damage may have made anything; none if it is not there yet.
fn bytes(path: &Path) -> Result<Vec<u8>> {
    match read_regular(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(Error::read(path)),
    }
}

/// The lines with their numbers from 0, without a last one that a crash cut short.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split_inclusive(|b| *b == b'\n').enumerate();
    lines.take_while(|(_, line)| line.ends_with(b"\n"))
}

fn object(path: &Path, line: usize, text: &[u8]) -> Result<Map<String, Value>> {
    let object: Option<Map<String, Value>> = serde_json::from_slice(text).ok();
    let has_step = |o: &Map<String, Value>| o.get("step").is_some_and(Value::is_u64);
    object.filter(has_step).ok_or_else(|| damaged(path, line))
}

/// What is said of a line, numbered from 0, that is damaged.
pub(super) fn damaged(path: &Path, line: usize) -> Error {
    let place = format!("line {}", line + 1);
    let why = "not a JSON object with a `step`: something has damaged the file since it was written. Without this line it can be used \
               again";
    Error::format(path, place, why)
}
