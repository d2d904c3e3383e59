//! What makes a checkpoint the best one of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The figure by which the best checkpoint is known. Both are measured with each checkpoint that is due, in the latents of the averaged encoder, so
/// that a run without latents, or with `eval.samples` below 2, has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Best {
    /// Squared Fréchet distance of the replay buffer's first `eval.samples` chains from the training images, divided by the latter's own variance;
    /// the lowest. Where the encoder learns, values of different iterations do not compare, so each checkpoint is compared with the best one
    /// before it in the encoder of its own iteration, in which the chains of both are judged.
    #[default]
    RelativeFrechet,
    /// Share of held-out images whose nearest training image is of the same class; the highest. It judges the encoder alone, so that values of all
    /// iterations compare.
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

    /// What metrics call the same figure of the best checkpoint so far, in the encoder of the line's iteration; nothing where values of different
    /// encoders compare.
    pub const fn name_of_best(self) -> Option<&'static str> {
        match self {
            Best::RelativeFrechet => Some("best_relative_frechet"),
            Best::NearestNeighbour | Best::None => None,
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
