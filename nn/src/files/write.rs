//! Writing files so that a crash leaves the old one or the new one.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread::sleep,
    time::Duration,
};

use clel_tensor::{DType, Element, Tensor, f16};
use crc32fast::Hasher;
use serde_json::{Map, Value, json};

use super::{
    checksum,
    regular::{check_not_empty, check_regular},
};
use crate::{Error, Result};

/// What a file holds under a name.
#[derive(Debug, Clone)]
pub enum Content {
    /// An array of any type.
    Array(Tensor),
    /// One I64 of shape \[\], as PyTorch's counters are.
    Integer(i64),
}

impl Content {
    /// Type as safetensors spells it, shape, and bytes of an element.
    fn description(&self) -> (&'static str, &[usize], usize) {
        match self {
            Content::Integer(_) => ("I64", &[], 8),
            Content::Array(t) => {
                let name = match t.dtype() {
                    DType::F32 => "F32",
                    DType::F16 => "F16",
                    DType::F64 => "F64",
                    DType::U32 => "U32",
                };
                (name, t.shape(), t.dtype().size())
            }
        }
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        match self {
            Content::Array(t) => bytes_of(t),
            Content::Integer(i) => Ok(i.to_le_bytes().to_vec()),
        }
    }
}

/// Writes a safetensors file of arrays with metadata, atomically
/// (see [`write_atomically`]). The same content gives the same bytes. The metadata get a `checksum` over the whole file, which
/// [`TensorFile::open`](super::TensorFile::open) compares.
///
/// ```
/// use std::collections::BTreeMap;
/// use clel_nn::files::{TensorFile, write_tensors};
/// use clel_tensor::{Device, Tensor};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("arrays.safetensors");
/// let x = Tensor::from_slice(&[1u32, 2, 3, 4], &[2, 2], &Device::Cpu)?;
/// let metadata = BTreeMap::from([("step".to_owned(), "7".to_owned())]);
/// write_tensors(&path, &[("x".to_owned(), x)], &metadata)?;
/// let file = TensorFile::open(&path)?;
/// assert_eq!(file.metadata()["step"], "7");
/// assert_eq!(file.tensor("x", &Device::Cpu)?.to_vec::<u32>()?, [1, 2, 3, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`]; [`Error::RepeatedKey`] for two arrays of one name; what the arrays' device reports.
pub fn write_tensors(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let contents = tensors.iter();
    let contents: Vec<(String, Content)> = contents
        .map(|(name, t)| (name.clone(), Content::Array(t.clone())))
        .collect();
    write_contents(path, &contents, metadata)
}

/// The same for arrays and single integers.
///
/// # Errors
/// Those of [`write_tensors`].
pub fn write_contents(
    path: &Path,
    contents: &[(String, Content)],
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let mut sorted: Vec<&(String, Content)> = contents.iter().collect();
    // wide elements first, so that each array lies at a multiple of its element's size
    sorted.sort_by_key(|(name, c)| (std::cmp::Reverse(c.description().2), name));
    let mut metadata = metadata.clone();
    metadata.insert(checksum::KEY.to_owned(), checksum::BLANK.to_owned());
    let header = header(path, &sorted, &metadata)?;
    replace(path, |file| {
        let io = Error::write(path);
        let mut hasher = Hasher::new();
        let mut write = |file: &mut File, bytes: &[u8]| {
            hasher.update(bytes);
            file.write_all(bytes).map_err(&io)
        };
        write(file, &header)?;
        for (_, content) in &sorted {
            write(file, &content.bytes()?)?;
        }
        if let Some(place) = checksum::place(&header) {
            file.seek(SeekFrom::Start(place as u64)).map_err(&io)?;
            file.write_all(checksum::digits(hasher).as_bytes())
                .map_err(&io)?;
        }
        Ok(())
    })
}

/// The length of the description, the description as JSON, spaces up to a multiple of eight.
fn header(
    path: &Path,
    contents: &[&(String, Content)],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let mut entries = Map::new();
    entries.insert("__metadata__".into(), json!(metadata));
    let mut start = 0;
    for (name, content) in contents {
        let (dtype, shape, size) = content.description();
        let end = start + shape.iter().product::<usize>() * size;
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] });
        if entries.insert(name.clone(), entry).is_some() {
            return Err(Error::RepeatedKey {
                file: path.to_owned(),
                key: name.clone(),
            });
        }
        start = end;
    }
    let mut text = Value::Object(entries).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut text);
    Ok(bytes)
}

fn bytes_of(t: &Tensor) -> Result<Vec<u8>> {
    match t.dtype() {
        DType::F32 => little_endian(t, f32::to_le_bytes),
        DType::F16 => little_endian(t, f16::to_le_bytes),
        DType::F64 => little_endian(t, f64::to_le_bytes),
        DType::U32 => little_endian(t, u32::to_le_bytes),
    }
}

