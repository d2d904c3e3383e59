//! Chains as they were after some of their steps.

use std::ops::Range;

use crate::{Error, Result};

/// The first chains of a run at its start, every so many steps, and at its end.
#[derive(Debug, Clone)]
pub struct Film {
    every: usize,
    last: usize,
    chains: usize,
    /// Values of one image.
    size: usize,
    frames: Vec<Vec<f32>>,
}

impl Film {
    /// A film of chains of `last` steps, of the first `chains`, whose images have `size` values; `every` is at least 1.
    pub fn new(every: usize, last: usize, chains: usize, size: usize) -> Film {
        let mut film = Film {
            every: every.max(1),
            last,
            chains,
            size,
            frames: Vec::new(),
        };
        film.frames = vec![vec![0.0; chains * size]; film.steps().len()];
        film
    }

    /// After how many steps each frame was taken.
    pub fn steps(&self) -> Vec<usize> {
        let mut steps: Vec<usize> = (0..self.last).step_by(self.every).collect();
        steps.push(self.last);
        steps
    }

    /// How many chains are in it.
    pub fn chains(&self) -> usize {
        self.chains
    }

    /// The frames, each row-major \[chains, H, W, C\].
    pub fn frames(&self) -> &[Vec<f32>] {
        &self.frames
    }

    /// Refuses chains of another number of steps, or images of another size.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub(super) fn check(&self, steps: usize, size: usize) -> Result<()> {
        if (self.last, self.size) == (steps, size) {
            return Ok(());
        }
        let words = |steps, size| format!("{steps} steps of images of {size} numbers");
        Err(Error::Mismatch {
            what: "a film".to_owned(),
            found: words(self.last, self.size),
            expected: format!("{}, as the chains are", words(steps, size)),
        })
    }

    /// Whether images after `step` steps are wanted.
    pub(super) fn wants(&self, step: usize) -> bool {
        step == self.last || step.is_multiple_of(self.every)
    }

    /// Takes the images of some chains after `step` steps; `place` tells where a chain stands.
    pub(super) fn take(
        &mut self,
        step: usize,
        chains: &Range<usize>,
        place: impl Fn(usize) -> usize,
        images: &[f32],
    ) {
        let frame = match step == self.last {
            true => self.frames.len() - 1,
            false => step / self.every,
        };
        for (chain, image) in chains.clone().zip(images.chunks_exact(self.size.max(1))) {
            let place = place(chain);
            if place < self.chains {
                self.frames[frame][place * self.size..][..self.size].copy_from_slice(image);
            }
        }
    }
}
