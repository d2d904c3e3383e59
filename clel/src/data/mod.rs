//! Images in memory and where they come from.

mod cifar;
mod digits;
mod files;
mod images;
mod order;
mod tensors;

use std::path::Path;

pub use cifar::cifar10;
pub use digits::digits;
pub use files::{Channels, Folder, read_file, read_folder};
pub use images::{Images, Pixels, to_byte};
pub use order::Order;
pub use tensors::{read_tensors, write_samples};

use clel_tensor::random::RngKey;

use crate::config::{DataConfig, Source};
use crate::{Error, Result};

/// Images with, perhaps, a class for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// The images.
    pub images: Images,
    /// One class index an image, where the source has classes.
    pub labels: Option<Vec<u32>>,
}

impl Split {
    /// The images at `indices`, in that order, with their classes.
    pub fn select(&self, indices: &[usize]) -> Split {
        Split {
            images: self.images.select(indices),
            labels: self
                .labels
                .as_ref()
                .map(|labels| indices.iter().map(|&i| labels[i]).collect()),
        }
    }
}

/// A data set: what is learnt, and what is held out.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What it is, for people.
    pub name: String,
    /// What is learnt.
    pub train: Split,
    /// What is held out for evaluation; may be empty.
    pub test: Split,
}

/// Loads what the configuration names. Where the source has no test part, `test_share` of the
/// images, drawn by `seed`, become one.
///
/// # Errors
/// A file is missing, unreadable, or does not hold what the source says; a stated `data.shape`
/// is not the images'.
pub fn load(config: &DataConfig, seed: u64) -> Result<Dataset> {
    let path = config.path.as_deref().unwrap_or(Path::new(""));
    let dataset = match config.source {
        Source::Digits => digits(),
        Source::Cifar10 => cifar10(path)?,
        Source::Images => {
            let folder = read_folder(path, config.size, Channels::AsStored)?;
            hold_out(path, folder.split, config.test_share, seed)?
        }
        Source::Safetensors => {
            let (train, test) = read_tensors(path)?;
            match test {
                Some(test) => Dataset {
                    name: path.display().to_string(),
                    train,
                    test,
                },
                None => hold_out(path, train, config.test_share, seed)?,
            }
        }
    };
    let [_, h, w, c] = dataset.train.images.shape();
    match config.shape {
        Some(shape) if shape != [h, w, c] => Err(Error::Mismatch {
            what: format!("size of the images in {}", dataset.name),
            found: format!("{h}×{w}×{c}"),
            expected: format!("{}×{}×{} (data.shape)", shape[0], shape[1], shape[2]),
        }),
        _ => Ok(dataset),
    }
}

/// The images of a folder, of one image file, or of a safetensors file's `images`, each with a
/// name for reports. With `shape` \[h, w, c\], every image must have that size, and files are
/// converted to that number of channels.
///
/// # Errors
/// Nothing readable there, or images of another size.
pub fn read_any(path: &Path, shape: Option<[usize; 3]>) -> Result<(Images, Vec<String>)> {
    let channels = match shape {
        Some([_, _, 1]) => Channels::Grey,
        Some([_, _, 3]) => Channels::Rgb,
        _ => Channels::AsStored,
    };
    let is_tensors = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    let (images, names) = if is_tensors {
        let (split, _) = read_tensors(path)?;
        let names = (0..split.images.len())
            .map(|i| format!("images[{i}]"))
            .collect();
        (split.images, names)
    } else if path.is_dir() {
        let folder = read_folder(path, None, channels)?;
        (folder.split.images, folder.names)
    } else {
        let images = read_file(path, None, channels)?;
        (images, vec![path.display().to_string()])
    };
    let [_, h, w, c] = images.shape();
    match shape {
        Some(shape) if shape != [h, w, c] => Err(Error::Mismatch {
            what: format!("size of the images in {}", path.display()),
            found: format!("{h}×{w}×{c}"),
            expected: format!(
                "{}×{}×{}, as the model was trained on",
                shape[0], shape[1], shape[2]
            ),
        }),
        _ => Ok((images, names)),
    }
}

/// Holds out a share of the images, drawn without replacement.
fn hold_out(path: &Path, all: Split, share: f64, seed: u64) -> Result<Dataset> {
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
    let permutation = order::permutation(n, RngKey::new(seed, STREAM));
    let (test, train) = permutation.split_at(held);
    Ok(Dataset {
        name: path.display().to_string(),
        train: all.select(train),
        test: all.select(test),
    })
}

#[cfg(test)]
mod tests;
