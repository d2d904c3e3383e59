//! The configuration of a run: one tree of typed values.
//!
//! Values come in layers, later ones over earlier ones: a preset, a TOML file (`--config`), and
//! `--set key=value` arguments. A key that no setting has is an error that names the nearest one.
//! The result is printed when a run starts and kept as `config.toml` in the run directory.

mod best;
mod changes;
mod keys;
mod layers;
mod networks;
mod plain;
mod presets;
mod reference;
mod section;
mod tree;
mod validate;

pub use best::Best;
pub(crate) use changes::CHANGEABLE;
pub(crate) use keys::{differences, in_words};
pub use layers::Layers;
pub use networks::{
    Activation, EncoderConfig, EncoderNetwork, Latents, ModelConfig, Network, Stem,
};
pub use presets::{DEFAULT_PRESET, PRESETS};
pub use reference::Meaning;
pub(crate) use section::Sections;
pub(crate) use tree::RESIZED;
pub use tree::{
    AdamConfig, Augmentation, AugmentationConfig, Config, DataConfig, EvalConfig, HealthConfig,
    LogConfig, LossConfig, Precision, SamplerConfig, Schedule, SgdConfig, SickPolicy, Source,
    StepShape, Storage, TrainConfig,
};
pub(crate) use validate::LARGEST_SIDE;

#[cfg(test)]
mod tests;
