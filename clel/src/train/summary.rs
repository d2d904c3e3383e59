//! Judging a run: samples before and after training, against the data.

use std::sync::atomic::AtomicBool;

use clel_autograd::Var;
use clel_nn::{Mode, files::TensorFile};
use clel_tensor::Device;

use super::{
    Networks, Trainer,
    clock::Clock,
    recorder::{before_path, draw, first_chains},
    run::Job,
};
use crate::{
    Result,
    config::{Config, Source},
    data::{Dataset, ImageSet},
    error::going_on,
    eval::{DigitClassifier, Gaussian, frechet_distance, neighbour_accuracy_until},
    features::{EncoderFeatures, extract_until},
    model::EnergyNetwork,
    report::{FRESH_CHAINS, Face, Judged, Summary},
    sampler::{Langevin, Rounds, Start},
    tune::described,
};

/// Samples that start from fresh noise: `rounds` times the configuration's Langevin steps, each round after its augmentation, without re-starts (so that all
/// are as old; `clel eval --protocol final` re-starts some, as training does), in evaluation mode; \[count, H, W, C\].
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) in the step in which `stop` becomes true; what the device reports.
pub fn fresh_samples(
    config: &Config,
    network: &EnergyNetwork,
    count: usize,
    rounds: usize,
    device: &Device,
    stop: &AtomicBool,
) -> Result<Vec<f32>> {
    let rounds = Rounds {
        langevin: Langevin::of(&config.sampler),
        steps: rounds.saturating_mul(config.sampler.steps),
        augmentation: config.sampler.augmentation,
        restart: 0.0,
        seed: config.drawing_seed(),
    };
    let shape = config.data.shape.unwrap_or_default();
    let energy = |x: &Var| network.energy(x, Mode::Eval);
    rounds.run_watched(&energy, Start::Noise(count), shape, device, &mut |_, _| {
        going_on(stop)
    })
}

/// Judges the run's samples and lists what is worth a look.
pub(super) fn summarise(
    trainer: &Trainer,
    job: &Job,
    clock: &Clock,
    face: &mut dyn Face,
) -> Result<Summary> {
    let (data, run, stop) = (&job.data, &job.run, &*job.stop);
    let config = &trainer.config;
    let mut judged = Vec::new();
    let mut neighbours = None;
    let shape = config.data.shape.unwrap_or_default();
    let mut pictures = vec![run.samples_path(trainer.step())];
    if config.eval.samples > 1 {
        let judge = Judge::new(config, &trainer.average, data, &trainer.device, stop)?;
        // a run that began with an import has none
        if before_path(run).exists() {
            face.doing("judging samples before training");
            let before = TensorFile::open(&before_path(run))?.tensor("samples", &Device::Cpu)?;
            let before = ImageSet::of_samples(shape, before.to_vec()?)?;
            judged.push(judge.judge("samples before training", &before)?);
        }
        face.doing("judging samples of the replay buffer");
        let chains = first_chains(trainer, config.eval.samples)?;
        let chains = ImageSet::of_samples(shape, chains)?;
        judged.push(judge.judge("samples of the replay buffer", &chains)?);
        let network = &trainer.average.energy;
        let name = format!(
            "fresh chains, {} × {} steps",
            config.eval.rounds, config.sampler.steps
        );
        face.doing(&format!("drawing and judging {name}"));
        let fresh = fresh_samples(
            config,
            network,
            config.eval.samples,
            config.eval.rounds,
            &trainer.device,
            stop,
        )?;
        let path = run.picture_path(FRESH_CHAINS);
        draw(config, &path, &fresh)?;
        pictures.push(path);
        let fresh = ImageSet::of_samples(shape, fresh)?;
        judged.push(judge.judge(&name, &fresh)?);
        if data.test.images.len() > 1 {
            face.doing("judging held-out images");
            judged.push(judge.judge("held-out images", &data.test.images)?);
        }
        neighbours = nearest_neighbour(config, &trainer.average, data, &trainer.device, stop)?;
    }
    Ok(Summary {
        iterations: trainer.step(),
        device: described(&trainer.device),
        seconds: clock.seconds(),
        judged,
        nearest_neighbour: neighbours,
        pictures,
        interventions: run.events()?,
    })
}

/// Judges sets of images by the averaged encoder and, for digits, by the embedded classifier.
pub struct Judge<'a> {
    stop: &'a AtomicBool,
    /// The averaged encoder, if it is trained, and its features of the training images.
    encoder: Option<(EncoderFeatures<'a>, Gaussian)>,
    classifier: Option<DigitClassifier>,
}

impl<'a> Judge<'a> {
    /// A judge that compares with the training images.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) once `stop` is true, from here and from [`judge`](Judge::judge); what the device reports.
    pub fn new(
        config: &Config,
        networks: &'a Networks,
        data: &Dataset,
        device: &Device,
        stop: &'a AtomicBool,
    ) -> Result<Judge<'a>> {
        let encoder = match config.encoder.latents.exist() {
            false => None,
            true => {
                let encoder = EncoderFeatures::of(config, networks, device);
                let train = extract_until(stop, &encoder, &data.train.images)?;
                Some((encoder, Gaussian::fit(&train.values, train.dimension)?))
            }
        };
        Ok(Judge {
            stop,
            encoder,
            classifier: match config.data.source {
                Source::Digits => Some(DigitClassifier::embedded()?),
                _ => None,
            },
        })
    }

    /// The figures of a set.
    ///
    /// # Errors
    /// Less than two images, one that cannot be read, or numbers that are not finite; what the device reports.
    pub fn judge(&self, name: &str, images: &ImageSet) -> Result<Judged> {
        let encoder_frechet = match &self.encoder {
            None => None,
            Some((encoder, reference)) => {
                let features = extract_until(self.stop, encoder, images)?;
                let found = Gaussian::fit(&features.values, features.dimension)?;
                Some(frechet_distance(&found, reference)?)
            }
        };
        let digits = match &self.classifier {
            Some(classifier) => Some(classifier.judge(&images.read_all()?.to_unit())?),
            None => None,
        };
        Ok(Judged {
            name: name.to_owned(),
            images: images.len(),
            encoder_frechet,
            digits,
        })
    }
}

/// Share of the held-out images whose nearest training image, by the averaged encoder's latents, is of the same class; `None`
/// without classes, held-out images or a trained encoder.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) once `stop` is true; what the device reports.
pub fn nearest_neighbour(
    config: &Config,
    networks: &Networks,
    data: &Dataset,
    device: &Device,
    stop: &AtomicBool,
) -> Result<Option<f64>> {
    let (Some(train), Some(test)) = (&data.train.labels, &data.test.labels) else {
        return Ok(None);
    };
    if test.is_empty() || !config.encoder.latents.exist() {
        return Ok(None);
    }
    let encoder = EncoderFeatures::of(config, networks, device);
    let known = extract_until(stop, &encoder, &data.train.images)?;
    let asked = extract_until(stop, &encoder, &data.test.images)?;
    Ok(Some(neighbour_accuracy_until(
        stop,
        (&known.values, train),
        (&asked.values, test),
        known.dimension,
        1,
    )?))
}
