//! What classes are called.

use crate::config::{DataConfig, Source};

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
pub(super) fn names(config: &DataConfig) -> Option<Vec<String>> {
    let named = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
    match config.source {
        Source::Cifar10 => named(&CIFAR10),
        Source::Fashion => named(&FASHION),
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
        | Source::Cifar100
        | Source::Safetensors => None,
    }
}
