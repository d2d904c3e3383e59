//! What practitioners watch while an energy-based model learns.

use clel_autograd::no_grad;
use clel_nn::Mode;
use clel_tensor::{RngKey, Tensor};

use super::{Outcome, Trainer, streams};
use crate::Result;

/// Names and values, as a line of metrics has them.
pub(super) type Figures = Vec<(&'static str, f64)>;

/// What practitioners watch: energies of data, samples and fresh noise; the sampler's gradients and how far it moves;
/// saturated pixels; losses and rates. Waits for the device.
pub(super) fn figures(trainer: &Trainer, outcome: &Outcome) -> Result<Figures> {
    let shape = outcome.chains.images.shape();
    let key = RngKey::new(trainer.config.drawing_seed(), streams::EVALUATION_START).at(u64::MAX);
    let noise = Tensor::uniform(shape, key, &trainer.device)?;
    let noise = no_grad(|| trainer.live.energy.energy(&noise.into(), Mode::Eval))?;
    let mean = |t: &Tensor| -> Result<f64> { Ok(t.mean_all()?.item()?) };
    let (data, samples) = (mean(&outcome.data)?, mean(&outcome.samples)?);
    let sampler = outcome.chains.statistics()?;
    let ages = trainer.buffer.ages();
    let mut all = vec![
        ("E(data)", data),
        ("E(samples)", samples),
        ("E(noise)", mean(noise.tensor())?),
        ("gap", data - samples),
        ("energy_loss", mean(&outcome.energy_loss)?),
    ];
    for (name, figure) in [
        ("encoder_loss", &outcome.encoder_loss),
        ("similarity", &outcome.similarity),
    ] {
        if let Some(figure) = figure {
            all.push((name, mean(figure)?));
        }
    }
    all.extend([
        ("gradient_first", sampler.first_gradient),
        ("gradient_last", sampler.last_gradient),
        ("moved", sampler.moved),
        ("saturated", sampler.saturated),
        (
            "mean_age",
            ages.iter().sum::<u64>() as f64 / ages.len().max(1) as f64,
        ),
        ("energy_rate", outcome.rates[0]),
        ("encoder_rate", outcome.rates[1]),
    ]);
    Ok(all)
}
