//! Bytes of a file that may be compressed, read in order, with errors that say where.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clel_nn::files::open_regular;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

use super::bytes::most_unpacked;
use crate::{Error, Result};

/// A reader that knows its file and how far it has come. What it is asked for is compared with what there can be before memory is taken.
pub(super) struct Packed<'a> {
    path: PathBuf,
    reader: Box<dyn Read + 'a>,
    at: Rc<Cell<u64>>,
    /// The next byte, if it has been looked at.
    peeked: Option<u8>,
    /// No more bytes than this can come.
    most: u64,
    /// What is counted.
    unit: &'static str,
}

impl Packed<'static> {
    /// A file, unpacked if it begins like gzip.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn open(path: &Path) -> Result<Packed<'static>> {
        let file = open_regular(path).map_err(Error::read(path))?;
        let length = file.metadata().map_err(Error::read(path))?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let is_gzip = file
            .fill_buf()
            .map_err(Error::read(path))?
            .starts_with(&[0x1f, 0x8b]);
        Ok(if is_gzip {
            let reader = MultiGzDecoder::new(file);
            let most = most_unpacked(length);
            Packed::new(path, reader, most, "byte (unpacked)")
        } else {
            Packed::new(path, file, length, "byte")
        })
    }
}

impl<'a> Packed<'a> {
    fn new(path: &Path, reader: impl Read + 'a, most: u64, unit: &'static str) -> Packed<'a> {
        Packed {
            path: path.to_owned(),
            reader: Box::new(reader),
            at: Rc::default(),
            peeked: None,
            most,
            unit,
        }
    }

    /// The next `length` bytes, as they are.
    pub fn part(&mut self, length: u64) -> Packed<'_> {
        let path = self.path.clone();
        Packed::new(&path, self.take(length), length, "byte (of the element)")
    }

    /// The next `length` bytes, unpacked by zlib.
    pub fn zlib(&mut self, length: u64) -> Packed<'_> {
        let path = self.path.clone();
        let packed = BufReader::new(self.take(length));
        let most = most_unpacked(length);
        Packed::new(&path, ZlibDecoder::new(packed), most, "byte (unpacked)")
    }

    /// Leaves out what comes before the byte `end`.
    ///
    /// # Errors
    /// The file ends or is damaged before.
    pub fn skip_to(&mut self, end: u64) -> Result<()> {
        let n = end.saturating_sub(self.at.get());
        let skipped = std::io::copy(&mut self.by_ref().take(n), &mut std::io::sink());
        match skipped {
            Ok(skipped) if skipped == n => Ok(()),
            Ok(_) => Err(self.fault(format!("the data end here, expected {n} bytes more"))),
            Err(e) => Err(self.fault(format!("cannot read on: {e}"))),
        }
    }

    /// How many bytes have been read, in a cell that stays current.
    pub fn position(&self) -> Rc<Cell<u64>> {
        self.at.clone()
    }

    /// The most bytes that can still come.
    pub fn left(&self) -> u64 {
        self.most.saturating_sub(self.at.get())
    }

    /// An error at this place.
    pub fn fault(&self, why: impl Into<String>) -> Error {
        self.fault_at(self.at.get(), why)
    }

    /// An error at another place.
    pub fn fault_at(&self, at: u64, why: impl Into<String>) -> Error {
        Error::format(&self.path, format!("{} {at}", self.unit), why)
    }

    /// The next `n` bytes, which are `what`.
    ///
    /// # Errors
    /// [`Error::Format`] where the file ends or is damaged before.
    pub fn bytes(&mut self, n: u64, what: &str) -> Result<Vec<u8>> {
        if n > self.left() {
            let most = self.left();
            return Err(self.fault(format!(
                "{what} would take {n} bytes, but at most {most} can follow: truncated, or not what it says"
            )));
        }
        let mut bytes = Vec::new();
        let result = self.by_ref().take(n).read_to_end(&mut bytes);
        result.map_err(|e| self.fault(format!("cannot read {what}: {e}")))?;
        if bytes.len() as u64 != n {
            return Err(self.fault(format!(
                "the data end here, {} bytes before the end of {what}",
                n - bytes.len() as u64
            )));
        }
        Ok(bytes)
    }

    /// The next `N` bytes, which are `what`.
    ///
    /// # Errors
    /// Those of [`bytes`](Packed::bytes).
    pub fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes(N as u64, what)?);
        Ok(array)
    }

    /// Whether all has been read.
    ///
    /// # Errors
    /// What follows cannot be read.
    pub fn is_at_end(&mut self) -> Result<bool> {
        if self.peeked.is_none() {
            let mut byte = [0];
            match self.reader.read(&mut byte) {
                Ok(0) => return Ok(true),
                Ok(_) => self.peeked = Some(byte[0]),
                Err(e) => return Err(self.fault(format!("cannot read on: {e}"))),
            }
        }
        Ok(false)
    }
}

impl Read for Packed<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = match (self.peeked, out.first_mut()) {
            (Some(byte), Some(first)) => {
                *first = byte;
                self.peeked = None;
                1
            }
            _ => self.reader.read(out)?,
        };
        self.at.set(self.at.get() + n as u64);
        Ok(n)
    }
}
