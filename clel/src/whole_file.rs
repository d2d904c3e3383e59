//! Files that are written whole or not at all.

use std::path::Path;

use clel_nn::files::write_atomically;

use crate::{Error, Result};

/// Writes a file so that, whatever happens, `path` is the old file or the whole new one, and nothing else is left.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, bytes).map_err(told)
}

/// The error of a writer of `clel_nn::files`, as this crate tells it.
pub(crate) fn told(error: clel_nn::Error) -> Error {
    match error {
        clel_nn::Error::Io { file, source } => Error::Write { path: file, source },
        other => other.into(),
    }
}
