//! An encoder that comes from a file and learns nothing more.

use std::path::Path;

use clel_nn::files::{TensorFile, import};

use super::{Networks, checkpoint, newest_usable};
use crate::{
    Error, Result,
    config::{Config, EncoderNetwork, Stem},
    report::{RunDir, best_of},
};

/// Where files keep encoders, the first that is there counts: of a checkpoint or a whole state dict the average, with which a model is
/// sampled and judged too.
const PREFIXES: [&str; 3] = ["ema_encoder.", "encoder.", ""];
/// An array that every encoder has.
const LAST: &str = "fc.3.weight";

/// Reads the encoder of `path` into these networks: a checkpoint, a run directory for its newest whole one, RUN/best, or a state dict of PyTorch as
/// safetensors, whole or of the encoder alone. Images are then normalised as that encoder was trained.
///
/// # Errors
/// A file that is missing or damaged, holds no encoder, one that was never trained, one of another architecture or size than the
/// configuration's, or numbers that are not finite.
pub(super) fn read_encoder(path: &Path, config: &Config, into: [&Networks; 2]) -> Result<()> {
    let file = match path.is_dir() {
        true => newest_usable(&RunDir::open(path)?, |path| Ok(TensorFile::open(path)?))?.value,
        false => TensorFile::open(best_of(path)?.as_deref().unwrap_or(path))?,
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
    let networks = [
        ("layer1.0.conv1.weight", EncoderNetwork::Resnet18),
        ("conv5.weight", EncoderNetwork::Tiny),
    ];
    let mut networks = networks.into_iter();
    let network = networks.find(|(name, _)| axis(name, 0).is_some());
    let known = &config.encoder;
    let channels = config.data.mean.as_ref().map_or(0, Vec::len);
    // what it is in the file, if the file tells, and here
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    let mut compare = |key: &str, there: Option<String>, here: String| {
        if let Some(there) = there.filter(|there| *there != here) {
            found.push(format!("{key} = {there}"));
            expected.push(format!("{key} = {here}"));
        }
    };
    let there = network.map(|(_, network)| network.name().to_owned());
    compare("encoder.network", there, known.network.name().to_owned());
    let all = [Stem::Small, Stem::Large];
    let stem = axis("conv1.1.weight", 2)
        .and_then(|side| all.into_iter().find(|stem| stem.kernel()[0] == side));
    let there = stem.map(|stem| stem.name().to_owned());
    compare("encoder.stem", there, known.stem.name().to_owned());
    for (key, there, here) in [
        ("encoder.width", axis("conv1.1.weight", 0), known.width),
        ("encoder.hidden", axis("fc.0.weight", 0), known.hidden),
        ("model.latent", axis(LAST, 0), config.model.latent),
        (
            "channels of the images",
            axis("conv1.1.weight", 1),
            channels,
        ),
    ] {
        compare(key, there.map(|n| n.to_string()), here.to_string());
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::Mismatch {
        what: format!("the encoder in {} (encoder.file)", file.path().display()),
        found: found.join(", "),
        expected: format!(
            "{}, as this configuration has it; set what can be set to the file's",
            expected.join(", ")
        ),
    })
}
