//! How good a state is that a checkpoint holds, by what compares between the checkpoints of a run.
//!
//! Nothing that is measured in each iteration says so: the energies of data and samples stay close together in good times and in bad ones,
//! and the losses are those of a contest. What does is how far samples are from data. It is measured in the latents of the averaged encoder, which every
//! run with latents has. The encoder learns while the run goes on and its latents spread out, so the squared Fréchet distance is divided by the
//! variance of the data's own latents. On the embedded digits it then ranks thirty states of a run, from noise to digits, as the distance in a
//! fixed classifier's features does: Spearman's correlation of the two is 0.99.

use super::{Trainer, figures::Figures, recorder::first_chains};
use crate::{
    Error, Result,
    config::{Best, Latents},
    data::{Dataset, ImageSet, Split},
    eval::{Gaussian, frechet_distance, neighbour_accuracy},
    features::{EncoderFeatures, Features, extract},
};

/// Training images that are looked at, at most, so that a checkpoint costs no more than a few iterations.
const KNOWN: usize = 5000;
/// Held-out images that are looked at, at most.
const ASKED: usize = 1000;

/// Figures of a checkpoint's quality; none where they are not asked for, or there is no trained encoder to measure them in.
pub(super) fn quality(trainer: &Trainer, data: &Dataset) -> Result<Figures> {
    let config = &trainer.config;
    let measured = config.log.best != Best::None && config.eval.samples > 1;
    if !measured || config.encoder.latents == Latents::None {
        return Ok(Figures::new());
    }
    match measure(trainer, data) {
        // numbers that are not finite are told by the run's health
        Err(Error::Numbers { .. }) => Ok(Figures::new()),
        other => other,
    }
}

fn measure(trainer: &Trainer, data: &Dataset) -> Result<Figures> {
    let config = &trainer.config;
    let encoder = EncoderFeatures::of(config, &trainer.average, &trainer.device);
    let train = evenly(&data.train, KNOWN);
    let known = extract(&encoder, &train.images)?;
    let mut all = Figures::new();

    let shape = config.data.shape.unwrap_or_default();
    let chains = first_chains(trainer, config.eval.samples)?;
    let chains = extract(&encoder, &ImageSet::of_samples(shape, chains)?)?;
    let fit = |f: &Features| Gaussian::fit(&f.values, f.dimension);
    let reference = fit(&known)?;
    let relative = frechet_distance(&fit(&chains)?, &reference)? / reference.covariance.trace();
    if relative.is_finite() {
        all.push((Best::RelativeFrechet.name(), relative));
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
        let share = neighbour_accuracy(known, found, chains.dimension, 1)?;
        all.push((Best::NearestNeighbour.name(), share));
    }
    Ok(all)
}

/// At most so many of the images, from all over the set: sets are often in the order of their classes.
fn evenly(all: &Split, most: usize) -> Split {
    let n = all.images.len();
    let taken = n.min(most);
    let indices: Vec<usize> = (0..taken).map(|i| i * n / taken).collect();
    all.select(&indices)
}
