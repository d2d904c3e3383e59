//! Which checkpoints of a run stay.

use super::figures::Figures;
use crate::{
    Error, Result,
    config::{Best, Config},
    report::RunDir,
};

/// The best checkpoint so far, found in the metrics where a stretch of the run begins and known from then on: they grow with the run, and reading
/// them for each checkpoint would take ever more time and memory.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    run: &'a RunDir,
    by: Best,
    /// How many of the newest stay.
    newest: usize,
    /// Its iteration, and the figure that decides.
    best: Option<(u64, f64)>,
    /// The iteration of the newest one, if it was saved because of the time alone: it makes room for the next.
    by_clock: Option<u64>,
}

impl<'a> Kept<'a> {
    /// Where iteration `step` is what the run goes on from; removes what is not to be kept, for a process may have ended between saving and that.
    pub fn of(run: &'a RunDir, config: &Config, step: u64) -> Result<Kept<'a>> {
        let by = config.log.best;
        let best = run.best_checkpoint(by)?;
        let kept = Kept {
            run,
            by,
            newest: config.log.checkpoints_kept,
            best: best.map(|best| (best.step, best.value)),
            by_clock: None,
        };
        kept.prune(step)?;
        Ok(kept)
    }

    /// Learns of the figures that go with the checkpoint of an iteration, before it is written.
    pub fn judge(&mut self, step: u64, figures: &Figures) {
        let value = figures.iter().find(|figure| figure.0 == self.by.name());
        if let Some((_, value)) = value
            && self
                .best
                .is_none_or(|best| self.by.is_better(*value, best.1))
        {
            self.best = Some((step, *value));
        }
    }

    /// The checkpoint of an iteration has been written, perhaps because of the time alone.
    pub fn saved(&mut self, step: u64, by_clock: bool) -> Result<()> {
        self.forget_by_clock()?;
        self.by_clock = by_clock.then_some(step);
        match by_clock {
            true => Ok(()),
            false => self.prune(step),
        }
    }

    /// Removes the one that was saved because of the time alone, if there is another, so that a run goes back to where any run would.
    pub fn forget_by_clock(&mut self) -> Result<()> {
        let Some(step) = self.by_clock.take() else {
            return Ok(());
        };
        let path = self.run.checkpoint_path(step);
        match self.run.checkpoints()?.len() {
            0 | 1 => Ok(()),
            _ => std::fs::remove_file(&path).map_err(Error::write(&path)),
        }
    }

    /// Removes the checkpoints that are not to be kept; not that of `step`, lest a damaged one of a later step count for it.
    pub fn prune(&self, step: u64) -> Result<()> {
        let spared: Vec<u64> = self.best.iter().map(|best| best.0).chain([step]).collect();
        self.run.prune_checkpoints(self.newest, &spared)
    }
}
