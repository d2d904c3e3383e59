//! Printing that survives a closed pipe, as in `clel devices | head -1`.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;

use crate::report::{columns, is_utf8, spelled};
use crate::{Error, Result};

/// Prints a line on standard output.
pub(super) fn say(line: &str) -> Result<()> {
    let stdout = std::io::stdout();
    let line = match stdout.is_terminal() {
        true => spelled(line),
        false => line.into(),
    };
    match writeln!(stdout.lock(), "{line}") {
        Err(error) if !is_closed(&error) => Err(Error::write(Path::new("standard output"))(error)),
        _ => Ok(()),
    }
}

/// Whether nobody reads any more.
fn is_closed(error: &std::io::Error) -> bool {
    /// ERROR_PIPE_NOT_CONNECTED, as Windows' headers number it; the library knows but the other two that a pipe may end with.
    const LEFT: Option<i32> = Some(233);
    error.kind() == ErrorKind::BrokenPipe || (cfg!(windows) && error.raw_os_error() == LEFT)
}

/// A value as one line of JSON, in ASCII where the terminal takes no more.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::write(Path::new("standard output"))(error.into()))?;
    if is_utf8() {
        return Ok(text);
    }
    let mut units = [0; 2];
    let mut escaped = |c: char| -> String {
        let units = c.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    };
    let all = text.chars().map(|c| match c.is_ascii() {
        true => c.to_string(),
        false => escaped(c),
    });
    Ok(all.collect())
}

/// Prints a message on standard error; there is nobody left to tell if that fails.
pub(super) fn error(message: &str) {
    let message = printable(message);
    let stderr = std::io::stderr();
    let message = match stderr.is_terminal() {
        true => spelled(&message),
        false => message.as_str().into(),
    };
    let _ = writeln!(stderr.lock(), "{message}");
}

/// Columns of the terminal that standard output is; none where it is something else.
pub(super) fn width() -> Option<usize> {
    let terminal = std::io::stdout().is_terminal();
    terminal.then(columns).flatten()
}

/// The text as a terminal may see it: what files were named, or held, must not move its cursor.
fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push(c),
            c if c.is_control() => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        let text = "error: a\x1b[2Jb\r×\n  because: \u{9b}1m";
        assert_eq!(
            printable(text),
            "error: a\\u{1b}[2Jb\\r×\n  because: \\u{9b}1m"
        );
    }
}
