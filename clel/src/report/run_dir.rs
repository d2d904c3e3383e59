//! The directory that holds everything of one run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::history::History;
use super::{LOCK, Metrics, RunLock, runs::why_no_run};
use crate::config::{Best, Config};
use crate::error::as_argument;
use crate::{Error, Result, whole_file};

pub(super) const FOLDERS: [&str; 3] = ["samples", "checkpoints", "events"];
/// ERROR_SHARING_VIOLATION, as Windows' headers number it.
const HELD: i32 = 32;

/// The picture of chains that began anew after the last iteration.
pub(crate) const FRESH_CHAINS: &str = "fresh-chains";

/// A run directory:
///
/// ```text
/// config.toml                    the whole configuration
/// metrics.jsonl                  one JSON object a line
/// samples/step-00000500.png      grids of samples
/// checkpoints/step-00000500.safetensors    the newest ones, and the best one
/// events/                        the metrics for TensorBoard
/// summary.json                   the figures at the end
/// time.json                      when it began, how long it has taken, where, up to which iteration it is to
/// report.html                    all of this as one page, where `clel report` was called
/// lock                           locked by the process that trains
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
    /// Whether it stays where the run cannot begin: a person made it, for this run or another one.
    stays: bool,
}

/// The best checkpoint of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestCheckpoint {
    /// The iteration that it was written after.
    pub step: u64,
    /// The figure that decides.
    pub by: &'static str,
    /// Its value.
    pub value: f64,
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
}

impl BestCheckpoint {
    /// The best of these checkpoints, by a figure of the metrics; the oldest of equally good ones. A line that has this figure of the best
    /// one before it too, measured alike, compares the two; the value that the best one had in a line of its own may be one of another encoder.
    pub(crate) fn among(
        checkpoints: &[(u64, PathBuf)],
        history: &History,
        by: Best,
    ) -> Option<BestCheckpoint> {
        let judged = history.pairs(by.name(), by.name_of_best()).into_iter();
        let there = judged.filter_map(|(step, value, before)| {
            let value = Some(value).filter(|value| value.is_finite())?;
            let before = before.filter(|before| before.is_finite());
            let (_, path) = checkpoints.iter().find(|(at, _)| *at == step)?;
            let best = BestCheckpoint {
                step,
                by: by.name(),
                value,
                path: path.clone(),
            };
            Some((best, before))
        });
        there.fold(None, |best: Option<BestCheckpoint>, (next, before)| {
            let rival = best.as_ref().map(|best| before.unwrap_or(best.value));
            match rival.is_none_or(|rival| by.is_better(next.value, rival)) {
                true => Some(next),
                false => best,
            }
        })
    }
}

