//! A batch of images in host memory.

use clel_tensor::random::{RngKey, uniform};

use crate::{Error, Result};

/// Values of the pixels, row-major \[N, H, W, C\].
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// Integers in `0..levels`, to be de-quantised: x = (v + u) / levels with u uniform on \[0, 1).
    Levels {
        /// The integers.
        values: Vec<u8>,
        /// Number of grey levels: 256 for 8-bit images, 17 for the digits.
        levels: u16,
    },
    /// Numbers in \[0, 1\], used as they are.
    Unit(Vec<f32>),
}

/// N images of one size, \[N, H, W, C\].
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    pub(super) shape: [usize; 4],
    pub(super) pixels: Pixels,
}

impl Images {
    /// Images from integers in `0..levels`. `None` where the length is not N·H·W·C, a value is out of range, or there are no levels, without
    /// saying which; [`ImageSet::stored`](super::ImageSet::stored) takes 8-bit images whose errors do.
    pub fn from_levels(shape: [usize; 4], values: Vec<u8>, levels: u16) -> Option<Self> {
        let fits = values.len() == shape.iter().product::<usize>();
        let in_range = levels > 0 && values.iter().all(|v| u16::from(*v) < levels);
        let pixels = Pixels::Levels { values, levels };
        (fits && in_range).then_some(Images { shape, pixels })
    }

    /// [`from_levels`](Images::from_levels) for a reader that has counted its values.
    pub(super) fn of_levels(shape: [usize; 4], values: Vec<u8>, levels: u16) -> Result<Self> {
        let found = values.len();
        let beyond = values.iter().position(|v| u16::from(*v) >= levels);
        let beyond = beyond.map(|place| format!(", of which number {place} is {}", values[place]));
        Images::from_levels(shape, values, levels).ok_or_else(|| Error::Mismatch {
            what: "values of the images".to_owned(),
            found: format!("{found}{}", beyond.unwrap_or_default()),
            expected: format!("{shape:?} in 0..{levels}"),
        })
    }

    /// Images from numbers in \[0, 1\]. `None` where the length is not N·H·W·C or a value is outside, without saying which;
    /// [`ImageSet::of_samples`](super::ImageSet::of_samples) does.
    pub fn from_unit(shape: [usize; 4], values: Vec<f32>) -> Option<Self> {
        let fits = values.len() == shape.iter().product::<usize>();
        let in_range = values.iter().all(|v| (0.0..=1.0).contains(v));
        let pixels = Pixels::Unit(values);
        (fits && in_range).then_some(Images { shape, pixels })
    }

    /// \[N, H, W, C\].
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// How many images.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shape[0] == 0
    }

    /// The stored values.
    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// Values of one image.
    pub fn image_len(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// The images at `indices`, in that order.
    ///
    /// # Panics
    /// If an index is not below the number of images.
    pub fn select(&self, indices: &[usize]) -> Images {
        let [_, h, w, c] = self.shape;
        let pixels = match &self.pixels {
            Pixels::Levels { values, levels } => Pixels::Levels {
                values: rows(values, self.image_len(), indices),
                levels: *levels,
            },
            Pixels::Unit(values) => Pixels::Unit(rows(values, self.image_len(), indices)),
        };
        Images {
            shape: [indices.len(), h, w, c],
            pixels,
        }
    }

    /// All values in \[0, 1\] without randomness: the middle of its level, (v + ½) / levels, for an integer.
    pub fn to_unit(&self) -> Vec<f32> {
        match &self.pixels {
            Pixels::Levels { values, levels } => {
                let scale = 1.0 / f32::from(*levels);
                values
                    .iter()
                    .map(|v| (f32::from(*v) + 0.5) * scale)
                    .collect()
            }
            Pixels::Unit(values) => values.clone(),
        }
    }

    /// All values in \[0, 1\], de-quantised with the numbers that `key` names: (v + u) / levels.
    pub fn dequantised(&self, key: RngKey) -> Vec<f32> {
        match &self.pixels {
            Pixels::Levels { values, levels } => {
                let mut out = Vec::with_capacity(values.len());
                for (block, four) in values.chunks(4).enumerate() {
                    let words = key.block(block as u32);
                    let level = |(v, word): (&u8, &u32)| {
                        (f32::from(*v) + uniform(*word)) / f32::from(*levels)
                    };
                    out.extend(four.iter().zip(&words).map(level));
                }
                out
            }
            Pixels::Unit(values) => values.clone(),
        }
    }

    /// The integers, or the numbers as 8 bits by floor(256·x).
    pub fn into_levels(self) -> Vec<u8> {
        match self.pixels {
            Pixels::Levels { values, .. } => values,
            Pixels::Unit(values) => values.iter().map(|v| to_byte(*v)).collect(),
        }
    }
}

/// A value in \[0, 1\] as 8 bits: floor(256·x), at most 255, the inverse of de-quantisation but where f32 rounds a bright pixel up to the next level, 8 in a million.
pub fn to_byte(x: f32) -> u8 {
    (x * 256.0).clamp(0.0, 255.0) as u8
}

fn rows<T: Copy>(values: &[T], len: usize, indices: &[usize]) -> Vec<T> {
    let mut out = Vec::with_capacity(indices.len() * len);
    for &i in indices {
        out.extend_from_slice(&values[i * len..(i + 1) * len]);
    }
    out
}
