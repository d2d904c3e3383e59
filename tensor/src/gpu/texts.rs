//! Where the texts of the shaders come from: they are in the program, but files that somebody wants to try are taken in their place.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The variable that names a folder of such files.
pub const SHADERS: &str = "CLEL_SHADERS";

/// The folder, if one is named. Those shaders that have a file there, called as in `tensor/src/gpu/shaders`, are read from it whenever a
/// kernel is compiled, so that a change is tried without building the program again. Whoever names it answers for what its kernels do with
/// memory: bounds are checked in them no more than in the program's own.
pub fn shaders_folder() -> Option<PathBuf> {
    let folder = std::env::var_os(SHADERS)?;
    (!folder.is_empty()).then(|| folder.into())
}

/// The text of `shaders/$file.wgsl`, which is `built_in` unless the folder has another.
///
/// # Errors
/// A folder or a file that cannot be read.
pub(super) fn text(file: &str, built_in: &'static str) -> Result<Cow<'static, str>, String> {
    match shaders_folder() {
        Some(folder) => text_in(&folder, file, built_in),
        None => Ok(Cow::Borrowed(built_in)),
    }
}

fn text_in(folder: &Path, file: &str, built_in: &'static str) -> Result<Cow<'static, str>, String> {
    if !folder.is_dir() {
        return Err(format!("{SHADERS}: {} is no folder", folder.display()));
    }
    let path = folder.join(file).with_extension("wgsl");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Cow::Borrowed(built_in)),
        Err(error) => Err(format!("{SHADERS}: {}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_folder_stand_in() {
        let folder = std::env::temp_dir().join(format!("clel-shaders-{}", std::process::id()));
        assert!(text_in(&folder, "one", "built in").is_err());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("one.wgsl"), "tried").unwrap();
        // no text
        std::fs::write(folder.join("bad.wgsl"), [0xff]).unwrap();
        assert_eq!(text_in(&folder, "one", "built in").unwrap(), "tried");
        assert_eq!(text_in(&folder, "two", "built in").unwrap(), "built in");
        let error = text_in(&folder, "bad", "built in").unwrap_err();
        assert!(error.contains("bad.wgsl"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
