//! What a run does when it comes to images that cannot be read.

use super::{
    Trainer,
    clock::Clock,
    kept::Kept,
    recorder::Recorder,
    run::{Job, Stretch},
};
use crate::{Error, Result};

/// Ends a stretch whose images cannot be read, with a checkpoint: between two iterations the state is sound, and nothing of it is to be lost to a file.
///
/// # Errors
/// [`Error::Unread`]; or the checkpoint cannot be written.
pub(super) fn unread(
    job: &Job,
    trainer: &Trainer,
    recorder: &Recorder<'_>,
    clock: &Clock,
    kept: &mut Kept<'_>,
    source: Error,
) -> Result<Stretch> {
    let step = trainer.step();
    let path = job.run.checkpoint_path(step);
    // before the first iteration there is nothing to hold
    if step > 0 && !path.exists() {
        if let Some(why) = trainer.not_finite()? {
            return Ok(Stretch::Sick(format!("{why} after iteration {step}")));
        }
        recorder.sync()?;
        trainer.save(&path)?;
        clock.keep(&job.run)?;
        kept.saved(step, false)?;
    }
    Err(Error::Unread {
        run: job.run.path().to_owned(),
        step,
        source: Box::new(source),
    })
}
