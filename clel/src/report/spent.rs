//! When a run began, how long it took, and where.

use std::path::Path;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, whole_file};

/// What a run has spent. Results do not depend on it, so it is in none of their files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// When the run began; none where it did so under an older version, which kept no such file.
    pub begun: Option<Timestamp>,
    /// Wall-clock time of all its parts, with what is drawn and judged beside training, each up to its end or, if it was killed, to when that was last written down, by the first iteration after each half minute; without the time for which it was
    /// stopped.
    pub seconds: f64,
    /// Where its last part was computed, and what that was tuned for.
    pub device: String,
    /// The version of the program that computed that part.
    pub version: String,
    /// The iteration with which that part ends or was to end; none where an older version computed it.
    #[serde(default)]
    pub until: Option<u64>,
}

impl Spent {
    /// Writes `time.json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        whole_file::write_json(path, self)
    }

    /// Reads one; nothing, if there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Option<Spent>> {
        let Some(text) = whole_file::read_if_there(path)? else {
            return Ok(None);
        };
        let spent: Option<Spent> = serde_json::from_str(&text).ok();
        // no process has trained for longer than there have been computers
        let spent = spent.filter(|spent| (0.0..1e10).contains(&spent.seconds));
        spent.map(Some).ok_or_else(|| {
            let why = "not the time of a run: something has damaged the file since it was written. Without it the run's time counts from \
                       now on";
            Error::format(path, "the whole of it", why)
        })
    }
}

/// Local time, to the minute.
pub(crate) fn local(at: Timestamp) -> String {
    let local = at.to_zoned_datetime(TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M").to_string()
}
