//! A checkpoint of a very small model, made once by the program itself.

use std::path::Path;
use std::sync::OnceLock;

use super::clel;
pub use clel_tests::tiny::SETTINGS;

/// Trains with those settings into `out`, on the CPU, with further arguments.
pub fn train(out: &Path, more: &[&str]) -> super::Run {
    train_on("cpu", out, more)
}

/// The same on another device.
pub fn train_on(device: &str, out: &Path, more: &[&str]) -> super::Run {
    let out = out.display().to_string();
    let mut arguments = vec!["train", "--device", device, "--out", &out];
    for setting in SETTINGS {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(more);
    clel(&arguments)
}

/// Goes on with a run on the CPU, up to iteration `steps`.
pub fn resume(run: &Path, steps: &str) -> super::Run {
    let run = super::text(run);
    clel(&[
        "train", "--device", "cpu", "--resume", &run, "--steps", steps,
    ])
}

/// A finished run of two iterations, shared by the tests of a program.
pub fn finished_run() -> &'static Path {
    static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
    RUN.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let run = train(&dir.path().join("run"), &["--steps", "2"]);
        assert_eq!(run.code, Some(0), "{run:?}");
        dir
    })
    .path()
}
