//! What `clel tune` measured on the devices of this machine: the best tile for each product of the networks, in a file for each
//! adapter and version of the kernels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clel_tensor::gpu::{Gpu, Tile, Tuned, kernels_version};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    adapter: String,
    kernels: String,
    tiles: BTreeMap<String, String>,
}

/// What results depend on besides the product.
fn adapter(gpu: &Gpu) -> String {
    let summary = gpu.summary();
    format!("{}, {}, {}", summary.name, summary.backend, summary.driver)
}

/// Where an adapter's measurements are kept: in the user's cache folder, or in the folder that CLEL_CACHE names.
///
/// # Errors
/// There is no such folder on this system.
pub fn path(gpu: &Gpu) -> Result<PathBuf> {
    let folder = match std::env::var_os("CLEL_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => dirs::cache_dir()
            .ok_or_else(|| Error::Argument {
                argument: "CLEL_CACHE".into(),
                why: "this system names no folder for caches, so this variable must".into(),
            })?
            .join("clel"),
    };
    let words: Vec<String> = adapter(gpu)
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    Ok(folder.join(format!("tune-{}.toml", words.join("-"))))
}

/// Takes over what was measured on this adapter with these kernels, if anything was: the number of products.
///
/// # Errors
/// A file that cannot be read, or is damaged.
pub fn load(gpu: &Gpu) -> Result<usize> {
    let path = path(gpu)?;
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        read => read.map_err(Error::read(&path))?,
    };
    let damaged = |why: String| {
        let why = format!("{why}; `clel tune` writes it anew, and `clel tune --forget` removes it");
        Error::format(&path, "the tiles", why)
    };
    let file: File = toml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if file.adapter != adapter(gpu) || file.kernels != kernels_version() {
        return Ok(0);
    }
    let mut best = Tuned::new();
    for (product, name) in file.tiles {
        let tile = Tile::named(&name).ok_or_else(|| damaged(format!("no tile {name:?}")))?;
        best.insert(product, tile);
    }
    let count = best.len();
    gpu.set_tuned(best);
    Ok(count)
}

/// Writes what the device has been tuned to: the file.
///
/// # Errors
/// The file cannot be written.
pub fn save(gpu: &Gpu) -> Result<PathBuf> {
    let path = path(gpu)?;
    let tiles = gpu.tuned().into_iter();
    let file = File {
        adapter: adapter(gpu),
        kernels: kernels_version(),
        tiles: tiles
            .map(|(product, tile)| (product, tile.to_string()))
            .collect(),
    };
    let text = toml::to_string(&file)
        .map_err(|error| Error::write(&path)(std::io::Error::other(error)))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    crate::whole_file::write(&path, text.as_bytes())?;
    Ok(path)
}

/// Removes what was measured on this adapter: whether there was anything.
///
/// # Errors
/// The file cannot be removed.
pub fn forget(gpu: &Gpu) -> Result<bool> {
    gpu.set_tuned(Tuned::new());
    let path = path(gpu)?;
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::write(&path)(error)),
    }
}
