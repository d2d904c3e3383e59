//! Long chains, as sampling from a finished model takes them.

use std::ops::Range;

use clel_nn::hold_weights;
use clel_tensor::{Device, Expr, RngKey, Tensor, expr::Distribution};

use super::{Energy, Langevin, Observed, Watch};
use crate::augment::augment;
use crate::config::Augmentation;
use crate::draws::Draws;
use crate::model::EVALUATION_BATCH;
use crate::train::streams;
use crate::{Error, Result};

/// Where chains begin.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// So many images of uniform noise.
    Noise(usize),
    /// These images, row-major \[N, H, W, C\].
    Images(&'a [f32]),
}

/// Chains of Langevin steps in rounds: each round first starts some chains again and augments all, as training does with its buffer, then
/// takes its steps.
#[derive(Debug, Clone)]
pub struct Rounds {
    /// The dynamics, with the steps of one round.
    pub langevin: Langevin,
    /// Steps of a chain in all; the last round may be shorter than the others.
    pub steps: usize,
    /// Applied at the beginning of each round.
    pub augmentation: Augmentation,
    /// Probability that a chain starts again from noise at the beginning of a round, the first one apart.
    pub restart: f64,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Rounds {
    /// Runs the chains from `start`, images of `shape` \[H, W, C\]: their ends, row-major \[N, H, W, C\].
    ///
    /// # Errors
    /// What the energy and the device report; [`Error::Mismatch`] for numbers that are not whole images.
    pub fn run(
        &self,
        energy: &Energy<'_>,
        start: Start<'_>,
        shape: [usize; 3],
        device: &Device,
    ) -> Result<Vec<f32>> {
        self.run_watched(energy, start, shape, device, &mut |_, _| Ok(()))
    }

    /// [`run`](Rounds::run), while `watch` is told what [`follow`](Rounds::follow) tells it of each batch.
    ///
    /// # Errors
    /// What the energy, the observer and the device report; [`Error::Mismatch`] for numbers that are not whole images.
    pub fn run_watched(
        &self,
        energy: &Energy<'_>,
        start: Start<'_>,
        shape: [usize; 3],
        device: &Device,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<f32>> {
        let size = shape.iter().product::<usize>();
        let count = match start {
            Start::Noise(count) => count,
            Start::Images(values) => whole(values, size)?,
        };
        Self::of_all([count, size], |chains| {
            let x = self.begin(start, chains, shape, device)?;
            self.follow(energy, x, chains, None, watch)
        })
    }

    /// What `of` makes of the chains of each batch, one after another: row-major images of so many numbers. Those of a batch run together.
    ///
    /// # Errors
    /// Those of `of`; there is not so much memory.
    pub(crate) fn of_all(
        [count, size]: [usize; 2],
        mut of: impl FnMut(&Range<usize>) -> Result<Tensor>,
    ) -> Result<Vec<f32>> {
        let mut all = room([count, size])?;
        for first in (0..count).step_by(EVALUATION_BATCH) {
            let chains = first..count.min(first + EVALUATION_BATCH);
            all.extend(of(&chains)?.to_vec::<f32>()?);
        }
        Ok(all)
    }

    /// Where the chains of one batch begin, \[N, H, W, C\].
    ///
    /// # Errors
    /// [`Error::Mismatch`] for numbers that are not whole images, or fewer images than chains; what the device reports.
    pub fn begin(
        &self,
        start: Start<'_>,
        chains: &Range<usize>,
        [h, w, c]: [usize; 3],
        device: &Device,
    ) -> Result<Tensor> {
        let (shape, size) = ([chains.len(), h, w, c], h * w * c);
        match start {
            Start::Noise(_) => self.noise(shape, part(chains), device),
            Start::Images(values) => {
                whole(values, size)?;
                let values = images_of("images to start from", values, chains, size)?;
                Ok(Tensor::from_slice(values, &shape, device)?)
            }
        }
    }

    /// All rounds of one batch from `x`: the ends of its chains. `watch` is told the start, as after 0 steps, and every step.
    ///
    /// # Errors
    /// What the energy, the observer and the device report.
    pub fn follow(
        &self,
        energy: &Energy<'_>,
        mut x: Tensor,
        chains: &Range<usize>,
        observed: Option<&Observed>,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor> {
        watch(0, &x)?;
        for round in 0..self.count() {
            let before = round * self.langevin.steps.max(1);
            x = self.part(energy, x, part(chains), round, observed, &mut |k, x| {
                watch(before + k, x)
            })?;
        }
        Ok(x)
    }

    /// How many rounds the steps make.
    pub fn count(&self) -> usize {
        self.steps.div_ceil(self.langevin.steps.max(1))
    }

    /// Where [`run`](Rounds::run) lets `count` chains start from noise.
    ///
    /// # Errors
    /// What the device reports.
    pub fn start(&self, count: usize, shape: [usize; 3], device: &Device) -> Result<Vec<f32>> {
        Self::of_all([count, shape.iter().product()], |chains| {
            self.begin(Start::Noise(count), chains, shape, device)
        })
    }

    /// Round number `round` of all chains, row-major \[N, H, W, C\] in `shape` \[H, W, C\]: round after round, [`run`](Rounds::run) to the last bit.
    ///
    /// # Errors
    /// What the energy and the device report; [`Error::Mismatch`] for a round beyond the last ([`count`](Rounds::count)), or numbers that are not whole images.
    pub fn round(
        &self,
        energy: &Energy<'_>,
        chains: &mut [f32],
        round: usize,
        [h, w, c]: [usize; 3],
        device: &Device,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        if round >= self.count() {
            return Err(Error::Mismatch {
                what: "number of a round".to_owned(),
                found: round.to_string(),
                expected: format!("less than {}, as many as there are", self.count()),
            });
        }
        let size = (h * w * c).max(1);
        whole(chains, size)?;
        let parts = chains.chunks_mut(EVALUATION_BATCH * size);
        for (part, values) in parts.enumerate() {
            let shape = [values.len() / size, h, w, c];
            let x = Tensor::from_slice(values, &shape, device)?;
            let x = self.part(energy, x, part as u64, round, None, watch)?;
            values.copy_from_slice(&x.to_vec::<f32>()?);
        }
        Ok(())
    }

    fn noise(&self, shape: [usize; 4], part: u64, device: &Device) -> Result<Tensor> {
        let key = RngKey::new(self.seed, streams::EVALUATION_START).at(part);
        Ok(Tensor::uniform(&shape, key, device)?)
    }

    /// One round of the chains of one batch.
    fn part(
        &self,
        energy: &Energy<'_>,
        x: Tensor,
        part: u64,
        round: usize,
        observed: Option<&Observed>,
        watch: &mut Watch<'_>,
    ) -> Result<Tensor> {
        let per_round = self.langevin.steps.max(1);
        let key = |stream| key_of(RngKey::new(self.seed, stream), part, round as u64);
        let x = match round {
            0 => x,
            _ => self.restarted(x, key)?,
        };
        let start = augment(&x, self.augmentation, key(streams::EVALUATION_CHAINS))?;
        let langevin = Langevin {
            steps: per_round.min(self.steps - round * per_round),
            ..self.langevin.clone()
        };
        let noise = key(streams::EVALUATION);
        let chains = hold_weights(|| langevin.follow(energy, &start, noise, observed, watch))?;
        Ok(chains.images)
    }

    /// The chains, some of them replaced by noise.
    fn restarted(&self, x: Tensor, key: impl Fn(u32) -> RngKey) -> Result<Tensor> {
        let mut draws = Draws::new(key(streams::EVALUATION_DRAW), 0);
        let n = x.shape()[0];
        let again: Vec<bool> = (0..n).map(|_| draws.chance(self.restart)).collect();
        if !again.contains(&true) {
            return Ok(x);
        }
        let again: Vec<f32> = again.into_iter().map(f32::from).collect();
        let again = Tensor::from_slice(&again, &[n, 1, 1, 1], x.device())?;
        let noise = Expr::random(Distribution::Uniform, key(streams::EVALUATION_RESTART));
        let start = Expr::input(1).select(noise, Expr::input(0));
        Ok(Tensor::pointwise(&start, &[&x, &again])?)
    }
}

/// A list with room for so many images of so many numbers.
///
/// # Errors
/// There is not so much memory.
pub(crate) fn room([count, size]: [usize; 2]) -> Result<Vec<f32>> {
    let mut list = Vec::new();
    let bytes = (count as u64).saturating_mul(4 * size as u64);
    match list.try_reserve_exact(count.saturating_mul(size)) {
        Ok(()) => Ok(list),
        Err(why) => Err(Error::Tensor(clel_tensor::Error::OutOfMemory {
            op: "samples",
            device: "cpu".to_owned(),
            bytes,
            why: format!("{count} images of {size} numbers: {why}; ask for fewer"),
        })),
    }
}

/// How many images of `size` numbers these are.
///
/// # Errors
/// [`Error::Mismatch`] for a part of one.
fn whole(values: &[f32], size: usize) -> Result<usize> {
    let count = values.len() / size.max(1);
    if count * size == values.len() {
        return Ok(count);
    }
    Err(Error::Mismatch {
        what: "numbers of the images".to_owned(),
        found: values.len().to_string(),
        expected: format!("a multiple of {size}, of which an image consists"),
    })
}

/// The images of some chains among those of all, of `size` numbers each.
///
/// # Errors
/// [`Error::Mismatch`] if there are not so many.
pub(crate) fn images_of<'a>(
    what: &str,
    values: &'a [f32],
    chains: &Range<usize>,
    size: usize,
) -> Result<&'a [f32]> {
    let there = values.get(chains.start * size..chains.end * size);
    there.ok_or_else(|| Error::Mismatch {
        what: what.to_owned(),
        found: (values.len() / size.max(1)).to_string(),
        expected: format!("{} at least, one for each chain", chains.end),
    })
}

/// The key of a round of a batch; no two of them share a number, nor do the steps into which [`Langevin::follow`] divides each. `step` holds 16 bits of
/// both, and what is beyond, of very long or very many chains (up to 2³² rounds of 2²⁴ batches), stands above the stream's own number.
fn key_of(stream: RngKey, part: u64, round: u64) -> RngKey {
    const BITS: u32 = 16;
    let low = |n: u64| n & ((1 << BITS) - 1);
    let beyond = ((round >> BITS) << 8) | (part >> BITS);
    let key = RngKey {
        stream: stream.stream | ((beyond as u32) << 8),
        ..stream
    };
    key.at((low(part) << BITS) | low(round))
}

/// The number of a batch, which decides its random numbers.
fn part(chains: &Range<usize>) -> u64 {
    (chains.start / EVALUATION_BATCH) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rounds_of_all_batches_draw_the_same_numbers() {
        let stream = RngKey::new(7, streams::EVALUATION);
        // as it was recorded in what samples depend on
        assert_eq!(
            key_of(stream, 3, 5),
            RngKey {
                step: (3 << 16) | 5,
                ..stream
            }
        );
        let numbers = [0, 1, 255, 256, 65_535, 65_536, 65_537, 1 << 23];
        let mut found = Vec::new();
        for part in numbers {
            for round in numbers.into_iter().chain([1 << 31]) {
                let key = key_of(stream, part, round);
                assert_eq!(key.stream & 0xFF, streams::EVALUATION);
                // what the steps of a round make of it
                let first = key.at(key.step << 32);
                found.push(first.words());
            }
        }
        let all = found.len();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), all);
    }
}
