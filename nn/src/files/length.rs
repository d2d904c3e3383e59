//! Whether a file is as long as its header says.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::regular::open_regular;
use crate::{Error, Result};

/// Reads the header of a safetensors file alone and compares the file's length with what it announces: finds what a copy that broke
/// off has cut short, without reading the arrays. A changed bit inside is found by [`TensorFile::open`](super::TensorFile::open).
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] if the header is none, or the length is another.
pub fn check_length(path: &Path) -> Result<()> {
    let io = Error::read(path);
    let format = |why: String| Error::Format {
        file: path.to_owned(),
        why,
    };
    let mut file = open_regular(path).map_err(&io)?;
    let there = file.metadata().map_err(&io)?.len();
    let mut word = [0; 8];
    if there < 8 {
        return Err(format(format!(
            "{there} bytes are there, and a header alone has more"
        )));
    }
    file.read_exact(&mut word).map_err(&io)?;
    let header = u64::from_le_bytes(word);
    if header > there - 8 {
        return Err(format(format!(
            "the header has {header} bytes, but {} are there after its length",
            there - 8
        )));
    }
    let mut text = Vec::new();
    file.take(header).read_to_end(&mut text).map_err(&io)?;
    let entries: Map<String, Value> = serde_json::from_slice(&text)
        .map_err(|error| format(format!("the header is not JSON: {error}")))?;
    let ends = entries
        .values()
        .filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64());
    let arrays = ends.max().unwrap_or(0);
    match (8 + header).checked_add(arrays) {
        Some(whole) if whole == there => Ok(()),
        _ => Err(format(format!(
            "{there} bytes are there, the header announces {header} for itself and {arrays} for arrays"
        ))),
    }
}