impl RunDir {
    /// The directory of a new run: made, with its parents, or taken if it holds nothing yet. Nothing is removed from it: another process may be
    /// about to begin.
    ///
    /// # Errors
    /// It holds a run, or something else; it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let empty = std::fs::read_dir(path).is_ok_and(|mut inner| inner.next().is_none());
        let left = RunDir {
            path: path.to_owned(),
            stays: empty,
        };
        if !left.is_blank() {
            return Self::make(path);
        }
        left.make_folders()?;
        Ok(left)
    }

    /// Makes a directory that is not there, with its parents.
    fn make(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::write(parent))?;
        }
        std::fs::create_dir(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists if Self::open(path).is_ok() => Error::RunExists {
                path: path.to_owned(),
            },
            ErrorKind::AlreadyExists => Error::OutputExists {
                path: path.to_owned(),
            },
            _ => Error::write(path)(error),
        })?;
        let run = RunDir {
            path: path.to_owned(),
            stays: false,
        };
        run.make_folders().inspect_err(|_| run.discard())?;
        Ok(run)
    }

    /// Makes the first of `parent/name-001`, `parent/name-002`, … that is not there yet.
    ///
    /// # Errors
    /// None can be made.
    pub fn create_numbered(parent: &Path, name: &str) -> Result<Self> {
        let mut number = 1;
        loop {
            match Self::make(&parent.join(format!("{name}-{number:03}"))) {
                Err(Error::RunExists { .. } | Error::OutputExists { .. }) => number += 1,
                other => return other,
            }
        }
    }

    /// An existing run directory.
    ///
    /// # Errors
    /// There is no configuration in it.
    pub fn open(path: &Path) -> Result<Self> {
        let run = RunDir {
            path: path.to_owned(),
            stays: true,
        };
        if run.config_path().is_file() {
            Ok(run)
        } else {
            Err(Error::NotARun {
                path: path.to_owned(),
                why: why_no_run(path),
            })
        }
    }

    /// The run in a directory and whether it has begun; else the directory as [`create`](RunDir::create) has it.
    ///
    /// # Errors
    /// It is there and something else; it cannot be made.
    pub fn at(path: &Path) -> Result<(Self, bool)> {
        match Self::open(path) {
            Ok(run) => Ok((run, true)),
            Err(_) => Ok((Self::create(path)?, false)),
        }
    }

    /// Makes those of its folders that are not there: whoever has copied a run may have left some out.
    ///
    /// # Errors
    /// One cannot be made.
    pub(crate) fn make_folders(&self) -> Result<()> {
        for inner in FOLDERS {
            let inner = self.path.join(inner);
            std::fs::create_dir_all(&inner).map_err(Error::write(&inner))?;
        }
        Ok(())
    }

    /// Whether it is there and holds at most what a process makes before it begins.
    fn is_blank(&self) -> bool {
        let entries = |path: &Path| std::fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>();
        let blank = |path: PathBuf| {
            let ours = FOLDERS.iter().any(|inner| path == self.path.join(inner));
            path == self.lock_path()
                || self.is_half_config(&path)
                || ours && entries(&path).is_ok_and(|inner| inner.is_empty())
        };
        entries(&self.path).is_ok_and(|all| all.iter().all(|entry| blank(entry.path())))
    }

    /// Whether this is what a process has left of the configuration that was killed while it wrote it.
    fn is_half_config(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("config.toml.") && name.ends_with(".partial")
    }

    /// Removes a directory in which nothing has been written yet but, by this process, which has it until now, its configuration.
    pub(crate) fn take_back(&self, lock: RunLock) {
        // one that cannot be removed keeps what is there a run
        let _ = std::fs::remove_file(self.config_path());
        // Windows does not remove a file that is open
        drop(lock);
        self.discard();
    }

    /// Removes a directory in which nothing has been written yet; of one that was there, empty, what was made in it.
    pub fn discard(&self) {
        if self.config_path().exists() {
            return;
        }
        for inner in FOLDERS {
            // what is not empty stays
            let _ = std::fs::remove_dir(self.path.join(inner));
        }
        let _ = std::fs::remove_file(self.lock_path());
        if !self.stays {
            let _ = std::fs::remove_dir(&self.path);
        }
    }

    /// Removes what a process left half-written that was killed; for the process that has the run.
    pub(super) fn sweep(&self) {
        let folders = FOLDERS.iter().map(|inner| self.path.join(inner));
        for folder in folders.chain([self.path.clone()]) {
            whole_file::sweep(&folder);
        }
    }

    /// See [`LOCK`].
    pub(super) fn lock_path(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the configuration is kept.
    pub fn config_path(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Where the figures at the end of the run go.
    pub fn summary_path(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// Where it is kept how long the run has taken.
    pub fn time_path(&self) -> PathBuf {
        self.path.join("time.json")
    }

    /// Keeps the configuration.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        whole_file::write(&self.config_path(), config.to_toml().as_bytes())
    }

    /// Whether the file of its configuration has nothing in it, as the loss of power may leave one.
    pub(crate) fn config_is_empty(&self) -> Result<bool> {
        let path = self.config_path();
        let bytes = std::fs::read(&path).map_err(Error::read(&path))?;
        Ok(is_empty(&bytes))
    }

    /// The configuration kept in it.
    ///
    /// # Errors
    /// The file cannot be read or is not a complete configuration.
    pub fn read_config(&self) -> Result<Config> {
        let path = self.config_path();
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        if is_empty(text.as_bytes()) {
            let why = match self.latest_checkpoint() {
                Ok(_) => format!(
                    "empty; `clel train --resume {}` gives it the settings of the newest checkpoint again",
                    as_argument(&self.path)
                ),
                Err(_) => "empty, and no checkpoint has the settings of the run".to_owned(),
            };
            return Err(Error::format(&path, "the file", why));
        }
        Config::parse(&text, &path.display().to_string())
    }

    /// Opens the metrics: a new file for step 0, else the old one cut after `step`.
    ///
    /// # Errors
    /// The file cannot be opened, or is damaged.
    pub fn metrics(&self, step: u64) -> Result<Metrics> {
        let path = self.metrics_path();
        if step == 0 && !path.exists() {
            Metrics::create(&path)
        } else {
            Metrics::resume(&path, step)
        }
    }

    /// Its metrics so far.
    ///
    /// # Errors
    /// They cannot be read, or are damaged.
    pub fn history(&self) -> Result<History> {
        History::read(&self.metrics_path())
    }

    /// Removes the figures at the end, and the picture of the chains that were judged for them, when the run goes on.
    ///
    /// # Errors
    /// One of the files is there and cannot be removed.
    pub fn remove_summary(&self) -> Result<()> {
        for path in [self.summary_path(), self.picture_path(FRESH_CHAINS)] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::write(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What happened to the run, as its metrics tell.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn events(&self) -> Result<Vec<String>> {
        let history = self.history()?;
        let events = history.events().iter();
        Ok(events.map(|(_, text)| text.clone()).collect())
    }

    /// Where the metrics are.
    pub(super) fn metrics_path(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Where the grid of samples of a step goes.
    pub fn samples_path(&self, step: u64) -> PathBuf {
        self.samples_folder().join(format!("step-{step:08}.png"))
    }

    /// Where a picture with a name of its own goes.
    pub fn picture_path(&self, name: &str) -> PathBuf {
        self.samples_folder().join(format!("{name}.png"))
    }

    /// The folder of all pictures.
    pub fn samples_folder(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// Where the checkpoint of a step goes.
    pub fn checkpoint_path(&self, step: u64) -> PathBuf {
        self.path
            .join("checkpoints")
            .join(format!("step-{step:08}.safetensors"))
    }

    /// Step and file of each checkpoint, oldest first; none where the run was copied without them.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for path in entries(&self.path.join("checkpoints"))? {
            let step = path
                .file_name()
                .and_then(|name| {
                    name.to_str()?
                        .strip_prefix("step-")?
                        .strip_suffix(".safetensors")
                })
                .and_then(|digits| digits.parse().ok());
            found.extend(step.map(|step| (step, path)));
        }
        found.sort();
        Ok(found)
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// There is none, or the folder cannot be read.
    pub fn latest_checkpoint(&self) -> Result<(u64, PathBuf)> {
        self.checkpoints()?
            .pop()
            .ok_or_else(|| Error::NoCheckpoint(self.path.clone()))
    }

    /// The best of the checkpoints that there are, by a figure of the metrics; the oldest of equally good ones.
    ///
    /// # Errors
    /// Metrics or folder cannot be read.
    pub fn best_checkpoint(&self, by: Best) -> Result<Option<BestCheckpoint>> {
        let (there, history) = (self.checkpoints()?, self.history()?);
        Ok(BestCheckpoint::among(&there, &history, by))
    }

    /// Removes all but the newest `kept` checkpoints, those of the steps `spared` among the others; 0 keeps all. On Windows one that another
    /// program has open, to copy it perhaps, stays until the next time.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn prune_checkpoints(&self, kept: usize, spared: &[u64]) -> Result<()> {
        let all = self.checkpoints()?;
        let surplus = if kept == 0 {
            0
        } else {
            all.len().saturating_sub(kept)
        };
        let surplus = all[..surplus].iter();
        for (_, path) in surplus.filter(|(step, _)| !spared.contains(step)) {
            remove(path)?;
        }
        Ok(())
    }

    /// Removes the checkpoint of an iteration, if it is there and nothing holds it open.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove_checkpoint(&self, step: u64) -> Result<()> {
        remove(&self.checkpoint_path(step))
    }
}

/// What is in a folder; nothing, if it is not there.
///
/// # Errors
/// It cannot be read.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let all = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        all => all.map_err(Error::read(folder))?,
    };
    let paths = all.map(|entry| Ok(entry?.path()));
    let paths: std::io::Result<_> = paths.collect();
    paths.map_err(Error::read(folder))
}

