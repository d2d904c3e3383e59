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
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::read(path)(error)),
        };
        let mut kept = String::new();
        for (i, line) in text.split_inclusive('\n').enumerate() {
            if !line.ends_with('\n') {
                break;
            }
            let object: Option<Value> = serde_json::from_str(line).ok();
            let at = object
                .and_then(|o| o.get("step")?.as_u64())
                .ok_or_else(|| {
                    Error::format(
                        path,
                        format!("line {}", i + 1),
                        "not a JSON object with a `step`",
                    )
                })?;
            if at <= step {
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

    /// The texts of all events in a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn events(path: &Path) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let event = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line.get("event")?.as_str()?.to_owned())
        };
        Ok(text.lines().filter_map(event).collect())
    }
}
