//! Scripts in a mount name space of their own, where they may make file systems: full ones, some that are read only.

use std::process::Command;

use super::{Run, run, text};

/// Has a file system of its own and nothing else.
const TRIAL: &str = "mount -t tmpfs tmpfs \"$1\"";

/// Runs a shell script with arguments where it may mount what it likes; none, and a word about it, where the system does not let this user.
///
/// # Panics
/// Where it does not, with `CLEL_REQUIRE_MOUNTS=1` in the environment.
pub fn apart(script: &str, arguments: &[&str]) -> Option<Run> {
    let place = tempfile::tempdir().unwrap();
    let why = match unshare(TRIAL).arg(text(place.path())).output() {
        Ok(tried) if tried.status.success() => None,
        Ok(tried) => Some(String::from_utf8_lossy(&tried.stderr).into_owned()),
        Err(error) => Some(format!("no program unshare: {error}")),
    };
    let Some(why) = why else {
        return Some(run(unshare(script).args(arguments)));
    };
    let why = format!("no file system of its own for this user: {}", why.trim());
    let required = std::env::var("CLEL_REQUIRE_MOUNTS").is_ok_and(|v| v == "1");
    assert!(!required, "CLEL_REQUIRE_MOUNTS=1, but: {why}");
    eprintln!("skipped: {why}");
    None
}

/// The script there, without arguments yet.
fn unshare(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command
}
