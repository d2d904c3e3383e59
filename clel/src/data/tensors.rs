//! Images in safetensors files.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use clel_nn::files::open_regular;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo, TensorView};

use super::bytes::numbers;
use super::found::Parts;
use super::region::Region;
use super::set::Records;
use super::{ImageSet, Images, MOST_CLASSES, Split};
use crate::words::listed;
use crate::{Error, Result, whole_file};

/// What the samples are called that lie beside a picture of them.
pub(crate) const SAMPLES: &str = "samples.safetensors";
/// Bytes that a header takes at most, as the format says.
const MOST_HEADER: u64 = 100_000_000;

/// The tensor `images` (or `samples`) \[N, H, W, C\], u8 or f32 in \[0, 1\] with 1 or 3 channels, and `labels`
/// \[N\] (u8, i32, i64 or u32) if there; likewise `test_images` and `test_labels`. Images of u8 are read where they lie.
///
/// # Errors
/// The file is missing or truncated, has no `images`, or a tensor has another shape, type or range.
pub fn read_tensors(path: &Path) -> Result<Parts> {
    let reader = Reader::open(path)?;
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
                listed(&reader.header.offset_keys())
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

/// The arrays of a file, of which only the header has been read.
struct Reader<'a> {
    path: &'a Path,
    header: Metadata,
    /// Where the first array begins.
    start: u64,
}

impl Reader<'_> {
    fn open(path: &Path) -> Result<Reader<'_>> {
        let mut file = open_regular(path).map_err(Error::read(path))?;
        let length = file.metadata().map_err(Error::read(path))?.len();
        let fault = |why: String| {
            let place = format!("header ({length} bytes in all)");
            Error::format(path, place, format!("not a whole safetensors file: {why}"))
        };
        let mut size = [0; 8];
        file.read_exact(&mut size)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => fault("it has no room for the header's size".into()),
                _ => Error::read(path)(error),
            })?;
        let size = u64::from_le_bytes(size);
        let start = size.saturating_add(8);
        if start > length || size > MOST_HEADER {
            return Err(fault(format!("its header would take {size} bytes")));
        }
        let mut text = vec![0; size as usize];
        file.read_exact(&mut text).map_err(Error::read(path))?;
        let header: Metadata =
            serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))?;
        let needed = start.saturating_add(header.data_len() as u64);
        if needed != length {
            return Err(fault(format!("its arrays would end at byte {needed}")));
        }
        Ok(Reader {
            path,
            header,
            start,
        })
    }

    /// Where an array begins in the file.
    fn place(&self, array: &TensorInfo) -> Result<Region> {
        Region::open(self.path, self.start + array.data_offsets.0 as u64)
    }

    fn bytes(&self, array: &TensorInfo) -> Result<Vec<u8>> {
        let (from, to) = array.data_offsets;
        let mut bytes = vec![0; to - from];
        self.place(array)?.read(0, &mut bytes)?;
        Ok(bytes)
    }

    fn split(&self, images: &str, labels: &str) -> Result<Option<Split>> {
        let Some(array) = self.header.info(images) else {
            return Ok(None);
        };
        let images = self.images(images, array)?;
        let labels = match self.header.info(labels) {
            Some(array) => Some(self.labels(labels, array, images.len())?),
            None => None,
        };
        Ok(Some(Split { images, labels }))
    }

    fn images(&self, name: &str, array: &TensorInfo) -> Result<ImageSet> {
        let fault = |why: String| Error::format(self.path, format!("tensor `{name}`"), why);
        let shape = match array.shape[..] {
            [n, h, w, c] if n * h * w > 0 && (c == 1 || c == 3) => [n, h, w, c],
            _ => {
                return Err(fault(format!(
                    "shape {:?}, expected [N, H, W, C] with C = 1 or 3 and no empty axis",
                    array.shape
                )));
            }
        };
        match array.dtype {
            Dtype::U8 => {
                let values = self.place(array)?;
                Ok(ImageSet::stored(Arc::new(Levels { shape, values })))
            }
            Dtype::F32 => {
                let values: Vec<f32> = numbers(&self.bytes(array)?, f32::from_le_bytes);
                if let Some(i) = values.iter().position(|v| !(0.0..=1.0).contains(v)) {
                    return Err(fault(format!("value {i} is {}, expected 0..1", values[i])));
                }
                let images = Images::from_unit(shape, values);
                let images = images.ok_or_else(|| fault("shape and data differ".to_owned()))?;
                Ok(images.into())
            }
            other => Err(fault(format!("type {other}, expected F32 in 0..1 or U8"))),
        }
    }

    fn labels(&self, name: &str, array: &TensorInfo, n: usize) -> Result<Vec<u32>> {
        let fault = |why: String| Error::format(self.path, format!("tensor `{name}`"), why);
        if array.shape != [n] {
            return Err(fault(format!("shape {:?}, expected [{n}]", array.shape)));
        }
        let bytes = self.bytes(array)?;
        let wide: Vec<i64> = match array.dtype {
            Dtype::U8 => bytes.iter().map(|v| i64::from(*v)).collect(),
            Dtype::U32 => numbers(&bytes, |b| i64::from(u32::from_le_bytes(b))),
            Dtype::I32 => numbers(&bytes, |b| i64::from(i32::from_le_bytes(b))),
            Dtype::I64 => numbers(&bytes, i64::from_le_bytes),
            other => return Err(fault(format!("type {other}, expected U8, U32, I32 or I64"))),
        };
        wide.iter()
            .map(|v| {
                let label = u32::try_from(*v)
                    .ok()
                    .filter(|l| (*l as usize) < MOST_CLASSES);
                label.ok_or_else(|| fault(format!("label {v}, expected 0 to {}", MOST_CLASSES - 1)))
            })
            .collect()
    }
}

/// 8-bit images where they lie.
#[derive(Debug)]
struct Levels {
    shape: [usize; 4],
    values: Region,
}

impl Records for Levels {
    fn shape(&self) -> [usize; 4] {
        self.shape
    }

    fn read(&self, index: usize, values: &mut Vec<u8>) -> Result<()> {
        let (held, [_, h, w, c]) = (values.len(), self.shape);
        values.resize(held + h * w * c, 0);
        let at = (index * h * w * c) as u64;
        self.values.read(at, &mut values[held..])
    }
}
