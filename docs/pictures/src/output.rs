//! What the examples print.

use std::io::{self, ErrorKind, Write};
use std::{fmt, process};

/// Standard output, for `writeln!(Output, …)?`. Where `println!` panics, on a full disk for instance, this is an error; a reader who
/// has gone, as in `… | head -1`, ends the program, and that is no fault.
pub struct Output;

impl Output {
    /// What `write!` and `writeln!` call.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn write_fmt(&self, text: fmt::Arguments<'_>) -> Result<(), Unwritable> {
        let mut stdout = io::stdout().lock();
        match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
            Err(error) if is_closed(&error) => process::exit(0),
            result => result.map_err(Unwritable),
        }
    }
}

/// Whether nobody reads any more.
fn is_closed(error: &io::Error) -> bool {
    /// ERROR_PIPE_NOT_CONNECTED of Windows, which the library has no name for.
    const LEFT: Option<i32> = Some(233);
    error.kind() == ErrorKind::BrokenPipe || (cfg!(windows) && error.raw_os_error() == LEFT)
}

/// Standard output takes nothing.
pub struct Unwritable(io::Error);

impl std::error::Error for Unwritable {}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output cannot be written to: {}", self.0)
    }
}

// what `main` returns is told so
impl fmt::Debug for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
