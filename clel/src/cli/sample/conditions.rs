//! What chains are asked to be like, as arguments and as latents.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clel_tensor::Device;

use super::labelled::{Class, Labelled};
use crate::cli::given_images;
use crate::data::NamedImages;
use crate::features::{EncoderFeatures, extract};
use crate::generate::{Latent, Term};
use crate::train::Loaded;
use crate::{Error, Result};

/// What a latent is of: `class:NAME` or `image:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Class(String),
    Image(PathBuf),
}

impl FromStr for What {
    type Err = String;

    fn from_str(text: &str) -> Result<What, String> {
        match text.split_once(':') {
            Some(("class", name)) if !name.is_empty() => Ok(What::Class(name.to_owned())),
            Some(("image", path)) if !path.is_empty() => Ok(What::Image(path.into())),
            _ => Err("expected class:NAME or image:PATH".to_owned()),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Class(name) => write!(f, "class:{name}"),
            What::Image(path) => write!(f, "image:{}", path.display()),
        }
    }
}

/// One with a weight: `class:3`, `image:a.png*0.5`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighted {
    pub what: What,
    pub weight: f64,
}

impl FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Weighted, String> {
        let (what, weight) = match text.rsplit_once('*') {
            None => (text, 1.0),
            Some((what, weight)) => {
                let number = weight
                    .parse()
                    .ok()
                    .filter(|w: &f64| w.is_finite() && *w > 0.0);
                let wrong = || format!("`{weight}` after `*`: expected a weight, a number above 0");
                (what, number.ok_or_else(wrong)?)
            }
        };
        let what = what
            .parse()
            .map_err(|e| format!("{e}, with a weight perhaps, class:3*0.5"))?;
        Ok(Weighted { what, weight })
    }
}

/// What a row of samples is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// In words, for reports.
    pub name: String,
    pub terms: Vec<Term>,
    /// What samples may be taken for, if that can be said: any of these.
    pub meant: Vec<Meant>,
}

/// What samples are to be taken for.
#[derive(Debug, Clone)]
pub(super) enum Meant {
    Class(Class),
    /// What is in this image, which a judge must say.
    Image(Arc<[f32]>),
    /// What several images have in common, which nobody can.
    Common,
}

impl Meant {
    /// The class, if it is one by name.
    pub fn class(&self) -> Option<&Class> {
        match self {
            Meant::Class(class) => Some(class),
            _ => None,
        }
    }
}

/// Finds latents with the encoder of a checkpoint.
pub(super) struct Latents<'a> {
    pub model: &'a Loaded,
    /// The argument that named it.
    pub named: String,
    pub labelled: Labelled,
    /// Images of a class at most.
    pub most: usize,
    pub device: &'a Device,
}

impl<'a> Latents<'a> {
    /// The rows of classes that `--class` names.
    pub fn classes(&mut self, names: &[String]) -> Result<Vec<Asked>> {
        let mut rows = Vec::new();
        for named in names {
            for name in self.labelled.divided(named)? {
                let all = match name.as_str() {
                    "all" => self.labelled.names()?,
                    _ => vec![name],
                };
                for name in all {
                    rows.push(self.row(&What::Class(name), 1.0)?);
                }
            }
        }
        Ok(rows)
    }

    /// A row for each image that `--like` names.
    pub fn images(&self, path: &Path) -> Result<Vec<Asked>> {
        let shape = self.model.config.data.shape;
        let NamedImages { images, names, .. } = given_images(path, shape, None)?;
        let found = extract(&self.encoder(), &images.clone().into())?;
        let latents = found.values.chunks_exact(found.dimension.max(1));
        let values = images.to_unit();
        let values = values.chunks_exact(images.image_len().max(1));
        latents
            .zip(values)
            .zip(names)
            .map(|((latent, image), name)| {
                Ok(Asked {
                    name: format!("image:{name}"),
                    terms: vec![Term {
                        latent: Latent::mean(latent, found.dimension)?,
                        weight: 1.0,
                    }],
                    meant: vec![Meant::Image(image.into())],
                })
            })
            .collect()
    }

    /// One latent: of a class, or the normalised mean of those of images.
    pub fn row(&mut self, what: &What, weight: f64) -> Result<Asked> {
        let (latent, meant) = match what {
            What::Class(name) => {
                let (class, latent) = self.class(name)?;
                (latent, Meant::Class(class))
            }
            What::Image(path) => {
                let images = given_images(path, self.model.config.data.shape, None)?.images;
                let meant = match images.len() {
                    1 => Meant::Image(images.to_unit().into()),
                    _ => Meant::Common,
                };
                let found = extract(&self.encoder(), &images.into())?;
                (Latent::mean(&found.values, found.dimension)?, meant)
            }
        };
        Ok(Asked {
            name: what.to_string(),
            terms: vec![Term { latent, weight }],
            meant: vec![meant],
        })
    }

    fn class(&mut self, name: &str) -> Result<(Class, Latent)> {
        let encoder = self.encoder();
        self.labelled.latent(&encoder, name, self.most)
    }

    fn encoder(&self) -> EncoderFeatures<'a> {
        EncoderFeatures::of(&self.model.config, &self.model.average, self.device)
    }
}

impl Asked {
    /// No latent yet.
    pub fn nothing() -> Asked {
        Asked {
            name: String::new(),
            terms: Vec::new(),
            meant: Vec::new(),
        }
    }

    /// This and more latents. Of several that are to be met at once, any is what samples may be taken for.
    pub fn with(mut self, more: &[Asked], sign: f64) -> Asked {
        for other in more {
            let mark = if sign < 0.0 { "-" } else { "+" };
            self.name = format!("{} {mark} {}", self.name, other.named_with_weight());
            let signed = other.terms.iter().map(|term| Term {
                weight: sign * term.weight,
                ..term.clone()
            });
            self.terms.extend(signed);
            if sign > 0.0 {
                self.meant.extend(other.meant.iter().cloned());
            }
        }
        self.name = self.name.trim_start().to_owned();
        self
    }

    fn named_with_weight(&self) -> String {
        match &self.terms[..] {
            [term] if term.weight != 1.0 => format!("{}*{}", self.name, term.weight),
            _ => self.name.clone(),
        }
    }

    /// The first of several latents that chains are all led by, as the name of their row.
    pub fn first(mut self) -> Asked {
        self.name = self.named_with_weight();
        self
    }

    /// The one class that it means, if it means one and nothing else.
    pub fn class(&self) -> Option<&Class> {
        match &self.meant[..] {
            [Meant::Class(class)] => Some(class),
            _ => None,
        }
    }

    /// What cannot be computed without a trained guide.
    pub fn check(Latents { model, named, .. }: &Latents<'_>) -> Result<()> {
        model.check_trained("encoder")?;
        if model.config.loss.beta == 0.0 {
            return Err(Error::Argument {
                argument: named.clone(),
                why: "was trained with loss.beta = 0: nothing has taught its energy what latents mean; take a run with the guide"
                    .to_owned(),
            });
        }
        Ok(())
    }
}
