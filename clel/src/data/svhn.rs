//! SVHN's cropped digits.

use std::path::Path;

use super::found::Parts;
use super::matlab::MatFile;
use super::{Images, Split};
use crate::{Error, Result};

/// Values of an image.
const LEN: usize = 32 * 32 * 3;

/// SVHN's cropped digits from a folder with `train_32x32.mat` and `test_32x32.mat`, as published:
/// <http://ufldl.stanford.edu/housenumbers/>. The label 10, which stands for the digit 0, becomes 0.
///
/// # Errors
/// A file is missing, truncated or no MATLAB file of version 5, has other arrays than `X` and `y`, or a label that is not 1 to 10.
pub fn svhn(folder: &Path) -> Result<Parts> {
    let train = split(&folder.join("train_32x32.mat"))?;
    Ok((train, Some(split(&folder.join("test_32x32.mat"))?)))
}

fn split(path: &Path) -> Result<Split> {
    let (mut images, mut labels) = (None, None);
    let mut file = MatFile::open(path)?;
    while let Some(mut array) = file.next()? {
        match array.name.as_str() {
            "X" => {
                let &[32, 32, 3, n] = &array.shape[..] else {
                    return Err(
                        array.fault(format!("shape {:?}, expected [32, 32, 3, N]", array.shape))
                    );
                };
                images = Some((n, array.bytes()?));
            }
            "y" => {
                let numbers = array.numbers()?;
                let digits = numbers.iter().enumerate().map(|(i, y)| match *y {
                    y if (1.0..=10.0).contains(&y) && y.fract() == 0.0 => Ok(y as u32 % 10),
                    y => Err(array.fault(format!("label {y} of image {i}, expected 1 to 10"))),
                });
                labels = Some(digits.collect::<Result<Vec<_>>>()?);
            }
            _ => {}
        }
    }
    let missing = |name| {
        Error::format(
            path,
            format!("array `{name}`"),
            "not in the file, which is to have X, the images, and y, their labels",
        )
    };
    let (n, columns) = images.ok_or_else(|| missing("X"))?;
    let labels = labels.ok_or_else(|| missing("y"))?;
    if labels.len() != n {
        let why = format!("{} labels, expected {n}: one for each image", labels.len());
        return Err(Error::format(path, "array `y`", why));
    }
    let mut values = columns;
    values.chunks_exact_mut(LEN).for_each(to_rows);
    Ok(Split {
        images: Images::of_levels([n, 32, 32, 3], values, 256)?.into(),
        labels: Some(labels),
    })
}

/// An image that runs down its columns, colour by colour, becomes one that runs along its rows, pixel by pixel.
fn to_rows(image: &mut [u8]) {
    let columns = image.to_vec();
    for (i, v) in columns.into_iter().enumerate() {
        let (row, column, colour) = (i % 32, i / 32 % 32, i / 1024);
        image[(row * 32 + column) * 3 + colour] = v;
    }
}
