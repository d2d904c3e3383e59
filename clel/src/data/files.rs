//! Image files: one, or a folder of them.

use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};

use super::{Images, Split};
use crate::{Error, Result};

/// Number of channels that files are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// 1 where the first file is grey, else 3.
    AsStored,
    /// 1: luma.
    Grey,
    /// 3: red, green, blue.
    Rgb,
}

/// A folder's images.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The images; labels where the folder has sub-folders.
    pub split: Split,
    /// Path of each file.
    pub names: Vec<String>,
    /// Names of the sub-folders, by label.
    pub classes: Vec<String>,
}

const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// One image file (PNG, JPEG, WebP), 8 bits a channel, transparency dropped; with `size`
/// \[height, width\], its centre in that aspect ratio is resized.
///
/// # Errors
/// The file is missing or cannot be decoded.
pub fn read_file(path: &Path, size: Option<[usize; 2]>, channels: Channels) -> Result<Images> {
    let picture = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(Error::read(path))?
        .decode()
        .map_err(|source| Error::Image {
            path: path.to_owned(),
            source,
        })?;
    let picture = match size {
        Some([height, width]) => fit(&picture, height, width),
        None => picture,
    };
    let grey = match channels {
        Channels::AsStored => !picture.color().has_color(),
        Channels::Grey => true,
        Channels::Rgb => false,
    };
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let (c, values) = if grey {
        (1, picture.into_luma8().into_raw())
    } else {
        (3, picture.into_rgb8().into_raw())
    };
    Images::from_levels([1, h, w, c], values, 256)
        .ok_or_else(|| Error::format(path, "pixels", "the decoder's size and data differ"))
}

/// All image files of a folder in the order of their names. Where it has sub-folders with images
/// instead, each is a class.
///
/// # Errors
/// No image there, one that cannot be decoded, or images of different sizes.
pub fn read_folder(path: &Path, size: Option<[usize; 2]>, channels: Channels) -> Result<Folder> {
    let direct = files_in(path)?;
    let mut classes = Vec::new();
    let mut files: Vec<(PathBuf, u32)> = direct.into_iter().map(|p| (p, 0)).collect();
    if files.is_empty() {
        for folder in sorted(path)?.into_iter().filter(|p| p.is_dir()) {
            let inside = files_in(&folder)?;
            if let (false, Some(name)) = (inside.is_empty(), folder.file_name()) {
                files.extend(inside.into_iter().map(|p| (p, classes.len() as u32)));
                classes.push(name.to_string_lossy().into_owned());
            }
        }
    }
    let Some((first, _)) = files.first() else {
        return Err(Error::NoImages {
            path: path.to_owned(),
            why: "expected .png, .jpg, .jpeg or .webp files, or sub-folders of them".to_owned(),
        });
    };
    let mut channels = channels;
    let mut shape = None;
    let mut values = Vec::new();
    for (file, _) in &files {
        let image = read_file(file, size, channels)?;
        let [_, h, w, c] = image.shape();
        let expected = *shape.get_or_insert([h, w, c]);
        channels = if c == 1 {
            Channels::Grey
        } else {
            Channels::Rgb
        };
        if expected != [h, w, c] {
            return Err(Error::format(
                file,
                "size",
                format!(
                    "{h}×{w}, but {} is {}×{}; all files of a folder must have one size, or be \
                     brought to one with data.size",
                    first.display(),
                    expected[0],
                    expected[1]
                ),
            ));
        }
        values.extend(image.into_levels());
    }
    let [h, w, c] = shape.unwrap_or_default();
    let images = Images::from_levels([files.len(), h, w, c], values, 256)
        .ok_or_else(|| Error::format(path, "pixels", "the decoder's sizes and data differ"))?;
    let labels = (!classes.is_empty()).then(|| files.iter().map(|(_, label)| *label).collect());
    Ok(Folder {
        split: Split { images, labels },
        names: files.iter().map(|(p, _)| p.display().to_string()).collect(),
        classes,
    })
}

/// The centre of the picture in the wanted aspect ratio, resized.
fn fit(picture: &DynamicImage, height: usize, width: usize) -> DynamicImage {
    let (height, width) = (height as u32, width as u32);
    picture.resize_to_fill(width, height, FilterType::CatmullRom)
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_image = |path: &PathBuf| {
        path.extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
    };
    Ok(sorted(folder)?
        .into_iter()
        .filter(|p| p.is_file() && is_image(p))
        .collect())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)
        .map_err(Error::read(folder))?
        .map(|entry| entry.map(|e| e.path()).map_err(Error::read(folder)))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
