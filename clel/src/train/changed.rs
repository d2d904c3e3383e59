//! Settings that are others where a run goes on.

use super::{Trainer, run::Job};
use crate::Result;

/// Gives a trainer the settings of the run, as far as they may change; told in `warnings`, unless no iteration is left to which it matters. Whether the
/// run's file does not have them yet.
pub(super) fn take_over(
    job: &Job,
    trainer: &mut Trainer,
    warnings: &mut Vec<String>,
) -> Result<bool> {
    let step = trainer.step();
    let changed = trainer.config.changed_to(&job.config, step);
    let differ = changed != trainer.config;
    let text = match differ {
        true => format!(
            "goes on with other settings: {}",
            changed.differences(&trainer.config)
        ),
        false => "goes on with the settings of its checkpoint".to_owned(),
    };
    // those of a file that was changed may have been told, by a process that ended before the next checkpoint
    let asked_for = job.run.read_config()? != job.config;
    let news = asked_for || differ && !job.run.events()?.contains(&text);
    if news && step < job.last_step() {
        warnings.push(text);
    }
    trainer.config = changed;
    Ok(asked_for)
}
