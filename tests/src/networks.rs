//! The networks that fixtures describe: the presets' structure, narrower.

use clel::config::{
    Activation, EncoderConfig, EncoderNetwork, Latents, ModelConfig, Network, Stem,
};
use clel::model::{Encoder, EnergyNetwork, Normalisation};
use clel_nn::Init;
use clel_tensor::{DType, RngKey};
use serde::Deserialize;

use crate::{Case, Failure};

/// A fixture's note `config` about an energy network.
#[derive(Debug, Clone, Deserialize)]
pub struct EnergyShape {
    stages: Vec<(usize, usize)>,
    hidden: usize,
    features: usize,
    #[serde(default)]
    activation: Activation,
    mean: Vec<f64>,
    std: Vec<f64>,
}

/// A fixture's note `config` about an encoder.
#[derive(Debug, Clone, Deserialize)]
pub struct EncoderShape {
    kind: EncoderNetwork,
    width: usize,
    hidden: usize,
    latent: usize,
    mean: Vec<f64>,
    std: Vec<f64>,
}

fn init(case: &Case<'_>) -> Init {
    Init::new(RngKey::new(1, 0), DType::F32, case.device)
}

impl EnergyShape {
    /// The configuration of a network of this shape.
    pub fn config(&self, network: Network) -> ModelConfig {
        ModelConfig {
            network,
            width: self.stages[0].0,
            hidden: self.hidden,
            latent: self.features,
            activation: self.activation,
            spectral_norm: true,
            projector: true,
        }
    }

    /// Mean and standard deviation of each channel of the data.
    pub fn statistics(&self) -> (Vec<f64>, Vec<f64>) {
        (self.mean.clone(), self.std.clone())
    }

    /// The network, with random weights.
    ///
    /// # Errors
    /// What the device reports.
    pub fn build(self, case: &Case<'_>, network: Network) -> Result<EnergyNetwork, Failure> {
        let config = self.config(network);
        let (mean, std) = (self.mean, self.std);
        let normalisation = Normalisation { mean, std };
        Ok(EnergyNetwork::new(
            &config,
            &normalisation,
            &mut init(case),
        )?)
    }
}

impl EncoderShape {
    /// Length of the latents.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// Mean and standard deviation of each channel of the data.
    pub fn statistics(&self) -> (Option<Vec<f64>>, Option<Vec<f64>>) {
        (Some(self.mean.clone()), Some(self.std.clone()))
    }

    /// The configuration of an encoder of this shape.
    pub fn config(&self) -> EncoderConfig {
        EncoderConfig {
            network: self.kind,
            width: self.width,
            stem: Stem::Small,
            hidden: self.hidden,
            latents: Latents::Contrastive,
            file: None,
            target_decay: 0.99,
        }
    }

    /// The network, with random weights.
    ///
    /// # Errors
    /// What the device reports.
    pub fn build(self, case: &Case<'_>) -> Result<Encoder, Failure> {
        let config = self.config();
        let (mean, std) = (self.mean, self.std);
        let normalisation = Normalisation { mean, std };
        Ok(Encoder::new(
            &config,
            self.latent,
            &normalisation,
            &mut init(case),
        )?)
    }
}
