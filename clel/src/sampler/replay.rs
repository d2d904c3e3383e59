//! The replay buffer: chains that training goes on with (Du and Mordatch 2019).

use clel_tensor::{Device, Expr, RngKey, Tensor, expr::Distribution};

use super::Numbers;
use crate::draws::Draws;
use crate::{Error, Result};

/// Chains, all in one array on the device, each with its age.
#[derive(Debug, Clone)]
pub struct ReplayBuffer {
    images: Tensor,
    ages: Vec<u64>,
}

/// Which chains a batch goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Distinct places in the buffer.
    pub indices: Vec<usize>,
    /// Whether the chain starts again from noise.
    pub restarted: Vec<bool>,
}

impl Draw {
    /// `n` distinct places of a buffer of `len` chains (all, if it has fewer), each restarted with probability `restart`.
    pub fn random(n: usize, len: usize, restart: f64, key: RngKey) -> Draw {
        let mut draws = Draws::new(key, 0);
        let indices = draws.distinct(n, len);
        let restarted = indices.iter().map(|_| draws.chance(restart)).collect();
        Draw { indices, restarted }
    }
}

impl ReplayBuffer {
    /// `count` chains \[H, W, C\] that start from U(0, 1).
    ///
    /// # Errors
    /// What the device reports.
    pub fn fresh(
        count: usize,
        [h, w, c]: [usize; 3],
        key: RngKey,
        device: &Device,
    ) -> Result<ReplayBuffer> {
        let images = Tensor::uniform(&[count, h, w, c], key, device)?;
        images.realize()?;
        Ok(ReplayBuffer {
            images,
            ages: vec![0; count],
        })
    }

    /// A buffer as it was stored: images \[M, H, W, C\], and an age for each.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the shapes do not fit.
    pub fn from_parts(images: Tensor, ages: Vec<u64>) -> Result<ReplayBuffer> {
        if images.rank() != 4 || images.shape()[0] != ages.len() {
            return Err(Error::Mismatch {
                what: "images of a replay buffer".into(),
                found: format!("{:?}", images.shape()),
                expected: format!("[{}, H, W, C], one for each age", ages.len()),
            });
        }
        Ok(ReplayBuffer { images, ages })
    }

    /// All chains, \[M, H, W, C\].
    pub fn images(&self) -> &Tensor {
        &self.images
    }

    /// Langevin steps that each chain has taken since its start.
    pub fn ages(&self) -> &[u64] {
        &self.ages
    }

    /// Number of chains.
    pub fn len(&self) -> usize {
        self.ages.len()
    }

    /// True without a chain.
    pub fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    /// Copies of the drawn chains, \[n, H, W, C\], the restarted ones replaced by U(0, 1) numbers: those of a key, or given ones
    /// of that shape.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for a place that the buffer has not; what the device reports.
    pub fn start(&self, draw: &Draw, fresh: Numbers<'_>) -> Result<Tensor> {
        self.check(draw)?;
        let device = self.images.device();
        let n = draw.indices.len();
        let index: Vec<u32> = draw.indices.iter().map(|&i| i as u32).collect();
        let taken = self
            .images
            .gather(&Tensor::from_slice(&index, &[n], device)?)?;
        if !draw.restarted.contains(&true) {
            return Ok(taken);
        }
        let restarted: Vec<f32> = draw.restarted.iter().map(|&r| f32::from(r)).collect();
        let restarted = Tensor::from_slice(&restarted, &[n, 1, 1, 1], device)?;
        let mut inputs = vec![&taken, &restarted];
        let noise = match fresh {
            Numbers::Drawn(key) => Expr::random(Distribution::Uniform, key),
            Numbers::Given(noise) => {
                inputs.push(noise);
                Expr::input(2)
            }
        };
        let start = Expr::input(1).select(noise, Expr::input(0));
        Ok(Tensor::pointwise(&start, &inputs)?)
    }

    /// Puts the drawn chains back, `images` \[n, H, W, C\] after `steps` further steps: on the CPU to their places, if nobody else holds
    /// [`images`](ReplayBuffer::images), elsewhere in two launches over the buffer.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the shapes do not fit; what the device reports.
    pub fn write(&mut self, draw: &Draw, images: &Tensor, steps: u64) -> Result<()> {
        self.check(draw)?;
        let expected = [&[draw.indices.len()], &self.images.shape()[1..]].concat();
        if images.shape() != expected {
            return Err(Error::Mismatch {
                what: "images for the replay buffer".into(),
                found: format!("{:?}", images.shape()),
                expected: format!("{expected:?}"),
            });
        }
        self.images.set_rows(&draw.indices, images)?;
        for (&place, &restarted) in draw.indices.iter().zip(&draw.restarted) {
            let before = if restarted { 0 } else { self.ages[place] };
            self.ages[place] = before + steps;
        }
        Ok(())
    }

    fn check(&self, draw: &Draw) -> Result<()> {
        let places = draw.indices.iter().all(|&i| i < self.len());
        if places && draw.indices.len() == draw.restarted.len() {
            return Ok(());
        }
        Err(Error::Mismatch {
            what: "a draw from the replay buffer".into(),
            found: format!(
                "{} indices up to {:?}, {} flags",
                draw.indices.len(),
                draw.indices.iter().max(),
                draw.restarted.len()
            ),
            expected: format!("as many flags as indices, all below {}", self.len()),
        })
    }
}
