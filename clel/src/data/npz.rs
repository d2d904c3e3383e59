//! Arrays in numpy's `.npz` archives: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use clel_nn::files::open_regular;
use zip::{CompressionMethod, ZipArchive};

use super::bytes::{most_unpacked, numbers};
use crate::words::listed;
use crate::{Error, Result};

/// The longest description of an array; numpy itself refuses longer ones.
const LONGEST: u32 = 10_000;

/// An archive of arrays, each a member `NAME.npy`.
pub(super) struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
}

/// What an array is and where its numbers are.
pub(super) struct Array {
    /// Its name, for people.
    place: String,
    path: PathBuf,
    /// The type of its numbers, as numpy writes it: `|u1` for unsigned bytes.
    pub kind: String,
    /// Its axes, the last one fastest.
    pub shape: Vec<usize>,
    /// Bytes of its numbers.
    pub size: u64,
    /// Where in the file they begin, if they are not compressed.
    pub offset: Option<u64>,
}

impl Npz {
    /// # Errors
    /// The file is missing or no whole zip archive.
    pub fn open(path: &Path) -> Result<Npz> {
        let file = open_regular(path).map_err(Error::read(path))?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            let length = std::fs::metadata(path).map_or(0, |m| m.len());
            let why = format!("not a whole .npz file: {e}");
            Error::format(path, format!("directory ({length} bytes in all)"), why)
        })?;
        let path = path.to_owned();
        Ok(Npz { path, archive })
    }

    /// The description of an array.
    ///
    /// # Errors
    /// It is not there, is no array of numbers in C order, or its size is not what its shape says.
    pub fn array(&mut self, name: &str) -> Result<Array> {
        self.with(name, |array, _| Ok(array))
    }

    /// An array's numbers as bytes.
    ///
    /// # Errors
    /// Those of [`array`](Npz::array); the numbers are truncated or damaged.
    pub fn read(&mut self, name: &str) -> Result<(Array, Vec<u8>)> {
        self.with(name, |array, reader| {
            let mut bytes = Vec::new();
            // one byte more than there should be, and with it the archive's own check of the data
            let result = reader.take(array.size + 1).read_to_end(&mut bytes);
            result.map_err(|e| array.damaged(bytes.len() as u64, &e))?;
            if bytes.len() as u64 != array.size {
                let (found, expected) = (bytes.len(), array.size);
                return Err(array.fault(format!("{found} bytes, expected {expected}: truncated")));
            }
            Ok((array, bytes))
        })
    }

    /// Reads an array's numbers once, for the archive's checksum alone.
    ///
    /// # Errors
    /// Those of [`read`](Npz::read).
    pub fn check(&mut self, name: &str) -> Result<()> {
        self.with(name, |array, reader| {
            let (mut part, mut bytes) = (vec![0; 1 << 18], 0);
            loop {
                match reader.read(&mut part) {
                    Ok(0) => return Ok(()),
                    Ok(n) => bytes += n as u64,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(array.damaged(bytes, &e)),
                }
            }
        })
    }

    fn with<T>(
        &mut self,
        name: &str,
        then: impl FnOnce(Array, &mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        let place = format!("array `{name}`");
        let fault = |why: String| Error::format(&self.path, &*place, why);
        let length = std::fs::metadata(&self.path)
            .map_err(Error::read(&self.path))?
            .len();
        let known = self
            .archive
            .file_names()
            .filter_map(|n| n.ok())
            .map(|n| n.trim_end_matches(".npy").to_owned());
        let known = listed(&known.collect::<Vec<_>>());
        let mut member = self
            .archive
            .by_name(&format!("{name}.npy"))
            .map_err(|e| match e {
                zip::result::ZipError::FileNotFound => {
                    fault(format!("not there; the file holds {known}"))
                }
                e => fault(format!("cannot be unpacked: {e}")),
            })?;
        let stored = member.compression() == CompressionMethod::Stored;
        let (size, packed, start) = (member.size(), member.compressed_size(), member.data_start());
        let (kind, shape, header) = description(&mut member).map_err(&fault)?;
        let numbers = size_of(&kind, &shape);
        if numbers.and_then(|n| n.checked_add(header)) != Some(size) {
            let why =
                format!("{shape:?} of {kind} does not fit {size} bytes with a header of {header}");
            return Err(fault(why));
        }
        let ends_outside = start
            .and_then(|s| s.checked_add(packed))
            .is_none_or(|end| end > length);
        if ends_outside || size > most_unpacked(packed) {
            let why = format!(
                "claims {size} bytes, which {packed} packed ones in a file of {length} cannot be"
            );
            return Err(fault(why));
        }
        let array = Array {
            place: place.clone(),
            path: self.path.clone(),
            offset: start.filter(|_| stored).map(|start| start + header),
            size: size - header,
            kind,
            shape,
        };
        then(array, &mut member)
    }
}

