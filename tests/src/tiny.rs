//! The smallest model that is worth training in a test.

use std::path::Path;

use clel::config::{Config, Layers};
use clel::data;
use clel::report::RunDir;
use clel::train::Job;
use clel_tensor::Device;

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

/// A run with those settings, from the start, that nobody stops.
///
/// # Errors
/// Settings that make no sense; a directory that cannot be made.
pub fn job(dir: &Path, device: &Device, more: &[&str]) -> clel::Result<Job> {
    let config = config(more)?;
    Ok(Job {
        data: data::load(&config.data, config.seed)?,
        config,
        device: device.clone(),
        run: RunDir::create(dir)?,
        resume: false,
        stop_after: None,
        stop: Default::default(),
    })
}
