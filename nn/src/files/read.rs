//! Reading safetensors files.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use clel_tensor::{Device, Tensor, f16};
use safetensors::{Dtype, SafeTensors};

use super::{checksum, regular::read_regular};
use crate::{Error, Result};

/// A safetensors file in memory; arrays are made from it one by one.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    bytes: Vec<u8>,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    range: Range<usize>,
}

impl TensorFile {
    /// Reads a file and checks that its header describes it completely and, where it has a `checksum`, that no bit has changed since
    /// it was written.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] if it is truncated, changed, or no safetensors file.
    pub fn open(path: &Path) -> Result<TensorFile> {
        let bytes = read_regular(path).map_err(Error::read(path))?;
        TensorFile::from_bytes(path, bytes)
    }

    /// The content of a file that was read already; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<TensorFile> {
        let format = |e: safetensors::SafeTensorError| {
            Error::Format {
            file: path.to_owned(),
            why: match is_of_pytorch(&bytes) {
                true => "a pickle, as PyTorch saves its checkpoints; tools/ckpt_to_safetensors.py of this program's source makes a safetensors \
                         file of it"
                    .to_owned(),
                false => format!("{e}; {} bytes are there", bytes.len()),
            },
        }
        };
        let (header_len, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let start = header_len + 8;
        let mut metadata = header.metadata().clone().unwrap_or_default();
        if let Some(written) = metadata.remove(checksum::KEY) {
            check(path, &bytes, start, &written)?;
        }
        let entries = header.tensors().into_iter().map(|(name, info)| {
            let (from, to) = info.data_offsets;
            let entry = Entry {
                dtype: info.dtype,
                shape: info.shape.clone(),
                range: start + from..start + to,
            };
            (name, entry)
        });
        Ok(TensorFile {
            entries: entries.collect(),
            metadata: metadata.into_iter().collect(),
            path: path.to_owned(),
            bytes,
        })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's strings but the checksum.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The names of the arrays, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of an array, if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|e| &e.shape[..])
    }

    /// The element type of an array as safetensors spells it (`F32`, `I64`), if the file has it.
    pub fn element_type(&self, name: &str) -> Option<String> {
        self.entries.get(name).map(|e| format!("{:?}", e.dtype))
    }

    /// The value of an array of one I64, as PyTorch's counters are; `None` for anything else.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let entry = self.entries.get(name)?;
        if entry.dtype != Dtype::I64 {
            return None;
        }
        let bytes = self.bytes[entry.range.clone()].try_into().ok()?;
        Some(i64::from_le_bytes(bytes))
    }

    /// Refuses a file in which an array whose name begins with `prefix` holds NaN or an infinity.
    ///
    /// # Errors
    /// [`Error::FileNumber`], with the first such array.
    pub fn check_finite(&self, prefix: &str) -> Result<()> {
        let named = self.entries.iter().filter(|(k, _)| k.starts_with(prefix));
        for (key, entry) in named {
            let bytes = &self.bytes[entry.range.clone()];
            let found = match entry.dtype {
                Dtype::F32 => non_finite(bytes, f32::from_le_bytes),
                Dtype::F16 => non_finite(bytes, f16::from_le_bytes),
                Dtype::BF16 => non_finite(bytes, bf16),
                Dtype::F64 => non_finite(bytes, f64::from_le_bytes),
                _ => None,
            };
            if let Some((at, value)) = found {
                return Err(Error::FileNumber {
                    file: self.path.clone(),
                    key: key.clone(),
                    shape: entry.shape.clone(),
                    at,
                    value,
                });
            }
        }
        Ok(())
    }

    /// An array, f32, f16, f64 or u32, on `device`; one of BF16 as f32, which has all its numbers.
    ///
    /// # Errors
    /// [`Error::MissingKey`]; [`Error::FileDType`] for other element types; what the device reports.
    pub fn tensor(&self, name: &str, device: &Device) -> Result<Tensor> {
        let Some(entry) = self.entries.get(name) else {
            return Err(Error::MissingKey {
                file: self.path.clone(),
                key: name.into(),
            });
        };
        let (bytes, shape) = (&self.bytes[entry.range.clone()], &entry.shape);
        // the header's offsets were checked against shapes and types
        let tensor = match entry.dtype {
            Dtype::F32 => Tensor::from_slice(&numbers(bytes, f32::from_le_bytes), shape, device),
            Dtype::F16 => Tensor::from_slice(&numbers(bytes, f16::from_le_bytes), shape, device),
            Dtype::BF16 => Tensor::from_slice(&numbers(bytes, bf16), shape, device),
            Dtype::F64 => Tensor::from_slice(&numbers(bytes, f64::from_le_bytes), shape, device),
            Dtype::U32 => Tensor::from_slice(&numbers(bytes, u32::from_le_bytes), shape, device),
            other => {
                return Err(Error::FileDType {
                    file: self.path.clone(),
                    key: name.into(),
                    expected: "F32, F16, BF16, F64 or U32".into(),
                    found: format!("{other:?}"),
                });
            }
        };
        Ok(tensor?)
    }
}

/// Whether bytes begin as what `torch.save` writes: a ZIP archive, or a pickle of protocol 2 and later.
fn is_of_pytorch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, 2..=5, ..])
}

/// bfloat16 is the upper half of an f32.
fn bf16([low, high]: [u8; 2]) -> f32 {
    f32::from_le_bytes([0, 0, low, high])
}

/// Little-endian numbers of `B` bytes each.
fn numbers<const B: usize, T>(bytes: &[u8], read: impl Fn([u8; B]) -> T) -> Vec<T> {
    bytes.as_chunks::<B>().0.iter().map(|b| read(*b)).collect()
}

/// The first little-endian number of `B` bytes that is not finite, with its position.
fn non_finite<const B: usize, T: Into<f64>>(
    bytes: &[u8],
    read: impl Fn([u8; B]) -> T,
) -> Option<(usize, f64)> {
    let numbers = bytes.as_chunks::<B>().0.iter().map(|b| read(*b).into());
    numbers.enumerate().find(|(_, v)| !v.is_finite())
}

/// Compares the checksum that was written with that of the bytes; the header ends at `start`.
fn check(path: &Path, bytes: &[u8], start: usize, written: &str) -> Result<()> {
    let found = checksum::place(&bytes[..start]).map(|place| checksum::of_file(bytes, place));
    if found.as_deref() == Some(written) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "none".to_owned());
    Err(Error::Format {
        file: path.to_owned(),
        why: format!(
            "damaged since it was written: checksum {found}, its metadata say {written}. Whoever changes a file on purpose removes \
             `{}` from its metadata",
            checksum::KEY
        ),
    })
}
