//! One image file.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use clel_nn::files::open_regular;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{Images, bytes::most_unpacked, jpeg};
use crate::config::DataConfig;
use crate::{Error, Result};

/// What is said of files that are no images, or not whole.
pub(super) const UNREADABLE: &str = "unreadable image";
/// A decoder may take this much memory, and more for a file that is large itself.
const DECODER_MEMORY: u64 = 64 << 20;

/// Number of channels that files are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// 1 where all files of a set are grey, else 3.
    AsStored,
    /// 1: luma.
    Grey,
    /// 3: red, green, blue.
    Rgb,
}

impl Channels {
    /// Those of images of this shape, \[H, W, C\], if it is known.
    pub fn of(shape: Option<[usize; 3]>) -> Channels {
        match shape {
            Some([_, _, 1]) => Channels::Grey,
            Some([_, _, 3]) => Channels::Rgb,
            _ => Channels::AsStored,
        }
    }
}

/// What becomes of a picture: first cropped, then resized, then converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The part that is kept, if not all.
    pub crop: Option<Crop>,
    /// \[height, width\] to which its centre, in that aspect ratio, is resized.
    pub size: Option<[usize; 2]>,
    /// Its channels.
    pub channels: Channels,
}

/// A part of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    /// A square of this side in its centre.
    Centre(u32),
    /// \[height, width\] from its upper left corner on.
    Corner([usize; 2]),
}

impl Form {
    /// What the configuration says.
    pub fn of(config: &DataConfig) -> Form {
        Form {
            crop: None,
            size: config.size,
            channels: Channels::of(config.shape),
        }
    }
}

/// One image file (PNG, JPEG, WebP), 8 bits a channel, transparency dropped. Pixels stand as they are stored, as torchvision's folders have them: an
/// orientation that a camera noted in EXIF is not applied.
///
/// # Errors
/// The file is missing, cannot be decoded, is a JPEG without its end, claims a size that its length belies, or is smaller than the crop.
pub fn read_file(path: &Path, form: Form) -> Result<Images> {
    let (reader, length) = open(path)?;
    let format = reader.format();
    let picture = reader
        .decode()
        .map_err(|source| unreadable(path, length, format, source))?;
    if format == Some(ImageFormat::Jpeg) {
        // its decoder fills up with grey what is missing
        jpeg::check_whole(path)?;
    }
    let picture = match form.crop {
        Some(part) => cropped(path, &picture, part)?,
        None => picture,
    };
    let picture = match form.size {
        Some([h, w]) => picture.resize_to_fill(w as u32, h as u32, FilterType::CatmullRom),
        None => picture,
    };
    let grey = match form.channels {
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
    Images::of_levels([1, h, w, c], values, 256)
}

/// Whether a file's header says that its picture has colours; a palette counts as colours. The pixels are not decoded.
///
/// # Errors
/// The file is missing, or is no image.
pub(super) fn is_coloured(path: &Path) -> Result<bool> {
    let (reader, length) = open(path)?;
    let format = reader.format();
    let decoder = reader
        .into_decoder()
        .map_err(|source| unreadable(path, length, format, source))?;
    Ok(decoder.color_type().has_color())
}

/// A reader of a file with bounds on what it may claim, and the file's length.
fn open(path: &Path) -> Result<(ImageReader<BufReader<File>>, u64)> {
    let length = std::fs::metadata(path).map_err(Error::read(path))?.len();
    let mut reader = open_regular(path)
        .and_then(|_| ImageReader::open(path))
        .and_then(ImageReader::with_guessed_format)
        .map_err(Error::read(path))?;
    let mut limits = Limits::default();
    let memory = DECODER_MEMORY.saturating_add(most_unpacked(length));
    limits.max_alloc = Some(limits.max_alloc.unwrap_or(u64::MAX).min(memory));
    reader.limits(limits);
    Ok((reader, length))
}

/// What a decoder says of a file, with what it should have found.
fn unreadable(path: &Path, length: u64, format: Option<ImageFormat>, source: ImageError) -> Error {
    let is_content = match &source {
        ImageError::IoError(e) => {
            matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData)
        }
        ImageError::Limits(_) => false,
        _ => true,
    };
    if !is_content {
        let path = path.to_owned();
        return Error::Image { path, source };
    }
    let expected = match format {
        Some(ImageFormat::Png) => "a whole PNG file",
        Some(ImageFormat::Jpeg) => "a whole JPEG file",
        Some(ImageFormat::WebP) => "a whole WebP file",
        _ => "a PNG, JPEG or WebP file",
    };
    let told = source.to_string();
    let told = told.trim_end_matches('.');
    let why = format!("{told}; the file has {length} bytes, expected {expected}");
    Error::format(path, UNREADABLE, why)
}

/// A part of a picture; the square in the middle where torchvision's `CenterCrop` cuts it out.
fn cropped(path: &Path, picture: &DynamicImage, part: Crop) -> Result<DynamicImage> {
    let (w, h) = (picture.width(), picture.height());
    let ([rows, columns], place) = match part {
        Crop::Centre(side) => ([side, side], "centre"),
        Crop::Corner([h, w]) => ([h as u32, w as u32], "upper left corner"),
    };
    if h < rows || w < columns {
        let why =
            format!("{h}×{w}, expected at least {rows}×{columns}, of which the {place} is taken");
        return Err(Error::format(path, "size", why));
    }
    // Python's round: halves go to the even number
    let middle = |free: u32| (f64::from(free) / 2.0).round_ties_even() as u32;
    let (x, y) = match part {
        Crop::Centre(_) => (middle(w - columns), middle(h - rows)),
        Crop::Corner(_) => (0, 0),
    };
    Ok(picture.crop_imm(x, y, columns, rows))
}
