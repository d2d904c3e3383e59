//! The labelled images from which latents of classes come.

use crate::config::{DataConfig, Source};
use crate::data::{self, Split};
use crate::features::FeatureNetwork;
use crate::generate::{Latent, of_class};
use crate::{Error, Result};

/// A data set with classes, read when one of them is asked for.
pub(super) struct Labelled {
    config: DataConfig,
    seed: u64,
    /// What has been read, with the names of its classes.
    read: Option<(Split, Vec<String>)>,
}

impl Labelled {
    /// The training images of a data set; `seed` chooses what is held out.
    pub fn new(config: DataConfig, seed: u64) -> Labelled {
        Labelled {
            config,
            seed,
            read: None,
        }
    }

    /// Names of all classes.
    pub fn names(&mut self) -> Result<Vec<String>> {
        Ok(self.read()?.1.clone())
    }

    /// The number of a class by its name or its number, and its latent. Of CelebA, any attribute is a class.
    pub fn latent(
        &mut self,
        encoder: &dyn FeatureNetwork,
        name: &str,
        most: usize,
    ) -> Result<(usize, Latent)> {
        if self.config.source == Source::Celeba {
            let attribute = name.strip_prefix("not-").unwrap_or(name);
            if self.config.attribute.as_deref() != Some(attribute) && name.parse::<usize>().is_err()
            {
                self.config.attribute = Some(attribute.to_owned());
                self.read = None;
            }
        }
        let (split, names) = self.read()?;
        let class = find(names, name).ok_or_else(|| Error::Argument {
            argument: format!("class `{name}`"),
            why: format!(
                "the data have no such class; there are {}",
                names.join(", ")
            ),
        })?;
        Ok((class, of_class(encoder, split, class as u32, most)?))
    }

    fn read(&mut self) -> Result<&(Split, Vec<String>)> {
        let read = match self.read.take() {
            Some(read) => read,
            None => self.load()?,
        };
        Ok(self.read.insert(read))
    }

    fn load(&self) -> Result<(Split, Vec<String>)> {
        let data = data::load(&self.config, self.seed)?;
        let Some(labels) = &data.train.labels else {
            let why = match self.config.source {
                Source::Celeba => {
                    "faces have no classes until an attribute is named: --class Smiling"
                }
                _ => "has no classes; name a set that has, with --data and --path",
            };
            return Err(Error::Argument {
                argument: data.name,
                why: why.to_owned(),
            });
        };
        let count = labels.iter().max().map_or(0, |top| *top as usize + 1);
        let names = match data.classes {
            Some(names) if names.len() >= count => names,
            _ => (0..count).map(|class| class.to_string()).collect(),
        };
        Ok((data.train, names))
    }
}

/// A class by its name, however written, or by its number.
fn find(names: &[String], name: &str) -> Option<usize> {
    let exact = names.iter().position(|known| known == name);
    let alike = || {
        names
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    };
    let number = || name.parse().ok().filter(|n| *n < names.len());
    exact.or_else(alike).or_else(number)
}
