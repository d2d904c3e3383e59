//! Settings that are others where a run goes on.

use std::path::PathBuf;

use clel_tensor::Device;

use super::{Trainer, run::Job, usable::newest_usable};
use crate::{Error, Result, report::RunDir};

/// What is told of them.
const TOLD: &str = "goes on with other settings: ";

/// Gives a trainer the settings of the run, as far as they may change; told in `warnings`, unless no iteration is left to which it matters.
pub(super) fn take_over(
    job: &Job,
    trainer: &mut Trainer,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let step = trainer.step();
    let changed = trainer.config.changed_to(&job.config, step);
    let before = job.run.read_config()?;
    let news = match before == job.config {
        false => Some(job.config.differences(&before)),
        // those of a file that somebody has changed, unless they have been told since the checkpoint was written
        true if changed != trainer.config => {
            let history = job.run.history()?;
            let mut since = history.events().iter().filter(|(at, _)| *at >= step);
            let told = since.any(|(_, text)| text.starts_with(TOLD));
            (!told).then(|| changed.differences(&trainer.config))
        }
        true => None,
    };
    if step < job.last_step() {
        warnings.extend(news.map(|news| format!("{TOLD}{news}")));
    }
    trainer.config = changed;
    Ok(())
}

/// Where the run's file of settings has nothing in it, as the loss of power may leave it: writes those of the newest checkpoint that is whole, and tells which
/// that is.
pub(crate) fn restore_settings(run: &RunDir) -> Result<Option<PathBuf>> {
    let path = run.config_path();
    let bytes = std::fs::read(&path).map_err(Error::read(&path))?;
    let is_empty = bytes.iter().all(|b| b.is_ascii_whitespace() || *b == 0);
    if !is_empty || run.checkpoints()?.is_empty() {
        return Ok(None);
    }
    let config = |path: &_| Ok(Trainer::load(path, &Device::Cpu)?.config);
    let found = newest_usable(run, config)?;
    run.write_config(&found.value)?;
    Ok(Some(found.path))
}
