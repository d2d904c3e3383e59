//! Folders of image files.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::left_out::{LeftOut, is_picture};
use super::picture::{Channels, Form, is_coloured, read_file};
use super::set::Records;
use super::{Found, ImageSet, Split};
use crate::words::listed;
use crate::{Error, Result};

/// What makes images of one size, in the words of training and of the commands that have no configuration.
const RESIZE: &str = "data.size, or --size of `clel eval` and `clel classifier`, brings all";
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// A folder's images.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The images, not read yet; labels where the folder has sub-folders.
    pub split: Split,
    /// Path of each file.
    pub files: Arc<[PathBuf]>,
    /// Names of the sub-folders, by label.
    pub classes: Vec<String>,
    /// Pictures of forms that are not read.
    pub left_out: LeftOut,
}

/// All image files of a folder in the order of their names, but those whose name begins with a dot: macOS keeps what it notes of `a.png` in `._a.png`. Where
/// it has sub-folders with images instead, each is a class. They are grey if all are stored so, else in
/// colour, unless `form` says which. The first file is read, and of the others headers (JPEG files whole) up to the first in colour; the rest when they are
/// asked for.
///
/// # Errors
/// No image there, or some beside sub-folders with others; a first one that cannot be decoded, or a header before the first in colour.
pub fn read_folder(path: &Path, form: Form) -> Result<Folder> {
    let mut left_out = LeftOut::default();
    let mut files = files_in(path, &mut left_out)?;
    let mut labels = Vec::new();
    let mut classes = Vec::new();
    if let Some(stray) = files.first() {
        for folder in folders_in(path)? {
            if !files_in(&folder, &mut LeftOut::default())?.is_empty() {
                return Err(both(path, stray, &folder));
            }
        }
    } else {
        for folder in folders_in(path)? {
            let inside = files_in(&folder, &mut left_out)?;
            if let (false, Some(name)) = (inside.is_empty(), folder.file_name()) {
                labels.extend(inside.iter().map(|_| classes.len() as u32));
                files.extend(inside);
                classes.push(name.to_string_lossy().into_owned());
            }
        }
    }
    if files.is_empty() {
        return Err(Error::NoImages {
            path: path.to_owned(),
            why: format!(
                "expected .png, .jpg, .jpeg or .webp files, or sub-folders of them{}",
                left_out
                    .in_words()
                    .map_or(String::new(), |files| format!("; there are {files}"))
            ),
        });
    }
    let files: Arc<[PathBuf]> = files.into();
    Ok(Folder {
        split: Split {
            images: pictures(files.clone(), form)?,
            labels: (!classes.is_empty()).then_some(labels),
        },
        files,
        classes,
        left_out,
    })
}

/// The error of a folder in which a file would hide classes.
fn both(path: &Path, file: &Path, folder: &Path) -> Error {
    let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
    Error::Mismatch {
        what: format!("images in {}", path.display()),
        found: format!("{} beside the sub-folder {}", name(file), name(folder)),
        expected: "files alone, or sub-folders of them alone, which are classes: move the others elsewhere"
            .to_owned(),
    }
}

/// What folders call the images to test with, the usual one first.
pub(super) const TEST: [&str; 2] = ["test", "val"];

/// A folder's `train` and the first there is of those that are called like `held`, if it has these sub-folders, else all that it holds.
pub(super) fn parts(path: &Path, held: [&str; 2], form: Form) -> Result<Found> {
    let part = |name: &str| Some(path.join(name)).filter(|p| p.is_dir());
    let (train, test) = (part("train"), held.into_iter().find_map(part));
    let (Some(train), Some(folder)) = (&train, test) else {
        let all = read_folder(path, form).map_err(|error| match (error, train) {
            (Error::NoImages { path, .. }, Some(train)) => Error::NoImages {
                path,
                why: format!(
                    "there is `train`, but neither `{}` nor `{}`; without such a part, name {}",
                    held[0],
                    held[1],
                    train.display()
                ),
            },
            (other, _) => other,
        })?;
        return Ok(all.into());
    };
    let train = read_folder(train, form)?;
    let [_, h, w, c] = train.split.images.shape();
    let channels = Channels::of(Some([h, w, c]));
    let test = read_folder(&folder, Form { channels, ..form })?;
    if test.classes != train.classes {
        return Err(Error::Mismatch {
            what: format!("sub-folders of {}", folder.display()),
            found: names(&test.classes),
            expected: format!("those of `train`: {}", names(&train.classes)),
        });
    }
    let (found, expected) = (test.split.images.shape(), train.split.images.shape());
    if found[1..] != expected[1..] {
        return Err(Error::Mismatch {
            what: format!("size of the images in {}", folder.display()),
            found: in_words(found),
            expected: format!(
                "{}, as in `train`; {RESIZE} to one size",
                in_words(expected)
            ),
        });
    }
    let mut found = Found::from(train);
    found.parts.1 = Some(test.split);
    found.left_out = found.left_out.and(test.left_out);
    Ok(found)
}

