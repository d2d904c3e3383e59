//! Bytes of a file that are read where they lie, whenever they are asked for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clel_nn::files::open_regular;

use crate::{Error, Result};

/// A file from some byte on. Several threads may read it, one after the other.
#[derive(Debug)]
pub(super) struct Region {
    path: PathBuf,
    file: Mutex<File>,
    start: u64,
}

impl Region {
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, start: u64) -> Result<Region> {
        let file = open_regular(path).map_err(Error::read(path))?;
        Ok(Region {
            path: path.to_owned(),
            file: Mutex::new(file),
            start,
        })
    }

    /// Fills `bytes` with those that begin `at` bytes from the start.
    ///
    /// # Errors
    /// The file cannot be read, or has become shorter.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file
            .seek(SeekFrom::Start(self.start + at))
            .and_then(|_| file.read_exact(bytes));
        read.map_err(Error::read(&self.path))
    }
}
