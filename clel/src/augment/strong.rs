//! The strong augmentation: SimCLR's crop, colour jitter, greyscale and flip.

use clel_tensor::Tensor;

use super::colour::{Recolour, recolour};
use super::resample::crop_bicubic;
use super::{Draws, image_shape};
use crate::Result;

/// A box of whole pixels inside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Number of rows, at least 1.
    pub height: usize,
    /// Number of columns, at least 1.
    pub width: usize,
}

/// Four changes of colour and the order in which they happen.
pub type Jitter = [Recolour; 4];

/// What happens to one image, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Strong {
    /// Cut out and resized to the whole image.
    pub crop: CropBox,
    /// Brightness, contrast, saturation and hue in some order, or nothing.
    pub jitter: Option<Jitter>,
    /// All channels become the luma.
    pub grey: bool,
    /// Mirrored left to right.
    pub flip: bool,
}

impl CropBox {
    /// A box with 8 to 100 % of the area and sides of ratio 3/4 to 4/3 (width to height, uniform in its logarithm), at a uniform place:
    /// torchvision's `RandomResizedCrop.get_params`, its ten attempts, its rounding and what it does when they fail included.
    pub(super) fn draw(height: usize, width: usize, draws: &mut Draws) -> CropBox {
        const SCALE: (f64, f64) = (0.08, 1.0);
        const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
        let area = (height * width) as f64;
        for _ in 0..10 {
            let target = area * draws.uniform(SCALE.0, SCALE.1);
            let ratio = draws.uniform(RATIO.0.ln(), RATIO.1.ln()).exp();
            // Python rounds halves to even
            let w = (target * ratio).sqrt().round_ties_even() as usize;
            let h = (target / ratio).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = draws.below(height - h + 1);
                let left = draws.below(width - w + 1);
                return CropBox {
                    top,
                    left,
                    height: h,
                    width: w,
                };
            }
        }
        let image_ratio = width as f64 / height as f64;
        let (mut h, mut w) = (height, width);
        if image_ratio < RATIO.0 {
            h = (width as f64 / RATIO.0).round_ties_even() as usize;
        } else if image_ratio > RATIO.1 {
            w = (height as f64 * RATIO.1).round_ties_even() as usize;
        }
        CropBox {
            top: (height - h) / 2,
            left: (width - w) / 2,
            height: h,
            width: w,
        }
    }
}

impl Strong {
    pub(super) fn draw(height: usize, width: usize, draws: &mut Draws) -> Strong {
        let crop = CropBox::draw(height, width, draws);
        let jittered = draws.chance(0.8);
        let mut steps = [
            Recolour::Brightness(draws.uniform(0.6, 1.4)),
            Recolour::Contrast(draws.uniform(0.6, 1.4)),
            Recolour::Saturation(draws.uniform(0.6, 1.4)),
            Recolour::Hue(draws.uniform(-0.1, 0.1)),
        ];
        for i in (1..steps.len()).rev() {
            steps.swap(i, draws.below(i + 1));
        }
        Strong {
            crop,
            jitter: jittered.then_some(steps),
            grey: draws.chance(0.2),
            flip: draws.chance(0.5),
        }
    }
}

/// The flip is done with the crop: colours do not know where a pixel lies.
pub(super) fn apply(images: &Tensor, params: &[Strong]) -> Result<Tensor> {
    let [_, h, w, _] = image_shape(images, Some(params.len()))?;
    let boxes: Vec<CropBox> = params.iter().map(|p| p.crop).collect();
    let flipped: Vec<bool> = params.iter().map(|p| p.flip).collect();
    let cropped = crop_bicubic(images, &boxes, &flipped, [h, w])?;
    let jitter = (0..4).map(|k| {
        let step = |p: &Strong| p.jitter.map_or(Recolour::Keep, |j| j[k]);
        params.iter().map(step).collect()
    });
    // luma in all channels is saturation 0
    let grey = |p: &Strong| {
        if p.grey {
            Recolour::Saturation(0.0)
        } else {
            Recolour::Keep
        }
    };
    let rounds: Vec<Vec<Recolour>> = jitter.chain([params.iter().map(grey).collect()]).collect();
    recolour(&cropped, &rounds)
}
