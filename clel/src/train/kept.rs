//! Which checkpoints of a run stay.

use super::{
    checkpoint::read_chains,
    figures::Figures,
    quality::{Quality, judged},
    run::due,
};
use crate::{
    Result,
    config::Config,
    data::ImageSet,
    report::{BestCheckpoint, History, RunDir},
};

/// The best checkpoint so far, found in the metrics where a stretch of the run begins and known from then on: they grow with the run, and reading
/// them for each checkpoint would take ever more time and memory.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    run: &'a RunDir,
    config: &'a Config,
    /// Its iteration, and the figure that decides.
    best: Option<(u64, f64)>,
    /// Its samples that were judged, once they are known and as far as they will be judged again.
    samples: Option<ImageSet>,
    /// The iteration of the newest one, if no interval asked for it: it makes room for the next.
    by_clock: Option<u64>,
}

impl<'a> Kept<'a> {
    /// Where iteration `step` is what the run goes on from, after these metrics; removes what is not to be kept, for a process may have ended
    /// between saving and that.
    pub fn of(
        run: &'a RunDir,
        config: &'a Config,
        step: u64,
        history: &History,
    ) -> Result<Kept<'a>> {
        let best = BestCheckpoint::among(&run.checkpoints()?, history, config.log.best);
        // the run was killed after one that the time alone had asked for, or stopped; the last one of a run that has become longer was judged
        let mut judged = history.points(config.log.best.name());
        let planned = due(config.log.checkpoint_every, step)
            || step == config.train.iterations as u64
            || judged.any(|(at, _)| at == step);
        let unplanned = !planned && run.checkpoint_path(step).exists();
        let mut kept = Kept {
            run,
            config,
            best: best.map(|best| (best.step, best.value)),
            samples: None,
            by_clock: None,
        };
        kept.makes_room(step, unplanned);
        kept.prune(step)?;
        Ok(kept)
    }

    /// The samples of the best one, if they are to be judged again; a file of which they cannot be read leaves that out.
    pub fn samples(&mut self) -> Option<&ImageSet> {
        if self.samples.is_none()
            && self.judges_again()
            && let Some((step, _)) = self.best
        {
            let chains = read_chains(&self.run.checkpoint_path(step), self.config);
            let samples = chains.and_then(|chains| judged(self.config, chains));
            self.samples = samples.ok();
        }
        self.samples.as_ref()
    }

    /// Whether figures of different iterations do not compare.
    fn judges_again(&self) -> bool {
        self.config.log.best.name_of_best().is_some() && self.config.encoder.latents.learn()
    }

    /// Learns of the quality that goes with the checkpoint of an iteration, before it is written.
    pub fn judge(&mut self, step: u64, quality: Quality) {
        let by = self.config.log.best;
        let figure = |name: &str| value_of(&quality.figures, name);
        let Some(value) = figure(by.name()) else {
            return;
        };
        let again = by.name_of_best().and_then(figure);
        let rival = self.best.map(|best| again.unwrap_or(best.1));
        if rival.is_none_or(|rival| by.is_better(value, rival)) {
            self.best = Some((step, value));
            self.samples = quality.samples.filter(|_| self.judges_again());
        }
    }

    /// The checkpoint of an iteration has been written, perhaps because of the time alone. That makes room for the next one.
    pub fn saved(&mut self, step: u64, by_clock: bool) -> Result<()> {
        let best = self.best.map(|best| best.0);
        if let Some(old) = self.by_clock.take().filter(|old| Some(*old) != best) {
            self.run.remove_checkpoint(old)?;
        }
        self.makes_room(step, by_clock);
        self.prune(step)
    }

    /// The newest checkpoint goes when the next one is written, if the time alone asked for it and not all are to stay.
    fn makes_room(&mut self, step: u64, by_clock: bool) {
        self.by_clock = (by_clock && self.config.log.checkpoints_kept > 0).then_some(step);
    }

    /// Removes the checkpoints that are not to be kept; not that of `step`, lest a damaged one of a later step count for it.
    pub fn prune(&self, step: u64) -> Result<()> {
        let spared: Vec<u64> = self.best.iter().map(|best| best.0).chain([step]).collect();
        // one because of the time is beside those that are counted
        let newest = match self.config.log.checkpoints_kept {
            0 => 0,
            n => n + usize::from(self.by_clock.is_some()),
        };
        self.run.prune_checkpoints(newest, &spared)
    }
}

fn value_of(figures: &Figures, name: &str) -> Option<f64> {
    let mut found = figures.iter().filter(|figure| figure.0 == name);
    found.next().map(|figure| figure.1)
}
