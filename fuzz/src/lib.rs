//! What the fuzzers have in common: `cargo fuzz run NAME`, where NAME is one of the readers in `clel_tests::readers`.

use std::sync::OnceLock;

use clel_tests::readers::READERS;
use tempfile::TempDir;

/// Reads bytes as the files that reader `name` takes; errors are what it should give, panics are not.
///
/// # Panics
/// If there is no such reader, or no temporary folder.
pub fn read(name: &str, bytes: &[u8]) {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
    let reader = READERS.iter().find(|reader| reader.name == name);
    let reader = reader.unwrap_or_else(|| panic!("no reader {name}"));
    let _ = (reader.read)(folder.path(), bytes);
}
