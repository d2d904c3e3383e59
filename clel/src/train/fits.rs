//! Whether a batch fits the trainer that it is given to, which is told before anything changes.

use clel_tensor::{DType, Tensor};

use super::{Batch, Noise, Trainer};
use crate::{Error, Result, augment::Params, sampler::Numbers};

impl Trainer {
    /// Refuses a batch that an iteration would only find wrong when it is half done.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub(super) fn check(&self, batch: &Batch<'_>) -> Result<()> {
        let n = self.check_images(&batch.images)?;
        let chains = self.check_draw(batch)?;
        let latents = self.config.encoder.latents;
        check_params("the chains", &batch.chains, chains)?;
        if latents.exist() {
            check_params("the data for their latents", &batch.latent, n)?;
        }
        if latents.learn() {
            check(n > 1, "images of the batch", || {
                let why = "at least 2, which an encoder that learns compares";
                (n.to_string(), why.to_owned())
            })?;
            check_params("the views, two of each image", &batch.views, 2 * n)?;
        }
        self.check_noise(batch.noise, chains)
    }

    /// How many images of data there are.
    fn check_images(&self, images: &Tensor) -> Result<usize> {
        let [_, h, w, c] = self.size();
        let expected = format!("[n, {h}, {w}, {c}], as the replay buffer's chains are");
        match *images.shape() {
            [n, ..] if n > 0 && images.shape() == [n, h, w, c] => {
                check(images.dtype() == DType::F32, "type of the images", || {
                    (images.dtype().to_string(), DType::F32.to_string())
                })?;
                let (found, here) = (images.device(), &self.device);
                check(found == here, "device of the images", || {
                    (found.to_string(), format!("{here}, where the networks are"))
                })?;
                Ok(n)
            }
            _ => Err(mismatch(
                "images of the batch",
                format!("{:?}", images.shape()),
                expected,
            )),
        }
    }

    /// How many chains go on.
    fn check_draw(&self, batch: &Batch<'_>) -> Result<usize> {
        let (draw, all) = (&batch.draw, self.buffer.len());
        let n = draw.indices.len();
        let mut places = draw.indices.clone();
        places.sort_unstable();
        places.dedup();
        let distinct = places.len() == n && places.last().is_some_and(|last| *last < all);
        check(
            distinct && draw.restarted.len() == n,
            "the draw from the replay buffer",
            || {
                let flags = draw.restarted.len();
                (
                    format!("places {:?} and {flags} flags", draw.indices),
                    format!("distinct places below {all}, one at least, and a flag for each"),
                )
            },
        )?;
        if let Numbers::Given(fresh) = batch.restart
            && draw.restarted.contains(&true)
        {
            self.check_chains("where chains start again", fresh, n)?;
        }
        Ok(n)
    }

    fn check_noise(&self, noise: Noise<'_>, chains: usize) -> Result<()> {
        let Noise::Given(noise) = noise else {
            return Ok(());
        };
        let steps = self.config.sampler.steps;
        check(noise.len() == steps, "noise of the Langevin steps", || {
            (
                format!("{} arrays", noise.len()),
                format!("{steps}, one for each step (sampler.steps)"),
            )
        })?;
        noise
            .iter()
            .try_for_each(|step| self.check_chains("noise of a Langevin step", step, chains))
    }

    /// Numbers for each pixel of so many chains.
    fn check_chains(&self, what: &str, numbers: &Tensor, n: usize) -> Result<()> {
        let [_, h, w, c] = self.size();
        check(numbers.shape() == [n, h, w, c], what, || {
            (
                format!("{:?}", numbers.shape()),
                format!("{:?}, as the chains that go on", [n, h, w, c]),
            )
        })
    }

    /// Of the replay buffer, \[M, H, W, C\].
    fn size(&self) -> [usize; 4] {
        let shape = self.buffer.images().shape();
        std::array::from_fn(|axis| shape.get(axis).copied().unwrap_or_default())
    }
}

fn check_params(of: &str, params: &Params, images: usize) -> Result<()> {
    let found = match params {
        Params::None => return Ok(()),
        Params::Weak(all) => all.len(),
        Params::Strong(all) => all.len(),
        Params::Affine(all) => all.len(),
    };
    check(found == images, &format!("augmentation of {of}"), || {
        (
            format!("{found} images' parameters"),
            format!("those of {images}"),
        )
    })
}

/// `told` gives what was found and what was expected.
fn check(holds: bool, what: &str, told: impl FnOnce() -> (String, String)) -> Result<()> {
    if holds {
        return Ok(());
    }
    let (found, expected) = told();
    Err(mismatch(what, found, expected))
}

fn mismatch(what: &str, found: String, expected: String) -> Error {
    Error::Mismatch {
        what: what.to_owned(),
        found,
        expected,
    }
}
