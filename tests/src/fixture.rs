//! Files of reference tensors from PyTorch; `tests/reference/README.md` lists them.

use std::{collections::BTreeMap, path::PathBuf};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;

use crate::Failure;

/// Arrays of one fixture, by name.
#[derive(Debug)]
pub struct Fixture {
    /// Name of the file, without extension.
    pub name: String,
    arrays: BTreeMap<String, Array>,
    metadata: BTreeMap<String, String>,
}

/// Elements in row-major order.
#[derive(Debug)]
pub(crate) struct Array {
    pub shape: Vec<usize>,
    pub elements: Elements,
}

#[derive(Debug)]
pub(crate) enum Elements {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

impl Fixture {
    /// Reads `tests/fixtures/NAME.safetensors`.
    ///
    /// # Errors
    /// The file cannot be read, or holds elements other than f32 and u32.
    pub fn open(name: &str) -> Result<Fixture, Failure> {
        let path = Self::path(name);
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let (_, header) = SafeTensors::read_metadata(&bytes)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let arrays = SafeTensors::deserialize(&bytes)?
            .iter()
            .map(|(key, view)| Ok((key.to_owned(), array(&view)?)))
            .collect::<Result<_, Failure>>()?;
        Ok(Fixture {
            name: name.to_owned(),
            arrays,
            metadata: metadata.into_iter().collect(),
        })
    }

    /// Where the file is.
    pub fn path(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures")
            .join(format!("{name}.safetensors"))
    }

    /// A value of the metadata, written as JSON there.
    ///
    /// # Errors
    /// There is none of that name, or it is of another type.
    pub fn note<T: DeserializeOwned>(&self, key: &str) -> Result<T, Failure> {
        let text = self.metadata.get(key);
        let text = text.ok_or_else(|| format!("{}: no note {key}", self.name))?;
        Ok(serde_json::from_str(text)?)
    }

    /// Names of the tensors that start with `prefix`, without it.
    pub fn keys_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let keys = self.arrays.keys();
        keys.filter_map(move |key| key.strip_prefix(prefix))
    }

    pub(crate) fn array(&self, key: &str) -> Result<&Array, Failure> {
        let array = self.arrays.get(key);
        array.ok_or_else(|| format!("{}: no tensor {key}", self.name).into())
    }
}

fn array(view: &TensorView<'_>) -> Result<Array, Failure> {
    let words = view.data().as_chunks::<4>().0.iter().copied();
    let elements = match view.dtype() {
        Dtype::F32 => Elements::F32(words.map(f32::from_le_bytes).collect()),
        Dtype::U32 => Elements::U32(words.map(u32::from_le_bytes).collect()),
        other => return Err(format!("fixtures hold f32 and u32, not {other:?}").into()),
    };
    Ok(Array {
        shape: view.shape().to_vec(),
        elements,
    })
}
