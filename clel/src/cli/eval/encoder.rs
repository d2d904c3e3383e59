//! The encoder's protocol.

use std::path::Path;

use clel_tensor::Device;
use serde::Serialize;

use super::Eval;
use crate::cli::output;
use crate::data::Split;
use crate::eval::{Probe, check_neighbours, neighbour_accuracy};
use crate::features::{EncoderFeatures, FeatureNetwork, extract};
use crate::train::Loaded;
use crate::{Error, Result};

#[derive(Debug, Serialize)]
struct Found<'a> {
    features: String,
    checkpoint: &'a Path,
    iteration: u64,
    /// Of the run, which says what was held out where the set has no test part.
    seed: u64,
    data: String,
    train_n: usize,
    test_n: usize,
    neighbours: usize,
    neighbour_accuracy: f64,
    probe_accuracy: f64,
    probe_train_accuracy: f64,
    probe_loss: f64,
}

impl Eval {
    /// Nearest neighbours and a linear probe on the encoder's latents.
    pub(super) fn encoder(&self, model: &Loaded, device: &Device) -> Result<()> {
        model.check_trained("encoder")?;
        let network = EncoderFeatures::of(&model.config, &model.average, device);
        let data = self.data_set(Some(model))?;
        let labels = |split: &Split, part: &str| -> Result<Vec<u32>> {
            match &split.labels {
                Some(labels) if !labels.is_empty() => Ok(labels.clone()),
                _ if split.images.is_empty() => Err(Error::NoImages {
                    path: data.name.clone().into(),
                    why: format!(
                        "the set has no {part} images. A run holds some out of a set without a test part where its data.test_share \
                         says so; else name a set that has both, with --data and --path"
                    ),
                }),
                _ => Err(Error::Mismatch {
                    what: format!("{part} images of {}", data.name),
                    found: format!("{} without classes", split.images.len()),
                    expected: "images with classes".to_owned(),
                }),
            }
        };
        let (known, asked) = (
            labels(&data.train, "training")?,
            labels(&data.test, "test")?,
        );
        let neighbours = self.neighbours.unwrap_or(1);
        check_neighbours(neighbours, known.len())?;
        let train = extract(&network, &data.train.images)?;
        let test = extract(&network, &data.test.images)?;
        let d = train.dimension;
        let probe = Probe::fit(&train.values, &known, d)?;
        let found = Found {
            features: network.name(),
            checkpoint: self.named(),
            iteration: model.step,
            seed: model.config.seed,
            train_n: known.len(),
            test_n: asked.len(),
            neighbours,
            neighbour_accuracy: neighbour_accuracy(
                (&train.values, &known),
                (&test.values, &asked),
                d,
                neighbours,
            )?,
            probe_accuracy: probe.accuracy(&test.values, &asked)?,
            probe_train_accuracy: probe.accuracy(&train.values, &known)?,
            probe_loss: probe.loss,
            data: data.name,
        };
        if self.json {
            return output::say(&output::json(&found)?);
        }
        output::say_in_words(&format!(
            "{} of {}, iteration {}, seed {}, {d} features\n{}: {} training images with classes, accuracy on {} test images\n\n\
             {:.2} %   {}-NN\n{:.2} %   linear probe (logistic regression, C = 1; {:.2} % on the training images)",
            found.features,
            found.checkpoint.display(),
            found.iteration,
            found.seed,
            found.data,
            found.train_n,
            found.test_n,
            100.0 * found.neighbour_accuracy,
            found.neighbours,
            100.0 * found.probe_accuracy,
            100.0 * found.probe_train_accuracy,
        ))
    }
}
