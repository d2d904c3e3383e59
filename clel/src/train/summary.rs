//! Judging a run: samples before and after training, against the data.

use clel_autograd::{Var, no_grad};
use clel_nn::Mode;
use clel_tensor::{Device, Tensor};

use super::Networks;
use crate::{
    Result,
    config::{Config, Source},
    data::{Dataset, ImageSet},
    eval::{DigitClassifier, Gaussian, frechet_distance, neighbour_accuracy},
    model::{EVALUATION_BATCH, EnergyNetwork},
    report::Judged,
    sampler::{Langevin, Rounds, Start},
};

/// Samples that start from fresh noise: `rounds` times the configuration's Langevin steps, each round after its augmentation,
/// in evaluation mode; \[count, H, W, C\].
///
/// # Errors
/// What the device reports.
pub fn fresh_samples(
    config: &Config,
    network: &EnergyNetwork,
    count: usize,
    rounds: usize,
    device: &Device,
) -> Result<Vec<f32>> {
    let rounds = Rounds {
        langevin: Langevin::of(&config.sampler),
        steps: rounds * config.sampler.steps,
        augmentation: config.sampler.augmentation,
        restart: 0.0,
        seed: config.drawing_seed(),
    };
    let shape = config.data.shape.unwrap_or_default();
    let energy = |x: &Var| network.energy(x, Mode::Eval);
    rounds.run(&energy, Start::Noise(count), shape, device)
}

/// Judges sets of images by the averaged encoder and, for digits, by the embedded classifier.
pub struct Judge<'a> {
    networks: &'a Networks,
    shape: [usize; 3],
    device: Device,
    reference: Gaussian,
    classifier: Option<DigitClassifier>,
}

impl<'a> Judge<'a> {
    /// A judge that compares with the training images.
    ///
    /// # Errors
    /// What the device reports.
    pub fn new(
        config: &Config,
        networks: &'a Networks,
        data: &Dataset,
        device: &Device,
    ) -> Result<Judge<'a>> {
        let shape = config.data.shape.unwrap_or_default();
        let train = latents_of_set(networks, shape, &data.train.images, device)?;
        Ok(Judge {
            networks,
            shape,
            device: device.clone(),
            reference: Gaussian::fit(&train, config.model.latent)?,
            classifier: match config.data.source {
                Source::Digits => Some(DigitClassifier::embedded()?),
                _ => None,
            },
        })
    }

    /// The figures of images \[N, H, W, C\].
    ///
    /// # Errors
    /// Less than two images, or numbers that are not finite; what the device reports.
    pub fn judge(&self, name: &str, images: &[f32]) -> Result<Judged> {
        let features = latents(self.networks, self.shape, images, &self.device)?;
        let count = images.len() / self.shape.iter().product::<usize>().max(1);
        let mut judged = self.judge_latents(name, count, &features)?;
        if let Some(classifier) = &self.classifier {
            judged.digits = Some(classifier.judge(images)?);
        }
        Ok(judged)
    }

    /// The figures of a set, which is read batch by batch.
    ///
    /// # Errors
    /// Those of [`judge`](Judge::judge), or an image that cannot be read.
    pub fn judge_set(&self, name: &str, images: &ImageSet) -> Result<Judged> {
        let features = latents_of_set(self.networks, self.shape, images, &self.device)?;
        let mut judged = self.judge_latents(name, images.len(), &features)?;
        if let Some(classifier) = &self.classifier {
            judged.digits = Some(classifier.judge(&images.read_all()?.to_unit())?);
        }
        Ok(judged)
    }

    fn judge_latents(&self, name: &str, images: usize, latents: &[f32]) -> Result<Judged> {
        let found = Gaussian::fit(latents, self.reference.mean.len())?;
        Ok(Judged {
            name: name.to_owned(),
            images,
            encoder_frechet: frechet_distance(&found, &self.reference)?,
            digits: None,
        })
    }
}

/// The averaged encoder's latents of images \[N, H, W, C\], row-major \[N, latent\].
fn latents(
    networks: &Networks,
    shape: [usize; 3],
    images: &[f32],
    device: &Device,
) -> Result<Vec<f32>> {
    let size: usize = shape.iter().product();
    let [h, w, c] = shape;
    let mut out = Vec::with_capacity(images.len() / size.max(1) * networks.energy.latent());
    for part in images.chunks((EVALUATION_BATCH * size).max(1)) {
        let x = Tensor::from_slice(part, &[part.len() / size.max(1), h, w, c], device)?;
        let z = no_grad(|| networks.encoder.latent(&x.into(), Mode::Eval))?;
        out.extend(z.tensor().to_vec::<f32>()?);
    }
    Ok(out)
}

/// The same of a set, which is read batch by batch.
fn latents_of_set(
    networks: &Networks,
    shape: [usize; 3],
    images: &ImageSet,
    device: &Device,
) -> Result<Vec<f32>> {
    let mut out = Vec::with_capacity(images.len() * networks.energy.latent());
    for batch in images.batches(EVALUATION_BATCH) {
        out.extend(latents(networks, shape, &batch?.to_unit(), device)?);
    }
    Ok(out)
}

/// Share of the held-out images whose nearest training image, by the averaged encoder's latents, is of the same class; `None`
/// without classes or held-out images.
///
/// # Errors
/// What the device reports.
pub fn nearest_neighbour(
    config: &Config,
    networks: &Networks,
    data: &Dataset,
    device: &Device,
) -> Result<Option<f64>> {
    let (Some(train), Some(test)) = (&data.train.labels, &data.test.labels) else {
        return Ok(None);
    };
    if test.is_empty() {
        return Ok(None);
    }
    let shape = config.data.shape.unwrap_or_default();
    let of = |images: &ImageSet| latents_of_set(networks, shape, images, device);
    let (known, asked) = (of(&data.train.images)?, of(&data.test.images)?);
    let latent = config.model.latent;
    Ok(Some(neighbour_accuracy(
        (&known, train),
        (&asked, test),
        latent,
        1,
    )?))
}
