//! Describable Textures.

use std::path::Path;

use super::folder::{Folder, read_folder};
use super::{Channels, Crop, Form};
use crate::Result;

/// The size that textures are brought to, if no other is asked for.
const SIZE: [usize; 2] = [32, 32];

/// Describable Textures from the folder with `images/CLASS/*.jpg` that the archive unpacks to, or from `images` itself, as published:
/// <https://www.robots.ox.ac.uk/~vgg/data/dtd/>. The centre of each is resized to 32×32 or to `size`; with `corner`, its upper left
/// corner of that size is taken instead.
///
/// # Errors
/// No image there, or a first one that cannot be decoded.
pub fn textures(path: &Path, size: Option<[usize; 2]>, corner: bool) -> Result<Folder> {
    let inner = path.join("images");
    let images = if inner.is_dir() { &inner } else { path };
    let size = size.unwrap_or(SIZE);
    let form = Form {
        crop: corner.then_some(Crop::Corner(size)),
        size: (!corner).then_some(size),
        channels: Channels::Rgb,
    };
    read_folder(images, form)
}
