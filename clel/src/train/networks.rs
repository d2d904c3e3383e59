//! The pair of networks that is trained, and that is averaged.

use clel_nn::{Init, Module};
use clel_tensor::{DType, Device, RngKey};

use super::streams;
use crate::{
    Result,
    config::Config,
    model::{Encoder, EnergyNetwork, Normalisation},
};

/// The energy network with its projector, and the encoder.
pub struct Networks {
    /// f and g.
    pub energy: EnergyNetwork,
    /// h.
    pub encoder: Encoder,
}

impl Networks {
    /// Networks with the initial values that the configuration's seed draws.
    ///
    /// # Errors
    /// The configuration lacks the data's statistics; what the device reports.
    pub fn new(config: &Config, device: &Device) -> Result<Networks> {
        Self::at_most(usize::MAX, config, device)
    }

    /// Networks that have so many values at most, each.
    ///
    /// # Errors
    /// Those of `new`; a network has more.
    pub(super) fn at_most(values: usize, config: &Config, device: &Device) -> Result<Networks> {
        let normalisation = Normalisation::of(&config.data)?;
        let mut init = init(config, streams::ENCODER, device).at_most(values);
        Ok(Networks {
            energy: Self::energy_at_most(values, config, device)?,
            encoder: Encoder::new(
                &config.encoder,
                config.model.latent,
                &normalisation,
                &mut init,
            )?,
        })
    }

    /// The energy network of [`new`](Self::new) alone.
    ///
    /// # Errors
    /// Those of `new`.
    pub fn energy(config: &Config, device: &Device) -> Result<EnergyNetwork> {
        Self::energy_at_most(usize::MAX, config, device)
    }

    fn energy_at_most(values: usize, config: &Config, device: &Device) -> Result<EnergyNetwork> {
        let normalisation = Normalisation::of(&config.data)?;
        let mut init = init(config, streams::ENERGY_NETWORK, device).at_most(values);
        EnergyNetwork::new(&config.model, &normalisation, &mut init)
    }

    /// Puts the parameters of each network side by side, as training leaves them.
    pub(super) fn join_parameters(&self) -> Result<()> {
        for (_, module) in self.named() {
            module.join_parameters()?;
        }
        Ok(())
    }

    /// Both, with what their names begin with in a checkpoint; for averages, `ema_` stands in front.
    pub(crate) fn named(&self) -> [(&'static str, &dyn Module); 2] {
        [("ebm.", &self.energy), ("encoder.", &self.encoder)]
    }
}

pub(super) fn init(config: &Config, stream: u32, device: &Device) -> Init {
    Init::new(
        RngKey::new(config.drawing_seed(), stream),
        DType::F32,
        device,
    )
}
