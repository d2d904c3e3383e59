//! Which chains are run, from where, and what each is asked for.

use std::path::Path;

use super::conditions::{Asked, Latents, Weighted, What};
use super::{MOST_SAMPLES, Sample};
use crate::cli::given_images;
use crate::data::{Channels, Form, Images, Labels, NamedImages, read_file};
use crate::generate::{Given, Latent, Term};
use crate::sampler::room;
use crate::words::{counted, listed};
use crate::{Error, Result};

/// Chains of a row, and of a run that asks for nothing, unless others are asked for.
const IN_A_ROW: usize = 8;
const UNASKED: usize = 64;
/// Latents of an interpolation, unless others are asked for.
const FRAMES: usize = 9;
/// A mask's pixel is to be filled if it is at least this bright.
const WHITE: f32 = 0.5;

/// All chains of one command.
pub(super) struct Plan {
    /// How many.
    pub count: usize,
    /// In a row of the picture, if rows mean something.
    pub columns: Option<usize>,
    /// What rows, or columns of an interpolation, are led by; none without conditions.
    pub asked: Vec<Asked>,
    /// Whether each column has its own latents, and each row its own noise, instead.
    pub by_column: bool,
    /// Images from which chains start instead of noise.
    pub start: Option<Vec<f32>>,
    /// What is known of the images.
    pub given: Option<Given>,
    /// Names of images that are filled, one a row.
    pub filled: Vec<String>,
    /// Classes of the images that were given, one a chain.
    pub labels: Labels,
    /// What sub-folders call them.
    pub label_names: Option<Vec<String>>,
}

impl Plan {
    /// What the arguments ask for.
    pub fn of(arguments: &Sample, mut latents: Latents<'_>) -> Result<Plan> {
        let shape = latents.model.config.data.shape.unwrap_or_default();
        if let Some(ends) = &arguments.conditions.interpolate {
            return interpolation(arguments, &mut latents, ends);
        }
        let mut plan = Plan {
            count: 0,
            columns: None,
            asked: asked(arguments, &mut latents)?,
            by_column: false,
            start: None,
            given: None,
            filled: Vec::new(),
            labels: None,
            label_names: None,
        };
        if let Some(path) = &arguments.images.inpaint {
            plan.fill(arguments, path, shape)?;
        } else if let Some((option, path)) = arguments.start() {
            let NamedImages {
                images,
                labels,
                classes,
                ..
            } = given_images(path, Some(shape), None)?;
            plan.count = arguments.checked_count()?.unwrap_or(images.len());
            if plan.count > images.len() {
                return Err(Error::Argument {
                    argument: format!("--count {}", plan.count),
                    why: format!(
                        "{option} {} has {}, and one chain starts at each; for several at one, give a folder or a safetensors \
                         file that holds it so many times, or call again with another --seed",
                        path.display(),
                        counted(images.len(), "image")
                    ),
                });
            }
            let (values, labels) = first(&images, labels, plan.count);
            if let Some(sigma) = arguments.images.sigma {
                let images = values.clone();
                plan.given = Some(Given::Noisy { images, sigma });
            }
            plan.start = Some(values);
            (plan.labels, plan.label_names) = (labels, classes);
        } else {
            let rows = plan.asked.len();
            let usual = if rows > 1 { rows * IN_A_ROW } else { UNASKED };
            plan.count = arguments.checked_count()?.unwrap_or(usual);
        }
        plan.deal()?;
        Ok(plan)
    }

    /// Images of which a part is to be filled, a row each.
    fn fill(&mut self, arguments: &Sample, path: &Path, shape: [usize; 3]) -> Result<()> {
        let NamedImages {
            images,
            names,
            labels,
            classes,
            ..
        } = given_images(path, Some(shape), None)?;
        let rows = images.len();
        if rows > 1 && self.asked.len() > 1 {
            return Err(Error::Argument {
                argument: format!("--inpaint {}", path.display()),
                why: format!(
                    "a row is either an image or a condition; there are {} and {}",
                    counted(rows, "image"),
                    counted(self.asked.len(), "condition")
                ),
            });
        }
        let known = mask(arguments.images.mask.as_deref(), shape)?;
        let all = rows.max(self.asked.len());
        self.count = arguments.checked_count()?.unwrap_or(all * IN_A_ROW);
        let each = (self.count / rows).max(1);
        let of_chain: Vec<usize> = (0..self.count).map(|i| (i / each).min(rows - 1)).collect();
        let (values, size) = (images.to_unit(), images.image_len());
        let mut images = room([self.count, size])?;
        for i in &of_chain {
            images.extend_from_slice(&values[i * size..][..size]);
        }
        self.given = Some(Given::Pixels { images, known });
        self.labels = labels.map(|labels| of_chain.iter().map(|i| labels[*i]).collect());
        (self.filled, self.label_names) = (names, classes);
        Ok(())
    }

    /// Rows of equal length.
    fn deal(&mut self) -> Result<()> {
        let rows = self.asked.len().max(self.filled.len());
        if rows <= 1 {
            return Ok(());
        }
        if !self.count.is_multiple_of(rows) {
            let names = self.asked.iter().map(|a| &a.name);
            let names = names.chain(&self.filled);
            let names: Vec<&str> = names.map(String::as_str).collect();
            return Err(Error::Argument {
                argument: counted(self.count, "sample"),
                why: format!(
                    "must be a multiple of {rows}, as many of each: {}; see --count",
                    listed(&names)
                ),
            });
        }
        self.columns = Some(self.count / rows);
        Ok(())
    }

