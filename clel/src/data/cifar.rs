//! CIFAR-10's binary files.

use std::path::{Path, PathBuf};

use super::{Dataset, Images, Split};
use crate::{Error, Result};

const PLANE: usize = 32 * 32;
/// One label byte, then a red, a green and a blue plane of 32×32 bytes.
const RECORD: usize = 1 + 3 * PLANE;

/// CIFAR-10 from a folder with `data_batch_*.bin` (one or more, read in the order of their names)
/// and `test_batch.bin`, as published: <https://www.cs.toronto.edu/~kriz/cifar.html>.
///
/// # Errors
/// A file is missing, is not a whole number of records, or has a label above 9.
pub fn cifar10(folder: &Path) -> Result<Dataset> {
    let mut batches: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(Error::read(folder))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            name.is_some_and(|n| n.starts_with("data_batch_") && n.ends_with(".bin"))
        })
        .collect();
    batches.sort();
    if batches.is_empty() {
        return Err(Error::NoImages {
            path: folder.to_owned(),
            why: "expected CIFAR-10's binary files data_batch_1.bin … data_batch_5.bin".to_owned(),
        });
    }
    Ok(Dataset {
        name: format!("CIFAR-10 in {}", folder.display()),
        train: read(&batches)?,
        test: read(&[folder.join("test_batch.bin")])?,
    })
}

fn read(paths: &[PathBuf]) -> Result<Split> {
    let mut labels = Vec::new();
    let mut values = Vec::new();
    for path in paths {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        let whole = bytes.len() / RECORD;
        if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
            return Err(Error::format(
                path,
                format!("byte {}", whole * RECORD),
                format!(
                    "the file ends inside record {whole}: {} bytes are not a whole number of \
                     {RECORD}-byte records (a label and 3·32·32 values)",
                    bytes.len()
                ),
            ));
        }
        values.reserve(whole * 3 * PLANE);
        for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
            if record[0] > 9 {
                return Err(Error::format(
                    path,
                    format!("byte {}", i * RECORD),
                    format!("label {} of record {i}, expected 0 to 9", record[0]),
                ));
            }
            labels.push(u32::from(record[0]));
            let (red, rest) = record[1..].split_at(PLANE);
            let (green, blue) = rest.split_at(PLANE);
            for ((r, g), b) in red.iter().zip(green).zip(blue) {
                values.extend([*r, *g, *b]);
            }
        }
    }
    let shape = [labels.len(), 32, 32, 3];
    let images = Images::from_levels(shape, values, 256).ok_or_else(|| Error::Mismatch {
        what: "values of CIFAR-10's images".to_owned(),
        found: "another number".to_owned(),
        expected: format!("{shape:?}"),
    })?;
    Ok(Split {
        images,
        labels: Some(labels),
    })
}