impl Array {
    /// An error that names the array.
    pub fn fault(&self, why: impl Into<String>) -> Error {
        Error::format(&self.path, &*self.place, why)
    }

    /// An error of its numbers, after so many bytes of them.
    fn damaged(&self, bytes: u64, why: &std::io::Error) -> Error {
        let expected = self.size;
        self.fault(format!(
            "after {bytes} bytes: {why}; expected {expected} bytes with the checksum that the archive has for them"
        ))
    }

    /// Whole numbers of this array from its bytes; `None` where they are of another type.
    pub fn integers(&self, bytes: &[u8]) -> Option<Vec<i64>> {
        Some(match self.kind.as_str() {
            "|u1" => bytes.iter().map(|b| i64::from(*b)).collect(),
            "<u2" => numbers(bytes, |b| i64::from(u16::from_le_bytes(b))),
            "<i2" => numbers(bytes, |b| i64::from(i16::from_le_bytes(b))),
            "<u4" => numbers(bytes, |b| i64::from(u32::from_le_bytes(b))),
            "<i4" => numbers(bytes, |b| i64::from(i32::from_le_bytes(b))),
            "<i8" => numbers(bytes, i64::from_le_bytes),
            _ => return None,
        })
    }
}

/// Bytes of an array; `None` for types of no fixed size, and beyond 64 bits.
fn size_of(kind: &str, shape: &[usize]) -> Option<u64> {
    let width = kind.get(2..)?.parse().ok()?;
    shape
        .iter()
        .try_fold(width, |n: u64, axis| n.checked_mul(*axis as u64))
}

/// Reads type and shape of an array, and how many bytes that took. The text is a Python dictionary, always in this form:
/// `{'descr': '|u1', 'fortran_order': False, 'shape': (10, 3072), }`.
fn description(reader: &mut impl Read) -> Result<(String, Vec<usize>, u64), String> {
    let mut bytes = |n: u32| {
        let mut bytes = vec![0; n as usize];
        let result = reader.read_exact(&mut bytes);
        result
            .map(|()| bytes)
            .map_err(|e| format!("its header is truncated or damaged: {e}"))
    };
    let magic = bytes(8)?;
    if !magic.starts_with(b"\x93NUMPY") {
        return Err(format!(
            "begins with {magic:?}, expected \\x93NUMPY: no numpy array"
        ));
    }
    let (before, length) = match (magic[6], bytes(2)?[..].try_into()) {
        (1, Ok(low)) => (10, u32::from(u16::from_le_bytes(low))),
        (2 | 3, Ok(low)) => {
            let high = bytes(2)?;
            let words = [
                u16::from_le_bytes(low),
                u16::from_le_bytes([high[0], high[1]]),
            ];
            (12, u32::from(words[0]) | u32::from(words[1]) << 16)
        }
        (version, _) => {
            return Err(format!(
                "version {version} of numpy's format, expected 1 to 3"
            ));
        }
    };
    if length > LONGEST {
        return Err(format!(
            "a header of {length} bytes, expected at most {LONGEST}"
        ));
    }
    let text = String::from_utf8_lossy(&bytes(length)?).into_owned();
    let between = |start: &str, end: char| Some(text.split_once(start)?.1.split_once(end)?.0);
    let kind = between("'descr': '", '\'');
    let order = between("'fortran_order': ", ',');
    let axes = between("'shape': (", ')').map(|axes| {
        let axes = axes.split(',').map(str::trim).filter(|a| !a.is_empty());
        axes.map(str::parse).collect::<Result<Vec<usize>, _>>()
    });
    match (kind, order, axes) {
        (Some(kind), Some("False"), Some(Ok(shape))) => {
            Ok((kind.to_owned(), shape, u64::from(before + length)))
        }
        _ => Err(format!(
            "`{}`, expected an array of numbers in C order",
            text.trim()
        )),
    }
}
