//! What BYOL has beside the encoder: a predictor, and a slow copy of the encoder whose latents are predicted.

use clel_autograd::{Var, no_grad};
use clel_nn::{
    Layer, Mode, Module, Parameter, Sequential, Visitor,
    optim::{Ema, Schedule},
};
use clel_tensor::Device;

use super::{networks, streams};
use crate::{
    Result,
    config::Config,
    loss,
    model::{Encoder, Normalisation, predictor},
};

/// Bootstrap your own latent (Grill et al., NeurIPS 2020). The online network is the encoder h and a predictor q on top of it, the target
/// network a second encoder h' that follows h slowly:
///
/// ```text
/// loss    q(h(t₁(x))) is to have the direction of h'(t₂(x)), and the other way round; see loss::byol
/// h'      ← τ·h' + (1 − τ)·h after every step, τ = 1 − (1 − τ₀)·(1 + cos(πk/K))/2 in step k of K
/// ```
///
/// There are no negatives; what keeps all latents from becoming one is that h' lags behind and gets no gradient. Both views go through each network
/// as one batch, in training mode.
pub struct Byol {
    /// h', of the encoder's architecture.
    pub target: Encoder,
    /// q: \[N, latent\] → \[N, latent\], an MLP like the encoder's last layers.
    pub predictor: Sequential,
    decay: f64,
}

impl Byol {
    /// The predictor that the configuration's seed draws, and a target that is the encoder drawn with it.
    ///
    /// # Errors
    /// The configuration lacks the data's statistics; what the device reports.
    pub fn new(config: &Config, device: &Device) -> Result<Byol> {
        let normalisation = Normalisation::of(&config.data)?;
        let latent = config.model.latent;
        let mut drawn = networks::init(config, streams::ENCODER, device);
        let target = Encoder::new(&config.encoder, latent, &normalisation, &mut drawn)?;
        let mut drawn = networks::init(config, streams::PREDICTOR, device);
        let byol = Byol {
            target,
            predictor: predictor(latent, config.encoder.hidden, &mut drawn)?,
            decay: config.encoder.target_decay,
        };
        byol.join_parameters()?;
        Ok(byol)
    }

    /// What its loss trains: the encoder under its own names, and the predictor.
    pub fn parameters<'a>(&'a self, encoder: &'a Encoder) -> Vec<(String, &'a Parameter)> {
        let mut all = encoder.parameters();
        let named = self.predictor.parameters().into_iter();
        all.extend(named.map(|(name, p)| (format!("predictor.{name}"), p)));
        all
    }

    /// The loss for views \[2n, H, W, C\], rows i and i + n of one image.
    ///
    /// # Errors
    /// Views that do not fit; what the device reports.
    pub fn loss(&self, encoder: &Encoder, views: &Var) -> Result<Var> {
        let online = encoder.forward(views, Mode::Train)?;
        let predictions = self.predictor.forward(&online, Mode::Train)?;
        let targets = no_grad(|| self.target.forward(views, Mode::Train))?;
        loss::byol(&predictions, &targets)
    }

    /// The target follows the encoder after step k = 0, 1, … of so many.
    ///
    /// # Errors
    /// What the device reports.
    pub fn follow(&self, encoder: &Encoder, step: u64, steps: u64) -> Result<()> {
        let fall = Schedule::Cosine { steps };
        let decay = 1.0 - (1.0 - self.decay) * fall.factor(step);
        Ok(Ema::update(encoder, &self.target, decay)?)
    }

    /// The target becomes a copy of the encoder.
    ///
    /// # Errors
    /// What the device reports.
    pub fn restart(&self, encoder: &Encoder) -> Result<()> {
        Ok(Ema::update(encoder, &self.target, 0.0)?)
    }
}

impl Module for Byol {
    fn visit<'a>(&'a self, v: &mut Visitor<'a>) {
        v.module("target", &self.target);
        v.module("predictor", &self.predictor);
    }
}
