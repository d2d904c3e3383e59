//! What may have another value where a run goes on.

use super::{Config, DataConfig, HealthConfig, LogConfig};

/// The settings of [`Config::changed_to`], in words.
pub(crate) const CHANGEABLE: &str = "train.iterations, if no fewer than are done, data.path, data.memory, health.* but rate_factor and rolled_back, \
    log.grid_every, log.checkpoint_minutes and log.checkpoints_kept";

impl Config {
    /// The settings of a run that has `done` so many iterations, but for those that decide when it ends, where its images lie and what of it is
    /// kept, which are as in `wanted`: an iteration computes what it would have, except that schedules over all iterations are those of another number of them.
    pub(crate) fn changed_to(&self, wanted: &Config, done: u64) -> Config {
        let mut changed = self.clone();
        if wanted.train.iterations as u64 >= done {
            changed.train.iterations = wanted.train.iterations;
        }
        changed.data = self.data.lying_as(&wanted.data);
        // the rates that a run goes back with are made of them
        changed.health = HealthConfig {
            rate_factor: self.health.rate_factor,
            rolled_back: self.health.rolled_back,
            ..wanted.health.clone()
        };
        changed.log = LogConfig {
            grid_every: wanted.log.grid_every,
            checkpoint_minutes: wanted.log.checkpoint_minutes,
            checkpoints_kept: wanted.log.checkpoints_kept,
            ..self.log.clone()
        };
        changed
    }
}

impl DataConfig {
    /// The same images where those of `other` lie, and held or not as those are: that makes no others of them.
    pub(crate) fn lying_as(&self, other: &DataConfig) -> DataConfig {
        DataConfig {
            path: other.path.clone(),
            memory: other.memory,
            ..self.clone()
        }
    }
}
