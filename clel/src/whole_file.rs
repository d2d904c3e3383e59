//! Files that are written whole or not at all.

use std::io::ErrorKind;
use std::path::Path;

use clel_nn::files::{open_regular, write_atomically};
use serde::Serialize;

use crate::{Error, Result};

/// Writes a file so that, whatever happens, `path` is the old file or the whole new one, and nothing else is left.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, bytes).map_err(told)
}

/// The same of a value, as indented JSON.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Error::write(path)(error.into()))?;
    write(path, (text + "\n").as_bytes())
}

/// The text of a file; nothing, if there is none.
///
/// # Errors
/// [`Error::Read`].
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match open_regular(path).and_then(std::io::read_to_string) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(Error::read(path)),
    }
}

/// Removes from a folder what a process left half-written that was killed; for the process that has the folder.
pub(crate) fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "partial") {
            // one that cannot be removed is in nobody's way
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The error of a writer of `clel_nn::files`, as this crate tells it.
pub(crate) fn told(error: clel_nn::Error) -> Error {
    match error {
        clel_nn::Error::Io { file, source, .. } => Error::Write { path: file, source },
        other => other.into(),
    }
}
