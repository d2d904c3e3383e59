//! A run that goes on with no iteration left to do.

use super::{Trainer, run::Job};
use crate::{error::as_argument, report::Summary};

/// What a run came to that has no iteration left, if that is all there still.
pub(super) fn judged_before(job: &Job, trainer: &Trainer) -> Option<Summary> {
    let step = trainer.step();
    let summary = Summary::read(&job.run.summary_path()).ok().flatten()?;
    let whole = summary.iterations == step && summary.pictures.iter().all(|path| path.exists());
    whole.then_some(summary)
}

/// Why no iteration is done after `step`, if none is.
pub(super) fn nothing_left(job: &Job, step: u64) -> Option<String> {
    let planned = job.config.train.iterations as u64;
    if step < job.last_step() {
        return None;
    }
    if step < planned {
        return Some(format!(
            "the run was to stop after iteration {} and has {step} of its {planned} already",
            job.last_step()
        ));
    }
    let run = as_argument(job.run.path());
    Some(format!(
        "the run has all its {planned}. It goes on for more with `clel train --resume {run} --set train.iterations=…`"
    ))
}
