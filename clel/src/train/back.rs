//! The state that a run goes on from when something was in its way.

use std::path::Path;

use super::{
    Trainer,
    run::Job,
    usable::{newest_usable, newest_usable_before},
};
use crate::{Error, Result, config::Config};

/// The last healthy state of a run that fell sick with settings `sick`, with other settings; told in `warnings`.
///
/// A state from which the run fell sick again before the next checkpoint is not healthy, whatever its own figures say: its checkpoint goes, and the
/// one before it is the last healthy state, as long as there is one.
pub(super) fn go_back(
    job: &Job,
    sick: &Config,
    why: &str,
    warnings: &mut Vec<String>,
) -> Result<Trainer> {
    let config = sick.rolled_back();
    let mut trainer = last_state(job, &config, warnings)?;
    let mut unhealthy = None;
    // written before the run went back the last time, so that is where it went back to
    if trainer.config.health.rolled_back < sick.health.rolled_back {
        let step = trainer.step();
        // it makes room
        drop(trainer);
        trainer = match newest_usable_before(&job.run, step, |path| load(job, path)) {
            Ok(older) => {
                unhealthy = Some(step);
                warnings.extend(older.warnings);
                older.value
            }
            Err(none) => {
                if !matches!(none, Error::NoCheckpoint(_)) {
                    warnings.push(none.in_one_line());
                }
                last_state(job, &config, &mut Vec::new())?
            }
        };
    }
    let led_there = unhealthy.map(|step| {
        format!(", before iteration {step}, from which it had fallen sick again and whose checkpoint is removed")
    });
    warnings.push(format!(
        "sick: {why}; went back to iteration {}{}, with other random numbers and learning rates {:.2e} and {:.2e} (time {} of {})",
        trainer.step(),
        led_there.unwrap_or_default(),
        config.train.ebm.lr,
        config.train.encoder.lr,
        config.health.rolled_back,
        config.health.rollbacks,
    ));
    job.run.write_config(&config)?;
    // last, so that a process that is killed here has something to go on from in any case
    if let Some(step) = unhealthy {
        job.run.remove_checkpoint(step)?;
    }
    trainer.config = config;
    Ok(trainer)
}

/// The newest checkpoint that is whole, or a new trainer if there is none yet.
pub(super) fn last_state(
    job: &Job,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Result<Trainer> {
    if job.run.checkpoints()?.is_empty() {
        return Trainer::new(config, &job.device);
    }
    let found = newest_usable(&job.run, |path| load(job, path))?;
    warnings.extend(found.warnings);
    Ok(found.value)
}

/// A trainer from one of the run's checkpoints, which must be of the iteration that its name says.
pub(super) fn load(job: &Job, path: &Path) -> Result<Trainer> {
    let trainer = Trainer::load(path, &job.device)?;
    let step = trainer.step();
    if path == job.run.checkpoint_path(step) {
        return Ok(trainer);
    }
    let why = format!("{step}, which is not the iteration of the file's name");
    Err(Error::format(path, "metadata `step`", why))
}
