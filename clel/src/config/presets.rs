//! Configurations that come with the program.

use crate::{Error, Result};

/// Name and TOML text of each preset; the texts are the files in `clel/presets/`.
pub const PRESETS: &[(&str, &str)] = &[
    ("digits", include_str!("../../presets/digits.toml")),
    ("fashion", include_str!("../../presets/fashion.toml")),
    ("cifar10", include_str!("../../presets/cifar10.toml")),
    (
        "cifar10-small",
        include_str!("../../presets/cifar10-small.toml"),
    ),
    (
        "cifar10-large",
        include_str!("../../presets/cifar10-large.toml"),
    ),
    ("imagenet32", include_str!("../../presets/imagenet32.toml")),
    ("celeba64", include_str!("../../presets/celeba64.toml")),
];

/// What a run is when nothing else is said.
pub const DEFAULT_PRESET: &str = "digits";

/// The text of a preset.
pub(super) fn text(name: &str) -> Result<&'static str> {
    PRESETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
        .ok_or_else(|| Error::UnknownPreset {
            name: name.to_owned(),
            known: PRESETS.iter().map(|(known, _)| *known).collect(),
        })
}