fn little_endian<const B: usize, T: Element>(
    t: &Tensor,
    write: impl Fn(T) -> [u8; B],
) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(t.len() * B);
    let numbers = t.to_vec::<T>()?.into_iter();
    numbers.for_each(|x| bytes.extend_from_slice(&write(x)));
    Ok(bytes)
}

/// Writes a file under a temporary name beside `path`, syncs it and renames it: at every moment
/// `path` is the old file or the whole new one. A link stays, and the file that it leads to is replaced; one that
/// leads to nothing is replaced itself. A file that is replaced keeps its permissions (on Unix).
///
/// # Errors
/// [`Error::Io`], also for a folder, a pipe or a device.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| {
        file.write_all(bytes).map_err(Error::write(path))
    })
}

/// What a new file takes the place of.
struct Replaced {
    /// Where it lies, links followed: a rename would otherwise replace the link.
    path: PathBuf,
    /// What it is, unless there is none.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "permissions are kept on Unix alone")
    )]
    found: Option<Metadata>,
}

impl Replaced {
    fn of(path: &Path) -> io::Result<Replaced> {
        check_not_empty(path)?;
        let found = match fs::metadata(path) {
            Ok(found) => found,
            // nothing there, or a link to something that is lost
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Replaced {
                    path: path.to_owned(),
                    found: None,
                });
            }
            Err(error) => return Err(error),
        };
        check_regular(&found)?;
        let path = match fs::symlink_metadata(path)?.is_symlink() {
            true => fs::canonicalize(path)?,
            false => path.to_owned(),
        };
        Ok(Replaced {
            path,
            found: Some(found),
        })
    }

    /// A new file that nobody may read who may not read the old one.
    #[cfg(unix)]
    fn create(&self, temporary: &Path) -> io::Result<File> {
        use std::fs::Permissions;
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

        let Some(found) = &self.found else {
            return File::create(temporary);
        };
        let mode = found.permissions().mode() & 0o777;
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        let file = options.mode(mode).open(temporary)?;
        // the process's mask may have taken some away; file systems without permissions refuse to be told any
        if file.metadata()?.permissions().mode() & 0o777 != mode {
            let _ = file.set_permissions(Permissions::from_mode(mode));
        }
        Ok(file)
    }

    #[cfg(not(unix))]
    fn create(&self, temporary: &Path) -> io::Result<File> {
        File::create(temporary)
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let io = Error::write(path);
    let replaced = Replaced::of(path).map_err(&io)?;
    let mut name = replaced.path.file_name().unwrap_or_default().to_owned();
    // two writers of one file, in this process or another, are not to write into each other's
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{number}.partial", process_number()));
    let temporary = replaced.path.with_file_name(name);
    let attempt = || -> Result<()> {
        let mut file = replaced.create(&temporary).map_err(&io)?;
        write(&mut file)?;
        sync(&file).map_err(&io)?;
        drop(file);
        rename(&temporary, &replaced.path).map_err(&io)?;
        sync_folder(&replaced.path).map_err(&io)
    };
    attempt().inspect_err(|_| {
        // what is left of a failed attempt is of no use; the first error is the one to tell
        let _ = fs::remove_file(&temporary);
    })
}

/// The number that the system has for this process and for no other one at this time, as part of the names of files that others must not write; 0 on
/// WebAssembly, which numbers no processes.
pub fn process_number() -> u32 {
    match cfg!(target_family = "wasm") {
        true => 0,
        false => std::process::id(),
    }
}

/// Windows refuses to replace a file that others have open. An indexer or a virus scanner, which looks into new files, lets go of it soon.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    /// ERROR_ACCESS_DENIED and ERROR_SHARING_VIOLATION, as Windows' headers number them.
    const HELD: [Option<i32>; 2] = [Some(5), Some(32)];
    for _ in 0..20 {
        match fs::rename(from, to) {
            Err(error) if cfg!(windows) && HELD.contains(&error.raw_os_error()) => {
                sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
    fs::rename(from, to)
}

/// The rename is on disk once the folder is. Windows has no such call and does not need it.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        sync(&File::open(folder)?)?;
    }
    Ok(())
}

/// Asks for what was written to be on disk, where the file system can be asked that: macOS cannot ask those of other computers, Linux some of them not for
/// folders.
fn sync(file: &File) -> io::Result<()> {
    /// ENOTSUP, as macOS numbers it.
    const CANNOT: Option<i32> = Some(45);
    match file.sync_all() {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Unsupported | ErrorKind::InvalidInput
            ) =>
        {
            Ok(())
        }
        Err(error) if cfg!(target_os = "macos") && error.raw_os_error() == CANNOT => Ok(()),
        result => result,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_synced_is_written_all_the_same() {
        let endless = File::open("/dev/zero").unwrap();
        assert_eq!(
            endless.sync_all().unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        assert!(sync(&endless).is_ok());
    }
}
