//! Random numbers on the host, for the few that decide what a device then does: boxes, factors, indices.

use clel_tensor::{RngKey, random};

/// The numbers of a key, one after another. They depend on the key and the first block alone, so
/// a repeated or resumed run draws them again.
pub(crate) struct Draws {
    key: RngKey,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl Draws {
    /// The numbers of `key` from its block `first` on, four words a block.
    pub fn new(key: RngKey, first: u32) -> Draws {
        Draws {
            key,
            block: first,
            words: [0; 4],
            used: 4,
        }
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self.key.block(self.block);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Uniform on `low .. high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(random::uniform(self.word()))
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform(0.0, 1.0) < p
    }

    /// A whole number, uniform on `0 .. n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let word = (u64::from(self.word()) << 32) | u64::from(self.word());
        scaled(word, n)
    }

    /// `count` distinct numbers of `0 .. n` in random order (Fisher–Yates on a sparse list); all of them if
    /// there are fewer.
    pub fn distinct(&mut self, count: usize, n: usize) -> Vec<usize> {
        let mut moved = std::collections::HashMap::new();
        let mut draw = |i: usize| {
            let j = i + self.below(n - i);
            let at = |k: usize| moved.get(&k).copied().unwrap_or(k);
            let (picked, displaced) = (at(j), at(i));
            moved.insert(j, displaced);
            picked
        };
        (0..count.min(n)).map(&mut draw).collect()
    }
}

/// A uniform word brought to `0 .. n`, by the upper half of a 64 × 64 bit product: uniform up to a bias of n / 2⁶⁴.
pub(crate) fn scaled(word: u64, n: usize) -> usize {
    ((u128::from(word) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_range_and_repeat() {
        let key = RngKey::new(3, 1);
        let draw = |first| {
            let mut d = Draws::new(key, first);
            (0..50)
                .map(|_| (d.uniform(-2.0, 3.0), d.below(7)))
                .collect::<Vec<_>>()
        };
        let first = draw(0);
        assert_eq!(first, draw(0));
        assert_ne!(first, draw(100));
        assert!(first.iter().all(|(u, b)| (-2.0..3.0).contains(u) && *b < 7));
        assert!((0..7).all(|want| first.iter().any(|(_, b)| *b == want)));
    }

    #[test]
    fn distinct_indices_are_distinct_and_uniform() {
        let mut hits = [0; 10];
        for step in 0..2000 {
            let mut picked = Draws::new(RngKey::new(9, 2).at(step), 0).distinct(4, 10);
            picked.iter().for_each(|&i| hits[i] += 1);
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(picked.len(), 4);
        }
        // each is expected 800 times, with a standard deviation of 22
        assert!(hits.iter().all(|h| (700..900).contains(h)), "{hits:?}");
        let mut all = Draws::new(RngKey::new(9, 2), 0).distinct(12, 10);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..10));
    }
}
