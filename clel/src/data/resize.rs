//! Images of one set in the size of another.

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, RgbImage};

use super::{Images, Pixels, to_byte};

impl Images {
    /// The images as \[h, w, c\], c = 1 or 3: of each its centre in that aspect ratio, resized as files of images are, in 8 bits; grey becomes three equal
    /// channels, colour its luma. Images that have this shape stay as they are.
    pub fn brought_to(self, [h, w, c]: [usize; 3]) -> Images {
        let [n, rows, columns, channels] = self.shape;
        if [rows, columns, channels] == [h, w, c] {
            return self;
        }
        let bytes: Vec<u8> = match self.pixels {
            Pixels::Levels {
                values,
                levels: 256,
            } => values,
            _ => self.to_unit().into_iter().map(to_byte).collect(),
        };
        let mut values = Vec::with_capacity(n * h * w * c);
        for image in bytes.chunks_exact((rows * columns * channels).max(1)) {
            let (width, height) = (columns as u32, rows as u32);
            let pixels = image.to_vec();
            let picture = match channels {
                1 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
                _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
            };
            let picture = picture.unwrap_or_default();
            let picture = picture.resize_to_fill(w as u32, h as u32, FilterType::CatmullRom);
            match c {
                1 => values.extend(picture.into_luma8().into_raw()),
                _ => values.extend(picture.into_rgb8().into_raw()),
            }
        }
        Images {
            shape: [n, h, w, c],
            pixels: Pixels::Levels {
                values,
                levels: 256,
            },
        }
    }
}
