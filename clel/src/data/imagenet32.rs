//! ImageNet at 32×32 (Chrabaszcz et al., "A Downsampled Variant of ImageNet as an Alternative to the CIFAR datasets", 2017).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cifar::interleave;
use super::folder;
use super::npz::Npz;
use super::region::Region;
use super::set::Records;
use super::{Channels, Form, Found, ImageSet, Images, Split, synsets};
use crate::{Error, Result};

/// Values of an image: a red, a green and a blue plane of 32×32.
const LEN: usize = 3 * 32 * 32;
/// The size of the batches, and the one that image files are brought to, if no other is asked for.
const SIZE: [usize; 2] = [32, 32];
const CLASSES: i64 = 1000;
/// Folders of images to test with: the validation images, as the published test images have no classes.
const HELD: [&str; 2] = ["val", "test"];
/// Batches of the whole training set.
const BATCHES: u32 = 10;

/// ImageNet 32×32 from a folder with `train_data_batch_1.npz` and so on (one or more) and `val_data.npz`, as published:
/// <https://image-net.org/download-images.php>; or from image folders `train` and `val` (`test` where that is not there), which are cropped and resized.
/// A part whose files fit into `memory` bytes is read into it. Other batches that are not compressed are read where they lie; first each is read
/// through once, as its checksum covers all of it. Names of classes
/// come from the published `map_clsloc.txt`, those of folders also from `LOC_synset_mapping.txt` or `words.txt`, in `path` or beside it.
///
/// # Errors
/// A file is missing, truncated or damaged, or holds other arrays than `data`, u8 \[N, 3072\], and `labels` from 1 to 1000; compressed ones that
/// take more than `memory`; a list of names of another form.
pub fn imagenet32(path: &Path, size: Option<[usize; 2]>, memory: u64) -> Result<Found> {
    let mut train = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::read(path))? {
        let name = entry.map_err(Error::read(path))?.file_name();
        let number = name.to_str().and_then(|n| {
            let number = n.strip_prefix("train_data_batch_")?.strip_suffix(".npz")?;
            number.parse::<u32>().ok()
        });
        train.extend(number.map(|number| (number, path.join(&name))));
    }
    if train.is_empty() {
        let form = Form {
            crop: None,
            size: size.or(Some(SIZE)),
            channels: Channels::Rgb,
        };
        let found = folder::parts(path, HELD, form).map_err(|error| match error {
            Error::NoImages { path, .. } => Error::NoImages {
                path,
                why: "expected train_data_batch_1.npz and so on and val_data.npz, or folders `train` and `val` of image files"
                    .to_owned(),
            },
            other => other,
        })?;
        return found.renamed(path);
    }
    if let Some(size) = size.filter(|size| *size != SIZE) {
        return Err(Error::Mismatch {
            what: format!("data.size, with the batches in {}", path.display()),
            found: format!("{size:?}"),
            expected: "none, or [32, 32], which they have".to_owned(),
        });
    }
    train.sort();
    let absent = (1..=BATCHES).filter(|number| !train.iter().any(|(n, _)| n == number));
    let missing = absent.map(|number| format!("train_data_batch_{number}.npz"));
    let missing = missing.collect();
    let train: Vec<PathBuf> = train.into_iter().map(|(_, path)| path).collect();
    let test = path.join("val_data.npz");
    if !test.exists() {
        return Err(Error::NoImages {
            path: path.to_owned(),
            why: "expected val_data.npz beside the training batches".to_owned(),
        });
    }
    let test = split(&[test], memory)?;
    let parts = (split(&train, memory)?, Some(test));
    Ok(Found {
        classes: synsets::of_labels(path)?,
        missing,
        ..parts.into()
    })
}

fn split(paths: &[PathBuf], memory: u64) -> Result<Split> {
    let (mut batches, mut labels) = (Vec::new(), Vec::new());
    let (mut held, mut lengths) = (0, 0);
    for path in paths {
        lengths += std::fs::metadata(path).map_err(Error::read(path))?.len();
    }
    for path in paths {
        let mut file = Npz::open(path)?;
        let (array, bytes) = file.read("labels")?;
        let numbers = array
            .integers(&bytes)
            .ok_or_else(|| array.fault(format!("type {}, expected whole numbers", array.kind)))?;
        if let Some(i) = numbers.iter().position(|n| !(1..=CLASSES).contains(n)) {
            let why = format!("label {} of image {i}, expected 1 to {CLASSES}", numbers[i]);
            return Err(array.fault(why));
        }
        if numbers.is_empty() {
            return Err(array.fault("no images at all"));
        }
        let data = file.array("data")?;
        let n = numbers.len();
        if data.kind != "|u1" || data.shape != [n, LEN] {
            let why = format!(
                "{:?} of type {}, expected [{n}, {LEN}] of |u1",
                data.shape, data.kind
            );
            return Err(data.fault(why));
        }
        let values = match data.offset {
            Some(_) if lengths <= memory => {
                held += data.size;
                Values::Unpacked(file.read("data")?.1)
            }
            Some(offset) => {
                // images are read one by one later, past the archive's checksum
                file.check("data")?;
                Values::InFile(Region::open(path, offset)?)
            }
            None => {
                held += data.size;
                if held > memory {
                    return Err(data.fault(format!(
                        "compressed, so that it must be held in memory, where it and those before it take {} MiB and data.memory allows \
                         {}; raise that, or write the file anew with numpy.savez, which does not compress",
                        held >> 20,
                        memory >> 20
                    )));
                }
                Values::Unpacked(file.read("data")?.1)
            }
        };
        let first = labels.len();
        batches.push(Batch { first, values });
        labels.extend(numbers.iter().map(|label| (label - 1) as u32));
    }
    let n = labels.len();
    let unpacked = |batch: &Batch| matches!(batch.values, Values::Unpacked(_));
    let images = match batches.iter().all(unpacked) {
        true => in_memory(n, batches)?.into(),
        false => ImageSet::stored(Arc::new(Batches { n, batches })),
    };
    let labels = Some(labels);
    Ok(Split { images, labels })
}

/// Unpacked batches as images; each is let go when it has been taken.
fn in_memory(n: usize, batches: Vec<Batch>) -> Result<Images> {
    let mut values = Vec::with_capacity(n * LEN);
    for batch in batches {
        if let Values::Unpacked(bytes) = batch.values {
            let images = bytes.chunks_exact(LEN);
            images.for_each(|planes| interleave(planes, &mut values));
        }
    }
    Images::of_levels([n, 32, 32, 3], values, 256)
}

#[derive(Debug)]
struct Batches {
    n: usize,
    batches: Vec<Batch>,
}

/// The images of a file.
#[derive(Debug)]
struct Batch {
    /// Images before it.
    first: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    InFile(Region),
    Unpacked(Vec<u8>),
}

impl Records for Batches {
    fn shape(&self) -> [usize; 4] {
        [self.n, 32, 32, 3]
    }

    fn read(&self, index: usize, values: &mut Vec<u8>) -> Result<()> {
        let batch = &self.batches[self.batches.partition_point(|b| b.first <= index) - 1];
        let at = (index - batch.first) * LEN;
        match &batch.values {
            Values::Unpacked(bytes) => interleave(&bytes[at..at + LEN], values),
            Values::InFile(region) => {
                let mut planes = [0; LEN];
                region.read(at as u64, &mut planes)?;
                interleave(&planes, values);
            }
        }
        Ok(())
    }
}
