//! Printing that survives a closed pipe, as in `clel devices | head -1`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use serde::Serialize;
use textwrap::{Options, WordSplitter};

use crate::report::{columns, is_utf8, printable, spelled};
use crate::{Error, Result};

/// Refuses, before the work, a file for `--out` that is there already, or that cannot be written.
pub(super) fn check_new(file: &Path) -> Result<()> {
    if file.exists() {
        return Err(Error::OutputExists {
            path: file.to_owned(),
        });
    }
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::Argument {
                argument: "--out".to_owned(),
                why: format!("there is no folder {}", folder.display()),
            })
        }
        _ => {
            File::create_new(file).map_err(Error::write(file))?;
            std::fs::remove_file(file).map_err(Error::write(file))
        }
    }
}

/// Refuses, before the work, a name for `--out` that is no text: it could be told neither as JSON nor in a configuration.
pub(super) fn check_name(out: &Path) -> Result<()> {
    match out.to_str() {
        Some(_) => Ok(()),
        None => Err(Error::Argument {
            argument: format!("--out {}", out.display()),
            why: "must be UTF-8, as what is told of it".to_owned(),
        }),
    }
}

/// Prints a line on standard output, for people alone: in the characters of the locale wherever it goes.
pub(super) fn say_in_words(line: &str) -> Result<()> {
    say(&spelled(line))
}

/// Prints a line on standard output that programs may read, a path or a configuration for instance: as it is, unless a terminal lacks its characters.
pub(super) fn say(line: &str) -> Result<()> {
    let stdout = std::io::stdout();
    let line = printable(line);
    let line = match stdout.is_terminal() {
        true => spelled(&line),
        false => line,
    };
    printed(writeln!(stdout.lock(), "{line}"), false)
}

/// What came of printing: nobody who reads is no fault, nor is there anybody to tell where messages, `on_stderr`, do not arrive.
pub(super) fn printed(result: std::io::Result<()>, on_stderr: bool) -> Result<()> {
    let result = result.and_then(|()| std::io::stdout().flush());
    match result {
        Err(error) if !on_stderr && !is_closed(&error) => {
            Err(Error::write(Path::new("standard output"))(error))
        }
        _ => Ok(()),
    }
}

/// Whether nobody reads any more.
fn is_closed(error: &std::io::Error) -> bool {
    /// ERROR_PIPE_NOT_CONNECTED, as Windows' headers number it; the library knows but the other two that a pipe may end with.
    const LEFT: Option<i32> = Some(233);
    error.kind() == ErrorKind::BrokenPipe || (cfg!(windows) && error.raw_os_error() == LEFT)
}

/// A value as one line of JSON, without control characters, and in ASCII where the terminal takes no more.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::write(Path::new("standard output"))(error.into()))?;
    let all = is_utf8();
    let mut units = [0; 2];
    let mut escaped = |c: char| -> String {
        let units = c.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    };
    let spelled = text.chars().map(|c| match c {
        // those below 128 the library has escaped
        c if c.is_control() || !(all || c.is_ascii()) => escaped(c),
        c => c.to_string(),
    });
    Ok(spelled.collect())
}

/// Prints a message on standard error; there is nobody left to tell if that fails.
pub(super) fn error(message: &str) {
    let message = printable(message);
    let stderr = std::io::stderr();
    let message = match stderr.is_terminal() {
        true => spelled(&message),
        false => message,
    };
    let _ = writeln!(stderr.lock(), "{message}");
}

/// A text whose lines are no wider than the terminal that standard output is, broken between words; what continues a line begins `deep` columns
/// further to the right.
pub(super) fn wrapped(text: &str, deep: usize) -> String {
    match width() {
        Some(room) => wrapped_to(room, &spelled(&printable(text)), deep),
        None => text.to_owned(),
    }
}

fn wrapped_to(room: usize, text: &str, deep: usize) -> String {
    let indent = " ".repeat(deep.min(room / 2));
    let options = Options::new(room)
        .subsequent_indent(&indent)
        // a path stays whole, to be copied
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    let lines = text
        .split('\n')
        .map(|line| match line.chars().count() > room {
            true => Cow::from(textwrap::fill(line, &options)),
            false => Cow::from(line),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// Columns of the terminal that standard output is; none where it is something else.
pub(super) fn width() -> Option<usize> {
    let terminal = std::io::stdout().is_terminal();
    terminal.then(columns).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let text = "short\n  runs/digits-001: sick: 12 of 345 /a/path/that-is-long/x.png";
        let expected =
            "short\n  runs/digits-001:\n    sick: 12 of 345\n    /a/path/that-is-long/x.png";
        assert_eq!(wrapped_to(20, text, 4), expected);
        assert_eq!(wrapped_to(80, text, 4), text);
    }
}
