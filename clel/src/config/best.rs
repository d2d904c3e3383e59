//! What makes a checkpoint the best one of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The figure by which the best checkpoint is known. Both are measured with each checkpoint that is due, in the latents of the averaged encoder, so
/// that a run without latents, or with `eval.samples` below 2, has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// Squared Fréchet distance of the replay buffer's first `eval.samples` chains from the training images, divided by the latter's own variance;
    /// the lowest.
    #[default]
    RelativeFrechet,
    /// Share of held-out images whose nearest training image is of the same class; the highest. It judges the encoder alone.
    NearestNeighbour,
    /// Neither is measured, and only the newest checkpoints are kept.
    None,
}

impl Best {
    /// The name by which settings choose it and metrics have it.
    pub const fn name(self) -> &'static str {
        match self {
            Best::RelativeFrechet => "relative_frechet",
            Best::NearestNeighbour => "nearest_neighbour",
            Best::None => "none",
        }
    }

    /// Whether `a` is better than `b`.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        match self {
            Best::RelativeFrechet => a < b,
            Best::NearestNeighbour => a > b,
            Best::None => false,
        }
    }
}
