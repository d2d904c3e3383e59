//! Mean and deviation of each channel, over batch after batch.

use super::{ImageSet, Images, Pixels};
use crate::Result;

/// Images that are read at a time.
const BATCH: usize = 256;
/// The least deviation: a channel that never varies would be divided by zero.
const LEAST: f64 = 1e-3;

impl ImageSet {
    /// Mean and standard deviation of each channel over all images, of the values of [`Images::to_unit`]. A set that is not in
    /// memory is read once, batch by batch.
    ///
    /// # Errors
    /// An image that cannot be read.
    pub fn channel_statistics(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut sums = vec![Sums::default(); self.shape()[3]];
        match self.in_memory() {
            Some(images) => add(&mut sums, images),
            None => {
                for images in self.batches(BATCH) {
                    add(&mut sums, &images?);
                }
            }
        }
        Ok(sums.iter().map(Sums::mean_and_deviation).unzip())
    }
}

/// Sums over one channel. Those of integers are exact, so neither order nor size of the batches shows.
#[derive(Debug, Clone, Default)]
struct Sums {
    count: u64,
    /// Of integers; 0 until there are any.
    levels: u16,
    /// Σ (2v + 1) and Σ (2v + 1)² of integers v: the values are (2v + 1) / (2 levels).
    whole: [u64; 2],
    /// Σ (x − ½) and Σ (x − ½)² of numbers x.
    real: [f64; 2],
}

fn add(sums: &mut [Sums], images: &Images) {
    let channels = sums.len().max(1);
    match images.pixels() {
        Pixels::Levels { values, levels } => {
            for pixel in values.chunks_exact(channels) {
                for (sums, v) in sums.iter_mut().zip(pixel) {
                    let v = 2 * u64::from(*v) + 1;
                    sums.count += 1;
                    sums.whole[0] += v;
                    sums.whole[1] += v * v;
                }
            }
            sums.iter_mut().for_each(|s| s.levels = *levels);
        }
        Pixels::Unit(values) => {
            for pixel in values.chunks_exact(channels) {
                for (sums, x) in sums.iter_mut().zip(pixel) {
                    let x = f64::from(*x) - 0.5;
                    sums.count += 1;
                    sums.real[0] += x;
                    sums.real[1] += x * x;
                }
            }
        }
    }
}

impl Sums {
    fn mean_and_deviation(&self) -> (f64, f64) {
        let n = self.count.max(1) as f64;
        let (mean, variance) = if self.levels > 0 {
            let [first, second] = self.whole.map(u128::from);
            let spread = (u128::from(self.count) * second).saturating_sub(first * first);
            let scale = 2.0 * f64::from(self.levels);
            (
                first as f64 / n / scale,
                spread as f64 / (n * scale).powi(2),
            )
        } else {
            let [first, second] = self.real.map(|s| s / n);
            (first + 0.5, (second - first * first).max(0.0))
        };
        (mean, variance.sqrt().max(LEAST))
    }
}
