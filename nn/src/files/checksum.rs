//! A checksum in the metadata of a safetensors file, over all of its bytes.

use crc32fast::Hasher;

/// The metadata's key.
pub(super) const KEY: &str = "checksum";
/// What stands for the checksum while it is computed.
pub(super) const BLANK: &str = "00000000";

/// Where in a header the checksum's digits are. Quotation marks within strings are escaped there, so nothing else looks like it.
pub(super) fn place(header: &[u8]) -> Option<usize> {
    let before = format!("\"{KEY}\":\"");
    let at = header
        .windows(before.len())
        .position(|w| w == before.as_bytes())?;
    let start = at + before.len();
    (header.get(start + BLANK.len()) == Some(&b'"')).then_some(start)
}

/// CRC-32 as it is written.
pub(super) fn digits(hasher: Hasher) -> String {
    format!("{:08x}", hasher.finalize())
}

/// The checksum of a whole file, with the digits at `place` blank.
pub(super) fn of_file(bytes: &[u8], place: usize) -> String {
    let mut hasher = Hasher::new();
    hasher.update(&bytes[..place]);
    hasher.update(BLANK.as_bytes());
    hasher.update(&bytes[place + BLANK.len()..]);
    digits(hasher)
}
