//! What is known of the images that chains look for, in host memory.

use std::ops::Range;

use clel_tensor::{Device, Tensor};

use crate::model::same_shape;
use crate::sampler::{Langevin, Observed, images_of};
use crate::{Error, Result};

/// What is known of the images of all chains, row-major \[N, H, W, C\].
#[derive(Debug, Clone)]
pub enum Given {
    /// Pixels, to be left as they are.
    Pixels {
        /// Images with the right values where they are known.
        images: Vec<f32>,
        /// For each pixel of an image \[H, W\] whether it is known.
        known: Vec<bool>,
    },
    /// Images under noise of this deviation.
    Noisy {
        /// The noisy images.
        images: Vec<f32>,
        /// Deviation of their noise.
        sigma: f64,
    },
}

impl Given {
    /// What is known of some chains' images, on a device.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for fewer images than chains, or other pixels than an image has; what the device reports.
    pub fn of(
        &self,
        chains: &Range<usize>,
        [h, w, c]: [usize; 3],
        langevin: &Langevin,
        device: &Device,
    ) -> Result<Observed> {
        let size = h * w * c;
        let part = |images: &[f32]| {
            let values = images_of("images known in part", images, chains, size)?;
            Ok::<_, Error>(Tensor::from_slice(
                values,
                &[chains.len(), h, w, c],
                device,
            )?)
        };
        Ok(match self {
            Given::Pixels { images, known } => {
                same_shape("pixels, known or not", &[known.len()], &[h * w])?;
                let known: Vec<f32> = known.iter().map(|k| f32::from(*k)).collect();
                Observed::Pixels {
                    images: part(images)?,
                    known: Tensor::from_slice(&known, &[1, h, w, 1], device)?,
                }
            }
            Given::Noisy { images, sigma } => Observed::noisy(part(images)?, *sigma, langevin),
        })
    }
}
