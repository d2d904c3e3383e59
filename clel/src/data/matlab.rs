//! MATLAB's files of version 5, as far as arrays of numbers need it: MathWorks, "MAT-File Format", chapter 1.
//!
//! After 128 bytes of header come elements, each a type, a length and that many bytes, rounded up to 8. An element of type
//! [`COMPRESSED`] is one packed by zlib; one of type [`MATRIX`] holds elements itself: flags, axes, name, numbers.

use std::path::Path;

use super::bytes::numbers;
use super::packed::Packed;
use crate::{Error, Result};

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const SINGLE: u32 = 7;
const DOUBLE: u32 = 9;
/// Axes at most, and letters of a name: far more than any file has.
const MOST: u64 = 256;

/// A file, element by element.
pub(super) struct MatFile {
    file: Packed<'static>,
    /// Where the next element begins.
    next: u64,
}

/// An array whose numbers have not been read yet; first axis fastest.
pub(super) struct MatArray<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    elements: Packed<'a>,
}

impl MatFile {
    /// # Errors
    /// The file is missing, or its header is not that of version 5 in the byte order of PCs.
    pub fn open(path: &Path) -> Result<MatFile> {
        let mut file = Packed::open(path)?;
        let header: [u8; 128] = file.array("the header of a MATLAB file")?;
        if header.starts_with(b"MATLAB 7.3") || header[1..4] == *b"HDF" {
            let why = "a MATLAB file of version 7.3 (HDF5); expected version 5: save it with -v7";
            return Err(file.fault_at(0, why));
        }
        if header[124..] != [0, 1, b'I', b'M'] {
            let why = format!(
                "version and byte order {:?}, expected [0, 1, 73, 77]: no MATLAB file of version 5",
                &header[124..]
            );
            return Err(file.fault_at(124, why));
        }
        Ok(MatFile { file, next: 128 })
    }

    /// The next array; `None` after the last.
    ///
    /// # Errors
    /// The file is truncated or damaged, or holds something else than arrays.
    pub fn next(&mut self) -> Result<Option<MatArray<'_>>> {
        // of an array that nobody read, something is left
        self.file.skip_to(self.next)?;
        if self.file.is_at_end()? {
            return Ok(None);
        }
        let start = self.next;
        let tag = Tag::read(&mut self.file)?;
        let length = u64::from(tag.length);
        if length > self.file.left() {
            let why = format!(
                "an element of {length} bytes, but at most {} can follow: truncated, or not what it says",
                self.file.left()
            );
            return Err(self.file.fault_at(start, why));
        }
        self.next = start + 8 + length;
        match tag.kind {
            COMPRESSED => {
                let mut inner = self.file.zlib(length);
                let tag = Tag::read(&mut inner)?;
                if tag.kind != MATRIX {
                    return Err(inner.fault_at(0, tag.unexpected("an array (14)")));
                }
                MatArray::read(inner).map(Some)
            }
            MATRIX => MatArray::read(self.file.part(length)).map(Some),
            _ => Err(self
                .file
                .fault_at(start, tag.unexpected("an array (14) or a packed one (15)"))),
        }
    }
}

