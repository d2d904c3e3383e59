//! The labelled images from which latents of classes come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{DataConfig, Source};
use crate::data::{self, ClassSet, Split};
use crate::features::FeatureNetwork;
use crate::generate::{Latent, of_class};
use crate::words::listed;
use crate::{Error, Result};

/// A data set with classes, read when one of them is asked for.
pub(super) struct Labelled {
    config: DataConfig,
    seed: u64,
    /// The checkpoint whose settings these are, if they are one's.
    stored_by: Option<PathBuf>,
    /// What has been read.
    read: Option<Read>,
}

struct Read {
    split: Split,
    /// Names of its classes, their numbers where they have none.
    names: Vec<String>,
    classes: Arc<ClassSet>,
}

/// A class that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub label: usize,
    /// The classes of which it is one.
    pub of: Arc<ClassSet>,
}

impl Labelled {
    /// The training images of a data set, which a checkpoint may have named; `seed` chooses what is held out.
    pub fn new(config: DataConfig, seed: u64, stored_by: Option<&Path>) -> Labelled {
        Labelled {
            config,
            seed,
            stored_by: stored_by.map(Path::to_owned),
            read: None,
        }
    }

    /// The kind of data set that it is.
    pub fn source(&self) -> Source {
        self.config.source
    }

    /// Names of all classes.
    pub fn names(&mut self) -> Result<Vec<String>> {
        Ok(self.read()?.names.clone())
    }

    /// The classes in a text: one of that whole name, else those between its commas.
    pub fn divided(&mut self, text: &str) -> Result<Vec<String>> {
        // no attribute of faces has a comma
        let may_be_one = text.contains(',') && self.config.source != Source::Celeba;
        if may_be_one && find(&self.read()?.names, text).is_some() {
            return Ok(vec![text.to_owned()]);
        }
        Ok(text.split(',').map(str::to_owned).collect())
    }

    /// A class by its name or its number, and its latent. Of CelebA, any attribute is a class.
    pub fn latent(
        &mut self,
        encoder: &dyn FeatureNetwork,
        name: &str,
        most: usize,
    ) -> Result<(Class, Latent)> {
        if self.config.source == Source::Celeba {
            let attribute = name.strip_prefix("not-").unwrap_or(name);
            if self.config.attribute.as_deref() != Some(attribute) && name.parse::<usize>().is_err()
            {
                self.config.attribute = Some(attribute.to_owned());
                self.read = None;
            }
        }
        let Read {
            split,
            names,
            classes,
        } = self.read()?;
        let label = find(names, name).ok_or_else(|| Error::Argument {
            argument: format!("class `{name}`"),
            why: format!("the data have no such class; there are {}", listed(names)),
        })?;
        let class = Class {
            label,
            of: classes.clone(),
        };
        Ok((class, of_class(encoder, split, label as u32, most)?))
    }

    fn read(&mut self) -> Result<&Read> {
        let read = match self.read.take() {
            Some(read) => read,
            None => self.load()?,
        };
        Ok(self.read.insert(read))
    }

    fn load(&self) -> Result<Read> {
        let data = match &self.stored_by {
            Some(checkpoint) => data::load_of_checkpoint(checkpoint, &self.config, self.seed)?,
            None => data::load(&self.config, self.seed)?,
        };
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
        let classes = Arc::new(ClassSet::of(&self.config, &data)?);
        let names = match data.classes {
            Some(names) if names.len() >= count => names,
            _ => (0..count).map(|class| class.to_string()).collect(),
        };
        Ok(Read {
            split: data.train,
            names,
            classes,
        })
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
