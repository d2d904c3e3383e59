//! Files that are written whole or not at all.

use std::io::ErrorKind;
use std::path::Path;

use clel_nn::files::write_atomically;
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
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(Error::read(path)),
    }
}

/// The error of a writer of `clel_nn::files`, as this crate tells it.
pub(crate) fn told(error: clel_nn::Error) -> Error {
    match error {
        clel_nn::Error::Io { file, source } => Error::Write { path: file, source },
        other => other.into(),
    }
}
