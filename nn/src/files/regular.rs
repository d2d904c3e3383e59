//! Files that have an end.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Opens a file to read it, unless it is a folder, a pipe or a device: to open a pipe waits for who writes into it, and a device need have no end.
///
/// # Errors
/// What the system says; [`ErrorKind::InvalidInput`].
///
/// ```no_run
/// # use std::path::Path;
/// let file = clel_nn::files::open_regular(Path::new("images.bin"))?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open_regular(path: &Path) -> io::Result<File> {
    check_not_empty(path)?;
    check_regular(&path.metadata()?)?;
    File::open(path)
}

/// Refuses the empty path, of which the system says that there is no such file, and which has no place for one.
pub(super) fn check_not_empty(path: &Path) -> io::Result<()> {
    match path.as_os_str().is_empty() {
        true => Err(io::Error::new(ErrorKind::InvalidInput, "the path is empty")),
        false => Ok(()),
    }
}

/// Refuses folders, pipes and devices.
pub(super) fn check_regular(found: &Metadata) -> io::Result<()> {
    let why = match found.is_dir() {
        _ if found.is_file() => return Ok(()),
        true => "a folder, and not a file",
        false => "a pipe or a device, and not a file",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, why))
}

/// All bytes of a file that [`open_regular`] opens.
///
/// # Errors
/// Those of `open_regular`; the file cannot be read.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn devices_and_pipes_are_refused() {
        let refused = read_regular(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let told = open_regular(&pipe).unwrap_err().to_string();
        assert_eq!(told, "a pipe or a device, and not a file");
        let file = dir.path().join("file");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(read_regular(&file).unwrap(), b"abc");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read_regular(&link).unwrap(), b"abc");
    }
}