    /// Which of `asked` a chain is led by.
    pub fn kind(&self, chain: usize) -> usize {
        match (self.by_column, self.asked.len()) {
            (true, columns) => chain % columns,
            (false, 0 | 1) => 0,
            (false, rows) => chain / (self.count / rows),
        }
    }
}

/// The rows that conditions make.
fn asked(arguments: &Sample, latents: &mut Latents<'_>) -> Result<Vec<Asked>> {
    let conditions = &arguments.conditions;
    if conditions.are_none() {
        return Ok(Vec::new());
    }
    Asked::check(latents)?;
    let classes = latents.classes(&conditions.class)?;
    let images = match &conditions.like {
        Some(path) => latents.images(path)?,
        None => Vec::new(),
    };
    let mut terms = |all: &[Weighted]| -> Result<Vec<Asked>> {
        all.iter().map(|w| latents.row(&w.what, w.weight)).collect()
    };
    let mut towards = terms(&conditions.towards)?;
    let away = terms(&conditions.away)?;
    let rows = match (classes.len(), images.len()) {
        (0, 0) if towards.is_empty() => vec![Asked::nothing()],
        (0, 0) => vec![towards.remove(0).first()],
        (_, 0) => classes,
        (0, _) => images,
        (1, _) => images
            .into_iter()
            .map(|row| row.with(&classes, 1.0))
            .collect(),
        (_, 1) => classes
            .into_iter()
            .map(|row| row.with(&images, 1.0))
            .collect(),
        (c, i) => {
            return Err(Error::Argument {
                argument: "--class with --like".to_owned(),
                why: format!(
                    "a row is either a class or an image; there are {c} classes and {i} images"
                ),
            });
        }
    };
    let composed = |row: Asked| row.with(&towards, 1.0).with(&away, -1.0);
    Ok(rows.into_iter().map(composed).collect())
}

/// Chains of the same noise in a row, led by latents from one end of an arc to the other.
fn interpolation(arguments: &Sample, latents: &mut Latents<'_>, ends: &[What]) -> Result<Plan> {
    Asked::check(latents)?;
    let [a, b] = ends else {
        return Err(Error::Argument {
            argument: "--interpolate".to_owned(),
            why: "needs two ends, as in --interpolate class:3 image:a.png".to_owned(),
        });
    };
    let [a, b] = [latents.row(a, 1.0)?, latents.row(b, 1.0)?];
    let frames = arguments.conditions.frames.unwrap_or(FRAMES);
    if !(2..=1000).contains(&frames) {
        return Err(Error::Argument {
            argument: format!("--frames {frames}"),
            why: "must lie in 2..=1000".to_owned(),
        });
    }
    let last = frames - 1;
    let asked = (0..frames).map(|k| -> Result<Asked> {
        let t = k as f64 / last as f64;
        let latent = Latent::between(&a.terms[0].latent, &b.terms[0].latent, t)?;
        let (name, ends) = match k {
            0 => (a.name.clone(), &[&a][..]),
            _ if k == last => (b.name.clone(), &[&b][..]),
            _ => (format!("{t:.2}"), &[&a, &b][..]),
        };
        Ok(Asked {
            name,
            terms: vec![Term {
                latent,
                weight: 1.0,
            }],
            meant: ends.iter().flat_map(|end| end.meant.clone()).collect(),
        })
    });
    let rows = arguments.checked_count()?.unwrap_or(IN_A_ROW);
    if rows > MOST_SAMPLES / frames {
        return Err(Error::Argument {
            argument: format!("--count {rows}"),
            why: format!("rows of {frames} frames make more than {MOST_SAMPLES} samples"),
        });
    }
    Ok(Plan {
        count: rows * frames,
        columns: Some(frames),
        asked: asked.collect::<Result<_>>()?,
        by_column: true,
        start: None,
        given: None,
        filled: Vec::new(),
        labels: None,
        label_names: None,
    })
}

/// The first images of a set, and their classes.
fn first(images: &Images, labels: Labels, count: usize) -> (Vec<f32>, Labels) {
    let mut values = images.to_unit();
    values.truncate(count * images.image_len());
    let labels = labels.map(|mut labels| {
        labels.truncate(count);
        labels
    });
    (values, labels)
}

/// Which pixels of an image a mask leaves as they are.
fn mask(path: Option<&Path>, [h, w, _]: [usize; 3]) -> Result<Vec<bool>> {
    let Some(path) = path else {
        return Err(Error::Argument {
            argument: "--inpaint".to_owned(),
            why: "needs --mask, an image that is white where pixels are to be filled".to_owned(),
        });
    };
    let form = Form {
        crop: None,
        size: None,
        channels: Channels::Grey,
    };
    let image = read_file(path, form)?;
    let [_, height, width, _] = image.shape();
    if [height, width] != [h, w] {
        return Err(Error::Mismatch {
            what: format!("size of the mask {}", path.display()),
            found: format!("{height}×{width}"),
            expected: format!("{h}×{w}, as the images have it"),
        });
    }
    let known: Vec<bool> = image.to_unit().iter().map(|v| *v < WHITE).collect();
    if known.iter().all(|k| *k) {
        return Err(Error::Argument {
            argument: format!("--mask {}", path.display()),
            why: "has no white pixel, so nothing is to be filled".to_owned(),
        });
    }
    Ok(known)
}
