//! Data sets that are named in one word, and their parts.

use std::path::PathBuf;
use std::str::FromStr;

use super::{Dataset, Split, load};
use crate::config::{DEFAULT_PRESET, DataConfig, Layers, Source};
use crate::{Error, Result};

/// `NAME` or `NAME:PATH`, where NAME is what `data.source` may be.
#[derive(Debug, Clone)]
pub struct SetArgument {
    /// What it is.
    pub source: Source,
    /// Its folder or file.
    pub path: Option<PathBuf>,
}

impl FromStr for SetArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<SetArgument, String> {
        SetArgument::or(text, &[])
    }
}

impl SetArgument {
    /// A set as it is typed where some other words are taken too, each by itself, which the error names with the sets.
    pub(crate) fn or(text: &str, others: &[&str]) -> Result<SetArgument, String> {
        let (name, path) = match text.split_once(':') {
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (text, None),
        };
        let source = Source::ALL.into_iter().find(|source| source.name() == name);
        let source = source.ok_or_else(|| {
            let known = Source::ALL.map(Source::name).join(", ");
            let others = others.iter().map(|word| format!(", or {word}"));
            let others: String = others.collect();
            format!("expected NAME or NAME:PATH, NAME one of {known}{others}")
        })?;
        if source.needs_path() && path.is_none() {
            return Err(format!("{name} lies in a folder or file: {name}:PATH"));
        }
        Ok(SetArgument { source, path })
    }

    /// Refuses a path of what lies in none.
    ///
    /// # Errors
    /// [`Error::Argument`].
    pub fn check(&self) -> Result<()> {
        match (&self.path, self.source) {
            (Some(path), Source::Digits) => Err(Error::Argument {
                argument: format!("digits with the path {}", path.display()),
                why: "the digits are part of the program and lie in no file; leave --path, data.path or :PATH out, or name the data set that lies there"
                    .to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Reads the set. Where it has no test part, `share` of the images become one; files of images are brought to `size` \[height, width\].
    ///
    /// # Errors
    /// Those of [`load`](super::load).
    pub fn load(&self, share: f64, size: Option<[usize; 2]>) -> Result<Dataset> {
        load(&self.config(share, size)?, 0)
    }

    /// The settings with which it is read.
    ///
    /// # Errors
    /// Settings that make no sense.
    pub fn config(&self, share: f64, size: Option<[usize; 2]>) -> Result<DataConfig> {
        self.check()?;
        let mut layers = Layers::preset(DEFAULT_PRESET)?;
        let name = self.source.name();
        layers.set_text("data.source", name, name.to_owned());
        layers.set(&format!("data.test_share={share:?}"))?;
        if let Some(path) = &self.path {
            let text = path.to_string_lossy();
            layers.set_text("data.path", &text, format!("{name}:{text}"));
        }
        let mut config = layers.build()?.data;
        // ImageNet's packed batches have one size; the caller resizes those
        config.size = size.filter(|_| self.source != Source::Imagenet32);
        Ok(config)
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What was learnt.
    Train,
    /// What was held out.
    Test,
}

impl Part {
    /// How the part is called.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "training images",
            Part::Test => "test images",
        }
    }

    /// The part, which must not be empty.
    ///
    /// # Errors
    /// [`Error::NoImages`].
    pub fn of(self, data: Dataset) -> Result<Split> {
        let split = match self {
            Part::Train => data.train,
            Part::Test => data.test,
        };
        if split.images.is_empty() {
            return Err(Error::NoImages {
                path: PathBuf::from(data.name),
                why: format!("the set has no {}", self.name()),
            });
        }
        Ok(split)
    }
}
