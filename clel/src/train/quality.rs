//! How good a state is that a checkpoint holds, by what compares between the checkpoints of a run.
//!
//! Nothing that is measured in each iteration says so: the energies of data and samples stay close together in good times and in bad ones,
//! and the losses are those of a contest. What does is how far samples are from data. It is measured in the latents of the averaged encoder, which every
//! run with latents has. The encoder learns while the run goes on and its latents spread out, so the squared Fréchet distance is divided by the
//! variance of the data's own latents. On the embedded digits it then ranks thirty states of a run, from noise to digits, as the distance in a
//! fixed classifier's features does: Spearman's correlation of the two is 0.99. It does not rank states that are close to each other, since each is
//! seen by another encoder; so the samples of the best one are judged once more in the encoder of now.

use super::{Trainer, figures::Figures, recorder::first_chains};
use crate::{
    Error, Result,
    config::{Best, Config, Latents},
    data::{Dataset, ImageSet, Split},
    eval::{Gaussian, frechet_distance, neighbour_accuracy},
    features::{EncoderFeatures, Features, extract},
};

/// Training images that are looked at, at most, so that a checkpoint costs no more than a few iterations.
const KNOWN: usize = 5000;
/// Held-out images that are looked at, at most.
const ASKED: usize = 1000;

/// How good a state is.
#[derive(Debug, Default)]
pub(super) struct Quality {
    /// For the line of metrics.
    pub figures: Figures,
    /// The samples that were judged, if any.
    pub samples: Option<ImageSet>,
}

/// The quality of a checkpoint, and what its encoder says of the samples of the best one so far, if they are known; no figures where they are not asked
/// for, or there is no trained encoder to measure them in.
pub(super) fn quality(
    trainer: &Trainer,
    data: &Dataset,
    best: Option<&ImageSet>,
) -> Result<Quality> {
    let config = &trainer.config;
    let measured = config.log.best != Best::None && config.eval.samples > 1;
    if !measured || config.encoder.latents == Latents::None {
        return Ok(Quality::default());
    }
    // numbers that are not finite are told by the run's health
    Ok(unless_not_finite(measure(trainer, data, best))?.unwrap_or_default())
}

/// The samples that are judged of chains in their order, row-major \[N, H, W, C\].
pub(super) fn judged(config: &Config, mut chains: Vec<f32>) -> Result<ImageSet> {
    let shape = config.data.shape.unwrap_or_default();
    chains.truncate(config.eval.samples * shape.iter().product::<usize>());
    chains.shrink_to_fit();
    ImageSet::of_samples(shape, chains)
}

fn measure(trainer: &Trainer, data: &Dataset, best: Option<&ImageSet>) -> Result<Quality> {
    let config = &trainer.config;
    let encoder = EncoderFeatures::of(config, &trainer.average, &trainer.device);
    let train = evenly(&data.train, KNOWN);
    let known = extract(&encoder, &train.images)?;
    let mut all = Figures::new();

    let samples = judged(config, first_chains(trainer, config.eval.samples)?)?;
    let fit = |f: &Features| Gaussian::fit(&f.values, f.dimension);
    let reference = fit(&known)?;
    let relative = |samples: &ImageSet| -> Result<f64> {
        let distance = frechet_distance(&fit(&extract(&encoder, samples)?)?, &reference)?;
        Ok(distance / reference.covariance.trace())
    };
    let newest = relative(&samples)?;
    if newest.is_finite() {
        all.push((Best::RelativeFrechet.name(), newest));
    }
    if let (Some(name), Some(best)) = (Best::RelativeFrechet.name_of_best(), best)
        && let Some(best) = unless_not_finite(relative(best))?.filter(|best| best.is_finite())
    {
        all.push((name, best));
    }

    let test = evenly(&data.test, ASKED);
    if let (Some(labels), Some(asked)) = (&train.labels, &test.labels)
        && !asked.is_empty()
    {
        let found = extract(&encoder, &test.images)?;
        let (known, found) = (
            (&known.values[..], &labels[..]),
            (&found.values[..], &asked[..]),
        );
        let share = neighbour_accuracy(known, found, reference.mean.len(), 1)?;
        all.push((Best::NearestNeighbour.name(), share));
    }
    Ok(Quality {
        figures: all,
        samples: Some(samples),
    })
}

/// The value; nothing where numbers were not finite.
fn unless_not_finite<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::Numbers { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// At most so many of the images, from all over the set: sets are often in the order of their classes.
fn evenly(all: &Split, most: usize) -> Split {
    let n = all.images.len();
    let taken = n.min(most);
    let indices: Vec<usize> = (0..taken).map(|i| i * n / taken).collect();
    all.select(&indices)
}
