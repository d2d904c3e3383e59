//! Where a picture goes.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The program's first argument, or `target/examples-out/NAME.png`.
pub(super) fn of(name: &str) -> PathBuf {
    match std::env::args_os().nth(1) {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../target/examples-out")
            .join(format!("{name}.png")),
    }
}

/// Makes the folder, and asks whether a file can be written there; leaves what is there as it is.
pub(super) fn check(path: &Path) -> Result<(), Unusable> {
    let wrong = |error| Unusable::new(path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(wrong)?;
    }
    let is_new = !path.exists();
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(wrong)?;
    if is_new {
        fs::remove_file(path).map_err(wrong)?;
    }
    Ok(())
}

/// No picture can be written to this path.
pub(super) struct Unusable {
    path: PathBuf,
    why: io::Error,
}

impl Unusable {
    pub(super) fn new(path: &Path, why: io::Error) -> Unusable {
        let path = path.to_owned();
        Unusable { path, why }
    }
}

impl std::error::Error for Unusable {}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, why) = (self.path.display(), &self.why);
        write!(f, "no picture can be written to {path}: {why}")
    }
}

// what `main` returns is told so
impl fmt::Debug for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_will_not_do_is_told_with_its_path() {
        let folder = std::env::temp_dir().join(format!("clel-pictures-{}", std::process::id()));
        let file = folder.join("new/picture.png");
        check(&file).unwrap();
        assert!(!file.exists() && file.parent().unwrap().is_dir());
        fs::write(&file, "old").unwrap();
        check(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"old");
        for wrong in [folder.clone(), file.join("below")] {
            let told = format!("{:?}", check(&wrong).unwrap_err());
            assert!(told.contains(wrong.to_str().unwrap()), "{told}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
