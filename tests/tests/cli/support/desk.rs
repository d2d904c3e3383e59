//! A place for the files of a test.

use std::path::PathBuf;

/// A folder that goes with the test; the test's program adds what it makes there.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
