//! Many small images in one picture.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

use crate::data::to_byte;
use crate::{Error, Result, whole_file};

/// Layout of a grid: images in rows, each enlarged by repeating its pixels, with a border between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Images in a row.
    pub columns: usize,
    /// Side of one pixel of an image in the picture.
    pub scale: usize,
    /// Pixels between and around the images.
    pub border: usize,
}

/// Grey of the border: neither ink nor paper.
const BORDER: u8 = 96;

impl Grid {
    /// About as wide as high, images enlarged to about 64 pixels.
    pub fn for_images(shape: [usize; 4]) -> Self {
        let [n, h, w, _] = shape;
        Grid {
            columns: (n as f64).sqrt().ceil().max(1.0) as usize,
            scale: (64 / h.max(w).max(1)).max(1),
            border: 2,
        }
    }

    /// Width and height of the picture of images \[N, H, W, C\].
    pub fn size(&self, [n, h, w, _]: [usize; 4]) -> (u32, u32) {
        let cell = |side: usize| side * self.scale + self.border;
        let columns = self.columns.min(n.max(1)).max(1);
        let width = columns * cell(w) + self.border;
        let height = n.div_ceil(columns) * cell(h) + self.border;
        (width as u32, height as u32)
    }

    /// Draws images \[N, H, W, C\] with values in \[0, 1\] (others are clamped) and C = 1 or 3.
    ///
    /// # Errors
    /// The number of values is not that of the shape, or C is neither 1 nor 3.
    pub fn draw(&self, shape: [usize; 4], values: &[f32]) -> Result<DynamicImage> {
        let [n, h, w, c] = shape;
        if values.len() != n * h * w * c || (c != 1 && c != 3) || self.columns == 0 {
            return Err(Error::Mismatch {
                what: "values of a grid of images".to_owned(),
                found: format!("{} in {} columns", values.len(), self.columns),
                expected: format!("{shape:?} with 1 or 3 channels, at least one column"),
            });
        }
        let cell = |side: usize| side * self.scale + self.border;
        let columns = self.columns.min(n.max(1));
        let (width, height) = self.size(shape);
        let pixel = |x: u32, y: u32| -> Option<&[f32]> {
            let (column, dx) = place(x as usize, cell(w), self.border)?;
            let (row, dy) = place(y as usize, cell(h), self.border)?;
            let image = row * columns + column;
            let start = ((image * h + dy / self.scale) * w + dx / self.scale) * c;
            (image < n).then(|| &values[start..start + c])
        };
        Ok(if c == 1 {
            let colour = |x, y| Luma([pixel(x, y).map_or(BORDER, |p| to_byte(p[0]))]);
            GrayImage::from_fn(width, height, colour).into()
        } else {
            let colour = |x, y| {
                Rgb(pixel(x, y).map_or([BORDER; 3], |p| {
                    [to_byte(p[0]), to_byte(p[1]), to_byte(p[2])]
                }))
            };
            RgbImage::from_fn(width, height, colour).into()
        })
    }

    /// Draws and writes a PNG file, replacing one that is there; its bytes.
    ///
    /// # Errors
    /// As [`Grid::draw`], or the file cannot be written.
    pub fn write_png(&self, path: &Path, shape: [usize; 4], values: &[f32]) -> Result<Vec<u8>> {
        let mut png = Cursor::new(Vec::new());
        self.draw(shape, values)?
            .write_to(&mut png, ImageFormat::Png)
            .map_err(|source| Error::Image {
                path: path.to_owned(),
                source,
            })?;
        let png = png.into_inner();
        whole_file::write(path, &png)?;
        Ok(png)
    }
}

/// Which cell a coordinate falls into and where in its image; `None` on the border.
fn place(at: usize, cell: usize, border: usize) -> Option<(usize, usize)> {
    let at = at.checked_sub(border)?;
    (at % cell < cell - border).then_some((at / cell, at % cell))
}
