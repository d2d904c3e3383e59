//! Printing that survives a closed pipe, as in `clel devices | head -1`.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::{Error, Result};

/// Prints a line on standard output.
pub(super) fn say(line: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::write(Path::new("standard output"))(error))
        }
        _ => Ok(()),
    }
}

/// Prints a message on standard error; there is nobody left to tell if that fails.
pub(super) fn error(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{message}");
}