impl<'a> MatArray<'a> {
    fn read(mut elements: Packed<'a>) -> Result<MatArray<'a>> {
        element(&mut elements, &[UINT32], MOST, "the array's flags")?;
        let (_, axes) = element(&mut elements, &[INT32], 4 * MOST, "the array's axes")?;
        let axes = axes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| i32::from_le_bytes(*b));
        let shape = axes.map(usize::try_from).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| elements.fault("an axis of negative length"))?;
        let (_, name) = element(&mut elements, &[INT8], MOST, "the array's name")?;
        let name = String::from_utf8_lossy(&name).into_owned();
        Ok(MatArray {
            name,
            shape,
            elements,
        })
    }

    /// Numbers of all axes.
    fn count(&self) -> u64 {
        let axes = self.shape.iter().map(|a| *a as u64);
        axes.fold(1, u64::saturating_mul)
    }

    /// An error at this place of the array.
    pub fn fault(&self, why: impl Into<String>) -> Error {
        let why: String = why.into();
        self.elements.fault(format!("array `{}`: {why}", self.name))
    }

    /// The array's bytes, if it is one of unsigned bytes.
    ///
    /// # Errors
    /// It is of another type, or the file ends before.
    pub fn bytes(&mut self) -> Result<Vec<u8>> {
        let (what, count) = (format!("the numbers of `{}`", self.name), self.count());
        let (_, bytes) = element(&mut self.elements, &[UINT8], count, &what)?;
        self.whole(bytes.len(), 1)?;
        Ok(bytes)
    }

    /// The array's numbers, of whatever type it stores them in.
    ///
    /// # Errors
    /// They are no real numbers, or the file ends before.
    pub fn numbers(&mut self) -> Result<Vec<f64>> {
        const TYPES: [u32; 8] = [INT8, UINT8, INT16, UINT16, INT32, UINT32, SINGLE, DOUBLE];
        let (what, most) = (
            format!("the numbers of `{}`", self.name),
            self.count().saturating_mul(8),
        );
        let (kind, bytes) = element(&mut self.elements, &TYPES, most, &what)?;
        let numbers: Vec<f64> = match kind {
            INT8 => numbers(&bytes, |b| f64::from(i8::from_le_bytes(b))),
            UINT8 => numbers(&bytes, |b| f64::from(u8::from_le_bytes(b))),
            INT16 => numbers(&bytes, |b| f64::from(i16::from_le_bytes(b))),
            UINT16 => numbers(&bytes, |b| f64::from(u16::from_le_bytes(b))),
            INT32 => numbers(&bytes, |b| f64::from(i32::from_le_bytes(b))),
            UINT32 => numbers(&bytes, |b| f64::from(u32::from_le_bytes(b))),
            SINGLE => numbers(&bytes, |b| f64::from(f32::from_le_bytes(b))),
            _ => numbers(&bytes, f64::from_le_bytes),
        };
        let width = bytes.len() / numbers.len().max(1);
        self.whole(bytes.len(), width.max(1))?;
        Ok(numbers)
    }

    fn whole(&self, bytes: usize, width: usize) -> Result<()> {
        if bytes as u64 == self.count().saturating_mul(width as u64) {
            return Ok(());
        }
        Err(self.fault(format!(
            "{bytes} bytes of numbers, expected those of {:?}",
            self.shape
        )))
    }
}

/// Type and length of an element; of a short one, the bytes themselves.
struct Tag {
    kind: u32,
    length: u32,
    short: Option<[u8; 4]>,
}

impl Tag {
    fn read(from: &mut Packed<'_>) -> Result<Tag> {
        let first = u32::from_le_bytes(from.array("the type of an element")?);
        let second: [u8; 4] = from.array("the length of an element")?;
        // the upper half of the type is the length of an element that fits into its tag
        Ok(match first >> 16 {
            0 => Tag {
                kind: first,
                length: u32::from_le_bytes(second),
                short: None,
            },
            length => Tag {
                kind: first & 0xffff,
                length,
                short: Some(second),
            },
        })
    }

    fn unexpected(&self, expected: &str) -> String {
        format!("an element of type {}, expected {expected}", self.kind)
    }
}

/// An element that must be of one of these types and not longer than `most` bytes; its type and its bytes, without padding.
fn element(from: &mut Packed<'_>, kinds: &[u32], most: u64, what: &str) -> Result<(u32, Vec<u8>)> {
    let start = from.position().get();
    let tag = Tag::read(from)?;
    if !kinds.contains(&tag.kind) {
        let why = format!(
            "{}, which is {what}",
            tag.unexpected(&format!("one of {kinds:?}"))
        );
        return Err(from.fault_at(start, why));
    }
    let length = u64::from(tag.length);
    if length > most {
        let why = format!("{length} bytes, expected at most {most} for {what}");
        return Err(from.fault_at(start, why));
    }
    if let Some(bytes) = tag.short {
        let bytes = bytes.get(..tag.length as usize).map(<[u8]>::to_vec);
        let why = || {
            from.fault_at(
                start,
                format!("a short element of {length} bytes, at most 4 fit"),
            )
        };
        return Ok((tag.kind, bytes.ok_or_else(why)?));
    }
    let bytes = from.bytes(length, what)?;
    from.bytes(length.next_multiple_of(8) - length, "padding")?;
    Ok((tag.kind, bytes))
}
