//! A network and a batch size, with all settings that training has.

use crate::Result;
use crate::config::{Config, Layers, Network};
use crate::model::usual_shape;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub(super) config: Config,
}

impl Subject {
    /// The settings of the preset that has this network, with batches of `batch` images and further settings `key=value`; the
    /// images are random numbers of the size that the network is made for.
    ///
    /// # Errors
    /// A setting that does not exist or makes no sense.
    pub fn new(network: Network, batch: usize, settings: &[String]) -> Result<Subject> {
        let mut layers = Layers::preset(network.preset())?;
        // nothing is read from there
        layers.set("data.path=random")?;
        for setting in settings {
            layers.set(setting)?;
        }
        layers.set_count("train.batch", batch, format!("--batch {batch}"));
        let mut config = layers.build()?;
        let [_, _, channels] = *config
            .data
            .shape
            .get_or_insert(usual_shape(config.model.network));
        config.data.mean.get_or_insert(vec![0.5; channels]);
        config.data.std.get_or_insert(vec![0.25; channels]);
        Ok(Subject { config })
    }

    /// Runs `f` with the kernels that the settings ask for.
    pub fn with_kernels<R>(&self, f: impl FnOnce() -> R) -> R {
        self.config.train.with_kernels(f)
    }

    /// \[H, W, C\] of an image.
    pub(super) fn shape(&self) -> [usize; 3] {
        self.config.data.shape.unwrap_or_default()
    }

    pub(super) fn batch(&self) -> usize {
        self.config.train.batch
    }

    /// `model b16`, and after `parts` how the sampler comes by its weights.
    pub(super) fn name(&self, work: &str, parts: &str) -> String {
        let model = &self.config.model;
        let network = model.network.name();
        let weights = match (model.spectral_norm, self.config.sampler.cache_spectral) {
            (false, _) => "plain weights",
            (true, false) => "power iteration",
            (true, true) => "weights held",
        };
        format!("{work} {network} b{}{parts}, {weights}", self.batch())
    }
}
