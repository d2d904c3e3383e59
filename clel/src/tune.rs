//! What `clel tune` measured on the devices of this machine: the best way to compute each product of the networks, in a file for each
//! adapter and version of the kernels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clel_tensor::Device;
use clel_tensor::gpu::{Family, Gpu, Tuned, Way, kernels_version};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    adapter: String,
    kernels: String,
    ways: BTreeMap<String, String>,
}

/// What a file of any version says of where it is from.
#[derive(Debug, Deserialize)]
struct Made {
    adapter: String,
    kernels: String,
}

/// What is known of the fastest kernels of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing was measured.
    Nothing,
    /// What was measured holds for other kernels, of another version of this program.
    Outdated,
    /// How many products are computed in their fastest way.
    Products(usize),
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
    let named = std::env::var_os("CLEL_CACHE").filter(|folder| !folder.is_empty());
    let folder = match named {
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

/// Takes over what was measured on this adapter with these kernels, if anything was.
///
/// # Errors
/// A file that cannot be read, or is damaged; [`remedy`] says what helps.
pub fn load(gpu: &Gpu) -> Result<Known> {
    load_from(&path(gpu)?, gpu)
}

/// What a person can do about an error of [`load`] for this adapter.
pub fn remedy(error: &Error, gpu: &Gpu) -> String {
    let device = format!("--device wgpu:{}", gpu.summary().index);
    let forget = format!("`clel tune --forget {device}` removes it");
    match (error, gpu.family()) {
        (Error::Argument { .. }, _) => "CLEL_CACHE=FOLDER in the environment names one".to_owned(),
        (Error::Format { .. }, Family::Tiled) => {
            format!("`clel tune {device}` writes it anew, and {forget}")
        }
        (Error::Format { .. }, Family::Direct) => forget,
        _ => "remove it, or put its permissions right".to_owned(),
    }
}

fn load_from(path: &Path, gpu: &Gpu) -> Result<Known> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Known::Nothing),
        read => read.map_err(Error::read(path))?,
    };
    let damaged = |place: String, why: &str| Error::format(path, place, why);
    let unlike = |error: toml::de::Error| {
        let line = error
            .span()
            .map_or(0, |at| text[..at.start].matches('\n').count());
        damaged(format!("line {}", line + 1), error.message())
    };
    let made: Made = toml::from_str(&text).map_err(unlike)?;
    // what another version measured may be written in another form
    if made.adapter != adapter(gpu) || made.kernels != kernels_version() {
        return Ok(Known::Outdated);
    }
    let file: File = toml::from_str(&text).map_err(unlike)?;
    let mut best = Tuned::new();
    for (product, name) in file.ways {
        let way = Way::named(&name).ok_or_else(|| {
            let why = format!("there is no way {name:?} to compute a product");
            damaged(product.clone(), &why)
        })?;
        best.insert(product, way);
    }
    let count = best.len();
    gpu.set_tuned(best);
    Ok(Known::Products(count))
}

/// Writes what the device has been tuned to: the file.
///
/// # Errors
/// The file cannot be written.
pub fn save(gpu: &Gpu) -> Result<PathBuf> {
    let path = path(gpu)?;
    save_to(&path, gpu)?;
    Ok(path)
}

fn save_to(path: &Path, gpu: &Gpu) -> Result<()> {
    let ways = gpu.tuned().into_iter();
    let file = File {
        adapter: adapter(gpu),
        kernels: kernels_version(),
        ways: ways
            .map(|(product, way)| (product, way.to_string()))
            .collect(),
    };
    let text =
        toml::to_string(&file).map_err(|error| Error::write(path)(std::io::Error::other(error)))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
    crate::whole_file::write(path, text.as_bytes())
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

/// A device and what it is tuned for, on which results depend: `wgpu (NAME), tuned for 12 products`.
pub fn described(device: &Device) -> String {
    match device {
        Device::Wgpu(gpu) if !gpu.tuned().is_empty() => {
            format!("{device}, tuned for {} products", gpu.tuned().len())
        }
        device => device.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_for_the_same_adapter_and_kernels() {
        let Ok(adapter) = clel_tensor::gpu::find_adapter("") else {
            assert_ne!(std::env::var("CLEL_REQUIRE_GPU"), Ok("1".to_owned()));
            return;
        };
        let gpu = Gpu::open(adapter).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/tune.toml");
        assert_eq!(load_from(&path, &gpu).unwrap(), Known::Nothing);
        let [tile, filtered] =
            ["32x32/4x4/4/32", "winograd 4"].map(|name| Way::named(name).unwrap());
        let best = Tuned::from([
            ("forward 1x64x16x144 by 3x3/1".to_owned(), tile),
            ("input_grad 1x64x16x144 by 3x3/1".to_owned(), filtered),
        ]);
        gpu.set_tuned(best.clone());
        save_to(&path, &gpu).unwrap();
        gpu.set_tuned(Tuned::new());
        assert_eq!(load_from(&path, &gpu).unwrap(), Known::Products(2));
        assert_eq!(gpu.tuned(), best);
        let told = described(&Device::Wgpu(gpu.clone()));
        assert!(told.ends_with(", tuned for 2 products"), "{told}");
        let text = std::fs::read_to_string(&path).unwrap();
        // other kernels: measured in vain
        gpu.set_tuned(Tuned::new());
        let version = kernels_version();
        let older = text.replace(&version, "0123456789abcdef");
        std::fs::write(&path, older.replace("[ways]", "[tiles]")).unwrap();
        assert_eq!(load_from(&path, &gpu).unwrap(), Known::Outdated);
        assert!(gpu.tuned().is_empty());
        // a way that there is not
        std::fs::write(&path, text.replace("32x32/4x4/4/32", "7x7")).unwrap();
        let error = load_from(&path, &gpu).unwrap_err();
        assert!(error.to_string().contains("7x7"), "{error}");
        assert!(remedy(&error, &gpu).contains("--forget"), "{error}");
    }
}
