//! The official implementation's energy networks.

use crate::config::{Activation, Config, EncoderNetwork, Network};
use crate::{Error, Result};

/// An energy network as `architectures.py` of the official implementation names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
#[cfg_attr(feature = "program", value(rename_all = "snake_case"))]
pub enum Model {
    /// The small network of the ablations.
    ResnetSmall,
    /// CLEL-Base.
    Resnet,
    /// The one for 64×64 images.
    Resnet64,
    /// CLEL-Large: three branches on three scales.
    ResnetLarge,
}

impl Model {
    const ALL: [Model; 4] = [
        Model::ResnetSmall,
        Model::Resnet,
        Model::Resnet64,
        Model::ResnetLarge,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.network().name()
    }

    /// The preset with its settings.
    pub fn preset(self) -> &'static str {
        self.network().preset()
    }

    /// The architecture.
    pub fn network(self) -> Network {
        match self {
            Model::ResnetSmall => Network::ResnetSmall,
            Model::Resnet => Network::Resnet,
            Model::Resnet64 => Network::Resnet64,
            Model::ResnetLarge => Network::ResnetLarge,
        }
    }

    /// The one whose networks a configuration has, whatever their widths.
    ///
    /// # Errors
    /// [`Error::Mismatch`]: networks that the official implementation does not have.
    pub fn of(config: &Config) -> Result<Model> {
        let (model, encoder) = (&config.model, &config.encoder);
        let mut all = Model::ALL.into_iter();
        let known = all.find(|m| m.network() == model.network);
        match known {
            Some(found)
                if model.spectral_norm
                    && model.projector
                    && model.activation == Activation::LeakyRelu
                    && encoder.network == EncoderNetwork::Resnet18 =>
            {
                Ok(found)
            }
            _ => Err(Error::Mismatch {
                what: "networks for the official implementation".into(),
                found: format!(
                    "{} with model.spectral_norm = {}, model.projector = {}, model.activation = {}, encoder.network = {}",
                    model.network.name(),
                    model.spectral_norm,
                    model.projector,
                    model.activation.name(),
                    encoder.network.name()
                ),
                expected: "resnet_small, resnet, resnet64 or resnet_large with spectral norm, projector, activation leaky_relu and \
                           encoder resnet18"
                    .into(),
            }),
        }
    }
}
