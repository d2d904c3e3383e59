//! Images that a person names, wherever they lie.

use std::path::Path;

use super::{
    Channels, Folder, Form, Images, Labels, LeftOut, SAMPLES, read_file, read_folder, read_tensors,
};
use crate::error::as_argument;
use crate::{Error, Result};

/// Images with what is said of each of them, in memory.
#[derive(Debug, Clone)]
pub struct NamedImages {
    /// The images.
    pub images: Images,
    /// What each is called in reports.
    pub names: Vec<String>,
    /// A class for each, where a folder has sub-folders or a file `labels`.
    pub labels: Labels,
    /// What sub-folders call the classes, by label.
    pub classes: Option<Vec<String>>,
    /// Pictures of a folder that are of forms which are not read.
    pub left_out: LeftOut,
}

/// The images of a folder, of one image file, or of a safetensors file's `images`. With `shape` \[h, w, c\], every image must have that size, and files are
/// converted to that number of channels. Image files are brought to `size` \[height, width\] first, if there is one.
///
/// # Errors
/// Nothing readable there, or images of another size.
pub fn read_any(
    path: &Path,
    shape: Option<[usize; 3]>,
    size: Option<[usize; 2]>,
) -> Result<NamedImages> {
    let form = Form {
        crop: None,
        size,
        channels: Channels::of(shape),
    };
    let is_tensors = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    let given = if is_tensors {
        let (split, _) = read_tensors(path)?;
        let names = (0..split.images.len())
            .map(|i| format!("images[{i}]"))
            .collect();
        NamedImages {
            images: split.images.read_all()?,
            names,
            labels: split.labels,
            classes: None,
            left_out: LeftOut::default(),
        }
    } else if path.is_dir() {
        let Folder {
            split,
            files,
            classes,
            left_out,
        } = read_folder(path, form)?;
        // the first file decides the size; one that is no image of the model's is told before the others are read
        let [_, h, w, c] = split.images.shape();
        check_size(&files[0], [h, w, c], shape)?;
        NamedImages {
            images: split.images.read_all()?,
            names: files.iter().map(|f| f.display().to_string()).collect(),
            labels: split.labels,
            classes: (!classes.is_empty()).then_some(classes),
            left_out,
        }
    } else {
        NamedImages {
            images: read_file(path, form)?,
            names: vec![path.display().to_string()],
            labels: None,
            classes: None,
            left_out: LeftOut::default(),
        }
    };
    let [_, h, w, c] = given.images.shape();
    check_size(path, [h, w, c], shape)?;
    Ok(given)
}

/// Refuses images of another size than `wanted`; of a picture of samples, it says where these are.
fn check_size(file: &Path, found: [usize; 3], wanted: Option<[usize; 3]>) -> Result<()> {
    let Some(wanted) = wanted.filter(|wanted| *wanted != found) else {
        return Ok(());
    };
    let in_words = |[h, w, c]: [usize; 3]| format!("{h}×{w}×{c}");
    let samples = file.with_file_name(SAMPLES);
    let instead = match file != samples && samples.is_file() {
        true => format!(
            "; for the samples beside it, name {}",
            as_argument(&samples)
        ),
        false => String::new(),
    };
    Err(Error::Mismatch {
        what: format!("size of {}", file.display()),
        found: in_words(found),
        expected: format!(
            "{}, as the model or its data have it{instead}",
            in_words(wanted)
        ),
    })
}
