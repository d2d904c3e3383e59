//! Networks in files: PyTorch's names, shapes and orders.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use clel_tensor::{Device, Tensor};

use super::{TensorFile, write_tensors};
use crate::{Error, FileOrder, Module, Result, Slot};

/// PyTorch's BatchNorm counts its batches; nothing reads the count.
const IGNORED: &str = "num_batches_tracked";

/// Every parameter and state of a module as files hold them: named `prefix` + dotted name, in PyTorch's
/// order (convolution weights \[O, C, KH, KW\]).
///
/// # Errors
/// What the device reports.
pub fn export(module: &dyn Module, prefix: &str) -> Result<Vec<(String, Tensor)>> {
    let slots = module.slots().into_iter();
    let named = slots.map(|(name, slot)| {
        let value = slot.order().to_file(&slot.tensor())?;
        Ok((format!("{prefix}{name}"), value))
    });
    named.collect()
}

/// Sets every parameter and state of a module from the arrays of a file whose names begin with
/// `prefix`: all of them, or none if anything is wrong. Keys `…num_batches_tracked` are ignored; arrays of fewer bits may
/// fill a module of more: f16 or BF16 one of f32.
///
/// # Errors
/// [`Error::MissingKey`], [`Error::UnknownKey`], [`Error::FileShape`], [`Error::FileDType`]; what the device reports.
pub fn import(module: &dyn Module, file: &TensorFile, prefix: &str) -> Result<()> {
    let slots = module.slots();
    let known: HashSet<&str> = slots.iter().map(|(name, _)| name.as_str()).collect();
    let unknown = file
        .names()
        .filter_map(|key| key.strip_prefix(prefix))
        .find(|name| !known.contains(name) && name.rsplit('.').next() != Some(IGNORED));
    let missing = |name: &str| file.shape(&format!("{prefix}{name}")).is_none();
    // a file of another network misses keys and has others: the missing one says more
    if let Some((name, _)) = slots.iter().find(|(name, _)| missing(name)) {
        return Err(Error::MissingKey {
            file: file.path().to_owned(),
            key: format!("{prefix}{name}"),
        });
    }
    if let Some(name) = unknown {
        return Err(Error::UnknownKey {
            file: file.path().to_owned(),
            key: format!("{prefix}{name}"),
        });
    }
    let values = slots
        .iter()
        .map(|(name, slot)| read_slot(file, &format!("{prefix}{name}"), slot));
    let values = values.collect::<Result<Vec<Tensor>>>()?;
    for ((_, slot), value) in slots.iter().zip(values) {
        slot.set(value)?;
    }
    Ok(())
}

fn read_slot(file: &TensorFile, key: &str, slot: &Slot<'_>) -> Result<Tensor> {
    let old = slot.tensor();
    let expected = slot.order().file_shape(old.shape());
    let found = file.shape(key).unwrap_or_default();
    if found != expected {
        return Err(Error::FileShape {
            file: file.path().to_owned(),
            key: key.into(),
            expected,
            found: found.to_vec(),
        });
    }
    // a GPU may have no type of a file's
    let value = file.tensor(key, &Device::Cpu)?;
    let (found, expected) = (value.dtype(), old.dtype());
    let widens = found.is_float() && expected.is_float() && found.size() < expected.size();
    if found != expected && !widens {
        return Err(Error::FileDType {
            file: file.path().to_owned(),
            key: key.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        });
    }
    let value = value.to_dtype(expected)?.to_device(old.device())?;
    slot.order().from_file(&value)
}

/// Writes a module to a safetensors file that PyTorch can load, atomically (see [`write_atomically`](super::write_atomically)).
///
/// ```
/// use clel_nn::{Conv2d, ConvOptions, Init, Module, files::{TensorFile, load_module, save_module}};
/// use clel_tensor::{DType, Device, RngKey};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("conv.safetensors");
/// let mut init = Init::new(RngKey::new(1, 0), DType::F32, &Device::Cpu);
/// let conv = Conv2d::new(&mut init, 3, 8, 5, &ConvOptions::default())?;
/// save_module(&path, &conv)?;
/// assert_eq!(TensorFile::open(&path)?.shape("weight"), Some(&[8, 3, 5, 5][..]));
/// load_module(&path, &Conv2d::new(&mut init, 3, 8, 5, &ConvOptions::default())?)?;
/// let error = load_module(&path, &Conv2d::new(&mut init, 3, 8, 3, &ConvOptions::default())?);
/// assert!(error.unwrap_err().to_string().contains("`weight`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; what the device reports.
pub fn save_module(path: &Path, module: &dyn Module) -> Result<()> {
    write_tensors(path, &export(module, "")?, &BTreeMap::new())
}

/// Sets a module from a safetensors file; see [`import`]. Numbers are taken as they are: a file whose weights are NaN or infinite is loaded,
/// unless [`TensorFile::check_finite`] has refused it before.
///
/// # Errors
/// Those of [`TensorFile::open`] and [`import`].
pub fn load_module(path: &Path, module: &dyn Module) -> Result<()> {
    import(module, &TensorFile::open(path)?, "")
}

impl Slot<'_> {
    /// The value.
    pub fn tensor(&self) -> Tensor {
        match self {
            Slot::Parameter(p) => p.tensor(),
            Slot::State(s) => s.tensor(),
        }
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// [`Error::Cell`] unless shape, type and device stay; what the device reports.
    pub fn set(&self, value: Tensor) -> Result<()> {
        match self {
            Slot::Parameter(p) => p.set(value),
            Slot::State(s) => s.set(value),
        }
    }

    /// How files order the elements.
    pub fn order(&self) -> FileOrder {
        match self {
            Slot::Parameter(p) => p.order(),
            Slot::State(s) => s.order(),
        }
    }
}
