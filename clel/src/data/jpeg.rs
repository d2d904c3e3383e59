//! Whether a JPEG is whole (ITU-T T.81, annex B): a file that ends in the middle of its picture can be decoded, to grey.

use std::path::Path;

use clel_nn::files::read_regular;

use super::picture::UNREADABLE;
use crate::{Error, Result};

/// Markers that nothing belongs to: TEM and the eight restarts.
const ALONE: [u8; 9] = [0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7];
/// The end of the image.
const END: u8 = 0xd9;

/// Refuses a JPEG whose end marker is not there; what comes after it does not count.
///
/// # Errors
/// There is none, or the file cannot be read.
pub(super) fn check_whole(path: &Path) -> Result<()> {
    let bytes = read_regular(path).map_err(Error::read(path))?;
    if has_end(&bytes) {
        return Ok(());
    }
    let why = format!(
        "the JPEG ends after {} bytes without its end marker (FF D9): truncated, expected a whole JPEG file",
        bytes.len()
    );
    Err(Error::format(path, UNREADABLE, why))
}

/// Goes from marker to marker, over segments by their lengths (a thumbnail has an end of its own) and through the compressed data, where FF 00 is no marker.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == 0xff))
    {
        at += found + 1;
        match bytes.get(at) {
            Some(&END) => return true,
            // stuffing, or a byte that fills up to the marker
            Some(0 | 0xff) => {}
            Some(marker) if ALONE.contains(marker) => at += 1,
            Some(_) => {
                let Some(&[high, low]) = bytes.get(at + 1..at + 3) else {
                    return false;
                };
                at += 1 + usize::from(u16::from_be_bytes([high, low]));
            }
            None => return false,
        }
    }
    false
}
