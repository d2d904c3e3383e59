//! Long chains, as sampling from a finished model takes them.

use clel_nn::hold_weights;
use clel_tensor::{Device, RngKey, Tensor};

use super::{Energy, Langevin};
use crate::Result;
use crate::augment::augment;
use crate::config::Augmentation;
use crate::model::EVALUATION_BATCH;
use crate::train::streams;

/// Where chains begin.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// So many images of uniform noise.
    Noise(usize),
    /// These images, row-major \[N, H, W, C\].
    Images(&'a [f32]),
}

/// Chains of Langevin steps in rounds: each round first augments the chains, as training does with its buffer, then takes
/// its steps.
#[derive(Debug, Clone)]
pub struct Rounds {
    /// The dynamics, with the steps of one round.
    pub langevin: Langevin,
    /// Steps of a chain in all; the last round may be shorter than the others.
    pub steps: usize,
    /// Applied at the beginning of each round.
    pub augmentation: Augmentation,
    /// Seed of the noise.
    pub seed: u64,
}

impl Rounds {
    /// Runs the chains from `start`, images of `shape` \[H, W, C\]: their ends, row-major \[N, H, W, C\].
    ///
    /// # Errors
    /// What the energy and the device report.
    pub fn run(
        &self,
        energy: &Energy<'_>,
        start: Start<'_>,
        shape: [usize; 3],
        device: &Device,
    ) -> Result<Vec<f32>> {
        let [h, w, c] = shape;
        let size = h * w * c;
        let count = match start {
            Start::Noise(count) => count,
            Start::Images(values) => values.len() / size.max(1),
        };
        let mut ends = Vec::with_capacity(count * size);
        for first in (0..count).step_by(EVALUATION_BATCH) {
            let n = EVALUATION_BATCH.min(count - first);
            let part = (first / EVALUATION_BATCH) as u64;
            let begin = match start {
                Start::Noise(_) => {
                    let key = RngKey::new(self.seed, streams::EVALUATION_START).at(part);
                    Tensor::uniform(&[n, h, w, c], key, device)?
                }
                Start::Images(values) => {
                    let values = &values[first * size..(first + n) * size];
                    Tensor::from_slice(values, &[n, h, w, c], device)?
                }
            };
            ends.extend(self.part(energy, begin, part)?.to_vec::<f32>()?);
        }
        Ok(ends)
    }

    /// The chains of one batch.
    fn part(&self, energy: &Energy<'_>, mut x: Tensor, part: u64) -> Result<Tensor> {
        let per_round = self.langevin.steps.max(1);
        for (round, first) in (0..self.steps).step_by(per_round).enumerate() {
            // Rounds of different batches draw different numbers.
            let key = |stream| RngKey::new(self.seed, stream).at((part << 16) | round as u64);
            let start = augment(&x, self.augmentation, key(streams::EVALUATION_CHAINS))?;
            let langevin = Langevin {
                steps: per_round.min(self.steps - first),
                ..self.langevin.clone()
            };
            let noise = key(streams::EVALUATION);
            x = hold_weights(|| langevin.run(energy, &start, noise))?.images;
        }
        Ok(x)
    }
}
