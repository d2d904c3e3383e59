//! Metrics as JSON Lines.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{Error, Result, whole_file};

/// Appends one JSON object a line: `{"step": 10, "name": number, …}`. Each line is handed to the
/// system at once, so that a killed run loses none. A number that is not finite is written as text
/// ("NaN", "inf", "-inf"), which JSON numbers cannot say.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
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
        })
    }

    /// Goes on after `step`: drops the lines of later steps, and a last one that a crash cut short.
    ///
    /// # Errors
    /// The file cannot be read or written, or one of its lines but the last is not such an object.
    pub fn resume(path: &Path, step: u64) -> Result<Self> {
        let mut kept = String::new();
        for (i, line) in whole_lines(&text(path)?) {
            if step_of(&object(path, i, line)?) <= Some(step) {
                kept.push_str(line);
            }
        }
        // a crash or a full disk here must not lose the history
        whole_file::write(path, kept.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(Error::write(path))?;
        Ok(Metrics {
            path: path.to_owned(),
            file,
        })
    }

    /// Writes one line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".to_owned(), step.into());
        for (name, value) in values {
            let value = serde_json::Number::from_f64(*value)
                .map_or_else(|| Value::String(value.to_string()), Value::Number);
            line.insert((*name).to_owned(), value);
        }
        self.append(line)
    }

    /// Writes a line about something that happened: `{"step": 10, "event": "…"}`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&mut self, step: u64, text: &str) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".to_owned(), step.into());
        line.insert("event".to_owned(), text.into());
        self.append(line)
    }

    fn append(&mut self, line: Map<String, Value>) -> Result<()> {
        let text = format!("{}\n", Value::Object(line));
        self.file
            .write_all(text.as_bytes())
            .map_err(Error::write(&self.path))
    }

    /// All lines of a file; none if it is not there yet. A last one that was cut short is left out.
    ///
    /// # Errors
    /// The file cannot be read, or one of its lines is not a JSON object with a `step`.
    pub fn read(path: &Path) -> Result<Vec<Map<String, Value>>> {
        whole_lines(&text(path)?)
            .map(|(i, line)| object(path, i, line))
            .collect()
    }
}

/// A file's text; none if it is not there yet.
fn text(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(Error::read(path)),
    }
}

/// The lines with their numbers from 0, without a last one that a crash cut short.
fn whole_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split_inclusive('\n').enumerate();
    lines.take_while(|(_, line)| line.ends_with('\n'))
}

fn step_of(line: &Map<String, Value>) -> Option<u64> {
    line.get("step")?.as_u64()
}

fn object(path: &Path, line: usize, text: &str) -> Result<Map<String, Value>> {
    let object: Option<Map<String, Value>> = serde_json::from_str(text).ok();
    object.filter(|o| step_of(o).is_some()).ok_or_else(|| {
        let place = format!("line {}", line + 1);
        Error::format(path, place, "not a JSON object with a `step`")
    })
}