fn is_empty(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| b.is_ascii_whitespace() || *b == 0)
}

/// Removes a checkpoint; one that somebody has moved, or that Windows keeps for who reads it, is left to that.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if cfg!(windows) && error.raw_os_error() == Some(HELD) => Ok(()),
        result => result.map_err(Error::write(path)),
    }
}

/// The file of the best checkpoint, if this is RUN/best.
///
/// # Errors
/// No checkpoint of the run has been judged, or its configuration or metrics cannot be read.
pub(crate) fn best_of(path: &Path) -> Result<Option<PathBuf>> {
    let run = path.parent().and_then(|parent| RunDir::open(parent).ok());
    let (Some(run), false, Some(true)) =
        (run, path.exists(), path.file_name().map(|n| n == "best"))
    else {
        return Ok(None);
    };
    let best = run.best_checkpoint(run.read_config()?.log.best)?;
    let best = best.ok_or_else(|| {
        let here = run.path.as_os_str().is_empty();
        let run = if here { Path::new(".") } else { &run.path };
        Error::Argument {
            argument: path.display().to_string(),
            why: format!(
                "no checkpoint of {} has been judged yet; log.best says by what, and its newest one is there without /best",
                run.display()
            ),
        }
    })?;
    Ok(Some(best.path))
}
