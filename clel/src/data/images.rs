//! A batch of images in host memory.

use clel_tensor::random::{RngKey, uniform};

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
    /// Images from integers in `0..levels`; `None` where the length is not N·H·W·C, a value is out of
    /// range, or there are no levels.
    pub fn from_levels(shape: [usize; 4], values: Vec<u8>, levels: u16) -> Option<Self> {
        let fits = values.len() == shape.iter().product::<usize>();
        let in_range = levels > 0 && values.iter().all(|v| u16::from(*v) < levels);
        let pixels = Pixels::Levels { values, levels };
        (fits && in_range).then_some(Images { shape, pixels })
    }

    /// Images from numbers in \[0, 1\]; `None` where the length is not N·H·W·C or a value is outside.
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

    /// The images at `indices`, de-quantised with the numbers that `key` names: (v + u) / levels.
    ///
    /// # Panics
    /// If an index is not below the number of images.
    pub fn dequantised(&self, indices: &[usize], key: RngKey) -> Vec<f32> {
        let len = self.image_len();
        match &self.pixels {
            Pixels::Levels { values, levels } => {
                let mut out = Vec::with_capacity(indices.len() * len);
                let chosen = rows(values, len, indices);
                for (block, four) in chosen.chunks(4).enumerate() {
                    let words = key.block(block as u32);
                    let level = |(v, word): (&u8, &u32)| {
                        (f32::from(*v) + uniform(*word)) / f32::from(*levels)
                    };
                    out.extend(four.iter().zip(&words).map(level));
                }
                out
            }
            Pixels::Unit(values) => rows(values, len, indices),
        }
    }

    /// The integers, or the numbers as 8 bits by floor(256·x).
    pub fn into_levels(self) -> Vec<u8> {
        match self.pixels {
            Pixels::Levels { values, .. } => values,
            Pixels::Unit(values) => values.iter().map(|v| to_byte(*v)).collect(),
        }
    }

    /// Mean and standard deviation of each channel over all images, of the values of [`Images::to_unit`].
    pub fn channel_statistics(&self) -> (Vec<f64>, Vec<f64>) {
        let c = self.shape[3];
        let values = self.to_unit();
        let count = (values.len() / c.max(1)).max(1) as f64;
        let over = |f: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; c];
            for pixel in values.chunks_exact(c.max(1)) {
                for (channel, v) in pixel.iter().enumerate() {
                    sums[channel] += f(channel, f64::from(*v));
                }
            }
            sums.into_iter().map(|s| s / count).collect::<Vec<f64>>()
        };
        let mean = over(&|_, v| v);
        let variance = over(&|channel, v| (v - mean[channel]).powi(2));
        // A channel that never varies would be divided by zero.
        let std = variance.into_iter().map(|v| v.sqrt().max(1e-3)).collect();
        (mean, std)
    }
}

/// A value in \[0, 1\] as 8 bits: floor(256·x), at most 255, the inverse of de-quantisation.
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
