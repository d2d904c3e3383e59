//! Images in safetensors files.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::bytes::numbers;
use super::{Images, Parts, Split};
use crate::{Error, Result, whole_file};

/// Labels count classes, for each of which there may be a row somewhere.
const MOST_CLASSES: u32 = 1 << 16;

/// The tensor `images` (or `samples`) \[N, H, W, C\], u8 or f32 in \[0, 1\] with 1 or 3 channels, and `labels`
/// \[N\] (u8, i32, i64 or u32) if there; likewise `test_images` and `test_labels`.
///
/// # Errors
/// The file is missing or truncated, has no `images`, or a tensor has another shape, type or range.
pub fn read_tensors(path: &Path) -> Result<Parts> {
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| {
        Error::format(
            path,
            format!("header ({} bytes in all)", bytes.len()),
            format!("not a whole safetensors file: {error}"),
        )
    })?;
    let reader = Reader { path, file };
    // `samples` is what `clel sample` writes
    let images = match reader.split("images", "labels")? {
        None => reader.split("samples", "labels")?,
        some => some,
    };
    let train = images.ok_or_else(|| {
        Error::format(
            path,
            "tensor `images`",
            format!(
                "not there; expected [N, H, W, C], f32 in 0..1 or u8; the file holds {}",
                reader.file.names().join(", ")
            ),
        )
    })?;
    let test = reader.split("test_images", "test_labels")?;
    if let Some(test) = &test
        && test.images.shape()[1..] != train.images.shape()[1..]
    {
        return Err(Error::format(
            path,
            "tensor `test_images`",
            format!(
                "shape {:?}, but `images` has {:?}; all but the first must agree",
                test.images.shape(),
                train.images.shape()
            ),
        ));
    }
    Ok((train, test))
}

/// Writes the tensor `samples` \[N, H, W, C\], f32 in \[0, 1\], to a new file.
///
/// # Errors
/// The number of values is not that of the shape, or the file cannot be written.
pub fn write_samples(path: &Path, shape: [usize; 4], values: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mismatch = |_| Error::Mismatch {
        what: "values of the tensor `samples`".to_owned(),
        found: values.len().to_string(),
        expected: format!("{shape:?}"),
    };
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).map_err(mismatch)?;
    let file = safetensors::serialize([("samples", view)], None).map_err(mismatch)?;
    whole_file::write(path, &file)
}

struct Reader<'a> {
    path: &'a Path,
    file: SafeTensors<'a>,
}

impl Reader<'_> {
    fn split(&self, images: &str, labels: &str) -> Result<Option<Split>> {
        let Ok(view) = self.file.tensor(images) else {
            return Ok(None);
        };
        let images = self.images(images, &view)?;
        let labels = match self.file.tensor(labels) {
            Ok(view) => Some(self.labels(labels, &view, images.len())?),
            Err(_) => None,
        };
        Ok(Some(Split {
            images: images.into(),
            labels,
        }))
    }

    fn images(&self, name: &str, view: &TensorView<'_>) -> Result<Images> {
        let fault = |why: String| Error::format(self.path, format!("tensor `{name}`"), why);
        let shape = match *view.shape() {
            [n, h, w, c] if n * h * w > 0 && (c == 1 || c == 3) => [n, h, w, c],
            _ => {
                return Err(fault(format!(
                    "shape {:?}, expected [N, H, W, C] with C = 1 or 3 and no empty axis",
                    view.shape()
                )));
            }
        };
        let images = match view.dtype() {
            Dtype::U8 => Images::from_levels(shape, view.data().to_vec(), 256),
            Dtype::F32 => {
                let values: Vec<f32> = numbers(view.data(), f32::from_le_bytes);
                if let Some(i) = values.iter().position(|v| !(0.0..=1.0).contains(v)) {
                    return Err(fault(format!("value {i} is {}, expected 0..1", values[i])));
                }
                Images::from_unit(shape, values)
            }
            other => return Err(fault(format!("type {other}, expected F32 in 0..1 or U8"))),
        };
        images.ok_or_else(|| fault("shape and data differ".to_owned()))
    }

    fn labels(&self, name: &str, view: &TensorView<'_>, n: usize) -> Result<Vec<u32>> {
        let fault = |why: String| Error::format(self.path, format!("tensor `{name}`"), why);
        if view.shape() != [n] {
            return Err(fault(format!("shape {:?}, expected [{n}]", view.shape())));
        }
        let wide: Vec<i64> = match view.dtype() {
            Dtype::U8 => view.data().iter().map(|v| i64::from(*v)).collect(),
            Dtype::U32 => numbers(view.data(), |b| i64::from(u32::from_le_bytes(b))),
            Dtype::I32 => numbers(view.data(), |b| i64::from(i32::from_le_bytes(b))),
            Dtype::I64 => numbers(view.data(), i64::from_le_bytes),
            other => return Err(fault(format!("type {other}, expected U8, U32, I32 or I64"))),
        };
        wide.iter()
            .map(|v| {
                let label = u32::try_from(*v).ok().filter(|label| *label < MOST_CLASSES);
                label.ok_or_else(|| fault(format!("label {v}, expected 0 to {}", MOST_CLASSES - 1)))
            })
            .collect()
    }
}