/// Names of sub-folders, as far as they fit into a message.
fn names(classes: &[String]) -> String {
    match classes {
        [] => "no sub-folders".to_owned(),
        some => listed(some),
    }
}

/// Height, width and channels of images.
fn in_words([_, h, w, c]: [usize; 4]) -> String {
    format!("{h}×{w}×{c}")
}

/// Image files as a set; the first one decides its size, any in colour that all are.
pub(super) fn pictures(files: Arc<[PathBuf]>, form: Form) -> Result<ImageSet> {
    let Some(first) = files.first() else {
        return Err(Error::NoImages {
            path: PathBuf::new(),
            why: "an empty list of files".to_owned(),
        });
    };
    let channels = match form.channels {
        Channels::AsStored => common_channels(&files)?,
        asked => asked,
    };
    let form = Form { channels, ..form };
    let [_, h, w, c] = read_file(first, form)?.shape();
    Ok(ImageSet::stored(Arc::new(Pictures {
        files,
        form,
        shape: [h, w, c],
    })))
}

/// Grey if all files are: one grey photograph among coloured ones takes nobody's colours.
fn common_channels(files: &[PathBuf]) -> Result<Channels> {
    for file in files {
        if is_coloured(file)? {
            return Ok(Channels::Rgb);
        }
    }
    Ok(Channels::Grey)
}

/// Image files that are decoded when they are asked for.
#[derive(Debug)]
struct Pictures {
    files: Arc<[PathBuf]>,
    form: Form,
    shape: [usize; 3],
}

impl Records for Pictures {
    fn shape(&self) -> [usize; 4] {
        let [h, w, c] = self.shape;
        [self.files.len(), h, w, c]
    }

    fn read(&self, index: usize, values: &mut Vec<u8>) -> Result<()> {
        let file = &self.files[index];
        let image = read_file(file, self.form)?;
        let ([_, h, w, _], [height, width, _]) = (image.shape(), self.shape);
        if [h, w] != [height, width] {
            return Err(Error::format(
                file,
                "size",
                format!(
                    "{h}×{w}, but {} is {height}×{width}; expected one size for all files of a set; {RESIZE} to one",
                    self.files[0].display(),
                ),
            ));
        }
        values.extend(image.into_levels());
        Ok(())
    }
}

/// The image files directly in a folder, by name; pictures of other forms are counted.
fn files_in(folder: &Path, left_out: &mut LeftOut) -> Result<Vec<PathBuf>> {
    sorted(folder, |entry| {
        let path = entry.path();
        let Some(ending) = path.extension().and_then(|e| e.to_str()) else {
            return false;
        };
        let ending = ending.to_ascii_lowercase();
        let is_read = EXTENSIONS.contains(&ending.as_str());
        if !(is_read || is_picture(&ending)) || !is(entry, true) {
            return false;
        }
        if !is_read {
            left_out.count(ending);
        }
        is_read
    })
}

/// The folders directly in a folder, by name.
fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    sorted(folder, |entry| is(entry, false))
}

/// Whether an entry is a file, else a folder; only of a link is the target looked up.
fn is(entry: &DirEntry, file: bool) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => {
            let path = entry.path();
            if file { path.is_file() } else { path.is_dir() }
        }
        Ok(kind) => kind.is_file() == file && kind.is_dir() != file,
        Err(_) => false,
    }
}

fn sorted(folder: &Path, mut wanted: impl FnMut(&DirEntry) -> bool) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::read(folder))? {
        let entry = entry.map_err(Error::read(folder))?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && wanted(&entry) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}
