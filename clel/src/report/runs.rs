//! Where runs lie: in a folder, or in an experiment's directory.

use std::path::{Path, PathBuf};

use super::run_dir::FOLDERS;
use crate::error::as_argument;
use crate::{Error, Result};

/// Runs of an experiment or a folder that an error names.
const NAMED: usize = 4;

/// What no other directory has than a run's.
const RUN_FILES: [&str; 3] = ["config.toml", "metrics.jsonl", "time.json"];

/// Whether a directory is a run's, or was before it was damaged: it has a file that no other has.
pub(crate) fn is_run(path: &Path) -> bool {
    RUN_FILES.iter().any(|file| path.join(file).is_file())
}

/// Whether this is an experiment's directory.
pub(crate) fn holds_experiment(folder: &Path) -> bool {
    folder.join("experiment.toml").is_file() && !is_run(folder)
}

/// The file of the experiment that a run is part of.
pub(crate) fn experiment_of(run: &Path) -> Option<PathBuf> {
    let run = run.canonicalize().ok()?;
    let folder = run.ancestors().nth(3)?;
    let runs = run.starts_with(folder.join("runs"));
    (runs && holds_experiment(folder)).then(|| folder.join("experiment.toml"))
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
fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let path = entry.map_err(Error::read(folder))?.path();
        paths.extend(path.is_dir().then_some(path));
    }
    paths.sort();
    Ok(paths)
}

/// The runs in a folder, by name, those of experiments in it among them, or those of the experiment that it is.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    if holds_experiment(folder) {
        runs = of_experiment(folder)?;
    } else {
        for path in folders(folder)? {
            match holds_experiment(&path) {
                true => runs.extend(of_experiment(&path)?),
                false => runs.push(path),
            }
        }
    }
    runs.retain(|path| is_run(path));
    Ok(runs)
}

/// The run in which a path lies, as one of its checkpoints, pictures or files.
pub(crate) fn run_around(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    // RUN/best is where checkpoints are asked for
    let is_file = path.is_file() && RUN_FILES.iter().any(|file| path.ends_with(file));
    if (is_file || path.ends_with("best")) && is_run(parent) {
        return Some(parent);
    }
    // whose folder there is what it is called
    let folder = if path.is_dir() { path } else { parent };
    let is_part = FOLDERS.iter().any(|name| folder.ends_with(name));
    let run = folder.parent()?;
    (path.exists() && is_part && is_run(run)).then_some(run)
}

/// Why a directory without a configuration is no run's; what is part of a run, of which one; of an experiment's or a folder of runs, which ones are there.
pub(super) fn why_no_run(path: &Path) -> String {
    // one that has lost its configuration is none of these
    let runs = match is_run(path) {
        true => Vec::new(),
        false => in_folder(path).unwrap_or_default(),
    };
    if let Some(run) = run_around(path).filter(|_| runs.is_empty()) {
        let saved = path
            .extension()
            .is_some_and(|ending| ending == "safetensors");
        let kind = match saved || path.ends_with("best") {
            true => "a checkpoint",
            false => "a part",
        };
        let run = match run.as_os_str().is_empty() {
            true => Path::new("."),
            false => run,
        };
        return format!("it is {kind} of the run {}: name that", as_argument(run));
    }
    if path.is_file() {
        return "it is a file".to_owned();
    }
    if !path.exists() {
        return "there is no such directory".to_owned();
    }
    let kind = match (holds_experiment(path), runs.is_empty()) {
        (true, true) => return "it is an experiment's, which has no runs yet".to_owned(),
        (true, false) => "it is an experiment's; its runs are",
        (false, true) => return "there is no config.toml in it".to_owned(),
        (false, false) => "it is a folder of runs:",
    };
    let named = runs.iter().take(NAMED).map(|run| as_argument(run));
    let named = named.collect::<Vec<_>>().join(", ");
    match runs.len().saturating_sub(NAMED) {
        0 => format!("{kind} {named}"),
        more => format!(
            "{kind} {named} and {more} more, which `clel runs {}` lists",
            as_argument(path)
        ),
    }
}
