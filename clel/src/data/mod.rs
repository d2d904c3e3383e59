//! Images and where they come from.
//!
//! [`load`] is the one way in. Small sets are held in memory; large ones are read, batch by batch, by threads that run ahead of
//! the trainer ([`ImageSet`], [`Ahead`]).

mod ahead;
mod anywhere;
mod bytes;
mod celeba;
mod cifar;
mod class_set;
mod classes;
mod digits;
mod folder;
mod found;
mod idx;
mod imagenet32;
mod images;
mod jpeg;
mod left_out;
mod matlab;
mod named;
mod npz;
mod order;
mod packed;
mod picture;
mod region;
mod resize;
mod set;
mod statistics;
mod svhn;
mod synsets;
mod tensors;
mod textures;

use std::fs::metadata;
use std::path::Path;

pub use ahead::Ahead;
pub use anywhere::{NamedImages, read_any};
pub use celeba::celeba;
pub use cifar::{cifar10, cifar100};
pub(crate) use class_set::MOST_CLASSES;
pub use class_set::{ClassSet, Likeness};
pub use digits::digits;
pub use folder::{Folder, read_folder};
pub use found::Found;
pub use idx::{fashion, mnist};
pub use imagenet32::imagenet32;
pub use images::{Images, Pixels, to_byte};
pub use left_out::LeftOut;
pub use named::{Part, SetArgument};
pub use order::Order;
pub use picture::{Channels, Crop, Form, read_file};
pub use set::{ImageSet, Records};
pub use svhn::svhn;
pub(crate) use tensors::SAMPLES;
pub use tensors::{read_tensors, write_samples};
pub use textures::textures;

use clel_tensor::random::RngKey;

use crate::config::{DataConfig, Source};
use crate::{Error, Result};

/// A class index for each image, where there are classes.
pub type Labels = Option<Vec<u32>>;

/// Images with, perhaps, a class for each.
#[derive(Debug, Clone)]
pub struct Split {
    /// The images.
    pub images: ImageSet,
    /// One class index an image, where the source has classes.
    pub labels: Labels,
}

impl Split {
    /// Refuses labels that are more or fewer than the images; `of` is what these are, in words.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    pub fn check(&self, of: &str) -> Result<()> {
        let n = self.images.len();
        match &self.labels {
            Some(labels) if labels.len() != n => Err(Error::Mismatch {
                what: format!("labels of {of}"),
                found: labels.len().to_string(),
                expected: format!("{n}, one for each image"),
            }),
            _ => Ok(()),
        }
    }

    /// The images at `indices`, in that order, with their classes.
    ///
    /// # Panics
    /// If an index is not below the number of images, or of labels where there are any: [`check`](Split::check) says whether these fit.
    pub fn select(&self, indices: &[usize]) -> Split {
        Split {
            images: self.images.select(indices),
            labels: self
                .labels
                .as_ref()
                .map(|labels| indices.iter().map(|&i| labels[i]).collect()),
        }
    }

    /// The same, with the images in memory if their values take up to `limit` bytes.
    fn held_up_to(self, limit: u64) -> Result<Split> {
        Ok(Split {
            images: self.images.held_up_to(limit)?,
            ..self
        })
    }
}

/// A data set: what is learnt, and what is held out.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// What it is, for people.
    pub name: String,
    /// What is learnt.
    pub train: Split,
    /// What is held out for evaluation; may be empty.
    pub test: Split,
    /// What the classes are called, by label; none where they have numbers alone.
    pub classes: Option<Vec<String>>,
    /// Whether the seed decides which images are held out.
    pub drawn: bool,
}

/// Loads what the configuration names. Where the source has no test part, `test_share` of the
/// images, drawn by `seed`, become one. Image files are decoded now if a part's pixels take up to `data.memory`, else whenever
/// they are needed.
///
/// # Errors
/// A file is missing, unreadable, or does not hold what the source says; a stated `data.shape`
/// is not the images'.
pub fn load(config: &DataConfig, seed: u64) -> Result<Dataset> {
    let path = config.path.as_deref().unwrap_or(Path::new(""));
    let limit = config.memory.saturating_mul(1 << 20);
    check_path(config)?;
    let found = match config.source {
        Source::Digits => return fitting(digits(), config),
        Source::Cifar10 => cifar10(path)?,
        Source::Cifar100 => cifar100(path)?,
        Source::Svhn => svhn(path)?.into(),
        Source::Imagenet32 => imagenet32(path, config.size, limit)?,
        Source::Celeba => celeba(path, config.size, config.attribute.as_deref())?.into(),
        Source::Dtd | Source::DtdCorner => {
            let corner = config.source == Source::DtdCorner;
            textures(path, config.size, corner)?.into()
        }
        Source::Mnist => mnist(path)?.into(),
        Source::Fashion => fashion(config.path.as_deref())?.into(),
        Source::Images => folder::parts(path, folder::TEST, Form::of(config))?.renamed(path)?,
        Source::Safetensors => read_tensors(path)?.into(),
    };
    let without = found.without();
    let (train, test) = found.parts;
    let (train, test, drawn) = match test {
        Some(test) => (train, test, false),
        None => {
            let (train, test) = hold_out(path, train, config.test_share, seed)?;
            let drawn = !test.images.is_empty();
            (train, test, drawn)
        }
    };
    let dataset = Dataset {
        name: match &config.path {
            Some(path) => format!("{} ({}{without})", path.display(), config.source.name()),
            None => config.source.name().to_owned(),
        },
        train: train.held_up_to(limit)?,
        test: test.held_up_to(limit)?,
        classes: found.classes.or_else(|| classes::names(config)),
        drawn,
    };
    fitting(dataset, config)
}

