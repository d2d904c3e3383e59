//! What may have another value where a run goes on.

use super::{Config, HealthConfig, LogConfig};

/// The settings of [`Config::changed_to`], in words.
pub(crate) const CHANGEABLE: &str = "train.iterations, if there are more, health.*, log.grid_every, log.checkpoint_minutes and log.checkpoints_kept";

impl Config {
    /// These settings, but for those that decide when the run ends and what of it is kept, which are as in `wanted`: an iteration computes what it would
    /// have, except that schedules over all iterations are those of more of them.
    pub(crate) fn changed_to(&self, wanted: &Config) -> Config {
        let mut changed = self.clone();
        changed.train.iterations = self.train.iterations.max(wanted.train.iterations);
        changed.health = HealthConfig {
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
