//! Runs the program as a person would.

// elsewhere not all tests are there that use it
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

#[cfg(target_os = "linux")]
pub mod apart;
pub mod arrays;
pub mod desk;
pub mod faces;
#[cfg(unix)]
pub mod pixels;
#[cfg(unix)]
pub mod terminal;
pub mod tiny;

use std::path::Path;
use std::process::{Command, Stdio};

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// Messages.
    pub stderr: String,
}

/// The program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_clel-under-test");

/// Runs `clel` with arguments and without input.
pub fn clel(arguments: &[&str]) -> Run {
    run(Command::new(PROGRAM).args(arguments))
}

/// Runs a command, which may start `clel`, without input.
pub fn run(command: &mut Command) -> Run {
    let output = command
        .env_remove("CLEL_DEVICE")
        // Without it Mesa prints a complaint of its own on machines without a desktop session.
        .env("XDG_RUNTIME_DIR", std::env::temp_dir())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The one JSON object that a command printed.
pub fn object(run: &Run) -> serde_json::Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Runs `clel` with arguments that it must refuse: code 2, `parts` in one message, no panic.
pub fn refused(arguments: &[&str], parts: &[&str]) {
    clel(arguments).told(2, parts);
}

impl Run {
    /// It ended with this code and one message that has these parts, and did not panic.
    pub fn told(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.matches("error: ").count(), 1, "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part} is not in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}
