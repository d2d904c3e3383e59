//! An encoder that comes from a file and learns nothing more.

use std::path::Path;

use clel_nn::files::{TensorFile, import};

use super::{Networks, checkpoint};
use crate::{
    Error, Result,
    config::{Config, EncoderNetwork},
    report::RunDir,
};

/// Where files keep encoders, the first that is there counts: of a checkpoint or a whole state dict the average, with which a model is
/// sampled and judged too.
const PREFIXES: [&str; 3] = ["ema_encoder.", "encoder.", ""];
/// An array that every encoder has.
const LAST: &str = "fc.3.weight";

/// Reads the encoder of `path` into these networks: a checkpoint, a run directory for its newest one, or a state dict of PyTorch as
/// safetensors, whole or of the encoder alone. Images are then normalised as that encoder was trained.
///
/// # Errors
/// A file that is missing or damaged, holds no encoder, one that was never trained, one of another architecture or size than the
/// configuration's, or numbers that are not finite.
pub(super) fn read_encoder(path: &Path, config: &Config, into: [&Networks; 2]) -> Result<()> {
    let file = match path.is_dir() {
        true => TensorFile::open(&RunDir::open(path)?.latest_checkpoint()?.1)?,
        false => TensorFile::open(path)?,
    };
    let there = |prefix: &&str| file.shape(&format!("{prefix}{LAST}")).is_some();
    let Some(prefix) = PREFIXES.into_iter().find(there) else {
        return Err(Error::format(
            file.path(),
            "names",
            format!(
                "no encoder here (encoder.file); expected arrays {LAST} and so on, under that name, or under encoder. or ema_encoder."
            ),
        ));
    };
    if checkpoint::untrained(&file).iter().any(|n| n == "encoder") {
        let why = "its encoder has learnt nothing (encoder.latents was none, or it was imported without one)";
        return Err(Error::format(
            file.path(),
            "network `encoder`",
            format!("{why}: it cannot be encoder.file"),
        ));
    }
    check_size(&file, prefix, config)?;
    file.check_finite(prefix)?;
    for networks in into {
        import(&networks.encoder, &file, prefix)?;
    }
    Ok(())
}

/// Compares what the shapes of a file's arrays tell of its encoder with the configuration. What they do not tell, `import` finds.
fn check_size(file: &TensorFile, prefix: &str, config: &Config) -> Result<()> {
    let axis = |name: &str, axis: usize| {
        let shape = file.shape(&format!("{prefix}{name}"))?;
        shape.get(axis).copied()
    };
    let network = [
        ("layer1.0.conv1.weight", EncoderNetwork::Resnet18),
        ("conv5.weight", EncoderNetwork::Tiny),
    ];
    let network = network
        .into_iter()
        .find(|(name, _)| axis(name, 0).is_some());
    let known = &config.encoder;
    let channels = config.data.shape.map(|shape| shape[2]);
    let word = |network: EncoderNetwork| network.name().to_owned();
    let number = |n: Option<usize>| n.map(|n| n.to_string());
    let told = [
        (
            "encoder.network",
            network.map(|(_, network)| word(network)),
            Some(word(known.network)),
        ),
        (
            "encoder.width",
            number(axis("conv1.1.weight", 0)),
            number(Some(known.width)),
        ),
        (
            "encoder.hidden",
            number(axis("fc.0.weight", 0)),
            number(Some(known.hidden)),
        ),
        (
            "model.latent",
            number(axis(LAST, 0)),
            number(Some(config.model.latent)),
        ),
        (
            "channels of the images",
            number(axis("conv1.1.weight", 1)),
            number(channels),
        ),
    ];
    let differ = |(_, found, wanted): &&(&str, Option<String>, Option<String>)| matches!((found, wanted), (Some(found), Some(wanted)) if found != wanted);
    let list = |side: fn(&(&str, Option<String>, Option<String>)) -> Option<String>| {
        let all = told.iter().filter(differ);
        let all: Vec<String> = all
            .filter_map(|row| Some(format!("{} = {}", row.0, side(row)?)))
            .collect();
        all.join(", ")
    };
    if told.iter().any(|row| differ(&row)) {
        return Err(Error::Mismatch {
            what: format!("the encoder in {} (encoder.file)", file.path().display()),
            found: list(|row| row.1.clone()),
            expected: format!(
                "{}, as this configuration has it; set what can be set to the file's",
                list(|row| row.2.clone())
            ),
        });
    }
    Ok(())
}