/// The same where a run or its checkpoint, `of`, says what and where: if nothing is there, the error says so, with `cure`, which says where images lie now.
///
/// # Errors
/// Those of [`load`].
pub(crate) fn load_stored(
    of: &Path,
    config: &DataConfig,
    seed: u64,
    cure: impl FnOnce() -> String,
) -> Result<Dataset> {
    use clel_nn::Error as Network;
    load(config, seed).map_err(|error| match (&config.path, error) {
        (
            Some(path),
            source @ (Error::Read { .. }
            | Error::NoImages { .. }
            | Error::Network(Network::Io { .. })),
        ) => Error::DataGone {
            of: of.to_owned(),
            path: path.clone(),
            folder: std::env::current_dir().ok().filter(|_| path.is_relative()),
            cure: cure(),
            source: Box::new(source),
        },
        (_, other) => other,
    })
}

/// The images that a checkpoint learnt from, for a command that judges or samples.
///
/// # Errors
/// Those of [`load_stored`].
pub(crate) fn load_of_checkpoint(
    checkpoint: &Path,
    config: &DataConfig,
    seed: u64,
) -> Result<Dataset> {
    load_stored(checkpoint, config, seed, || {
        let name = config.source.name();
        format!("where they lie now, say with `--data {name} --path …`")
    })
}

/// Refuses a path at which nothing lies, and one file of a set that is a folder of files.
fn check_path(config: &DataConfig) -> Result<()> {
    let Some(path) = config.path.as_deref() else {
        return Ok(());
    };
    if config.source == Source::Digits || !metadata(path).map_err(Error::read(path))?.is_file() {
        return Ok(());
    }
    let holds = match config.source {
        Source::Digits | Source::Cifar10 | Source::Cifar100 | Source::Safetensors => return Ok(()),
        Source::Svhn => "train_32x32.mat and test_32x32.mat",
        Source::Imagenet32 => {
            "train_data_batch_1.npz and so on and val_data.npz, or `train` and `val`"
        }
        Source::Celeba => "img_align_celeba, list_eval_partition.txt and list_attr_celeba.txt",
        Source::Dtd | Source::DtdCorner => "images/CLASS/*.jpg",
        Source::Mnist | Source::Fashion => "train-images-idx3-ubyte and the other three IDX files",
        Source::Images => ".png, .jpg, .jpeg or .webp files, or sub-folders of them",
    };
    Err(Error::NoImages {
        path: path.to_owned(),
        why: format!("a file; expected the folder of {holds}"),
    })
}

/// The data set, if its images have the stated size and as many channels as there are stated statistics.
fn fitting(dataset: Dataset, config: &DataConfig) -> Result<Dataset> {
    let [_, h, w, c] = dataset.train.images.shape();
    match config.shape {
        Some(shape) if shape != [h, w, c] => Err(Error::Mismatch {
            what: format!("size of the images in {}", dataset.name),
            found: format!("{h}×{w}×{c}"),
            expected: format!("{}×{}×{} (data.shape)", shape[0], shape[1], shape[2]),
        }),
        _ => {
            for (key, values) in [("data.mean", &config.mean), ("data.std", &config.std)] {
                if let Some(values) = values.as_ref().filter(|v| v.len() != c) {
                    return Err(Error::Mismatch {
                        what: format!("{key}, for {}", dataset.name),
                        found: format!("{} numbers", values.len()),
                        expected: format!("{c}: one for each channel of its {h}×{w}×{c} images"),
                    });
                }
            }
            Ok(dataset)
        }
    }
}

/// Holds out a share of the images, drawn without replacement.
fn hold_out(path: &Path, all: Split, share: f64, seed: u64) -> Result<(Split, Split)> {
    /// Which of the program's streams of random numbers the draw uses.
    const STREAM: u32 = 0x0DA7_A5E7;
    let n = all.images.len();
    let held = (n as f64 * share).round() as usize;
    if held >= n {
        return Err(Error::NoImages {
            path: path.to_owned(),
            why: format!("{n} images, of which {held} are held out (data.test_share = {share})"),
        });
    }
    if held == 0 {
        let none = all.select(&[]);
        return Ok((all, none));
    }
    let permutation = order::permutation(n, RngKey::new(seed, STREAM));
    let (test, train) = permutation.split_at(held);
    Ok((all.select(train), all.select(test)))
}

#[cfg(test)]
mod tests;
