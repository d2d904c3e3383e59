//! Settings that are others where a run goes on.

use std::path::PathBuf;

use clel_tensor::Device;

use super::{Trainer, run::Job, usable::newest_usable};
use crate::Result;
use crate::config::differences;
use crate::report::RunDir;

/// What is told of them.
const TOLD: &str = "goes on with other settings: ";

/// Gives a trainer the settings of the run, as far as they may change; what of it nobody has been told is added to `warnings`, unless no iteration is left to
/// which it matters.
pub(super) fn take_over(
    job: &Job,
    trainer: &mut Trainer,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let step = trainer.step();
    let changed = trainer.config.changed_to(&job.config, step);
    if step < job.last_step() {
        let mut known = trainer.config.in_words();
        for (_, text) in job.run.history()?.events().iter().filter(|e| e.0 >= step) {
            known.extend(told(text));
        }
        let news = differences(&changed.in_words(), &known);
        if !news.is_empty() {
            warnings.push(format!("{TOLD}{news}"));
        }
    }
    trainer.config = changed;
    Ok(())
}

/// The settings that an event told of, if it told of such [`differences`].
fn told(event: &str) -> impl Iterator<Item = (String, String)> {
    let list = event.strip_prefix(TOLD).unwrap_or_default().split(", ");
    list.filter_map(|part| {
        let (key, values) = part.split_once(" = ")?;
        let (value, _) = values.rsplit_once(" instead of ")?;
        Some((key.to_owned(), value.to_owned()))
    })
}

/// Where the run's file of settings has nothing in it, as the loss of power may leave it: writes those of the newest checkpoint that is whole, and tells which
/// that is.
pub(crate) fn restore_settings(run: &RunDir) -> Result<Option<PathBuf>> {
    if !run.config_is_empty()? || run.checkpoints()?.is_empty() {
        return Ok(None);
    }
    let config = |path: &_| Ok(Trainer::load(path, &Device::Cpu)?.config);
    let found = newest_usable(run, config)?;
    run.write_config(&found.value)?;
    Ok(Some(found.path))
}
