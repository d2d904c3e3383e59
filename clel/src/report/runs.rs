//! Where runs lie: in a folder, or in an experiment's directory.

use std::path::{Path, PathBuf};

use crate::error::as_argument;
use crate::{Error, Result};

/// Runs of an experiment that an error names.
const NAMED: usize = 4;

/// Whether a directory is a run's, or was before it was damaged: it has a file that no other has.
pub(crate) fn is_run(path: &Path) -> bool {
    ["config.toml", "metrics.jsonl", "time.json"]
        .iter()
        .any(|file| path.join(file).is_file())
}

/// Whether this is an experiment's directory.
pub(crate) fn holds_experiment(folder: &Path) -> bool {
    folder.join("experiment.toml").is_file() && !is_run(folder)
}

/// `FOLDER/runs/VARIANT/seed-N`, as far as it has come to them.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn of_experiment(folder: &Path) -> Result<Vec<PathBuf>> {
    let runs = folder.join("runs");
    let variants = match runs.is_dir() {
        true => folders(&runs)?,
        false => Vec::new(),
    };
    let of_each: Result<Vec<_>> = variants.iter().map(|variant| folders(variant)).collect();
    Ok(of_each?.concat())
}

/// The folders in a folder, by name.
///
/// # Errors
/// It cannot be read.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let path = entry.map_err(Error::read(folder))?.path();
        paths.extend(path.is_dir().then_some(path));
    }
    paths.sort();
    Ok(paths)
}

/// Why a directory without a configuration is no run's; of an experiment's, which ones are there.
pub(super) fn why_no_run(path: &Path) -> String {
    let missing = "there is no config.toml in it".to_owned();
    if !holds_experiment(path) {
        return missing;
    }
    let runs = of_experiment(path).unwrap_or_default();
    let runs: Vec<&PathBuf> = runs.iter().filter(|run| is_run(run)).collect();
    if runs.is_empty() {
        return "it is an experiment's, which has no runs yet".to_owned();
    }
    let named = runs.iter().take(NAMED).map(|run| as_argument(run));
    let named = named.collect::<Vec<_>>().join(", ");
    match runs.len().saturating_sub(NAMED) {
        0 => format!("it is an experiment's; its runs are {named}"),
        more => format!(
            "it is an experiment's; its runs are {named} and {more} more, which `clel runs {}` lists",
            as_argument(path)
        ),
    }
}
