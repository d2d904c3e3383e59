//! Which classes images have, so that those of two sets can be compared.

use serde::{Deserialize, Serialize};

use super::Dataset;
use super::classes::CIFAR10;
use crate::config::{DataConfig, Source};
use crate::words::counted;
use crate::{Error, Result};

/// Names in a message at most.
const MOST_NAMED: usize = 12;
const DIGITS: usize = 10;
/// More are no classes but numbers of another kind; for each there may be a row somewhere.
pub(crate) const MOST_CLASSES: usize = 65_536;

/// The classes of a set of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSet {
    /// The kind of data set that has them; none where nothing says it.
    pub source: Option<Source>,
    /// The set, for people.
    #[serde(skip)]
    pub set: String,
    /// How many.
    pub count: usize,
    /// What they are called, by label; none where they have numbers alone.
    pub names: Option<Vec<String>>,
}

/// What is known of the classes of two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// They are the same, label by label.
    Same,
    /// There are as many, and nothing says what those of one set are.
    Unknown,
    /// They are not.
    Other,
}

impl ClassSet {
    /// The classes of a set that a configuration has named.
    ///
    /// # Errors
    /// Images without classes.
    pub fn of(config: &DataConfig, data: &Dataset) -> Result<ClassSet> {
        let labels = data.train.labels.as_ref();
        let Some(top) = labels.and_then(|labels| labels.iter().max()) else {
            return Err(Error::Mismatch {
                what: format!("classes of {}", data.name),
                found: "images without classes".to_owned(),
                expected: "a class for each image".to_owned(),
            });
        };
        let count = *top as usize + 1;
        let names = match &data.classes {
            Some(names) => Some(names.clone()),
            None => is_of_digits(config.source).then(digits),
        };
        let names = names.filter(|names| names.len() >= count);
        Ok(ClassSet {
            source: Some(config.source),
            set: data.name.clone(),
            count: names.as_ref().map_or(count, Vec::len),
            names,
        })
    }

    /// The ten digits, as the embedded set has them.
    pub(crate) fn of_digits() -> ClassSet {
        ClassSet {
            source: Some(Source::Digits),
            set: "the embedded digits".to_owned(),
            count: DIGITS,
            names: Some(digits()),
        }
    }

    /// So many classes of the pictures of CIFAR: ten, or a hundred with fine labels.
    pub(crate) fn of_cifar(count: usize) -> ClassSet {
        let (source, names) = match count {
            10 => (Some(Source::Cifar10), Some(CIFAR10.map(str::to_owned))),
            100 => (Some(Source::Cifar100), None),
            _ => (None, None),
        };
        ClassSet {
            source,
            set: source
                .map_or("weights of an unknown set", Source::name)
                .to_owned(),
            count,
            names: names.map(Vec::from),
        }
    }

    /// Whether the classes of `other` are these. Names decide, where both have some; else published sets number their classes in one way, but for
    /// ImageNet 32.
    pub fn compared(&self, other: &ClassSet) -> Likeness {
        if self.count != other.count {
            return Likeness::Other;
        }
        if let (Some(names), Some(others)) = (&self.names, &other.names) {
            return match names == others {
                true => Likeness::Same,
                false => Likeness::Other,
            };
        }
        match (self.source, other.source) {
            (Some(Source::Safetensors), Some(Source::Safetensors)) if self.set == other.set => {
                Likeness::Same
            }
            (Some(Source::Safetensors) | None, _) | (_, Some(Source::Safetensors) | None) => {
                Likeness::Unknown
            }
            // its batches and its folders number classes in different ways
            (Some(Source::Imagenet32), Some(Source::Imagenet32)) => Likeness::Unknown,
            (one, two) if one == two => Likeness::Same,
            _ => Likeness::Other,
        }
    }

    /// Whether a set of another kind cannot have these classes, whatever is in it: no published set shares them with another, but for
    /// digits and textures.
    pub fn cannot_be_of(&self, source: Source) -> bool {
        let is_anything = |s: Source| matches!(s, Source::Images | Source::Safetensors);
        self.source.is_some_and(|own| {
            own != source
                && !(is_anything(own) || is_anything(source))
                && ![is_of_digits, is_of_textures]
                    .iter()
                    .any(|is| is(own) && is(source))
        })
    }

    /// The label of a class by its name; by its number where there are no names.
    pub fn find(&self, name: &str) -> Option<usize> {
        match &self.names {
            Some(names) => names.iter().position(|known| known == name),
            None => name.parse().ok().filter(|label| *label < self.count),
        }
    }

    /// In words: `2 classes (not-Smiling, Smiling) of faces/ (celeba)`.
    pub fn described(&self) -> String {
        let names = match &self.names {
            None => String::new(),
            Some(names) => {
                let more = if names.len() > MOST_NAMED {
                    ", …"
                } else {
                    ""
                };
                let first = &names[..names.len().min(MOST_NAMED)];
                format!(" ({}{more})", first.join(", "))
            }
        };
        format!("{}{names} of {}", counted(self.count, "class"), self.set)
    }
}

/// Whether the classes of a set are the ten digits, each its own label.
fn is_of_digits(source: Source) -> bool {
    matches!(source, Source::Digits | Source::Mnist | Source::Svhn)
}

fn is_of_textures(source: Source) -> bool {
    matches!(source, Source::Dtd | Source::DtdCorner)
}

fn digits() -> Vec<String> {
    (0..DIGITS).map(|digit| digit.to_string()).collect()
}
