//! What classes are called.

use std::path::Path;

use crate::config::{DataConfig, Source};
use crate::{Error, Result};

/// As in `batches.meta.txt`.
pub(super) const CIFAR10: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];
/// As in the set's own description, <https://github.com/zalandoresearch/fashion-mnist>.
const FASHION: [&str; 10] = [
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
];

/// Names of the classes that a configuration's images have, by label, beside those that come with the images themselves; none where classes have
/// numbers alone. With CelebA's attribute they are `not-ATTRIBUTE` and `ATTRIBUTE`.
///
/// # Errors
/// A list of names that cannot be read.
pub(super) fn names(config: &DataConfig) -> Result<Option<Vec<String>>> {
    let named = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
    let path = config.path.as_deref().unwrap_or(Path::new(""));
    Ok(match config.source {
        Source::Cifar10 => named(&CIFAR10),
        Source::Fashion => named(&FASHION),
        Source::Cifar100 => listed(&path.join("fine_label_names.txt"))?,
        Source::Celeba => config
            .attribute
            .as_ref()
            .map(|name| vec![format!("not-{name}"), name.clone()]),
        Source::Images
        | Source::Dtd
        | Source::DtdCorner
        | Source::Digits
        | Source::Svhn
        | Source::Imagenet32
        | Source::Mnist
        | Source::Safetensors => None,
    })
}

/// The lines of a file, if it is there.
fn listed(path: &Path) -> Result<Option<Vec<String>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(Some(lines.map(str::to_owned).collect()))
}
