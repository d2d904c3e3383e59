//! The smallest model that is worth training in a test.

use clel::config::{Config, Layers};

/// Settings over the preset `digits` with which an iteration takes a fraction of a second.
pub const SETTINGS: [&str; 12] = [
    "model.width=4",
    "model.hidden=8",
    "model.latent=4",
    "encoder.width=4",
    "encoder.hidden=8",
    "sampler.steps=2",
    "sampler.buffer=8",
    "train.batch=4",
    "log.grid_images=4",
    "log.metrics_every=1",
    "eval.samples=8",
    "eval.rounds=1",
];

/// The configuration with those settings and more.
///
/// # Errors
/// Settings that make no sense.
pub fn config(more: &[&str]) -> clel::Result<Config> {
    let mut layers = Layers::preset("digits")?;
    for setting in SETTINGS.iter().chain(more) {
        layers.set(setting)?;
    }
    layers.build()
}
