//! Runs the program as a person would.

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

/// Runs `clel` with arguments and without input.
pub fn clel(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_clel-under-test"))
        .args(arguments)
        .env_remove("CLEL_DEVICE")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
