//! In which order training sees the images.

use clel_tensor::random::RngKey;

use crate::draws::scaled;

/// Shuffled epochs without a state of its own: the batch of an iteration depends on the key, the
/// sizes and the iteration alone, so a resumed run goes on with the order it would have had.
///
/// Each epoch is a new permutation; what does not fill a batch at its end is left out.
#[derive(Debug, Clone)]
pub struct Order {
    images: usize,
    batch: usize,
    key: RngKey,
    epoch: Option<(u64, Vec<usize>)>,
}

impl Order {
    /// Batches of `batch` out of `images` images; the epoch is the key's step. A batch of more
    /// images than there are holds them all once.
    pub fn new(images: usize, batch: usize, key: RngKey) -> Self {
        Order {
            images,
            batch: batch.min(images),
            key,
            epoch: None,
        }
    }

    /// Indices of the images of an iteration, counted from 0.
    pub fn batch(&mut self, iteration: u64) -> &[usize] {
        let per_epoch = (self.images / self.batch.max(1)).max(1) as u64;
        let epoch = iteration / per_epoch;
        let start = (iteration % per_epoch) as usize * self.batch;
        let cached = self.epoch.take().filter(|(e, _)| *e == epoch);
        let (_, order) = self.epoch.insert(
            cached.unwrap_or_else(|| (epoch, permutation(self.images, self.key.at(epoch)))),
        );
        &order[start..start + self.batch]
    }
}

/// A uniformly random permutation of `0..n` (Fisher–Yates).
pub(super) fn permutation(n: usize, key: RngKey) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        let [high, low, ..] = key.block(i as u32);
        let word = (u64::from(high) << 32) | u64::from(low);
        order.swap(i, scaled(word, i + 1));
    }
    order
}
