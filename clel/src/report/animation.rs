//! Grids that change over time.

use std::ffi::OsStr;
use std::path::Path;

use image::codecs::gif::{GifEncoder, Repeat};
use image::error::{EncodingError, ImageFormatHint};
use image::{Delay, DynamicImage, Frame, ImageError, ImageFormat, ImageResult};

use super::Grid;
use crate::{Error, Result, whole_file};

/// Milliseconds that a frame stays, and the last one.
const SHOWN: u16 = 80;
const HELD: u16 = 2000;
/// How thoroughly the GIF encoder looks for 256 colours: 1 to 30, 30 the quickest.
const SPEED: i32 = 10;

/// The kinds of files that hold an animation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Animation {
    /// At most 256 colours a frame.
    Gif,
    /// All colours.
    Apng,
}

impl Animation {
    /// The kind that a file's name asks for: `.gif`, or `.png` and `.apng`.
    pub fn of(path: &Path) -> Option<Animation> {
        let extension = path.extension().and_then(OsStr::to_str)?;
        match extension.to_ascii_lowercase().as_str() {
            "gif" => Some(Animation::Gif),
            "png" | "apng" => Some(Animation::Apng),
            _ => None,
        }
    }

    /// Writes frames, each of images \[N, H, W, C\] with values in \[0, 1\], as grids that repeat for ever.
    ///
    /// # Errors
    /// No frames, or one that [`Grid::draw`] cannot draw; the file cannot be written.
    pub fn write(
        self,
        path: &Path,
        grid: &Grid,
        shape: [usize; 4],
        frames: &[Vec<f32>],
    ) -> Result<()> {
        let drawn: Result<Vec<DynamicImage>> = frames
            .iter()
            .map(|values| grid.draw(shape, values))
            .collect();
        let drawn = drawn?;
        let encoded = match self {
            Animation::Gif => gif(drawn),
            Animation::Apng => apng(&drawn),
        };
        let bytes = encoded.map_err(|source| Error::Image {
            path: path.to_owned(),
            source,
        })?;
        whole_file::write(path, &bytes)
    }
}

/// How long frame number `i` of `n` stays.
fn delay(i: usize, n: usize) -> u16 {
    if i + 1 == n { HELD } else { SHOWN }
}

fn gif(frames: Vec<DynamicImage>) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    let n = frames.len();
    for (i, frame) in frames.into_iter().enumerate() {
        let shown = Delay::from_numer_denom_ms(delay(i, n).into(), 1);
        encoder.encode_frame(Frame::from_parts(frame.into_rgba8(), 0, 0, shown))?;
    }
    drop(encoder);
    Ok(bytes)
}

fn apng(frames: &[DynamicImage]) -> ImageResult<Vec<u8>> {
    let fault = |why: png::EncodingError| {
        let hint = ImageFormatHint::Exact(ImageFormat::Png);
        ImageError::Encoding(EncodingError::new(hint, why))
    };
    let (width, height) = frames.first().map_or((0, 0), |f| (f.width(), f.height()));
    let is_grey = frames.first().is_some_and(|f| !f.color().has_color());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(match is_grey {
        true => png::ColorType::Grayscale,
        false => png::ColorType::Rgb,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .set_animated(frames.len() as u32, 0)
        .map_err(fault)?;
    let mut writer = encoder.write_header().map_err(fault)?;
    for (i, frame) in frames.iter().enumerate() {
        let shown = delay(i, frames.len());
        writer.set_frame_delay(shown, 1000).map_err(fault)?;
        writer.write_image_data(frame.as_bytes()).map_err(fault)?;
    }
    writer.finish().map_err(fault)?;
    Ok(bytes)
}
