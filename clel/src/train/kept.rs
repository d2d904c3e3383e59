//! Which checkpoints of a run stay.

use serde_json::{Map, Value};

use super::{figures::Figures, run::due};
use crate::{
    Result,
    config::{Best, Config},
    report::{BestCheckpoint, RunDir},
};

/// The best checkpoint so far, found in the metrics where a stretch of the run begins and known from then on: they grow with the run, and reading
/// them for each checkpoint would take ever more time and memory.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    run: &'a RunDir,
    by: Best,
    /// How many of the newest stay; 0 for all.
    newest: usize,
    /// Its iteration, and the figure that decides.
    best: Option<(u64, f64)>,
    /// The iteration of the newest one, if no interval asked for it: it makes room for the next.
    by_clock: Option<u64>,
}

impl<'a> Kept<'a> {
    /// Where iteration `step` is what the run goes on from, after these lines of metrics; removes what is not to be kept, for a process may have ended
    /// between saving and that.
    pub fn of(
        run: &'a RunDir,
        config: &Config,
        step: u64,
        history: &[Map<String, Value>],
    ) -> Result<Kept<'a>> {
        let by = config.log.best;
        let best = BestCheckpoint::among(&run.checkpoints()?, history, by);
        // the run was killed after one that the time alone had asked for, or stopped
        let planned =
            due(config.log.checkpoint_every, step) || step == config.train.iterations as u64;
        let unplanned = !planned && run.checkpoint_path(step).exists();
        let mut kept = Kept {
            run,
            by,
            newest: config.log.checkpoints_kept,
            best: best.map(|best| (best.step, best.value)),
            by_clock: None,
        };
        kept.makes_room(step, unplanned);
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

    /// The checkpoint of an iteration has been written, perhaps because of the time alone. That makes room for the next one.
    pub fn saved(&mut self, step: u64, by_clock: bool) -> Result<()> {
        if let Some(old) = self.by_clock.take() {
            self.run.remove_checkpoint(old)?;
        }
        self.makes_room(step, by_clock);
        self.prune(step)
    }

    /// The newest checkpoint goes when the next one is written, if the time alone asked for it and not all are to stay.
    fn makes_room(&mut self, step: u64, by_clock: bool) {
        self.by_clock = (by_clock && self.newest > 0).then_some(step);
    }

    /// Removes the checkpoints that are not to be kept; not that of `step`, lest a damaged one of a later step count for it.
    pub fn prune(&self, step: u64) -> Result<()> {
        let spared: Vec<u64> = self.best.iter().map(|best| best.0).chain([step]).collect();
        // one because of the time is beside those that are counted
        let newest = match self.newest {
            0 => 0,
            n => n + usize::from(self.by_clock.is_some()),
        };
        self.run.prune_checkpoints(newest, &spared)
    }
}
